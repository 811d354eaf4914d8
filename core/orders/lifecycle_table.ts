/**
 * The state machine of an order and of a trade as tables. What is not in a row leaves the state as it is: messages come
 * late, twice or not at all, so a signal that says nothing new is not an error.
 */
import type { LifeState, TradeState } from "./lifecycle_types.ts";

/** What a message means for the state, whatever channel it came by. */
export type Signal =
  /** Its bytes leave. */
  | "send"
  /** We decided not to send it. */
  | "drop"
  /** The venue refused it for good. */
  | "reject"
  /** Sent, and no answer that could be read. */
  | "lose"
  /** The process started again. */
  | "restart"
  /** The venue holds it before matching. */
  | "hold"
  /** The venue has it open. */
  | "open"
  /** Something of it matched. */
  | "part"
  /** All of it matched. */
  | "full"
  /** Ended by the venue or by us without (further) match. */
  | "end"
  /** An immediate order (FOK, FAK) was ended with what it had; the venue says so after it had said MATCHED. */
  | "kill"
  /** Ended by its own time. */
  | "expire"
  /** Asked long enough after sending, the venue does not know it. */
  | "absent"
  /** We ask for its end. */
  | "askCancel";

type Row = Partial<Readonly<Record<Signal, LifeState>>>;

/** What the venue can tell of an order that it has. */
const SHOWN: Row = {
  hold: "delayed",
  open: "live",
  part: "partly-filled",
  full: "filled",
  end: "cancelled",
  kill: "cancelled",
  expire: "expired",
};

/** An order whose arrival is not known yet. */
const ON_ITS_WAY: Row = {
  ...SHOWN,
  reject: "rejected",
  absent: "rejected",
  lose: "unknown",
  restart: "unknown",
};

/** An order the venue has shown us: refusing or forgetting it now contradicts itself, so the venue is asked. */
const OPEN: Row = { ...SHOWN, reject: "unknown", absent: "cancelled", askCancel: "cancelling" };

/** Next state by state and signal; a missing cell keeps the state. */
export const ORDER_TABLE: Readonly<Record<LifeState, Row>> = {
  created: { ...ON_ITS_WAY, send: "sent", drop: "rejected" },
  sent: ON_ITS_WAY,
  unknown: ON_ITS_WAY,
  delayed: OPEN,
  // A hold told late says nothing about an order that has been seen on the book.
  live: { ...OPEN, hold: "live" },
  "partly-filled": { ...OPEN, hold: "partly-filled", open: "partly-filled" },
  cancelling: {
    full: "filled",
    end: "cancelled",
    kill: "cancelled",
    expire: "expired",
    absent: "cancelled",
    reject: "unknown",
  },
  // FAK: MATCHED is followed by CANCELED for what it did not get. Both are ends.
  filled: { kill: "cancelled" },
  cancelled: {},
  rejected: {},
  expired: {},
};

/** The state after `signal`. */
export const nextState = (state: LifeState, signal: Signal): LifeState => ORDER_TABLE[state][signal] ?? state;

const ENDS: ReadonlySet<LifeState> = new Set(["filled", "cancelled", "rejected", "expired"]);
/** Nothing more can match, by what we know. */
export const isEnded = (state: LifeState): boolean => ENDS.has(state);

/**
 * Next status of a trade. Statuses skip and arrive out of order, so only a later one counts; RETRYING after MINED makes no
 * difference, both are provisional. CONFIRMED and FAILED are ends.
 */
export const TRADE_TABLE: Readonly<Record<TradeState, readonly TradeState[]>> = {
  matched: ["retrying", "mined", "confirmed", "failed"],
  retrying: ["mined", "confirmed", "failed"],
  mined: ["confirmed", "failed"],
  confirmed: [],
  failed: [],
};

/** The status after another one was told. */
export const nextTradeState = (state: TradeState, told: TradeState): TradeState =>
  TRADE_TABLE[state].includes(told) ? told : state;

/** How a trade of this status stands in the ledgers. */
export const stageOf = (state: TradeState): "provisional" | "final" | "undone" =>
  state === "confirmed" ? "final" : state === "failed" ? "undone" : "provisional";
