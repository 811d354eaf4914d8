/**
 * Every metric there is: the fifteen of the earlier systems under their names, and ours. Values are read when a scrape
 * asks for them; nothing is counted for metrics on the decision path. `docs/metrics.md` has the same rows.
 */
import { exposureOf, unrealisedOf } from "../../core/risk/exposure.ts";
import { MICRO } from "../../core/units.ts";
import type { FeedSummary } from "../../feeds/net/metrics.ts";
import type { LatencyStage } from "../report/model.ts";
import type { SessionRecorder } from "../trading/recorder.ts";
import { VERSION } from "../version.ts";
import type { SessionInfo } from "./model.ts";
import type { SessionObserver } from "./observer.ts";
import { heldCost, heldShares } from "./state.ts";

/** A trading session as metrics see it. */
export interface SessionMetrics {
  readonly info: SessionInfo;
  readonly recorder: SessionRecorder;
  readonly observer: SessionObserver;
  /** Latency by stage, merged not too long ago. */
  stages(): readonly LatencyStage[];
}

/** What metrics are read from; `session` is null before there is one. */
export interface MetricSource {
  session(): SessionMetrics | null;
  feeds(): Readonly<Record<string, FeedSummary>>;
  /** Pages that watch, those dropped because they took nothing, and the longest look at the session, ms. */
  dashboard(): { readonly clients: number; readonly dropped: number; readonly longestLookMs: number };
}

export type Labels = Readonly<Record<string, string>>;
export type MetricRow = readonly [labels: Labels, value: number];

export interface MetricSpec {
  /** Without the namespace `polyedge_`. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly labels: readonly string[];
  readonly help: string;
  /** `session`: only while `trade` runs. */
  readonly group: "session" | "feeds" | "process";
  /** No row: there is no value yet. */
  rows(source: MetricSource): readonly MetricRow[];
}

export const NAMESPACE = "polyedge_";
/** Seconds; the earlier systems' buckets. */
export const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
export const LATENCY_NAME = "order_latency_seconds";
export const LATENCY_HELP = "Hand-over of an order to the exchange's first answer, in seconds";

const usdc = (value: number): number => value / MICRO;
const finite = (labels: Labels, value: number | null | undefined): MetricRow[] =>
  value === null || value === undefined || !Number.isFinite(value) ? [] : [[labels, value]];

/** A metric of the session. */
function ofSession(
  name: string,
  type: MetricSpec["type"],
  labels: readonly string[],
  help: string,
  rows: (session: SessionMetrics) => readonly MetricRow[],
): MetricSpec {
  return {
    name,
    type,
    labels,
    help,
    group: "session",
    rows: (source) => {
      const session = source.session();
      return session === null ? [] : rows(session);
    },
  };
}

function ofFeeds(
  name: string,
  type: MetricSpec["type"],
  help: string,
  value: (summary: FeedSummary) => number | null,
): MetricSpec {
  return {
    name,
    type,
    labels: ["source"],
    help,
    group: "feeds",
    rows: (from) =>
      Object.entries(from.feeds()).flatMap(([source, summary]) => finite({ source }, value(summary))),
  };
}

const strategyOf = ({ info }: SessionMetrics): Labels => ({ strategy: info.strategy });

/** Spread of the Up books of running windows in basis points of their mid, averaged; null without one. */
function meanSpreadBps({ recorder }: SessionMetrics): number | null {
  let [sum, n] = [0, 0];
  for (const { up, winner, instrument } of recorder.engine.windows.values()) {
    const running = recorder.lastEventMs >= instrument.startMs && recorder.lastEventMs < instrument.endMs;
    if (winner !== null || !running || !up.trusted || up.crossed || !(up.mid > 0)) continue;
    sum += (up.bestAsk - up.bestBid) / up.mid * 10_000;
    n++;
  }
  return n === 0 ? null : sum / n;
}

