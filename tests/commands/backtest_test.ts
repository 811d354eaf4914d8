import assert from "node:assert/strict";
import { join } from "node:path";
import { budgetOf } from "../../commands/probe/result.ts";
import { poly } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

interface Strategy {
  name: string;
  windows: number;
  trades: number;
  fills: number;
  pnl: string;
  fees: string;
  unsettled: { positions: number; value: string; fees: string };
  ci95: [string, string] | null;
  notSent: Record<string, number>;
  firstStop: { code: string } | null;
  decisionHashes: string[];
}

const strategiesOf = (data: Record<string, unknown> | undefined) =>
  (data?.["strategies"] ?? []) as Strategy[];
const named = (data: Record<string, unknown> | undefined, name: string): Strategy =>
  strategiesOf(data).find((strategy) => strategy.name === name)!;

/** Runs `use` with a tape of four windows. */
async function withTape(use: (tape: string, root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(4));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use(join(root, "tapes", "quotes"), root);
  });
}

const data = (root: string) => ["--data", join(root, "data")];

Deno.test("backtest runs every strategy, settles by the recorded outcome and charges fees", async () => {
  await withTape(async (tape, root) => {
    const ran = await poly(["backtest", tape, "--json", ...data(root)]);
    assert.equal(ran.code, 0, ran.err);
    const strategies = strategiesOf(ran.envelope?.data);
    assert.deepEqual(strategies.map((s) => s.name), [
      "hold",
      "random",
      "momentum",
      "mean-revert",
      "fade-spike",
      "gating",
      "fair-value",
    ]);
    const hold = named(ran.envelope?.data, "hold");
    assert.deepEqual([hold.windows, hold.trades, hold.pnl, hold.fees], [4, 0, "0.000000", "0.000000"]);
    const revert = named(ran.envelope?.data, "mean-revert");
    assert.ok(revert.trades > 0 && revert.fills >= revert.trades);
    assert.ok(Number(revert.fees) > 0);
    assert.ok(revert.ci95 !== null && Number(revert.ci95[0]) <= Number(revert.ci95[1]));
    const random = named(ran.envelope?.data, "random");
    assert.ok(Number(random.pnl) < 0, "taking at random pays spread and fees");
    // Without a fast price there is no fair value, so the strategy that needs one does nothing.
    assert.equal(named(ran.envelope?.data, "fair-value").trades, 0);
  });
});

