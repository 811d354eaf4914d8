/** Binance sockets: two for futures, because the routes are two (exchanges dossier A2), one for spot. */
import type { FeedName } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import type { FeedContext } from "../net/feed_context.ts";
import type { FrameVerdict } from "../net/frame.ts";
import { CONTROL } from "../net/frame.ts";
import { limitsFor } from "../net/limits.ts";
import type { Link } from "../net/link.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { Supervisor } from "../net/supervisor.ts";
import { claimTrade, decodeBinanceFrame, newBinanceState } from "./codec.ts";
import { decodeDiff, isDiffFrame } from "./depth_book.ts";
import { DepthSync } from "./depth_sync.ts";
import { type BinanceRest, type BinanceVenue, fetchDepth } from "./rest.ts";
import { futuresUrl, marketStreams, publicStreams, spotStreams, spotUrl } from "./routes.ts";
import { topFrame } from "./top_frame.ts";
import { TradeRefill } from "./trade_refill.ts";

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

export interface BinanceOptions {
  readonly rest: BinanceRest;
  readonly signal: AbortSignal;
  /** Keep local books from the diff stream in place of depth20. Default false. */
  readonly diffBook?: boolean;
  readonly sockets?: 1 | 2;
}

function addressOf(feed: BinanceFeed, context: FeedContext, assets: readonly Asset[], diffBook: boolean) {
  const { futuresSocket, spotSocket } = context.profile;
  switch (feed) {
    case "binance.futures.public": {
      const streams = publicStreams(assets, diffBook);
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

/** Frames that a later one replaces: books and tops of books. A lost diff costs a snapshot, which is asked for by itself. */
export const isBinanceBook = (text: string): boolean =>
  /^\{"stream":"[a-z0-9]+@(?:depth|bookTicker)/.test(text);

/** Streams whose every frame states all there is: the depth cut to some levels, and the best prices. */
export const wholeBinanceBook = (text: string): string | null =>
  /^\{"stream":"([a-z0-9]+@(?:depth\d+|bookTicker)[^"]*)"/.exec(text)?.[1] ?? null;

/** One combined-stream feed. */
export class BinanceSession {
  private readonly supervisor: Supervisor;
  private readonly sink: DecodeSink = newSink();
  private readonly state = newBinanceState();
  private readonly venue: BinanceVenue;
  private readonly depth: DepthSync | null;
  private readonly refill: TradeRefill;
  /** Ids of control messages, ours. */
  private requests = 0;

  constructor(
    private readonly feed: BinanceFeed,
    private readonly context: FeedContext,
    assets: readonly Asset[],
    options: BinanceOptions,
  ) {
    const { clock, log, random } = context;
    const { rest, signal } = options;
    const { streams, url } = addressOf(feed, context, assets, options.diffBook ?? false);
    this.venue = feed === "binance.spot" ? "binance-spot" : "binance-futures";
    this.depth = feed !== "binance.futures.public" || options.diffBook !== true ? null : new DepthSync({
      clock,
      random,
      log,
      signal,
      snapshot: (asset) => fetchDepth(rest, asset, 1000, { signal }),
    });
    this.refill = new TradeRefill({ rest, venue: this.venue, log, signal, emit: context.emit });
    this.state.onTradeGap = (asset, first, last, key) =>
      this.refill.request(asset, first, last, (id) => claimTrade(this.state, key, id));
    this.supervisor = new Supervisor({
      feed,
      url: () => url,
      clock,
      random,
      openSocket: context.network.openSocket,
      limits: limitsFor(feed, context.limits),
      watch: watchOf(streams),
      onOpen: () => {},
      onFrame: (text, tReceive, link) => this.frame(text, tReceive, link),
      onState: context.onState,
      // Any reply proves that the socket lives, and the list costs nothing.
      probe: JSON.stringify({ method: "LIST_SUBSCRIPTIONS", id: 0 }),
      resubscribe: (link, stream) => this.resubscribe(link, stream),
      sockets: options.sockets ?? 1,
      inbox: context.inbox,
      isBook: isBinanceBook,
      wholeBookOf: wholeBinanceBook,
      retryAfter: () => context.retryAfter(url),
    });
  }

  get metrics(): FeedMetrics {
    return this.supervisor.metrics;
  }

  start(): void {
    this.supervisor.start();
  }

  async close(): Promise<void> {
    await this.supervisor.close();
    await this.depth?.closed();
    await this.refill.closed();
  }

  private frame(text: string, tReceive: Ms, link: Link): FrameVerdict {
    if (this.depth !== null && isDiffFrame(text)) return this.diff(this.depth, text, tReceive);
    this.context.onFrame(this.feed, text, tReceive);
    const verdict = decodeBinanceFrame(text, this.venue, tReceive, this.state, this.sink);
    drain(this.sink, this.metrics, this.context.emit);
    if (this.state.shutdownAnnounced) {
      this.state.shutdownAnnounced = false;
      this.supervisor.renew("the venue announced its shutdown", link);
    }
    return verdict;
  }

  /** What is handed on, and recorded, is the top that the diff led to, in the spelling of depth20. */
  private diff(depth: DepthSync, text: string, tReceive: Ms): FrameVerdict {
    const diff = decodeDiff(text);
    if (diff === null) return null;
    const { copy, event, gap } = depth.take(diff, tReceive);
    if (gap) this.metrics.gaps++;
    if (copy) this.metrics.duplicates++;
    if (event === null) return copy ? diff.stream : CONTROL;
    this.context.onFrame(this.feed, topFrame(diff, event), tReceive);
    this.sink.events.push(event);
    drain(this.sink, this.metrics, this.context.emit);
    return diff.stream;
  }

  private resubscribe(link: Link, stream: string): void {
    const say = (method: string) =>
      link.send(JSON.stringify({ method, params: [stream], id: ++this.requests }));
    say("UNSUBSCRIBE");
    say("SUBSCRIBE");
  }
}
