/**
 * Latency per stage, asset and length of the window, in microseconds of this process, in HDR histograms. Measured here,
 * never decided upon: what enters a decision comes as a `latency` event (see `latency_meter.ts`).
 */
import * as hdr from "hdr-histogram-js";
import type { Asset, Duration } from "../../core/market/instrument.ts";
import type { LatencyStage } from "../report/model.ts";

/**
 * The stages in the order in which they are passed. Per frame: `queued` (socket callback to the decoder), `decode` (to
 * typed events). Per event: `book` (state brought up to date), `decide` (one whole `engine.step`). Per window that is
 * decided upon: `features`, `policy`, `gate` (draft and limits). Per order: `tickToSend` (socket callback to the hand-over to
 * the exchange), `sign`, `journal` (row on disk), `write` (row to the request in the runtime's hands), `tickToWire` (socket
 * callback to that), `acknowledge` (hand-over to the answer; on paper the modelled latency and hold, in venue time), `match`
 * (hand-over to the first fill we hear of), `confirm` (fill to money).
 */
export const STAGES = [
  "queued",
  "decode",
  "book",
  "features",
  "policy",
  "gate",
  "decide",
  "tickToSend",
  "sign",
  "journal",
  "write",
  "tickToWire",
  "acknowledge",
  "match",
  "confirm",
] as const;
export type Stage = typeof STAGES[number];

/** Index of each stage, for places that are passed for every event. */
export const STAGE = Object.fromEntries(STAGES.map((stage, at) => [stage, at])) as Readonly<
  Record<Stage, number>
>;

/** Histograms hold tenths of a microsecond: a book change takes less than one. */
const PER_US = 10;
const MAX_TENTHS = 60_000_000 * PER_US;
/** Four bins a doubling, past the longest value kept. */
const BINS_PER_DOUBLING = 4;
const BIN_COUNT = 31 * BINS_PER_DOUBLING;
/** More assets and lengths than exist; what comes after shares the last row. */
const MAX_SERIES = 64;
/** Measurements of some frames. */
const MAX_WAITING = 512;

export interface StageNumbers {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly n: number;
}

/** A row of the table: `asset` and `window` are "-" for what belongs to none. */
export interface StageRow extends StageNumbers {
  readonly stage: Stage;
  readonly asset: Asset | "-";
  readonly window: Duration | "-";
}

interface Series {
  readonly asset: Asset | "-";
  readonly window: Duration | "-";
  /** By stage; null until something was recorded. */
  readonly cells: (hdr.Histogram | null)[];
}

const newHistogram = (): hdr.Histogram =>
  hdr.build({
    bitBucketSize: 32,
    highestTrackableValue: MAX_TENTHS,
    numberOfSignificantValueDigits: 2,
  });

export class LatencyRecorder {
  private readonly series: Series[] = [];
  private readonly byName = new Map<string, number>();
  private readonly bins = STAGES.map(() => new Int32Array(BIN_COUNT));
  /** What was measured and is in no histogram yet: series and stage in one number, and tenths. */
  private readonly waitingAt = new Int32Array(MAX_WAITING);
  private readonly waitingTenths = new Int32Array(MAX_WAITING);
  private waiting = 0;
  /** Exact; histograms round theirs to their resolution. Tenths, by series and stage. */
  private readonly highest = new Float64Array(MAX_SERIES * STAGES.length);

  constructor() {
    this.seriesOf("-", "-");
  }

  /** Number of a row of the table, the same for the same names; 0 is the row of what belongs to no asset. */
  seriesOf(asset: Asset | "-", window: Duration | "-"): number {
    const name = `${asset}/${window}`;
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    if (this.series.length >= MAX_SERIES) return MAX_SERIES - 1;
    this.series.push({ asset, window, cells: STAGES.map(() => null) });
    this.byName.set(name, this.series.length - 1);
    return this.series.length - 1;
  }

