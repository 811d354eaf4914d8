import assert from "node:assert/strict";
import fc from "fast-check";
import { feePerShare, takerFee, takerFeeUp, worstFeePrice } from "../../../core/market/fees.ts";
import type { FeeSchedule } from "../../../core/market/instrument.ts";
import {
  ceilToTick,
  floorToTick,
  isValidPrice,
  limitAmounts,
  marketBuyAmounts,
  marketSellAmounts,
  roundingRule,
} from "../../../core/market/rounding.ts";
import { formatUsdc, type Price, price, shares, usdc } from "../../../core/units.ts";
import { CRYPTO_FEE, dollars, lots, p } from "../helpers.ts";

const fee = (size: number, at: number, schedule: FeeSchedule = CRYPTO_FEE): string =>
  formatUsdc(takerFee(schedule, lots(size), p(at)));

Deno.test("takerFee() gives every example of the venue's documentation and the on-chain sample", () => {
  assert.equal(fee(100, 0.50), "1.750000");
  assert.equal(fee(100, 0.30), "1.470000");
  assert.equal(fee(100, 0.70), "1.470000");
  assert.equal(fee(100, 0.90), "0.630000");
  assert.equal(fee(100, 0.99), "0.069300");
  assert.equal(fee(5, 0.50), "0.087500");
  assert.equal(fee(5, 0.97), "0.010190", "half up; the floor would be 0.01018");
  assert.equal(fee(21.04, 0.57), "0.360980");
  assert.equal(fee(108, 0.36), "1.741820", "on-chain");
  assert.equal(fee(1, 0.49), "0.017490");
});

Deno.test("takerFee() gives the official client's vector of the 2026-01 schedule, rate 0.25 and exponent 2", () => {
  assert.equal(fee(100, 0.5, { ...CRYPTO_FEE, ratePpm: 250_000, exponent: 2 }), "1.562500");
});

Deno.test("a fee below half of 0.00001 is nothing, and takerFeeUp() still charges the smallest amount", () => {
  assert.equal(fee(0.0001, 0.5), "0.000000");
  assert.equal(takerFeeUp(CRYPTO_FEE, lots(0.0001), p(0.5)), 10);
  assert.equal(takerFeeUp(CRYPTO_FEE, shares(0), p(0.5)), 0);
  assert.equal(takerFee(CRYPTO_FEE, lots(1000), price(0)), 0);
  assert.equal(takerFee({ ...CRYPTO_FEE, ratePpm: 0 }, lots(1000), p(0.5)), 0);
});

const anySchedule = fc.record({
  ratePpm: fc.integer({ min: 0, max: 1_000_000 }),
  exponent: fc.integer({ min: 0, max: 4 }),
  takerOnly: fc.constant(true),
  rebatePpm: fc.constant(0),
});
const anyShares = fc.integer({ min: 0, max: 1e13 }).map(shares);
const anyPrice = fc.integer({ min: 0, max: 10_000 }).map(price);

Deno.test("takerFeeUp() is never below takerFee(), by at most one step, and both are whole 0.00001", () => {
  fc.assert(fc.property(anySchedule, anyShares, anyPrice, (schedule, size, at) => {
    const [charged, bound] = [takerFee(schedule, size, at), takerFeeUp(schedule, size, at)];
    assert.ok(bound >= charged && bound - charged <= 10);
    assert.equal(charged % 10, 0);
    assert.equal(bound % 10, 0);
  }));
});

Deno.test("the fee at p is the fee at 1-p, and feePerShare() says the same as a double", () => {
  fc.assert(fc.property(anySchedule, anyShares, anyPrice, (schedule, size, at) => {
    const mirrored = price(10_000 - at);
    assert.equal(takerFee(schedule, size, at), takerFee(schedule, size, mirrored));
    const expected = feePerShare(schedule, at) * size;
    assert.ok(Math.abs(takerFee(schedule, size, at) - expected) <= 5.001 + expected * 1e-12);
  }));
});

Deno.test("worstFeePrice() names the dearest price of a range", () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 10_000 }));
  fc.assert(fc.property(range, fc.double({ min: 0, max: 1, noNaN: true }), ([a, b], where) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)];
    const worst = worstFeePrice(from, to);
    assert.ok(worst >= from && worst <= to);
    const some = Math.round(from + (to - from) * where);
    assert.ok(feePerShare(CRYPTO_FEE, worst) >= feePerShare(CRYPTO_FEE, some));
  }));
});

