/** One of our orders as the engine knows it, and what it may still cost. */
import type { SubmitIntent } from "../events.ts";
import { takerFeeUp, worstFeePrice } from "../market/fees.ts";
import type { FeeSchedule } from "../market/instrument.ts";
import { type Ms, mulDivCeil, notionalUp, type Shares, type Usdc } from "../units.ts";

/** `unknown`: sent, and nobody knows what became of it; still open. */
export type OrderState = "sent" | "unknown" | "held" | "live" | "done" | "rejected";

export interface Order {
  readonly intent: SubmitIntent;
  readonly sentAtMs: Ms;
  /** The most it may take from the account, by the fee schedule it was sent under. */
  readonly costBound: Usdc;
  state: OrderState;
  filledSize: Shares;
  filledCash: Usdc;
  fee: Usdc;
  /** Why it ended, venue's or ours. */
  reason: string | null;
}

export const newOrder = (intent: SubmitIntent, fee: FeeSchedule, sentAtMs: Ms): Order => ({
  intent,
  sentAtMs,
  costBound: buyCost(intent, fee),
  state: "sent",
  filledSize: 0 as Shares,
  filledCash: 0 as Usdc,
  fee: 0 as Usdc,
  reason: null,
});

export const isOpen = (order: Order): boolean => order.state !== "done" && order.state !== "rejected";

/**
 * The most a BUY may take from the account: notional and fee rounded up. A market BUY fills at its limit or lower, where
 * the fee per dollar spent only grows up to the rate itself, so spend x rate bounds it. 0 for a SELL.
 */
export function buyCost(
  intent: Pick<SubmitIntent, "side" | "size" | "spend" | "limit" | "postOnly">,
  fee: FeeSchedule,
): Usdc {
  if (intent.side === "sell") return 0 as Usdc;
  if (intent.spend > 0) return (intent.spend + mulDivCeil(intent.spend, fee.ratePpm, 1_000_000)) as Usdc;
  const cash = notionalUp(intent.size, intent.limit);
  const charge = intent.postOnly ? 0 : takerFeeUp(fee, intent.size, worstFeePrice(1, intent.limit));
  return (cash + charge) as Usdc;
}

/** What an open BUY may still cost: its bound less what has been filled and paid. */
export const remainingCost = (order: Order): Usdc =>
  (isOpen(order) ? Math.max(0, order.costBound - order.filledCash - order.fee) : 0) as Usdc;
