import assert from "node:assert/strict";
import fc from "fast-check";
import { maxDrawdown, sharpe, summarise } from "../../../core/stats/performance.ts";

const M = 1_000_000;

Deno.test("summarise() gives the figures worked out by hand", () => {
  // Windows +3, -1, 0, -4, +6 pUSD: curve 3 2 2 -2 4, high 3, deepest fall 3 - (-2) = 5.
  // Mean 0.8; squared distances 4.84 + 3.24 + 0.64 + 23.04 + 27.04 = 58.8; sd = sqrt(58.8 / 4) = 3.8341; ratio 0.20866.
  // Trades +4, -1, -1, 0, -4, +6: profit 10, loss 6, wins 2 of 6.
  const result = summarise([3 * M, -M, 0, -4 * M, 6 * M], [4 * M, -M, -M, 0, -4 * M, 6 * M]);
  assert.deepEqual({ ...result, sharpePerWindow: result.sharpePerWindow?.toFixed(5) }, {
    windows: 5,
    trades: 6,
    wins: 2,
    winRate: 2 / 6,
    profitFactor: 10 / 6,
    totalPnl: 4 * M,
    meanWindowPnl: 800_000,
    sharpePerWindow: "0.20866",
    maxDrawdown: 5 * M,
    best20ShareOfProfit: 1,
    pnlWithoutBest20: -6 * M,
  });
});

Deno.test("summarise() of nothing has null ratios and zero money", () => {
  assert.deepEqual(summarise([], []), {
    windows: 0,
    trades: 0,
    wins: 0,
    winRate: null,
    profitFactor: null,
    totalPnl: 0,
    meanWindowPnl: 0,
    sharpePerWindow: null,
    maxDrawdown: 0,
    best20ShareOfProfit: null,
    pnlWithoutBest20: 0,
  });
});

Deno.test("summarise() states what the 20 best of 25 winning trades brought", () => {
  // Results 1..25: the 20 best are 6..25 and sum to 310 of 325; the other five leave 15.
  const trades = Array.from({ length: 25 }, (_, i) => i + 1);
  const result = summarise([325], trades);
  assert.equal(result.best20ShareOfProfit, 310 / 325);
  assert.equal(result.pnlWithoutBest20, 15);
  assert.equal(result.profitFactor, null);
});

Deno.test("summarise() trips when money is no integer", () => {
  assert.throws(() => summarise([0.5], []), /integer of pUSD millionths/);
});

Deno.test("sharpe() is null for one window and for equal windows", () => {
  assert.equal(sharpe([5]), null);
  assert.equal(sharpe([100_001, 100_001, 100_001]), null);
  assert.equal(sharpe([0, 0]), null);
});

Deno.test("maxDrawdown() counts a loss from the first window on", () => {
  assert.equal(maxDrawdown([-2, -3, 10]), 5);
  assert.equal(maxDrawdown([1, 2, 3]), 0);
});

Deno.test("maxDrawdown() equals the largest fall between any two points of the curve", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 40 }), (changes) => {
    const curve = [0];
    for (const change of changes) curve.push((curve.at(-1) as number) + change);
    let deepest = 0;
    for (let i = 0; i < curve.length; i++) {
      for (let j = i; j < curve.length; j++) {
        deepest = Math.max(deepest, (curve[i] as number) - (curve[j] as number));
      }
    }
    assert.equal(maxDrawdown(changes), deepest);
  }));
});
