/** Binance REST, market data only (exchanges dossier A7, B). Every call goes through the weight ledger of its host. */
import type { FastBarEvent, FastTradeEvent } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import { type HttpCall, type HttpClient, HttpError } from "../net/http.ts";
import { isObject, isPlausibleMs, type Json, parseNumber } from "../net/sink.ts";
import type { VenueProfile } from "../venue_profile.ts";
import { levelsOf } from "./codec.ts";
import { symbolOf } from "./routes.ts";
import { WeightLedger } from "./weights.ts";

export type BinanceVenue = "binance-futures" | "binance-spot";

export interface BinanceRest {
  readonly clock: Pick<Clock, "now">;
  readonly ledger: Readonly<Record<BinanceVenue, WeightLedger>>;
  /** One GET below the venue's version prefix. Throws HttpError, RATE_LIMITED also when our own ledger refuses. */
  get(venue: BinanceVenue, path: string, weight: number, call?: HttpCall): Promise<unknown>;
}

/** Budgets per minute: exchanges dossier A7 (futures) and B (spot). */
const LIMITS = { "binance-futures": 2400, "binance-spot": 6000 } as const;

/** REST of both Binance venues, with one ledger for each. */
export function binanceRest(
  http: HttpClient,
  profile: VenueProfile,
  clock: Pick<Clock, "now">,
): BinanceRest {
  const base = {
    "binance-futures": `${profile.futuresRest}/fapi/v1`,
    "binance-spot": `${profile.spotRest}/api/v3`,
  } as const;
  const ledger = {
    "binance-futures": new WeightLedger("Binance futures", LIMITS["binance-futures"], clock),
    "binance-spot": new WeightLedger("Binance spot", LIMITS["binance-spot"], clock),
  };
  return {
    clock,
    ledger,
    get(venue, path, weight, call = {}) {
      try {
        ledger[venue].spend(weight);
      } catch (error) {
        return Promise.reject(error);
      }
      const onResponse = (status: number, headers: Headers) => ledger[venue].answered(status, headers);
      // A refusal must reach the ledger before anything else is asked, so nothing is repeated inside.
      return http.get(`${base[venue]}/${path}`, { retries: 0, ...call, onResponse });
    },
  };
}

function malformed(what: string): HttpError {
  return new HttpError("BAD_JSON", `Cannot read ${what} of Binance: unexpected shape`);
}

function objectOf(raw: unknown, what: string): Json {
  if (!isObject(raw)) throw malformed(what);
  return raw;
}

function barOf(row: unknown, venue: BinanceVenue, asset: Asset, now: Ms): FastBarEvent {
  if (!Array.isArray(row) || !isPlausibleMs(row[0]) || !isPlausibleMs(row[6])) throw malformed("candles");
  const [open, high, low, close, volume] = [row[1], row[2], row[3], row[4], row[5]].map(parseNumber);
  if (!(open! > 0 && high! > 0 && low! > 0 && close! > 0 && volume! >= 0)) throw malformed("candles");
  const closeMs = row[6] + 1;
  return {
    type: "fastBar",
    venue,
    asset,
    openMs: row[0] as Ms,
    closeMs: closeMs as Ms,
    open: open!,
    high: high!,
    low: low!,
    close: close!,
    volume: volume!,
    closed: closeMs <= now,
    tExchange: Math.min(closeMs, now) as Ms,
    tReceive: now,
  };
}

const barWeight = (rows: number): number => rows < 100 ? 1 : rows < 500 ? 2 : rows <= 1000 ? 5 : 10;

/** The last `count` closed 1m candles (at most 1499), oldest first, stamped with their arrival. Throws HttpError. */
export async function fetchBars(
  rest: BinanceRest,
  query: { readonly venue: BinanceVenue; readonly asset: Asset; readonly count: number },
  call: HttpCall = {},
): Promise<FastBarEvent[]> {
  const { asset, count, venue } = query;
  // One more, because the newest row is the forming candle.
  const path = `klines?symbol=${symbolOf(asset)}&interval=1m&limit=${count + 1}`;
  const rows = await rest.get(venue, path, venue === "binance-futures" ? barWeight(count + 1) : 2, call);
  if (!Array.isArray(rows)) throw malformed("candles");
  const now = rest.clock.now();
  return rows.map((row: unknown) => barOf(row, venue, asset, now)).filter((bar) => bar.closed).slice(-count);
}

