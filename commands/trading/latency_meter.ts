/** Collects round trips and pauses, and says once a second what a `latency` event tells the engine. */
import type { LatencyEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";

/** Round trips count for this long, wall ms. */
const LOOK_BACK_MS = 10_000;
const EVERY_MS = 1_000;
/** More round trips within that time do not change their median by much. */
const MAX_TRIPS = 512;

interface Trip {
  readonly atMs: number;
  readonly ms: number;
}

const tenth = (value: number): number => Math.round(value * 10) / 10;

export class LatencyMeter {
  private readonly trips: Trip[] = [];
  private nextMs: number;

  /** `wallMs` is monotonic; `takeLoopUs` gives the loop's worst pause since it was asked last. */
  constructor(private readonly wallMs: () => number, private readonly takeLoopUs: () => number) {
    // What was before the first second is the start's own work.
    takeLoopUs();
    this.nextMs = wallMs() + EVERY_MS;
  }

  /** A request of ours was answered after `ms`. */
  trip(ms: number): void {
    this.trips.push({ atMs: this.wallMs(), ms });
    if (this.trips.length > MAX_TRIPS) this.trips.shift();
  }

  /** The event for now, or null when the last one is not a second old. */
  due(now: Ms): LatencyEvent | null {
    const at = this.wallMs();
    if (at < this.nextMs) return null;
    this.nextMs = at + EVERY_MS;
    while (this.trips.length > 0 && this.trips[0]!.atMs < at - LOOK_BACK_MS) this.trips.shift();
    const sorted = this.trips.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      type: "latency",
      tExchange: now,
      tReceive: now,
      trips: sorted.length,
      medianMs: tenth(sorted[(sorted.length - 1) >> 1] ?? -1),
      worstMs: tenth(sorted.at(-1) ?? -1),
      loopMs: tenth(this.takeLoopUs() / 1000),
    };
  }
}
