import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { poly } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

type Data = Record<string, unknown> | undefined;

/** Imports recordings of one seed each, then runs `use` with the folder of tapes. */
async function withTapes(
  seeds: number[],
  use: (tapes: string, root: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (root) => {
    for (const seed of seeds) {
      await writeFolder(join(root, "quotes", `q${seed}`), syntheticQuotes(seed, seed));
    }
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use(join(root, "tapes"), root);
  });
}

async function backtest(root: string, ...argv: string[]): Promise<Data> {
  const ran = await poly(["backtest", ...argv, "--json", "--data", join(root, "data")]);
  assert.equal(ran.code, 0, ran.err);
  return ran.envelope?.data;
}

const withoutSpeed = (data: Data): Data => {
  const speed = ["eventsPerSecond", "durationMs", "replayMs", "workers", "caches", "peakRssBytes", "report"];
  return Object.fromEntries(Object.entries(data ?? {}).filter(([key]) => !speed.includes(key)));
};

Deno.test("cache or tape, one thread, two or three: the same results to the last byte", async () => {
  await withTapes([1, 3, 2], async (tapes, root) => {
    const direct = await backtest(root, tapes, "--no-cache", "--workers", "1");
    assert.deepEqual(direct?.["caches"], ["none", "none", "none"]);
    const runs = [
      await backtest(root, tapes, "--workers", "1"),
      await backtest(root, tapes, "--workers", "2"),
      await backtest(root, tapes, "--workers", "3"),
      await backtest(root, tapes, "--no-cache", "--workers", "2"),
    ];
    assert.deepEqual(runs.map((run) => run?.["caches"]), [
      ["made", "made", "made"],
      ["hit", "hit", "hit"],
      ["hit", "hit", "hit"],
      ["none", "none", "none"],
    ]);
    assert.deepEqual(runs.map((run) => run?.["workers"]), [1, 2, 3, 2]);
    for (const run of runs) assert.deepEqual(withoutSpeed(run), withoutSpeed(direct));
    assert.match(String(direct?.["resultsHash"]), /^[0-9a-f]{64}$/);
  });
});

Deno.test("one tape alone is spread over threads by strategy, with the same results", async () => {
  await withTapes([2], async (tapes, root) => {
    const one = await backtest(root, join(tapes, "q2"), "--workers", "1");
    const two = await backtest(root, join(tapes, "q2"), "--workers", "2");
    assert.equal(two?.["workers"], 2);
    assert.deepEqual(withoutSpeed(two), withoutSpeed(one));
  });
});

Deno.test("a sweep runs each combination as a strategy of its own, in one pass", async () => {
  await withTapes([1], async (tapes, root) => {
    const tape = join(tapes, "q1");
    const sweep = ["--sweep", "decideEveryMs=100,5000;slippageTicks=0,2"];
    const swept = await backtest(root, tape, "--strategy", "hold,mean-revert", ...sweep);
    const strategies = swept?.["strategies"] as { name: string; decisionHashes: string[] }[];
    assert.deepEqual(strategies.map((strategy) => strategy.name).slice(4), [
      "mean-revert decideEveryMs=100 slippageTicks=0",
      "mean-revert decideEveryMs=100 slippageTicks=2",
      "mean-revert decideEveryMs=5000 slippageTicks=0",
      "mean-revert decideEveryMs=5000 slippageTicks=2",
    ]);
    const alone = await backtest(
      ...[root, tape, "--strategy", "mean-revert"] as const,
      ...["--set", "strategy.params.decideEveryMs=5000", "--set", "strategy.params.slippageTicks=2"],
    );
    const hashes = (alone?.["strategies"] as typeof strategies)[0]?.decisionHashes;
    assert.deepEqual(strategies[7]?.decisionHashes, hashes);
    assert.notDeepEqual(strategies[4]?.decisionHashes, hashes);
  });
});