Deno.test("backtest twice gives the same results, text and report, byte for byte", async () => {
  await withTape(async (tape, root) => {
    const once = async (n: number) => {
      const report = join(root, `report${n}.html`);
      const json = await poly([
        "backtest",
        tape,
        "--strategy",
        "random,mean-revert,gating",
        "--json",
        ...data(root),
      ]);
      const text = await poly([
        "backtest",
        tape,
        "--strategy",
        "random,mean-revert,gating",
        "--report",
        report,
        ...data(root),
      ]);
      return {
        hash: json.envelope?.data?.["resultsHash"],
        out: text.out.replace(report, "report"),
        html: await Deno.readTextFile(report),
      };
    };
    const [first, second] = [await once(1), await once(2)];
    assert.match(String(first.hash), /^[0-9a-f]{64}$/);
    assert.deepEqual(first, second);
    assert.doesNotMatch(first.html, /https?:\/\//);
  });
});

Deno.test("another seed draws other trades; the rules are untouched by it", async () => {
  await withTape(async (tape, root) => {
    const run = async (seed: string) =>
      (await poly([
        "backtest",
        tape,
        "--strategy",
        "random,mean-revert",
        "--seed",
        seed,
        "--json",
        ...data(root),
      ]))
        .envelope?.data;
    const [a, b] = [await run("1"), await run("2")];
    assert.notDeepEqual(named(a, "random").decisionHashes, named(b, "random").decisionHashes);
    assert.deepEqual(named(a, "mean-revert").decisionHashes, named(b, "mean-revert").decisionHashes);
  });
});

Deno.test("stops are noted by default and applied with --stops", async () => {
  await withTape(async (tape, root) => {
    const run = async (...more: string[]) =>
      await poly(["backtest", tape, "--strategy", "random", "--json", ...data(root), ...more]);
    const noted = await run();
    const applied = await run("--stops");
    assert.ok(noted.envelope?.warnings?.some((warning) => warning.code === "STOPS_OFF"));
    assert.equal(named(noted.envelope?.data, "random").notSent["LOSS_STREAK_LATCH"], undefined);
    const stopped = named(applied.envelope?.data, "random");
    assert.ok(stopped.firstStop !== null);
    assert.ok((stopped.notSent[stopped.firstStop.code] ?? 0) > 0);
    assert.ok(stopped.fills < named(noted.envelope?.data, "random").fills);
  });
});

Deno.test("fees are those of the judged windows; what was paid in windows without an outcome stands apart", async () => {
  await withTape(async (tape, root) => {
    const json = await poly(["backtest", tape, "--strategy", "random", "--json", ...data(root)]);
    const random = named(json.envelope?.data, "random");
    const [judged] = (json.envelope?.data?.["judged"] ?? []) as Strategy[];
    assert.deepEqual([random.fees, random.fills, random.pnl], [judged!.fees, judged!.fills, judged!.pnl]);
    assert.deepEqual(random.unsettled, { positions: 0, value: "0.000000", fees: "0.000000" });
  });
  await withFolder(async (root) => {
    // The recording ends within its only window, which therefore has no outcome.
    const [[name, text] = ["", ""]] = Object.entries(syntheticQuotes(1));
    const cut = String(text).split("\n").slice(0, 200).join("\n");
    await writeFolder(join(root, "quotes"), { [name]: `${cut}\n` });
    const ran = await poly([
      "backtest",
      join(root, "quotes"),
      "--strategy",
      "random",
      "--json",
      ...data(root),
    ]);
    assert.equal(ran.code, 0, ran.err);
    const random = named(ran.envelope?.data, "random");
    assert.deepEqual([random.windows, random.fills, random.fees], [0, 0, "0.000000"]);
    assert.ok(Number(random.unsettled.fees) > 0);
  });
});

Deno.test("backtest says which latencies it met and where they are from", async () => {
  await withTape(async (tape, root) => {
    const run = (...more: string[]) => poly(["backtest", tape, "--strategy", "hold", ...data(root), ...more]);
    const exchange = async (...more: string[]) =>
      (await run("--json", ...more)).envelope?.data?.["exchange"] as {
        latencyFile: unknown;
        modelFile: unknown;
        assumptions: { unit: string; value: string }[];
      };
    const plain = await exchange();
    assert.deepEqual([plain.latencyFile, plain.modelFile], [null, null]);
    assert.equal(plain.assumptions.find(({ unit }) => unit === "order latency")?.value, "constant (ms 50)");
    assert.match(
      (await run()).out,
      /order latency +constant \(ms 50\)[^]*latencies from +the configuration \(paper\)/,
    );
    const file = join(root, "probe.json");
    const us = { p50: 40_000, p95: 40_000, p99: 40_000, max: 40_000, n: 20 };
    const probe = {
      ...{ schema: "poly-edge-probe/1", at: "2026-11-21T10:00:00.000Z", label: "here", venue: "sim" },
      ...{ clockOffsetMs: 1, roundTripMs: 2, orders: true, stages: { order: us }, hosts: [], clients: [] },
      ...budgetOf({ order: us }, { goMs: 150, noGoMs: 300 }),
    };
    await Deno.writeTextFile(file, JSON.stringify(probe));
    const measured = await exchange("--latency", file);
    assert.deepEqual(measured.latencyFile, { file, label: "here", at: probe.at, venue: "sim" });
    assert.match(
      measured.assumptions.find(({ unit }) => unit === "order latency")!.value,
      /^histogram \(quantiles 0:20 /,
    );
    assert.match(
      (await run("--latency", file)).out,
      /latencies from +.*probe\.json \(here, 2026-11-21T10:00:00\.000Z\)/,
    );
  });
});

Deno.test("latency and fees of the configuration change the result", async () => {
  await withTape(async (tape, root) => {
    const run = async (...more: string[]) =>
      named(
        (await poly(["backtest", tape, "--strategy", "mean-revert", "--json", ...data(root), ...more]))
          .envelope?.data,
        "mean-revert",
      );
    const fast = await run();
    const slow = await run("--set", "paper.orderLatencyMs=3000");
    assert.notEqual(fast.pnl, slow.pnl);
    assert.deepEqual(fast.windows, slow.windows);
  });
});

Deno.test("a recording is imported on the fly and nothing of it stays behind but the compiled cache", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(2));
    const ran = await poly(["backtest", join(root, "quotes"), "--strategy", "hold", "--json", ...data(root)]);
    assert.equal(ran.code, 0, ran.err);
    assert.equal(named(ran.envelope?.data, "hold").windows, 2);
    const left = [...Deno.readDirSync(join(root, "data", "cache"))];
    assert.deepEqual(left.map((entry) => entry.name), ["tapes"]);
    const again = await poly([
      "backtest",
      join(root, "quotes"),
      "--strategy",
      "hold",
      "--json",
      ...data(root),
    ]);
    // Keyed by content: the same recording imported anew is the same tape.
    assert.deepEqual([ran, again].map((run) => run.envelope?.data?.["caches"]), [["made"], ["hit"]]);
    assert.equal(again.envelope?.data?.["resultsHash"], ran.envelope?.data?.["resultsHash"]);
  });
});

