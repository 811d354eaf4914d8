/**
 * Go or no-go: the figures that must be met before real money is sent, as earlier systems wrote them down (share of the
 * wishful result that is kept, latency, drawdown, Sharpe ratio, trades, win rate, weeks of paper trading). What a backtest
 * cannot measure is said to be not measured, and counts as not met.
 */
import type { Usdc } from "../../core/units.ts";
import type { TapeWindow } from "./totals.ts";
import type { Figures } from "./figures.ts";
import type { Verdict } from "./verdict.ts";

const DAY_MS = 86_400_000;
const MIN_DAYS = 14;
/** Fewer days have no yearly ratio. */
const MIN_DAYS_FOR_SHARPE = 10;

export interface Criterion {
  readonly name: string;
  readonly required: string;
  readonly value: string;
  readonly state: "met" | "not met" | "not measured";
}

export interface GoPage {
  readonly go: boolean;
  readonly criteria: readonly Criterion[];
}

export interface GoInput {
  readonly figures: Figures;
  readonly windows: readonly TapeWindow[];
  readonly naivePnl: Usdc | null;
  readonly bankroll: Usdc;
  readonly verdict: Verdict;
  /** The slowest 5 % of orders in the model: an assumption. */
  readonly assumedLatencyMsP95: number;
}

const fixed = (value: number, digits: number): string => value.toFixed(digits);
const percent = (value: number): string => `${fixed(value * 100, 1)} %`;
const state = (met: boolean): Criterion["state"] => met ? "met" : "not met";

/** Sharpe ratio of the UTC days' results times the square root of 365; null with too few days. */
export function yearlySharpe(windows: readonly TapeWindow[]): number | null {
  const days = dailyResults(windows);
  if (days.length < MIN_DAYS_FOR_SHARPE) return null;
  const mean = days.reduce((sum, pnl) => sum + pnl, 0) / days.length;
  const squares = days.reduce((sum, pnl) => sum + (pnl - mean) ** 2, 0);
  return squares === 0 ? null : mean / Math.sqrt(squares / (days.length - 1)) * Math.sqrt(365);
}

function dailyResults(windows: readonly TapeWindow[]): number[] {
  const days = new Map<number, number>();
  for (const { endMs, pnl } of windows) {
    const day = Math.floor((endMs - 1) / DAY_MS);
    days.set(day, (days.get(day) ?? 0) + pnl);
  }
  return [...days.values()];
}

function keptShare({ figures, naivePnl }: GoInput): Criterion {
  const common = { name: "share of the result at mids that is left", required: "more than 50 %" };
  const { totalPnl } = figures.performance;
  const money = (value: number) => fixed(value / 1e6, 2);
  if (naivePnl === null) return { ...common, value: "no trades", state: "not measured" };
  if (naivePnl <= 0) {
    return {
      ...common,
      value: `none: ${money(totalPnl)} of ${money(naivePnl)} pUSD, which is no profit`,
      state: "not met",
    };
  }
  const share = totalPnl / naivePnl;
  const value = `${percent(share)} (${money(totalPnl)} of ${money(naivePnl)} pUSD)`;
  return { ...common, value, state: state(share > 0.5) };
}

function sharpeRow({ windows }: GoInput): Criterion {
  const common = { name: "Sharpe ratio of daily results, a year", required: "more than 1" };
  const days = dailyResults(windows).length;
  const yearly = yearlySharpe(windows);
  return yearly === null
    ? {
      ...common,
      value: `${days} days; at least ${MIN_DAYS_FOR_SHARPE}, not all alike, are needed`,
      state: "not measured",
    }
    : { ...common, value: `${fixed(yearly, 2)} over ${days} days`, state: state(yearly > 1) };
}

export function goPage(input: GoInput): GoPage {
  const { figures, windows, bankroll, verdict, assumedLatencyMsP95 } = input;
  const { performance } = figures;
  const drawdown = performance.maxDrawdown / bankroll;
  const days = dailyResults(windows).length;
  const criteria: Criterion[] = [
    {
      name: "the result survives its audit",
      required: "yes",
      value: verdict.claim === "edge" ? "yes" : verdict.text,
      state: verdict.claim === "undecided" ? "not measured" : state(verdict.claim === "edge"),
    },
    keptShare(input),
    {
      name: "p95 latency, tick to order",
      required: "below 150 ms; never above 300 ms",
      value: `${fixed(assumedLatencyMsP95, 0)} ms is assumed; latency-probe and paper trading measure it`,
      state: "not measured",
    },
    {
      name: "deepest drawdown",
      required: "below 15 % of the bankroll",
      value: percent(drawdown),
      state: state(drawdown < 0.15),
    },
    sharpeRow(input),
    {
      name: "trades",
      required: "at least 100, together positive",
      value: `${performance.trades}, together ${fixed(performance.totalPnl / 1e6, 2)} pUSD, simulated`,
      state: state(performance.trades >= 100 && performance.totalPnl > 0),
    },
    {
      name: "win rate",
      required: "more than 20 %",
      value: performance.winRate === null ? "no trades" : percent(performance.winRate),
      state: performance.winRate === null ? "not measured" : state(performance.winRate > 0.2),
    },
    {
      name: "days with windows",
      required: `at least ${MIN_DAYS}`,
      value: String(days),
      state: state(days >= MIN_DAYS),
    },
    {
      name: "100 tiny live trades, together positive",
      required: "yes",
      value: "no live trade is in a backtest",
      state: "not measured",
    },
  ];
  return { go: criteria.every((criterion) => criterion.state === "met"), criteria };
}
