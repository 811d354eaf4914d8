/** Where the simulated venue and the exchange model differ: every class, on purpose, with both results. */
import assert from "node:assert/strict";
import { impactModel } from "../../../core/exchange/impact.ts";
import { fillsOf } from "../helpers.ts";
import { endings, modelMatches, pair, venueMatches } from "./agreement_harness.ts";

const LADDER = { bids: [4_900, 10_000, 4_800, 20_000], asks: [5_100, 1_000, 5_200, 20_000] };

Deno.test("class 1, fill step: four decimals take less than a ten-thousandth of a share less at each level, never more", () => {
  const whole = pair(LADDER);
  const decimals = pair(LADDER, { step: "fourDecimals" });
  for (const p of [whole, decimals]) {
    p.send({ who: 0, token: "up", side: "buy", price: 5_200, size: 1_000, type: "FAK" });
    p.advance(200);
  }
  // 10 pUSD: 10 shares at 0.51 are 5.10; 4.90 at 0.52 are 9.423076.. shares, in steps of 25 millionths 9.423075.
  assert.deepEqual(modelMatches(whole), venueMatches(whole));
  assert.deepEqual(fillsOf(whole.answers).map(({ size }) => size), [10_000_000, 9_423_075]);
  assert.deepEqual(fillsOf(decimals.answers).map(({ size }) => size), [10_000_000, 9_423_000]);
});

Deno.test("class 2, one trade in two frames: the venue moves the queue twice when ladder and trade change in one step", () => {
  const p = pair(LADDER);
  p.send({ who: 0, token: "up", side: "buy", price: 4_900, size: 1_000 });
  p.advance(200);
  // 100 ahead. 60 trade, and the same step's ladder shows the 40 that are left of them.
  const ladder = { bids: [4_900, 4_000, 4_800, 20_000], asks: LADDER.asks };
  p.step({ ladder, trades: [{ side: "sell", price: 4_900, size: 6_000, told: "up" }] });
  // Venue: 40 shown, then the trade serves them and reaches us with 10. Model: 40 are still ahead.
  assert.deepEqual([...venueMatches(p).values()].map(({ size }) => size), [10_000_000]);
  assert.equal(modelMatches(p).size, 0);
  p.step({ trades: [{ side: "sell", price: 4_900, size: 4_500, told: "up" }] });
  assert.deepEqual(
    [...modelMatches(p).values()].map(({ size }) => size),
    [5_000_000],
    "40 ahead, 5 of 45 for us",
  );
});

Deno.test("class 3, own orders: the venue lets them meet, the model has them in no book", () => {
  const p = pair({ bids: [4_000, 10_000], asks: [6_000, 10_000] });
  p.send({ who: 0, token: "up", side: "buy", price: 5_000, size: 1_000 });
  p.send({ who: 1, token: "up", side: "sell", price: 5_000, size: 1_000 });
  p.advance(200);
  assert.equal(venueMatches(p).size, 2, "a swap between our own accounts");
  assert.equal(modelMatches(p).size, 0);
  assert.deepEqual(endings(p).model, { o0: "open 0", o1: "open 0" });
});

Deno.test("class 4, marks: by default a delta does not give back what we took; at the venue a level that changes is new", () => {
  for (const [impact, expected] of [["untilRestated", 15_000_000], ["untilSnapshot", 5_000_000]] as const) {
    const p = pair(LADDER, { impact: impactModel(impact) });
    p.send({ who: 0, token: "up", side: "buy", price: 5_100, size: 1_000 });
    p.advance(200);
    p.step({ ladder: { bids: LADDER.bids, asks: [5_100, 1_500, 5_200, 20_000] } });
    p.send({ who: 0, token: "up", side: "buy", price: 5_100, size: 1_500 });
    p.advance(200);
    const second = (sums: ReturnType<typeof venueMatches>) =>
      [...sums].filter(([key]) => key.startsWith("o1 ")).map(([, { size }]) => size);
    assert.deepEqual(second(venueMatches(p)), [15_000_000]);
    assert.deepEqual(second(modelMatches(p)), [expected]);
  }
});

Deno.test("class 5, a trade through a price that still shows others: the venue serves them first, the model not", () => {
  const p = pair(LADDER);
  p.send({ who: 0, token: "up", side: "buy", price: 4_900, size: 1_000 });
  p.advance(200);
  // A trade at 0.48 while 100 shares at 0.49 still stand: impossible in one book, so those ahead must have left.
  p.step({ trades: [{ side: "sell", price: 4_800, size: 2_000, told: "up" }] });
  assert.equal(venueMatches(p).size, 0);
  assert.deepEqual([...modelMatches(p).values()].map(({ size }) => size), [10_000_000]);
});
