/** The exchange model's small units on their own. */
import assert from "node:assert/strict";
import { assumptionValue } from "../../../core/exchange/assumption.ts";
import {
  constantLatency,
  histogramLatency,
  measuredQuantiles,
  parseQuantiles,
  quantileAt,
  quantilesOf,
} from "../../../core/exchange/latency.ts";
import { matchKind, PrintMemory, upTerms } from "../../../core/exchange/mint.ts";
import { phaseAt, restartAt } from "../../../core/exchange/phases.ts";
import { makerRebate, RebateEstimate } from "../../../core/exchange/rebates.ts";
import { delayedSettlement, instantSettlement } from "../../../core/exchange/settlement.ts";
import { fillStep } from "../../../core/exchange/walk.ts";
import { seededRandom } from "../../../core/random.ts";
import type { Ms } from "../../../core/units.ts";
import { book, play, rests, trade } from "./scenarios/scenario.ts";
import { CRYPTO_FEE, exchangeModel, lots, p } from "../helpers.ts";

Deno.test("quantiles: linear between, from texts, from buckets, from a measured stage", () => {
  const quantiles = parseQuantiles(["0:20", "0.5:40", "1:100"]);
  assert.deepEqual([0, 0.25, 0.5, 0.75, 1].map((u) => quantileAt(quantiles, u)), [20, 30, 40, 70, 100]);
  assert.deepEqual(quantilesOf([{ toMs: 10, count: 3 }, { toMs: 20, count: 0 }, { toMs: 50, count: 1 }]), [
    { q: 0, ms: 0 },
    { q: 0.75, ms: 10 },
    { q: 1, ms: 50 },
  ]);
  const measured = measuredQuantiles({ p50: 45_000, p95: 90_000, p99: 200_000, max: 500_000 });
  assert.deepEqual([0, 0.3, 0.95, 1].map((u) => quantileAt(measured, u)), [45, 45, 90, 500]);
});

Deno.test("quantiles that fall, stop short or are no numbers are refused", () => {
  for (
    const texts of [["0:20"], ["0:20", "0.5:10", "1:30"], ["0:20", "0.9:30"], ["0.1:5", "1:9"], [
      "0:x",
      "1:9",
    ], [
      "0:5",
      "0.5:6",
      "0.5:7",
      "1:8",
    ]]
  ) {
    assert.throws(() => parseQuantiles(texts), { code: "LATENCY_INVALID" }, texts.join(" "));
  }
  assert.throws(() => quantilesOf([{ toMs: 5, count: 0 }]), { code: "LATENCY_INVALID" });
});

Deno.test("a histogram's draws have its quantiles and come from the random given", () => {
  const latency = histogramLatency(parseQuantiles(["0:0", "0.5:40", "1:100"]), seededRandom(5));
  const draws = Array.from({ length: 4_000 }, () => latency.sample()).sort((a, b) => a - b);
  assert.ok(Math.abs(draws[2_000]! - 40) < 3);
  assert.ok(draws[0]! >= 0 && draws.at(-1)! <= 100);
  assert.equal(constantLatency(7).sample(), 7);
});

Deno.test("one book: sides and prices in terms of Up, and what a match does", () => {
  assert.deepEqual(upTerms("buy", "down", 4_000), { bid: false, upPrice: 6_000 });
  assert.deepEqual(upTerms("sell", "down", 4_000), { bid: true, upPrice: 6_000 });
  assert.equal(matchKind({ side: "buy", outcome: "up" }, { side: "buy", outcome: "down" }), "mint");
  assert.equal(matchKind({ side: "sell", outcome: "up" }, { side: "sell", outcome: "down" }), "merge");
  assert.equal(matchKind({ side: "buy", outcome: "up" }, { side: "sell", outcome: "up" }), "swap");
});

Deno.test("a twin is a trade of the other token with the same stamp, price and size, and each has one", () => {
  const memory = new PrintMemory();
  const seen = (outcome: "up" | "down", price: number, size: number, at: number) =>
    memory.isTwin(outcome, price, size, at);
  assert.deepEqual([seen("up", 4_900, 5, 1), seen("down", 4_900, 5, 1), seen("down", 4_900, 5, 1)], [
    false,
    true,
    false,
  ]);
  assert.deepEqual(
    [seen("up", 4_900, 5, 2), seen("up", 4_900, 5, 2)],
    [false, false],
    "the same token twice: two trades",
  );
  assert.equal(seen("down", 4_900, 5, 3), false, "another instant");
});

