import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError, OperationError } from "../../core/errors.ts";
import {
  complement,
  formatDecimal,
  formatPrice,
  formatShares,
  formatUsdc,
  ms,
  mulDivCeil,
  mulDivFloor,
  notional,
  notionalUp,
  parseDecimal,
  price,
  shares,
  usdc,
} from "../../core/units.ts";
import { lots, p } from "./helpers.ts";

const safe = () => fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const natural = () => fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

Deno.test("parseDecimal() reads back every safe integer that formatDecimal() writes", () => {
  fc.assert(fc.property(safe(), fc.integer({ min: 0, max: 12 }), (value, decimals) => {
    assert.equal(parseDecimal(formatDecimal(value, decimals), decimals), value);
  }));
});

Deno.test("parseDecimal() agrees with big-integer arithmetic on any plain decimal", () => {
  const text = fc.tuple(fc.boolean(), fc.stringMatching(/^\d{1,17}$/), fc.stringMatching(/^\d{0,9}$/));
  fc.assert(fc.property(text, fc.integer({ min: 0, max: 8 }), ([negative, whole, rest], decimals) => {
    const kept = rest.slice(0, decimals).padEnd(decimals, "0");
    const cut = rest.slice(decimals);
    const magnitude = BigInt(whole + kept);
    const written = `${negative ? "-" : ""}${whole}${rest === "" ? "" : `.${rest}`}`;
    const fits = magnitude <= BigInt(Number.MAX_SAFE_INTEGER);
    const lenient = fits ? Number(negative && magnitude !== 0n ? -magnitude : magnitude) : NaN;
    assert.equal(parseDecimal(written, decimals, true), lenient, `lenient ${written}`);
    assert.equal(parseDecimal(written, decimals), /[1-9]/.test(cut) ? NaN : lenient, written);
  }));
});

Deno.test("parseDecimal() gives NaN for everything that is not a plain decimal", () => {
  const wrong = [
    "",
    " ",
    "-",
    ".",
    "-.",
    "+1",
    "1e5",
    "1E5",
    "1e-5",
    "Infinity",
    "NaN",
    "0x10",
    "1_000",
    "1,5",
    " 1",
    "1 ",
    "\n1",
    "1.2.3",
    "--1",
    "1-",
    "1.-2",
    "١",
    "1.5\u0000",
    "null",
  ];
  for (const text of wrong) assert.equal(parseDecimal(text, 6), NaN, JSON.stringify(text));
  assert.equal(parseDecimal("-0", 6), 0);
  assert.ok(!Object.is(parseDecimal("-0.000", 6), -0));
});

Deno.test("parseDecimal() gives NaN from the first magnitude that is no safe integer", () => {
  assert.equal(parseDecimal("9007199254740991", 0), Number.MAX_SAFE_INTEGER);
  assert.equal(parseDecimal("9007199254740992", 0), NaN);
  assert.equal(parseDecimal("9007199254.740991", 6), Number.MAX_SAFE_INTEGER);
  assert.equal(parseDecimal("9007199254.740992", 6), NaN);
  assert.equal(parseDecimal("9007199255", 6), NaN);
  assert.equal(parseDecimal(`1${"0".repeat(400)}`, 2), NaN);
  assert.equal(parseDecimal(`${"0".repeat(400)}1.5`, 2), 150);
});

Deno.test("parseDecimal() refuses digits it cannot keep, and cuts them towards zero when told to be lenient", () => {
  assert.equal(parseDecimal("0.51001", 4), NaN);
  assert.equal(parseDecimal("0.51000000", 4), 5100);
  assert.equal(parseDecimal("0.51009", 4, true), 5100);
  assert.equal(parseDecimal("-0.51009", 4, true), -5100);
});

Deno.test("amounts are written with all their digits and prices in the shortest form", () => {
  assert.equal(formatDecimal(12_500_000, 6), "12.500000");
  assert.equal(formatDecimal(-1, 6), "-0.000001");
  assert.equal(formatDecimal(7, 0), "7");
  assert.equal(formatUsdc(usdc(-2_500_000)), "-2.500000");
  assert.equal(formatShares(shares(1)), "0.000001");
  assert.deepEqual([5000, 5100, 10, 1, 0, 10_000].map((value) => formatPrice(price(value))), [
    "0.5",
    "0.51",
    "0.001",
    "0.0001",
    "0",
    "1",
  ]);
});

Deno.test("every price survives formatPrice() and parseDecimal()", () => {
  for (let value = 0; value <= 10_000; value++) {
    assert.equal(parseDecimal(formatPrice(price(value)), 4), value);
  }
});

Deno.test("branding refuses fractions, NaN, unsafe integers and what is out of range", () => {
  const refused: [string, () => number][] = [
    ["price(-1)", () => price(-1)],
    ["price(10001)", () => price(10_001)],
    ["price(0.5)", () => price(0.5)],
    ["price(NaN)", () => price(NaN)],
    ["shares(-1)", () => shares(-1)],
    ["shares(2^53)", () => shares(2 ** 53)],
    ["usdc(0.1)", () => usdc(0.1)],
    ["usdc(Infinity)", () => usdc(Infinity)],
    ["ms(1.5)", () => ms(1.5)],
  ];
  for (const [name, make] of refused) {
    assert.throws(make, (error) => error instanceof OperationError && error.code === "AMOUNT_INVALID", name);
  }
  assert.equal(usdc(-5), -5);
  assert.ok(!(new InvariantError("x") instanceof OperationError));
});

Deno.test("mulDivFloor() and mulDivCeil() agree with big integers, also past 2^53", () => {
  const bounded = fc.oneof(
    natural(),
    fc.integer({ min: 0, max: 2 ** 27 }),
    fc.constantFrom(0, 1, 94_906_267),
  );
  const divisor = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 2 ** 40 }));
  fc.assert(
    fc.property(bounded, bounded, divisor, (a, b, d) => {
      const product = BigInt(a) * BigInt(b);
      const floor = product / BigInt(d);
      const ceil = (product + BigInt(d) - 1n) / BigInt(d);
      assert.equal(mulDivFloor(a, b, d), Number(floor));
      assert.equal(mulDivCeil(a, b, d), Number(ceil));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("mulDivFloor() stays exact where a double quotient is closest to the next integer", () => {
  for (let d = 2; d < 20_000; d += 37) {
    const k = Math.floor((Number.MAX_SAFE_INTEGER - d) / d);
    assert.equal(mulDivFloor(k * d - 1, 1, d), k - 1, `${d}`);
    assert.equal(mulDivCeil(k * d + 1, 1, d), k + 1, `${d}`);
  }
});

Deno.test("notional() rounds down, notionalUp() up, and they meet exactly on whole hundredths", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), fc.integer({ min: 0, max: 10_000 }), (size, at) => {
      const down = notional(shares(size), price(at));
      const up = notionalUp(shares(size), price(at));
      assert.ok(up - down === 0 || up - down === 1);
      const whole = shares(Math.floor(size / 10_000) * 10_000);
      assert.equal(notional(whole, price(at)), notionalUp(whole, price(at)));
    }),
  );
  assert.equal(notional(lots(19.6078), p(0.51)), 9_999_978);
  assert.equal(notionalUp(shares(1), p(0.51)), 1);
});

Deno.test("complement() of the complement is the price itself", () => {
  for (let value = 0; value <= 10_000; value += 7) assert.equal(complement(complement(price(value))), value);
  assert.equal(complement(price(4900)), 5100);
});
