/** An order inside the simulated exchange: the venue's own checks on its terms, and what it would take from the book. */
import type { SubmitIntent } from "../events.ts";
import { ASK, BID, type OrderBook } from "../market/book.ts";
import type { FeeSchedule, Instrument } from "../market/instrument.ts";
import { isValidPrice, MARKET_SIZE_STEP, SIZE_STEP } from "../market/rounding.ts";
import { buyCost } from "../orders/order.ts";
import { mulDivFloor, notionalUp, type Price, PRICE_SCALE, type Shares, type Usdc } from "../units.ts";

export interface PaperMarket {
  instrument: Instrument;
  readonly up: OrderBook;
  readonly down: OrderBook;
  closed: boolean;
}

export interface PaperOrder {
  readonly intent: SubmitIntent;
  readonly market: PaperMarket;
  state: "held" | "live";
  /** Shares still wanted; for a market BUY pUSD still to spend. */
  remaining: number;
  filled: number;
  cancelRequested: boolean;
  /** When the last answer about this order reaches us: a later one must not overtake it. */
  answeredAt: number;
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

export const bookOf = (order: PaperOrder): OrderBook =>
  order.intent.outcome === "up" ? order.market.up : order.market.down;

/** Whether the displayed book has something at the limit or better; never on a book that cannot be trusted. */
export function isMarketable(order: PaperOrder): boolean {
  const book = bookOf(order);
  if (!book.trusted || book.crossed) return false;
  return order.intent.side === "buy"
    ? book.bestAsk >= 0 && book.bestAsk <= order.intent.limit
    : book.bestBid >= order.intent.limit;
}

/** Part of a level that an order takes. */
export interface Taken {
  readonly price: Price;
  readonly size: Shares;
}

/** Levels the order would take now, best first; nothing is changed. */
export function walkBook(order: PaperOrder): Taken[] {
  const { intent } = order;
  const book = bookOf(order);
  const buying = intent.side === "buy";
  const side = buying ? ASK : BID;
  const fills: Taken[] = [];
  let remaining = order.remaining;
  let at = buying ? book.bestAsk : book.bestBid;
  while (at >= 0 && remaining > 0 && (buying ? at <= intent.limit : at >= intent.limit)) {
    const shown = Math.floor(book.sizeAt(side, at) / MARKET_SIZE_STEP) * MARKET_SIZE_STEP;
    const wanted = intent.spend > 0
      ? Math.floor(mulDivFloor(remaining, PRICE_SCALE, at) / MARKET_SIZE_STEP) * MARKET_SIZE_STEP
      : remaining;
    const size = Math.min(shown, wanted) as Shares;
    if (size <= 0 && wanted <= 0) break;
    if (size > 0) {
      fills.push({ price: at as Price, size });
      remaining -= intent.spend > 0 ? notionalUp(size, at as Price) : size;
    }
    at = book.next(side, at);
  }
  return fills;
}

/** pUSD (when `spending`) or shares of the fills. */
export const sumOf = (fills: readonly Taken[], spending: boolean): number =>
  fills.reduce((total, fill) => total + (spending ? notionalUp(fill.size, fill.price) : fill.size), 0);

/** What an order in the book or in the hold may still cost. */
export const openBuyCost = (order: PaperOrder, fee: FeeSchedule): Usdc =>
  buyCost(
    order.intent.spend > 0
      ? { ...order.intent, spend: order.remaining as Usdc }
      : { ...order.intent, size: order.remaining as Shares },
    fee,
  );

/** What is too little to buy another 0.0001 share at the limit counts as spent. */
export const dustOf = (intent: SubmitIntent): number =>
  intent.spend > 0 ? Math.ceil(MARKET_SIZE_STEP * intent.limit / PRICE_SCALE) : 0;
