/** One venue, one live session on it, one engine that only watches: what a drill breaks and what it looks at. */
import { Engine } from "../../core/engine.ts";
import type { FeedName, Intent, MarketEvent } from "../../core/events.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import { constantLatency } from "../../core/exchange/latency.ts";
import type { OrderBook } from "../../core/market/book.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { makePolicy } from "../../core/policy/registry.ts";
import { DEFAULT_LIMITS } from "../../core/risk/gate.ts";
import { Session } from "../../core/session.ts";
import { ms, type Usdc } from "../../core/units.ts";
import { type Clock, scaledClock } from "../../feeds/clock.ts";
import { type LiveFeeds, openLive } from "../../feeds/live.ts";
import { FEED_LIMITS, type FeedLimitOverrides } from "../../feeds/net/limits.ts";
import { simProfile } from "../../feeds/venue_profile.ts";
import { SIM_CREDENTIALS } from "../../fixtures/venue/service.ts";
import { type RunningVenue, startVenue } from "../../fixtures/venue/venue.ts";
import { bookText, restBookText } from "./books.ts";

/** Something the feeds said or did, or the books showed. */
export interface Seen {
  /** Venue ms. */
  readonly atMs: number;
  readonly feed: FeedName | null;
  readonly kind: "state" | "counter" | "book" | "log" | "event";
  /** State or counter or event name. */
  readonly name: string;
  /** State detail, log text, event particulars. */
  readonly detail: string;
}

export interface StageOptions {
  readonly seed: number;
  readonly speed: number;
  /** Venue time at the start, ms. */
  readonly startMs: number;
  readonly limits: FeedLimitOverrides;
  /** Faults from the beginning. */
  readonly faults?: readonly string[];
  /** A second engine wants to trade all the time; nothing may pass its gate while the book feed is not live. */
  readonly trades?: boolean;
}

/** Counters of a feed that prove something. */
const COUNTERS = ["gaps", "dropped", "duplicates", "unrecognised", "reconnects"] as const;
const SAMPLE_EVERY_MS = 500;
/** How often `trade` looks for suspect books, wall ms. */
const RESYNC_WALL_MS = 200;
/** A rise of the 99th percentile of a feed's ages that its figures show plainly. */
const AGE_RISE_MS = 3_000;
const BANKROLL = 1_000_000_000 as Usdc;
/** Keys remembered per kind of event when looking for what comes twice. */
const MAX_KEYS = 50_000;

/** The feed an event came from; null for what the session makes itself. */
export function feedOf(event: MarketEvent): FeedName | null {
  switch (event.type) {
    case "feedState":
      return event.feed;
    case "oraclePrice":
      return "polymarket.prices";
    case "fastBook":
    case "fastTop":
      return event.venue === "binance-spot" ? "binance.spot" : "binance.futures.public";
    case "fastTrade":
    case "fastBar":
      return event.venue === "binance-spot" ? "binance.spot" : "binance.futures.market";
    case "markPrice":
    case "liquidation":
      return "binance.futures.market";
    case "volatility":
      return "deribit";
    case "book":
    case "bookDelta":
    case "tickSize":
    case "tokenTrade":
    case "bestBidAsk":
      return "polymarket.market";
    default:
      return null;
  }
}

/** What names an event once and for all; null for events without an identity. */
function identity(event: MarketEvent): string | null {
  switch (event.type) {
    case "fastTrade":
      return `${event.venue} ${event.asset} trade ${event.id}`;
    case "oraclePrice":
      return `${event.asset} ${event.kind} print of ${event.tExchange}`;
    case "tokenTrade":
      return `token trade ${event.token} ${event.tExchange} ${event.side} ${event.price} ${event.size}`;
    case "resolved":
      return `resolution of ${event.conditionId}`;
    default:
      return null;
  }
}

function engineOf(policy: string, maxSignalAgeMs: number): Engine {
  return new Engine({
    policy: makePolicy(policy, { seed: 1 }),
    sizing: { mode: "fixed", amount: 25_000_000 as Usdc },
    limits: { ...DEFAULT_LIMITS, maxSignalAgeMs, stops: false },
    bankroll: BANKROLL,
    orderMaxAgeMs: 1_000,
  });
}

/** Venue, session and engine of one case. Open with `openStage`, always `close`. */
export class Stage {
  readonly seen: Seen[] = [];
  /** What must never happen: an event told twice, an exception. */
  readonly broken: string[] = [];
  /** Venue ms of the newest event per feed. */
  readonly lastDatumMs = new Map<FeedName, number>();
  readonly engine: Engine;
  /** Orders that passed the gate of the engine that wants to trade. */
  sent = 0;
  live: LiveFeeds | null = null;
  private readonly session: Session;
  private readonly trader: Engine | null;
  private readonly keys = new Set<string>();
  private readonly counters = new Map<string, number>();
  private readonly states = new Map<FeedName, string>();
  private readonly stop = new AbortController();
  /** Spellings a token's book has had while somebody compares. */
  private readonly spellings = new Map<string, Set<string>>();
  private resyncing: ReturnType<typeof setInterval> | undefined;
  private sampledMs = 0;
  private mismatches = 0;

