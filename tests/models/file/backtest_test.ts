import assert from "node:assert/strict";
import { join } from "node:path";
import { importOnnx } from "../../../models/file/import.ts";
import { TEMPORAL_ACTOR } from "../../../models/networks/temporal.ts";
import { poly } from "../../cli/harness.ts";
import { syntheticQuotes } from "../../commands/synthetic_recording.ts";
import { withFolder, writeFolder } from "../../feeds/tape/recordings.ts";
import { fixture } from "../fixtures.ts";
import { modelFile, SEED_IMPORT } from "./helpers.ts";

interface Row {
  readonly name?: string;
  readonly strategy?: string;
}

Deno.test("models are judged in one thread or two: the same decisions, each labelled", async () => {
  await withFolder(async (root) => {
    const [kernel, other] = [join(root, "kernel.onnx"), join(root, "other.onnx")];
    await Deno.writeFile(kernel, modelFile(TEMPORAL_ACTOR, { name: "kernel" }));
    const imported = await importOnnx(fixture("torch_relu"), { ...SEED_IMPORT, name: "other" });
    await Deno.writeFile(other, imported.file);
    for (const seed of [1, 2]) {
      await writeFolder(join(root, "quotes", `q${seed}`), syntheticQuotes(seed, seed));
    }
    const tapes = join(root, "tapes");
    assert.equal((await poly(["tape", "import", join(root, "quotes"), "--out", tapes])).code, 0);
    const models = `${kernel},${other}`;
    const run = async (...more: string[]) => {
      const argv = ["backtest", tapes, "--model", models, ...more, "--json", "--data", join(root, "data")];
      const { code, envelope, err } = await poly(argv);
      assert.equal(code, 0, err);
      const strategies = (envelope!.data!["strategies"] as Row[]).map((row) => JSON.stringify(row));
      const names = (envelope!.data!["strategies"] as Row[]).map((row) => row.strategy ?? row.name);
      return { strategies, names, codes: envelope!.warnings!.map(({ code }) => code) };
    };
    const one = await run("--workers", "1");
    assert.deepEqual(one.names, ["model:kernel", "model:other"]);
    assert.equal(one.codes.filter((code) => code === "NO_PROVEN_EDGE").length, 2);
    assert.deepEqual((await run("--workers", "2")).strategies, one.strategies);
  });
});
