/**
 * What measured latency does to orders. Pure: figures come as `latency` events, recorded like all others, and are forgotten
 * when no newer ones come. A spike skips purchases or keeps them behind the price; slowness that lasts sets the latch.
 */
import type { LatencyEvent } from "../events.ts";

/** Part of `RiskLimits`; times in ms. */
export interface LatencyLimits {
  /** Above it purchases are skipped, or widened. */
  readonly latencySpikeMs: number;
  /** Ticks a purchase stays behind the price it saw during a spike; 0: it is skipped. */
  readonly latencyWidenTicks: number;
  /** A median above it, for `latencyPauseAfterMs`, sets the latch. */
  readonly latencyPauseMs: number;
  readonly latencyPauseAfterMs: number;
}

export interface LatencyState {
  newest: LatencyEvent | null;
  /** Since when every figure was above `latencyPauseMs`; null while none is. */
  slowSinceMs: number | null;
}

export const newLatencyState = (): LatencyState => ({ newest: null, slowSinceMs: null });

/** Figures older than this say nothing about now. */
const KNOWN_FOR_MS = 30_000;
/** Fewer round trips have no median to speak of. */
const LEAST_TRIPS = 3;

/** Takes a measurement. True: it has been slow for so long that trading must pause. */
export function noteLatency(state: LatencyState, event: LatencyEvent, limits: LatencyLimits): boolean {
  const { newest } = state;
  const gap = newest === null ? 0 : event.tReceive - newest.tReceive;
  state.newest = event;
  if (event.trips < LEAST_TRIPS || event.medianMs <= limits.latencyPauseMs) {
    state.slowSinceMs = null;
    return false;
  }
  // Nobody knows what was between two measurements that lie far apart.
  if (state.slowSinceMs === null || gap > KNOWN_FOR_MS) state.slowSinceMs = event.tReceive;
  return event.tReceive - state.slowSinceMs >= limits.latencyPauseAfterMs;
}

/** The latency an order must reckon with at `now`, ms: the worst round trip or pause of our own lately; -1 when not known. */
export function latencyAt({ newest }: LatencyState, now: number): number {
  if (newest === null || now - newest.tReceive > KNOWN_FOR_MS) return -1;
  return Math.max(newest.worstMs, newest.loopMs);
}

/**
 * Ticks a purchase may pay beyond the best price it saw: all of `base` as long as the price is still there when the order
 * comes, fewer the slower we are, none at `latencySpikeMs`, and from there `latencyWidenTicks` behind it. A `base` below zero
 * is the caller's own distance and stays.
 */
export function aggressiveness(base: number, latencyMs: number, limits: LatencyLimits): number {
  if (latencyMs < 0) return base;
  if (latencyMs > limits.latencySpikeMs) return Math.min(base, -limits.latencyWidenTicks);
  if (base <= 0 || limits.latencySpikeMs === 0) return base;
  return Math.ceil(base * (1 - latencyMs / limits.latencySpikeMs));
}