Deno.test("a sweep that cannot be meant is refused before anything is read", async () => {
  await withTapes([1], async (tapes, root) => {
    const refused = async (sweep: string, strategy = "momentum") => {
      const argv = ["backtest", tapes, "--strategy", strategy, "--sweep", sweep, "--json"];
      const ran = await poly([...argv, "--data", join(root, "data")]);
      return [ran.code, ran.envelope?.error?.code];
    };
    for (
      const sweep of ["", "minEdge", "slippageTicks=", "slippageTicks=a", "slippageTicks=1;slippageTicks=2"]
    ) {
      assert.deepEqual(await refused(sweep), [2, "USAGE"], sweep);
    }
    assert.deepEqual(await refused("minEdge=0.1"), [2, "USAGE"], "momentum takes no edge");
    const many = Array.from({ length: 300 }, (_, i) => i + 10).join(",");
    assert.deepEqual(await refused(`decideEveryMs=${many}`), [2, "USAGE"]);
    assert.deepEqual(await refused("minEdge=7", "fair-value"), [2, "STRATEGY_PARAM_INVALID"]);
  });
});

Deno.test("a failure inside a worker is told like one outside", async () => {
  await withTapes([1, 2], async (tapes, root) => {
    const segment = join(tapes, "q2", "events-00001.jsonl.gz");
    const bytes = await Deno.readFile(segment);
    await Deno.writeFile(segment, bytes.subarray(0, bytes.length >> 1));
    const codes = [];
    for (const workers of ["1", "2"]) {
      const argv = ["backtest", tapes, "--strategy", "hold", "--workers", workers, "--json"];
      const ran = await poly([...argv, "--data", join(root, "data")]);
      codes.push([ran.code, ran.envelope?.error?.code, ran.envelope?.error?.message]);
    }
    assert.equal(codes[0]?.[1], "FILE_TORN");
    assert.deepEqual(codes[1], codes[0]);
  });
});

Deno.test("an interrupt reaches the workers: what they had is reported, exit 5", async () => {
  await withTapes([3, 4], async (tapes, root) => {
    const argv = ["backtest", tapes, "--workers", "2", "--json", "--data", join(root, "data")];
    const ran = await poly(argv, { signal: AbortSignal.timeout(50) });
    assert.equal(ran.code, 5, ran.err);
    assert.equal(ran.envelope?.data?.["interrupted"], true);
    const again = await backtest(root, tapes, "--workers", "2");
    assert.equal(again?.["interrupted"], false);
    assert.equal((again?.["tapes"] as unknown[]).length, 2);
  });
});

Deno.test("tape cache list and clear: what there is, and nothing afterwards", async () => {
  await withTapes([1], async (tapes, root) => {
    await backtest(root, tapes, "--strategy", "hold");
    const cache = async (...argv: string[]) => {
      const ran = await poly(["tape", "cache", ...argv, "--json", "--data", join(root, "data")]);
      assert.equal(ran.code, 0, ran.err);
      return ran.envelope?.data as { caches: { tape: string; current: boolean }[]; files: number };
    };
    const { caches } = await cache("list");
    assert.deepEqual(caches.map(({ tape, current }) => [tape, current]), [["q1", true]]);
    assert.equal((await cache("clear", "--stale")).files, 0);
    assert.equal((await cache("clear")).files, 1);
    assert.deepEqual((await cache("list")).caches, []);
  });
});

const recordings = Deno.env.get("POLY_EDGE_DATA_DIR") ??
  fileURLToPath(new URL("../../../shared/data", import.meta.url));

Deno.test("real recordings: caches decide what their tapes decide", async () => {
  if (!existsSync(recordings)) return console.log(`SKIPPED: no recordings in ${recordings}`);
  await withFolder(async (root) => {
    const made = await poly(["tape", "import", recordings, "--out", join(root, "tapes"), "--json"]);
    assert.ok(made.code === 0 || made.code === 5, made.err);
    const strategies = ["--strategy", "fair-value"];
    const direct = await backtest(root, join(root, "tapes"), ...strategies, "--no-cache");
    const cached = await backtest(root, join(root, "tapes"), ...strategies);
    assert.ok((direct?.["tapes"] as unknown[]).length >= 5);
    assert.deepEqual(withoutSpeed(cached), withoutSpeed(direct));
  });
});
