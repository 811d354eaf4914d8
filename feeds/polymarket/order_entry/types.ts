/**
 * The private side of the CLOB as the gateway and the account commands use it. Every call has a deadline, none is repeated
 * by itself, and none throws for what a venue may do: a submit or cancel ends in an outcome, a read in a value or an
 * `HttpError`.
 */
import type { CancelOutcome, LifeInput, TradeReport } from "../../../core/orders/lifecycle_types.ts";
import type { WireReply } from "../../../core/orders/lifecycle_reply.ts";
import type { Ms, Usdc } from "../../../core/units.ts";

/**
 * What the venue takes at the moment, as its answers show: `normal`; `restarting` (425: nothing new, cancels may fail);
 * `post-only` after a restart; `cancel-only`; `halted` (503: trading disabled); `limited` (429 or our own buckets are
 * empty). All but `normal` end by themselves at `until`; then the next answer decides.
 */
export type VenueMode = "normal" | "restarting" | "post-only" | "cancel-only" | "halted" | "limited";

export interface VenueModeState {
  readonly mode: VenueMode;
  /** Venue ms; null while normal. */
  readonly until: Ms | null;
  readonly reason: string;
}

/** Microseconds of `Clock.monotonicUs()` at which a request passed each place; null where it was not reached. */
export interface CallStamps {
  readonly startUs: number;
  /**
   * Right after the request's bytes were given to the socket, within the call that sent it if a connection was idle; through
   * a proxy the runtime had them then, and writes when the turn of the event loop ends. Null: nothing was written.
   */
  readonly writtenUs: number | null;
  readonly doneUs: number | null;
}

/**
 * How a submit's call ended. `sent: false`: our own mode or budget forbade it, no byte left; `code` is one of "Not sent" in
 * docs/codes.md. `reply` never rejects; its `reply` is null when no answer could be read to its end.
 */
export type SubmitCall =
  | { readonly sent: false; readonly code: string; readonly message: string }
  | {
    readonly sent: true;
    readonly reply: Promise<{ readonly reply: WireReply | null; readonly stamps: CallStamps }>;
  };

export interface CancelAllReply {
  /** Order hashes. */
  readonly canceled: readonly string[];
  readonly notCanceled: Readonly<Record<string, string>>;
}

/** One page-complete listing; `askedAt` is when its first page was asked for. */
export interface Listing<Row> {
  readonly askedAt: Ms;
  readonly rows: readonly Row[];
}

/** An open order as the venue lists it, ours or anybody's on this API key. */
export interface ListedOrder {
  readonly hash: string;
  readonly conditionId: string;
  readonly token: string;
  readonly side: "buy" | "sell";
  readonly status: string;
  /** Millionths of a share, or of pUSD for a market BUY. */
  readonly originalSize: number;
  readonly matchedSize: number;
  /** 1/10000. */
  readonly price: number;
  readonly outcome: string;
  readonly orderType: string;
  readonly createdAtMs: Ms | null;
  readonly tradeIds: readonly string[];
}

/** What of a trade is this account's: as taker all of it, as maker its own orders. */
export interface OwnPart {
  /** Order hash. */
  readonly hash: string;
  readonly token: string;
  readonly side: "buy" | "sell";
  /** Millionths of a share. */
  readonly size: number;
  /** 1/10000. */
  readonly price: number;
  readonly liquidity: "taker" | "maker";
}

/** A trade as the venue lists it, with what the ledgers and people want to know beyond the report itself. */
export interface ListedTrade {
  readonly report: TradeReport;
  readonly conditionId: string;
  readonly outcome: string;
  readonly transactionHash: string;
  readonly traderSide: "taker" | "maker" | "unknown";
  /** Empty where the row does not say whose its parts are. */
  readonly parts: readonly OwnPart[];
}

export interface Balance {
  /** Millionths of pUSD, or of a share. */
  readonly balance: number;
  /** Spender address (checksummed as the venue gives it) to allowance in base units; capped at 2^53-1. */
  readonly allowances: Readonly<Record<string, number>>;
}

/** `invalid`: the venue named the id to use next. */
export type HeartbeatAnswer =
  | { readonly kind: "ok"; readonly id: string }
  | { readonly kind: "invalid"; readonly id: string; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };

