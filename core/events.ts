/**
 * What can happen (`Event`) and what we may do (`Intent`): the whole language between the outside and the engine.
 *
 * Every event has two times in milliseconds: `tExchange`, the source's own stamp (equal to `tReceive` when the source
 * has none), and `tReceive`, when the frame reached us. The engine knows no other clock.
 *
 * Levels are flat arrays `[price, size, price, size, ...]`: prices of outcome tokens in 1/10000 with sizes in
 * millionths of a share; on fast books, dollars and coins as doubles. Order inside the array carries no meaning.
 */
import type { Asset, Instrument, Outcome, Side } from "./market/instrument.ts";
import type { Ms, Price, Shares, Usdc } from "./units.ts";

export type Levels = readonly number[];
export type FastVenue = "binance-futures" | "binance-spot" | "bybit" | "coinbase";

export const FEEDS = [
  "polymarket.market",
  "polymarket.prices",
  "binance.futures.public",
  "binance.futures.market",
  "binance.spot",
  "deribit",
] as const;
export type FeedName = typeof FEEDS[number];

/** `connecting` no datum yet, `live` data within its age limit, `late` data too old, `down` no socket. */
export type FeedState = "connecting" | "live" | "late" | "down";

interface Timed {
  readonly tExchange: Ms;
  readonly tReceive: Ms;
}

/** Time passes although nothing else happened. */
export interface ClockEvent extends Timed {
  readonly type: "clock";
}
/** A window was found, or its listing changed (the newest listing replaces the older). */
export interface WindowEvent extends Timed {
  readonly type: "window";
  readonly instrument: Instrument;
}
/**
 * Price to beat. `exact` is the decimal text of the source; `basis` says whose price it is, because a strike of one
 * source must never be compared with the spot of another without its basis.
 */
