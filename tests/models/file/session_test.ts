import assert from "node:assert/strict";
import { join } from "node:path";
import type { Warning } from "../../../commands/command.ts";
import { keepModel, keptModel, modelOfSession, modelToTrade } from "../../../commands/trading/models.ts";
import { replaySession } from "../../../commands/trading/replay_run.ts";
import { OperationError } from "../../../core/errors.ts";
import { openSession } from "../../../feeds/session/reader.ts";
import { importOnnx } from "../../../models/file/import.ts";
import { openModelFile } from "../../../models/file/open.ts";
import { TEMPORAL_ACTOR } from "../../../models/networks/temporal.ts";
import { withFolder } from "../../feeds/tape/recordings.ts";
import { syntheticMarket } from "../../replay/market.ts";
import { stageSession } from "../../replay/stage.ts";
import { fixture } from "../fixtures.ts";
import { modelFile, SEED_IMPORT } from "./helpers.ts";

const context = (dataDir: string) => {
  const warnings: Warning[] = [];
  return { dataDir, warnings, warn: (warning: Warning) => void warnings.push(warning) };
};

/** Trades some minutes by the model in `file`, then replays it from what is on disk. */
async function tradedAndReplayed(root: string, file: Uint8Array): Promise<{ fills: number; hash: string }> {
  const ctx = context(root);
  const path = join(root, "given.onnx");
  await Deno.writeFile(path, file);
  const model = await modelToTrade(ctx, path);
  assert.ok(model !== null);
  assert.deepEqual(ctx.warnings.map(({ code }) => code), ["NO_PROVEN_EDGE"]);
  try {
    const { folder, recorder } = await stageSession({
      root,
      id: model.card.name,
      strategy: "hold",
      groups: syntheticMarket({ seed: 4, minutes: 12 }),
      engine: (options) => ({ ...options, policy: model.policy() }),
    });
    // The file that was named is gone: the kept copy decides again.
    await Deno.remove(path);
    const recording = await openSession(folder);
    const { strategy } = recording.manifest.start;
    assert.deepEqual([strategy.name, strategy.model], [`model:${model.card.name}`, model.sha256]);
    const again = await modelOfSession(ctx, recording.manifest.start, null);
    const outcome = await replaySession(recording, { model: again });
    again?.close();
    assert.equal(outcome.firstDifference, null);
    assert.equal(outcome.decisionsHash, recorder.decisions.hash);
    return { fills: recorder.fillCount, hash: outcome.decisionsHash };
  } finally {
    model.close();
  }
}

Deno.test("a session decided by a model of the kernel replays byte for byte from the kept copy", async () => {
  await withFolder(async (root) => {
    const { fills } = await tradedAndReplayed(root, modelFile(TEMPORAL_ACTOR, { name: "temporal" }));
    assert.ok(fills > 4, `${fills} fills`);
  });
});

Deno.test("so does one decided by a model under ONNX Runtime", async () => {
  await withFolder(async (root) => {
    const { file, runtime } = await importOnnx(fixture("torch_relu"), { ...SEED_IMPORT, name: "relu" });
    assert.equal(runtime, "onnxruntime");
    const { fills } = await tradedAndReplayed(root, file);
    assert.ok(fills > 4, `${fills} fills`);
  });
});

Deno.test("without the model, or with another one, a replay says so and decides nothing", async () => {
  await withFolder(async (root) => {
    const model = await openModelFile(modelFile(TEMPORAL_ACTOR, { name: "temporal" }));
    const { folder } = await stageSession({
      root,
      id: "lost",
      strategy: "hold",
      groups: syntheticMarket({ seed: 4, minutes: 2 }),
      engine: (options) => ({ ...options, policy: model.policy() }),
    });
    const ctx = context(root);
    const { start } = (await openSession(folder)).manifest;
    const refused = (work: Promise<unknown>, code: string, why: RegExp) =>
      assert.rejects(work, (error) => {
        assert.ok(error instanceof OperationError, String(error));
        assert.deepEqual([error.code, why.test(error.message)], [code, true], error.message);
        return true;
      });
    await refused(modelOfSession(ctx, start, null), "MODEL_NOT_FOUND", new RegExp(model.sha256));
    await refused(
      openSession(folder).then((recording) => replaySession(recording)),
      "MODEL_NOT_FOUND",
      /not given/,
    );
    const other = join(root, "other.onnx");
    await Deno.writeFile(other, modelFile(TEMPORAL_ACTOR, { name: "another" }));
    await refused(modelOfSession(ctx, start, other), "MODEL_OTHER", /was decided by the model/);
    const plain = { ...start, strategy: { name: "hold", seed: 1, params: {} } };
    await refused(modelOfSession(ctx, plain, other), "MODEL_OTHER", /by no model/);
    assert.equal(await modelOfSession(ctx, plain, null), null);
    // A kept copy that was changed is no copy.
    await keepModel(root, model.sha256, await Deno.readFile(other));
    await refused(modelOfSession(ctx, start, null), "MODEL_OTHER", /was decided by the model/);
    await Deno.writeFile(keptModel(root, model.sha256), new Uint8Array(10));
    await refused(modelOfSession(ctx, start, null), "ONNX_INVALID", /./);
  });
});
