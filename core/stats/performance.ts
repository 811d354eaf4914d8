/**
 * What a strategy's results amount to. Money in and out is pUSD in millionths (integers); ratios are doubles, and null
 * where the data cannot define them, so that "no losses yet" is never shown as a number.
 */
import { invariant } from "../errors.ts";
import type { Usdc } from "../units.ts";

export interface Performance {
  readonly windows: number;
  readonly trades: number;
  /** Trades with a result above zero. A result of exactly zero is a trade but no win. */
  readonly wins: number;
  /** wins / trades; null without trades. */
  readonly winRate: number | null;
  /** Gross profit / gross loss over trades; null when nothing was lost (the ratio has no value then). */
  readonly profitFactor: number | null;
  /** Sum over windows, fees included as the caller booked them. */
  readonly totalPnl: Usdc;
  /** Rounded to a millionth. */
  readonly meanWindowPnl: Usdc;
  /** Mean / sample standard deviation of the window results: per window, not annualised. null below two windows or without spread. */
  readonly sharpePerWindow: number | null;
  /** Deepest fall of the cumulative window results below their earlier high, which starts at 0; never negative. */
  readonly maxDrawdown: Usdc;
  /** Part of the gross profit (sum of winning trades) that came from the 20 best trades; null without a winning trade. */
  readonly best20ShareOfProfit: number | null;
  /** Trade results summed without the 20 best trades: what is left when luck is taken away. */
  readonly pnlWithoutBest20: Usdc;
}

const BEST_TRADES = 20;

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) {
    invariant(Number.isSafeInteger(value), `a result must be an integer of pUSD millionths, got ${value}`);
    total += value;
  }
  invariant(Number.isSafeInteger(total), `the sum of results left the safe integers: ${total}`);
  return total;
}

/**
 * Deepest fall of a curve that starts at 0 and moves by `changes` in order. pUSD millionths.
 * Realised results only: a position that sank and came back before it was settled leaves no trace here.
 */
export function maxDrawdown(changes: readonly number[]): Usdc {
  let equity = 0;
  let high = 0;
  let deepest = 0;
  for (const change of changes) {
    equity += change;
    if (equity > high) high = equity;
    else if (high - equity > deepest) deepest = high - equity;
  }
  return deepest as Usdc;
}

/** Mean / sample standard deviation (n - 1). null below two values or when all are equal. */
export function sharpe(values: readonly number[]): number | null {
  const n = values.length;
  if (n < 2) return null;
  let mean = 0;
  for (const value of values) mean += value / n;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const deviation = Math.sqrt(squares / (n - 1));
  // Rounding leaves a spread of about 1e-16 of the mean between equal values; that is no spread.
  return deviation <= Math.abs(mean) * 1e-12 ? null : mean / deviation;
}

/**
 * Sums up a run. `windowPnl`: one result per window in order of settlement, including 0 for windows that were watched
 * but not traded when the figures are to be "per window offered" (the caller states which in its basis line).
 * `tradePnl`: one result per trade (a position from opening to sale or settlement). Both in pUSD millionths.
 */
export function summarise(windowPnl: readonly number[], tradePnl: readonly number[]): Performance {
  const totalPnl = sum(windowPnl);
  const tradeTotal = sum(tradePnl);
  const profit = sum(tradePnl.filter((pnl) => pnl > 0));
  const loss = profit - tradeTotal;
  const wins = tradePnl.filter((pnl) => pnl > 0).length;
  const best = sum([...tradePnl].sort((a, b) => b - a).slice(0, BEST_TRADES).filter((pnl) => pnl > 0));
  const mean = windowPnl.length === 0 ? 0 : Math.round(totalPnl / windowPnl.length);
  return {
    windows: windowPnl.length,
    trades: tradePnl.length,
    wins,
    winRate: tradePnl.length === 0 ? null : wins / tradePnl.length,
    profitFactor: loss === 0 ? null : profit / loss,
    totalPnl: totalPnl as Usdc,
    // "+ 0" turns the -0 of Math.round(-0.4) into 0.
    meanWindowPnl: (mean + 0) as Usdc,
    sharpePerWindow: sharpe(windowPnl),
    maxDrawdown: maxDrawdown(windowPnl),
    best20ShareOfProfit: profit === 0 ? null : best / profit,
    pnlWithoutBest20: (tradeTotal - best) as Usdc,
  };
}
