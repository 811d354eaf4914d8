/** The parity ledger in figures: how far prediction and reality are apart, and what the market did after our fills. */
import {
  averagePrice,
  differenceOf,
  favour,
  fillRatio,
  MARKOUTS_MS,
  type ParityOutcome,
  type ParityRow,
} from "../../core/exchange/parity_row.ts";
import type { Price } from "../../core/units.ts";
import { seededRandom } from "../../core/random.ts";
import { quantile } from "../../core/stats/bootstrap.ts";
import {
  type RatioInterval,
  ratioInterval,
  type RatioPart,
  wilsonInterval,
} from "../../core/stats/ratio_interval.ts";

/** Fixed, so that the same rows give the same intervals. */
const SEED = 7;

export interface SpanQuantiles {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Mean ratio of filled to wanted, 0..1, over the same orders. */
export interface FillRatios {
  readonly orders: number;
  /** From the book when the order was sent. */
  readonly expected: number;
  readonly model: number;
  readonly actual: number;
}

export interface MarkoutSummary {
  readonly afterMs: number;
  /** Orders with a quote then, and their shares in millionths. */
  readonly orders: number;
  readonly size: number;
  /** Gain per share in pUSD; the bootstrap draws windows. */
  readonly mid: RatioInterval | null;
  readonly executable: RatioInterval | null;
}

export interface ParitySummary {
  readonly orders: number;
  /** Orders without a row. */
  readonly dropped: number;
  /** Rows on which model and reality agree in everything. */
  readonly exact: number;
  /** In how many rows each thing differs: end, size, price, fee, delay, settlement. */
  readonly differences: Readonly<Record<string, number>>;
  /** Taker rows whose model may have met our own fill: not compared with the model. */
  readonly touched: number;
  readonly takers: FillRatios | null;
  /** Price paid beyond the prediction per share, pUSD, positive against us, over orders that both filled. */
  readonly slippage: { readonly expected: RatioInterval | null; readonly model: RatioInterval | null };
  /** Orders that rested, by who filled them. */
  readonly resting: {
    readonly orders: number;
    readonly both: number;
    readonly onlyModel: number;
    readonly onlyActual: number;
    readonly neither: number;
  };
  readonly delays: Readonly<
    Record<
      "acknowledge" | "fill",
      { readonly model: SpanQuantiles | null; readonly actual: SpanQuantiles | null }
    >
  >;
  readonly settlement: {
    readonly matches: number;
    readonly undone: number;
    /** Wilson's 95 % interval of the share that was undone. */
    readonly rateCi95: readonly [number, number] | null;
    readonly afterMs: SpanQuantiles | null;
  };
  readonly markouts: readonly MarkoutSummary[];
}

/** Quantiles of spans in ms; null without any. */
export function spanQuantiles(spans: readonly number[]): SpanQuantiles | null {
  if (spans.length === 0) return null;
  const sorted = Float64Array.from(spans).sort();
  const at = (q: number) => Math.round(quantile(sorted, q) * 10) / 10;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1)! };
}

/** Adds up by window, the unit of chance. */
function byWindow(parts: readonly (RatioPart & { readonly window: string })[]): RatioPart[] {
  const sums = new Map<string, { value: number; weight: number }>();
  for (const { window, value, weight } of parts) {
    const sum = sums.get(window) ?? { value: 0, weight: 0 };
    sum.value += value;
    sum.weight += weight;
    sums.set(window, sum);
  }
  return [...sums.values()];
}

const interval = (parts: readonly (RatioPart & { readonly window: string })[]): RatioInterval | null =>
  ratioInterval(byWindow(parts), seededRandom(SEED));

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function fillRatios(rows: readonly ParityRow[]): FillRatios | null {
  if (rows.length === 0) return null;
  const mean = (of: (row: ParityRow) => Pick<ParityOutcome, "size" | "cash">) =>
    average(rows.map((row) => fillRatio(row, of(row))));
  return {
    orders: rows.length,
    expected: mean((row) => row.expected),
    model: mean((row) => row.model),
    actual: mean((row) => row.actual),
  };
}

function slippage(
  rows: readonly ParityRow[],
  predicted: (row: ParityRow) => Pick<ParityOutcome, "size" | "cash">,
): RatioInterval | null {
  return interval(rows.flatMap((row) => {
    const [from, to] = [averagePrice(predicted(row)), averagePrice(row.actual)];
    if (from === null || to === null) return [];
    const lost = -favour({ side: row.side, price: to as Price }, from) / 10_000;
    // Buying dearer or selling cheaper than predicted is against us.
    return [{ window: row.conditionId, value: lost * row.actual.size, weight: row.actual.size }];
  }));
}

function markouts(rows: readonly ParityRow[]): MarkoutSummary[] {
  return MARKOUTS_MS.map((afterMs, i) => {
    const of = (key: "mid" | "executable") =>
      rows.flatMap((row) => {
        const value = row.markouts[i]?.[key] ?? null;
        const weight = row.actual.size;
        return value === null ? [] : [{ window: row.conditionId, value: value / 10_000 * weight, weight }];
      });
    const seen = rows.filter((row) => (row.markouts[i]?.size ?? 0) > 0);
    return {
      afterMs,
      orders: seen.length,
      size: seen.reduce((sum, row) => sum + row.markouts[i]!.size, 0),
      mid: interval(of("mid")),
      executable: interval(of("executable")),
    };
  });
}

const spansOf = (rows: readonly ParityRow[], key: "ackMs" | "fillMs", side: "model" | "actual") =>
  spanQuantiles(rows.flatMap((row) => row[side][key] ?? []));

/** Summary of a ledger's rows; `dropped` orders have none. */
export function summarise(rows: readonly ParityRow[], dropped = 0): ParitySummary {
  const differences: Record<string, number> = {};
  let exact = 0;
  for (const row of rows) {
    const found = differenceOf(row);
    if (found.length === 0) exact++;
    for (const kind of found) differences[kind] = (differences[kind] ?? 0) + 1;
  }
  const takers = rows.filter((row) => row.expected.kind === "takes");
  const clean = takers.filter((row) => !row.touched);
  const resting = rows.filter((row) => row.expected.kind === "rests");
  const met = (model: boolean, actual: boolean) =>
    resting.filter((row) => row.model.size > 0 === model && row.actual.size > 0 === actual).length;
  const undone = rows.reduce((sum, row) => sum + row.actual.undone, 0);
  const matches = undone + rows.reduce((sum, row) => sum + row.actual.settled, 0);
  const delay = (key: "ackMs" | "fillMs", of: readonly ParityRow[]) => ({
    model: spansOf(of, key, "model"),
    actual: spansOf(of, key, "actual"),
  });
  return {
    orders: rows.length,
    dropped,
    exact,
    differences,
    touched: takers.length - clean.length,
    takers: fillRatios(clean),
    slippage: {
      expected: slippage(takers, (row) => row.expected),
      model: slippage(clean, (row) => row.model),
    },
    resting: {
      orders: resting.length,
      both: met(true, true),
      onlyModel: met(true, false),
      onlyActual: met(false, true),
      neither: met(false, false),
    },
    delays: { acknowledge: delay("ackMs", rows), fill: delay("fillMs", takers) },
    settlement: {
      matches,
      undone,
      rateCi95: matches === 0 ? null : wilsonInterval(undone, matches),
      afterMs: spanQuantiles(rows.flatMap((row) => row.actual.settleMs)),
    },
    markouts: markouts(rows),
  };
}
