/**
 * Binance combined streams: frame text to events. Hand-written for the hot path, pure apart from the aggregate-trade ids it
 * is given, never throws. Payloads: exchanges dossier A5 (futures, wire after 2026-06) and B (spot). Unknown keys are
 * normal; keys that differ only in case are different keys.
 */
import type { FastVenue, MarketEvent } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import {
  type DecodeSink,
  isObject,
  isPlausibleMs,
  type Json,
  NUMBER,
  parseJson,
  parseNumber,
  readNumber,
} from "../net/sink.ts";
import { CONTROL, type FrameVerdict } from "../net/frame.ts";
import { assetOfSymbol } from "./routes.ts";

/** The newest id of one stream, and when it came. */
interface Newest {
  id: number;
  atMs: number;
}

/**
 * The newest id per stream: an aggregate-trade id that jumps is missed data, an id that does not advance is the other
 * socket's copy of what we know (a renewal's overlap, a hot spare).
 */
export interface BinanceState {
  readonly newest: Map<string, Newest>;
  /** Trades jumped over, per stream: the other socket, or REST, may still have them. */
  readonly missing: Map<string, Set<number>>;
  /** Told of every jump of aggregate-trade ids: the first and last id missing, and the stream's key for `claimTrade`. */
  onTradeGap?: (asset: Asset, firstId: number, lastId: number, key: string) => void;
  /** Set when the venue announced that it will close this socket (spot, since 2026-05). */
  shutdownAnnounced: boolean;
}

export const newBinanceState = (): BinanceState => ({
  newest: new Map(),
  missing: new Map(),
  shutdownAnnounced: false,
});

const MAX_LEVELS = 1000;
/** Copied to make level arrays that hold doubles from the start: a fresh array would be converted on its first price. */
const DOUBLES: readonly number[] = Array.from({ length: MAX_LEVELS * 2 }, () => 0.5);

interface Context {
  readonly venue: FastVenue;
  readonly tReceive: Ms;
  readonly state: BinanceState;
  readonly sink: DecodeSink;
  /** Stream name of the combined envelope, "" for a raw frame. */
  readonly stream: string;
}

/** `[["price","size"]]` to flat doubles; null when a row is malformed. */
export function levelsOf(rows: unknown): number[] | null {
  if (!Array.isArray(rows) || rows.length > MAX_LEVELS) return null;
  const out = DOUBLES.slice(0, rows.length * 2);
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const row: unknown = rows[i];
    if (!Array.isArray(row)) return null;
    if (!readNumber(row[0]) || !(NUMBER[0]! > 0)) return null;
    out[at++] = NUMBER[0]!;
    if (!readNumber(row[1]) || !(NUMBER[0]! >= 0)) return null;
    out[at++] = NUMBER[0]!;
  }
  return out;
}

/** `st` 2 is COIN-M, present on shared streams since 2026-06; absent on older recordings, which are USD-M. */
const isUsdM = (data: Json): boolean => data.st === undefined || data.st === 1;

/** Event time; `T` orders, `E` is when the server pushed. NaN when both are malformed. */
function timeOf(data: Json): number {
  if (isPlausibleMs(data.T)) return data.T;
  return isPlausibleMs(data.E) ? data.E : NaN;
}

/** Emits nothing, but the frame was fine: a symbol, an interval or a stream that we do not use. */
function ignore(c: Context): FrameVerdict {
  c.sink.ignored++;
  return CONTROL;
}

function emit(c: Context, event: MarketEvent): FrameVerdict {
  c.sink.events.push(event);
  return c.stream === "" ? event.type : c.stream;
}

/** An id that steps back after this long is a venue that began to count anew, not a late copy. */
const RECOUNT_MS = 10_000;

const keyOf = (c: Context, type: string, asset: Asset): string =>
  c.stream === "" ? `${c.venue}/${type}/${asset}` : `${c.venue}/${c.stream}`;

