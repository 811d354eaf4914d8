/** The sockets of a live session: which feed is served by which session. */
import type { FeedName } from "../core/events.ts";
import type { Asset } from "../core/market/instrument.ts";
import type { BinanceRest } from "./binance/rest.ts";
import { type BinanceFeed, BinanceSession } from "./binance/session.ts";
import { DeribitSession, dvolAssets } from "./deribit/session.ts";
import type { FeedContext } from "./net/feed_context.ts";
import { type FeedMetrics, newFeedMetrics } from "./net/metrics.ts";
import { type ApiCredentials, PolyboltSession } from "./polymarket/polybolt_session.ts";
import { RtdsSession } from "./polymarket/rtds_session.ts";

/** Feeds that `openLive` can run. */
export const LIVE_FEEDS = [
  "polymarket.market",
  "polymarket.prices",
  "binance.futures.public",
  "binance.futures.market",
  "binance.spot",
  "deribit",
] as const satisfies readonly FeedName[];
export type LiveFeedName = typeof LIVE_FEEDS[number];

/** One running feed. */
export interface FeedSession {
  start(): void;
  close(): Promise<void>;
  readonly metrics: FeedMetrics;
}

export interface SessionOptions {
  readonly context: FeedContext;
  readonly assets: readonly Asset[];
  readonly credentials: ApiCredentials | null;
  readonly rest: BinanceRest;
  readonly signal: AbortSignal;
  readonly diffBook: boolean;
  readonly legacyRtds: boolean;
  readonly wanted: (feed: LiveFeedName) => boolean;
  readonly socketsOf: (feed: LiveFeedName) => 1 | 2;
}

/** Stands for a price socket that cannot be opened: down from the beginning, and said so. */
function absentPrices(context: FeedContext): FeedSession {
  const metrics = newFeedMetrics(context.clock.now());
  const detail = "NO_CREDENTIALS: the price socket wants API credentials";
  metrics.state = "down";
  metrics.detail = detail;
  return {
    metrics,
    start: () => {
      const at = context.clock.now();
      const base = { type: "feedState", feed: "polymarket.prices", tExchange: at, tReceive: at } as const;
      context.onState({ ...base, state: "down", detail });
    },
    close: () => Promise.resolve(),
  };
}

function pricesSession(options: SessionOptions): FeedSession {
  const { assets, context, credentials, legacyRtds, socketsOf } = options;
  const sockets = socketsOf("polymarket.prices");
  if (legacyRtds) return new RtdsSession(context, assets, sockets);
  return credentials === null
    ? absentPrices(context)
    : new PolyboltSession(context, assets, credentials, sockets);
}

/** Every session but the market's, which follows the windows; none is started. */
export function openSessions(options: SessionOptions): Map<LiveFeedName, FeedSession> {
  const { assets, context, diffBook, rest, signal, socketsOf, wanted } = options;
  const sessions = new Map<LiveFeedName, FeedSession>();
  if (wanted("polymarket.prices")) sessions.set("polymarket.prices", pricesSession(options));
  const binance: readonly BinanceFeed[] = [
    "binance.futures.public",
    "binance.futures.market",
    "binance.spot",
  ];
  for (const feed of binance) {
    if (!wanted(feed)) continue;
    const more = { rest, signal, diffBook, sockets: socketsOf(feed) };
    sessions.set(feed, new BinanceSession(feed, context, assets, more));
  }
  // Only two assets have a volatility index: without one of them there is nothing to ask for.
  if (wanted("deribit") && dvolAssets(assets).length > 0) {
    sessions.set("deribit", new DeribitSession(context, assets, socketsOf("deribit")));
  }
  return sessions;
}
