/**
 * CLOB market channel: frame text to events. Pure; never throws, whatever the text. Shapes: polymarket dossier 7.2
 * (AsyncAPI mirror of 2026-09/10). A frame is one object or an array of objects; numbers are strings; absent optional
 * decimals are "".
 */
import type { BookDeltaEvent, MarketEvent } from "../../core/events.ts";
import type { Outcome, Side } from "../../core/market/instrument.ts";
import { type Ms, parseDecimal, type Price, PRICE_SCALE, type Shares } from "../../core/units.ts";
import { CONTROL, type FrameVerdict } from "../net/frame.ts";
import { type DecodeSink, isObject, isPlausibleMs, type Json, parseJson } from "../net/sink.ts";

/** Stream name of book data, for the watchdog. */
export const MARKET_STREAM = "market";
const MAX_LEVELS = 10_000;
const MAX_TOKEN_CHARS = 80;

/** "-0" among them, which would compare as 0 and be none. */
const isNegative = (text: string): boolean => text.charCodeAt(0) === 45;

/** Token price in 1/10000, NaN unless a string within 0..1. */
function priceOf(value: unknown): number {
  if (typeof value !== "string" || isNegative(value)) return NaN;
  const parsed = parseDecimal(value, 4);
  return parsed >= 0 && parsed <= PRICE_SCALE ? parsed : NaN;
}

function sizeOf(value: unknown): number {
  if (typeof value !== "string" || isNegative(value)) return NaN;
  const parsed = parseDecimal(value, 6);
  return parsed >= 0 ? parsed : NaN;
}

/** Best price: -1 for an empty side ("" or a bound of the grid, which no order can have); NaN when malformed. */
function bestOf(value: unknown): number {
  if (value === undefined || value === null || value === "") return -1;
  const parsed = priceOf(value);
  return parsed === 0 || parsed === PRICE_SCALE ? -1 : parsed;
}

/** The message's own ms stamp; `fallback` when it has none; NaN when it is malformed. */
function stampOf(value: unknown, fallback: Ms): number {
  if (value === undefined || value === null || value === "") return fallback;
  const parsed = typeof value === "string" ? parseDecimal(value, 0) : value;
  return isPlausibleMs(parsed) ? parsed : NaN;
}

function tokenOf(value: unknown): string | null {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_TOKEN_CHARS ? value : null;
}

function sideOf(value: unknown): Side | null {
  return value === "BUY" ? "buy" : value === "SELL" ? "sell" : null;
}

/** `[{"price","size"}]` to flat levels; null when one is malformed: half a book is worse than none. */
function levelsOf(value: unknown): number[] | null {
  if (!Array.isArray(value) || value.length > MAX_LEVELS) return null;
  const out: number[] = [];
  for (const level of value) {
    if (!isObject(level)) return null;
    const at = priceOf(level.price);
    const size = sizeOf(level.size);
    if (Number.isNaN(at) || Number.isNaN(size)) return null;
    out.push(at, size);
  }
  return out;
}

/** A book object of the socket or of REST `/book` (dossier 3.2); null when malformed. Levels come in any order. */
export function decodeBook(message: Json, tReceive: Ms): MarketEvent | null {
  const token = tokenOf(message.asset_id);
  const tExchange = stampOf(message.timestamp, tReceive);
  const bids = levelsOf(message.bids);
  const asks = levelsOf(message.asks);
  if (token === null || bids === null || asks === null || Number.isNaN(tExchange)) return null;
  const event = { type: "book", token, bids, asks, tExchange: tExchange as Ms, tReceive } as const;
  if (message.tick_size === undefined || message.tick_size === null || message.tick_size === "") return event;
  const tick = priceOf(message.tick_size);
  return tick > 0 ? { ...event, tick: tick as Price } : null;
}

/** A delta while its frame is being read. */
type Draft = { -readonly [Key in keyof BookDeltaEvent]: BookDeltaEvent[Key] } & { changes: number[] };

/** One event per token: the frame carries both outcomes' mirrored changes. */
function decodePriceChange(message: Json, tReceive: Ms, sink: DecodeSink): boolean {
  const rows = message.price_changes;
  const tExchange = stampOf(message.timestamp, tReceive);
  if (!Array.isArray(rows) || rows.length > MAX_LEVELS || Number.isNaN(tExchange)) return false;
  const drafts: Draft[] = [];
  for (const row of rows) {
    if (!isObject(row)) return false;
    const token = tokenOf(row.asset_id);
    const side = row.side === "BUY" ? 0 : row.side === "SELL" ? 1 : -1;
    const at = priceOf(row.price);
    const size = sizeOf(row.size);
    const bestBid = bestOf(row.best_bid);
    const bestAsk = bestOf(row.best_ask);
    if (token === null || side < 0 || Number.isNaN(at + size + bestBid + bestAsk)) return false;
    const draft = draftOf(drafts, token);
    if (draft === undefined) {
      const changes = [side, at, size];
      drafts.push({
        type: "bookDelta",
        token,
        changes,
        bestBid,
        bestAsk,
        tExchange: tExchange as Ms,
        tReceive,
      });
    } else {
      draft.changes.push(side, at, size);
      draft.bestBid = bestBid;
      draft.bestAsk = bestAsk;
    }
  }
  for (const draft of drafts) sink.events.push(draft);
  return true;
}