/** The earlier systems' metrics but the latency histogram, which is kept as one. */
const SEEDS: readonly MetricSpec[] = [
  ofSession(
    "orders_total",
    "counter",
    ["strategy", "side", "status"],
    "Orders by status: sent, accepted, rejected, unknown, filled (its first fill), done; an order passes several",
    (s) =>
      [...s.observer.orders].map(([key, value]) => {
        const [side = "", status = ""] = key.split(" ");
        return [{ ...strategyOf(s), side, status }, value];
      }),
  ),
  ofSession(
    "order_errors_total",
    "counter",
    ["reason"],
    "Orders that the exchange refused, by code; UNKNOWN: sent, and nobody knows what became of it",
    (s) => [...s.observer.errors].map(([reason, value]) => [{ reason }, value]),
  ),
  ofSession(
    "orders_canceled_total",
    "counter",
    [],
    "Orders that ended by a cancel",
    (s) => [[{}, s.observer.cancelled]],
  ),
  ofSession(
    "fill_rate",
    "gauge",
    ["strategy"],
    "Share of the sent orders with at least one fill, 0..1",
    (s) => finite(strategyOf(s), s.observer.filledOrders / s.recorder.engine.ordersSent),
  ),
  ofSession(
    "pnl_realized",
    "gauge",
    ["strategy"],
    "Profit of what is sold or settled, after fees, in pUSD",
    (s) => [[strategyOf(s), usdc(s.recorder.engine.portfolio.realised)]],
  ),
  ofSession(
    "pnl_unrealized",
    "gauge",
    ["strategy"],
    "Open positions at the executable bid less their cost with fees, in pUSD",
    (s) => {
      const { portfolio, windows } = s.recorder.engine;
      return [[strategyOf(s), usdc(unrealisedOf(portfolio, windows))]];
    },
  ),
  ofSession(
    "position_exposure",
    "gauge",
    ["strategy", "side"],
    "Cost with fees of what is held, in pUSD",
    (s) =>
      (["up", "down"] as const).map((side) => [
        { ...strategyOf(s), side },
        usdc(heldCost(s.recorder.engine, side)),
      ]),
  ),
  ofSession(
    "drawdown_current",
    "gauge",
    [],
    "Loss from the highest equity of the session as a share of it, 0..1",
    ({ recorder: { engine } }) =>
      finite({}, Math.max(0, engine.peakEquity - engine.equity()) / engine.peakEquity),
  ),
  ofSession(
    "bankroll_available",
    "gauge",
    [],
    "Cash less what open orders may still take, in pUSD",
    ({ recorder: { engine } }) => [
      [{}, usdc(exposureOf("", engine.orders.values(), engine.portfolio).freeCash)],
    ],
  ),
  ofFeeds(
    "ws_connected",
    "gauge",
    "1 while the feed is live (data within its age limit), else 0",
    ({ state }) => state === "live" ? 1 : 0,
  ),
  ofSession(
    "directional_accuracy",
    "gauge",
    [],
    "Share of settled windows whose winner the forecast at half-time named, 0..1",
    ({ observer: { score } }) => finite({}, score.correct / score.n),
  ),
  ofSession(
    "directional_confidence_avg",
    "gauge",
    [],
    "Mean of max(p, 1 - p) of those forecasts, 0.5..1",
    ({ observer: { score } }) => finite({}, score.confidence / score.n),
  ),
  ofSession(
    "mm_inventory",
    "gauge",
    ["side"],
    "Shares held of Up and of Down over all windows",
    (s) => (["up", "down"] as const).map((side) => [{ side }, usdc(heldShares(s.recorder.engine, side))]),
  ),
  ofSession(
    "mm_spread_bps",
    "gauge",
    [],
    "Mean spread of the Up books of running windows, in basis points of the mid",
    (s) => finite({}, meanSpreadBps(s)),
  ),
];