/** Server time in ms. Throws HttpError. */
export async function fetchTime(rest: BinanceRest, venue: BinanceVenue, call: HttpCall = {}): Promise<Ms> {
  const { serverTime } = objectOf(await rest.get(venue, "time", 1, call), "the time");
  if (!isPlausibleMs(serverTime)) throw malformed("the time");
  return serverTime as Ms;
}

/** A book as REST knows it: flat levels, doubles. */
export interface DepthSnapshot {
  readonly lastUpdateId: number;
  readonly bids: readonly number[];
  readonly asks: readonly number[];
}

const DEPTH_WEIGHT: Readonly<Record<number, number>> = { 20: 2, 100: 5, 500: 10, 1000: 20 };

/** Futures book of the best `limit` levels a side. Throws HttpError. */
export async function fetchDepth(
  rest: BinanceRest,
  asset: Asset,
  limit: 20 | 100 | 500 | 1000 = 1000,
  call: HttpCall = {},
): Promise<DepthSnapshot> {
  const path = `depth?symbol=${symbolOf(asset)}&limit=${limit}`;
  return parseDepth(await rest.get("binance-futures", path, DEPTH_WEIGHT[limit]!, call));
}

/** Reads `/depth`. Throws HttpError BAD_JSON. */
export function parseDepth(raw: unknown): DepthSnapshot {
  const { asks, bids, lastUpdateId } = objectOf(raw, "a book");
  const levels = { bids: levelsOf(bids), asks: levelsOf(asks) };
  if (levels.bids === null || levels.asks === null || !Number.isSafeInteger(lastUpdateId)) {
    throw malformed("a book");
  }
  return { lastUpdateId: lastUpdateId as number, bids: levels.bids, asks: levels.asks };
}

/** Which aggregate trades: from an id, or a span of at most one hour within the last 48 h. The two must not be mixed. */
export type TradeQuery =
  | { readonly fromId: number }
  | { readonly startMs: number; readonly endMs: number };

const HOUR = 3_600_000;
/** Only the last 48 h are served by futures (exchanges dossier A7, SDK 38.1.1 of 2026-09). */
export const TRADES_KEPT_MS = 48 * HOUR;

/** Up to `limit` (1000) aggregate trades, ascending, stamped with their arrival. Throws HttpError. */
export async function fetchTrades(
  rest: BinanceRest,
  query: { readonly venue: BinanceVenue; readonly asset: Asset; readonly limit?: number } & TradeQuery,
  call: HttpCall = {},
): Promise<FastTradeEvent[]> {
  const { asset, limit = 1000, venue } = query;
  const part = "fromId" in query ? `fromId=${query.fromId}` : spanOf(query, venue, rest.clock.now());
  const path = `aggTrades?symbol=${symbolOf(asset)}&limit=${limit}&${part}`;
  const rows = await rest.get(venue, path, venue === "binance-futures" ? 20 : 4, call);
  if (!Array.isArray(rows)) throw malformed("trades");
  const now = rest.clock.now();
  return rows.map((row: unknown) => tradeOf(objectOf(row, "a trade"), venue, asset, now));
}

function spanOf(span: { startMs: number; endMs: number }, venue: BinanceVenue, now: number): string {
  const { endMs, startMs } = span;
  if (!(endMs > startMs) || endMs - startMs >= HOUR) {
    throw new RangeError(`a span of trades is shorter than one hour: current value is ${startMs}..${endMs}`);
  }
  if (venue === "binance-futures" && startMs < now - TRADES_KEPT_MS) {
    throw new RangeError(`trades are kept for 48 h: current value is ${startMs}`);
  }
  return `startTime=${startMs}&endTime=${endMs}`;
}

function tradeOf(row: Json, venue: BinanceVenue, asset: Asset, now: Ms): FastTradeEvent {
  const price = parseNumber(row.p);
  const size = parseNumber(row.q);
  const id = row.a;
  const sound = price > 0 && size >= 0 && Number.isSafeInteger(id) && isPlausibleMs(row.T) &&
    typeof row.m === "boolean";
  if (!sound) throw malformed("a trade");
  return {
    type: "fastTrade",
    venue,
    asset,
    price,
    size,
    takerBuys: row.m !== true,
    id: id as number,
    tExchange: row.T as Ms,
    tReceive: now,
  };
}

export interface PremiumIndex {
  readonly mark: number;
  readonly index: number;
  readonly estimatedSettle: number;
  readonly fundingRate: number;
  readonly nextFundingMs: Ms;
  readonly timeMs: Ms;
}

