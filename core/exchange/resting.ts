/** What reaches resting orders: a public trade (price, then queue), or quotes of the other side. */
import { ASK, BID, type OrderBook } from "../market/book.ts";
import type { Outcome } from "../market/instrument.ts";
import { floorTo } from "../market/rounding.ts";
import { PRICE_SCALE, type Shares } from "../units.ts";
import type { ModelOrder } from "./order.ts";
import type { ExchangeUnits } from "./options.ts";
import { afterTrade, beforeTrade } from "./queue.ts";
import { type FillStep, fillStep } from "./walk.ts";

/** A public trade in terms of Up. */
export interface Print {
  readonly upPrice: number;
  /** Whether the taker met bids for Up; else offers. */
  readonly hitsBids: boolean;
  /** Millionths of a share. */
  readonly size: number;
  /** Venue stamp, ms. */
  readonly at: number;
}

export interface Met {
  readonly order: ModelOrder;
  readonly size: Shares;
}

/**
 * The trade went beyond the order's price. A taker of the order's own side met a quote that stood through our price: where
 * quotes count, that quote has met us already.
 */
const isThrough = (
  { queue }: Pick<ExchangeUnits, "queue">,
  { terms }: ModelOrder,
  { upPrice, hitsBids }: Print,
): boolean =>
  (terms.bid === hitsBids || !queue.quotesReach) &&
  (terms.bid ? upPrice < terms.upPrice : upPrice > terms.upPrice);

/**
 * Which resting orders a trade reaches and with how much; moves the queue places of those at its price. `orders` are one
 * market's, in order of priority. The trade's size is shared: orders it went through come first, whatever stood ahead of
 * them, then those at its price behind the others' shares.
 */
export function meetPrint(
  units: Pick<ExchangeUnits, "queue" | "step">,
  orders: readonly ModelOrder[],
  print: Print,
): Met[] {
  const met: Met[] = [];
  let left = print.size;
  const meet = (order: ModelOrder) => {
    const step = fillStep(units.step, order.intent.limit);
    const size = floorTo(Math.min(left, order.remaining), step) as Shares;
    if (size <= 0) return;
    left -= size;
    met.push({ order, size });
  };
  for (const order of orders) {
    if (!isThrough(units, order, print)) continue;
    if (order.place !== null) order.place.ahead = 0;
    meet(order);
  }
  if (!units.queue.tradesAtPrice) return met;
  const level = orders.filter(({ terms, place }) =>
    place !== null && terms.upPrice === print.upPrice && terms.bid === print.hitsBids
  );
  const explained = level.map(({ place }) => beforeTrade(place!, print.size, print.at));
  let passed = 0;
  for (const order of level) {
    const step = fillStep(units.step, order.intent.limit);
    const others = floorTo(Math.min(left, Math.max(0, order.place!.ahead - passed)), step);
    passed += others;
    left -= others;
    meet(order);
  }
  level.forEach(({ place }, i) => afterTrade(units.queue, place!, print.size, passed, explained[i]!));
  return met;
}

/** Part of the other side's quotes that a resting order meets, in terms of Up. */
export interface QuoteMet {
  readonly upPrice: number;
  readonly size: number;
}

/** Quotes on `book` (of `outcome`'s token) at the order's price or through it, best first, as far as it still wants. */
export function quotesMet(rule: FillStep, book: OrderBook, outcome: Outcome, order: ModelOrder): QuoteMet[] {
  const { bid, upPrice: limit } = order.terms;
  const onUp = outcome === "up";
  // Who bids for Up meets offers of Up, which are bids for Down.
  const side = bid === onUp ? ASK : BID;
  const step = fillStep(rule, limit);
  const met: QuoteMet[] = [];
  let left = order.remaining;
  for (
    let at = side === ASK ? book.bestAsk : book.bestBid;
    at >= 0 && left >= step;
    at = book.next(side, at)
  ) {
    const upPrice = onUp ? at : PRICE_SCALE - at;
    if (bid ? upPrice > limit : upPrice < limit) break;
    const size = floorTo(Math.min(left, floorTo(book.sizeAt(side, at), fillStep(rule, at))), step);
    if (size <= 0) continue;
    left -= size;
    met.push({ upPrice, size });
  }
  return met;
}
