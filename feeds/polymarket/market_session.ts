/** The CLOB market socket: subscriptions that follow the windows, text pings, frames to events. Dossier 7.1, 7.2. */
import type { FeedContext } from "../net/feed_context.ts";
import { limitsFor } from "../net/limits.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { WsSession } from "../net/ws_session.ts";
import { decodeMarketFrame, MARKET_STREAM } from "./market_codec.ts";

const PING_EVERY_MS = 10_000;
/** Users see stalls above about 200 tokens on one socket (dossier 3.7). */
export const MAX_TOKENS = 200;

/** One socket for all windows. Opens with the first token. */
export class MarketSession {
  private readonly session: WsSession;
  private readonly tokens = new Set<string>();
  private readonly sink: DecodeSink = newSink();
  private ping: ReturnType<typeof setInterval> | undefined;
  private started = false;

  constructor(private readonly context: FeedContext) {
    const { clock, network, profile, random } = context;
    this.session = new WsSession({
      feed: "polymarket.market",
      url: () => `${profile.clobSocket}/ws/market`,
      clock,
      random,
      openSocket: network.openSocket,
      limits: limitsFor("polymarket.market", context.limits),
      watch: new Map([[MARKET_STREAM, null]]),
      onOpen: () => this.opened(),
      onFrame: (text, tReceive) => {
        context.onFrame("polymarket.market", text, tReceive);
        const verdict = decodeMarketFrame(text, tReceive, this.sink);
        drain(this.sink, this.session.metrics, context.emit);
        return verdict;
      },
      onState: context.onState,
    });
  }

  get metrics(): FeedMetrics {
    return this.session.metrics;
  }

  /** Adds tokens, on the open socket or with the next one. */
  subscribe(tokens: readonly string[]): void {
    const added = tokens.filter((token) => !this.tokens.has(token));
    if (added.length === 0) return;
    if (this.tokens.size + added.length > MAX_TOKENS) {
      this.context.log.warn("too many tokens for one socket, leaving some out", { limit: MAX_TOKENS });
      return;
    }
    for (const token of added) this.tokens.add(token);
    if (!this.started) {
      this.started = true;
      this.session.start();
      return;
    }
    // Before the first subscribe of a connection this sends nothing: `opened()` asks for the whole set.
    if (this.ping === undefined) return;
    this.session.watch(MARKET_STREAM);
    this.session.send(
      JSON.stringify({ assets_ids: added, operation: "subscribe", custom_feature_enabled: true }),
    );
  }

  unsubscribe(tokens: readonly string[]): void {
    const removed = tokens.filter((token) => this.tokens.delete(token));
    if (removed.length === 0) return;
    if (this.tokens.size === 0) this.session.unwatch(MARKET_STREAM);
    if (this.ping !== undefined) {
      this.session.send(JSON.stringify({ assets_ids: removed, operation: "unsubscribe" }));
    }
  }

  async close(): Promise<void> {
    this.stopPing();
    await this.session.close();
  }

  private opened(): void {
    this.session.send(
      JSON.stringify({ assets_ids: [...this.tokens], type: "market", custom_feature_enabled: true }),
    );
    // Only after the subscribe: an earlier PING is answered with close 1008 (nautilus_trader#4864, 2026-08-26).
    this.stopPing();
    this.ping = setInterval(() => this.session.send("PING"), PING_EVERY_MS / this.context.clock.speed);
  }

  private stopPing(): void {
    clearInterval(this.ping);
    this.ping = undefined;
  }
}
