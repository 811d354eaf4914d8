/** Counts of a session for metrics and the dashboard: orders by status, wishes by action, forecasts against outcomes. */
import type { Decision, Engine } from "../../core/engine.ts";
import type { ExecutionEvent, Intent } from "../../core/events.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { MarketView } from "../../core/policy/policy.ts";
import type { TradeObserver } from "../trading/observer.ts";

/** Windows whose forecast is kept while they run; the oldest goes first. */
const MAX_FORECASTS = 256;
/** Different reasons and labels kept; a venue that invents words cannot fill the memory. */
const MAX_LABELS = 200;

export const ORDER_STATUSES = ["sent", "accepted", "rejected", "unknown", "filled", "done"] as const;
export type OrderStatus = typeof ORDER_STATUSES[number];

interface Forecast {
  /** Newest probability of Up; NaN before the first. */
  now: number;
  /** The first one in the window's second half: what the forecast is judged by. */
  half: number;
}

/** Forecasts at half-time against how the windows ended. `brier` and `confidence` are sums over `n`. */
export interface ForecastScore {
  n: number;
  correct: number;
  brier: number;
  confidence: number;
}

function bump(counts: Map<string, number>, key: string, by = 1): void {
  if (!counts.has(key) && counts.size >= MAX_LABELS) key = "OTHER";
  counts.set(key, (counts.get(key) ?? 0) + by);
}

export class SessionObserver implements TradeObserver {
  /** By `side status`. */
  readonly orders = new Map<string, number>();
  /** Orders refused by the exchange, by code, and those nobody knows about. */
  readonly errors = new Map<string, number>();
  readonly wishes = new Map<Decision["action"], number>();
  /** By `side outcome liquidity`. */
  readonly fills = new Map<string, number>();
  readonly score: ForecastScore = { n: 0, correct: 0, brier: 0, confidence: 0 };
  cancelled = 0;
  filledOrders = 0;
  settledWindows = 0;
  /** Gets the latency of each order in seconds. */
  onLatency: ((seconds: number) => void) | null = null;
  private readonly forecasts = new Map<string, Forecast>();

  view(view: MarketView, window: WindowState): void {
    const { conditionId } = window.instrument;
    let forecast = this.forecasts.get(conditionId);
    if (forecast === undefined) {
      forecast = { now: NaN, half: NaN };
      this.forecasts.set(conditionId, forecast);
      if (this.forecasts.size > MAX_FORECASTS) {
        this.forecasts.delete(this.forecasts.keys().next().value as string);
      }
    }
    const p = Number.isNaN(view.probabilityUp) ? view.fairUp : view.probabilityUp;
    forecast.now = p;
    if (Number.isNaN(forecast.half) && view.timeRemaining <= 0.5) forecast.half = p;
  }

  decision(decision: Decision): void {
    this.wishes.set(decision.action, (this.wishes.get(decision.action) ?? 0) + 1);
  }

  intent(intent: Intent): void {
    if (intent.type === "submit") bump(this.orders, `${intent.side} sent`);
  }

  execution(event: ExecutionEvent, engine: Engine): void {
    if (event.type === "account" || event.type === "fillStage") return;
    const order = engine.orders.get(event.orderId) ?? engine.ended.get(event.orderId);
    const side = order?.intent.side ?? "unknown";
    // The engine has not applied the event yet: an order that is merely sent gets its first answer now.
    if (order?.state === "sent") this.onLatency?.(Math.max(0, event.tReceive - order.sentAtMs) / 1000);
    switch (event.type) {
      case "orderAccepted":
        return bump(this.orders, `${side} accepted`);
      case "orderRejected":
        bump(this.errors, event.code);
        return bump(this.orders, `${side} rejected`);
      case "orderUnknown":
        bump(this.errors, "UNKNOWN");
        return bump(this.orders, `${side} unknown`);
      case "orderDone":
        if (event.reason === "cancelled") this.cancelled++;
        return bump(this.orders, `${side} done`);
      case "fill":
        bump(this.fills, `${event.side} ${order?.intent.outcome ?? "unknown"} ${event.liquidity}`);
        if (order !== undefined && order.filledSize > 0) return;
        this.filledOrders++;
        return bump(this.orders, `${side} filled`);
    }
  }

  settled(window: WindowState): void {
    this.settledWindows++;
    const { conditionId } = window.instrument;
    const forecast = this.forecasts.get(conditionId);
    this.forecasts.delete(conditionId);
    if (forecast === undefined || Number.isNaN(forecast.half) || window.winner === null) return;
    const { score } = this;
    const ended = window.winner === "up" ? 1 : 0;
    score.n++;
    // Exactly even is no direction: it counts as wrong.
    if (forecast.half !== 0.5 && (forecast.half > 0.5) === (ended === 1)) score.correct++;
    score.brier += (forecast.half - ended) ** 2;
    score.confidence += Math.max(forecast.half, 1 - forecast.half);
  }

  /** Newest probability of Up of a running window; null when there is none. */
  probabilityOf(conditionId: string): number | null {
    const p = this.forecasts.get(conditionId)?.now ?? NaN;
    return Number.isNaN(p) ? null : p;
  }
}
