/**
 * How much a Sharpe ratio can be believed: its standard error, the chance that the true one is above a benchmark (PSR,
 * Bailey and Lopez de Prado 2012) and the same against the best that so many tries would have shown without any skill
 * (DSR, Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", 2014). All ratios are per observation, not annualised.
 */
import { normalCdf } from "../market/fair_value.ts";
import { invariant } from "../errors.ts";
import { sharpe } from "./performance.ts";

const EULER_GAMMA = 0.5772156649015329;
/** Two-sided 95 %. */
const Z95 = 1.959963984540054;

export interface SharpeEstimate {
  /** Observations. */
  readonly n: number;
  readonly sharpe: number;
  /** Third and fourth standardised moments (a normal one has 0 and 3). */
  readonly skewness: number;
  readonly kurtosis: number;
  /** Standard error under skewness and fat tails (Mertens 2002). */
  readonly standardError: number;
  readonly ci95: readonly [number, number];
}

/** Sharpe ratio of `values` with its standard error; null below three values or without spread. */
export function estimateSharpe(values: readonly number[]): SharpeEstimate | null {
  const n = values.length;
  const ratio = sharpe(values);
  if (ratio === null || n < 3) return null;
  let mean = 0;
  for (const value of values) mean += value / n;
  let [m2, m3, m4] = [0, 0, 0];
  for (const value of values) {
    const d = value - mean;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  const skewness = m3 / m2 ** 1.5;
  const kurtosis = m4 / (m2 * m2);
  const standardError = Math.sqrt(errorVariance(ratio, skewness, kurtosis) / (n - 1));
  return {
    n,
    sharpe: ratio,
    skewness,
    kurtosis,
    standardError,
    ci95: [ratio - Z95 * standardError, ratio + Z95 * standardError],
  };
}

/** Kurtosis is at least 1 + skewness squared, so this is never below zero but for rounding. */
const errorVariance = (ratio: number, skewness: number, kurtosis: number): number =>
  Math.max(1e-12, 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio * ratio);

/** Chance (0..1) that the true ratio is above `benchmark`, given what was measured. */
export const probabilisticSharpe = (estimate: SharpeEstimate, benchmark: number): number =>
  normalCdf((estimate.sharpe - benchmark) / estimate.standardError);

/** Inverse of the normal distribution by bisection of `normalCdf`; `p` strictly between 0 and 1. */
export function normalQuantile(p: number): number {
  invariant(p > 0 && p < 1, `a quantile needs a probability between 0 and 1, got ${p}`);
  let low = -9;
  let high = 9;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The highest ratio that `trials` independent tries without skill are expected to show when tries scatter with
 * `deviation` (formula 6 of the paper). 0 for a single try.
 */
export function expectedMaxSharpe(trials: number, deviation: number): number {
  invariant(Number.isInteger(trials) && trials >= 1, `trials must be a positive integer, got ${trials}`);
  if (trials === 1) return 0;
  return deviation *
    ((1 - EULER_GAMMA) * normalQuantile(1 - 1 / trials) +
      EULER_GAMMA * normalQuantile(1 - 1 / (trials * Math.E)));
}

export interface Deflated {
  readonly trials: number;
  /** Scatter of the tries' ratios that was used. */
  readonly deviation: number;
  /** What luck alone would have shown at best. */
  readonly benchmark: number;
  /** Chance that the true ratio is above 0, and above the benchmark. */
  readonly psr: number;
  readonly dsr: number;
}

/**
 * Deflates an estimate by the number of tries. `trialSharpes` are the ratios of all tries as far as they are known: their
 * scatter is taken, but never less than what chance gives by itself (1/sqrt(n-1)), because tries that resemble each other
 * must not make the bar lower.
 */
export function deflate(
  estimate: SharpeEstimate,
  trials: number,
  trialSharpes: readonly number[],
): Deflated {
  const mean = trialSharpes.reduce((sum, value) => sum + value, 0) / Math.max(1, trialSharpes.length);
  const squares = trialSharpes.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const measured = trialSharpes.length < 2 ? 0 : Math.sqrt(squares / (trialSharpes.length - 1));
  const deviation = Math.max(measured, 1 / Math.sqrt(estimate.n - 1));
  const benchmark = expectedMaxSharpe(trials, deviation);
  return {
    trials,
    deviation,
    benchmark,
    psr: probabilisticSharpe(estimate, 0),
    dsr: probabilisticSharpe(estimate, benchmark),
  };
}
