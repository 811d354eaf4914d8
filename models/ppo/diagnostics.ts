/** What an update tells of itself: the quantities that CleanRL and Stable-Baselines3 log, and ours. */

export interface UpdateDiagnostics {
  /** 1, 2, 3 ... */
  readonly update: number;
  /** Environment steps so far, over all rows. */
  readonly steps: number;
  /** Means over all minibatches of the update. */
  readonly policyLoss: number;
  /** Before the value coefficient. */
  readonly valueLoss: number;
  /** Nats. */
  readonly entropy: number;
  /** Last epoch's mean of (ratio - 1) - ln ratio: never negative, low variance (Schulman 2020). */
  readonly approxKl: number;
  /** Last epoch's mean of -ln ratio, the seeds' number. */
  readonly oldApproxKl: number;
  /** Share of samples whose ratio left the clip range. */
  readonly clipFraction: number;
  /** 1 - Var(return - value) / Var(return), of the values before the update; NaN when returns do not vary. */
  readonly explainedVariance: number;
  /** Mean gradient norms before clipping. */
  readonly actorGradNorm: number;
  readonly criticGradNorm: number;
  readonly actorRate: number;
  readonly criticRate: number;
  readonly epochs: number;
  readonly stoppedByKl: boolean;
  /** Advantages before they were normalised. */
  readonly advantageMean: number;
  readonly advantageDeviation: number;
  /** Rewards as the environment gave them, mean per step. */
  readonly rewardMean: number;
  /** Divisor of the rewards at the end of the update. */
  readonly rewardScale: number;
  /** Episodes that ended in this update, and their mean return and length; NaN without any. */
  readonly episodes: number;
  readonly episodeReturn: number;
  readonly episodeLength: number;
  /** Share of the samples that took each action. */
  readonly actionShares: readonly number[];
  /** Steps per second: collecting and updating together; and the milliseconds of each. */
  readonly sps: number;
  readonly collectMs: number;
  readonly updateMs: number;
}

/** Mean and population variance. */
export function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i]!;
  mean /= values.length;
  let variance = 0;
  for (let i = 0; i < values.length; i++) variance += (values[i]! - mean) * (values[i]! - mean);
  return { mean, variance: variance / values.length };
}

/** 1 - Var(returns - values) / Var(returns); NaN when the returns do not vary. */
export function explainedVariance(returns: ArrayLike<number>, values: ArrayLike<number>): number {
  const { variance } = moments(returns);
  if (variance === 0) return NaN;
  const errors = Float64Array.from({ length: returns.length }, (_, i) => returns[i]! - values[i]!);
  return 1 - moments(errors).variance / variance;
}
