import assert from "node:assert/strict";
import fc from "fast-check";
import { OperationError } from "../../../core/errors.ts";
import { feePerShare, takerFee } from "../../../core/market/fees.ts";
import { makePolicy } from "../../../core/policy/registry.ts";
import { checkSizing, kellyFraction, sharesFor, type Sizing, stake } from "../../../core/policy/sizing.ts";
import { notionalUp, price, shares, usdc } from "../../../core/units.ts";
import { CRYPTO_FEE, dollars, p } from "../helpers.ts";

const BANKROLL = dollars(1000);
const spend = (sizing: Sizing, ask = 0.5, probability = NaN) =>
  stake(sizing, BANKROLL, p(ask), CRYPTO_FEE, probability) / 1e6;

Deno.test("a fixed stake pays spend and fee out of its amount, floored to cents", () => {
  // 25 / (1 + 0.07 x 0.5) = 24.154..., the fee on it 0.8453.
  assert.equal(spend({ mode: "fixed", amount: dollars(25) }), 24.15);
  assert.equal(spend({ mode: "fixed", amount: dollars(25) }, 0.99), 24.98);
  assert.equal(spend({ mode: "fixed", amount: usdc(0) }), 0);
  assert.equal(spend({ mode: "fixed", amount: usdc(9_999) }), 0, "less than a cent");
});

Deno.test("the fee-capped amount is the newer client's division: 50 pUSD at 0.5 with rate 0.25, exponent 2", () => {
  const schedule = { ...CRYPTO_FEE, ratePpm: 250_000, exponent: 2 };
  const amount = stake({ mode: "fixed", amount: dollars(50) }, BANKROLL, p(0.5), schedule, NaN);
  assert.equal(amount, dollars(48.48));
});

Deno.test("a fraction stakes that part of the bankroll", () => {
  assert.equal(spend({ mode: "fraction", fraction: 0.02 }), 19.32);
  assert.equal(spend({ mode: "fraction", fraction: 0 }), 0);
});

Deno.test("Kelly is (q - c) / (1 - c) with the fee in the cost, and nothing without an edge", () => {
  assert.ok(Math.abs(kellyFraction(0.6, 0.5) - 0.2) < 1e-15);
  assert.equal(kellyFraction(0.5, 0.5), 0);
  assert.equal(kellyFraction(0.4, 0.5), 0);
  assert.equal(kellyFraction(1, 1), 0);
  assert.equal(kellyFraction(1, 1.02), 0);
  assert.equal(kellyFraction(1, 0.5), 1);
  const cost = 0.5 + feePerShare(CRYPTO_FEE, p(0.5));
  const budget = 1000 * 0.25 * (0.6 - cost) / (1 - cost);
  assert.equal(spend({ mode: "kelly", fraction: 0.25 }, 0.5, 0.6), Math.floor(budget / 1.035 * 100) / 100);
  assert.equal(spend({ mode: "kelly", fraction: 0.25 }, 0.5, 0.51), 0, "the edge is smaller than the fee");
  assert.equal(spend({ mode: "kelly", fraction: 0.25 }, 0.5, NaN), 0);
});

Deno.test("Kelly maximises the expected logarithm of wealth", () => {
  const growth = (f: number, q: number, c: number) =>
    q * Math.log(1 + f * (1 - c) / c) + (1 - q) * Math.log(1 - f);
  const open = (max: number) => fc.double({ min: 0.05, max, noNaN: true });
  fc.assert(fc.property(open(0.95), open(0.9), (q, c) => {
    const best = kellyFraction(q, c);
    for (const other of [best - 0.01, best + 0.01]) {
      if (other < 0 || other >= 1) continue;
      assert.ok(growth(best, q, c) >= growth(other, q, c) - 1e-12);
    }
  }));
});

Deno.test("spend and fee at the ask stay inside the stake, in whole cents", () => {
  const budget = fc.integer({ min: 0, max: 1e10 });
  fc.assert(fc.property(budget, fc.integer({ min: 1, max: 9999 }).map(price), (amount, ask) => {
    const cash = stake({ mode: "fixed", amount: usdc(amount) }, BANKROLL, ask, CRYPTO_FEE, NaN);
    assert.equal(cash % 10_000, 0);
    const got = shares(sharesFor(cash, ask));
    assert.ok(notionalUp(got, ask) <= cash);
    // The fee's own rounding may pass the stake by half of 0.00001.
    assert.ok(cash + takerFee(CRYPTO_FEE, got, ask) <= amount + 5 || cash === 0);
  }));
});

Deno.test("Kelly is refused for a policy without a probability, before anything trades", () => {
  const kelly = { mode: "kelly", fraction: 0.25 } as const;
  assert.throws(() => checkSizing(kelly, makePolicy("momentum", { seed: 1 })), (error) => {
    assert.ok(error instanceof OperationError);
    assert.deepEqual([error.code, error.exit], ["SIZING_INVALID", 2]);
    return true;
  });
  checkSizing(kelly, makePolicy("fair-value", { seed: 1 }));
});
