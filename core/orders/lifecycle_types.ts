/**
 * The words of an order's life: states, what is known of an order and a trade, what can be told, what must be done.
 * Everything is plain JSON, so that a journal can keep the inputs and rebuild the state from them.
 */
import type { OrderMap } from "./order_map.ts";
import type { OrderType } from "../events.ts";
import type { FeeSchedule, Outcome, Side } from "../market/instrument.ts";
import type { Ms, Price, Shares, Usdc } from "../units.ts";
import type { Key } from "./key_ring.ts";

/**
 * `created` on disk, not sent; `sent` on its way; `unknown` sent, outcome not known (blocks its budget until the venue was
 * asked); `delayed` held by the venue; `live`; `partly-filled` and still open; `cancelling` a cancel was sent; then the
 * four ends.
 */
export const LIFE_STATES = [
  "created",
  "sent",
  "unknown",
  "delayed",
  "live",
  "partly-filled",
  "filled",
  "cancelling",
  "cancelled",
  "rejected",
  "expired",
] as const;
export type LifeState = typeof LIFE_STATES[number];

/** Trade statuses of the venue (documentation of 2026-10: MATCHED, MINED, CONFIRMED, RETRYING, FAILED). */
export const TRADE_STATES = ["matched", "retrying", "mined", "confirmed", "failed"] as const;
export type TradeState = typeof TRADE_STATES[number];

/** An order as it was decided, with the hash known before sending (0x and 64 lower-case hex digits). */
export interface OrderTerms {
  readonly hash: string;
  /** The engine's own id of the intent. */
  readonly orderId: string;
  readonly conditionId: string;
  readonly token: string;
  readonly outcome: Outcome;
  readonly side: Side;
  readonly orderType: OrderType;
  readonly postOnly: boolean;
  readonly limit: Price;
  /** Shares wanted; 0 for a market BUY, which spends. */
  readonly size: Shares;
  readonly spend: Usdc;
  /** GTD: when the venue ends it (60 s before the signed expiration); null for every other type. */
  readonly expiresAtMs: Ms | null;
  readonly fee: FeeSchedule;
  /** The most it may take from the account, fees included; 0 for a SELL. */
  readonly costBound: Usdc;
}

/** One of our orders, as far as we know. */
export interface TrackedOrder {
  readonly terms: OrderTerms;
  readonly state: LifeState;
  readonly createdAtMs: Ms;
  /** When its bytes left, or at the latest can have left; null while `created`. */
  readonly sentAtMs: Ms | null;
  /** Shares matched as the venue's order messages state it; only grows. */
  readonly shown: Shares;
  /** Shares of all its trades, failed ones too; only grows. */
  readonly told: Shares;
  /** Cash and fees of all its trades, failed ones too. */
  readonly toldCash: Usdc;
  /** Trades the venue named for this order. */
  readonly tradeIds: readonly string[];
  readonly cancelAskedAtMs: Ms | null;
  /** Ended by our account while the venue shows it alive or traded: its budget stays blocked until the venue was asked. */
  readonly disputed: boolean;
  /** What we believe is older than a restart or than a listing that lacks it: the venue must be asked. */
  readonly stale: boolean;
  /** When the venue should be asked next; null: nothing to ask. */
  readonly askAtMs: Ms | null;
  readonly asks: number;
  readonly endedAtMs: Ms | null;
  /** A code or the venue's words; null while open. */
  readonly reason: string | null;
  /** It was put away as settled, and a late message brought it back; absent otherwise. */
  readonly wasPutAway?: true;
}

/** Our part of a trade: one of our orders with what it got. */
export interface TradeLeg {
  readonly hash: string;
  readonly conditionId: string;
  readonly token: string;
  readonly outcome: Outcome;
  readonly side: Side;
  readonly price: Price;
  readonly size: Shares;
  /** pUSD for the shares, without the fee. */
  readonly cash: Usdc;
  readonly fee: Usdc;
  readonly liquidity: "taker" | "maker";
}

export interface TrackedTrade {
  readonly id: string;
  readonly state: TradeState;
  readonly legs: readonly TradeLeg[];
  readonly matchedAtMs: Ms;
  readonly updatedAtMs: Ms;
  /** When the venue should be asked how it stands; null once it is confirmed or failed. */
  readonly askAtMs: Ms | null;
  readonly asks: number;
}

/** A trade as it is remembered: enough to know it again and to see that it is told otherwise. */
export interface PastTrade {
  readonly state: TradeState;
  /** Digest of our parts, and how many. */
  readonly legs: Key;
  readonly parts: number;
}

/** What is remembered of settled orders and trades, bounded: `Past` of past.ts. */
export interface PastRecord {
  /** Trades matched at or before this may have been forgotten; null while none was. */
  readonly horizonMs: Ms | null;
  /** Orders had to give way. */
  readonly hasForgottenOrders: boolean;
  /** How many are remembered. */
  readonly orders: number;
  readonly trades: number;
  hasOrder(hash: string): boolean;
  order(hash: string): TrackedOrder | undefined;
  /** Takes the order out. */
  takeOrder(hash: string): TrackedOrder | undefined;
  addOrder(order: TrackedOrder): void;
  trade(id: string): PastTrade | undefined;
  addTrade(trade: Pick<TrackedTrade, "id" | "state" | "legs" | "matchedAtMs">): void;
}

