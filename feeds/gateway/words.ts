/** What an order's life means for the engine: small judgements over one order, nothing kept. */
import type { OrderAcceptedEvent } from "../../core/events.ts";
import { blockedCash, blockedShares, isBlocking } from "../../core/orders/ledger_exposure.ts";
import { isImmediate, matchedOf, missingTrades } from "../../core/orders/lifecycle_ask.ts";
import type { TrackedOrder } from "../../core/orders/lifecycle_types.ts";
import { notionalUp, type Price, type Shares } from "../../core/units.ts";
import type { WalletState } from "../journal/state.ts";
import type { ListedOrder } from "../polymarket/order_entry/types.ts";

/** How an order of this session stands for the engine. */
export type ToldStatus = "sent" | "unknown" | OrderAcceptedEvent["status"];

/** An order the engine must hold as open: it may still trade, or something of it is unexplained. */
export const isUnfinished = (wallet: WalletState, order: TrackedOrder): boolean =>
  isBlocking(order) || order.stale || missingTrades(wallet.life, order).length > 0 ||
  order.state === "filled" && order.told === 0;

/** As `blockedCash()`, and all of it while an ended order's amounts are not known ("order already matched" says none). */
export const reservedCash = (wallet: WalletState, order: TrackedOrder): number =>
  isBlocking(order) || !isUnfinished(wallet, order) || order.terms.side === "sell"
    ? blockedCash(order)
    : Math.max(0, order.terms.costBound - order.toldCash);

/** As `blockedShares()`, in the same way. */
export const reservedShares = (wallet: WalletState, order: TrackedOrder): number =>
  isBlocking(order) || !isUnfinished(wallet, order) || order.terms.side === "buy"
    ? blockedShares(order)
    : Math.max(0, order.terms.size - order.told);

/** What an open purchase of another program may still take. */
export function foreignCost({ side, orderType, originalSize, matchedSize, price }: ListedOrder): number {
  if (side === "sell") return 0;
  const left = Math.max(0, originalSize - matchedSize);
  const immediate = orderType === "FAK" || orderType === "FOK";
  return immediate ? left : notionalUp(left as Shares, price as Price);
}

/** What the engine should hold of an order's standing; a hold may become live, nothing becomes `sent` again. */
export function statusOf(order: TrackedOrder, before: ToldStatus): ToldStatus {
  switch (order.state) {
    case "created":
    case "sent":
    case "rejected":
      return before;
    case "unknown":
      return "unknown";
    case "delayed":
      return "delayed";
    case "filled":
      return before === "live" ? "live" : "matched";
    case "cancelled":
    case "expired":
      return matchedOf(order) > 0 && before !== "live" ? "matched" : before;
    default:
      return before === "matched" ? "matched" : "live";
  }
}

/** How it ended, in the engine's words. */
export function endOf(order: TrackedOrder): "filled" | "cancelled" | "killed" | "expired" | "market-closed" {
  if (order.state === "filled" || order.state === "expired") return order.state;
  if (/market.?resolved/i.test(order.reason ?? "")) return "market-closed";
  if (!isImmediate(order.terms)) return "cancelled";
  // A market order that got all it asked for is called cancelled for the rest of a cent.
  return order.terms.size > 0 && order.told >= order.terms.size ? "filled" : "killed";
}
