/**
 * Fair value of an Up token: the probability that the settling price ends at or above the strike, as a digital option
 * on an average.
 *
 * The settling price is the oracle's TWAP over the last `averagingSeconds` (A). With the price now S, volatility s per
 * square-root second and t seconds left (driftless Brownian motion, price units):
 *   t >= A  average lies ahead:   mean S,                      var = s^2 (t - A + A/3)
 *   t <  A  part is fixed:        mean (F + t S)/A,            var = (t/A)^2 s^2 t/3
 * where F is the sum of the A - t seconds already printed. A = 0 is a plain digital: mean S, var = s^2 t.
 * A price that is `ageS` old has moved since: s^2 ageS is added to the variance of everything not yet fixed.
 */
import { exp } from "../exact_math.ts";

/** Standard normal distribution by the Chebyshev fit of erfc in Numerical Recipes 6.2 (relative error below 1.2e-7). */
export function normalCdf(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.5 * x);
  const poly = -x * x - 1.26551223 +
    t * (1.00002368 +
        t * (0.37409196 +
            t * (0.09678418 +
                t * (-0.18628806 +
                    t * (0.27886807 +
                        t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  const tail = 0.5 * t * exp(poly);
  return z >= 0 ? 1 - tail : tail;
}

export interface FairValueInput {
  /** Best estimate of the oracle's price now, dollars. */
  readonly spot: number;
  /** Seconds since that estimate was known. */
  readonly ageS: number;
  readonly strike: number;
  /** Seconds to the window's end; at or below 0 the result is the sign of what is fixed. */
  readonly secondsLeft: number;
  /** Standard deviation of log returns per square-root second. */
  readonly volPerSqrtSecond: number;
  /** Averaging window of the rule in seconds, 0 for a spot rule. */
  readonly averagingSeconds: number;
  /** Mean of the prints that already count, and how many seconds they cover (0 when none). */
  readonly fixedMean: number;
  readonly fixedSeconds: number;
}

/** Probability of Up in 0..1, or NaN when an input is missing. */
export function fairUp(input: FairValueInput): number {
  const { spot, strike, averagingSeconds: a } = input;
  const left = Math.max(0, input.secondsLeft);
  const sigma = input.volPerSqrtSecond * spot;
  if (!(spot > 0) || !(strike > 0) || !(sigma >= 0)) return NaN;
  const age = Math.max(0, input.ageS);
  let mean = spot;
  let variance: number;
  if (a <= 0) {
    variance = sigma * sigma * (left + age);
  } else if (left >= a) {
    variance = sigma * sigma * (left - a + a / 3 + age);
  } else {
    // Seconds of the average that should be fixed but were never seen are taken at today's price.
    const fixedSeconds = Math.min(input.fixedSeconds, a - left);
    const weight = (a - fixedSeconds) / a;
    mean = fixedSeconds > 0 ? (input.fixedMean * fixedSeconds + spot * (a - fixedSeconds)) / a : spot;
    variance = weight * weight * sigma * sigma * (left / 3 + age);
  }
  const distance = mean - strike;
  if (variance <= 0) return distance >= 0 ? 1 : 0;
  return normalCdf(distance / Math.sqrt(variance));
}
