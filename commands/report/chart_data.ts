/** From the report's model to what the script in the page draws: thinned, rounded, in display units. Pure. */
import { complement, MICRO, PRICE_SCALE } from "../../core/units.ts";
import { downsampleRows, MAX_POINTS, pick } from "./downsample.ts";
import { clockTime, feeMoney, shareCount, tokenPrice } from "./format.ts";
import type { FillRow, PriceChart, SessionReport, StrategyResult } from "./model.ts";

export interface LineSpec {
  readonly label: string;
  readonly y: readonly (number | null)[];
  /** Name of the colour in the style sheet. */
  readonly color: string;
  readonly width: number;
  readonly dash: readonly number[];
  readonly stepped: boolean;
  readonly points: boolean;
  readonly digits: number;
}

/** A fill on a price chart; `y` is on the Up scale, a Down fill at p sits at 1 - p. */
export interface FillMark {
  readonly t: number;
  readonly y: number;
  readonly up: boolean;
  readonly buy: boolean;
  readonly failed: boolean;
  readonly text: string;
}

/** One line chart. With `times`, x is an ordinal and `times` holds the moment of each. */
export interface ChartSpec {
  readonly x: readonly number[];
  readonly times?: readonly (number | null)[];
  readonly xName: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
  readonly height: number;
  readonly series: readonly LineSpec[];
  /** Numbers (from 1) of the upper and lower line between which the area is tinted. */
  readonly band?: readonly [number, number];
  readonly fills?: readonly FillMark[];
}

const SOLID: readonly number[] = [];
/** Line patterns of strategies, so that colour is not the only difference. */
const DASHES: readonly (readonly number[])[] = [
  SOLID,
  [8, 4],
  [2, 3],
  [10, 3, 2, 3],
  [5, 5],
  [12, 4],
  [3, 6],
  [1, 2],
];
export const COLORS = 8;

const rounded = (value: number | null): number | null =>
  value === null || !Number.isFinite(value) ? null : Math.round(value * 10_000) / 10_000;

/** Session equity over time. */
export function equityChart(equity: SessionReport["equity"]): ChartSpec {
  const values = equity.equity.map((value) => value / MICRO);
  const rows = downsampleRows(values.length, [values]);
  return {
    x: pick(equity.tMs, rows),
    xName: "time (UTC)",
    xLabel: "time (UTC)",
    yLabel: "equity (pUSD)",
    height: 320,
    series: [{
      label: "equity",
      y: pick(values, rows),
      color: "--s1",
      width: 2,
      dash: SOLID,
      stepped: true,
      points: rows.length < 3,
      digits: 2,
    }],
  };
}

function fillMark(fill: FillRow): FillMark {
  const up = fill.outcome === "up";
  const onUpScale = up ? fill.price : complement(fill.price);
  const words = [
    `${fill.side === "buy" ? "Buy" : "Sell"} ${up ? "Up" : "Down"}`,
    `${shareCount(fill.size)} @ ${tokenPrice(fill.price)},`,
    `fee ${feeMoney(fill.fee)}, ${fill.liquidity}, ${fill.status}, ${clockTime(fill.tMs)}`,
  ];
  return {
    t: fill.tMs,
    y: onUpScale / PRICE_SCALE,
    up,
    buy: fill.side === "buy",
    failed: fill.status === "failed",
    text: words.join(" "),
  };
}

/** One window's prices of Up with its fills. `maxPoints` bounds the rows. */
export function priceChart(
  chart: PriceChart,
  fills: readonly FillRow[],
  maxPoints: number = MAX_POINTS,
): ChartSpec {
  const columns = [chart.ask, chart.bid, chart.mid, chart.fair].map((column) => column.map(rounded));
  const rows = downsampleRows(chart.tMs.length, columns, maxPoints);
  const [ask = [], bid = [], mid = [], fair = []] = columns.map((column) => pick(column, rows));
  const line = (label: string, y: (number | null)[], color: string, width: number): LineSpec => ({
    label,
    y,
    color,
    width,
    dash: SOLID,
    stepped: true,
    points: false,
    digits: 3,
  });
  return {
    x: pick(chart.tMs, rows),
    xName: "time (UTC)",
    xLabel: "time (UTC)",
    yLabel: "price of Up (pUSD)",
    xRange: [chart.startMs, chart.endMs],
    yRange: [0, 1],
    height: 360,
    series: [
      line("ask", ask, "--s8", 1),
      line("bid", bid, "--s8", 1),
      line("mid", mid, "--s1", 1.75),
      { ...line("fair value", fair, "--s2", 1.75), dash: [6, 4], stepped: false },
    ],
    band: [1, 2],
    fills: fills.map(fillMark),
  };
}

/** Equity of a strategy at each of `endsMs` (ascending), carried forward; starts with the bankroll. */
function carried(strategy: StrategyResult, endsMs: readonly number[]): number[] {
  const order = strategy.windowEndMs.map((_, i) => i).sort((a, b) =>
    (strategy.windowEndMs[a] ?? 0) - (strategy.windowEndMs[b] ?? 0)
  );
  let equity: number = strategy.bankroll;
  let next = 0;
  const curve = [equity / MICRO];
  for (const end of endsMs) {
    for (; next < order.length; next++) {
      const index = order[next] as number;
      if ((strategy.windowEndMs[index] ?? 0) > end) break;
      equity += strategy.windowPnl[index] ?? 0;
    }
    curve.push(equity / MICRO);
  }
  return curve;
}

/**
 * Equity curves of all strategies over the number of the settlement. Recordings may lie months apart; over calendar time
 * the curves would be a few vertical strokes, so x counts distinct settlement times and the date is shown on hover.
 */
export function equityCurves(strategies: readonly StrategyResult[]): ChartSpec {
  const ends = [...new Set(strategies.flatMap((strategy) => strategy.windowEndMs))].sort((a, b) => a - b);
  const curves = strategies.map((strategy) => carried(strategy, ends));
  const rows = downsampleRows(ends.length + 1, curves);
  return {
    x: rows,
    times: rows.map((row) => row === 0 ? null : ends[row - 1] ?? null),
    xName: "settlement",
    xLabel: "settlement number, in time order",
    yLabel: "equity (pUSD)",
    height: 380,
    series: strategies.map((strategy, index) => ({
      label: strategy.name,
      y: pick(curves[index] ?? [], rows),
      color: `--s${index % COLORS + 1}`,
      width: 2,
      dash: DASHES[index % COLORS] ?? SOLID,
      stepped: true,
      points: ends.length < 2,
      digits: 2,
    })),
  };
}
