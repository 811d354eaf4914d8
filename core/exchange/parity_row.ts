/**
 * One row of the parity ledger: what the exchange model predicted of an order beside what happened to it. Money and sizes
 * in millionths, prices in 1/10000, times in milliseconds counted from when the order was sent.
 */
import type { FillEvent, OrderAcceptedEvent, OrderType } from "../events.ts";
import type { Outcome, Side } from "../market/instrument.ts";
import { PRICE_SCALE } from "../units.ts";

/** When the market is looked at again after a fill, ms. */
export const MARKOUTS_MS = [1_000, 5_000, 30_000] as const;

/** What became of an order, at the venue or in the model. */
export interface ParityOutcome {
  /** `open` when nothing final was heard, `unknown` when nobody knows; otherwise how it ended. */
  readonly end:
    | "open"
    | "unknown"
    | "rejected"
    | "filled"
    | "cancelled"
    | "killed"
    | "expired"
    | "market-closed";
  /** Why it was refused. */
  readonly code: string | null;
  readonly status: OrderAcceptedEvent["status"] | null;
  /** From sending to the first answer, on our clock. */
  readonly ackMs: number | null;
  /** From sending to that answer's own stamp; null when the venue states none of its own. */
  readonly venueMs: number | null;
  /** From sending to the first fill, on our clock. */
  readonly fillMs: number | null;
  readonly endMs: number | null;
  readonly fills: number;
  readonly size: number;
  readonly takerSize: number;
  /** pUSD moved for the shares, without the fee. */
  readonly cash: number;
  readonly fee: number;
  /** Matches that became money, and those that were taken back. */
  readonly settled: number;
  readonly undone: number;
  /** From match to decision, one entry per match, on our clock. */
  readonly settleMs: readonly number[];
}

/** The book when the order was sent, and what taking from it at once would have given. */
export interface ParityExpectation {
  /** `takes`: something at the limit or better was displayed; `rests`: nothing was; `blind`: no book could be trusted. */
  readonly kind: "takes" | "rests" | "blind";
  readonly bid: number;
  readonly ask: number;
  /** Displayed at the best price of the side that the order would take from; 0 when it is empty. */
  readonly top: number;
  readonly size: number;
  readonly cash: number;
  readonly fee: number;
  /** Displayed at the order's own price on its own side. */
  readonly ahead: number;
}

/** The market after the order's fills. `size` is how much of them had a quote then; values are size-weighted. */
export interface Markout {
  readonly afterMs: number;
  readonly size: number;
  /** What the mid had moved in our favour per share, 1/10000; null without a quote. */
  readonly mid: number | null;
  /** The same at the price at which the position could be left; null without a quote on that side. */
  readonly executable: number | null;
}

/** What was displayed at the first level that we took from: when the order was sent and at each markout; null unseen. */
export interface LevelAfter {
  readonly price: number;
  readonly taken: number;
  readonly before: number;
  readonly after: readonly (number | null)[];
}

export interface ParityRow {
  readonly orderId: string;
  readonly conditionId: string;
  readonly outcome: Outcome;
  readonly side: Side;
  readonly orderType: OrderType;
  readonly postOnly: boolean;
  readonly limit: number;
  readonly size: number;
  readonly spend: number;
  readonly sentAt: number;
  readonly expected: ParityExpectation;
  /** What the model, run on the events that followed, made of the order. */
  readonly model: ParityOutcome;
  readonly actual: ParityOutcome;
  /**
   * Our own fill may have been in the book before the model took from it (live only): what the model filled then says
   * nothing of the model.
   */
  readonly touched: boolean;
  readonly markouts: readonly Markout[];
  readonly level: LevelAfter | null;
}

/** Average price of an outcome, 1/10000; null when nothing was filled. */
export const averagePrice = ({ size, cash }: Pick<ParityOutcome, "size" | "cash">): number | null =>
  size > 0 ? cash * PRICE_SCALE / size : null;

/** How much of what the order wanted was filled, 0 to 1. */
export function fillRatio(
  { size, spend }: { readonly size: number; readonly spend: number },
  filled: Pick<ParityOutcome, "size" | "cash">,
): number {
  const ratio = spend > 0 ? filled.cash / spend : size > 0 ? filled.size / size : 0;
  return Math.min(1, ratio);
}

/** In what the model and the venue differ on a row; empty when the prediction was exact. */
export function differenceOf({ model, actual }: ParityRow): string[] {
  const found: string[] = [];
  if (model.end !== actual.end || model.code !== actual.code) found.push("end");
  if (model.size !== actual.size) found.push("size");
  if (averagePrice(model) !== averagePrice(actual)) found.push("price");
  if (model.fee !== actual.fee) found.push("fee");
  if (model.ackMs !== actual.ackMs || model.fillMs !== actual.fillMs) found.push("delay");
  if (model.settled !== actual.settled || model.undone !== actual.undone) found.push("settlement");
  return found;
}

/** What a fill gained per share when the market stood at `at`, 1/10000. */
export const favour = ({ side, price }: Pick<FillEvent, "side" | "price">, at: number): number =>
  side === "buy" ? at - price : price - at;
