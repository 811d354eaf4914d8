/**
 * What an order's or a trade's state asks of the venue, and when: every question is repeated with growing waits until it is
 * answered, because an unanswered one keeps budget blocked.
 */
import { MARKET_SIZE_STEP } from "../market/rounding.ts";
import type { Ms, Shares } from "../units.ts";
import { isEnded } from "./lifecycle_table.ts";
import type { AlarmCode, LifeAction, OrderLife, OrderTerms, TrackedOrder } from "./lifecycle_types.ts";

/** Waits in milliseconds. */
export interface LifeTiming {
  /**
   * A question for a hash asked sooner than this after sending proves nothing by "not found": the request may still be
   * queued (the venue queues over-limit requests; slow acknowledgements of several seconds were reported, 2026-03..06).
   */
  readonly landingMs: number;
  /** First question about an order that should have moved by now. */
  readonly askAfterMs: number;
  /** Questions are repeated with doubling waits up to this. */
  readonly askMaxMs: number;
  /** A trade is asked about when it has not moved for this long (mined and confirmed within seconds as a rule). */
  readonly tradeAskMs: number;
}

export const DEFAULT_TIMING: LifeTiming = {
  landingMs: 10_000,
  askAfterMs: 2_000,
  askMaxMs: 30_000,
  tradeAskMs: 10_000,
};

/** FOK and FAK: they never rest. */
export const isImmediate = (terms: Pick<OrderTerms, "orderType">): boolean =>
  terms.orderType === "FOK" || terms.orderType === "FAK";

/** Shares matched, by whichever channel says more. */
export const matchedOf = (order: TrackedOrder): Shares => Math.max(order.shown, order.told) as Shares;
/** Shares that the venue states as matched and no trade has explained yet. */
export function unexplainedOf(order: TrackedOrder): Shares {
  const open = order.shown - order.told;
  // The venue's decimals end somewhere: less than the finest size it trades is rounding, not money.
  return (open < MARKET_SIZE_STEP ? 0 : open) as Shares;
}

/** Collects what one input causes. */
export interface Work {
  readonly life: OrderLife;
  readonly at: Ms;
  readonly timing: LifeTiming;
  readonly actions: LifeAction[];
}

export const alarm = (work: Work, code: AlarmCode, detail: string): void =>
  void work.actions.push({ type: "alarm", code, detail });

/** Trades the venue named that nobody has told us yet. */
export const missingTrades = (life: OrderLife, order: TrackedOrder): string[] =>
  order.tradeIds.filter((id) => !life.trades.has(id) && life.past.trade(id) === undefined);

/** Nothing more is expected of it. */
export const isSettled = ({ life }: Work, order: TrackedOrder): boolean =>
  isEnded(order.state) && !order.disputed && !order.stale && unexplainedOf(order) === 0 &&
  missingTrades(life, order).length === 0;

/** Why the venue should be asked about the order; null: it need not be. */
function whyAsk(order: TrackedOrder, at: Ms): string | null {
  if (order.disputed) return "disputed";
  if (order.state === "unknown") return "unknown";
  if (order.stale) return "stale";
  if (isEnded(order.state) || order.state === "created" || order.state === "sent") return null;
  if (order.state === "delayed" || order.state === "cancelling") return order.state;
  if (isImmediate(order.terms)) return "immediate";
  const { expiresAtMs } = order.terms;
  return expiresAtMs !== null && at >= expiresAtMs ? "expiry" : null;
}

/** Stores the order and asks, or plans to ask, what must be known of it. */
export function put(work: Work, order: TrackedOrder): void {
  const { life, at, timing } = work;
  const { hash, conditionId } = order.terms;
  const why = whyAsk(order, at);
  const missing = missingTrades(life, order);
  const trades = unexplainedOf(order) > 0 || missing.length > 0;
  if (why === null && !trades) {
    life.orders.set(hash, order.askAtMs === null ? order : { ...order, askAtMs: null, asks: 0 });
    return;
  }
  const urgent = why === "unknown" || why === "disputed" || why === "stale" || why === "expiry";
  const due = order.askAtMs ?? (urgent ? at : at + timing.askAfterMs) as Ms;
  if (at < due) {
    life.orders.set(hash, { ...order, askAtMs: due });
    return;
  }
  if (why !== null) work.actions.push({ type: "askOrder", hash, why });
  if (trades) work.actions.push({ type: "askTrades", hash, conditionId, tradeIds: missing });
  life.orders.set(hash, { ...order, askAtMs: nextAsk(work, order.asks), asks: order.asks + 1 });
}

export const nextAsk = ({ at, timing }: Work, asks: number): Ms =>
  (at + Math.min(timing.askMaxMs, timing.askAfterMs * 2 ** Math.min(asks, 20))) as Ms;