/** The id before this one, -1 when it is the first; null when it does not advance: then the frame is a copy. */
function advance(c: Context, key: string, id: number): number | null {
  const newest = c.state.newest.get(key);
  if (newest === undefined) {
    c.state.newest.set(key, { id, atMs: c.tReceive });
    return -1;
  }
  const before = newest.id;
  if (id <= before) {
    if (c.tReceive - newest.atMs < RECOUNT_MS) {
      c.sink.duplicates++;
      return null;
    }
    newest.id = id;
    newest.atMs = c.tReceive;
    return -1;
  }
  newest.id = id;
  newest.atMs = c.tReceive;
  return before;
}

/** A copy is a datum of its stream for the socket it came on, and no event. */
const copyOf = (c: Context, type: string): FrameVerdict => c.stream === "" ? type : c.stream;

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function depth(
  c: Context,
  asset: Asset,
  data: Json,
  rows: readonly [unknown, unknown],
  at: number,
): FrameVerdict {
  const [bidRows, askRows] = rows;
  const bids = levelsOf(bidRows);
  const asks = levelsOf(askRows);
  if (bids === null || asks === null || Number.isNaN(at)) return null;
  const id = data.u ?? data.lastUpdateId;
  if (id !== undefined) {
    if (!isId(id)) return null;
    const before = advance(c, keyOf(c, "fastBook", asset), id);
    if (before === null) return copyOf(c, "fastBook");
    // `pu` is the previous message of this stream: a later one than ours is a message we never got.
    if (before >= 0 && isId(data.pu) && data.pu > before) c.sink.gaps++;
  }
  return emit(c, {
    type: "fastBook",
    venue: c.venue,
    asset,
    bids,
    asks,
    tExchange: at as Ms,
    tReceive: c.tReceive,
  });
}

function bookTicker(c: Context, asset: Asset, data: Json): FrameVerdict {
  const bid = parseNumber(data.b);
  const bidSize = parseNumber(data.B);
  const ask = parseNumber(data.a);
  const askSize = parseNumber(data.A);
  // Spot's bookTicker has no time at all: stamped on receipt.
  const at = data.T === undefined && data.E === undefined ? c.tReceive : timeOf(data);
  if (!(bid > 0) || !(ask > 0) || !(bidSize >= 0) || !(askSize >= 0) || Number.isNaN(at)) return null;
  if (data.u !== undefined) {
    if (!isId(data.u)) return null;
    if (advance(c, keyOf(c, "fastTop", asset), data.u) === null) return copyOf(c, "fastTop");
  }
  return emit(c, {
    type: "fastTop",
    venue: c.venue,
    asset,
    bid,
    bidSize,
    ask,
    askSize,
    tExchange: at as Ms,
    tReceive: c.tReceive,
  });
}

/** Jumps longer than this are an outage: what lies in them is history. */
const MAX_MISSING = 1000;

function noteGap(c: Context, key: string, asset: Asset, [first, last]: readonly [number, number]): void {
  c.sink.gaps += last - first + 1;
  const missing = c.state.missing.get(key) ?? new Set();
  c.state.missing.set(key, missing);
  for (let id = Math.max(first, last - MAX_MISSING + 1); id <= last; id++) missing.add(id);
  for (const oldest of missing) {
    if (missing.size <= MAX_MISSING) break;
    missing.delete(oldest);
  }
  c.state.onTradeGap?.(asset, first, last, key);
}

/** Takes a trade that was jumped over; false when it is not missing (any more). */
export const claimTrade = (state: BinanceState, key: string, id: number): boolean =>
  state.missing.get(key)?.delete(id) ?? false;

