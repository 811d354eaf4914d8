/** An order inside the exchange model: the venue's own checks on its terms, and what it may still use. */
import type { SubmitIntent } from "../events.ts";
import type { OrderBook } from "../market/book.ts";
import type { FeeSchedule, Instrument } from "../market/instrument.ts";
import { isValidPrice, SIZE_STEP } from "../market/rounding.ts";
import { buyCost } from "../orders/order.ts";
import { MICRO, mulDivFloor, notionalUp, PRICE_SCALE, type Shares, type Usdc } from "../units.ts";
import type { ImpactMarks } from "./impact.ts";
import type { PrintMemory, UpTerms } from "./mint.ts";
import type { QueuePlace } from "./queue.ts";
import type { Want } from "./walk.ts";

export interface ModelMarket {
  instrument: Instrument;
  readonly up: OrderBook;
  readonly down: OrderBook;
  readonly upMarks: ImpactMarks;
  readonly downMarks: ImpactMarks;
  readonly prints: PrintMemory;
  /** Venue stamp of the newest book frame of either token. */
  bookStamp: number;
  /** Takes no new orders. */
  closed: boolean;
}

export interface ModelOrder {
  readonly intent: SubmitIntent;
  readonly market: ModelMarket;
  readonly terms: UpTerms;
  /** How much later than the venue we see what it does, ms: drawn once for the order. */
  readonly lagMs: number;
  state: "held" | "live";
  /** Shares still wanted; for a market BUY pUSD still to spend. */
  remaining: number;
  cancelRequested: boolean;
  /** When the last answer about this order reaches us: a later one must not overtake it. */
  answeredAt: number;
  /** Order of arrival on the book. */
  seq: number;
  /** Set while it rests. */
  place: QueuePlace | null;
}

/** A refusal with the venue's meaning: our code, its text. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** Price, amounts and minimum, in the venue's order. */
export function validateTerms(intent: SubmitIntent, instrument: Instrument): Problem | null {
  if (!isValidPrice(intent.limit, instrument.tick)) {
    return {
      code: "TICK_SIZE",
      message: `price ${intent.limit} breaks minimum tick size rule: ${instrument.tick}`,
    };
  }
  const marketBuy = intent.spend > 0;
  if (marketBuy && (intent.side === "sell" || intent.orderType === "GTC" || intent.orderType === "GTD")) {
    return { code: "INVALID_AMOUNTS", message: "only a FOK or FAK BUY says what to spend" };
  }
  if (marketBuy ? intent.spend % SIZE_STEP !== 0 : intent.size % SIZE_STEP !== 0) {
    return { code: "INVALID_AMOUNTS", message: "invalid amounts: more decimals than supported" };
  }
  const size = marketBuy ? mulDivFloor(intent.spend, PRICE_SCALE, intent.limit) : intent.size;
  if (size < instrument.minSize) {
    return {
      code: "SIZE_BELOW_MINIMUM",
      message: `size ${size} lower than the minimum: ${instrument.minSize}`,
    };
  }
  return null;
}

/** A BUY that would trade at once must be worth one pUSD. */
export function validateMarketable(intent: SubmitIntent): Problem | null {
  if (intent.side === "sell") return null;
  const worth = intent.spend > 0 ? intent.spend : notionalUp(intent.size, intent.limit);
  return worth < MICRO
    ? {
      code: "NOTIONAL_BELOW_MINIMUM",
      message: `invalid amount for a marketable BUY order (${worth} millionths), min size: $1`,
    }
    : null;
}

export const isMarketOrder = (intent: SubmitIntent): boolean =>
  intent.orderType === "FAK" || intent.orderType === "FOK";

export const bookOf = (order: ModelOrder): OrderBook =>
  order.intent.outcome === "up" ? order.market.up : order.market.down;

/** Whether the displayed book has something at the limit or better; never on a book that cannot be trusted. */
export function isMarketable(order: ModelOrder): boolean {
  const book = bookOf(order);
  if (!book.trusted || book.crossed) return false;
  return order.intent.side === "buy"
    ? book.bestAsk >= 0 && book.bestAsk <= order.intent.limit
    : book.bestBid >= order.intent.limit;
}

/** What the order would still take. */
export const wantOf = ({ intent, remaining }: ModelOrder): Want => ({
  side: intent.side,
  limit: intent.limit,
  size: intent.spend > 0 ? 0 : remaining,
  spend: intent.spend > 0 ? remaining : 0,
});

/** What an order in the book or in the hold may still cost. */
export const openBuyCost = (order: ModelOrder, fee: FeeSchedule): Usdc =>
  buyCost(
    order.intent.spend > 0
      ? { ...order.intent, spend: order.remaining as Usdc }
      : { ...order.intent, size: order.remaining as Shares },
    fee,
  );

/** Bids before offers; among those of one side price, then time. */
export function byPriority(a: ModelOrder, b: ModelOrder): number {
  if (a.terms.bid !== b.terms.bid) return a.terms.bid ? -1 : 1;
  const better = a.terms.bid ? b.terms.upPrice - a.terms.upPrice : a.terms.upPrice - b.terms.upPrice;
  return better || a.seq - b.seq;
}
