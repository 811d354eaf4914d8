import assert from "node:assert/strict";
import { paritySection } from "../../../commands/report/parity.ts";
import { renderReport } from "../../../commands/report/report.ts";
import type { ParitySummary } from "../../../commands/trading/parity_summary.ts";
import { emptySession } from "./models.ts";

const SUMMARY: ParitySummary = {
  orders: 41,
  dropped: 2,
  exact: 30,
  differences: { delay: 11, price: 3 },
  touched: 4,
  takers: { orders: 37, expected: 0.95, model: 0.9, actual: 0.85 },
  slippage: {
    expected: { units: 5, ratio: 0.004, ci95: [-0.001, 0.009] },
    model: { units: 5, ratio: 0.002, ci95: null },
  },
  resting: { orders: 4, both: 1, onlyModel: 1, onlyActual: 0, neither: 2 },
  delays: {
    acknowledge: {
      model: { n: 41, p50: 250, p95: 260, p99: 270, max: 300 },
      actual: { n: 40, p50: 280, p95: 400, p99: 900, max: 1200 },
    },
    fill: { model: null, actual: null },
  },
  settlement: { matches: 36, undone: 1, rateCi95: [0.005, 0.14], afterMs: null },
  markouts: [
    {
      afterMs: 1000,
      orders: 33,
      size: 1,
      mid: { units: 5, ratio: -0.0123, ci95: [-0.03, 0.001] },
      executable: { units: 5, ratio: -0.02, ci95: null },
    },
    { afterMs: 5000, orders: 0, size: 0, mid: null, executable: null },
  ],
};

Deno.test("a session's report lays the model beside what happened, with intervals", () => {
  const page = renderReport({ ...emptySession, parity: SUMMARY });
  for (
    const text of [
      "Model and reality",
      "Of 41 orders 30 went exactly as the exchange model said; orders in which something differs: delay 11, price 3.",
      "2 orders are not in these figures.",
      "4 left out: our own fill may have been in the model",
      "1 of 36",
      "−1.23",
      "−3.00 to +0.10",
      "Markouts with intervals",
      "Delay quantiles, predicted and actual",
    ]
  ) assert.ok(page.includes(text), text);
});

Deno.test("without a ledger there is no section; without orders it says so", () => {
  assert.equal(paritySection(undefined), null);
  assert.equal(paritySection(null), null);
  assert.ok(!renderReport(emptySession).includes("Model and reality"));
  const none = { ...SUMMARY, orders: 0, exact: 0 };
  assert.match(paritySection(none)!.content.html, /No order was sent/);
});

Deno.test("charts stay finite when every value is the same or zero", () => {
  const flat: ParitySummary = {
    ...SUMMARY,
    takers: { orders: 1, expected: 0, model: 0, actual: 0 },
    markouts: [{
      afterMs: 1000,
      orders: 1,
      size: 1,
      mid: { units: 1, ratio: 0, ci95: null },
      executable: { units: 1, ratio: 0, ci95: [0, 0] },
    }],
  };
  assert.doesNotMatch(paritySection(flat)!.content.html, /NaN|Infinity/);
});