  constructor(readonly venue: RunningVenue, readonly clock: Clock, readonly options: StageOptions) {
    this.engine = engineOf("hold", 0);
    // Stamps are whole wall milliseconds times the speed: the signal's age is not what is tried here.
    this.trader = options.trades === true ? engineOf("random", 250 * options.speed) : null;
    const exchange = new ExchangeModel({
      bankroll: BANKROLL,
      orderLatency: constantLatency(0),
      responseLatency: constantLatency(0),
    });
    this.session = new Session(this.engine, exchange);
  }

  /** Opens the feeds. Throws what `openLive` throws. */
  async openFeeds(): Promise<void> {
    const { clock } = this;
    const say = (level: string) => (message: string, fields?: Record<string, unknown>) => {
      if (message === "feed state") return;
      const detail = fields === undefined ? message : `${message}: ${Object.values(fields).join(" ")}`;
      this.note({ atMs: clock.now(), feed: null, kind: "log", name: level, detail });
    };
    this.live = await openLive({
      profile: simProfile(this.venue.port),
      clock,
      assets: ["btc"],
      durations: ["5m"],
      credentials: SIM_CREDENTIALS,
      limits: this.options.limits,
      onEvents: (events) => this.take(events),
      log: { debug: say("debug"), info: say("info"), warn: say("warn") },
      signal: this.stop.signal,
      random: () => 0.5,
    });
    this.resyncing ??= setInterval(() => this.askAgain(), RESYNC_WALL_MS);
    this.live.done.catch((error: unknown) => this.broken.push(`the session died: ${String(error)}`));
  }

  /** What `trade` does: books that the venue's best prices contradict are read again. */
  private askAgain(): void {
    for (const { instrument, up, down, winner } of this.engine.windows.values()) {
      if (winner !== null) continue;
      if (up.suspect) this.live?.resync(instrument.upToken);
      if (down.suspect) this.live?.resync(instrument.downToken);
    }
  }

  stateOf(feed: FeedName): string {
    return this.states.get(feed) ?? "connecting";
  }

  private note(seen: Seen): void {
    this.seen.push(seen);
  }

  private take(events: readonly MarketEvent[]): void {
    this.session.feedAll(events);
    for (const event of events) this.look(event);
    if (this.trader !== null) { for (const event of events) this.tryOrders(this.trader, event); }
    this.checkBooks();
    const now = this.clock.now();
    if (now - this.sampledMs >= SAMPLE_EVERY_MS) this.sample(now);
  }

  /** Every order that passes is refused by the exchange, so that the next one can be tried. */
  private tryOrders(trader: Engine, event: MarketEvent): void {
    for (const intent of trader.step(event)) this.tried(trader, event, intent);
  }

  private tried(trader: Engine, event: MarketEvent, intent: Intent): void {
    if (intent.type !== "submit") return;
    const { tReceive } = event;
    const { orderId } = intent;
    trader.step({
      type: "orderRejected",
      orderId,
      code: "ABORTED",
      message: "",
      tExchange: tReceive,
      tReceive,
    });
    this.sent++;
    const state = this.stateOf("polymarket.market");
    if (state !== "live") this.broken.push(`an order passed the gate while polymarket.market was ${state}`);
  }

  private look(event: MarketEvent): void {
    const feed = feedOf(event);
    const atMs = event.tReceive;
    const key = identity(event);
    if (key !== null) {
      if (this.keys.has(key)) this.broken.push(`told twice: ${key}`);
      if (this.keys.size < MAX_KEYS) this.keys.add(key);
    }
    switch (event.type) {
      case "feedState":
        this.states.set(event.feed, event.state);
        return this.note({ atMs, feed, kind: "state", name: event.state, detail: event.detail });
      case "window": {
        const { slug, tradable, reason } = event.instrument;
        const detail = `${slug} ${tradable ? "tradable" : reason}`;
        return this.note({ atMs, feed: null, kind: "event", name: "window", detail });
      }
      case "strike":
        return this.note({
          atMs,
          feed: null,
          kind: "event",
          name: "strike",
          detail: `${event.conditionId} ${event.source}`,
        });
      case "resolved":
        return this.note({ atMs, feed: null, kind: "event", name: "resolved", detail: event.conditionId });
      case "book":
      case "bookDelta": {
        const set = this.spellings.get(event.token);
        if (set !== undefined) this.spell(event.token, set);
        break;
      }
      case "tickSize":
        this.note({ atMs, feed, kind: "book", name: "tick", detail: event.token.slice(0, 8) });
        break;
    }
    if (feed !== null) this.lastDatumMs.set(feed, atMs);
  }

