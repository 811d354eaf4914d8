/** What a strategy did on all tapes together, tape after tape. */
import type { Usdc } from "../../core/units.ts";
import type { Variant, VariantResult } from "./backtest_job.ts";
import type { Exposure, SettledWindow, TradeOutcome } from "./backtest_run.ts";

/** A settled window and the number of its tape. */
export type TapeWindow = SettledWindow & { readonly tape: number };
export type TapeTrade = TradeOutcome & { readonly tape: number };

export interface StrategyTotals {
  readonly name: string;
  readonly variant: Variant;
  readonly windows: TapeWindow[];
  readonly trades: TapeTrade[];
  readonly exposures: Exposure[];
  rebates: Usdc;
  decisions: number;
  fills: number;
  fees: Usdc;
  orders: number;
  unsettledPositions: number;
  unsettledValue: Usdc;
  readonly notSent: Map<string, number>;
  /** When the bankroll of a tape was first gone, and on which tape. */
  ruined: { tape: string; atMs: number } | null;
  firstStop: { code: string; atMs: number; windowsBefore: number; pnlBefore: Usdc } | null;
  /** One hash per tape, in order. */
  readonly decisionHashes: string[];
}

/** Of nothing yet. */
export const newTotals = (variant: Variant): StrategyTotals => ({
  name: variant.name,
  variant,
  windows: [],
  trades: [],
  exposures: [],
  rebates: 0 as Usdc,
  decisions: 0,
  fills: 0,
  fees: 0 as Usdc,
  orders: 0,
  unsettledPositions: 0,
  unsettledValue: 0 as Usdc,
  notSent: new Map(),
  ruined: null,
  firstStop: null,
  decisionHashes: [],
});

/** Adds what a variant did on tape number `tape`. */
export function collect(tape: number, name: string, total: StrategyTotals, result: VariantResult): void {
  if (result.ruinedAtMs !== null) total.ruined ??= { tape: name, atMs: result.ruinedAtMs };
  const stop = result.firstStop;
  if (stop !== null && total.firstStop === null) {
    total.firstStop = {
      code: stop.code,
      atMs: stop.atMs,
      windowsBefore: total.windows.length +
        result.settled.filter((window) => window.endMs <= stop.atMs).length,
      pnlBefore: (total.windows.reduce((sum, window) => sum + window.pnl, 0) +
        stop.equity - result.bankroll) as Usdc,
    };
  }
  for (const window of result.settled) total.windows.push({ ...window, tape });
  for (const trade of result.trades) total.trades.push({ ...trade, tape });
  total.exposures.push(result.exposure);
  total.rebates = (total.rebates + result.rebates) as Usdc;
  total.decisions += result.decisions;
  total.fills += result.fills;
  total.fees = (total.fees + result.fees) as Usdc;
  total.orders += result.orders;
  total.unsettledPositions += result.unsettled.positions;
  total.unsettledValue = (total.unsettledValue + result.unsettled.value) as Usdc;
  for (const [code, count] of result.notSent) {
    total.notSent.set(code, (total.notSent.get(code) ?? 0) + count);
  }
  total.decisionHashes.push(result.decisionHash);
}
