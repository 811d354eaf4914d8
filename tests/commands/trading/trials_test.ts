import assert from "node:assert/strict";
import { join } from "node:path";
import { poly } from "../../cli/harness.ts";
import { withFolder, writeFolder } from "../../feeds/tape/recordings.ts";
import { syntheticQuotes } from "../synthetic_recording.ts";

type Data = Record<string, unknown>;

async function withTape(use: (tape: string, root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(3));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use(join(root, "tapes", "quotes"), root);
  });
}

const run = async (root: string, ...argv: string[]): Promise<Data> => {
  const ran = await poly(["backtest", ...argv, "--json", "--data", join(root, "data")]);
  assert.equal(ran.code, 0, ran.err);
  return ran.envelope!.data!;
};

Deno.test("trials on a tape add up over runs; the same run again is no new trial, baselines are none", async () => {
  await withTape(async (tape, root) => {
    const count = (data: Data) => (data["trials"] as { count: number; thisRun: number }).count;
    assert.equal(count(await run(root, tape, "--strategy", "hold,random")), 0);
    const first = await run(root, tape, "--strategy", "mean-revert");
    assert.equal(count(first), 1);
    const again = await run(root, tape, "--strategy", "mean-revert", "--seed", "7");
    assert.equal(count(again), 1, "another seed draws nothing here");
    assert.equal(count(await run(root, tape, "--strategy", "mean-revert,momentum")), 2);
    assert.equal(
      count(await run(root, tape, "--strategy", "mean-revert", "--set", "paper.orderLatencyMs=9")),
      3,
    );
    // A renamed copy is the same tape.
    await Deno.rename(tape, `${tape}-renamed`);
    const renamed = await run(root, `${tape}-renamed`, "--strategy", "mean-revert");
    assert.equal(count(renamed), 3);
  });
});

Deno.test("trials that cannot be read are said, and damaged lines are passed over", async () => {
  await withTape(async (tape, root) => {
    await Deno.mkdir(join(root, "data", "trials.jsonl"), { recursive: true });
    const ran = await poly([
      "backtest",
      tape,
      "--strategy",
      "momentum",
      "--json",
      "--data",
      join(root, "data"),
    ]);
    assert.equal(ran.code, 0, ran.err);
    assert.ok(ran.envelope?.warnings?.some((warning) => warning.code === "TRIALS_NOT_KEPT"));
    await Deno.remove(join(root, "data", "trials.jsonl"));
    await Deno.writeTextFile(join(root, "data", "trials.jsonl"), 'nonsense\n{"tapes":3}\n');
    assert.equal(((await run(root, tape, "--strategy", "momentum"))["trials"] as { count: number }).count, 1);
  });
});
