/** From a running session to what the page shows. Read-only; called at most four times a second, between two frames. */
import type { Engine } from "../../core/engine.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import { Portfolio, type Position } from "../../core/orders/portfolio.ts";
import { exposureOf, unrealisedOf } from "../../core/risk/exposure.ts";
import { notional, type Price, PRICE_SCALE, type Usdc } from "../../core/units.ts";
import type { FeedSummary } from "../../feeds/net/metrics.ts";
import { downsampleRows, pick } from "../report/downsample.ts";
import type { LatencyStage } from "../report/model.ts";
import { gateMeaning } from "../trading/meanings.ts";
import type { SessionRecorder } from "../trading/recorder.ts";
import {
  type DashboardCharts,
  type DashboardState,
  type FeedView,
  type MarketState,
  type MoneyState,
  type PolicyState,
  type PositionState,
  type RunState,
  type SessionInfo,
  STATE_SCHEMA,
  type TrainingRow,
} from "./model.ts";
import type { SessionObserver } from "./observer.ts";

const MAX_MARKETS = 16;
const MAX_POSITIONS = 64;
const MAX_FILLS = 40;
const EQUITY_POINTS = 400;
const WINDOW_POINTS = 140;
/** Two seconds of half-second samples, as the engine's own. */
const VELOCITY_TICKS = 5;
/** An ended window is shown this long while it waits for its settlement. */
const SETTLING_MS = 120_000;

export interface StateInput {
  readonly recorder: SessionRecorder;
  readonly observer: SessionObserver;
  readonly session: SessionInfo;
  readonly run: RunState;
  readonly quietMs: number;
  readonly madeAt: number;
  readonly feeds: Readonly<Record<string, FeedSummary>>;
  /** Ages from which a book or a fast price is stale, ms. */
  readonly maxBookAgeMs: number;
  readonly maxFastAgeMs: number;
  readonly training: readonly TrainingRow[];
  /** In place of the recorder's, for sessions that were timed elsewhere. */
  readonly latency?: readonly LatencyStage[];
}

const orNull = (value: number): number | null => Number.isFinite(value) ? value : null;
const priceOrNull = (value: number): number | null => value < 0 ? null : value;

function positionState(position: Position, engine: Engine, slug: string): PositionState {
  const window = engine.windows.get(position.conditionId);
  const bid = window === undefined ? 0 : position.outcome === "up" ? window.upMark : window.downMark;
  return {
    slug,
    outcome: position.outcome,
    shares: position.shares,
    averagePrice: Math.round(position.cost * PRICE_SCALE / Math.max(1, position.shares)),
    cost: position.cost + position.fees,
    value: bid === 0 ? null : notional(position.shares, bid as Price),
    unrealised: bid === 0 ? null : Portfolio.unrealised(position, bid as Price),
  };
}

function marketState(input: StateInput, window: WindowState, now: number): MarketState {
  const { engine } = input.recorder;
  const { instrument, up, down } = window;
  const asset = engine.assets.get(instrument.asset);
  const trusted = up.trusted && !up.crossed && down.trusted && !down.crossed;
  const held = [instrument.upToken, instrument.downToken].map((token) => engine.portfolio.position(token))
    .find((position) => position?.open === true);
  const result = engine.portfolio.windows.get(instrument.conditionId);
  const phase = now < instrument.startMs ? "next" : now < instrument.endMs ? "running" : "settling";
  const bookAgeMs = orNull(now - window.bookAtMs);
  const fastAgeMs = asset === undefined ? null : orNull(now - asset.priceAtMs);
  const late = (age: number | null, limit: number): boolean => age === null || age > limit;
  return {
    slug: instrument.slug,
    asset: instrument.asset,
    duration: instrument.duration,
    startMs: instrument.startMs,
    endMs: instrument.endMs,
    phase,
    strike: window.strike?.exact ?? null,
    bid: trusted ? priceOrNull(up.bestBid) : null,
    ask: trusted ? priceOrNull(up.bestAsk) : null,
    mid: trusted ? orNull(window.upMid) : null,
    fair: input.observer.probabilityOf(instrument.conditionId),
    velocity: trusted ? orNull(window.velocity(VELOCITY_TICKS)) : null,
    bookAgeMs,
    fastPrice: asset === undefined ? null : orNull(asset.price),
    fastAgeMs,
    flow: asset === undefined ? null : orNull(asset.tradeFlow()),
    stale: phase === "running" &&
      (!trusted || late(bookAgeMs, input.maxBookAgeMs) || late(fastAgeMs, input.maxFastAgeMs)),
    position: held === undefined ? null : positionState(held, engine, instrument.slug),
    fills: result?.fills ?? 0,
    pnl: result?.pnl ?? 0,
    winner: window.winner ?? window.provisionalWinner,
  };
}

