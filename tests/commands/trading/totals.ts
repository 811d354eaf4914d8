/** Results of strategies for the tests of splits, audits and verdicts: five-minute windows one after the other. */
import type { BacktestOutcome } from "../../../commands/trading/backtest.ts";
import type { StrategyTotals, TapeWindow } from "../../../commands/trading/totals.ts";
import type { TreatmentName } from "../../../commands/trading/treatments.ts";
import { TREATMENT_NAMES } from "../../../commands/trading/treatments.ts";
import { candidatesOf } from "../../../commands/trading/splits.ts";
import { NO_FAULTS } from "../../../commands/trading/stamp_check.ts";
import { shares, usdc } from "../../../core/units.ts";

const START = 1_795_251_600_000;
const LENGTH = 300_000;

/** Window number `i` with a result in pUSD millionths; what was right was held to the end. */
export const windowOf = (i: number, pnl: number): TapeWindow => ({
  slug: `btc-updown-5m-${i}`,
  asset: "btc",
  duration: "5m",
  startMs: START + i * LENGTH,
  endMs: START + (i + 1) * LENGTH,
  pnl: usdc(pnl),
  fees: usdc(100),
  fills: 1,
  up: i % 2 === 0,
  upShares: shares(i % 2 === 0 ? 2_000_000 : 0),
  downShares: shares(i % 2 === 0 ? 0 : 2_000_000),
  tape: 0,
});

export function totalsOf(name: string, pnl: readonly number[], strategy = "mean-revert"): StrategyTotals {
  const windows = pnl.map((value, i) => windowOf(i, value));
  return {
    name,
    variant: { name, strategy, params: {} },
    windows,
    trades: windows.map(({ slug, pnl }) => ({ slug, pnl, tape: 0 })),
    exposures: [],
    rebates: usdc(0),
    decisions: pnl.length,
    fills: pnl.length,
    fees: usdc(100 * pnl.length),
    orders: pnl.length,
    unsettledPositions: 0,
    unsettledValue: usdc(0),
    notSent: new Map(),
    ruined: null,
    firstStop: null,
    decisionHashes: ["hash"],
  };
}

const idle = (name: string, windows: number): StrategyTotals => ({
  ...totalsOf(name, Array.from({ length: windows }, () => 0), name),
  fills: 0,
});

/** An outcome of one strategy with given results under some treatments; the others change nothing. */
export function outcomeOf(
  totals: StrategyTotals,
  changed: Partial<Record<TreatmentName, StrategyTotals>> = {},
): BacktestOutcome {
  const treated = Object.fromEntries(TREATMENT_NAMES.map((name) => [name, changed[name] ?? totals]));
  const split = { kind: "all" } as const;
  return {
    settings: { variants: [totals.variant], seed: 1, stops: false, workers: 1, cache: null, split },
    strategies: [totals],
    baselines: ["hold", "market", "random"].map((name) => idle(name, totals.windows.length)),
    candidates: candidatesOf([totals], split),
    treated: new Map([[totals.name, treated as Record<TreatmentName, StrategyTotals>]]),
    tapes: [],
    forecasts: [],
    regimes: [],
    faults: NO_FAULTS,
    events: 0,
    durationMs: 1,
    replayMs: 1,
    workers: 1,
    peakRssBytes: 0,
    interrupted: false,
    sizing: "fixed",
  };
}
