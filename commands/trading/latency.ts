/** Latency per stage in microseconds of this process, in HDR histograms. Measured, never decided upon here. */
import * as hdr from "hdr-histogram-js";
import type { LatencyStage } from "../report/model.ts";

/**
 * decode: socket callback to typed events (per frame). decide: one `engine.step`, gate included (per event).
 * tickToSend: socket callback to the order's hand-over (per order). acknowledge: hand-over to the answer (per order; on
 * paper the modelled latency and hold, in venue time).
 */
export const STAGES = ["decode", "decide", "tickToSend", "acknowledge"] as const;
export type Stage = typeof STAGES[number];

const MAX_US = 60_000_000;
/** Four bins a doubling reach 2^26 us, past the longest value kept. */
const BINS_PER_DOUBLING = 4;
const BIN_COUNT = 27 * BINS_PER_DOUBLING;

export interface StageNumbers {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly n: number;
}

interface StageState {
  readonly histogram: hdr.Histogram;
  readonly bins: Int32Array;
  /** Exact; the histogram rounds its own to its resolution. */
  max: number;
}

export class LatencyRecorder {
  private readonly stages = new Map<Stage, StageState>(
    STAGES.map((stage) => [stage, {
      histogram: hdr.build({
        bitBucketSize: 32,
        highestTrackableValue: MAX_US,
        numberOfSignificantValueDigits: 3,
      }),
      bins: new Int32Array(BIN_COUNT),
      max: 0,
    }]),
  );

  /** Records `us` microseconds (rounded, clamped to 0..60 s). */
  record(stage: Stage, us: number): void {
    const value = Math.min(MAX_US, Math.max(0, Math.round(us)));
    const state = this.stages.get(stage)!;
    const { histogram, bins } = state;
    histogram.recordValue(value);
    if (value > state.max) state.max = value;
    const bin = Math.floor(Math.log2(Math.max(1, value)) * BINS_PER_DOUBLING);
    bins[bin] = bins[bin]! + 1;
  }

  /** Stages that have at least one value. */
  numbers(): Partial<Record<Stage, StageNumbers>> {
    const out: Partial<Record<Stage, StageNumbers>> = {};
    for (const [stage, { histogram, max }] of this.stages) {
      if (histogram.totalCount === 0) continue;
      out[stage] = {
        p50: Math.min(max, histogram.getValueAtPercentile(50)),
        p95: Math.min(max, histogram.getValueAtPercentile(95)),
        p99: Math.min(max, histogram.getValueAtPercentile(99)),
        max,
        n: histogram.totalCount,
      };
    }
    return out;
  }

  /** The same for the report, with logarithmic bins. */
  report(): LatencyStage[] {
    const numbers = this.numbers();
    return STAGES.flatMap((stage) => {
      const of = numbers[stage];
      if (of === undefined) return [];
      const counts = this.stages.get(stage)!.bins;
      const bins = [...counts.entries()].filter(([, count]) => count > 0).map(([bin, count]) => ({
        fromUs: 2 ** (bin / BINS_PER_DOUBLING),
        toUs: 2 ** ((bin + 1) / BINS_PER_DOUBLING),
        count,
      }));
      return [{ stage, n: of.n, p50Us: of.p50, p95Us: of.p95, p99Us: of.p99, maxUs: of.max, bins }];
    });
  }
}
