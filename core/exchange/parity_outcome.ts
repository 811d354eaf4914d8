/** Collects one order's execution events into an outcome; the model's and the venue's are collected alike. */
import type { ExecutionEvent, FillEvent } from "../events.ts";
import type { ParityOutcome } from "./parity_row.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type OrderEvent = Exclude<ExecutionEvent, { type: "account" }>;

export interface OutcomeState {
  readonly sentAt: number;
  readonly of: Mutable<ParityOutcome>;
  readonly settleMs: number[];
  /** Provisional fills: match they belong to, by fill id. */
  readonly open: Map<string, { readonly match: string; readonly at: number }>;
  /** Matches whose settlement was told. */
  readonly decided: Set<string>;
}

export function newOutcome(sentAt: number): OutcomeState {
  const settleMs: number[] = [];
  return {
    sentAt,
    settleMs,
    open: new Map(),
    decided: new Set(),
    of: {
      end: "open",
      code: null,
      status: null,
      ackMs: null,
      venueMs: null,
      fillMs: null,
      endMs: null,
      fills: 0,
      size: 0,
      takerSize: 0,
      cash: 0,
      fee: 0,
      settled: 0,
      undone: 0,
      settleMs,
    },
  };
}

/** Nothing more will happen to the order, its settlement aside. */
export const hasEnded = ({ of }: OutcomeState): boolean => of.end !== "open" && of.end !== "unknown";
/** Nothing more will be heard of it at all. */
export const isOver = (state: OutcomeState): boolean => hasEnded(state) && state.open.size === 0;

/** Adds an event about this order. */
export function addExecution(state: OutcomeState, event: OrderEvent): void {
  const { of, sentAt } = state;
  const since = event.tReceive - sentAt;
  if (of.ackMs === null && event.type !== "orderUnknown") {
    of.ackMs = since;
    of.venueMs = event.tExchange < event.tReceive ? event.tExchange - sentAt : null;
  }
  switch (event.type) {
    case "orderAccepted":
      of.status ??= event.status;
      if (of.end === "unknown") of.end = "open";
      return;
    case "orderRejected":
      of.end = "rejected";
      of.code = event.code;
      of.endMs = since;
      return;
    case "fill":
      return addFill(state, event);
    case "orderDone":
      of.end = event.reason;
      of.endMs = since;
      return;
    case "orderUnknown":
      if (!hasEnded(state)) of.end = "unknown";
      return;
    case "fillStage": {
      const fill = state.open.get(event.fillId);
      if (fill === undefined) return;
      state.open.delete(event.fillId);
      if (state.decided.has(fill.match)) return;
      state.decided.add(fill.match);
      if (event.stage === "final") of.settled++;
      else of.undone++;
      state.settleMs.push(event.tReceive - fill.at);
      return;
    }
  }
}

/** Fills of one order with one venue stamp are one match, and one transaction. */
function addFill(state: OutcomeState, fill: FillEvent): void {
  const { of, sentAt } = state;
  of.fillMs ??= fill.tReceive - sentAt;
  of.fills++;
  of.size += fill.size;
  if (fill.liquidity === "taker") of.takerSize += fill.size;
  of.cash += fill.cash;
  of.fee += fill.fee;
  if (!fill.provisional) return;
  state.open.set(fill.fillId, { match: `${fill.liquidity} ${fill.tExchange}`, at: fill.tReceive });
}
