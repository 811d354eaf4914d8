import assert from "node:assert/strict";
import { nextGaussian, seededRandom } from "../../../core/random.ts";
import { bootstrapWindows, quantile } from "../../../core/stats/bootstrap.ts";

Deno.test("quantile() interpolates between neighbours", () => {
  assert.equal(quantile([10, 20, 30, 40, 50], 0.5), 30);
  assert.equal(quantile([10, 20, 30, 40, 50], 0.025), 11);
  assert.equal(quantile([7], 0.975), 7);
});

Deno.test("bootstrapWindows() gives the totals worked out by hand from four stated draws", () => {
  // Two windows [0, 10]; draws 0 0 | 0 .5 | .5 0 | .5 .5 pick totals 0, 10, 10, 20.
  // Ascending 0 10 10 20: 2.5 % lies at position 0.075 -> 0.75, 97.5 % at 2.925 -> 19.25.
  const draws = [0, 0, 0, 0.5, 0.5, 0, 0.5, 0.5];
  let next = 0;
  const result = bootstrapWindows([0, 10], () => draws[next++] as number, { resamples: 4 });
  assert.deepEqual(result, {
    windows: 2,
    resamples: 4,
    mean: 5,
    total: 10,
    meanCi95: [0, 10],
    ci95: [1, 19],
    positiveShare: 0.75,
  });
  assert.equal(next, draws.length);
});

Deno.test("bootstrapWindows() gives the same interval for the same seed and another for another", () => {
  const windows = [5, -3, 8, 1, -9, 4, 4, -2].map((x) => x * 1_000_000);
  const run = (seed: number) => bootstrapWindows(windows, seededRandom(seed));
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

Deno.test("bootstrapWindows() knows nothing from fewer than two windows", () => {
  assert.equal(bootstrapWindows([], seededRandom(1)), null);
  assert.equal(bootstrapWindows([5], seededRandom(1)), null);
});

Deno.test("bootstrapWindows() of equal windows has no width", () => {
  assert.deepEqual(bootstrapWindows([3, 3, 3], seededRandom(1))?.ci95, [9, 9]);
});

Deno.test("bootstrapWindows() covers a true mean of zero in about 95 % of 200 samples of 60 windows", () => {
  const random = seededRandom(11);
  let covered = 0;
  for (let s = 0; s < 200; s++) {
    const sample = Array.from({ length: 60 }, () => Math.round(nextGaussian(random) * 1_000_000));
    const [low, high] = bootstrapWindows(sample, random, { resamples: 400 })?.meanCi95 ?? [1, 1];
    if (low <= 0 && high >= 0) covered++;
  }
  // Three standard errors of 95 % over 200 samples are 4.6 points; the percentile method is a little narrow.
  assert.ok(covered >= 178 && covered <= 199, `covered ${covered} of 200`);
});
