/**
 * A taker walks the displayed book from the best level to its limit and pays each level's own price: what is better than
 * the limit is the taker's (venue rule). Never the mid.
 *
 * Assumes that everything displayed is there and that nobody else takes in the same instant. Errs towards us: of several
 * takers that meet after a hold one is first, and here it is always us.
 *
 * How fine a fill may be is a rule of its own: `fourDecimals` takes whole ten-thousandths of a share (the finest a market
 * order may name) and rounds pUSD against us; `wholeCash` takes the finest size that costs whole millionths at each price.
 * They differ by less than 0.0001 share a level on a cent tick, less than 0.01 on the finest.
 */
import { ASK, BID, type OrderBook } from "../market/book.ts";
import type { Side } from "../market/instrument.ts";
import { floorTo, MARKET_SIZE_STEP } from "../market/rounding.ts";
import {
  mulDivFloor,
  notional,
  notionalUp,
  type Price,
  PRICE_SCALE,
  type Shares,
  type Usdc,
} from "../units.ts";
import type { Assumption } from "./assumption.ts";

export type FillStep = "fourDecimals" | "wholeCash";

/** The finest fill at a price, millionths of a share. */
export function fillStep(rule: FillStep, at: number): number {
  if (rule === "fourDecimals") return MARKET_SIZE_STEP;
  let [a, b] = [at, PRICE_SCALE];
  while (a > 0) [a, b] = [b % a, a];
  return PRICE_SCALE / b;
}

/** pUSD of a fill, rounded against us where it is not whole. */
export const cashOf = (side: Side, size: Shares, at: Price): Usdc =>
  side === "buy" ? notionalUp(size, at) : notional(size, at);

export interface Want {
  readonly side: Side;
  /** Worst price. */
  readonly limit: Price;
  /** Shares wanted; 0 with `spend`. */
  readonly size: number;
  /** pUSD to spend; 0 with `size`. */
  readonly spend: number;
}

/** Part of a level that is taken. */
export interface Taken {
  readonly price: Price;
  readonly size: Shares;
}

export interface Walk {
  readonly fills: readonly Taken[];
  readonly size: number;
  readonly cash: number;
  /** Nothing more is wanted, up to dust. */
  readonly satisfied: boolean;
}

/** What is too little to buy another ten-thousandth of a share at the limit counts as spent. */
const dustOf = ({ spend, limit }: Want): number =>
  spend > 0 ? Math.ceil(MARKET_SIZE_STEP * limit / PRICE_SCALE) : 0;

/** What would be taken from `book` now; changes nothing. */
export function walkBook(book: OrderBook, want: Want, rule: FillStep): Walk {
  const buying = want.side === "buy";
  const side = buying ? ASK : BID;
  const fills: Taken[] = [];
  let size = 0;
  let cash = 0;
  let satisfied = false;
  let at = buying ? book.bestAsk : book.bestBid;
  while (!satisfied && at >= 0 && (buying ? at <= want.limit : at >= want.limit)) {
    const step = fillStep(rule, at);
    const wanted = want.spend > 0 ? mulDivFloor(want.spend - cash, PRICE_SCALE, at) : want.size - size;
    const able = floorTo(wanted, step);
    const take = Math.min(able, floorTo(book.sizeAt(side, at), step)) as Shares;
    if (take > 0) {
      fills.push({ price: at as Price, size: take });
      size += take;
      cash += cashOf(want.side, take, at as Price);
    }
    satisfied = take === able;
    at = book.next(side, at);
  }
  if (want.spend > 0 && want.spend - cash <= dustOf(want)) satisfied = true;
  return { fills, size, cash, satisfied };
}

export const describeWalk = (rule: FillStep): Assumption => ({
  unit: "book walking",
  name: "displayed levels, price improvement to the taker",
  parameters: { step: rule },
  errs: "towards us: no other taker is ever first",
});
