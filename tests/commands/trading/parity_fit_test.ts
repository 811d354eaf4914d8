import assert from "node:assert/strict";
import { defaultConfig } from "../../../commands/config/schema.ts";
import {
  fitExchangeModel,
  NEEDED,
  queueLikelihood,
  type QueueTrial,
} from "../../../commands/trading/parity_fit.ts";
import { latencyEvidence } from "../../../commands/trading/parity_latency.ts";
import { summarise } from "../../../commands/trading/parity_summary.ts";
import type { ParityOutcome, ParityRow } from "../../../core/exchange/parity_row.ts";
import { seededRandom } from "../../../core/random.ts";

const OUTCOME: ParityOutcome = {
  end: "filled",
  code: null,
  status: "matched",
  ackMs: 250,
  venueMs: null,
  fillMs: 250,
  endMs: 250,
  fills: 1,
  size: 10_000_000,
  takerSize: 10_000_000,
  cash: 5_000_000,
  fee: 0,
  settled: 0,
  undone: 0,
  settleMs: [],
};
let orders = 0;
function row(actual: Partial<ParityOutcome> = {}, changes: Partial<ParityRow> = {}): ParityRow {
  const of = { ...OUTCOME, ...actual };
  return {
    orderId: `o${++orders}`,
    conditionId: "0xc1",
    outcome: "up",
    side: "buy",
    orderType: "FAK",
    postOnly: false,
    limit: 5000,
    size: 10_000_000,
    spend: 0,
    sentAt: 1_000,
    expected: {
      kind: "takes",
      bid: 4900,
      ask: 5000,
      top: 10_000_000,
      size: 10_000_000,
      cash: 5_000_000,
      fee: 0,
      ahead: 0,
    },
    model: of,
    actual: of,
    touched: false,
    markouts: [],
    level: null,
    ...changes,
  };
}
const many = (n: number, make: (i: number) => ParityRow): ParityRow[] =>
  Array.from({ length: n }, (_, i) => make(i));
const fit = (
  rows: readonly ParityRow[],
  liveRows: readonly ParityRow[] = [],
  queue: readonly QueueTrial[] = [],
) => fitExchangeModel({ rows, liveRows, queue }, defaultConfig());
const named = (result: ReturnType<typeof fit>, name: string) => result.fits.find((one) => one.name === name)!;

Deno.test("too few samples: everything is kept, and each says so", () => {
  const result = fit([row()]);
  assert.deepEqual(result.paper, {});
  assert.ok(result.fits.every((one) => one.status === "kept"));
  assert.match(named(result, "order latency").note, /1 of 30/);
});

Deno.test("order and response latency come apart where the venue stamps its answers", () => {
  const random = seededRandom(3);
  const spans = many(400, () => {
    const there = 20 + Math.floor(random() * 60);
    return row({ status: "live", venueMs: there, ackMs: there + 10, fillMs: null });
  });
  const held = many(50, () => row({ status: "matched", venueMs: 50 + 150, ackMs: 50 + 150 + 10 }));
  const { paper } = fit([...spans, ...held]);
  const order = new Map(
    paper.orderLatencyQuantiles!.map((text) => text.split(":").map(Number) as [number, number]),
  );
  assert.ok(Math.abs(order.get(0.5)! - 50) < 5, `median ${order.get(0.5)}`);
  assert.ok(order.get(0)! >= 20 && order.get(1)! <= 80);
  assert.deepEqual(
    new Set(paper.responseLatencyQuantiles!.map((text) => text.split(":")[1])),
    new Set(["10"]),
  );
  assert.ok(Math.abs(paper.takerHoldMs! - 150) <= 5, `hold ${paper.takerHoldMs}`);
});

Deno.test("without stamps the round trip is halved, and the hold is what held orders waited beyond it", () => {
  const rows = [
    ...many(30, () => row({ status: "live", ackMs: 100, fillMs: null })),
    ...many(30, () => row({ status: "matched", ackMs: 280 })),
  ];
  const result = fit(rows);
  assert.equal(result.paper.takerHoldMs, 180);
  assert.deepEqual(
    new Set(result.paper.orderLatencyQuantiles!.map((text) => text.split(":")[1])),
    new Set(["50"]),
  );
  assert.match(named(result, "order latency").note, /half of the round trip/);
});

Deno.test("held orders alone do not tell the hold from the latency: it is kept, and said", () => {
  const result = fit(many(60, () => row({ status: "matched", ackMs: 250 })));
  assert.equal(result.paper.takerHoldMs, undefined);
  assert.match(named(result, "taker hold").note, /cannot be told apart/);
  // 250 less the configured 150, halved
  assert.ok(result.paper.orderLatencyQuantiles!.every((text) => text.endsWith(":50")));
});

Deno.test("an order that was answered as delayed tells the latency at once and the hold by its fill", () => {
  const evidence = latencyEvidence(many(40, () => row({ status: "delayed", ackMs: 60, fillMs: 260 })), 150);
  assert.deepEqual([evidence.order[0], evidence.holds[0]], [30, 200]);
});

