/**
 * What the dashboard's page is told. Units as in the core: money and shares in millionths, prices in 1/10000, times in ms;
 * probabilities 0..1; null where there is no value.
 */
import type { SessionStart } from "../../feeds/session/format.ts";
import type { FillRow, LatencyStage } from "../report/model.ts";
import { VERSION } from "../version.ts";

export const STATE_SCHEMA = "poly-edge-dashboard/1";

export interface SessionInfo {
  readonly id: string;
  readonly mode: "paper" | "live";
  /** Where events come from. `record`: a session's folder is played. */
  readonly source: "sockets" | "tape" | "record";
  readonly venue: string;
  readonly strategy: string;
  readonly assets: readonly string[];
  readonly durations: readonly string[];
  /** Wall ms. */
  readonly startedAt: number;
  readonly version: string;
}

/** What a session's beginning says of it. `startedAt`: wall ms. */
export const sessionInfo = (start: SessionStart, startedAt: number): SessionInfo => ({
  id: start.id,
  mode: start.mode,
  source: start.source,
  venue: start.venue,
  strategy: start.strategy.name,
  assets: start.assets,
  durations: start.durations,
  startedAt,
  version: VERSION,
});

export type RunState = "starting" | "running" | "ended";

export interface MoneyState {
  readonly bankroll: number;
  readonly equity: number;
  readonly cash: number;
  readonly free: number;
  readonly exposure: number;
  readonly pnlFinal: number;
  readonly pnlProvisional: number;
  readonly unrealised: number;
  readonly fees: number;
  readonly drawdown: number;
  readonly maxDrawdown: number;
}

export interface CountState {
  readonly events: number;
  readonly evaluations: number;
  readonly orders: number;
  readonly openOrders: number;
  readonly fills: number;
  readonly trades: number;
  readonly wins: number;
  readonly averageTrade: number | null;
  readonly bestTrade: number | null;
  readonly worstTrade: number | null;
  readonly lossStreak: number;
  readonly settledWindows: number;
}

export interface MarketState {
  readonly slug: string;
  readonly asset: string;
  readonly duration: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly phase: "next" | "running" | "settling";
  readonly strike: string | null;
  /** Best prices of Up; null without a trusted book. */
  readonly bid: number | null;
  readonly ask: number | null;
  /** Mid of Up as a probability. */
  readonly mid: number | null;
  /** The strategy's own probability of Up. */
  readonly fair: number | null;
  /** Change of the mid over two seconds. */
  readonly velocity: number | null;
  /** Age of the older of the two books and of the fast price; null before the first. */
  readonly bookAgeMs: number | null;
  readonly fastPrice: number | null;
  readonly fastAgeMs: number | null;
  /** Balance of taker dollars on the fast market, -1..1. */
  readonly flow: number | null;
  readonly stale: boolean;
  readonly position: PositionState | null;
  readonly fills: number;
  /** Realised in this window. */
  readonly pnl: number;
  /** `provisional`: our own reading of the prints. */
  readonly winner: string | null;
}

export interface PositionState {
  readonly slug: string;
  readonly outcome: "up" | "down";
  readonly shares: number;
  readonly averagePrice: number;
  readonly cost: number;
  /** Value at the executable bid; null without a quote. */
  readonly value: number | null;
  readonly unrealised: number | null;
}

export interface FeedView {
  readonly feed: string;
  readonly state: string;
  readonly detail: string;
  readonly perSecond: number;
  readonly ageMsP50: number | null;
  readonly ageMsP99: number | null;
  readonly dataAgeMs: number | null;
  readonly gaps: number;
  readonly reconnects: number;
  readonly unrecognised: number;
}

export interface PolicyState {
  readonly name: string;
  readonly actions: {
    readonly hold: number;
    readonly up: number;
    readonly down: number;
    readonly close: number;
  };
  /** Forecasts at half-time of settled windows. */
  readonly forecasts: number;
  readonly accuracy: number | null;
  readonly brier: number | null;
  readonly confidence: number | null;
}

/** One update of a trainer, as far as its log states it. */
export interface TrainingRow {
  readonly update: number;
  readonly steps: number | null;
  readonly reward: number | null;
  readonly policyLoss: number | null;
  readonly valueLoss: number | null;
  readonly entropy: number | null;
  readonly approxKl: number | null;
  readonly clipFraction: number | null;
  readonly explainedVariance: number | null;
  readonly buffer: number | null;
}

/** Sent up to four times a second. */
export interface DashboardState {
  readonly schema: typeof STATE_SCHEMA;
  /** Wall ms at which this was made, and the newest event's venue ms (null before the first). */
  readonly madeAt: number;
  readonly venueMs: number | null;
  /** Wall ms since the session last took an event. */
  readonly quietMs: number;
  readonly run: RunState;
  readonly session: SessionInfo;
  readonly latch: string | null;
  readonly money: MoneyState;
  readonly counts: CountState;
  readonly markets: readonly MarketState[];
  readonly positions: readonly PositionState[];
  /** Newest first. */
  readonly fills: readonly FillRow[];
  readonly notSent: readonly { readonly code: string; readonly count: number; readonly meaning: string }[];
  readonly latency: readonly LatencyStage[];
  readonly feeds: readonly FeedView[];
  readonly policy: PolicyState;
  /** Newest update last; empty: nothing is trained. */
  readonly training: readonly TrainingRow[];
}

export interface WindowSeries {
  readonly slug: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly tMs: readonly number[];
  readonly mid: readonly (number | null)[];
  readonly fair: readonly (number | null)[];
}

/** Sent every two seconds. */
export interface DashboardCharts {
  readonly equity: { readonly tMs: readonly number[]; readonly equity: readonly number[] };
  readonly windows: readonly WindowSeries[];
}

/** Where state and charts come from; called when somebody looks. Null: there is no session yet. */
export interface StateSource {
  state(): DashboardState | null;
  charts(): DashboardCharts | null;
}
