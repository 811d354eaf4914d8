/**
 * Which socket carries which futures stream. Since 2026-04-23 a stream asked for on the wrong route is acknowledged and
 * then silent (exchanges dossier A2), so the table is code and a mixed list throws instead of losing half its data.
 */
import { OperationError } from "../../core/errors.ts";
import { type Asset, ASSETS } from "../../core/market/instrument.ts";

export type FuturesRoute = "public" | "market";

const INTERVAL = "(?:1|3|5|15|30)m|(?:1|2|4|6|8|12)h|[13]d|1w|1M";
const PUBLIC = new RegExp(
  `^(?:[a-z0-9_]+@(?:depth(?:5|10|20)?(?:@(?:100|250|500)ms)?|rpiDepth@500ms|bookTicker|trade)|!bookTicker)$`,
);
const MARKET = new RegExp(
  `^(?:[a-z0-9_]+@(?:aggTrade|markPrice(?:@1s)?|kline_(?:${INTERVAL})|continuousKline_(?:${INTERVAL})|forceOrder|` +
    `miniTicker|ticker|compositeIndex)|!(?:markPrice@arr(?:@1s)?|forceOrder@arr|miniTicker@arr|ticker@arr|contractInfo|` +
    `assetIndex@arr))$`,
);

/** Route of one stream name (symbols in lower case). Throws OperationError STREAM_UNKNOWN. */
export function routeOf(stream: string): FuturesRoute {
  if (PUBLIC.test(stream)) return "public";
  if (MARKET.test(stream)) return "market";
  throw new OperationError({
    code: "STREAM_UNKNOWN",
    message: `Cannot route a stream as USD-M futures: current value is "${stream}"`,
    hint:
      "Stream names have a lower-case symbol and one of the types of the route table in feeds/binance/routes.ts.",
    exit: 2,
  });
}

/** The one route of a list. Throws OperationError ROUTE_MIXED, STREAM_UNKNOWN or STREAM_UNKNOWN for an empty list. */
export function routeOfAll(streams: readonly string[]): FuturesRoute {
  const first = routeOf(streams[0] ?? "");
  for (const stream of streams) {
    if (routeOf(stream) !== first) {
      throw new OperationError({
        code: "ROUTE_MIXED",
        message: `Cannot ask for streams of two routes on one socket: current value is "${
          streams.join(", ")
        }"`,
        hint: `"${streams[0]}" belongs to /${first}, "${stream}" to /${
          routeOf(stream)
        }. Open one socket per route.`,
        exit: 2,
      });
    }
  }
  return first;
}

/** Combined-stream URL on the right route: only the combined form tells a depth20 snapshot from a depth diff. */
export function futuresUrl(base: string, streams: readonly string[]): string {
  return `${base}/${routeOfAll(streams)}/stream?streams=${streams.join("/")}`;
}

/** Combined-stream URL of spot, which has no routes. */
export function spotUrl(base: string, streams: readonly string[]): string {
  return `${base}/stream?streams=${streams.join("/")}`;
}

/** USDT pair of an asset, as the venue spells it in payloads. */
export const symbolOf = (asset: Asset): string => `${asset.toUpperCase()}USDT`;

const BY_SYMBOL: ReadonlyMap<string, Asset> = new Map(ASSETS.map((asset) => [symbolOf(asset), asset]));

/** Asset of a pair in upper case; undefined for pairs we do not trade. */
export const assetOfSymbol = (symbol: string): Asset | undefined => BY_SYMBOL.get(symbol);

const lower = (asset: Asset): string => symbolOf(asset).toLowerCase();

/** What we take from `/public`: the top 20 as a whole, or every change of the book. */
export const publicStreams = (assets: readonly Asset[], diffBook = false): string[] =>
  assets.flatMap((a) => [`${lower(a)}@${diffBook ? "depth" : "depth20"}@100ms`, `${lower(a)}@bookTicker`]);

/** What we take from `/market`. */
export const marketStreams = (assets: readonly Asset[]): string[] =>
  assets.flatMap((
    a,
  ) => [
    `${lower(a)}@aggTrade`,
    `${lower(a)}@markPrice@1s`,
    `${lower(a)}@kline_1m`,
    `${lower(a)}@forceOrder`,
  ]);

/** What we take from spot. */
export const spotStreams = (assets: readonly Asset[]): string[] =>
  assets.flatMap((a) => [`${lower(a)}@depth20@100ms`, `${lower(a)}@bookTicker`, `${lower(a)}@aggTrade`]);
