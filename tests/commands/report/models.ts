/** Small report models for the tests: as a session or a backtest without anything to show, to be filled by each test. */
import { ms, price, shares, usdc } from "../../../core/units.ts";
import { summarise } from "../../../core/stats/performance.ts";
import { AUDIT_ROWS, WHAT } from "../../../commands/trading/audit.ts";
import type {
  BacktestReport,
  Claims,
  FillRow,
  PriceChart,
  SessionReport,
  StrategyResult,
} from "../../../commands/report/model.ts";

const START = 1_795_251_600_000;
export const SLUG = "btc-updown-5m-1795251600";

export const emptySession: SessionReport = {
  kind: "session",
  generatedAt: ms(START),
  version: "0.1.0",
  venue: "sim",
  basis: "paper fills at executable prices",
  warnings: [],
  session: "s-1",
  mode: "paper",
  strategy: "fair-edge",
  model: null,
  assets: ["btc"],
  durations: ["5m"],
  startedAt: ms(START),
  endedAt: ms(START + 300_000),
  decisionsHash: "0".repeat(64),
  totals: {
    pnlFinal: usdc(0),
    pnlProvisional: usdc(0),
    fees: usdc(0),
    orders: 0,
    trades: 0,
    fills: 0,
    winRate: null,
    maxDrawdown: usdc(0),
  },
  equity: { tMs: [], equity: [] },
  charts: [],
  latency: [],
  windows: [],
  notSent: [],
  positions: [],
  fills: [],
  feeds: [],
};

export const emptyBacktest: BacktestReport = {
  kind: "backtest",
  generatedAt: ms(START),
  version: "0.1.0",
  venue: "polymarket",
  basis: "simulated fills",
  warnings: [],
  title: "nothing",
  strategies: [],
  forecasters: [],
  comparison: null,
  tapes: [],
  assumptions: [],
  limits: [],
  events: 0,
  seed: 1,
  trials: { count: 1, thisRun: 1 },
};

export const fill = (over: Partial<FillRow> = {}): FillRow => ({
  tMs: ms(START + 1000),
  slug: SLUG,
  outcome: "up",
  side: "buy",
  price: price(4700),
  size: shares(12_500_000),
  fee: usdc(21_000),
  liquidity: "taker",
  status: "confirmed",
  ...over,
});

export const chartOf = (slug: string, points = 2): PriceChart => ({
  slug,
  note: "",
  startMs: ms(START),
  endMs: ms(START + 300_000),
  tMs: Array.from({ length: points }, (_, i) => START + i),
  bid: Array.from({ length: points }, () => 0.46),
  ask: Array.from({ length: points }, () => 0.48),
  mid: Array.from({ length: points }, () => 0.47),
  fair: Array.from({ length: points }, () => null),
});

/** Evidence about a strategy of which nothing is known, with every row of the audit. */
export const noClaims: Claims = {
  on: "all windows",
  verdict: { claim: "undecided", text: "Nothing is shown.", reasons: [] },
  audit: {
    complete: true,
    rows: AUDIT_ROWS.map((name) => ({
      ...{ name, what: WHAT[name], pnl: null, ci95: null, finding: "none", detail: "no trade" },
    })),
  },
  deflated: null,
  against: [],
  sharpeCi95: null,
  overfitting: null,
  basis: [],
  exposure: { peak: usdc(0), mean: usdc(0), timeInMarket: 0 },
  breakdown: [],
  go: { go: false, criteria: [] },
  choices: [],
  assets: [],
};

/** A strategy with one trade in each window whose result is not 0. */
export const strategyOf = (name: string, windowPnl: readonly number[]): StrategyResult => ({
  name,
  claims: noClaims,
  note: "",
  performance: summarise(windowPnl, windowPnl.filter((pnl) => pnl !== 0)),
  fees: usdc(0),
  fills: 0,
  ci95: null,
  basis: "simulated",
  windowEndMs: windowPnl.map((_, i) => START + i * 300_000),
  windowPnl,
  bankroll: usdc(1_000_000_000),
  notSent: [],
  firstStop: null,
});