Deno.test("backtest says what is wrong with its input", async () => {
  await withTape(async (tape, root) => {
    const failing = async (argv: string[]) => {
      const ran = await poly(["backtest", ...argv, "--json", ...data(root)]);
      return [ran.code, ran.envelope?.error?.code];
    };
    assert.deepEqual(await failing([join(root, "nowhere")]), [1, "FILE_NOT_FOUND"]);
    assert.deepEqual(await failing([tape, "--strategy", "martingale"]), [2, "STRATEGY_UNKNOWN"]);
    assert.deepEqual(await failing([tape, "--seed", "many"]), [2, "USAGE"]);
    assert.deepEqual(await failing([tape, "--set", "sizing.mode=kelly"]), [2, "SIZING_INVALID"]);
    assert.deepEqual(await failing([tape, "--set", "strategy.params.minEdge=2"]), [
      2,
      "STRATEGY_PARAM_INVALID",
    ]);
    assert.deepEqual(await failing([tape, "--report", join(tape, "tape.json", "r.html")]), [
      1,
      "REPORT_WRITE_FAILED",
    ]);
  });
});

Deno.test("an interrupted backtest reports what it read and exits 5", async () => {
  await withTape(async (tape, root) => {
    const signal = AbortSignal.abort(new DOMException("stopped", "AbortError"));
    const ran = await poly(["backtest", tape, tape, "--strategy", "hold", "--json", ...data(root)], {
      signal,
    });
    assert.equal(ran.code, 5);
    assert.equal(ran.envelope?.data?.["interrupted"], true);
  });
});

Deno.test("without --stops the whole tape is judged: ruin is said, later windows still count", async () => {
  await withTape(async (tape, root) => {
    const run = async (...more: string[]) =>
      named(
        (await poly([
          ...["backtest", tape, "--strategy", "random", "--json", ...data(root)],
          ...["--set", "paper.bankrollUsdc=300", ...more],
        ])).envelope?.data,
        "random",
      ) as Strategy & { ruined: { tape: string; atMs: number } | null };
    const whole = await run();
    assert.equal(whole.ruined?.tape, "quotes");
    assert.ok(Number(whole.pnl) < -300, "losses beyond the bankroll are counted");
    assert.equal(whole.notSent["TRADE_FRACTION_LIMIT"], undefined);
    const stopped = await run("--stops");
    assert.ok(Number(stopped.pnl) >= -300);
  });
});

Deno.test("a backtest says where its outcomes come from", async () => {
  await withTape(async (tape, root) => {
    const ran = await poly(["backtest", tape, "--strategy", "hold", "--json", ...data(root)]);
    assert.deepEqual(ran.envelope?.data?.["outcomes"], { venue: 0, inferred: 4, none: 0 });
  });
});
