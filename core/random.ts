/**
 * The project's only source of pseudo-randomness: xoshiro128** 1.1 (Blackman and Vigna,
 * https://prng.di.unimi.it/xoshiro128starstar.c, public domain), its state filled by splitmix32. Fast, small, passes
 * the usual statistical batteries, and NOT fit for secrets: keys, salts and nonces come from the platform's crypto.
 *
 * The same seed gives the same numbers on every machine; whoever needs randomness is handed the function.
 */
import { cosTurns, log } from "./exact_math.ts";
import { invariant } from "./errors.ts";

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** 32-bit counter-based seed expander: Weyl step of the golden ratio, then MurmurHash3's 32-bit finaliser. */
function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/** A generator whose state can be written down and taken up again. */
export interface ResumableGenerator {
  /** Unsigned 32-bit integers. */
  readonly next: () => number;
  /** The state now: a generator made from it continues the stream. */
  readonly words: () => [number, number, number, number];
}

/** xoshiro128** from four 32-bit state words (not all zero), its state readable. */
export function resumableXoshiro128(words: readonly [number, number, number, number]): ResumableGenerator {
  let [a, b, c, d] = words.map((word) => word | 0) as [number, number, number, number];
  invariant((a | b | c | d) !== 0, "xoshiro128** cannot start from the all-zero state");
  const next = () => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return { next, words: () => [a, b, c, d] };
}

/** xoshiro128** from four 32-bit state words (not all zero): unsigned 32-bit integers. */
export const xoshiro128 = (words: readonly [number, number, number, number]): () => number =>
  resumableXoshiro128(words).next;

/** The four state words of a seed. Both 32-bit halves of the seed count, so 1 and 1 + 2^32 differ. */
export function seedWords(seed: number): [number, number, number, number] {
  invariant(Number.isSafeInteger(seed), `a seed is a safe integer, got ${seed}`);
  const low = splitmix32(seed % 2 ** 32);
  const first = low();
  const second = low();
  // The third number of the low half stirs the high half, so that neighbouring seeds share no word.
  const high = splitmix32(low() ^ Math.floor(seed / 2 ** 32));
  const words: [number, number, number, number] = [first, second, high(), high()];
  // One seed in 2^128 could end here; the generator would return zero for ever.
  if (words.every((word) => word === 0)) words[0] = 1;
  return words;
}

/**
 * Uniform doubles in [0, 1) with 53 random bits (two draws a number), determined by `seed`, any safe integer.
 * Trips an invariant for other seeds.
 */
export function seededRandom(seed: number): Random {
  return uniform(xoshiro128(seedWords(seed)));
}

/** Uniform doubles in [0, 1) with 53 random bits from a generator of 32-bit integers, two draws a number. */
export const uniform = (next: () => number): Random => () =>
  ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992;

/**
 * One standard normal number by Box-Muller. Always two draws, never one kept back: the stream position depends only on
 * how many numbers were asked for, so a recorded seed stays comparable when callers interleave.
 */
export function nextGaussian(random: Random): number {
  const radius = Math.sqrt(-2 * log(1 - random()));
  return radius * cosTurns(random());
}

/** A uniform integer in 0..bound-1. `bound` is a positive integer below 2^32 (the bias is then below 2^-21). */
export function nextInt(random: Random, bound: number): number {
  invariant(Number.isInteger(bound) && bound > 0 && bound <= 2 ** 32, `bound must be 1..2^32, got ${bound}`);
  return Math.floor(random() * bound);
}