function aggTrade(c: Context, asset: Asset, data: Json): FrameVerdict {
  const price = parseNumber(data.p);
  const size = parseNumber(data.q);
  const at = timeOf(data);
  const id = data.a;
  if (!(price > 0) || !(size >= 0) || Number.isNaN(at) || typeof data.m !== "boolean") return null;
  if (!isId(id)) return null;
  const key = keyOf(c, "fastTrade", asset);
  if (claimTrade(c.state, key, id)) c.sink.gaps--;
  else {
    const before = advance(c, key, id);
    if (before === null) return copyOf(c, "fastTrade");
    if (before >= 0 && id > before + 1) noteGap(c, key, asset, [before + 1, id - 1]);
  }
  // `m` true: the buyer was the maker, so the taker sold.
  return emit(c, {
    type: "fastTrade",
    venue: c.venue,
    asset,
    price,
    size,
    takerBuys: !data.m,
    id,
    tExchange: at as Ms,
    tReceive: c.tReceive,
  });
}

function markPrice(c: Context, asset: Asset, data: Json): FrameVerdict {
  const mark = parseNumber(data.p);
  const index = parseNumber(data.i);
  // Dated contracts send an empty rate. `T` is the next funding time here, not the event's.
  const fundingRate = data.r === "" ? 0 : parseNumber(data.r);
  if (!(mark > 0) || !(index > 0) || Number.isNaN(fundingRate) || !isPlausibleMs(data.E)) return null;
  if (advance(c, keyOf(c, "markPrice", asset), data.E) === null) return copyOf(c, "markPrice");
  return emit(c, {
    type: "markPrice",
    asset,
    mark,
    index,
    fundingRate,
    tExchange: data.E as Ms,
    tReceive: c.tReceive,
  });
}

function forceOrder(c: Context, data: Json): FrameVerdict {
  const order = data.o;
  if (!isObject(order) || typeof order.s !== "string") return null;
  // `st` was seen on top and inside `o` (2026-08-08).
  if (!isUsdM(data) || !isUsdM(order)) return ignore(c);
  const asset = assetOfSymbol(order.s);
  if (asset === undefined) return ignore(c);
  const average = parseNumber(order.ap);
  const limit = parseNumber(order.p);
  const filled = parseNumber(order.z);
  const ordered = parseNumber(order.q);
  const price = average > 0 ? average : limit;
  const size = filled > 0 ? filled : ordered;
  const at = isPlausibleMs(order.T) ? order.T : timeOf(data);
  const side = order.S === "SELL" ? "sell" : order.S === "BUY" ? "buy" : null;
  if (!(price > 0) || !(size >= 0) || Number.isNaN(at) || side === null) return null;
  // At most one per symbol and second is sent, so its trade time is its id.
  if (advance(c, keyOf(c, `liquidation/${side}`, asset), at) === null) return copyOf(c, "liquidation");
  return emit(c, {
    type: "liquidation",
    asset,
    side,
    price,
    size,
    tExchange: at as Ms,
    tReceive: c.tReceive,
  });
}

function kline(c: Context, asset: Asset, data: Json): FrameVerdict {
  const k = data.k;
  if (!isObject(k) || typeof k.x !== "boolean" || !isPlausibleMs(k.t) || !isPlausibleMs(k.T)) return null;
  if (k.i !== "1m") return ignore(c);
  const open = parseNumber(k.o);
  const high = parseNumber(k.h);
  const low = parseNumber(k.l);
  const close = parseNumber(k.c);
  const volume = parseNumber(k.v);
  if (!(open > 0) || !(high > 0) || !(low > 0) || !(close > 0) || !(volume >= 0) || !isPlausibleMs(data.E)) {
    return null;
  }
  // A closing frame is known by its bar, so that a forming one of the same push cannot hide it.
  const key = `${keyOf(c, "fastBar", asset)}${k.x ? "/closed" : ""}`;
  if (advance(c, key, k.x ? k.t : data.E) === null) return copyOf(c, "fastBar");
  // The venue's close is the last millisecond inside the bar; ours is the first one after it, so that bars tile.
  const closeMs = k.T + 1;
  return emit(c, {
    type: "fastBar",
    venue: c.venue,
    asset,
    openMs: k.t as Ms,
    closeMs: closeMs as Ms,
    open,
    high,
    low,
    close,
    volume,
    closed: k.x,
    tExchange: data.E as Ms,
    tReceive: c.tReceive,
  });
}