const trial = (actual: number, predicted: Partial<QueueTrial["predicted"]>): QueueTrial => ({
  actual,
  predicted: { lastInQueue: 0, riskAverse: 0, proportional: 0, tradeThroughOnly: 0, ...predicted },
});

Deno.test("the queue model that tells the fills is chosen, with its likelihood", () => {
  const trials = many(40, () => row()).map((_, i) =>
    i % 2 === 0 ? trial(1, { riskAverse: 1, proportional: 1 }) : trial(0, { proportional: 1 })
  );
  const result = fit([], [], trials);
  assert.equal(result.paper.queue, "riskAverse");
  assert.match(named(result, "queue").note, /riskAverse -/);
  assert.ok(queueLikelihood(trials, "riskAverse") > queueLikelihood(trials, "proportional") + 5);
});

Deno.test("queue models that tell alike leave the configured one; a small lead does not move it", () => {
  const alike = Array.from({ length: 30 }, () => trial(0, {}));
  assert.equal(fit([], [], alike).paper.queue, "lastInQueue");
  const near = [...alike.slice(1), trial(1, { riskAverse: 1, proportional: 1 })];
  const result = fit([], [], near);
  assert.equal(result.paper.queue, undefined);
  assert.match(named(result, "queue").note, /no other leads/);
});

Deno.test("the likelihood of whole counts is the beta-binomial's", () => {
  const trials = [trial(0, {}), trial(0, {}), trial(1, {})];
  // One wrong in three, Beta(1, 9): B(2, 11) / B(1, 9) = (1! 10! / 12!) / (1 / 9) = 9 / 132
  assert.ok(Math.abs(queueLikelihood(trials, "lastInQueue") - Math.log(9 / 132)) < 1e-9);
});

Deno.test("the settlement failure rate stands with Wilson's interval", () => {
  const rows = many(
    200,
    (i) => row(i < 5 ? { undone: 1, settleMs: [5000] } : { settled: 1, settleMs: [4000] }),
  );
  const result = fit(rows);
  assert.deepEqual([result.paper.settlementFailureRate, result.paper.settlementMs], [0.025, 4000]);
  // Wilson 95 % of 5 in 200: 0.0107 to 0.0572
  assert.match(named(result, "settlement failure rate").note, /1\.07 % to 5\.72 %/);
  const few = fit(rows.slice(0, NEEDED.settlementRate - 1));
  assert.equal(few.paper.settlementFailureRate, undefined);
  assert.match(named(few, "settlement failure rate").note, /5 of 99 undone/);
});

Deno.test("impact is told by what was displayed again, and only by sessions at a venue", () => {
  const level = (after: readonly number[]) =>
    many(30, () => row({}, { level: { price: 5000, taken: 10, before: 10, after } }));
  assert.equal(fit(level([10, 10, 10]), level([10, 10, 10])).paper.impact, "untilRestated");
  assert.equal(fit([], level([0, 2, 9])).paper.impact, "untilSnapshot");
  assert.equal(fit([], level([0, 1, 2])).paper.impact, "persistent");
  const paper = fit(level([10, 10, 10]));
  assert.equal(paper.paper.impact, undefined);
  assert.match(named(paper, "impact").note, /never met our fills/);
});

Deno.test("the summary's slippage is positive against us, on either side", () => {
  const dearer = { ...OUTCOME, cash: 5_200_000 };
  const bought = summarise([row({}, { actual: dearer })]);
  assert.ok(Math.abs(bought.slippage.model!.ratio - 0.02) < 1e-12);
  const sold = summarise([row({}, { side: "sell", actual: dearer })]);
  assert.ok(Math.abs(sold.slippage.model!.ratio + 0.02) < 1e-12);
  assert.deepEqual([bought.exact, bought.differences], [0, { price: 1 }]);
});

Deno.test("rows that our own fill may have touched are not compared with the model", () => {
  const touched = row({}, { touched: true, model: { ...OUTCOME, size: 0, cash: 0 } });
  const { takers, touched: count, slippage } = summarise([touched, row()]);
  assert.deepEqual([count, takers!.orders, takers!.model], [1, 1, 1]);
  assert.equal(slippage.expected!.units, 1);
});

Deno.test("markout intervals draw windows: one window has none", () => {
  const at = (window: string, mid: number) =>
    row({}, {
      conditionId: window,
      markouts: [{ afterMs: 1000, size: 10_000_000, mid, executable: mid - 100 }],
    });
  const one = summarise([at("a", 100), at("a", 300)]).markouts[0]!;
  assert.deepEqual([one.mid!.ratio, one.mid!.ci95, one.orders], [0.02, null, 2]);
  const several = summarise(["a", "b", "c", "d"].map((window, i) => at(window, i * 100))).markouts[0]!;
  const [low, high] = several.mid!.ci95!;
  assert.ok(low < 0.015 && high > 0.015 && low >= 0 && high <= 0.03);
});