/** Mark, index and the running funding rate. Throws HttpError. */
export async function fetchPremiumIndex(
  rest: BinanceRest,
  asset: Asset,
  call: HttpCall = {},
): Promise<PremiumIndex> {
  const raw = await rest.get("binance-futures", `premiumIndex?symbol=${symbolOf(asset)}`, 1, call);
  return parsePremiumIndex(raw);
}

/** Reads one row of `/premiumIndex`. Throws HttpError BAD_JSON. */
export function parsePremiumIndex(raw: unknown): PremiumIndex {
  const row = objectOf(raw, "the premium index");
  const [mark, index, estimatedSettle] = [row.markPrice, row.indexPrice, row.estimatedSettlePrice].map(
    parseNumber,
  );
  const fundingRate = row.lastFundingRate === "" ? 0 : parseNumber(row.lastFundingRate);
  const { nextFundingTime, time } = row;
  // Dated contracts have no next funding: 0.
  const timed = isPlausibleMs(time) && (isPlausibleMs(nextFundingTime) || nextFundingTime === 0);
  if (!(mark! > 0) || !(index! > 0) || Number.isNaN(fundingRate) || !timed) {
    throw malformed("the premium index");
  }
  return {
    mark: mark!,
    index: index!,
    estimatedSettle: estimatedSettle!,
    fundingRate,
    nextFundingMs: nextFundingTime as Ms,
    timeMs: time as Ms,
  };
}

export interface OpenInterest {
  /** Contracts, in coins. */
  readonly openInterest: number;
  readonly timeMs: Ms;
}

/** Open interest now. Throws HttpError. */
export async function fetchOpenInterest(
  rest: BinanceRest,
  asset: Asset,
  call: HttpCall = {},
): Promise<OpenInterest> {
  return parseOpenInterest(
    await rest.get("binance-futures", `openInterest?symbol=${symbolOf(asset)}`, 1, call),
  );
}

/** Reads `/openInterest`. Throws HttpError BAD_JSON. */
export function parseOpenInterest(raw: unknown): OpenInterest {
  const row = objectOf(raw, "the open interest");
  const openInterest = parseNumber(row.openInterest);
  if (!(openInterest >= 0) || !isPlausibleMs(row.time)) throw malformed("the open interest");
  return { openInterest, timeMs: row.time as Ms };
}

export interface FundingRate {
  readonly rate: number;
  readonly timeMs: Ms;
}

/** The last `limit` (1..1000) funding rates, ascending. Throws HttpError. */
export async function fetchFundingRates(
  rest: BinanceRest,
  asset: Asset,
  limit = 200,
  call: HttpCall = {},
): Promise<FundingRate[]> {
  const path = `fundingRate?symbol=${symbolOf(asset)}&limit=${limit}`;
  return parseFundingRates(await rest.get("binance-futures", path, 1, call));
}

/** Reads `/fundingRate`. Throws HttpError BAD_JSON. */
export function parseFundingRates(rows: unknown): FundingRate[] {
  if (!Array.isArray(rows)) throw malformed("funding rates");
  return rows.map((raw: unknown) => {
    const row = objectOf(raw, "a funding rate");
    const rate = parseNumber(row.fundingRate);
    if (Number.isNaN(rate) || !isPlausibleMs(row.fundingTime)) throw malformed("a funding rate");
    return { rate, timeMs: row.fundingTime as Ms };
  });
}

/** A symbol that `/fundingInfo` does not list pays every eight hours. */
export const DEFAULT_FUNDING_HOURS = 8;

/** Hours between fundings of one asset. Throws HttpError. */
export async function fetchFundingHours(
  rest: BinanceRest,
  asset: Asset,
  call: HttpCall = {},
): Promise<number> {
  return parseFundingHours(await rest.get("binance-futures", "fundingInfo", 0, call), asset);
}

/** Reads `/fundingInfo`. Throws HttpError BAD_JSON. */
export function parseFundingHours(rows: unknown, asset: Asset): number {
  if (!Array.isArray(rows)) throw malformed("funding information");
  const row: unknown = rows.find((one: unknown) => isObject(one) && one.symbol === symbolOf(asset));
  if (row === undefined) return DEFAULT_FUNDING_HOURS;
  const hours = objectOf(row, "funding information").fundingIntervalHours;
  if (typeof hours !== "number" || !(hours > 0)) throw malformed("funding information");
  return hours;
}
