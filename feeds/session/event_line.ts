/** An event that entered the engine <-> one line of the record. Doubles come back bit by bit: JSON's shortest text does that. */
import type { Event, ExecutionEvent } from "../../core/events.ts";
import { isRawFrame } from "../tape/format.ts";
import { toEntry } from "../tape/event_codec.ts";

type Check = (value: unknown) => boolean;
type Fields = Record<string, unknown>;

const isText: Check = (v) => typeof v === "string";
const isInteger: Check = (v) => Number.isSafeInteger(v);
const oneOf = (...values: readonly unknown[]): Check => (v) => values.includes(v);
const isObject = (v: unknown): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
const listOf = (shape: Readonly<Record<string, Check>>): Check => (v) =>
  Array.isArray(v) &&
  v.every((row) => isObject(row) && Object.keys(shape).every((key) => shape[key]!(row[key])));

const SHAPES: Readonly<Record<ExecutionEvent["type"], Readonly<Record<string, Check>>>> = {
  orderAccepted: { orderId: isText, status: oneOf("live", "matched", "delayed") },
  orderRejected: { orderId: isText, code: isText, message: isText },
  fill: {
    orderId: isText,
    fillId: isText,
    token: isText,
    side: oneOf("buy", "sell"),
    price: isInteger,
    size: isInteger,
    cash: isInteger,
    fee: isInteger,
    liquidity: oneOf("taker", "maker"),
    provisional: oneOf(undefined, true),
  },
  orderDone: {
    orderId: isText,
    reason: oneOf("filled", "cancelled", "killed", "expired", "market-closed"),
  },
  orderUnknown: { orderId: isText, reason: isText },
  fillStage: { orderId: isText, fillId: isText, stage: oneOf("final", "undone") },
  account: {
    cashChange: isInteger,
    redeemed: isInteger,
    adopted: listOf({
      token: isText,
      conditionId: isText,
      outcome: oneOf("up", "down"),
      shares: isInteger,
      cost: isInteger,
    }),
    reserved: listOf({ conditionId: isText, cost: isInteger }),
    reason: isText,
  },
};

/** Numbers that JSON does not know. */
const STRANGE: Readonly<Record<string, number>> = { NaN, Infinity, "-Infinity": -Infinity };
const MARK = "$number";

const spell = (_key: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? { [MARK]: String(value) } : value;
const revive = (_key: string, value: unknown): unknown =>
  isObject(value) && typeof value[MARK] === "string" ? STRANGE[value[MARK]] : value;

/** Line of an event, without a newline. -0 is written as 0: nothing in the engine tells them apart. */
export function eventRecord(event: Event, more: boolean): string {
  let text = JSON.stringify(event);
  // JSON.stringify makes null of NaN and Infinity; a null that is one of those is rare enough to look twice.
  if (text.includes("null")) text = JSON.stringify(event, spell);
  return more ? `[1,${text}]` : `[0,${text}]`;
}

/** The parsed second element of an event line as an event; null when it is none. */
export function toEvent(value: unknown): Event | null {
  if (!isObject(value)) return null;
  const type = value["type"];
  if (typeof type === "string" && Object.hasOwn(SHAPES, type)) {
    const shape = SHAPES[type as ExecutionEvent["type"]];
    if (!isInteger(value["tExchange"]) || !isInteger(value["tReceive"])) return null;
    for (const name in shape) if (!shape[name]!(value[name])) return null;
    return value as unknown as ExecutionEvent;
  }
  const entry = toEntry(value);
  return entry === null || isRawFrame(entry) ? null : entry;
}

/** An event with a number that no codec lets through: the engine took it once, and is to take it again. */
function strangeEvent(value: unknown): Event | null {
  if (!isObject(value) || typeof value["type"] !== "string") return null;
  return isInteger(value["tExchange"]) && isInteger(value["tReceive"]) ? value as unknown as Event : null;
}

/** Parses a line `[0|1, event]`; null when it is none. */
export function parseEventRecord(line: string): { readonly event: Event; readonly more: boolean } | null {
  let parsed: unknown;
  try {
    parsed = line.includes(MARK) ? JSON.parse(line, revive) : JSON.parse(line);
  } catch {
    return null;
  }
  if (!Array.isArray(parsed) || parsed.length !== 2 || (parsed[0] !== 0 && parsed[0] !== 1)) return null;
  const event = line.includes(MARK) ? strangeEvent(parsed[1]) : toEvent(parsed[1]);
  return event === null ? null : { event, more: parsed[0] === 1 };
}
