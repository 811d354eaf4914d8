/** Reason codes in plain words, for tables that people read. The list of record is `docs/codes.md`. */

const MEANINGS: Readonly<Record<string, string>> = {
  STOPPED: "trading was stopped",
  DRAWDOWN_LATCH: "the session's drawdown limit was hit; no new positions",
  LOSS_STREAK_LATCH: "too many losing trades in a row; no new positions",
  MARKET_NOT_TRADABLE: "the venue's own flags forbid trading",
  RULE_UNKNOWN: "the settlement rule was not understood",
  VERSION_UNKNOWN: "the market's version was not understood",
  FEE_UNKNOWN: "the fee schedule is missing or not understood",
  STRIKE_UNKNOWN: "the price to beat is not known",
  WINDOW_BLACKOUT: "too close to the window's end",
  WINDOW_ENDED: "the window is over",
  BOOK_UNTRUSTED: "no snapshot yet, or the venue's best prices disagree with our book",
  BOOK_CROSSED: "a bid stands at or above an ask",
  BOOK_EMPTY: "nothing to trade against",
  FEED_STALE: "a price the strategy needs is too old",
  FEED_DOWN: "the book feed is not live: down, late or opening again",
  CLOCK_SKEW: "the venue's stamps lie ahead of our clock: no age can be measured",
  SIGNAL_TOO_OLD: "the newest input is older than a signal may be",
  PRICE_OFF_TICK: "the limit is not on the tick",
  SIZE_BELOW_MINIMUM: "fewer shares than the market's minimum",
  NOTIONAL_BELOW_MINIMUM: "less than the smallest order in pUSD",
  TRADE_FRACTION_LIMIT: "too much of the balance in one trade",
  POSITION_LIMIT: "the market's position limit",
  EXPOSURE_LIMIT: "the limit over all markets",
  BALANCE_INSUFFICIENT: "not enough free pUSD",
  ORDER_IN_FLIGHT: "another order of this window is not resolved yet",
  INTENT_EXPIRED: "too old when it reached the wire",
  NO_MATCH: "the price was gone when the hold ended",
  MARKET_CLOSED: "the market closed first",
  POST_ONLY_CROSSES: "a post-only order would have traded",
  NOT_ENOUGH_BALANCE: "the exchange saw too little balance",
  INVALID_AMOUNTS: "amounts with more decimals than the venue takes",
  TICK_SIZE: "the exchange saw a price off the tick",
};

/** Plain words for a code; the code itself when there are none. */
export const gateMeaning = (code: string): string => MEANINGS[code] ?? code;
