import assert from "node:assert/strict";
import { join } from "node:path";
import { numbersOfMs } from "../../commands/probe/numbers.ts";
import { chooseWindow, probeOrder } from "../../commands/probe/orders.ts";
import { budgetOf, type ProbeResult, readProbe, withLatency } from "../../commands/probe/result.ts";
import { compareProbes } from "../../commands/probe/text.ts";
import { defaultConfig } from "../../commands/config/schema.ts";
import { paperOptions } from "../../commands/trading/settings.ts";
import { OperationError } from "../../core/errors.ts";
import { ms } from "../../core/units.ts";
import { poly } from "../cli/harness.ts";
import { instrument } from "../core/helpers.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { withAccountDesk } from "./account_desk.ts";

const us = (p50: number, p95 = p50 * 2, p99 = p50 * 3) => ({ p50, p95, p99, max: p50 * 4, n: 50 });
const LIMITS = { goMs: 150, noGoMs: 300 };
const code = (wanted: string) => (error: unknown) => error instanceof OperationError && error.code === wanted;

Deno.test("percentiles are nearest-rank and in microseconds", () => {
  const numbers = numbersOfMs(Array.from({ length: 100 }, (_, i) => (i + 1) / 10));
  assert.deepEqual(numbers, { p50: 5000, p95: 9500, p99: 9900, max: 10_000, n: 100 });
  assert.equal(numbersOfMs([]), null);
});

Deno.test("the verdict follows the budget: go below it, no-go above the other limit, marginal between", () => {
  const rest = { sign: us(0), journal: us(0), "feed.polymarket.market": us(0) };
  const order = (p95Ms: number) => ({ ...us(1000, p95Ms * 1000, p95Ms * 1000), max: p95Ms * 1000 });
  const verdictOf = (p95Ms: number) => budgetOf({ ...rest, order: order(p95Ms) }, LIMITS).verdict;
  assert.deepEqual([149.99, 150, 300, 300.01].map(verdictOf), ["go", "marginal", "marginal", "no-go"]);
  assert.throws(() => budgetOf({ sign: us(10) }, LIMITS), code("PROBE_INCOMPLETE"));
});

Deno.test("a stage that was not measured is named, spoils the go, and leaves its part of the model as it was", () => {
  const { budget, model, verdict } = budgetOf({ sign: us(1), journal: us(1), order: us(1000) }, LIMITS);
  assert.deepEqual([budget.missing, verdict, model.feedLatencyQuantiles], [["feed"], "marginal", undefined]);
  assert.deepEqual(budget.waterfall.map(({ stage }) => stage), ["sign", "journal", "round trip"]);
  assert.equal(budgetOf({ order: us(400_000) }, LIMITS).verdict, "no-go");
});

Deno.test("orders that were sent count in place of the round trip of a GET, and every stage of the way counts", () => {
  const stages = {
    "clob.keepAlive": us(1000),
    order: us(20_000),
    sign: us(100),
    journal: us(4000),
    "feed.polymarket.market": us(30_000),
  };
  const { budget, model } = budgetOf(stages, LIMITS);
  assert.equal(budget.totalP50Ms, 54.1);
  assert.deepEqual(budget.waterfall.map(({ p50Ms }) => p50Ms), [30, 0.1, 4, 20]);
  assert.equal(model.responseLatencyQuantiles[1], "0.5:10");
  assert.equal(model.orderLatencyQuantiles[1], "0.5:14.1");
  assert.equal(model.feedLatencyQuantiles?.at(-1), "1:120");
});

Deno.test("a saved probe is what paper trading draws its latencies from; anything else is refused", async () => {
  await withFolder(async (root) => {
    const path = join(root, "probe.json");
    await Deno.writeTextFile(path, JSON.stringify(resultOf(us(40_000))));
    const config = withLatency(defaultConfig(), readProbe(path));
    assert.equal(paperOptions(config).orderLatency!.name, "histogram");
    assert.equal(paperOptions(config).orderLatency!.parameters.quantiles, "0:20 0.5:20 0.95:40 0.99:60 1:80");
    assert.equal(paperOptions(defaultConfig()).orderLatency!.name, "constant");
    for (const text of ["{}", "no", JSON.stringify({ ...resultOf(us(1)), verdict: "maybe" })]) {
      await Deno.writeTextFile(path, text);
      assert.throws(() => readProbe(path), code("LATENCY_FILE_INVALID"));
    }
    const ran = await poly(["backtest", root, "--latency", join(root, "absent.json"), "--json"]);
    assert.equal(ran.envelope?.error?.code, "LATENCY_FILE_INVALID");
    assert.equal(ran.code, 2);
  });
});

