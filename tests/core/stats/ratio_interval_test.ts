import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../../core/random.ts";
import { ratioInterval, wilsonInterval } from "../../../core/stats/ratio_interval.ts";

Deno.test("Wilson's interval has its textbook values", () => {
  const near = (got: readonly [number, number], low: number, high: number) => {
    assert.ok(Math.abs(got[0] - low) < 5e-5 && Math.abs(got[1] - high) < 5e-5, `${got}`);
  };
  // No failure in 100: upper end z^2 / (n + z^2)
  near(wilsonInterval(0, 100), 0, 0.0370);
  near(wilsonInterval(50, 100), 0.4038, 0.5962);
  near(wilsonInterval(0, 0), 0, 1);
});

Deno.test("Wilson's interval holds the share and mirrors", () => {
  fc.assert(fc.property(fc.nat(500), fc.nat(500), (hits, more) => {
    const n = hits + more + 1;
    const [low, high] = wilsonInterval(hits, n);
    assert.ok(0 <= low && low <= hits / n + 1e-12 && hits / n <= high + 1e-12 && high <= 1);
    const [mirrorLow, mirrorHigh] = wilsonInterval(n - hits, n);
    assert.ok(Math.abs(low + mirrorHigh - 1) < 1e-12 && Math.abs(high + mirrorLow - 1) < 1e-12);
  }));
});

Deno.test("a ratio's interval draws units, repeats with its seed, and is none for one unit", () => {
  const parts = [1, 2, 3, 4, 5].map((value) => ({ value: value * 10, weight: 10 }));
  const first = ratioInterval(parts, seededRandom(1))!;
  assert.deepEqual(ratioInterval(parts, seededRandom(1)), first);
  assert.equal(first.ratio, 3);
  assert.ok(first.ci95![0] >= 1 && first.ci95![0] < 3 && first.ci95![1] > 3 && first.ci95![1] <= 5);
  assert.equal(ratioInterval(parts.slice(0, 1), seededRandom(1))!.ci95, null);
  assert.equal(ratioInterval([{ value: 1, weight: 0 }], seededRandom(1)), null);
});
