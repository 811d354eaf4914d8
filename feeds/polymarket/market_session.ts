/** The CLOB market socket: subscriptions that follow the windows, text pings, frames to events. Dossier 7.1, 7.2. */
import type { BookEvent, MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import type { FeedContext } from "../net/feed_context.ts";
import type { FrameVerdict } from "../net/frame.ts";
import { CONTROL } from "../net/frame.ts";
import type { HttpClient } from "../net/http.ts";
import { limitsFor } from "../net/limits.ts";
import type { Link } from "../net/link.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink, parseJson } from "../net/sink.ts";
import { Supervisor } from "../net/supervisor.ts";
import { checkBooks } from "./book_check.ts";
import { decodeMarketFrame, decodeMarketMessages } from "./market_codec.ts";
import { MarketMerge } from "./market_merge.ts";
import { ShadowBooks } from "./shadow_books.ts";

const PING_EVERY_MS = 10_000;
/** Users see stalls above about 200 tokens on one socket (dossier 3.7). */
export const MAX_TOKENS = 200;

const MAX_TRADES = 1024;

export interface MarketOptions {
  readonly http: HttpClient;
  readonly signal: AbortSignal;
  readonly sockets?: 1 | 2;
  /** These tokens' books are void: read them again over REST. */
  readonly onVoid: (tokens: readonly string[]) => void;
  /** Changes of these tokens' books, the oldest received at `tReceive`, were left out: the same, and nobody may use them. */
  readonly onLeftOut: (tokens: readonly string[], tReceive: Ms) => void;
}

/** A frame that changes books and nothing else, by its head alone. */
export const isMarketBook = (text: string): boolean =>
  text.startsWith('{"event_type":"price_change"') || text.startsWith('{"event_type":"best_bid_ask"');

/** The market whose two books a frame changes; null for a frame that can be left out alone, or never. */
export const marketOfChange = (text: string): string | null =>
  /^\{"event_type":"price_change","market":"([^"]+)"/.exec(text)?.[1] ?? null;

/** One feed for all windows. Opens with the first token. */
export class MarketSession {
  private readonly supervisor: Supervisor;
  /** Subscribed tokens and the end of their window, venue ms. */
  private readonly tokens = new Map<string, number>();
  /** The tokens of one window, by each of them: a frame may name only one. */
  private readonly siblings = new Map<string, readonly string[]>();
  private readonly shadows = new ShadowBooks();
  private readonly merge = new MarketMerge();
  private readonly sink: DecodeSink = newSink();
  /** Tokens with a snapshot, per socket. */
  private readonly based = new Map<number, Set<string>>();
  /** Trades of late, as they were told. */
  private readonly trades = new Set<string>();
  /** Sockets that have been asked for the whole set. */
  private readonly asked = new Set<number>();

  constructor(private readonly context: FeedContext, private readonly options: MarketOptions) {
    const { clock, log, network, profile, random } = context;
    const { http, signal } = options;
    const url = `${profile.clobSocket}/ws/market`;
    this.supervisor = new Supervisor({
      feed: "polymarket.market",
      url: () => url,
      clock,
      random,
      openSocket: network.openSocket,
      limits: limitsFor("polymarket.market", context.limits),
      onOpen: (link) => this.opened(link),
      onFrame: (text, tReceive, link) => this.frame(text, tReceive, link),
      onState: context.onState,
      onGone: (link) => this.gone(link),
      onVoid: (tokens) => options.onVoid(tokens),
      onLeftOut: (text, tReceive) => this.leftOut(text, tReceive),
      // Begins after the subscribe: an earlier PING is answered with close 1008 (nautilus_trader#4864, 2026-08-26).
      keepAlive: { everyMs: PING_EVERY_MS, text: "PING" },
      probe: "PING",
      resubscribe: (link, token) => {
        link.send(JSON.stringify({ assets_ids: [token], operation: "unsubscribe" }));
        link.send(subscription([token]));
      },
      verify: (tokens, link) =>
        checkBooks(
          { http, clob: profile.clob, clock, log, signal },
          tokens,
          this.shadows,
          (token) => link.streams.get(token)?.seen === true,
        ),
      sockets: options.sockets ?? 1,
      inbox: context.inbox,
      isBook: isMarketBook,
      bookOf: marketOfChange,
      retryAfter: () => context.retryAfter(url),
    });
  }

  get metrics(): FeedMetrics {
    return this.supervisor.metrics;
  }

  /** Adds both tokens of a window that ends at `endMs`, on the open sockets or with the next one. */
  subscribe(tokens: readonly string[], endMs: number): void {
    const added = tokens.filter((token) => !this.tokens.has(token));
    if (added.length === 0) return;
    if (this.tokens.size + added.length > MAX_TOKENS) {
      this.context.log.warn("too many tokens for one socket, leaving some out", { limit: MAX_TOKENS });
      return;
    }
    for (const token of added) {
      this.tokens.set(token, endMs);
      this.siblings.set(token, tokens);
      this.supervisor.watch(token);
    }
    this.supervisor.start();
    // A socket that is still opening asks for the whole set by itself.
    for (const link of this.supervisor.all()) if (this.asked.has(link.id)) link.send(subscription(added));
  }

  unsubscribe(tokens: readonly string[]): void {
    const removed = tokens.filter((token) => this.tokens.delete(token));
    if (removed.length === 0) return;
    for (const token of removed) {
      this.supervisor.unwatch(token);
      this.siblings.delete(token);
      this.merge.forget(token);
      this.shadows.forget(token);
      for (const based of this.based.values()) based.delete(token);
    }
    const text = JSON.stringify({ assets_ids: removed, operation: "unsubscribe" });
    for (const link of this.supervisor.all()) if (this.asked.has(link.id)) link.send(text);
  }