export interface StrikeEvent extends Timed {
  readonly type: "strike";
  readonly conditionId: string;
  readonly value: number;
  readonly exact: string;
  readonly source: "twap-print" | "crypto-price" | "previous-final" | "gamma" | "recording";
  readonly basis: "chainlink" | FastVenue;
}
/** Full replacement of one token's book. */
export interface BookEvent extends Timed {
  readonly type: "book";
  readonly token: string;
  readonly bids: Levels;
  readonly asks: Levels;
  /** Tick stated by the snapshot, when it states one. */
  readonly tick?: Price;
}
/** New totals at some levels: flat `[side (0 bid, 1 ask), price, size, ...]`; size 0 removes the level. */
export interface BookDeltaEvent extends Timed {
  readonly type: "bookDelta";
  readonly token: string;
  readonly changes: readonly number[];
  /** Best prices after the change as the venue states them; -1 when not stated or the side is empty. */
  readonly bestBid: number;
  readonly bestAsk: number;
}
/** The token's book is void until its next snapshot; also when the tick stays what it is (changes of the book were lost). */
export interface TickSizeEvent extends Timed {
  readonly type: "tickSize";
  readonly token: string;
  readonly oldTick: Price;
  readonly newTick: Price;
}
/** A public trade on a token; `side` is the taker's. */
export interface TokenTradeEvent extends Timed {
  readonly type: "tokenTrade";
  readonly token: string;
  readonly price: Price;
  readonly size: Shares;
  readonly side: Side;
}
/** Best prices of a token; -1 for an empty side. A check on the book, not a book. */
export interface BestBidAskEvent extends Timed {
  readonly type: "bestBidAsk";
  readonly token: string;
  readonly bid: number;
  readonly ask: number;
}
/** The venue says who won. */
export interface ResolvedEvent extends Timed {
  readonly type: "resolved";
  readonly conditionId: string;
  readonly winner: Outcome;
  /** `venue`: stated by the market; `inferred`: by a recording's last quotes; `twap`: by our own reading of the prints. */
  readonly source: "venue" | "inferred" | "twap";
}
/** One print of the settlement oracle. `tExchange` is the source's own second. */
export interface OraclePriceEvent extends Timed {
  readonly type: "oraclePrice";
  readonly asset: Asset;
  readonly kind: "spot" | "twap60";
  readonly provider: "chainlink" | "pyth";
  readonly value: number;
  readonly exact: string;
}
/** Top of a fast market's book as a full replacement (for example depth20). */
export interface FastBookEvent extends Timed {
  readonly type: "fastBook";
  readonly venue: FastVenue;
  readonly asset: Asset;
  readonly bids: Levels;
  readonly asks: Levels;
}
export interface FastTopEvent extends Timed {
  readonly type: "fastTop";
  readonly venue: FastVenue;
  readonly asset: Asset;
  readonly bid: number;
  readonly bidSize: number;
  readonly ask: number;
  readonly askSize: number;
}
/** A trade on a fast market; `id` is the venue's, or -1. */
export interface FastTradeEvent extends Timed {
  readonly type: "fastTrade";
  readonly venue: FastVenue;
  readonly asset: Asset;
  readonly price: number;
  readonly size: number;
  readonly takerBuys: boolean;
  readonly id: number;
}
/** A candle. `closed:false` is the forming one. Never sent before it could have been known: tReceive >= close when closed. */
export interface FastBarEvent extends Timed {
  readonly type: "fastBar";
  readonly venue: FastVenue;
  readonly asset: Asset;
  readonly openMs: Ms;
  readonly closeMs: Ms;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly closed: boolean;
}
/** A bare reference price of a fast market (a recorder's ticker column), no size and no side. */
export interface FastPriceEvent extends Timed {
  readonly type: "fastPrice";
  readonly venue: FastVenue;
  readonly asset: Asset;
  readonly price: number;
}
export interface MarkPriceEvent extends Timed {
  readonly type: "markPrice";
  readonly asset: Asset;
  readonly mark: number;
  readonly index: number;
  readonly fundingRate: number;
}
export interface LiquidationEvent extends Timed {
  readonly type: "liquidation";
  readonly asset: Asset;
  /** Side of the liquidation order: `sell` closes a long. */
  readonly side: Side;
  readonly price: number;
  readonly size: number;
}
/** Implied volatility index in percent points, annualised. */
export interface VolatilityEvent extends Timed {
  readonly type: "volatility";
  readonly asset: Asset;
  readonly value: number;
}
export interface FeedStateEvent extends Timed {
  readonly type: "feedState";
  readonly feed: FeedName;
  readonly state: FeedState;
  readonly detail: string;
}
/**
 * What was measured of our own way to the venue, about once a second: the engine has no clock, so it is told. -1 where nothing
 * was measured.
 */
export interface LatencyEvent extends Timed {
  readonly type: "latency";
  /** Round trips (orders, heartbeats) that ended within the last seconds, and their median and worst, ms. */
  readonly trips: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Longest time our event loop stood still since the last such event, ms. */
  readonly loopMs: number;
}
/** Stop trading: open orders are cancelled and nothing new is sent. */
export interface StopEvent extends Timed {
  readonly type: "stop";
  readonly reason: string;
}

export type MarketEvent =
  | ClockEvent
  | WindowEvent
  | StrikeEvent
  | BookEvent
  | BookDeltaEvent
  | TickSizeEvent
  | TokenTradeEvent
  | BestBidAskEvent
  | ResolvedEvent
  | OraclePriceEvent
  | FastBookEvent
  | FastTopEvent
  | FastTradeEvent
  | FastBarEvent
  | FastPriceEvent
  | MarkPriceEvent
  | LiquidationEvent
  | VolatilityEvent
  | FeedStateEvent
  | LatencyEvent
  | StopEvent;

export type OrderType = "GTC" | "GTD" | "FOK" | "FAK";