Deno.test("phases: a restart, then post-only, then open; the strictest wins", () => {
  const phases = restartAt(1_000_000 as Ms);
  assert.deepEqual(
    [999_999, 1_000_000, 1_089_999, 1_090_000, 1_209_999, 1_210_000].map((at) => phaseAt(phases, at)),
    ["open", "restart", "restart", "postOnly", "postOnly", "open"],
  );
  const halted = [...phases, { fromMs: 1_100_000 as Ms, toMs: 1_101_000 as Ms, kind: "halt" as const }];
  assert.equal(phaseAt(halted, 1_100_500), "restart");
});

Deno.test("a maker's rebate is a fifth of the fee its fill would have paid, paid from one dollar a day", () => {
  // 100 x 0.0175 = 1.75; a fifth is 0.35
  assert.equal(makerRebate(CRYPTO_FEE, lots(100), p(0.50)), 350_000);
  // 10 x 0.017493 = 0.17493; 0.034986
  assert.equal(makerRebate(CRYPTO_FEE, lots(10), p(0.49)), 34_986);
  const estimate = new RebateEstimate();
  estimate.add(600_000, 1_000);
  estimate.add(500_000, 2_000);
  estimate.add(900_000, 86_400_000);
  assert.deepEqual([estimate.accrued, estimate.payable], [2_000_000, 1_100_000]);
});

Deno.test("the model's rebate estimate follows its maker fills, is taken back with them, and is in no cash", () => {
  const rest = rests(0, "o1", ["buy", 200, 0.50]);
  const steps = [book(-10, [[0.49, 5]], [[0.60, 5]]), rest, trade(100, "sell", 0.49, 200)];
  const kept = play({ name: "", steps, fills: [] }).model;
  // 200 x 0.0175 = 3.50; a fifth is 0.70, below the dollar that is paid
  assert.deepEqual(kept.rebateEstimate, { accrued: 700_000, payable: 0 });
  assert.equal(kept.cash, 900_000_000);
  const settlement = delayedSettlement({ time: constantLatency(9), failureRate: 1, random: () => 0.5 });
  const undone = play({ name: "", steps, fills: [], units: { settlement } }).model;
  assert.deepEqual(undone.rebateEstimate, { accrued: 0, payable: 0 });
  assert.equal(undone.cash, 1_000_000_000);
});

Deno.test("settlement fails at its rate, drawing once for it whatever the rate", () => {
  const failures = (failureRate: number) => {
    const model = delayedSettlement({ time: constantLatency(9), failureRate, random: seededRandom(3) });
    return Array.from({ length: 2_000 }, () => model.next()!).filter(({ fails }) => fails).length;
  };
  assert.deepEqual([failures(0), failures(1)], [0, 2_000]);
  assert.ok(Math.abs(failures(0.1) - 200) < 45);
  assert.equal(instantSettlement().next(), null);
});

Deno.test("the finest fill at a price costs whole millionths", () => {
  for (const at of [1, 10, 25, 100, 961, 2_500, 5_000, 5_100, 9_999]) {
    const step = fillStep("wholeCash", at);
    assert.equal(step * at % 10_000, 0);
    assert.equal(10_000 % step, 0);
    assert.equal(fillStep("wholeCash", 10_000 - at), step, "on both tokens");
  }
});

Deno.test("describe() names every unit in force with its parameters and which way it errs", () => {
  const lines = exchangeModel().describe();
  assert.deepEqual(lines.map((line) => `${line.unit}: ${assumptionValue(line)}`), [
    "feed latency: constant (ms 0)",
    "order latency: constant (ms 50)",
    "response latency: constant (ms 50)",
    "taker hold: market",
    "queue: lastInQueue",
    "book walking: displayed levels, price improvement to the taker (step fourDecimals)",
    "market impact: untilSnapshot",
    "mint and merge: one book, shown on both tokens (prints bothTokens)",
    "fees: the market's schedule, takers only (decimals 5, rounding nearest, half up)",
    "maker rebates: estimated apart, never in cash or profit",
    "phases: always open (phases 0)",
    "settlement: instant",
    "end of window: cancelAtEnd",
  ]);
  for (const { unit, errs } of lines) assert.ok(errs.length > 5, unit);
});
