/** Percentiles of what a probe measured. Stages are microseconds, as everywhere. */
import type { StageNumbers } from "../trading/latency.ts";

const tenth = (value: number): number => Math.round(value * 10) / 10;

/** Nearest-rank percentiles of milliseconds, as microseconds; null without a value. */
export function numbersOfMs(values: readonly number[]): StageNumbers | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => tenth(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]! * 1000);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), n: sorted.length };
}