/** The venue took the order. */
export interface OrderAcceptedEvent extends Timed {
  readonly type: "orderAccepted";
  readonly orderId: string;
  /** `live` rests on the book, `matched` traded at once, `delayed` is held by the venue. */
  readonly status: "live" | "matched" | "delayed";
}
export interface OrderRejectedEvent extends Timed {
  readonly type: "orderRejected";
  readonly orderId: string;
  readonly code: string;
  readonly message: string;
}
/** One fill. `fee` is ours, in pUSD; `price` is what we traded at on our own token. */
export interface FillEvent extends Timed {
  readonly type: "fill";
  readonly orderId: string;
  readonly fillId: string;
  readonly token: string;
  readonly side: Side;
  readonly price: Price;
  readonly size: Shares;
  /** pUSD moved for the shares, without the fee. */
  readonly cash: Usdc;
  readonly fee: Usdc;
  readonly liquidity: "taker" | "maker";
  /** Matched, and not money yet: a `fillStage` follows. */
  readonly provisional?: true;
}
/** Nothing more will happen to the order. */
export interface OrderDoneEvent extends Timed {
  readonly type: "orderDone";
  readonly orderId: string;
  readonly reason: "filled" | "cancelled" | "killed" | "expired" | "market-closed";
}
/** Nobody knows what became of the order: it keeps its budget until the venue has been asked. */
export interface OrderUnknownEvent extends Timed {
  readonly type: "orderUnknown";
  readonly orderId: string;
  readonly reason: string;
}
/** A fill that was told before became money, or never did: `undone` takes it back exactly. */
export interface FillStageEvent extends Timed {
  readonly type: "fillStage";
  readonly orderId: string;
  readonly fillId: string;
  readonly stage: "final" | "undone";
}
/** Shares that are ours without an order of this session: held before it began, or another program's purchase. */
export interface AdoptedPosition {
  readonly token: string;
  readonly conditionId: string;
  readonly outcome: Outcome;
  /** Added to what is held; negative only for shares of others that went. */
  readonly shares: Shares;
  /** What they cost with fees, or their payout when nobody knows; of the same sign. */
  readonly cost: Usdc;
}
/**
 * The account changed by something other than this session's orders: the start (what is there), a deposit, a late fill of
 * an earlier run's order, orders of other programs.
 */
export interface AccountEvent extends Timed {
  readonly type: "account";
  /** Added to cash; negative for money that left. */
  readonly cashChange: Usdc;
  readonly adopted: readonly AdoptedPosition[];
  /** Payouts of settled windows that were redeemed just now: cash that was counted before and can be spent from now on. */
  readonly redeemed: Usdc;
  /** pUSD blocked by orders this session did not make; replaces what was said before. */
  readonly reserved: readonly { readonly conditionId: string; readonly cost: Usdc }[];
  readonly reason: string;
}
export type ExecutionEvent =
  | OrderAcceptedEvent
  | OrderRejectedEvent
  | FillEvent
  | OrderDoneEvent
  | OrderUnknownEvent
  | FillStageEvent
  | AccountEvent;

export type Event = MarketEvent | ExecutionEvent;

/**
 * An order we want. A market BUY (FAK or FOK) says what to `spend` and has `size` 0, as the venue does; every other order
 * says its `size` and has `spend` 0. The fee comes on top of both.
 */
export interface SubmitIntent {
  readonly type: "submit";
  readonly orderId: string;
  readonly conditionId: string;
  readonly token: string;
  readonly outcome: Outcome;
  readonly side: Side;
  readonly orderType: OrderType;
  readonly postOnly: boolean;
  /** The worst price we accept. */
  readonly limit: Price;
  readonly size: Shares;
  readonly spend: Usdc;
  /** GTD only: when the order should stop living. */
  readonly expireAt?: Ms;
  /** Receive time of the event that caused it. */
  readonly bornAt: Ms;
  /** Age in ms at which it must no longer be sent. */
  readonly maxAge: Ms;
}
export interface CancelIntent {
  readonly type: "cancel";
  readonly orderId: string;
  readonly bornAt: Ms;
}
export type Intent = SubmitIntent | CancelIntent;
