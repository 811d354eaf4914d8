import assert from "node:assert/strict";
import fc from "fast-check";
import { nextGaussian, nextInt, seededRandom, seedWords, xoshiro128 } from "../../core/random.ts";

const take = <T>(count: number, next: () => T): T[] => Array.from({ length: count }, next);

Deno.test("xoshiro128() gives the reference implementation's first ten numbers from state 1, 2, 3, 4", () => {
  // Reference: xoshiro128starstar.c v1.1, compiled; the same vector is in the Rust crate rand_xoshiro.
  assert.deepEqual(take(10, xoshiro128([1, 2, 3, 4])), [
    11520,
    0,
    5927040,
    70819200,
    2031721883,
    1637235492,
    1287239034,
    3734860849,
    3729100597,
    4258142804,
  ]);
});

Deno.test("seededRandom() gives the numbers of an independent big-integer implementation", () => {
  const known: [number, number[]][] = [
    [0, [0.8868539509149098, 0.6088337307859022, 0.4712356478695604]],
    [7, [0.23382772228141158, 0.4795362745938333, 0.19591769528289693]],
    [-1, [0.1946184130454074, 0.198131142246192, 0.8472650237341292]],
    [2 ** 40 + 3, [0.719148092592872, 0.6466747715390112, 0.7323246954376101]],
  ];
  for (const [seed, expected] of known) {
    assert.deepEqual(take(3, seededRandom(seed)), expected, `seed ${seed}`);
  }
});

Deno.test("seedWords() shares no word between neighbouring seeds", () => {
  const words = new Set(
    take(
      1000,
      (() => {
        let seed = -500;
        return () => seedWords(seed++);
      })(),
    ).flat(),
  );
  assert.equal(words.size, 4000);
});

Deno.test("seededRandom() refuses a seed that is no safe integer", () => {
  for (const seed of [0.5, NaN, Infinity, 2 ** 53]) assert.throws(() => seededRandom(seed), /safe integer/);
});

Deno.test("seededRandom() stays in [0, 1) and nextInt() below its bound for any seed", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 1000 }), (seed, bound) => {
    const random = seededRandom(seed);
    for (let i = 0; i < 50; i++) {
      const u = random();
      assert.ok(u >= 0 && u < 1);
      const n = nextInt(random, bound);
      assert.ok(Number.isInteger(n) && n >= 0 && n < bound);
    }
  }));
});

Deno.test("nextGaussian() has mean 0, variance 1 and the right tails over 100,000 draws", () => {
  const random = seededRandom(42);
  const draws = take(100_000, () => nextGaussian(random));
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  const beyondTwo = draws.filter((x) => Math.abs(x) > 2).length / draws.length;
  // Four standard errors: 4/sqrt(n), 4*sqrt(2/n), 4*sqrt(p(1-p)/n).
  assert.ok(Math.abs(mean) < 0.0127, `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 0.018, `variance ${variance}`);
  assert.ok(Math.abs(beyondTwo - 0.0455) < 0.0027, `share beyond two sd ${beyondTwo}`);
});

Deno.test("nextGaussian() is finite even when the source returns its smallest number", () => {
  assert.ok(Number.isFinite(nextGaussian(() => 0)));
});
