/**
 * The two tokens of a window are one book. Three kinds of match are one comparison (venue, 2026-10): a BUY and a SELL of
 * one token swap; a BUY Up and a BUY Down whose prices reach one dollar mint a pair; a SELL Up and a SELL Down whose
 * prices do not pass one dollar merge one. So every order has a side and a price in terms of Up: bids are BUY Up and SELL
 * Down, offers SELL Up and BUY Down, and a purchase of Down at q is an offer of Up at 1 - q.
 *
 * The venue displays that one book on both tokens, each the mirror of the other. Therefore an order's own token shows all
 * the liquidity there is, the complement's included: nothing is added from the other book, and what we take is taken from
 * both. A recording that kept one token only has the other one derived.
 *
 * A public trade on one token is a trade of the one book too and reaches resting orders of the other token. Some sources
 * tell one match on both tokens: a trade with the same stamp, the same size and the complementary price on the other
 * token is the same trade (`bothTokens`). Assumes that two different trades never look like twins; errs against us then.
 * `ownToken` counts trades of an order's own token only, and errs against us where matches are told once.
 */
import type { Outcome, Side } from "../market/instrument.ts";
import { PRICE_SCALE } from "../units.ts";
import type { Assumption } from "./assumption.ts";

export type PrintRule = "bothTokens" | "ownToken";

/** An order or trade on either token, in terms of Up. */
export interface UpTerms {
  /** A bid for Up (BUY Up, SELL Down), else an offer. */
  readonly bid: boolean;
  readonly upPrice: number;
}

export const upTerms = (side: Side, outcome: Outcome, price: number): UpTerms => ({
  bid: (side === "buy") === (outcome === "up"),
  upPrice: outcome === "up" ? price : PRICE_SCALE - price,
});

/** What two orders of one book do when they match. */
export function matchKind(
  a: { side: Side; outcome: Outcome },
  b: { side: Side; outcome: Outcome },
): "swap" | "mint" | "merge" {
  if (a.outcome === b.outcome) return "swap";
  return a.side === "buy" ? "mint" : "merge";
}

/** Trades of one instant on one window, to tell a twin from a trade of its own. */
export class PrintMemory {
  private at = -Infinity;
  /** `[outcome (0 up), price in terms of Up, size, ...]` of trades without a twin so far. */
  private rows: number[] = [];

  /** True when this trade is the other token's telling of one already counted. */
  isTwin(outcome: Outcome, upPrice: number, size: number, tExchange: number): boolean {
    if (tExchange !== this.at) {
      this.at = tExchange;
      this.rows = [];
    }
    const own = outcome === "up" ? 0 : 1;
    for (let i = 0; i < this.rows.length; i += 3) {
      if (this.rows[i] !== own && this.rows[i + 1] === upPrice && this.rows[i + 2] === size) {
        this.rows.splice(i, 3);
        return true;
      }
    }
    this.rows.push(own, upPrice, size);
    return false;
  }
}

export const describeMint = (rule: PrintRule): Assumption => ({
  unit: "mint and merge",
  name: "one book, shown on both tokens",
  parameters: { prints: rule },
  errs: rule === "bothTokens"
    ? "hardly: twins are told by stamp, price and size"
    : "against us: trades of the other token are not seen",
});
