/**
 * The venue's own words for orders and trades (user socket, `/data/orders`, `/data/trades`) as inputs of an order's life.
 * Pure; null for what cannot be read, which the caller counts as unrecognised. Statuses come with or without the prefix
 * `ORDER_STATUS_` / `TRADE_STATUS_`, and with free text behind them ("CANCELED_order couldn't be fully filled. ...").
 */
import { type Ms, parseDecimal, type Price, PRICE_SCALE, type Shares } from "../units.ts";
import { fieldsOf, hashOf, microOf, namesOf, textOf } from "./lifecycle_reply.ts";
import type { LifeInput, MakerPart, TradeReport, TradeState, VenueOrderStatus } from "./lifecycle_types.ts";

/** Longest first: CANCELED_MARKET_RESOLVED and killed orders' free text both start with CANCELED. */
const ORDER_WORDS: readonly (readonly [string, VenueOrderStatus])[] = [
  ["LIVE", "live"],
  ["MATCHED", "matched"],
  ["DELAYED", "delayed"],
  ["UNMATCHED", "unmatched"],
  ["CANCELED", "cancelled"],
  ["CANCELLED", "cancelled"],
  ["INVALID", "invalid"],
];

export interface ReadStatus {
  readonly status: VenueOrderStatus;
  /** What stood behind the word, without the separator. */
  readonly reason: string;
}

/** An order's status word; null when it is none of the venue's. */
export function readOrderStatus(text: string): ReadStatus | null {
  const bare = text.replace(/^ORDER_STATUS_/i, "");
  const upper = bare.toUpperCase();
  for (const [word, status] of ORDER_WORDS) {
    if (!upper.startsWith(word)) continue;
    const rest = bare.slice(word.length);
    if (rest !== "" && /^[A-Za-z]/.test(rest)) continue;
    return { status, reason: rest.replace(/^[_\s:]+/, "") };
  }
  return null;
}

const TRADE_WORDS: ReadonlyMap<string, TradeState> = new Map([
  ["MATCHED", "matched"],
  ["MINED", "mined"],
  ["CONFIRMED", "confirmed"],
  ["RETRYING", "retrying"],
  ["FAILED", "failed"],
]);

/** A trade's status word; null when it is none of the venue's. Matched and not yet broadcast is matched. */
export const readTradeStatus = (text: string): TradeState | null =>
  TRADE_WORDS.get(text.toUpperCase().replace(/^TRADE_STATUS_/, "").replace(/_NOT_BROADCASTED$/, "")) ?? null;

/** Seconds or milliseconds as text or number, told apart by magnitude. */
function readTime(value: unknown): Ms | null {
  const time = Number(
    typeof value === "string" && value !== "" ? value : typeof value === "number" ? value : NaN,
  );
  if (!Number.isFinite(time) || time <= 0) return null;
  return Math.round(time < 1e11 ? time * 1_000 : time) as Ms;
}

/**
 * Prices with more than four decimals (an average over makers) are cut off: cash is taken from the makers' parts, and the
 * price itself only has to be near. NaN when it is no price.
 */
function readPrice(value: unknown): Price {
  const parsed = parseDecimal(typeof value === "number" ? String(value) : textOf(value), 4, true);
  return (parsed >= 0 && parsed <= PRICE_SCALE ? parsed : NaN) as Price;
}

const EVENTS = { PLACEMENT: "placement", UPDATE: "update", CANCELLATION: "cancellation" } as const;

/** `event_type: "order"` of the user socket. */
export function readOrderEvent(frame: unknown, at: Ms): Extract<LifeInput, { type: "orderEvent" }> | null {
  const fields = fieldsOf(frame);
  const hash = textOf(fields["id"]);
  const kind = textOf(fields["type"]).toUpperCase();
  const read = readOrderStatus(textOf(fields["status"]));
  if (hash === "" || read === null || !(kind in EVENTS)) return null;
  return {
    type: "orderEvent",
    at,
    hash: hashOf(hash),
    event: EVENTS[kind as keyof typeof EVENTS],
    status: read.status,
    matched: microOf(fields["size_matched"]) as Shares | null,
    tradeIds: namesOf(fields["associate_trades"]),
    reason: read.reason,
  };
}

/**
 * The answer to a question for one hash: `/data/order/{id}`, or the page of `/data/orders?id=`. Null when it cannot be read;
 * an empty page is an answer (`found: null`), and so is 404, which the caller passes as `null` body.
 */
export function readLookup(
  body: unknown,
  about: { readonly hash: string; readonly askedAt: Ms; readonly at: Ms },
): Extract<LifeInput, { type: "lookup" }> | null {
  const base = { type: "lookup" as const, at: about.at, hash: hashOf(about.hash), askedAt: about.askedAt };
  if (body === null) return { ...base, found: null };
  const fields = fieldsOf(body);
  const rows: unknown[] = Array.isArray(body)
    ? body
    : Array.isArray(fields["data"])
    ? fields["data"]
    : [body];
  const own = rows.map(fieldsOf).find((row) => hashOf(textOf(row["id"])) === base.hash);
  if (own === undefined) return rows.length === 0 ? { ...base, found: null } : null;
  const read = readOrderStatus(textOf(own["status"]));
  if (read === null) return null;
  return {
    ...base,
    found: {
      status: read.status,
      matched: microOf(own["size_matched"]) as Shares | null,
      tradeIds: namesOf(own["associate_trades"]),
    },
  };
}

function readMaker(value: unknown): MakerPart | null {
  const fields = fieldsOf(value);
  const hash = textOf(fields["order_id"]);
  const token = textOf(fields["asset_id"]);
  const size = microOf(fields["matched_amount"]);
  const price = readPrice(fields["price"]);
  if (hash === "" || token === "" || size === null || Number.isNaN(price)) return null;
  return { hash: hashOf(hash), token, price, size: size as Shares };
}

/** `event_type: "trade"` of the user socket, or a row of `/data/trades`. */
export function readTrade(frame: unknown): TradeReport | null {
  const fields = fieldsOf(frame);
  const id = textOf(fields["id"]);
  const state = readTradeStatus(textOf(fields["status"]));
  const size = microOf(fields["size"]);
  const price = readPrice(fields["price"]);
  const list = fields["maker_orders"];
  if (id === "" || state === null || size === null || Number.isNaN(price) || !Array.isArray(list)) {
    return null;
  }
  const makers = list.map(readMaker);
  if (makers.includes(null)) return null;
  return {
    id,
    state,
    takerHash: hashOf(textOf(fields["taker_order_id"])),
    token: textOf(fields["asset_id"]),
    price,
    size: size as Shares,
    makers: makers.filter((maker) => maker !== null),
    matchedAtMs: readTime(fields["match_time"] ?? fields["matchtime"]),
  };
}
