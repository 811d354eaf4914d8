import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decimal,
  feeMoney,
  micros,
  money,
  percent,
  signedMoney,
  span,
} from "../../../commands/report/format.ts";
import { decades, histogram, ticks } from "../../../commands/report/scales.ts";

Deno.test("histogram() has a border at 0, so a loss never shares a bin with a gain", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 1 }), (values) => {
    const bins = histogram(values);
    assert.equal(bins.reduce((sum, bin) => sum + bin.count, 0), values.length);
    assert.ok(bins.every((bin) => bin.to <= 1e-9 || bin.from >= -1e-9));
    assert.ok(bins.length <= 45, `${bins.length} bins`);
  }));
});

Deno.test("histogram() counts the values worked out by hand", () => {
  // Range 4 over a target of 4: width 1.
  assert.deepEqual(histogram([-2, -1.5, 0, 0.5, 2], 4), [
    { from: -2, to: -1, count: 2 },
    { from: -1, to: 0, count: 0 },
    { from: 0, to: 1, count: 2 },
    { from: 1, to: 2, count: 0 },
    { from: 2, to: 3, count: 1 },
  ]);
  assert.deepEqual(histogram([]), []);
});

Deno.test("ticks() are round and inside the range; decades() enclose it", () => {
  assert.deepEqual(ticks(-7, 12, 3), [-5, 0, 5, 10]);
  assert.deepEqual(ticks(3, 3, 3), [3]);
  assert.deepEqual(decades(3, 4200), [1, 10, 100, 1000, 10000]);
});

Deno.test("figures are grouped, signed and never a negative zero", () => {
  assert.equal(money(1_234_567_890_000), "1,234,567.89");
  assert.equal(signedMoney(12_340_000), "+12.34");
  assert.equal(signedMoney(-12_340_000), "−12.34");
  assert.equal(signedMoney(-1000), "0.00");
  assert.equal(signedMoney(1000), "0.00");
  assert.equal(feeMoney(21_000), "0.0210");
  assert.equal(percent(0.5321), "53.2 %");
  assert.deepEqual([decimal(null, 2), money(null), percent(null), decimal(NaN, 1)], ["–", "–", "–", "–"]);
});

Deno.test("durations are written in the unit that keeps them short", () => {
  assert.deepEqual([micros(1.8), micros(840), micros(1250), micros(52_300), micros(2_100_000)], [
    "1.8 µs",
    "840 µs",
    "1.25 ms",
    "52.3 ms",
    "2.10 s",
  ]);
  assert.deepEqual([span(42_000), span(303_000), span(7_800_000)], ["42 s", "5 min 3 s", "2 h 10 min"]);
});