/** Everything known of one wallet's orders. `applyInput()` and `compactSettled()` are its only writers. */
export interface OrderLife {
  /** Alive, or settled a short while ago. */
  readonly orders: OrderMap<TrackedOrder>;
  readonly trades: Map<string, TrackedTrade>;
  /** Settled. */
  readonly past: PastRecord;
}

/** How a submit ended, see `classifySubmit()`. */
export type SubmitOutcome =
  | {
    readonly kind: "accepted";
    readonly status: "live" | "matched" | "delayed";
    /** Shares matched at once; null when the reply does not say. */
    readonly matched: Shares | null;
    readonly tradeIds: readonly string[];
  }
  /** The venue does not have it. */
  | { readonly kind: "rejected"; readonly code: string; readonly message: string }
  /** The venue took it and ended it at once, without a match. */
  | { readonly kind: "killed"; readonly code: string; readonly message: string }
  /** An earlier attempt with this hash is at the venue. */
  | { readonly kind: "landed"; readonly message: string }
  | { readonly kind: "unknown"; readonly code: string; readonly message: string };

/** Order statuses of the venue, prefix and free text removed. */
export type VenueOrderStatus = "live" | "matched" | "delayed" | "unmatched" | "cancelled" | "invalid";

/** One maker's part in a trade. */
export interface MakerPart {
  readonly hash: string;
  readonly token: string;
  readonly price: Price;
  readonly size: Shares;
}

/** A trade as the venue tells it to us, from the user socket or REST. */
export interface TradeReport {
  readonly id: string;
  readonly state: TradeState;
  readonly takerHash: string;
  readonly token: string;
  readonly price: Price;
  readonly size: Shares;
  readonly makers: readonly MakerPart[];
  readonly matchedAtMs: Ms | null;
}

/** What the venue answers to a cancel of one order. `unknown`: no answer, or none we can read. */
export type CancelOutcome =
  | { readonly kind: "cancelled" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

interface About {
  /** When it was known, ms. */
  readonly at: Ms;
  readonly hash: string;
}

/** Everything that moves an order's life. */
export type LifeInput =
  | { readonly type: "created"; readonly at: Ms; readonly terms: OrderTerms }
  | { readonly type: "sent" } & About
  /** Decided not to send it; its bytes never left. */
  | { readonly type: "dropped"; readonly code: string } & About
  | { readonly type: "submitReply"; readonly outcome: SubmitOutcome } & About
  | {
    readonly type: "orderEvent";
    readonly event: "placement" | "update" | "cancellation";
    readonly status: VenueOrderStatus;
    /** Cumulative; null when not stated. */
    readonly matched: Shares | null;
    readonly tradeIds: readonly string[];
    readonly reason: string;
  } & About
  | { readonly type: "trade"; readonly at: Ms; readonly trade: TradeReport }
  /** The answer to a question for this hash that was asked at `askedAt`; `found` null: the venue does not know it. */
  | {
    readonly type: "lookup";
    readonly askedAt: Ms;
    readonly found: {
      readonly status: VenueOrderStatus;
      readonly matched: Shares | null;
      readonly tradeIds: readonly string[];
    } | null;
  } & About
  | { readonly type: "cancelAsked" } & About
  | { readonly type: "cancelReply"; readonly outcome: CancelOutcome } & About
  /** All open orders of the account, as answered to a question asked at `askedAt`. */
  | { readonly type: "openOrders"; readonly at: Ms; readonly askedAt: Ms; readonly hashes: readonly string[] }
  /** The process starts again: whatever was on its way is unknown. */
  | { readonly type: "restart"; readonly at: Ms }
  | { readonly type: "clock"; readonly at: Ms };

/** What the caller must do now. */
export type LifeAction =
  /** `GET /data/orders?id=` (or `/data/order/{id}`) and pass the answer on as `lookup`. */
  | { readonly type: "askOrder"; readonly hash: string; readonly why: string }
  /** `GET /data/trades` of the market (and of the ids named) and pass every trade on. */
  | {
    readonly type: "askTrades";
    readonly hash: string;
    readonly conditionId: string;
    readonly tradeIds: readonly string[];
  }
  /** Cancel it: the venue shows an order alive that we had given up. */
  | { readonly type: "cancel"; readonly hash: string }
  /** A fill changed its standing; `postFill()` of the ledgers wants exactly this. */
  | { readonly type: "fill"; readonly fill: Fill; readonly stage: "provisional" | "final" | "undone" }
  /** Something that must not happen did; a person should know. */
  | { readonly type: "alarm"; readonly code: AlarmCode; readonly detail: string };

/** One leg of one trade: the unit of the ledgers. `id` is unique and stable: trade id and order hash. */
export interface Fill extends TradeLeg {
  readonly id: string;
  readonly tradeId: string;
  readonly at: Ms;
}

export const ALARM_CODES = [
  "HASH_MISMATCH",
  "REJECTED_BUT_ALIVE",
  "ACCEPTED_BUT_ABSENT",
  "TRADE_CHANGED",
  "TRADE_CONTRADICTED",
  "TOKEN_MISMATCH",
  "OVERFILLED",
  "FOREIGN_TRADE",
  "FOREIGN_ORDER",
] as const;
export type AlarmCode = typeof ALARM_CODES[number];