const SESSION: readonly MetricSpec[] = [
  ofSession(
    "session_info",
    "gauge",
    ["session", "mode", "venue", "strategy"],
    "1; names the session",
    ({ info }) => [
      [{ session: info.id, mode: info.mode, venue: info.venue, strategy: info.strategy }, 1],
    ],
  ),
  ofSession(
    "equity",
    "gauge",
    [],
    "Cash and open positions at their executable value, in pUSD",
    ({ recorder }) => [[{}, usdc(recorder.engine.equity())]],
  ),
  ofSession(
    "pnl_final",
    "gauge",
    ["basis"],
    "Result of the session: final (sold or settled) and provisional (with open positions), in pUSD",
    ({ recorder }) => {
      const { final, provisional } = recorder.pnl();
      return [[{ basis: "final" }, usdc(final)], [{ basis: "provisional" }, usdc(provisional)]];
    },
  ),
  ofSession(
    "fees_paid",
    "gauge",
    [],
    "Fees of all fills, in pUSD; goes back when the venue takes a fill back",
    ({ recorder }) => [[{}, usdc(recorder.engine.portfolio.feesPaid)]],
  ),
  ofSession(
    "exposure",
    "gauge",
    [],
    "Held, resting, in flight and provisional together, in pUSD",
    ({ recorder: { engine } }) => [
      [{}, usdc(exposureOf("", engine.orders.values(), engine.portfolio).totalExposure)],
    ],
  ),
  ofSession(
    "drawdown_max",
    "gauge",
    [],
    "Largest loss from the highest equity so far, in pUSD",
    ({ recorder }) => [[{}, usdc(recorder.engine.maxDrawdown)]],
  ),
  ofSession(
    "latched",
    "gauge",
    [],
    "1 when a limit of the engine has stopped new positions, else 0",
    ({ recorder }) => [[{}, recorder.engine.latch === null ? 0 : 1]],
  ),
  ofSession(
    "loss_streak",
    "gauge",
    [],
    "Losing trades in a row, up to now",
    ({ recorder }) => [[{}, recorder.engine.portfolio.lossStreak]],
  ),
  ofSession(
    "orders_open",
    "gauge",
    [],
    "Orders that are sent and not over",
    ({ recorder }) => [[{}, recorder.engine.orders.size]],
  ),
  ofSession(
    "orders_not_sent_total",
    "counter",
    ["reason"],
    "Wishes that the gate held back, by reason code",
    ({ recorder }) => [...recorder.engine.notSent].map(([reason, value]) => [{ reason }, value]),
  ),
  ofSession(
    "fills_total",
    "counter",
    ["side", "outcome", "liquidity"],
    "Fills, the undone included",
    ({ observer }) =>
      [...observer.fills].map(([key, value]) => {
        const [side = "", outcome = "", liquidity = ""] = key.split(" ");
        return [{ side, outcome, liquidity }, value];
      }),
  ),
  ofSession(
    "fills_undone_total",
    "counter",
    [],
    "Fills that the venue took back",
    ({ recorder }) => [[{}, recorder.undoneCount]],
  ),
  ofSession(
    "fills_unsettled",
    "gauge",
    [],
    "Fills that are matched and neither confirmed nor failed",
    ({ recorder }) => [[{}, recorder.unsettledFills]],
  ),
  ofSession(
    "trades",
    "gauge",
    ["result"],
    "Positions from flat to flat or to settlement, won and lost; goes back with an undone fill",
    ({ recorder }) => {
      const { trades } = recorder.engine.portfolio;
      const won = trades.filter((trade) => trade.pnl > 0).length;
      return [[{ result: "won" }, won], [{ result: "lost" }, trades.length - won]];
    },
  ),
  ofSession(
    "windows_open",
    "gauge",
    [],
    "Windows the engine follows, those to come included",
    ({ recorder }) => [[{}, recorder.engine.windows.size]],
  ),
  ofSession(
    "windows_settled_total",
    "counter",
    [],
    "Windows that ended with a winner",
    ({ observer }) => [[{}, observer.settledWindows]],
  ),
  ofSession(
    "evaluations_total",
    "counter",
    [],
    "Times the strategy was asked",
    ({ recorder }) => [[{}, recorder.engine.evaluations]],
  ),
  ofSession(
    "wishes_total",
    "counter",
    ["action"],
    "Answers that were no hold: up, down, close; sent or refused",
    ({ observer }) => [...observer.wishes].map(([action, value]) => [{ action }, value]),
  ),
  ofSession(
    "forecast_brier",
    "gauge",
    [],
    "Brier score of the forecasts at half-time over settled windows; 0.25 is a coin",
    ({ observer: { score } }) => finite({}, score.brier / score.n),
  ),
  ofSession(
    "forecasts_judged_total",
    "counter",
    [],
    "Settled windows that had a forecast at half-time",
    ({ observer }) => [[{}, observer.score.n]],
  ),
  ofSession(
    "events_total",
    "counter",
    [],
    "Market events the engine was given",
    ({ recorder }) => [[{}, recorder.events]],
  ),
  ofSession(
    "events_out_of_order_total",
    "counter",
    [],
    "Events whose receive time went back; taken at their predecessor's time",
    ({ recorder }) => [[{}, recorder.session.outOfOrder]],
  ),
  ofSession(
    "events_unknown_total",
    "counter",
    [],
    "Events for tokens, windows or orders nobody told the engine about",
    ({ recorder }) => [[{}, recorder.engine.unknownTokens]],
  ),
  ofSession(
    "last_event_timestamp_seconds",
    "gauge",
    [],
    "Receive time of the newest event, Unix seconds of the venue's clock",
    ({ recorder }) => recorder.lastEventMs === 0 ? [] : [[{}, recorder.lastEventMs / 1000]],
  ),
  ofSession(
    "stage_latency_seconds",
    "gauge",
    ["stage", "quantile"],
    "Time each stage of the path took since the start: quantiles 0.5, 0.95, 0.99 and 1 (the largest)",
    (s) =>
      s.stages().flatMap(({ stage, p50Us, p95Us, p99Us, maxUs }) =>
        ([["0.5", p50Us], ["0.95", p95Us], ["0.99", p99Us], ["1", maxUs]] as const).map((
          [quantile, us],
        ) => [{ stage, quantile }, us / MICRO] as const)
      ),
  ),
  ofSession(
    "stage_samples_total",
    "counter",
    ["stage"],
    "Measurements behind the quantiles of a stage",
    (s) => s.stages().map(({ stage, n }) => [{ stage }, n] as const),
  ),
];