const resultOf = (order: ReturnType<typeof us>, label = "a"): ProbeResult => ({
  schema: "poly-edge-probe/1",
  ...{ at: "2026-11-21T10:00:00.000Z", label, venue: "sim", clockOffsetMs: 1, roundTripMs: 2, orders: true },
  stages: { order },
  ...{ clients: [], hosts: [] },
  ...budgetOf({ order }, LIMITS),
});

Deno.test("compare puts the stages of two places beside each other", async () => {
  const [a, b] = [resultOf(us(40_000)), {
    ...resultOf(us(10_000), "b"),
    stages: { order: us(10_000), sign: us(5) },
  }];
  assert.deepEqual(compareProbes(a, b), [
    { stage: "order", a: { p50: 40_000, p95: 80_000 }, b: { p50: 10_000, p95: 20_000 }, p95Change: -60_000 },
    { stage: "sign", a: null, b: { p50: 5, p95: 10 }, p95Change: null },
  ]);
  await withFolder(async (root) => {
    const paths = [join(root, "a.json"), join(root, "b.json")];
    await Deno.writeTextFile(paths[0]!, JSON.stringify(a));
    await Deno.writeTextFile(paths[1]!, JSON.stringify(b));
    const ran = await poly(["latency-probe", "compare", ...paths]);
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.out, /order +40\.0 +10\.0 +80\.0 +20\.0 +-60\.0/);
    assert.equal((await poly(["latency-probe", "compare", paths[0]!])).code, 2);
    // Two probes of one label.
    const same = await poly(["latency-probe", "compare", paths[0]!, paths[0]!]);
    assert.match(same.out, /p50 a \(A\) +p50 a \(B\)/);
    assert.match(same.out, /a \(B\) +marginal +40\.00 +80\.00 +orders +sim/);
  });
});

Deno.test("a place where the result cannot be kept is refused before anything is measured", async () => {
  await withFolder(async (root) => {
    for (const out of [root, join(root, "absent", "probe.json")]) {
      const ran = await poly(["latency-probe", "--venue", "sim:1", "--out", out, "--json"]);
      assert.deepEqual([ran.envelope?.error?.code, ran.code], ["LATENCY_OUT_FAILED", 1]);
    }
  });
});

Deno.test("a probe order is the smallest at the lowest price, post-only, in the window that begins last", () => {
  const [near, far] = [instrument({ startMs: ms(1e12) }), instrument({ startMs: ms(1e12 + 300_000) })]
    .map((of) => ({ ...of, endMs: ms(of.startMs + 300_000) }));
  const chosen = chooseWindow(
    [far!, near!, { ...far!, tradable: false, startMs: ms(2e12), endMs: ms(3e12) }],
    1e12,
  );
  assert.equal(chosen.startMs, far!.startMs);
  const order = probeOrder(chosen, "p", ms(1e12));
  assert.deepEqual([order.limit, order.size, order.postOnly, order.orderType], [
    chosen.tick,
    chosen.minSize,
    true,
    "GTC",
  ]);
  assert.throws(() => chooseWindow([near!], 1e12 + 290_000), code("PROBE_NO_WINDOW"));
});

Deno.test("--orders wants arming, and says all that is missing before anything is measured", async () => {
  await withAccountDesk({}, async (desk) => {
    const ran = await desk.run(desk.cli(["latency-probe", "--orders", "--json"]));
    assert.equal(ran.envelope?.error?.code, "ARMING_INCOMPLETE", ran.err);
    assert.equal(ran.code, 3);
  });
});

Deno.test("a probe of the simulated venue measures every leg, judges, and saves a file that reads back", async () => {
  await withAccountDesk({}, async (desk) => {
    const out = join(desk.data, "probe.json");
    const argv = ["latency-probe", "--samples", "3", "--for", "2s", "--label", "lab", "--out", out, "--json"];
    const ran = await desk.run(desk.cli(argv));
    const data = ran.envelope?.data as unknown as ProbeResult;
    assert.ok(ran.code === 0 || data.verdict === "no-go", ran.err);
    for (
      const stage of ["clob.tcp", "clob.firstByte", "clob.keepAlive", "sign", "journal", "feed.binance.spot"]
    ) {
      assert.ok((data.stages[stage]?.n ?? 0) > 0, stage);
    }
    assert.equal(readProbe(out).label, "lab");
    assert.equal(readProbe(out).verdict, data.verdict);
    const left = [...Deno.readDirSync(desk.data)].filter(({ name }) => name.startsWith(".probe-"));
    assert.deepEqual(left, []);
  });
});