  /** A book that REST gave in place of ours. */
  adopt(book: BookEvent): void {
    this.shadows.replace(book);
    for (const based of this.based.values()) based.add(book.token);
  }

  /** Books of windows that are over may fall silent. Call about once a second. */
  expire(now: number): void {
    for (const [token, endMs] of this.tokens) if (now >= endMs) this.supervisor.unwatch(token);
  }

  close(): Promise<void> {
    return this.supervisor.close();
  }

  private opened(link: Link): void {
    this.asked.add(link.id);
    link.send(
      JSON.stringify({ assets_ids: [...this.tokens.keys()], type: "market", custom_feature_enabled: true }),
    );
  }

  private gone(link: Link): void {
    this.asked.delete(link.id);
    this.based.delete(link.id);
    this.merge.gone(link.id, this.supervisor.all().filter((one) => one !== link).length);
  }

  /** Until there is a new snapshot, further changes are as good as nothing. */
  private leftOut(text: string, tReceive: Ms): void {
    const named = [...text.matchAll(/"asset_id":"(\d+)"/g)].flatMap(([, token]) =>
      this.siblings.get(token!) ?? []
    );
    const tokens = [...new Set(named)].filter((token) => this.tokens.has(token));
    for (const token of tokens) {
      this.shadows.forget(token);
      for (const based of this.based.values()) based.delete(token);
    }
    this.options.onLeftOut(tokens, tReceive);
  }

  private frame(text: string, tReceive: Ms, link: Link): FrameVerdict {
    if (text.startsWith('{"event_type":"last_trade_price"') && this.isRepeated(text)) {
      this.metrics.duplicates++;
      return CONTROL;
    }
    const others = this.supervisor.all().filter((one) => one !== link);
    if (others.length > 0) return this.mergedFrame(text, tReceive, link, others);
    this.context.onFrame("polymarket.market", text, tReceive);
    return this.finish(decodeMarketFrame(text, tReceive, this.sink), link);
  }

  /** A trade told twice, by its whole text, the transaction's hash among it: unlike a level it must not count twice. */
  private isRepeated(text: string): boolean {
    if (this.trades.has(text)) return true;
    this.trades.add(text);
    if (this.trades.size > MAX_TRADES) {
      for (const oldest of this.trades) {
        this.trades.delete(oldest);
        break;
      }
    }
    return false;
  }

  /** While several sockets are open, only what is news goes on; the frame that is recorded holds nothing else. */
  private mergedFrame(text: string, tReceive: Ms, link: Link, others: readonly Link[]): FrameVerdict {
    const parsed = text === "PONG" ? null : parseJson(text);
    if (parsed === null || parsed === undefined) {
      this.context.onFrame("polymarket.market", text, tReceive);
      return decodeMarketFrame(text, tReceive, this.sink);
    }
    const list = Array.isArray(parsed) ? parsed : [parsed];
    const merged = this.merge.take(link.id, list, others.map((one) => one.id));
    this.metrics.duplicates += merged.copies;
    this.shown(link, list);
    if (merged.voided.length > 0) {
      this.metrics.gaps += merged.voided.length;
      this.options.onVoid([...new Set(merged.voided)]);
    }
    if (merged.messages.length === 0) return CONTROL;
    const raw = merged.whole ? text : JSON.stringify(merged.messages);
    this.context.onFrame("polymarket.market", raw, tReceive);
    return this.finish(decodeMarketMessages(merged.messages, tReceive, this.sink), link);
  }

  /** A copy is no news, but it shows that this socket delivers. */
  private shown(link: Link, messages: readonly unknown[]): void {
    const probe = newSink();
    const now = this.context.clock.now();
    decodeMarketMessages(messages, now, probe);
    for (const event of probe.events) {
      if ("token" in event && this.isBased(event, link)) link.datum(event.token, now);
    }
  }

  /**
   * True once a socket has sent a token's snapshot, or REST has. Changes of a book whose beginning never came are no book: the
   * beginning is then asked for over REST, and the token counts as not shown until it is there.
   */
  private isBased(event: MarketEvent & { readonly token: string }, link: Link): boolean {
    let based = this.based.get(link.id);
    if (based === undefined) this.based.set(link.id, based = new Set());
    if (event.type === "book") based.add(event.token);
    if (based.has(event.token)) return true;
    if (event.type === "bookDelta" && this.tokens.has(event.token)) this.options.onVoid([event.token]);
    return false;
  }

  private finish(verdict: FrameVerdict, link: Link): FrameVerdict {
    let shown = verdict;
    const { events } = this.sink;
    for (let i = 0; i < events.length; i++) shown = this.noted(events[i]!, link) ?? shown;
    drain(this.sink, this.metrics, this.context.emit);
    return shown;
  }

  /** Remembers what was said of a token; answers the token, which is the watched stream. */
  private noted(event: MarketEvent, link: Link): string | null {
    switch (event.type) {
      case "book":
      case "bookDelta":
        if (event.type === "book") this.shadows.replace(event);
        else this.shadows.change(event);
        this.merge.note(link.id, event.token, event.tExchange);
        return this.datum(event, link);
      case "tokenTrade":
      case "bestBidAsk":
      case "tickSize":
        return this.datum(event, link);
      default:
        return null;
    }
  }

  private datum(event: MarketEvent & { readonly token: string }, link: Link): string | null {
    if (!this.isBased(event, link)) return null;
    link.datum(event.token, event.tReceive);
    return event.token;
  }
}

const subscription = (tokens: readonly string[]): string =>
  JSON.stringify({ assets_ids: tokens, operation: "subscribe", custom_feature_enabled: true });
