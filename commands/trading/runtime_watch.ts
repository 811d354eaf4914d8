/**
 * What the runtime itself costs: how late the event loop comes to its timers, and how long the collector stops everything.
 * One timer, one collector profile a second; both end with `close()`.
 */
import { GCProfiler } from "node:v8";
import * as hdr from "hdr-histogram-js";

/** Pause between two looks at the loop, wall ms. A pause of the loop shorter than this may fall between two looks. */
const LOOK_MS = 10;
/** The collector's list is emptied this often, so that it stays short. */
const COLLECT_MS = 1000;
const MAX_US = 60_000_000;

export interface RuntimeNumbers {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly n: number;
}

/** Microseconds. */
export interface RuntimeReport {
  readonly loopLagUs: RuntimeNumbers | null;
  readonly gcPauseUs: RuntimeNumbers | null;
  /** All pauses together, and which collections they were. */
  readonly gcTotalMs: number;
  readonly gcKinds: Readonly<Record<string, number>>;
}

interface Collection {
  readonly gcType: string;
  /** Nanoseconds in Deno 2.9.6 (checked against the time that the profile spans). */
  readonly cost: number;
}

const newHistogram = (): hdr.Histogram =>
  hdr.build({ bitBucketSize: 32, highestTrackableValue: MAX_US, numberOfSignificantValueDigits: 2 });

function numbersOf(histogram: hdr.Histogram): RuntimeNumbers | null {
  if (histogram.totalCount === 0) return null;
  const max = histogram.maxValue;
  const at = (percentile: number) => Math.min(max, histogram.getValueAtPercentile(percentile));
  return { p50: at(50), p99: at(99), max, n: histogram.totalCount };
}

const clamped = (us: number): number => Math.min(MAX_US, Math.max(0, Math.round(us)));

export class RuntimeWatch {
  private readonly lag = newHistogram();
  private readonly pauses = newHistogram();
  private readonly kinds = new Map<string, number>();
  private gcTotalUs = 0;
  private worstLagUs = 0;
  private profiler: GCProfiler;
  private collectAtUs: number;
  private dueUs: number;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly monotonicUs: () => number) {
    this.profiler = new GCProfiler();
    this.profiler.start();
    this.dueUs = monotonicUs() + LOOK_MS * 1000;
    this.collectAtUs = monotonicUs() + COLLECT_MS * 1000;
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  /** Worst lag since the last call, microseconds; for the once-a-second `latency` event. */
  takeWorstLagUs(): number {
    // A loop that stands still now has not had its look yet.
    const worst = Math.max(this.worstLagUs, this.monotonicUs() - this.dueUs - LOOK_MS * 1000);
    this.worstLagUs = 0;
    return Math.max(0, worst);
  }

  report(): RuntimeReport {
    this.collect();
    return {
      loopLagUs: numbersOf(this.lag),
      gcPauseUs: numbersOf(this.pauses),
      gcTotalMs: Math.round(this.gcTotalUs) / 1000,
      gcKinds: Object.fromEntries([...this.kinds].sort()),
    };
  }

  close(): void {
    clearInterval(this.timer);
    this.collect();
    this.profiler.stop();
  }

  private look(): void {
    const now = this.monotonicUs();
    const late = clamped(now - this.dueUs);
    this.lag.recordValue(late);
    if (late > this.worstLagUs) this.worstLagUs = late;
    this.dueUs = now + LOOK_MS * 1000;
    if (now < this.collectAtUs) return;
    this.collectAtUs = now + COLLECT_MS * 1000;
    this.collect();
  }

  private collect(): void {
    const found = this.profiler.stop() as { readonly statistics?: readonly Collection[] } | undefined;
    for (const { gcType, cost } of found?.statistics ?? []) {
      const us = clamped(cost / 1000);
      this.pauses.recordValue(us);
      this.gcTotalUs += us;
      this.kinds.set(gcType, (this.kinds.get(gcType) ?? 0) + 1);
    }
    this.profiler = new GCProfiler();
    this.profiler.start();
  }
}