function draftOf(drafts: readonly Draft[], token: string): Draft | undefined {
  for (const draft of drafts) if (draft.token === token) return draft;
  return undefined;
}

function decodeTrade(message: Json, tReceive: Ms): MarketEvent | null {
  const token = tokenOf(message.asset_id);
  const side = sideOf(message.side);
  const at = priceOf(message.price);
  const size = sizeOf(message.size);
  const tExchange = stampOf(message.timestamp, tReceive);
  if (token === null || side === null || Number.isNaN(at + size + tExchange)) return null;
  return {
    type: "tokenTrade",
    token,
    price: at as Price,
    size: size as Shares,
    side,
    tExchange: tExchange as Ms,
    tReceive,
  };
}

function decodeTickSize(message: Json, tReceive: Ms): MarketEvent | null {
  const token = tokenOf(message.asset_id);
  const oldTick = priceOf(message.old_tick_size);
  const newTick = priceOf(message.new_tick_size);
  const tExchange = stampOf(message.timestamp, tReceive);
  if (token === null || !(oldTick > 0) || !(newTick > 0) || Number.isNaN(tExchange)) return null;
  return {
    type: "tickSize",
    token,
    oldTick: oldTick as Price,
    newTick: newTick as Price,
    tExchange: tExchange as Ms,
    tReceive,
  };
}

function decodeBest(message: Json, tReceive: Ms): MarketEvent | null {
  const token = tokenOf(message.asset_id);
  const bid = bestOf(message.best_bid);
  const ask = bestOf(message.best_ask);
  const tExchange = stampOf(message.timestamp, tReceive);
  if (token === null || Number.isNaN(bid + ask + tExchange)) return null;
  return { type: "bestBidAsk", token, bid, ask, tExchange: tExchange as Ms, tReceive };
}

function winnerOf(value: unknown): Outcome | null {
  const label = typeof value === "string" ? value.toLowerCase() : "";
  return label === "up" || label === "down" ? label : null;
}

function decodeResolved(message: Json, tReceive: Ms): MarketEvent | null {
  const conditionId = tokenOf(message.market);
  const winner = winnerOf(message.winning_outcome);
  const tExchange = stampOf(message.timestamp, tReceive);
  if (conditionId === null || winner === null || Number.isNaN(tExchange)) return null;
  return { type: "resolved", conditionId, winner, source: "venue", tExchange: tExchange as Ms, tReceive };
}

/** Pushes or refuses; true when the message was understood. */
function push(event: MarketEvent | null, sink: DecodeSink): boolean {
  if (event === null) return false;
  sink.events.push(event);
  return true;
}

/** One message; answers what it was for the watchdog. */
function decodeMessage(message: unknown, tReceive: Ms, sink: DecodeSink): FrameVerdict {
  if (!isObject(message)) return null;
  switch (message.event_type) {
    case "book":
      return push(decodeBook(message, tReceive), sink) ? MARKET_STREAM : null;
    case "price_change":
      return decodePriceChange(message, tReceive, sink) ? MARKET_STREAM : null;
    case "last_trade_price":
      return push(decodeTrade(message, tReceive), sink) ? MARKET_STREAM : null;
    case "tick_size_change":
      return push(decodeTickSize(message, tReceive), sink) ? MARKET_STREAM : null;
    case "best_bid_ask":
      return push(decodeBest(message, tReceive), sink) ? MARKET_STREAM : null;
    case "market_resolved":
      // Global under the custom flag: other markets' outcomes ("Yes") are of no use and no fault.
      if (typeof message.winning_outcome === "string" && winnerOf(message.winning_outcome) === null) {
        sink.ignored++;
        return CONTROL;
      }
      return push(decodeResolved(message, tReceive), sink) ? CONTROL : null;
    case "new_market":
      sink.ignored++;
      return CONTROL;
    default:
      return null;
  }
}

/**
 * Decodes one frame into `sink.events`. The verdict is `MARKET_STREAM` when book data was in it, `CONTROL` for pongs and
 * announcements, null when nothing in it was understood; bad parts of an otherwise good array are counted in the sink.
 */
export function decodeMarketFrame(text: string, tReceive: Ms, sink: DecodeSink): FrameVerdict {
  if (text === "PONG" || text === "PING") return CONTROL;
  return decodeMarketMessages(parseJson(text), tReceive, sink);
}

/** As `decodeMarketFrame`, for a frame that has been parsed already. */
export function decodeMarketMessages(parsed: unknown, tReceive: Ms, sink: DecodeSink): FrameVerdict {
  if (!Array.isArray(parsed)) return decodeMessage(parsed, tReceive, sink);
  let verdict: FrameVerdict = parsed.length === 0 ? CONTROL : null;
  let bad = 0;
  for (const message of parsed) {
    const one = decodeMessage(message, tReceive, sink);
    if (one === null) bad++;
    else if (verdict !== MARKET_STREAM) verdict = one;
  }
  // A frame without anything good is counted once, by the session.
  if (verdict !== null) sink.unrecognised += bad;
  return verdict;
}
