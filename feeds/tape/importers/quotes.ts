/** Numbers of recorded quotes: text or JSON numbers to integer levels. */
import { type Levels } from "../../../core/events.ts";
import { MICRO, parseDecimal, PRICE_SCALE } from "../../../core/units.ts";

/** One token's book in a row. */
export interface Quote {
  readonly bids: Levels;
  readonly asks: Levels;
}

/**
 * A recorded price in 1/10000. Recorders that went through floating point wrote 0.29000000000000004; such a value is
 * rounded when it lies within 1e-7 of four decimals. NaN for anything else.
 */
export function recordedPrice(text: string): number {
  const exact = parseDecimal(text, 4);
  if (!Number.isNaN(exact)) return exact;
  if (text === "") return NaN;
  const value = Number(text) * PRICE_SCALE;
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < 1e-3 ? rounded : NaN;
}

/** A recorded share count in millionths, further digits cut (the token has six). NaN when it is no number. */
export function recordedSize(text: string): number {
  const size = parseDecimal(text, 6, true);
  if (!Number.isNaN(size)) return size >= 0 ? size : NaN;
  const value = text === "" ? NaN : Math.floor(Number(text) * MICRO);
  return Number.isSafeInteger(value) && value >= 0 ? value : NaN;
}

/**
 * Best quote of one side as a level. An empty field, a price of 0 and a price of 1 or more all mean that the side is
 * empty. null: the field is no price at all.
 */
export function oneLevel(priceText: string, size: number): Levels | null {
  if (priceText === "") return [];
  const at = recordedPrice(priceText);
  if (Number.isNaN(at) || Number.isNaN(size)) return null;
  return at <= 0 || at >= PRICE_SCALE || size <= 0 ? [] : [at, size];
}

/** Both sides of a token from four fields; null when one of them is malformed. */
export function oneLevelQuote(bid: string, bidSize: number, ask: string, askSize: number): Quote | null {
  const bids = oneLevel(bid, bidSize);
  const asks = oneLevel(ask, askSize);
  return bids === null || asks === null ? null : { bids, asks };
}

/** Best bid of a book in 1/10000; -1 when the side is empty. */
export function bestBid(bids: Levels): number {
  let best = -1;
  for (let i = 0; i < bids.length; i += 2) if (bids[i]! > best) best = bids[i]!;
  return best;
}

/** Best ask of a book in 1/10000; -1 when the side is empty. */
export function bestAsk(asks: Levels): number {
  let best = -1;
  for (let i = 0; i < asks.length; i += 2) if (best < 0 || asks[i]! < best) best = asks[i]!;
  return best;
}

/** Bid at or above ask: no state of a matching engine, but a recorder that lost an update. */
export function isCrossed(quote: Quote): boolean {
  const ask = bestAsk(quote.asks);
  return ask >= 0 && bestBid(quote.bids) >= ask;
}

function tickOf(levels: Levels): number {
  let tick = 100;
  for (let i = 0; i < levels.length; i += 2) {
    const at = levels[i]!;
    if (at % 100 === 0) continue;
    if (at % 10 !== 0) return 1;
    tick = 10;
  }
  return tick;
}

/** The coarsest tick (100, 10 or 1 in 1/10000) on which all prices of the book lie. */
export const tickOfQuote = (quote: Quote): number => Math.min(tickOf(quote.bids), tickOf(quote.asks));
