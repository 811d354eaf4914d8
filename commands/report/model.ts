/**
 * What a report shows, as plain data. Money is pUSD in millionths, sizes are shares in millionths, token prices are
 * 1/10000 pUSD, times are Unix milliseconds; chart lines (bid, ask, mid, fair value) are doubles from 0 to 1. `null`
 * means "not known" and is shown as a dash, never as zero. Nothing is validated here: whoever fills the model knows it.
 */
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";
import type { Outcome, Side } from "../../core/market/instrument.ts";
import type { Performance } from "../../core/stats/performance.ts";
import type { ParitySummary } from "../trading/parity_summary.ts";
import type { BrierRow, DifferenceRow, ReliabilityBin } from "../../core/stats/brier.ts";
import type { Overfitting } from "../../core/stats/overfitting.ts";
import type { Deflated } from "../../core/stats/sharpe_inference.ts";
import type { AuditRow } from "../trading/audit.ts";
import type { GroupRow } from "../trading/breakdown.ts";
import type { GoPage } from "../trading/go_criteria.ts";
import type { Verdict } from "../trading/verdict.ts";

export interface ReportWarning {
  readonly code: string;
  readonly message: string;
}

/** Parts that both kinds of report share. */
interface ReportCommon {
  /** null: not stated, so that the same input gives the same file. */
  readonly generatedAt: Ms | null;
  /** Version of poly-edge that made it. */
  readonly version: string;
  readonly venue: string;
  /** How every figure is to be read, e.g. "paper fills at executable prices, fees included, provisional until settled". */
  readonly basis: string;
  readonly warnings: readonly ReportWarning[];
}

/** One window's prices of the Up token, all columns as long as `tMs` (ascending), null where there was no value. */
export interface PriceChart {
  readonly slug: string;
  /** One line under the slug, e.g. "strike 91,204.11, ended Up". */
  readonly note: string;
  readonly startMs: Ms;
  readonly endMs: Ms;
  readonly tMs: readonly number[];
  readonly bid: readonly (number | null)[];
  readonly ask: readonly (number | null)[];
  readonly mid: readonly (number | null)[];
  readonly fair: readonly (number | null)[];
}

/** Durations of one stage. Bins ascend; a bin holds values from `fromUs` (included) to `toUs`. */
export interface LatencyStage {
  readonly stage: string;
  readonly n: number;
  readonly p50Us: number;
  readonly p95Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly bins: readonly { readonly fromUs: number; readonly toUs: number; readonly count: number }[];
}

export interface WindowRow {
  readonly slug: string;
  /** Exact text of the source, null when unknown. */
  readonly strike: string | null;
  readonly outcome: Outcome | null;
  readonly fills: number;
  readonly fees: Usdc;
  readonly pnl: Usdc;
  /** false: still provisional. */
  readonly settled: boolean;
}

export interface FillRow {
  readonly tMs: Ms;
  readonly slug: string;
  readonly outcome: Outcome;
  readonly side: Side;
  readonly price: Price;
  readonly size: Shares;
  readonly fee: Usdc;
  readonly liquidity: "taker" | "maker";
  /** `provisional` until the venue confirmed it, `failed` when it was undone. */
  readonly status: "provisional" | "confirmed" | "failed";
}

export interface PositionRow {
  readonly slug: string;
  readonly outcome: Outcome;
  readonly size: Shares;
  readonly averagePrice: Price;
  readonly cost: Usdc;
  /** Value at the executable price when the session ended; null without a quote. */
  readonly mark: Usdc | null;
}

export interface FeedRow {
  readonly feed: string;
  readonly state: string;
  readonly frames: number;
  readonly perSecond: number;
  readonly ageMsP50: number | null;
  readonly ageMsP99: number | null;
  readonly gaps: number;
  readonly reconnects: number;
  readonly unrecognised: number;
}

/** Report of one trading session. */
export interface SessionReport extends ReportCommon {
  readonly kind: "session";
  readonly session: string;
  readonly mode: "paper" | "live" | "replay";
  readonly strategy: string;
  readonly model: string | null;
  readonly assets: readonly string[];
  readonly durations: readonly string[];
  readonly startedAt: Ms;
  readonly endedAt: Ms;
  readonly decisionsHash: string;
  readonly totals: {
    readonly pnlFinal: Usdc;
    readonly pnlProvisional: Usdc;
    readonly fees: Usdc;
    readonly orders: number;
    readonly trades: number;
    readonly fills: number;
    readonly winRate: number | null;
    readonly maxDrawdown: Usdc;
  };
  /** Equity in pUSD millionths over time. */
  readonly equity: { readonly tMs: readonly number[]; readonly equity: readonly number[] };
  readonly charts: readonly PriceChart[];
  readonly latency: readonly LatencyStage[];
  readonly windows: readonly WindowRow[];
  readonly notSent: readonly { readonly code: string; readonly count: number; readonly meaning: string }[];
  readonly positions: readonly PositionRow[];
  /** All fills in order; the report lists the first 500 and says so, the charts mark all of them. */
  readonly fills: readonly FillRow[];
  readonly feeds: readonly FeedRow[];
  /** The parity ledger's figures; absent or null when none was kept. */
  readonly parity?: ParitySummary | null;
}

