import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDecimals } from "../../../core/market/exact.ts";

Deno.test("decimals that differ in the eighteenth digit are told apart", () => {
  assert.equal(compareDecimals("90123.450000000000000001", "90123.45"), 1);
  assert.equal(compareDecimals("90123.45", "90123.450000000000000000"), 0);
  assert.equal(compareDecimals("90123.449999999999999999", "90123.45"), -1);
  assert.equal(compareDecimals("9", "10"), -1);
  assert.equal(compareDecimals("-0.0", "0"), 0);
  assert.equal(compareDecimals("-2", "1"), -1);
});

Deno.test("what is not a plain decimal compares with nothing", () => {
  for (const text of ["", "1e5", "NaN", "1.", ".5", "+1", "0x1", "1 2", "null"]) {
    assert.equal(compareDecimals(text, "1"), NaN, text);
    assert.equal(compareDecimals("1", text), NaN, text);
  }
});

Deno.test("comparing is the order of the integers, whatever the scale, and turns its sign when swapped", () => {
  const digits = fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n });
  const write = (value: bigint, decimals: number): string => {
    const text = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
    const rest = decimals === 0 ? "" : `.${text.slice(-decimals)}`;
    return `${value < 0n ? "-" : ""}${text.slice(0, text.length - decimals)}${rest}`;
  };
  fc.assert(fc.property(digits, digits, fc.integer({ min: 0, max: 18 }), (a, b, decimals) => {
    const expected = a < b ? -1 : a > b ? 1 : 0;
    assert.equal(compareDecimals(write(a, decimals), write(b, decimals)), expected);
    assert.equal(
      compareDecimals(`${write(a, decimals)}${decimals > 0 ? "000" : ""}`, write(b, decimals)),
      expected,
    );
    assert.equal(compareDecimals(write(b, decimals), write(a, decimals)), -expected + 0);
  }));
});
