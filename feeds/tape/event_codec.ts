/**
 * One line of a tape <-> an event. Hand-written because a backtest spends its time here: the shape of the frequent types
 * is checked field by field, the numbers of every level are checked, and nothing is thrown for a bad line.
 */
import { FEEDS } from "../../core/events.ts";
import type { MarketEvent } from "../../core/events.ts";
import { ASSETS, DURATIONS } from "../../core/market/instrument.ts";
import { PRICE_SCALE } from "../../core/units.ts";
import type { RawFrame, TapeEntry } from "./format.ts";

type Fields = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const isInteger: Check = (v) => Number.isSafeInteger(v);
const isNumber: Check = (v) => typeof v === "number" && Number.isFinite(v);
const isText: Check = (v) => typeof v === "string";
const isFlag: Check = (v) => typeof v === "boolean";
const oneOf = (...values: readonly unknown[]): Check => (v) => values.includes(v);
const isPrice: Check = (v) => isInteger(v) && (v as number) >= 0 && (v as number) <= PRICE_SCALE;
const isQuote: Check = (v) => v === -1 || isPrice(v);
const isSize: Check = (v) => isInteger(v) && (v as number) >= 0;
const isAsset = oneOf(...ASSETS);
const isVenue = oneOf("binance-futures", "binance-spot", "bybit", "coinbase");
const isSide = oneOf("buy", "sell");

function isTokenLevels(value: unknown): boolean {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false;
  for (let i = 0; i < value.length; i += 2) {
    const price: unknown = value[i];
    const size: unknown = value[i + 1];
    if (typeof price !== "number" || price < 0 || price > PRICE_SCALE || !Number.isInteger(price)) {
      return false;
    }
    if (typeof size !== "number" || size < 0 || !Number.isSafeInteger(size)) return false;
  }
  return true;
}
const isFastLevels: Check = (v) => Array.isArray(v) && v.length % 2 === 0 && v.every(isNumber);
const isChanges: Check = (v) => {
  if (!Array.isArray(v) || v.length % 3 !== 0) return false;
  for (let i = 0; i < v.length; i += 3) {
    if ((v[i] !== 0 && v[i] !== 1) || !isPrice(v[i + 1]) || !isSize(v[i + 2])) return false;
  }
  return true;
};

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const INSTRUMENT: Readonly<Record<string, Check>> = {
  slug: isText,
  asset: isAsset,
  duration: oneOf(...DURATIONS),
  conditionId: isText,
  version: oneOf("v1", "v2", "unknown"),
  upToken: isText,
  downToken: isText,
  startMs: isInteger,
  endMs: isInteger,
  tick: isPrice,
  minSize: isSize,
  fee: (v) =>
    v === null ||
    (isObject(v) && isSize(v["ratePpm"]) && isNumber(v["exponent"]) && isFlag(v["takerOnly"]) &&
      isSize(v["rebatePpm"])),
  rule: (v) =>
    isObject(v) &&
    ((v["kind"] === "unknown" && isText(v["text"])) ||
      (v["oracle"] === "chainlink" && v["tie"] === "up" &&
        (v["kind"] === "spot" || (v["kind"] === "twap" && isSize(v["averagingSeconds"]))))),
  negRisk: isFlag,
  takerHoldMs: isSize,
  tradable: isFlag,
  reason: (v) => v === null || isText(v),
  mirrorOf: oneOf(null, "up", "down"),
};

function hasShape(value: unknown, shape: Readonly<Record<string, Check>>): boolean {
  if (!isObject(value)) return false;
  for (const name in shape) if (!shape[name]!(value[name])) return false;
  return true;
}

const SHAPES: Readonly<Record<MarketEvent["type"], Readonly<Record<string, Check>>>> = {
  clock: {},
  window: { instrument: (v) => hasShape(v, INSTRUMENT) },
  strike: {
    conditionId: isText,
    value: isNumber,
    exact: isText,
    source: oneOf("twap-print", "crypto-price", "previous-final", "gamma", "recording"),
    basis: (v) => v === "chainlink" || isVenue(v),
  },
  book: {
    token: isText,
    bids: isTokenLevels,
    asks: isTokenLevels,
    tick: (v) => v === undefined || isPrice(v),
  },
  bookDelta: { token: isText, changes: isChanges, bestBid: isQuote, bestAsk: isQuote },
  tickSize: { token: isText, oldTick: isPrice, newTick: isPrice },
  tokenTrade: { token: isText, price: isPrice, size: isSize, side: isSide },
  bestBidAsk: { token: isText, bid: isQuote, ask: isQuote },
  resolved: {
    conditionId: isText,
    winner: oneOf("up", "down"),
    source: oneOf("venue", "inferred", "twap"),
  },
  oraclePrice: {
    asset: isAsset,
    kind: oneOf("spot", "twap60"),
    provider: oneOf("chainlink", "pyth"),
    value: isNumber,
    exact: isText,
  },
  fastBook: { venue: isVenue, asset: isAsset, bids: isFastLevels, asks: isFastLevels },
  fastTop: {
    venue: isVenue,
    asset: isAsset,
    bid: isNumber,
    bidSize: isNumber,
    ask: isNumber,
    askSize: isNumber,
  },
  fastTrade: {
    venue: isVenue,
    asset: isAsset,
    price: isNumber,
    size: isNumber,
    takerBuys: isFlag,
    id: isInteger,
  },
  fastBar: {
    venue: isVenue,
    asset: isAsset,
    openMs: isInteger,
    closeMs: isInteger,
    open: isNumber,
    high: isNumber,
    low: isNumber,
    close: isNumber,
    volume: isNumber,
    closed: isFlag,
  },
  fastPrice: { venue: isVenue, asset: isAsset, price: isNumber },
  markPrice: { asset: isAsset, mark: isNumber, index: isNumber, fundingRate: isNumber },
  liquidation: { asset: isAsset, side: isSide, price: isNumber, size: isNumber },
  volatility: { asset: isAsset, value: isNumber },
  feedState: {
    feed: oneOf(...FEEDS),
    state: oneOf("connecting", "live", "late", "down"),
    detail: isText,
  },
  latency: { trips: isSize, medianMs: isNumber, worstMs: isNumber, loopMs: isNumber },
  stop: { reason: isText },
};

const isFeed = oneOf(...FEEDS);

/** An already parsed JSON value as a tape entry; null when it is neither a known event nor a raw frame. */
export function toEntry(value: unknown): TapeEntry | null {
  if (!isObject(value)) return null;
  if (!Number.isSafeInteger(value["tReceive"])) return null;
  if (value["raw"] !== undefined) {
    const frame = typeof value["raw"] === "string" && isFeed(value["feed"]);
    return frame ? value as unknown as RawFrame : null;
  }
  if (!Number.isSafeInteger(value["tExchange"])) return null;
  const type = value["type"];
  if (typeof type !== "string" || !Object.hasOwn(SHAPES, type)) return null;
  return hasShape(value, SHAPES[type as MarketEvent["type"]]) ? value as unknown as MarketEvent : null;
}

/** One line without its newline; null when it is malformed. */
export function decodeLine(line: string): TapeEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return toEntry(value);
}

/** The line of an entry, without a newline. */
export const encodeEntry = (entry: TapeEntry): string => JSON.stringify(entry);