/** An order's request, ready to be written. */
export interface PreparedOrder {
  readonly body: string;
  readonly request: unknown;
}

/** Why order entry does not send an order now. */
export interface EntryRefusal {
  readonly code: string;
  readonly message: string;
}

/** What order entry is told of an order beside its body. */
export interface OrderOptions {
  /** Passes the post-only mode. */
  readonly postOnly: boolean;
  /** Orders prepared before it in this turn, which are not known to be open yet. Default 0. */
  readonly before?: number;
  /** Asked when it had to wait for a connection; true: it is too old, and is not sent. */
  readonly isLate?: () => boolean;
}

/** Order entry and private reads of one account. Built by `openOrderEntry()`. */
export interface OrderEntry {
  readonly mode: VenueModeState;
  /**
   * Sends a signed order's JSON body. Decides on mode and budget and writes the request before it returns: no await lies
   * between the caller's decision and the socket, if a connection is idle.
   */
  submit(
    body: string,
    options: OrderOptions & { readonly prepared?: PreparedOrder | undefined },
  ): SubmitCall;
  /**
   * All of `submit()` that can be done before an order's row is on disk: mode, budget (taken here), login and bytes. Hand it to
   * `submit()` in the same turn of the event loop, which then only writes.
   */
  prepare?(body: string, options: OrderOptions): PreparedOrder | EntryRefusal;
  /** As `prepare()`; nothing is counted, and `submit()` does not take it. */
  rehearse?(body: string): void;
  /**
   * DELETE /order, or /orders in batches of at most 1000, all started before it returns. Every hash gets an outcome under
   * the text it was given with; no answer is `unknown`, and so is one that our budget kept back (`CANCEL_LIMITED`). Never
   * rejects.
   */
  cancel(hashes: readonly string[]): Promise<ReadonlyMap<string, CancelOutcome>>;
  /** DELETE /cancel-all. Always has a token kept for it. Throws HttpError. */
  cancelAll(): Promise<CancelAllReply>;
  /** DELETE /cancel-market-orders. Throws HttpError. */
  cancelMarket(conditionId: string): Promise<CancelAllReply>;
  /** Asks for one hash whatever its status; null when the answer cannot be had or read now. Never rejects. */
  lookup(hash: string): Promise<Extract<LifeInput, { readonly type: "lookup" }> | null>;
  /** All open orders of the API key's signer, paged to the end. Throws HttpError (also SNAPSHOT_INCOMPLETE). */
  openOrders(filter?: { readonly conditionId?: string }): Promise<Listing<ListedOrder>>;
  /** All trades that match, paged to the end. Throws as `openOrders`. */
  trades(
    filter: { readonly conditionId?: string; readonly id?: string; readonly afterMs?: Ms },
  ): Promise<Listing<ListedTrade>>;
  /** pUSD. Throws HttpError. */
  collateral(): Promise<Balance & { readonly balance: Usdc }>;
  /** One outcome token; `version` picks the asset type. Throws HttpError. */
  conditional(token: string, version: "v1" | "v2"): Promise<Balance>;
  /** Tells the venue to read the chain again. Throws HttpError. */
  refreshBalance(
    of: { readonly kind: "collateral" } | {
      readonly kind: "conditional";
      readonly token: string;
      readonly version: "v1" | "v2";
    },
  ): Promise<void>;
  heartbeat(id: string): Promise<HeartbeatAnswer>;
  /** True when the account may only close; null when the venue has no record. Throws HttpError. */
  closedOnly(): Promise<boolean | null>;
  /** Ids of the API keys of this signer: proves the credentials. Throws HttpError (status 401 when they do not fit). */
  apiKeys(): Promise<readonly string[]>;
  /** Opens and keeps open the connections that orders will use. Returns how many answered. */
  warm(): Promise<number>;
  /** Wall-clock times of recent API failures and latencies, for the kill switch. */
  health(): {
    readonly errorsLastMinute: number;
    readonly latencyP50Ms: number | null;
    readonly latencyP95Ms: number | null;
  };
  close(): Promise<void>;
}
