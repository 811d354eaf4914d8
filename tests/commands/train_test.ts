import assert from "node:assert/strict";
import { join } from "node:path";
import { ParallelEnv } from "../../commands/training/parallel_env.ts";
import { proofMarket, proofSettings } from "../../commands/training/proof.ts";
import { buildRows } from "../../commands/training/rows.ts";
import { loadTape, splitWindows, tapeChapter } from "../../commands/training/tape_events.ts";
import type { TrainSettings } from "../../commands/training/settings.ts";
import { seededRandom } from "../../core/random.ts";
import { MarketEnv } from "../../models/env/market_env.ts";
import { openModelFile } from "../../models/file/open.ts";
import { type EnvStep, newEnvStep, type VectorEnv } from "../../models/ppo/env.ts";
import { poly, ROOT } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

/** Chapters of one window, so that a short test sees several. */
const SMALL: TrainSettings = {
  ...proofSettings({ ...proofMarket(10_000, 1), hours: 0.1, judgeHours: 0.1 }, 1, 1),
  rows: 3,
  decideEveryMs: 5_000,
};

/** Steps of an environment under a fixed draw, as plain numbers. */
function play(env: VectorEnv, out: EnvStep, random: () => number, steps: number): number[][] {
  return Array.from({ length: steps }, () => {
    env.step(Int32Array.from({ length: env.numEnvs }, () => Math.floor(random() * 3)), out);
    return [...out.rewards, ...out.terminated, ...out.truncated, ...out.observations];
  });
}

Deno.test("threads change nothing: two of them give the steps of one, and its snapshots are theirs", () => {
  const one = new MarketEnv(buildRows(SMALL, []));
  const two = new ParallelEnv(SMALL, [], 2);
  const again = new ParallelEnv(SMALL, [], 3);
  try {
    const outOne = newEnvStep(one);
    const outTwo = newEnvStep(two);
    one.reset(outOne);
    two.reset(outTwo);
    assert.deepEqual(outTwo.observations, outOne.observations);
    // More than one chapter of sixty decisions.
    assert.deepEqual(play(two, outTwo, seededRandom(1), 80), play(one, outOne, seededRandom(1), 80));
    const saved = JSON.parse(JSON.stringify(two.snapshot()));
    assert.deepEqual(saved, JSON.parse(JSON.stringify(one.snapshot())));
    const outAgain = newEnvStep(again);
    again.restore(saved, outAgain);
    assert.deepEqual(play(again, outAgain, seededRandom(2), 30), play(one, outOne, seededRandom(2), 30));
    assert.deepEqual(JSON.stringify(again.snapshot()), JSON.stringify(one.snapshot()));
  } finally {
    two.close();
    again.close();
  }
});

const TRAIN = [
  ...["train", "--lag", "10s", "--hours", "0.1", "--judge-hours", "0.1", "--rows", "2", "--every", "5s"],
  ...["--ppo", "samples=64,minibatch=32,epochs=2", "--checkpoint-every", "2", "--steps", "1024"],
];

/** Metrics without their last three columns, which are times. */
const timeless = async (folder: string): Promise<string> =>
  (await Deno.readTextFile(join(folder, "metrics.csv"))).replace(/(,[^,\n]*){3}$/gm, "");

