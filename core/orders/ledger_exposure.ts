/**
 * What is at stake, for the gate: held + resting + in flight + unknown + provisional, each counted at its worse reading. A
 * purchase takes cash from the match on, a sale brings it only once confirmed.
 */
import { takerFeeUp, worstFeePrice } from "../market/fees.ts";
import type { Exposure } from "../risk/exposure.ts";
import { mulDivCeil, notionalUp, type Shares, type Usdc } from "../units.ts";
import { heldOf, type Ledgers } from "./ledger.ts";
import { unexplainedOf } from "./lifecycle_ask.ts";
import { isEnded } from "./lifecycle_table.ts";
import type { OrderLife, TrackedOrder } from "./lifecycle_types.ts";

/** It may still trade, or has traded in a way that no trade explains yet. */
export const isBlocking = (order: TrackedOrder): boolean =>
  !isEnded(order.state) || order.disputed || unexplainedOf(order) > 0;

/**
 * pUSD that a BUY may still take beyond what its trades have taken: all of its bound while it is open, unknown or disputed;
 * after its end what the venue states as matched and no trade explains. 0 for a SELL.
 */
export function blockedCash(order: TrackedOrder): Usdc {
  const { terms } = order;
  if (terms.side === "sell") return 0 as Usdc;
  const left = Math.max(0, terms.costBound - order.toldCash);
  if (!isEnded(order.state) || order.disputed) return left as Usdc;
  const open = unexplainedOf(order);
  if (open === 0) return 0 as Usdc;
  const fee = terms.postOnly ? 0 : takerFeeUp(terms.fee, open, worstFeePrice(1, terms.limit));
  return Math.min(left, notionalUp(open, terms.limit) + fee) as Usdc;
}

/** Shares that a SELL may still take. 0 for a BUY. */
export function blockedShares(order: TrackedOrder): Shares {
  const { terms } = order;
  if (terms.side === "buy") return 0 as Shares;
  if (!isEnded(order.state) || order.disputed) return Math.max(0, terms.size - order.told) as Shares;
  return unexplainedOf(order);
}

/** Cost with fees of what may be held in each window: every purchase that has not failed, less confirmed sales only. */
function heldCost(ledgers: Ledgers, only: string | null): number {
  let total = 0;
  for (const [token, sums] of ledgers.provisional.tokens) {
    if (only !== null && sums.conditionId !== only || ledgers.winners.has(sums.conditionId)) continue;
    const settled = ledgers.final.tokens.get(token);
    const gone = settled === undefined ? 0 : settled.sold + settled.redeemed;
    const shares = Math.min(sums.bought, Math.max(0, sums.bought - gone));
    if (shares > 0) total += mulDivCeil(sums.cost + sums.buyFees, shares, sums.bought);
  }
  return total;
}

/** Exposure as an order of window `conditionId` would meet it; the shape that `checkSubmit()` wants. */
export function exposureOfLife(conditionId: string, life: OrderLife, ledgers: Ledgers): Exposure {
  let windowOpen = 0;
  let totalOpen = 0;
  let inFlight = false;
  for (const order of life.orders.values()) {
    if (!isBlocking(order)) continue;
    const cost = blockedCash(order);
    totalOpen += cost;
    if (order.terms.conditionId !== conditionId) continue;
    windowOpen += cost;
    inFlight = true;
  }
  return {
    freeCash: (ledgers.final.cash - ledgers.pendingOut - totalOpen) as Usdc,
    windowExposure: (heldCost(ledgers, conditionId) + windowOpen) as Usdc,
    totalExposure: (heldCost(ledgers, null) + totalOpen) as Usdc,
    inFlight,
  };
}

/**
 * Shares of a token that may be sold now: confirmed ones, less those of sales on their way. The venue lets only settled
 * shares be sold (its balance cache trails the chain).
 */
export function sellableShares(token: string, life: OrderLife, ledgers: Ledgers): Shares {
  const final = ledgers.final.tokens.get(token);
  if (final === undefined) return 0 as Shares;
  const pendingSales = (ledgers.provisional.tokens.get(token)?.sold ?? 0) - final.sold;
  let open = 0;
  for (const order of life.orders.values()) if (order.terms.token === token) open += blockedShares(order);
  return Math.max(0, heldOf(final) - pendingSales - open) as Shares;
}