  private bookOf(token: string): OrderBook | null {
    for (const window of this.engine.windows.values()) {
      if (window.instrument.upToken === token) return window.up;
      if (window.instrument.downToken === token) return window.down;
    }
    return null;
  }

  private spell(token: string, set: Set<string>): void {
    const book = this.bookOf(token);
    if (book !== null && book.trusted) set.add(bookText(book));
  }

  /** The venue's stated best prices disagreed with the engine's book. */
  private checkBooks(): void {
    let sum = 0;
    for (const { up, down } of this.engine.windows.values()) sum += up.mismatches + down.mismatches;
    if (sum > this.mismatches) {
      this.note({
        atMs: this.clock.now(),
        feed: "polymarket.market",
        kind: "book",
        name: "mismatch",
        detail: `${sum}`,
      });
    }
    this.mismatches = Math.max(sum, this.mismatches);
  }

  private sample(now: number): void {
    this.sampledMs = now;
    for (const [feed, summary] of Object.entries(this.live?.metrics() ?? {})) {
      this.sampleAge(feed as FeedName, summary.ageMs.p99, now);
      for (const name of COUNTERS) {
        const key = `${feed} ${name}`;
        const before = this.counters.get(key) ?? 0;
        const value = summary[name];
        if (value <= before) continue;
        this.counters.set(key, value);
        this.note({
          atMs: now,
          feed: feed as FeedName,
          kind: "counter",
          name,
          detail: `+${value - before}`,
        });
      }
    }
  }

  private sampleAge(feed: FeedName, p99: number | null, now: number): void {
    if (p99 === null) return;
    const key = `${feed} age`;
    const lowest = Math.min(this.counters.get(key) ?? Infinity, p99);
    this.counters.set(key, lowest);
    if (p99 - lowest < AGE_RISE_MS || this.counters.has(`${key} told`)) return;
    this.counters.set(`${key} told`, 1);
    this.note({ atMs: now, feed, kind: "counter", name: "age", detail: `p99 ${p99} ms` });
  }

  /** Asks again every 100 ms of venue time; null when `forMs` of it went by without an answer. */
  async until<T>(ask: () => T | null, forMs: number): Promise<T | null> {
    const deadline = this.clock.now() + forMs;
    for (;;) {
      const answer = ask();
      if (answer !== null || this.clock.now() >= deadline) return answer;
      await this.clock.sleep(ms(100));
    }
  }

  sleep(forMs: number): Promise<void> {
    return this.clock.sleep(ms(forMs));
  }

  /** Windows whose books can be compared: known to the session and with time left. */
  private comparable(): Instrument[] {
    const now = this.clock.now();
    return (this.live?.windows() ?? []).filter((window) => window.endMs > now + 3_000);
  }

  /**
   * True when every book of every open window has been what REST says, at the latest 1.5 s after REST said it. REST and
   * socket are two ways: what REST shows may be on its way, or a moment old.
   */
  async booksEqual(): Promise<boolean> {
    const windows = this.comparable();
    const tokens = windows.flatMap((window) => [window.upToken, window.downToken]);
    for (const token of tokens) {
      const set = new Set<string>();
      this.spellings.set(token, set);
      this.spell(token, set);
    }
    try {
      const stated = await Promise.all(tokens.map((token) => restBookText(this.venue.endpoints.clob, token)));
      const missing = () =>
        tokens.find((token, i) =>
          stated[i] !== null && this.spellings.get(token)?.has(stated[i] ?? "") !== true
        );
      return await this.until(() => missing() === undefined ? true : null, 1_500) === true &&
        tokens.length > 0;
    } finally {
      this.spellings.clear();
    }
  }

  async close(): Promise<void> {
    clearInterval(this.resyncing);
    await this.live?.close();
    this.stop.abort();
    await this.venue.close();
  }
}

/** Starts a venue (BTC, five minutes) and stands ready; the feeds are opened by `openFeeds`. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { seed, speed, startMs, faults = [] } = options;
  const venue = await startVenue({
    seed,
    speed,
    startMs,
    assets: ["btc"],
    durations: ["5m"],
    historyHours: 2,
    faults,
  });
  return new Stage(venue, scaledClock(venue.now(), speed), options);
}

/** Limits in force for a feed. */
export const limitsIn = (feed: FeedName, overrides: FeedLimitOverrides) => ({
  ...FEED_LIMITS[feed],
  ...overrides[feed],
});