/** Why and when a strategy's risk gate first stopped it for good. */
export interface FirstStop {
  readonly atMs: Ms;
  readonly code: string;
  /** Windows finished before. */
  readonly windowsBefore: number;
  readonly pnlBefore: Usdc;
}

/** A result with its interval, both null where there is none. */
export interface Amount {
  readonly name: string;
  readonly pnl: Usdc | null;
  readonly ci95: readonly [Usdc, Usdc] | null;
}

/** What may be said of a result on some windows, and what speaks against it. */
export interface Evidence {
  /** Which windows: all of them, out of sample, a held-out part. */
  readonly on: string;
  readonly verdict: Verdict;
  readonly audit: { readonly complete: boolean; readonly rows: readonly AuditRow[] };
  readonly deflated: Deflated | null;
  /** How much more it earned than each baseline on the same windows. */
  readonly against: readonly Amount[];
}

/** A choice of parameters and what came of it on later windows. */
export interface ChoiceRow {
  readonly fold: string;
  readonly chosen: string;
  readonly among: number;
  readonly trainWindows: number;
  readonly testWindows: number;
  readonly inSample: Usdc | null;
  readonly outOfSample: Usdc;
}

/** A held-out asset. */
export interface HeldOutRow extends Evidence {
  readonly windows: number;
  readonly trades: number;
  readonly pnl: Usdc;
  readonly ci95: readonly [Usdc, Usdc] | null;
}

/** All evidence about a strategy: no report shows a result without. */
export interface Claims extends Evidence {
  readonly sharpeCi95: readonly [number, number] | null;
  readonly overfitting: Overfitting | null;
  readonly basis: readonly Amount[];
  readonly exposure: { readonly peak: Usdc; readonly mean: Usdc; readonly timeInMarket: number };
  readonly breakdown: readonly GroupRow[];
  readonly go: GoPage;
  readonly choices: readonly ChoiceRow[];
  readonly assets: readonly HeldOutRow[];
}

export interface StrategyResult {
  readonly name: string;
  /** null: a yardstick (hold, market price, random) that nobody proposes to trade. */
  readonly claims: Claims | null;
  /** Parameters or model in a few words. */
  readonly note: string;
  readonly performance: Performance;
  readonly fees: Usdc;
  readonly fills: number;
  /** 95 % bootstrap interval of the total over windows; null below two windows. */
  readonly ci95: readonly [Usdc, Usdc] | null;
  readonly basis: string;
  /** Result per window in order of settlement, both arrays equally long. */
  readonly windowEndMs: readonly number[];
  readonly windowPnl: readonly number[];
  /** Equity at the start; the curve is this plus the running sum of `windowPnl`. */
  readonly bankroll: Usdc;
  readonly notSent: readonly { readonly code: string; readonly count: number; readonly meaning: string }[];
  readonly firstStop: FirstStop | null;
}

/** Scores of one forecaster: `rows` per fraction of the window, `reliability` per the same fractions. */
export interface ForecasterScore {
  readonly name: string;
  readonly rows: readonly BrierRow[];
  readonly reliability: readonly (readonly ReliabilityBin[])[];
}

export interface TapeRow {
  readonly tape: string;
  readonly layout: string;
  readonly windows: number;
  readonly events: number;
  readonly fromMs: Ms | null;
  readonly toMs: Ms | null;
  /** Inputs the recording does not have. */
  readonly absent: readonly string[];
}

/** Report of strategies over recordings. */
export interface BacktestReport extends ReportCommon {
  readonly kind: "backtest";
  readonly title: string;
  readonly strategies: readonly StrategyResult[];
  readonly forecasters: readonly ForecasterScore[];
  /** Paired comparison of two forecasters on the same windows; negative favours `b`. */
  readonly comparison:
    | { readonly a: string; readonly b: string; readonly rows: readonly DifferenceRow[] }
    | null;
  readonly tapes: readonly TapeRow[];
  /** Latency, hold, fee schedule, sizing, stops: name and value as text. */
  readonly assumptions: readonly { readonly name: string; readonly value: string }[];
  /** What this run in particular cannot show; the report adds what follows from its own figures. */
  readonly limits: readonly string[];
  readonly events: number;
  readonly seed: number;
  /** Configurations ever tried on these recordings, and in this run. */
  readonly trials: { readonly count: number; readonly thisRun: number };
}

export type ReportModel = SessionReport | BacktestReport;