/** Asset of a combined stream name: "btcusdt@depth20@100ms" is btc. */
function assetOfStream(stream: string): Asset | undefined {
  const at = stream.indexOf("@");
  return at < 0 ? undefined : assetOfSymbol(stream.slice(0, at).toUpperCase());
}

function decodeTyped(c: Context, data: Json): FrameVerdict {
  if (data.e === "serverShutdown") {
    c.state.shutdownAnnounced = true;
    return CONTROL;
  }
  if (data.e === "forceOrder") return forceOrder(c, data);
  if (typeof data.s !== "string") return null;
  if (!isUsdM(data)) return ignore(c);
  const asset = assetOfSymbol(data.s);
  if (asset === undefined) return ignore(c);
  switch (data.e) {
    case "depthUpdate":
      // Snapshot and diff have the same keys: only the name tells them apart, so a raw frame is not a book.
      if (/@depth(?:5|10|20)(?:@|$)/.test(c.stream)) {
        return depth(c, asset, data, [data.b, data.a], timeOf(data));
      }
      return c.stream === "" ? null : ignore(c);
    case "bookTicker":
      return bookTicker(c, asset, data);
    case "aggTrade":
      return aggTrade(c, asset, data);
    case "markPriceUpdate":
      return markPrice(c, asset, data);
    case "kline":
      return kline(c, asset, data);
    case "trade":
      return ignore(c);
    default:
      return null;
  }
}

/** Spot payloads without a type: depth20 `{lastUpdateId,bids,asks}`, bookTicker `{u,s,b,B,a,A}`; or a control reply. */
function decodeUntyped(c: Context, data: Json): FrameVerdict {
  if (data.lastUpdateId !== undefined && c.stream !== "") {
    const asset = assetOfStream(c.stream);
    return asset === undefined ? ignore(c) : depth(c, asset, data, [data.bids, data.asks], c.tReceive);
  }
  if (typeof data.s === "string" && data.B !== undefined && data.A !== undefined) {
    const asset = assetOfSymbol(data.s);
    return asset === undefined ? ignore(c) : bookTicker(c, asset, data);
  }
  if (c.stream === "" && "result" in data && "id" in data) return CONTROL;
  return null;
}

/**
 * Decodes one frame of a combined (or raw) stream into `sink.events`. The verdict is the stream name (raw: event type) for data, `CONTROL`
 * for acknowledgements and what we do not use, null for what we do not understand (error replies among it).
 */
export function decodeBinanceFrame(
  text: string,
  venue: "binance-futures" | "binance-spot",
  tReceive: Ms,
  state: BinanceState,
  sink: DecodeSink,
): FrameVerdict {
  const message = parseJson(text);
  if (!isObject(message)) return null;
  const combined = typeof message.stream === "string" && message.data !== undefined;
  const data = combined ? message.data : message;
  const c: Context = { venue, tReceive, state, sink, stream: combined ? message.stream as string : "" };
  if (Array.isArray(data)) return decodeArray(c, data);
  if (!isObject(data)) return null;
  return typeof data.e === "string" ? decodeTyped(c, data) : decodeUntyped(c, data);
}

/** `!markPrice@arr` and its like: an array of typed payloads. */
function decodeArray(c: Context, rows: readonly unknown[]): FrameVerdict {
  let verdict: FrameVerdict = rows.length === 0 ? CONTROL : null;
  let bad = 0;
  for (const row of rows) {
    const one = isObject(row) && typeof row.e === "string" ? decodeTyped(c, row) : null;
    if (one === null) bad++;
    else if (verdict === null || verdict === CONTROL) verdict = one;
  }
  if (verdict !== null) c.sink.unrecognised += bad;
  return verdict;
}