/** Running windows first, then those that wait for their settlement, then the next one of a series that has no other. */
function shownWindows(engine: Engine, now: number): WindowState[] {
  const all = [...engine.windows.values()];
  const open = all.filter(({ instrument, winner }) =>
    now >= instrument.startMs && (now < instrument.endMs || winner === null) &&
    now < instrument.endMs + SETTLING_MS
  );
  const seriesOf = ({ instrument }: WindowState): string => `${instrument.asset} ${instrument.duration}`;
  const running = new Set(open.filter(({ instrument }) => now < instrument.endMs).map(seriesOf));
  const next = all.filter((window) => now < window.instrument.startMs && !running.has(seriesOf(window)))
    .sort((a, b) => a.instrument.startMs - b.instrument.startMs)
    .filter((window, i, list) => list.findIndex((other) => seriesOf(other) === seriesOf(window)) === i);
  const key = ({ instrument }: WindowState): number => now < instrument.endMs ? 0 : 1;
  return [
    ...open.sort((a, b) => key(a) - key(b) || (seriesOf(a) < seriesOf(b) ? -1 : 1)),
    ...next,
  ].slice(0, MAX_MARKETS);
}

/** Without the dust that is too small to sell: it rides to settlement. */
const openPositions = ({ portfolio }: Engine): Position[] =>
  [...portfolio.positions.values()].filter(({ open }) => open).slice(0, MAX_POSITIONS);

function moneyState({ recorder }: StateInput): MoneyState {
  const { engine } = recorder;
  const { portfolio } = engine;
  const { freeCash, totalExposure } = exposureOf("", engine.orders.values(), portfolio);
  const pnl = recorder.pnl();
  const equity = engine.equity();
  return {
    bankroll: engine.bankroll + engine.external,
    equity,
    cash: portfolio.cash,
    free: freeCash,
    exposure: totalExposure,
    pnlFinal: pnl.final,
    pnlProvisional: pnl.provisional,
    unrealised: unrealisedOf(portfolio, engine.windows),
    fees: portfolio.feesPaid,
    drawdown: Math.max(0, engine.peakEquity - equity),
    maxDrawdown: engine.maxDrawdown,
  };
}

function counts({ recorder, observer }: StateInput): DashboardState["counts"] {
  const { engine } = recorder;
  const { trades } = engine.portfolio;
  let [wins, sum, best, worst] = [0, 0, -Infinity, Infinity];
  for (const { pnl } of trades) {
    if (pnl > 0) wins++;
    sum += pnl;
    if (pnl > best) best = pnl;
    if (pnl < worst) worst = pnl;
  }
  return {
    events: recorder.events,
    evaluations: engine.evaluations,
    orders: engine.ordersSent,
    openOrders: engine.orders.size,
    fills: recorder.fillCount,
    trades: trades.length,
    wins,
    averageTrade: trades.length === 0 ? null : Math.round(sum / trades.length),
    bestTrade: orNull(best),
    worstTrade: orNull(worst),
    lossStreak: engine.portfolio.lossStreak,
    settledWindows: observer.settledWindows,
  };
}

