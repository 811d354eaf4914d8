import assert from "node:assert/strict";
import { seededRandom } from "../../../core/random.ts";
import { type HeldWindow, shuffleOutcomes } from "../../../core/stats/shuffle.ts";

const M = 1_000_000;

/** Ten shares at one half, on the side that wins or loses. */
const bet = (i: number, right: boolean): HeldWindow => {
  const up = i % 2 === 0;
  const onUp = up === right;
  return {
    group: "btc",
    pnl: right ? 5 * M : -5 * M,
    upShares: onUp ? 10 * M : 0,
    downShares: onUp ? 0 : 10 * M,
    up,
  };
};

Deno.test("always right: shuffled outcomes leave about nothing, and no deal does as well", () => {
  const windows = Array.from({ length: 40 }, (_, i) => bet(i, true));
  const result = shuffleOutcomes(windows, seededRandom(1))!;
  assert.equal(result.held, 40);
  assert.ok(Math.abs(result.mean) < 15 * M, String(result.mean));
  assert.equal(result.p, 1 / 1001);
});

Deno.test("a profit that was taken before the end is untouched, so every deal does as well", () => {
  const sold = Array.from({ length: 20 }, (_, i) => ({ ...bet(i, true), upShares: 0, downShares: 0 }));
  assert.equal(shuffleOutcomes(sold, seededRandom(1)), null);
  const one = [...sold, { ...bet(0, false), pnl: 0, upShares: 1, downShares: 1 }];
  const result = shuffleOutcomes(one, seededRandom(1))!;
  assert.deepEqual([result.p, result.mean], [1, 100 * M]);
});

Deno.test("outcomes never leave their group", () => {
  // All of one group ended Up, all of the other Down: nothing can change.
  const windows = Array.from({ length: 10 }, (_, i): HeldWindow => ({
    group: i < 5 ? "a" : "b",
    ...{ pnl: M, upShares: i < 5 ? 2 * M : 0, downShares: i < 5 ? 0 : 2 * M, up: i < 5 },
  }));
  const result = shuffleOutcomes(windows, seededRandom(3))!;
  assert.deepEqual(result.range95, [10 * M, 10 * M]);
});
