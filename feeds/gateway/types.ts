/**
 * The gateway's public face: what it is made of, the port the session talks to, and its reports. It stands between the
 * engine and the venue: what the engine wants becomes orders on disk, then on the wire; what the venue says becomes the
 * engine's words.
 */
import type { AdoptedPosition, SubmitIntent } from "../../core/events.ts";
import type { MarketVersion, Outcome } from "../../core/market/instrument.ts";
import type { LifeInput } from "../../core/orders/lifecycle_types.ts";
import type { ExchangePort } from "../../core/session.ts";
import type { Ms, Shares, Usdc } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { WalletState } from "../journal/state.ts";
import type { Journal } from "../journal/journal.ts";
import type { LatchMark } from "../journal/latch.ts";
import type { Secret } from "../keys/secret.ts";
import type { FeedLog } from "../net/feed_context.ts";
import type { ListedOrder, OrderEntry } from "../polymarket/order_entry/types.ts";
import type { OrderSigner } from "../polymarket/signing/fast_signer.ts";

/** What the user socket tells; every call may come at any time between `open` and `close`. */
export interface UserFeedHandlers {
  /** An order or trade message, already read. */
  readonly onInput: (input: LifeInput) => void;
  /** The socket listens (again): what was said before is to be asked for over REST. */
  readonly onUp: () => void;
  readonly onDown: (reason: string) => void;
}
export interface UserFeed {
  /** REST shows that something happened to this order: a socket that does not speak of it is silent. */
  noteActivityExpected?(hash: string, since: Ms): void;
  close(): void | Promise<void>;
}
export interface HeartbeatHandlers {
  /** Beats are answered (again): open orders may have been cancelled by the venue meanwhile. */
  readonly onAlive: () => void;
  /** The venue has heard nothing for too long, or another process beats for this key. */
  readonly onLost: (reason: string) => void;
}
export interface HeartbeatLoop {
  close(): void | Promise<void>;
}

/** Waits and intervals, ms of the clock. */
export interface GatewayTiming {
  /** Least time between two ticks of the orders' own clock. */
  readonly tickMs: number;
  readonly balanceEveryMs: number;
  /** Balances are judged this long after the last trade moved. */
  readonly balanceGraceMs: number;
  readonly forgetEveryMs: number;
  /** The latch file is read again this often. */
  readonly latchEveryMs: number;
  /** Trades are asked for from this long before the last one seen. */
  readonly overlapMs: number;
  /** How far back a new journal looks for positions. */
  readonly lookbackMs: number;
  /** Longest wait for the first heartbeat and the user socket. */
  readonly connectMs: number;
  /** Longest wait at the start for orders whose fate is unknown. */
  readonly resolveMs: number;
  /** Pause between two rounds of cancelling, asking or waiting. */
  readonly roundMs: number;
  /** Rounds of cancelling at start and stop. */
  readonly cancelRounds: number;
  /** Longest wait at the stop for trades to settle. */
  readonly settleMs: number;
  /** Longest `stop()` in all, ms of the wall: what is not proved by then is said to be so. */
  readonly stopMs: number;
  /** Questions under way at a time. */
  readonly parallelAsks: number;
}

export const DEFAULT_GATEWAY_TIMING: GatewayTiming = {
  tickMs: 200,
  balanceEveryMs: 30_000,
  balanceGraceMs: 20_000,
  forgetEveryMs: 5_000,
  latchEveryMs: 1_000,
  overlapMs: 60_000,
  lookbackMs: 5 * 3_600_000,
  connectMs: 15_000,
  resolveMs: 12_000,
  roundMs: 250,
  cancelRounds: 20,
  settleMs: 30_000,
  stopMs: 60_000,
  parallelAsks: 4,
};

/** Microseconds of `Clock.monotonicUs()`; null where a place was not reached. */
export interface OrderLatency {
  readonly orderId: string;
  readonly hash: string;
  readonly type: SubmitIntent["orderType"];
  /** Receive time of the event that caused it, and when the gateway got it, ms. */
  readonly bornAt: Ms;
  readonly takenAt: Ms;
  readonly takenUs: number;
  readonly signedUs: number;
  /** The row is on disk. */
  readonly journalledUs: number;
  readonly writtenUs: number | null;
  readonly ackUs: number | null;
  readonly presigned: boolean;
}

/** Something a person, or the kill switch, should know. `code` is listed in docs/codes.md. */
export interface GatewayAlarm {
  readonly code: string;
  readonly detail: string;
  readonly at: Ms;
}

