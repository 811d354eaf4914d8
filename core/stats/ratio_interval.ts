/** Intervals of shares and of ratios. */
import { invariant } from "../errors.ts";
import { nextInt, type Random } from "../random.ts";
import { quantile } from "./bootstrap.ts";

const Z95 = 1.959963984540054;

/** Wilson's 95 % score interval of a rate of `hits` in `n` trials (E. B. Wilson, 1927); [0, 1] when nothing was tried. */
export function wilsonInterval(hits: number, n: number): readonly [number, number] {
  invariant(hits >= 0 && hits <= n, `hits must be 0 to n, got ${hits} of ${n}`);
  if (n === 0) return [0, 1];
  const share = hits / n;
  const z2 = Z95 * Z95;
  const middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Z95 * Math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  // At the ends the formula meets 0 and 1 up to rounding.
  return [hits === 0 ? 0 : Math.max(0, middle - half), hits === n ? 1 : Math.min(1, middle + half)];
}

/** One unit of chance (a window): what is added up above and below the line. */
export interface RatioPart {
  readonly value: number;
  readonly weight: number;
}

export interface RatioInterval {
  readonly units: number;
  /** Sum of values over sum of weights. */
  readonly ratio: number;
  /** 95 % percentile bootstrap over the units; null below two of them. */
  readonly ci95: readonly [number, number] | null;
}

const RESAMPLES = 1_000;

/** Ratio of sums with a bootstrap over `parts`; null without weight. The same `random` state gives the same interval. */
export function ratioInterval(parts: readonly RatioPart[], random: Random): RatioInterval | null {
  const given = parts.filter(({ weight }) => weight > 0);
  const n = given.length;
  if (n === 0) return null;
  const sum = (of: readonly RatioPart[]) => {
    let value = 0;
    let weight = 0;
    for (const part of of) {
      value += part.value;
      weight += part.weight;
    }
    return value / weight;
  };
  const ratio = sum(given);
  if (n < 2) return { units: n, ratio, ci95: null };
  const draws = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    let value = 0;
    let weight = 0;
    for (let i = 0; i < n; i++) {
      const part = given[nextInt(random, n)]!;
      value += part.value;
      weight += part.weight;
    }
    draws[r] = value / weight;
  }
  draws.sort();
  return { units: n, ratio, ci95: [quantile(draws, 0.025), quantile(draws, 0.975)] };
}
