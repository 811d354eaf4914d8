/** Time as an input. The venue's clock may run faster than the wall (a simulated venue at `--speed`). */
import { type Ms, ms } from "../core/units.ts";

export interface Clock {
  /** Venue time, integer ms. */
  now(): Ms;
  /** Monotonic microseconds of this process, for latency stamps only; never part of a decision. */
  monotonicUs(): number;
  /** Venue seconds per wall second. */
  readonly speed: number;
  /** Resolves after `duration` of venue time, or rejects when `signal` aborts. */
  sleep(duration: Ms, signal?: AbortSignal): Promise<void>;
  /** Takes over a measured offset, venue minus this clock's own source, ms; absent on clocks that are the venue's own. */
  adjust?(offsetMs: number): void;
}

function sleepWall(wallMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, Math.max(0, wallMs));
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * The wall clock plus a measured offset (venue minus local, ms), which `adjust` replaces. It never steps back: after a
 * correction downwards, or a step of the machine's own clock, it stands still until time has caught up.
 */
export function wallClock(
  offsetMs = 0,
  wallNow: () => number = Date.now,
): Clock & { adjust(ms: number): void } {
  let offset = offsetMs;
  let last = -Infinity;
  return {
    now: () => {
      const now = Math.round(wallNow() + offset);
      if (now > last) last = now;
      return ms(last);
    },
    monotonicUs: () => performance.now() * 1000,
    speed: 1,
    sleep: (duration, signal) => sleepWall(duration, signal),
    adjust: (measuredMs) => void (offset = measuredMs),
  };
}

/** A clock that showed `venueNow` at the local monotonic instant `monotonicMs` and runs at `speed`. */
export function scaledClock(venueNow: number, speed: number, monotonicMs = performance.now()): Clock {
  return {
    now: () => ms(Math.floor(venueNow + (performance.now() - monotonicMs) * speed)),
    monotonicUs: () => performance.now() * 1000,
    speed,
    sleep: (duration, signal) => sleepWall(duration / speed, signal),
  };
}

/** A clock whose `now` never steps back, for stamps that must not. */
export function monotone(clock: Clock): Clock {
  let last = clock.now();
  return {
    speed: clock.speed,
    now: () => {
      const now = clock.now();
      if (now > last) last = now;
      return last;
    },
    monotonicUs: () => clock.monotonicUs(),
    sleep: (duration, signal) => clock.sleep(duration, signal),
  };
}