export interface GatewayOptions {
  readonly signer: OrderSigner;
  /** Id of the API key; part of every order's body. */
  readonly apiKey: Secret<string>;
  readonly entry: OrderEntry;
  readonly openUserFeed: (handlers: UserFeedHandlers) => UserFeed;
  readonly openHeartbeat: (handlers: HeartbeatHandlers) => HeartbeatLoop;
  /** Open and not yet read; `stop()` closes it. */
  readonly journal: Journal;
  /** `<data>/latches`. */
  readonly latchFolder: string;
  readonly clock: Clock;
  readonly salt: () => number;
  readonly log: FeedLog;
  /** `advance()` has something new. Never called from inside a call of the port. */
  readonly onReady: () => void;
  /** What the engine was made with; the first `account` event tells the difference to what is there. 0 when absent. */
  readonly bankroll?: Usdc;
  readonly onAlarm: (alarm: GatewayAlarm) => void;
  readonly onLatency?: (latency: OrderLatency) => void;
  readonly timing?: Partial<GatewayTiming>;
  /** Start with every order of the API key cancelled, also those that are not in the journal. */
  readonly cancelForeign?: boolean;
  /** Version of markets whose listing was not seen (for balances of older windows); "v1" when absent. */
  readonly version?: Exclude<MarketVersion, "unknown">;
  readonly chainId?: 137 | 80002;
}

/** A row of the start's comparison: our ledger beside the venue, millionths. */
export interface Difference {
  /** `redeemed`: shares of a resolved window that were paid out outside. */
  readonly kind: "cash" | "shares" | "redeemed";
  readonly token: string | null;
  readonly conditionId: string | null;
  readonly ledger: number;
  readonly venue: number;
}

export interface ForeignPosition {
  readonly token: string;
  readonly conditionId: string;
  readonly outcome: Outcome;
  readonly shares: Shares;
}

export interface StartReport {
  /** The journal was empty: the venue's cash became the opening balance. */
  readonly isNew: boolean;
  readonly latch: LatchMark | null;
  /** pUSD as the venue states it. */
  readonly cash: Usdc;
  /** pUSD the engine begins with: settled cash less purchases that are not settled. */
  readonly usableCash: Usdc;
  /** Orders that were on their way when the last run ended, now known. */
  readonly unknownResolved: number;
  /** Hashes still unknown; their budget stays blocked. */
  readonly unknown: readonly string[];
  /** Our own orders that were found open and cancelled. */
  readonly cancelled: readonly string[];
  readonly foreignOrders: readonly ListedOrder[];
  readonly foreignPositions: readonly ForeignPosition[];
  readonly adopted: readonly AdoptedPosition[];
  readonly differences: readonly Difference[];
  /** Trades read, and how many were news to the journal. */
  readonly trades: { readonly read: number; readonly new: number };
  /** Trades that are neither confirmed nor failed. */
  readonly unsettled: number;
}

export interface StopReport {
  /** Our orders that may still be open; empty when it is proved that none is. */
  readonly openAfter: readonly string[];
  /** Whether the venue's own listing said so. */
  readonly proved: boolean;
  /** Ids of trades that are neither confirmed nor failed. */
  readonly unsettled: readonly string[];
  readonly unknown: readonly string[];
}

/** An order to sign before it is wanted. */
export type LadderTerms = Pick<
  SubmitIntent,
  "conditionId" | "limit" | "orderType" | "side" | "size" | "spend" | "token"
>;

/** Counts since the start. */
export interface GatewayStats {
  readonly submitted: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  readonly cancelsAsked: number;
  readonly questions: number;
  readonly failedQuestions: number;
  readonly resyncs: number;
  /** What resyncs found that the socket had not told. */
  readonly resyncFindings: number;
  readonly inputs: number;
  readonly alarms: number;
  readonly presigned: number;
}

export type GatewayState = "new" | "running" | "resyncing" | "latched" | "stopping" | "stopped" | "broken";

export interface Gateway extends ExchangePort {
  /**
   * Takes the venue's snapshot and makes journal and venue agree. Throws RECONCILE_INCOMPLETE (nothing may be traded),
   * and what the journal throws. The first event of `advance()` after it is an `account` event.
   */
  start(): Promise<StartReport>;
  /** Time passes: questions are repeated, balances are checked, the latch is read. Also called by `observe()`. */
  tick(): void;
  /** Cancels what of ours may rest in a window. */
  cancelWindow(conditionId: string): void;
  /**
   * Signs orders ahead, at most `most` now; what is signed already costs nothing. Returns how many were signed. Each serves one
   * order of exactly its terms. Throws ORDER_INVALID for amounts that are none.
   */
  prepare(wanted: readonly LadderTerms[], most: number): number;
  /** Nothing new from now on; our orders are cancelled; the latch is set on disk. Resolves when it is. */
  trip(reason: Pick<LatchMark, "code" | "reason" | "who">): Promise<void>;
  /**
   * Cancels our orders, proves that none is open, waits for trades to settle, closes what it opened and the journal. Takes a
   * minute at most, whatever the venue does (`stopMs`).
   */
  stop(): Promise<StopReport>;
  /**
   * After a broken invariant: everything of the API key is cancelled, once, and the journal is closed. After a start that
   * failed only orders of the journal are. Never throws.
   */
  abort(reason: string): Promise<void>;
  /** Why an order would be refused now; null when it would not. */
  refusal(): { readonly code: string; readonly message: string } | null;
  readonly state: GatewayState;
  readonly stats: GatewayStats;
  /** Orders, trades and both ledgers, to read only. */
  readonly wallet: WalletState;
}