export function policyState({ recorder, observer, session }: StateInput): PolicyState {
  const { wishes, score } = observer;
  const [up, down, close] = (["up", "down", "close"] as const).map((action) => wishes.get(action) ?? 0);
  const share = (value: number): number | null => score.n === 0 ? null : value / score.n;
  return {
    name: session.strategy,
    actions: {
      hold: Math.max(0, recorder.engine.evaluations - up! - down! - close!),
      up: up!,
      down: down!,
      close: close!,
    },
    forecasts: score.n,
    accuracy: share(score.correct),
    brier: share(score.brier),
    confidence: share(score.confidence),
  };
}

const feedView = ([feed, summary]: [string, FeedSummary]): FeedView => ({
  feed,
  state: summary.state,
  detail: summary.detail,
  perSecond: summary.perSecond,
  ageMsP50: summary.ageMs.p50,
  ageMsP99: summary.ageMs.p99,
  dataAgeMs: summary.dataAgeMs,
  gaps: summary.gaps,
  reconnects: summary.reconnects,
  unrecognised: summary.unrecognised,
});

/** The whole state at once: small, so that a client that missed some has lost nothing. */
export function buildState(input: StateInput): DashboardState {
  const { recorder } = input;
  const { engine } = recorder;
  const now = recorder.lastEventMs;
  const notSent = [...engine.notSent, ...engine.rejected].sort((a, b) => b[1] - a[1]);
  return {
    schema: STATE_SCHEMA,
    madeAt: input.madeAt,
    venueMs: now === 0 ? null : now,
    quietMs: input.quietMs,
    run: input.run,
    session: input.session,
    latch: engine.latch,
    money: moneyState(input),
    counts: counts(input),
    markets: shownWindows(engine, now).map((window) => marketState(input, window, now)),
    positions: openPositions(engine).map((position) =>
      positionState(position, engine, recorder.slugOf(position.conditionId))
    ),
    fills: recorder.fills.slice(-MAX_FILLS).reverse(),
    notSent: notSent.map(([code, count]) => ({ code, count, meaning: gateMeaning(code) })),
    latency: input.latency ?? recorder.latency.report(),
    feeds: Object.entries(input.feeds).map(feedView),
    policy: policyState(input),
    training: input.training,
  };
}

const rounded = (values: readonly (number | null)[]): (number | null)[] =>
  values.map((value) => value === null ? null : Math.round(value * 1e4) / 1e4);

/** Equity of the session and the prices of the windows shown, thinned. */
export function buildCharts(recorder: SessionRecorder): DashboardCharts {
  const { equity } = recorder.series;
  const rows = downsampleRows(equity.tMs.length, [equity.equity], EQUITY_POINTS);
  const shown = new Set(
    shownWindows(recorder.engine, recorder.lastEventMs).map(({ instrument }) => instrument.slug),
  );
  return {
    equity: { tMs: pick(equity.tMs, rows), equity: pick(equity.equity, rows) },
    windows: recorder.series.result().filter(({ slug }) => shown.has(slug)).map((chart) => {
      const at = downsampleRows(chart.tMs.length, [chart.mid, chart.fair], WINDOW_POINTS);
      return {
        slug: chart.slug,
        startMs: chart.startMs,
        endMs: chart.endMs,
        tMs: pick(chart.tMs, at),
        mid: rounded(pick(chart.mid, at)),
        fair: rounded(pick(chart.fair, at)),
      };
    }),
  };
}

/** Shares held of one outcome over all windows. */
export function heldShares(engine: Engine, outcome: "up" | "down"): number {
  let shares = 0;
  for (const position of engine.portfolio.positions.values()) {
    if (position.outcome === outcome) shares += position.shares;
  }
  return shares;
}

/** Cost with fees of what is held of one outcome, as exposure. */
export function heldCost(engine: Engine, outcome: "up" | "down"): Usdc {
  let cost = 0;
  for (const position of engine.portfolio.positions.values()) {
    if (position.outcome === outcome) cost += position.cost + position.fees;
  }
  return cost as Usdc;
}
