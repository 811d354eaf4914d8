/** Binance sockets: two for futures, because the routes are two (exchanges dossier A2), one for spot. */
import type { FeedName } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { FeedContext } from "../net/feed_context.ts";
import { limitsFor } from "../net/limits.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { WsSession } from "../net/ws_session.ts";
import { decodeBinanceFrame, newBinanceState } from "./codec.ts";
import { futuresUrl, marketStreams, publicStreams, spotStreams, spotUrl } from "./routes.ts";

export type BinanceFeed = Extract<FeedName, `binance.${string}`>;

/** Age limits by stream type (exchanges dossier E 4); forceOrder is free to be silent. */
const LATE_MS: readonly (readonly [RegExp, number])[] = [
  [/@aggTrade$/, 30_000],
  [/@markPrice@1s$/, 5000],
  [/@kline_1m$/, 10_000],
];

/** Streams that must flow and how old their data may be; null: the feed's own limit. */
export function watchOf(streams: readonly string[]): Map<string, number | null> {
  const watch = new Map<string, number | null>();
  for (const stream of streams) {
    if (stream.endsWith("@forceOrder")) continue;
    watch.set(stream, LATE_MS.find(([pattern]) => pattern.test(stream))?.[1] ?? null);
  }
  return watch;
}

function addressOf(feed: BinanceFeed, context: FeedContext, assets: readonly Asset[]) {
  const { futuresSocket, spotSocket } = context.profile;
  switch (feed) {
    case "binance.futures.public": {
      const streams = publicStreams(assets);
      return { streams, url: futuresUrl(futuresSocket, streams) };
    }
    case "binance.futures.market": {
      const streams = marketStreams(assets);
      return { streams, url: futuresUrl(futuresSocket, streams) };
    }
    case "binance.spot": {
      const streams = spotStreams(assets);
      return { streams, url: spotUrl(spotSocket, streams) };
    }
  }
}

/** One combined-stream socket. */
export class BinanceSession {
  private readonly session: WsSession;
  private readonly sink: DecodeSink = newSink();
  private readonly state = newBinanceState();

  constructor(feed: BinanceFeed, context: FeedContext, assets: readonly Asset[]) {
    const { streams, url } = addressOf(feed, context, assets);
    const venue = feed === "binance.spot" ? "binance-spot" : "binance-futures";
    this.session = new WsSession({
      feed,
      url: () => url,
      clock: context.clock,
      random: context.random,
      openSocket: context.network.openSocket,
      limits: limitsFor(feed, context.limits),
      watch: watchOf(streams),
      onOpen: () => {},
      onFrame: (text, tReceive) => {
        context.onFrame(feed, text, tReceive);
        const verdict = decodeBinanceFrame(text, venue, tReceive, this.state, this.sink);
        drain(this.sink, this.session.metrics, context.emit);
        if (this.state.shutdownAnnounced) {
          this.state.shutdownAnnounced = false;
          // The frame's own bookkeeping must end before its socket does.
          queueMicrotask(() => this.session.renew("the venue announced its shutdown"));
        }
        return verdict;
      },
      onState: context.onState,
    });
  }

  get metrics(): FeedMetrics {
    return this.session.metrics;
  }

  start(): void {
    this.session.start();
  }

  close(): Promise<void> {
    return this.session.close();
  }
}
