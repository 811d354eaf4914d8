/**
 * What stops live trading by itself. Pure: the caller keeps the meters and hands over figures; a trip carries a stable code
 * and the numbers behind it, and the caller sets the latch with it. A figure that is not known (null) trips nothing here:
 * silence is judged by the gate and by the feeds' own ages. Positions that differ from the venue's are the gateway's alarm.
 */
import type { Ms, Usdc } from "../units.ts";

export const KILL_CODES = [
  "KILL_API_ERRORS",
  "KILL_LATENCY",
  "KILL_UNREALISED_LOSS",
  "KILL_DRAWDOWN",
] as const;
export type KillCode = typeof KILL_CODES[number];

/** Configuration section `kill`. Money in pUSD millionths, shares in millionths. */
export interface KillLimits {
  readonly maxApiErrorsPerMinute: number;
  readonly maxLatencyMs: number;
  readonly latencySamples: number;
  readonly maxUnrealisedLoss: Usdc;
  readonly maxDrawdownFraction: number;
}

/** The defaults of the configuration. */
export const DEFAULT_KILL_LIMITS: KillLimits = {
  maxApiErrorsPerMinute: 10,
  maxLatencyMs: 500,
  latencySamples: 20,
  maxUnrealisedLoss: 200_000_000 as Usdc,
  maxDrawdownFraction: 0.10,
};

/** Why trading must stop: `value` passed `limit`, both in the unit that `detail` names. */
export interface KillTrip {
  readonly code: KillCode;
  readonly value: number;
  readonly limit: number;
  readonly detail: string;
}

/** What is remembered between two looks; bounded by the limits. */
export interface KillMeter {
  /** Times of failed API calls of the last minute, oldest first. */
  readonly errorsAtMs: number[];
  /** Last order latencies, oldest first. */
  readonly latenciesMs: number[];
  /** Highest equity seen. */
  peak: number | null;
}

export const newKillMeter = (): KillMeter => ({
  errorsAtMs: [],
  latenciesMs: [],
  peak: null,
});

const MINUTE_MS = 60_000;

const dropOld = (meter: KillMeter, at: number): void => {
  while (meter.errorsAtMs.length > 0 && (meter.errorsAtMs[0] as number) <= at - MINUTE_MS) {
    meter.errorsAtMs.shift();
  }
};

/** A call to the venue failed (no answer, 5xx, 401, a body that cannot be read); a refused order is no failure. */
export function noteApiError(meter: KillMeter, limits: KillLimits, at: Ms): void {
  dropOld(meter, at);
  meter.errorsAtMs.push(at);
  // One more than the limit is enough to know that it was passed.
  if (meter.errorsAtMs.length > limits.maxApiErrorsPerMinute + 1) meter.errorsAtMs.shift();
}

/** An order's time from its first byte to the whole answer. */
export function noteLatency(meter: KillMeter, limits: KillLimits, latencyMs: number): void {
  meter.latenciesMs.push(latencyMs);
  while (meter.latenciesMs.length > limits.latencySamples) meter.latenciesMs.shift();
}

/** Figures of one look. `null`: not known now. */
export interface KillFigures {
  readonly at: Ms;
  /** Failed calls of the last minute, when somebody else counts them; added to none of ours: the greater one counts. */
  readonly apiErrors: number | null;
  /** Value of the open positions less their cost, fees included, in pUSD millionths. */
  readonly unrealised: Usdc | null;
  /** Cash and positions at their executable value. */
  readonly equity: Usdc | null;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle] as number
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function equityTrip(meter: KillMeter, limits: KillLimits, equity: number | null): KillTrip | null {
  if (equity === null) return null;
  meter.peak = Math.max(meter.peak ?? equity, equity);
  // Without money there is no fraction of it to lose.
  const fallen = meter.peak <= 0 ? 0 : (meter.peak - equity) / meter.peak;
  if (fallen < limits.maxDrawdownFraction || fallen === 0) return null;
  return {
    code: "KILL_DRAWDOWN",
    value: fallen,
    limit: limits.maxDrawdownFraction,
    detail: `of the highest equity ${meter.peak} millionths; it is ${equity}`,
  };
}

/** Every trigger that has tripped, gravest first; empty while all is well. Also moves the equity's highest mark. */
export function checkKill(meter: KillMeter, limits: KillLimits, figures: KillFigures): KillTrip[] {
  const trips: KillTrip[] = [];
  const { unrealised } = figures;
  if (unrealised !== null && unrealised < 0 && -unrealised >= limits.maxUnrealisedLoss) {
    trips.push({
      code: "KILL_UNREALISED_LOSS",
      value: -unrealised,
      limit: limits.maxUnrealisedLoss,
      detail: "pUSD millionths lost on open positions",
    });
  }
  const drawdown = equityTrip(meter, limits, figures.equity);
  if (drawdown !== null) trips.push(drawdown);
  dropOld(meter, figures.at);
  const errors = Math.max(meter.errorsAtMs.length, figures.apiErrors ?? 0);
  if (errors > limits.maxApiErrorsPerMinute) {
    trips.push({
      code: "KILL_API_ERRORS",
      value: errors,
      limit: limits.maxApiErrorsPerMinute,
      detail: "failed calls within a minute",
    });
  }
  if (meter.latenciesMs.length >= limits.latencySamples) {
    const value = median(meter.latenciesMs);
    if (value > limits.maxLatencyMs) {
      trips.push({
        code: "KILL_LATENCY",
        value,
        limit: limits.maxLatencyMs,
        detail: `ms, median of the last ${limits.latencySamples} orders`,
      });
    }
  }
  return trips;
}