Deno.test("a training killed with SIGKILL goes on from its checkpoint and ends with the same bytes", async () => {
  await withFolder(async (root) => {
    const whole = join(root, "whole", "run");
    const killed = join(root, "killed", "run");
    const ran = await poly([...TRAIN, "--workers", "1", "--out", whole, "--json"]);
    assert.equal(ran.code, 0, ran.err);
    assert.equal(ran.envelope?.data?.["updates"], 16);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "--no-prompt", "main.ts", ...TRAIN, "--workers", "2", "--out", killed],
      ...{ cwd: ROOT, stdout: "null", stderr: "null" },
    }).spawn();
    // The first checkpoint is there as soon as the folder has it; the rest of the training is lost.
    for await (const event of watchUntil(killed, "checkpoint.json")) assert.ok(event);
    child.kill("SIGKILL");
    await child.status;
    const before = JSON.parse(await Deno.readTextFile(join(killed, "checkpoint.json")));
    assert.ok(before.snapshot.updates >= 2 && before.snapshot.updates <= 16);
    const resumed = await poly([...TRAIN, "--workers", "1", "--out", killed, "--resume", "--json"]);
    assert.equal(resumed.code, 0, resumed.err);
    assert.equal(await timeless(killed), await timeless(whole));
    const model = (folder: string) => Deno.readFile(join(folder, "model.onnx"));
    assert.deepEqual(await model(killed), await model(whole));
    const state = async (folder: string) =>
      JSON.parse(await Deno.readTextFile(join(folder, "checkpoint.json"))).snapshot;
    assert.deepEqual(await state(killed), await state(whole));
    // The file opens as any model does, and says how to make it again and how it did on what it never saw.
    const { card, policy, close } = await openModelFile(await model(whole));
    close();
    assert.equal(policy().decideEveryMs, 5_000);
    assert.match(
      card.provenance.source,
      /^poly-edge train --asset btc --duration 5m --lag 10000ms .*--seed 1$/,
    );
    assert.deepEqual([card.walkForward?.windows, card.walkForward?.edgeProven], [3, false]);
  });
});

/** Looks for a file every few milliseconds, at most three minutes. */
async function* watchUntil(folder: string, name: string): AsyncGenerator<boolean> {
  const deadline = performance.now() + 180_000;
  while (performance.now() < deadline) {
    const found = await Deno.stat(join(folder, name)).then(() => true, () => false);
    if (found) return yield true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`${name} did not appear`);
}

Deno.test("train refuses to begin where a training is, to resume where none is, and settings out of range", async () => {
  await withFolder(async (root) => {
    const out = join(root, "run");
    const missing = await poly([...TRAIN, "--out", out, "--resume", "--json"]);
    assert.deepEqual([missing.code, missing.envelope?.error?.code], [2, "CHECKPOINT_MISSING"]);
    const unknown = await poly([...TRAIN, "--ppo", "gama=1", "--out", out, "--json"]);
    assert.deepEqual([unknown.code, unknown.envelope?.error?.code], [2, "USAGE"]);
    const range = await poly([...TRAIN, "--ppo", "gamma=2", "--out", out, "--json"]);
    assert.deepEqual([range.code, range.envelope?.error?.code], [2, "PPO_OPTION_INVALID"]);
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(join(out, "checkpoint.json"), '{"format":"poly-edge-training-1"}');
    const damaged = await poly([...TRAIN, "--out", out, "--json"]);
    assert.deepEqual([damaged.code, damaged.envelope?.error?.code], [1, "CHECKPOINT_INVALID"]);
  });
});

Deno.test("a tape's last windows are never an episode, and rows share the others without overlap", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(6));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    const tape = await loadTape(
      join(root, "tapes", "quotes"),
      "quotes",
      new AbortController().signal,
    );
    const split = splitWindows([tape], 0.34);
    assert.deepEqual([split.train.size, split.judge.size], [3, 2], "one window at the border is in neither");
    const ends = new Map(tape.windows.map(({ conditionId, endMs }) => [conditionId, endMs]));
    const none = await poly([
      ...["train", "--tape", join(root, "tapes", "quotes"), "--judge-share", "0.9", "--rows", "1"],
      ...["--out", join(root, "run"), "--workers", "1", "--json"],
    ]);
    assert.deepEqual([none.code, none.envelope?.error?.code], [2, "TRAIN_NO_WINDOWS"]);
    const latest = Math.max(...[...split.train].map((id) => ends.get(id)!));
    assert.ok([...split.judge].every((id) => ends.get(id)! > latest));
    const seen = new Map<string, number>();
    let events = 0;
    for (let row = 0; row < 2; row++) {
      const { stream, accept } = tapeChapter([tape], split, { row, rows: 2, chapter: 0 });
      events = 0;
      for (let event = stream.next(); event !== null; event = stream.next()) {
        events++;
        if (event.type !== "window" || !accept(event.instrument)) continue;
        seen.set(event.instrument.conditionId, (seen.get(event.instrument.conditionId) ?? 0) + 1);
      }
    }
    assert.equal(events, tape.events);
    assert.deepEqual([...seen.keys()].sort(), [...split.train].sort());
    assert.ok([...seen.values()].every((count) => count === 1));
  });
});
