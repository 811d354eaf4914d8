/** What is at stake: held, resting and in flight, looked at the moment before sending. */
import type { WindowState } from "../features/window_state.ts";
import { isOpen, type Order, remainingCost } from "../orders/order.ts";
import { isForeign, type Portfolio } from "../orders/portfolio.ts";
import { notional, type Price, PRICE_ONE, type Usdc } from "../units.ts";

export interface Exposure {
  /** Cash less what open BUYs may still take. */
  readonly freeCash: Usdc;
  /** Cost of what is held in the window plus what its open BUYs may still take. */
  readonly windowExposure: Usdc;
  readonly totalExposure: Usdc;
  /** An order of the window is not resolved yet. */
  readonly inFlight: boolean;
}

/** Exposure as an order of window `conditionId` would meet it. */
export function exposureOf(conditionId: string, orders: Iterable<Order>, portfolio: Portfolio): Exposure {
  let windowOpen = 0;
  let totalOpen = 0;
  let inFlight = false;
  for (const order of orders) {
    const cost = remainingCost(order);
    totalOpen += cost;
    if (order.intent.conditionId !== conditionId) continue;
    windowOpen += cost;
    if (isOpen(order)) inFlight = true;
  }
  let windowHeld = 0;
  let totalHeld = 0;
  for (const position of portfolio.positions.values()) {
    totalHeld += position.cost + position.fees;
    if (position.conditionId === conditionId) windowHeld += position.cost + position.fees;
  }
  // A sale that is not confirmed may fail: until then its shares count as held and its proceeds as not there.
  let proceeds = 0;
  for (const sale of portfolio.pendingSales()) {
    totalHeld += sale.cost;
    if (sale.conditionId === conditionId) windowHeld += sale.cost;
    proceeds += Math.max(0, sale.proceeds);
  }
  for (const { conditionId: window, cost } of portfolio.reserved) {
    totalOpen += cost;
    if (window === conditionId) windowOpen += cost;
  }
  return {
    freeCash: (portfolio.cash - portfolio.unclaimed - proceeds - totalOpen) as Usdc,
    windowExposure: (windowHeld + windowOpen) as Usdc,
    totalExposure: (totalHeld + totalOpen) as Usdc,
    inFlight,
  };
}

/** Cash plus what our positions would fetch at the last executable bid, or their payout once we know the winner. */
export function equityOf(portfolio: Portfolio, windows: ReadonlyMap<string, WindowState>): Usdc {
  let total: number = portfolio.cash;
  for (const position of portfolio.positions.values()) {
    if (isForeign(position.token)) continue;
    const window = windows.get(position.conditionId);
    const bid = window === undefined ? 0 : position.outcome === "up" ? window.upMark : window.downMark;
    const winner = window?.provisionalWinner ?? null;
    if (winner === null && bid === 0) {
      // Nobody has quoted it yet (a position of before this session): its cost, which is neither profit nor loss.
      total += position.cost + position.fees;
      continue;
    }
    const mark = winner === null ? bid : winner === position.outcome ? PRICE_ONE : 0;
    total += notional(position.shares, mark as Price);
  }
  return total as Usdc;
}

/** What open positions would fetch (see `equityOf()`) less what they cost, fees included. */
export function unrealisedOf(portfolio: Portfolio, windows: ReadonlyMap<string, WindowState>): Usdc {
  let cost = 0;
  for (const position of portfolio.positions.values()) {
    if (!isForeign(position.token)) cost += position.cost + position.fees;
  }
  return (equityOf(portfolio, windows) - portfolio.cash - cost) as Usdc;
}