Deno.test("the integer reference results of amounts hold: market BUY, its protected form, market SELL, limit", () => {
  const buy = (spend: number, at: number, protect = false) => {
    const { makerAmount, takerAmount } = marketBuyAmounts(dollars(spend), p(at), protect);
    return `${makerAmount}/${takerAmount}`;
  };
  assert.equal(buy(10, 0.56), "10000000/17857100");
  assert.equal(buy(10, 0.56, true), "10000000/17857200");
  assert.equal(buy(9.98, 0.985), "9980000/10131900");
  assert.equal(buy(9.98, 0.985, true), "9980000/10132000");
  assert.equal(buy(9.989999, 0.985), "9980000/10131900", "a spend is floored to cents");
  assert.deepEqual(marketSellAmounts(lots(21.04), p(0.57)), {
    makerAmount: 21_040_000,
    takerAmount: 11_992_800,
  });
  const limit = (size: number, at: number) => limitAmounts("buy", p(at), lots(size));
  assert.deepEqual(limit(12.34, 0.37), { makerAmount: 4_565_800, takerAmount: 12_340_000 });
  assert.deepEqual(limit(5.009, 0.5), { makerAmount: 2_500_000, takerAmount: 5_000_000 });
});

Deno.test("the official client's amount vectors hold, with four decimals of shares as the live venue wants", () => {
  const limit = (size: number, at: number) => limitAmounts("buy", p(at), lots(size)).makerAmount;
  assert.equal(limit(21.04, 0.56), 11_782_400);
  assert.equal(limit(21.04, 0.056), 1_178_240);
  assert.equal(limit(21.04, 0.0056), 117_824);
  assert.equal(limit(20, 0.82), 16_400_000);
  assert.equal(limit(21.04, 0.5), 10_520_000);
  assert.deepEqual(limitAmounts("sell", p(0.56), lots(21.04)), {
    makerAmount: 21_040_000,
    takerAmount: 11_782_400,
  });
  const bought = (at: number) => marketBuyAmounts(dollars(100), p(at)).takerAmount;
  assert.equal(bought(0.5), 200_000_000);
  assert.equal(bought(0.56), 178_571_400);
  assert.equal(bought(0.056), 1_785_714_200, "the client's 1785714280 has a fifth decimal");
  assert.equal(marketSellAmounts(lots(100), p(0.56)).takerAmount, 56_000_000);
});

Deno.test("a market BUY never wants more shares than its spend buys, and its protected form never pays over the limit", () => {
  const spend = fc.integer({ min: 10_000, max: 1e11 }).map(usdc);
  fc.assert(fc.property(spend, fc.integer({ min: 1, max: 9999 }).map(price), (amount, at) => {
    const plain = marketBuyAmounts(amount, at);
    const protect = marketBuyAmounts(amount, at, true);
    assert.ok(BigInt(plain.takerAmount) * BigInt(at) <= BigInt(plain.makerAmount) * 10_000n);
    assert.ok(BigInt(protect.takerAmount) * BigInt(at) >= BigInt(protect.makerAmount) * 10_000n);
    assert.ok(protect.takerAmount - plain.takerAmount <= 100);
    assert.equal(plain.takerAmount % 100, 0);
    assert.equal(plain.makerAmount % 10_000, 0);
  }));
});

Deno.test("the decimals of each tick are the venue's, and no other tick exists", () => {
  const rule = (tick: number) => {
    const found = roundingRule(tick as Price);
    return found === null ? null : [found.price, found.size, found.amount];
  };
  assert.deepEqual([1000, 100, 50, 25, 10, 1].map(rule), [
    [1, 2, 3],
    [2, 2, 4],
    [3, 2, 5],
    [4, 2, 6],
    [3, 2, 5],
    [4, 2, 6],
  ]);
  for (const tick of [0, 2, 5, 20, 200, 500, 10_000, NaN]) assert.equal(rule(tick), null);
});

Deno.test("a price is valid on the tick from one tick to one minus a tick", () => {
  const cent = p(0.01);
  assert.deepEqual([0, 50, 100, 9900, 9950, 10_000, NaN, 100.5].map((at) => isValidPrice(at, cent)), [
    false,
    false,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  assert.ok(isValidPrice(9990, p(0.001)) && !isValidPrice(9995, p(0.001)));
});

Deno.test("rounding to the tick always lands on a valid price, at most one tick away inside the grid", () => {
  const tick = fc.constantFrom(1000, 100, 50, 25, 10, 1).map(price);
  fc.assert(fc.property(fc.integer({ min: -500, max: 10_500 }), tick, (at, step) => {
    const [down, up] = [floorToTick(at, step), ceilToTick(at, step)];
    assert.ok(isValidPrice(down, step) && isValidPrice(up, step));
    if (at < step || at > 10_000 - step) return;
    assert.ok(down <= at && up >= at && at - down < step && up - at < step);
  }));
});
