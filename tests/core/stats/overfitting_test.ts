import assert from "node:assert/strict";
import { nextGaussian, seededRandom } from "../../../core/random.ts";
import { overfitting } from "../../../core/stats/overfitting.ts";

const noise = (seed: number, mean: number, length = 100): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length }, () => mean + nextGaussian(random));
};

Deno.test("one variant that is really better is chosen and stays better: no overfitting", () => {
  const variants = [noise(1, 0), noise(2, 0), noise(3, 1.5), noise(4, 0), noise(5, 0)];
  const found = overfitting(variants)!;
  assert.equal(found.combinations, 252);
  assert.equal(found.probability, 0);
  assert.equal(found.lossProbability, 0);
});

Deno.test("the best of noise is below the median about as often as not", () => {
  let sum = 0;
  for (let seed = 0; seed < 20; seed++) {
    sum += overfitting(Array.from({ length: 8 }, (_, i) => noise(seed * 100 + i, 0)))!.probability / 20;
  }
  assert.ok(sum > 0.35 && sum < 0.75, String(sum));
});

Deno.test("what won in one half because it lost in the other is overfitted in every way", () => {
  // Each variant is good in one block and bad in all others: the more of its block the past has, the worse the rest.
  const variants = Array.from(
    { length: 10 },
    (_, v) => noise(v, 0).map((x, t) => (Math.floor(t / 10) === v ? 20 : -1) + x / 100),
  );
  assert.equal(overfitting(variants)!.probability, 1);
});

Deno.test("a single variant, or too few windows, cannot be asked", () => {
  assert.equal(overfitting([noise(1, 0)]), null);
  assert.equal(overfitting([noise(1, 0, 19), noise(2, 0, 19)]), null);
});
