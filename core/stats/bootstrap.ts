/**
 * Percentile bootstrap (Efron 1979) over windows. The window is the unit of chance: the trades inside one window share
 * its outcome, so drawing trades one by one would pretend to far more evidence than there is. For the same reason the
 * results of several assets in the same minutes belong into one entry when they were traded together.
 */
import { invariant } from "../errors.ts";
import { nextInt, type Random } from "../random.ts";
import type { Usdc } from "../units.ts";

export interface BootstrapInterval {
  /** Windows drawn from. */
  readonly windows: number;
  readonly resamples: number;
  readonly mean: Usdc;
  readonly total: Usdc;
  /** 95 % interval of the mean result per window. */
  readonly meanCi95: readonly [Usdc, Usdc];
  /** 95 % interval of the total over as many windows again. */
  readonly ci95: readonly [Usdc, Usdc];
  /** Share of the resamples with a total above zero. A description of this sample, not a probability of future profit. */
  readonly positiveShare: number;
}

export interface BootstrapOptions {
  /** Default 2000; the ends of a 95 % interval then rest on 50 resamples each. */
  readonly resamples?: number;
}

/** Quantile `q` of ascending values, linear between neighbours (Hyndman and Fan type 7). Trips on an empty array. */
export function quantile(ascending: readonly number[] | Float64Array, q: number): number {
  invariant(ascending.length > 0, "a quantile needs at least one value");
  const position = (ascending.length - 1) * q;
  const below = Math.floor(position);
  const low = ascending[below] as number;
  const high = ascending[Math.min(below + 1, ascending.length - 1)] as number;
  return low + (high - low) * (position - below);
}

/**
 * 95 % interval of total and mean of `windowPnl` (pUSD millionths per window). null below two windows, where resampling
 * knows nothing. The same `random` state gives the same interval. Costs windows x resamples draws.
 */
export function bootstrapWindows(
  windowPnl: readonly number[],
  random: Random,
  options: BootstrapOptions = {},
): BootstrapInterval | null {
  const n = windowPnl.length;
  if (n < 2) return null;
  const resamples = options.resamples ?? 2000;
  invariant(Number.isInteger(resamples) && resamples > 0, `resamples must be positive, got ${resamples}`);
  const totals = new Float64Array(resamples);
  let positive = 0;
  for (let r = 0; r < resamples; r++) {
    let total = 0;
    for (let i = 0; i < n; i++) total += windowPnl[nextInt(random, n)] as number;
    totals[r] = total;
    if (total > 0) positive++;
  }
  totals.sort();
  const low = quantile(totals, 0.025);
  const high = quantile(totals, 0.975);
  const total = windowPnl.reduce((sum, pnl) => sum + pnl, 0);
  const rounded = (value: number): Usdc => (Math.round(value) + 0) as Usdc;
  return {
    windows: n,
    resamples,
    mean: rounded(total / n),
    total: total as Usdc,
    meanCi95: [rounded(low / n), rounded(high / n)],
    ci95: [rounded(low), rounded(high)],
    positiveShare: positive / resamples,
  };
}
