/** How the private API has been answering, for a kill switch: bounded rings, wall time passed in. */

/** Failures remembered: more in one minute is the same message to a kill switch. */
const MAX_ERRORS = 1000;
const MAX_LATENCIES = 256;
const MINUTE_MS = 60_000;

export interface ApiHealth {
  /** Monotonic wall ms of failures, oldest first. */
  readonly errorsAt: number[];
  /** Milliseconds of the newest answers, a ring. */
  readonly latencies: Float64Array;
  count: number;
}

export const newApiHealth = (): ApiHealth => ({
  errorsAt: [],
  latencies: new Float64Array(MAX_LATENCIES),
  count: 0,
});

export function recordError(health: ApiHealth, wallMs: number): void {
  health.errorsAt.push(wallMs);
  if (health.errorsAt.length > MAX_ERRORS) health.errorsAt.shift();
}

export function recordLatency(health: ApiHealth, tookMs: number): void {
  health.latencies[health.count % MAX_LATENCIES] = tookMs;
  health.count++;
}

/** Failures of the last 60 s and percentiles of the newest answers; null without any. */
export function readHealth(health: ApiHealth, wallMs: number): {
  readonly errorsLastMinute: number;
  readonly latencyP50Ms: number | null;
  readonly latencyP95Ms: number | null;
} {
  const errorsLastMinute = health.errorsAt.filter((at) => wallMs - at < MINUTE_MS).length;
  const known = health.latencies.subarray(0, Math.min(health.count, MAX_LATENCIES)).slice().sort();
  const at = (share: number) => known[Math.min(known.length - 1, Math.floor(share * known.length))] ?? null;
  return { errorsLastMinute, latencyP50Ms: at(0.5), latencyP95Ms: at(0.95) };
}