const FEEDS: readonly MetricSpec[] = [
  ofFeeds("feed_frames_total", "counter", "Frames received", (feed) => feed.frames),
  ofFeeds("feed_bytes_total", "counter", "Characters received", (feed) => feed.bytes),
  ofFeeds(
    "feed_data_age_seconds",
    "gauge",
    "Age of the newest datum by the venue's clock",
    (feed) => feed.dataAgeMs === null ? null : feed.dataAgeMs / 1000,
  ),
  {
    name: "feed_age_seconds",
    type: "gauge",
    labels: ["source", "quantile"],
    help: "Receive time less the source's own stamp since the start: quantiles 0.5 and 0.99",
    group: "feeds",
    rows: (from) =>
      Object.entries(from.feeds()).flatMap(([source, { ageMs }]) => [
        ...finite({ source, quantile: "0.5" }, ageMs.p50 === null ? null : ageMs.p50 / 1000),
        ...finite({ source, quantile: "0.99" }, ageMs.p99 === null ? null : ageMs.p99 / 1000),
      ]),
  },
  ofFeeds(
    "feed_gaps_total",
    "counter",
    "Messages that a jump of ids proves to be missing",
    (feed) => feed.gaps,
  ),
  ofFeeds(
    "feed_dropped_total",
    "counter",
    "Messages the venue dropped because we were slow",
    (feed) => feed.dropped,
  ),
  ofFeeds(
    "feed_shed_total",
    "counter",
    "Book frames left out by us because too many waited",
    (feed) => feed.shed,
  ),
  ofFeeds(
    "feed_duplicates_total",
    "counter",
    "Messages received twice and left out",
    (feed) => feed.duplicates,
  ),
  ofFeeds("feed_reconnects_total", "counter", "Connections lost and opened again", (feed) => feed.reconnects),
  ofFeeds(
    "feed_unrecognised_total",
    "counter",
    "Frames that were not understood",
    (feed) => feed.unrecognised,
  ),
];

const plain = (
  name: string,
  type: MetricSpec["type"],
  help: string,
  value: (source: MetricSource) => number,
): MetricSpec => ({
  name,
  type,
  labels: [],
  help,
  group: "process",
  rows: (source) => [[{}, value(source)]],
});

const PROCESS: readonly MetricSpec[] = [
  {
    name: "build_info",
    type: "gauge",
    labels: ["version"],
    help: "1; names the version",
    group: "process",
    rows: () => [[{ version: VERSION }, 1]],
  },
  plain("process_uptime_seconds", "gauge", "Age of this process", () => performance.now() / 1000),
  plain("process_resident_bytes", "gauge", "Memory of this process", () => Deno.memoryUsage().rss),
  plain("process_heap_bytes", "gauge", "Used JavaScript heap", () => Deno.memoryUsage().heapUsed),
  plain("dashboard_clients", "gauge", "Open dashboard pages", (source) => source.dashboard().clients),
  plain(
    "dashboard_dropped_total",
    "counter",
    "Dashboard pages dropped because they took nothing",
    (source) => source.dashboard().dropped,
  ),
  plain(
    "dashboard_look_max_seconds",
    "gauge",
    "Longest time the dashboard held the session up for one look",
    (source) => source.dashboard().longestLookMs / 1000,
  ),
];

/** All but the histogram `order_latency_seconds`. */
export const METRICS: readonly MetricSpec[] = [...SEEDS, ...SESSION, ...FEEDS, ...PROCESS];
