import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SEED_ACTOR } from "../../../models/networks/seed.ts";
import { TEMPORAL_ACTOR } from "../../../models/networks/temporal.ts";
import { poly } from "../../cli/harness.ts";
import { withFolder } from "../../feeds/tape/recordings.ts";
import { modelFile, ppoModel } from "./helpers.ts";

const FIXTURES = fileURLToPath(new URL("../../../fixtures/models/", import.meta.url));

async function json(...argv: string[]) {
  const { code, envelope } = await poly([...argv, "--json"]);
  assert.ok(envelope !== null);
  return { code, envelope, data: envelope.data ?? {}, error: envelope.error };
}

const codes = (envelope: { readonly warnings?: readonly { readonly code: string }[] }) =>
  (envelope.warnings ?? []).map(({ code }) => code);

Deno.test("import, verify, inspect, export: a model of PyTorch goes all the way and says that its edge is not proven", async () => {
  await withFolder(async (root) => {
    const out = join(root, "actor.onnx");
    const statistics = join(root, "statistics.json");
    const row = (value: number) => Array(18).fill(value);
    await Deno.writeTextFile(statistics, JSON.stringify({ count: 9, mean: row(0.1), variance: row(0.5) }));
    const source = `${FIXTURES}torch_seed_softmax.onnx`;
    const imported = await json(
      "models",
      "import",
      source,
      "--out",
      out,
      "--normalisation",
      statistics,
      "--name",
      "actor",
      "--seed",
      "7",
    );
    assert.equal(imported.code, 0);
    assert.equal(imported.data["runtime"], "kernel");
    assert.ok((imported.data["difference"] as number) < 1e-5);
    assert.deepEqual(codes(imported.envelope), ["NO_PROVEN_EDGE"]);

    const verified = await json("models", "verify", out);
    assert.equal(verified.code, 0);
    const [model] = verified.data["models"] as Record<string, unknown>[];
    assert.equal(model!["sha256"], imported.data["sha256"]);
    assert.equal(model!["provenEdge"], false);
    assert.ok((model!["difference"] as number) < 1e-5);
    assert.deepEqual(codes(verified.envelope), ["NO_PROVEN_EDGE"]);

    const shown = await poly(["models", "inspect", out]);
    assert.match(shown.out, /proven edge +no/);
    assert.match(shown.out, /normalised +over 9 vectors/);

    const plain = join(root, "plain.onnx");
    assert.equal((await json("models", "export", out, "--out", plain)).code, 0);
    const inspected = await json("models", "inspect", plain);
    assert.equal(inspected.data["card"], null);
    const { operators } = inspected.data["graph"] as { operators: Record<string, number> };
    assert.deepEqual([operators["Gemm"], operators["Sub"], operators["Clip"]], [3, 1, 1]);
    assert.equal((await json("models", "verify", plain)).error?.code, "MODEL_NO_CARD");
  });
});

Deno.test("JSON as a training writes it becomes a model file, and comes out of it again", async () => {
  await withFolder(async (root) => {
    const [given, out, back] = ["policy.json", "model.onnx", "back.json"].map((name) => join(root, name));
    const policy = ppoModel(TEMPORAL_ACTOR);
    await Deno.writeTextFile(given!, JSON.stringify(policy));
    assert.equal((await json("models", "import", given!, "--out", out!, "--name", "policy")).code, 0);
    assert.equal((await json("models", "export", out!, "--out", back!, "--format", "json")).code, 0);
    const again = JSON.parse(await Deno.readTextFile(back!));
    assert.deepEqual(again, { ...policy, network: { ...TEMPORAL_ACTOR, name: "policy" } });
    await Deno.writeTextFile(given!, '{"format":"poly-edge-policy-1"}');
    assert.equal(
      (await json("models", "import", given!, "--out", back!, "--force")).error?.code,
      "MODEL_INVALID",
    );
  });
});

Deno.test("a damaged file, an existing one, a wrong declaration: each has its code and exit, nothing is written", async () => {
  await withFolder(async (root) => {
    const path = join(root, "model.onnx");
    const file = modelFile(SEED_ACTOR);
    file[file.length >> 1] = file[file.length >> 1]! ^ 1;
    await Deno.writeFile(path, file);
    const damaged = await json("models", "verify", path);
    assert.deepEqual([damaged.code, damaged.error?.code], [1, "MODEL_DAMAGED"]);
    const out = join(root, "out.onnx");
    const forest = `${FIXTURES}sklearn_forest.onnx`;
    const from = (...more: string[]) => json("models", "import", forest, "--out", out, ...more);
    assert.equal((await from()).error?.code, "MODEL_INVALID");
    assert.deepEqual([(await from("--columns", "left")).code, (await from("--absent", "one")).error?.code], [
      2,
      "USAGE",
    ]);
    assert.equal((await from("--features", "moon")).error?.code, "USAGE");
    assert.equal((await from("--walk-forward", forest)).error?.code, "MODEL_DECLARATION_INVALID");
    assert.equal((await from("--runtime", "kernel")).error?.code, "MODEL_INVALID");
    await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
    await Deno.writeFile(path, modelFile());
    const kept = await json("models", "export", path, "--out", path);
    assert.equal(kept.error?.code, "OUTPUT_EXISTS");
    assert.deepEqual(await Deno.readFile(path), modelFile());
    assert.equal((await json("models", "verify", join(root, "none.onnx"))).error?.code, "FILE_NOT_FOUND");
    assert.equal((await json("models", "verify", root)).error?.code, "MODEL_UNREADABLE");
  });
});

Deno.test("trade takes a strategy or a model, never both", async () => {
  const { code, error } = await json("trade", "--paper", "--strategy", "hold", "--model", "a.onnx");
  assert.deepEqual([code, error?.code], [2, "USAGE"]);
});
