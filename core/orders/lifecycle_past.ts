/**
 * Settled orders and trades are put away, and come back when something is said of them: what follows from a message is the
 * same whether its order was put away or not.
 */
import type { Ms } from "../units.ts";
import { DEFAULT_TIMING, isSettled, type Work } from "./lifecycle_ask.ts";
import { stageOf } from "./lifecycle_table.ts";
import type {
  OrderLife,
  PastTrade,
  TrackedOrder,
  TradeLeg,
  TradeReport,
  TradeState,
} from "./lifecycle_types.ts";
import { legsKey } from "./past.ts";

/** One of our orders, wherever it is kept; undefined when it is not ours or long forgotten. */
export const orderOf = (life: OrderLife, hash: string): TrackedOrder | undefined =>
  life.orders.get(hash) ?? life.past.order(hash);

export const knowsOrder = (life: OrderLife, hash: string): boolean =>
  life.orders.has(hash) || life.past.hasOrder(hash);

/** How a trade of ours stands; undefined when it was never told or is long forgotten. */
export const tradeStateOf = (life: OrderLife, id: string): TradeState | undefined =>
  life.trades.get(id)?.state ?? life.past.trade(id)?.state;

/** The order among the living, brought back when it was put away. */
export function broughtBack(life: OrderLife, hash: string): TrackedOrder | undefined {
  const alive = life.orders.get(hash);
  if (alive !== undefined) return alive;
  const order = life.past.takeOrder(hash);
  if (order !== undefined) life.orders.set(hash, order);
  return order;
}

/** Whether our parts are those of a trade that was put away. What orders that are forgotten had of it cannot be compared. */
export function isSamePast(
  life: OrderLife,
  { legs: before, parts }: PastTrade,
  legs: readonly TradeLeg[],
): boolean {
  if (legs.length < parts && life.past.hasForgottenOrders) return true;
  const now = legsKey(legs);
  return now.high === before.high && now.low === before.low;
}

/**
 * Whether a trade that nobody remembers may be one that was counted and had to give way to newer ones: it is as old as
 * those, and belongs to an order whose amounts are explained without it.
 */
export function mayBeForgotten(life: OrderLife, report: TradeReport, legs: readonly TradeLeg[]): boolean {
  const { horizonMs } = life.past;
  if (horizonMs === null || (report.matchedAtMs ?? -Infinity) > horizonMs) return false;
  return legs.some(({ hash }) => {
    const order = orderOf(life, hash);
    return order?.wasPutAway === true && order.told > 0 && order.told >= order.shown;
  });
}

/**
 * Puts away what ended before `beforeMs` and is settled in every respect, trades included: confirmed or failed before that
 * time, and of orders that are put away. A matched order whose amounts nobody has told keeps its budget and stays.
 */
export function compactSettled(life: OrderLife, beforeMs: Ms): void {
  const pending = new Set<string>();
  for (const trade of life.trades.values()) {
    if (stageOf(trade.state) !== "provisional" && trade.updatedAtMs < beforeMs) continue;
    for (const { hash } of trade.legs) pending.add(hash);
  }
  const work: Work = { life, at: beforeMs, timing: DEFAULT_TIMING, actions: [] };
  const settled: TrackedOrder[] = [];
  for (const [hash, order] of life.orders) {
    const isOld = order.endedAtMs !== null && order.endedAtMs < beforeMs;
    const isTold = order.state !== "filled" || order.told > 0;
    if (isOld && isTold && !pending.has(hash) && isSettled(work, order)) settled.push(order);
  }
  for (const order of settled) {
    life.orders.delete(order.terms.hash);
    life.past.addOrder(order);
  }
  for (const [id, trade] of life.trades) {
    const inUse = trade.legs.some(({ hash }) => life.orders.has(hash));
    if (stageOf(trade.state) !== "provisional" && trade.updatedAtMs < beforeMs && !inUse) {
      life.trades.delete(id);
      life.past.addTrade(trade);
    }
  }
}