  /** Records `us` microseconds (clamped to 0..60 s) of the stage with number `stage` under a number of `seriesOf()`. */
  add(series: number, stage: number, us: number): void {
    if (this.waiting === MAX_WAITING) this.settle();
    this.waitingAt[this.waiting] = series * STAGES.length + stage;
    this.waitingTenths[this.waiting++] = us > 0 ? Math.min(MAX_TENTHS, Math.round(us * PER_US)) : 0;
  }

  /** Puts what was measured into the histograms: they lie all over the memory, which an order should not wait for. */
  settle(): void {
    for (let i = 0; i < this.waiting; i++) this.put(this.waitingAt[i]!, this.waitingTenths[i]!);
    this.waiting = 0;
  }

  private put(at: number, tenths: number): void {
    const stage = at % STAGES.length;
    const { cells } = this.series[(at - stage) / STAGES.length]!;
    (cells[stage] ??= newHistogram()).recordValue(tenths);
    if (tenths > this.highest[at]!) this.highest[at] = tenths;
    const octave = 31 - Math.clz32(tenths | 1);
    const bin = octave * BINS_PER_DOUBLING +
      ((octave < 2 ? tenths << (2 - octave) : tenths >> (octave - 2)) & 3);
    const bins = this.bins[stage]!;
    bins[bin] = bins[bin]! + 1;
  }

  /** As `add()`, by name, under no asset unless a series is given. */
  record(stage: Stage, us: number, series = 0): void {
    this.add(series, STAGE[stage], us);
  }

  /** Stages that have at least one value, over all assets and windows. */
  numbers(): Partial<Record<Stage, StageNumbers>> {
    this.settle();
    const out: Partial<Record<Stage, StageNumbers>> = {};
    for (const [at, stage] of STAGES.entries()) {
      const cells = this.series.flatMap(({ cells }) => cells[at] ?? []);
      if (cells.length === 0) continue;
      const all = newHistogram();
      for (const cell of cells) all.add(cell);
      out[stage] = numbersOf(all, this.maxOf(at));
    }
    return out;
  }

  /** The whole table, by stage, then in the order in which assets and windows turned up. */
  rows(): StageRow[] {
    this.settle();
    return STAGES.flatMap((stage, at) =>
      this.series.flatMap(({ asset, window, cells }, series) => {
        const cell = cells[at];
        if (cell === null || cell === undefined) return [];
        return [{
          stage,
          asset,
          window,
          ...numbersOf(cell, this.highest[series * STAGES.length + at]!),
        }];
      })
    );
  }

  /** The same for the report, with bins that widen with the value. */
  report(): LatencyStage[] {
    const numbers = this.numbers();
    return STAGES.flatMap((stage, at) => {
      const of = numbers[stage];
      if (of === undefined) return [];
      const bins = [...this.bins[at]!.entries()].filter(([, count]) => count > 0).map(([bin, count]) => ({
        fromUs: binEdge(bin) / PER_US,
        toUs: binEdge(bin + 1) / PER_US,
        count,
      }));
      return [{ stage, n: of.n, p50Us: of.p50, p95Us: of.p95, p99Us: of.p99, maxUs: of.max, bins }];
    });
  }

  private maxOf(stage: number): number {
    let most = 0;
    for (let i = 0; i < this.series.length; i++) {
      most = Math.max(most, this.highest[i * STAGES.length + stage]!);
    }
    return most;
  }
}

/** Lower edge of a bin, tenths. */
const binEdge = (bin: number): number =>
  2 ** Math.floor(bin / BINS_PER_DOUBLING) * (1 + bin % BINS_PER_DOUBLING / BINS_PER_DOUBLING);

function numbersOf(histogram: hdr.Histogram, max: number): StageNumbers {
  const at = (percentile: number) => Math.min(max, histogram.getValueAtPercentile(percentile)) / PER_US;
  return { p50: at(50), p95: at(95), p99: at(99), max: max / PER_US, n: histogram.totalCount };
}
