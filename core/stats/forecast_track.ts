/**
 * Which forecast counts at 20, 50 and 80 % of a window: the last one known at that moment, unless it is too old. Taking
 * the next one after the moment would look ahead; taking one from long before would score a dead feed.
 */
import { BRIER_FRACTIONS } from "./brier.ts";

/** Forecasts of one window by one forecaster, kept at each fraction. Mutable; made by `openTrack`. */
export interface ForecastTrack {
  readonly checkpointsMs: readonly number[];
  readonly startMs: number;
  readonly maxAgeMs: number;
  /** NaN where none was seen in time. */
  readonly forecasts: Float64Array;
  readonly seenMs: Float64Array;
}

/** Starts a track for the window [startMs, endMs). A forecast older than `maxAgeMs` at a checkpoint does not count. */
export function openTrack(startMs: number, endMs: number, maxAgeMs = 10_000): ForecastTrack {
  return {
    checkpointsMs: BRIER_FRACTIONS.map((fraction) => startMs + fraction * (endMs - startMs)),
    startMs,
    maxAgeMs,
    forecasts: new Float64Array(BRIER_FRACTIONS.length).fill(NaN),
    seenMs: new Float64Array(BRIER_FRACTIONS.length).fill(-Infinity),
  };
}

/**
 * Takes a forecast (0..1) known at `tMs`. Calls come in time order. A forecast that is not a probability (no quote, no
 * strike yet) is ignored: it simply ages. Allocation-free.
 */
export function observe(track: ForecastTrack, tMs: number, forecast: number): void {
  if (!(forecast >= 0 && forecast <= 1) || tMs < track.startMs) return;
  for (let i = 0; i < track.checkpointsMs.length; i++) {
    if (tMs > (track.checkpointsMs[i] as number)) continue;
    track.forecasts[i] = forecast;
    track.seenMs[i] = tMs;
  }
}

/** The forecast that counts at fraction number `fractionIndex`, or null when none was fresh enough. */
export function forecastAt(track: ForecastTrack, fractionIndex: number): number | null {
  const forecast = track.forecasts[fractionIndex] ?? NaN;
  const age = (track.checkpointsMs[fractionIndex] ?? NaN) - (track.seenMs[fractionIndex] ?? NaN);
  return Number.isNaN(forecast) || age > track.maxAgeMs ? null : forecast;
}
