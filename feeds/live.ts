/**
 * Every feed of a live session behind one callback. Events are stamped by one clock that never steps back and are handed
 * over synchronously, frame by frame, in the order of their `tReceive`.
 */
import type { BookEvent, FeedName, FeedStateEvent, MarketEvent, StrikeEvent } from "../core/events.ts";
import type { Asset, Duration, Instrument } from "../core/market/instrument.ts";
import type { Ms, Price } from "../core/units.ts";
import { type BinanceRest, binanceRest, type BinanceVenue, fetchBars } from "./binance/rest.ts";
import { type Clock, monotone } from "./clock.ts";
import { type FeedSession, LIVE_FEEDS, type LiveFeedName, openSessions } from "./live_sessions.ts";
import type { FeedContext, FeedLog } from "./net/feed_context.ts";
import { httpClient, HttpError, probeRetryAfter } from "./net/http.ts";
import { Inbox } from "./net/inbox.ts";
import type { FeedLimitOverrides } from "./net/limits.ts";
import { type FeedSummary, summarise } from "./net/metrics.ts";
import { type Network, openNetwork } from "./net/network.ts";
import { BookResync } from "./polymarket/book_resync.ts";
import { MarketSession } from "./polymarket/market_session.ts";
import type { ApiCredentials } from "./polymarket/polybolt_session.ts";
import { StrikeResolver, type StrikeState } from "./polymarket/strike.ts";
import { httpStrikeSources } from "./polymarket/strike_sources.ts";
import { WindowKeeper } from "./polymarket/window_keeper.ts";
import { asVenueError } from "./venue_error.ts";
import type { VenueProfile } from "./venue_profile.ts";

export { LIVE_FEEDS, type LiveFeedName };

export interface LiveOptions {
  readonly profile: VenueProfile;
  readonly clock: Clock;
  readonly assets: readonly Asset[];
  readonly durations: readonly Duration[];
  /** Without credentials the price socket stays closed and strikes come from the slower sources. */
  readonly credentials: ApiCredentials | null;
  /** Overrides of `FEED_LIMITS`, venue ms. */
  readonly limits?: FeedLimitOverrides;
  /** Called synchronously, once per frame, with an array of its own. A throw ends the session: see `done`. */
  readonly onEvents: (events: readonly MarketEvent[]) => void;
  /**
   * Called synchronously for every text frame of every socket, just before it is decoded. Frames that `onEvents` hears of
   * come in the same order here. `receivedUs`: when the socket's callback had it (`Clock.monotonicUs`). Must not throw.
   */
  readonly onFrame?: (feed: FeedName, raw: string, tReceive: Ms, receivedUs: number) => void;
  readonly log: FeedLog;
  readonly signal: AbortSignal;
  /** Default: all of `LIVE_FEEDS`. */
  readonly feeds?: readonly LiveFeedName[];
  /** Feeds that keep two sockets open, so that one may fail without a gap. Default: none. */
  readonly hotSpare?: readonly LiveFeedName[];
  /** Futures books from the diff stream and REST snapshots in place of depth20. Default false. */
  readonly diffBook?: boolean;
  /** The legacy price socket in place of PolyBolt. Default false. */
  readonly legacyRtds?: boolean;
  /** Default: direct. Closed by `close()` only when opened here. */
  readonly network?: Network;
  /** Jitter of retries, 0..1; never part of a decision. Default `Math.random`. */
  readonly random?: () => number;
  /** Venue ms between clock events; never more than one per 10 ms of wall time. Default 100. */
  readonly clockEveryMs?: number;
  /** Closed 1m candles per asset handed over first. Default 70. */
  readonly warmUpBars?: number;
}

export interface LiveFeeds {
  /** Per feed that runs. */
  metrics(): Partial<Record<LiveFeedName, FeedSummary>>;
  /** Windows followed now, by start. */
  windows(): Instrument[];
  strikeOf(conditionId: string): StrikeState;
  /** Reads a token's book again over REST, when ours is suspect. Emits a `book` event unless the socket was faster. */
  resync(token: string): void;
  /** An order was handed to the runtime: frames that come now wait, so that its bytes leave first. */
  endTurn(): void;
  /** Frames of all feeds that wait for their turn now, the most that ever did, and how many were left out. */
  queue(): { readonly waiting: number; readonly most: number; readonly shed: number };
  /** Closes every socket and waits for what is under way. */
  close(): Promise<void>;
  /** Resolves after `close()` (or the signal); rejects with what `onEvents` threw. */
  readonly done: Promise<void>;
}

const WALL_CLOCK_EVENT_MS = 10;
const STRIKE_TICK_MS = 1000;

class Live implements LiveFeeds {
  readonly done: Promise<void>;
  private readonly clock: Clock;
  private readonly network: Network;
  private readonly stop = new AbortController();
  private readonly sessions: ReadonlyMap<LiveFeedName, FeedSession>;
  private readonly inbox: Inbox;
  private readonly rest: BinanceRest;
  private readonly strikes = new StrikeResolver();
  private readonly keeper: WindowKeeper;
  private readonly market: MarketSession | null;
  /** False when only exchanges are asked for: then the venue's listings need not be reachable. */
  private readonly wantsWindows: boolean;
  private readonly resyncs: BookResync;
  /** Tick of every token followed, as last stated. */
  private readonly ticks = new Map<string, Price>();
  private readonly context: FeedContext;
  private readonly http;
  private readonly tasks: Promise<void>[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private closing: Promise<void> | null = null;
  private finish!: { resolve: () => void; reject: (error: unknown) => void };
  private readonly onAbort = () => void this.close();

  constructor(private readonly options: LiveOptions) {
    const { log, profile } = options;
    const random = options.random ?? Math.random;
    this.clock = monotone(options.clock);
    this.network = options.network ?? openNetwork();
    this.http = httpClient({ network: this.network, clock: this.clock, random });
    this.done = new Promise((resolve, reject) => this.finish = { resolve, reject });
    // The failure is told through `done`; a caller who does not look must not crash the process twice.
    this.done.catch(() => {});
    this.rest = binanceRest(this.http, profile, this.clock);
    this.inbox = new Inbox({
      monotonicUs: () => this.clock.monotonicUs(),
      later: (work) => void setTimeout(work, 0),
    });
    this.context = {
      profile,
      clock: this.clock,
      random,
      network: this.network,
      limits: options.limits ?? {},
      log,
      onFrame: options.onFrame === undefined
        ? () => {}
        : (feed, raw, tReceive) => options.onFrame?.(feed, raw, tReceive, this.inbox.receivedUs),
      emit: (events) => this.fromFeed(events),
      inbox: this.inbox,
      retryAfter: (url) => probeRetryAfter(this.network, url, this.stop.signal),
      onState: (event) => this.stateChanged(event),
    };
    const wanted = (feed: LiveFeedName) => (options.feeds ?? LIVE_FEEDS).includes(feed);
    this.wantsWindows = wanted("polymarket.market") || wanted("polymarket.prices");
    const socketsOf = (feed: LiveFeedName) => (options.hotSpare ?? []).includes(feed) ? 2 : 1;
    const { signal } = this.stop;
    this.market = !wanted("polymarket.market") ? null : new MarketSession(this.context, {
      http: this.http,
      signal,
      sockets: socketsOf("polymarket.market"),
      onVoid: (tokens) => {
        for (const token of tokens) this.resyncs.request(token);
      },
      onLeftOut: (tokens, tReceive) => this.leftOut(tokens, tReceive),
    });
    this.resyncs = new BookResync({
      http: this.http,
      clob: profile.clob,
      clock: this.clock,
      log,
      signal: this.stop.signal,
      offer: (event, holds) => this.offer(event, holds),
    });
    this.keeper = this.openKeeper();
    this.sessions = openSessions({
      context: this.context,
      assets: options.assets,
      credentials: options.credentials,
      rest: this.rest,
      signal,
      diffBook: options.diffBook ?? false,
      legacyRtds: options.legacyRtds ?? false,
      wanted,
      socketsOf,
    });
  }

  async begin(): Promise<void> {
    const { signal } = this.options;
    signal.throwIfAborted();
    signal.addEventListener("abort", this.onAbort, { once: true });
    try {
      await this.warmUp();
      if (this.wantsWindows) await this.keeper.discoverAll();
    } catch (error) {
      await this.close();
      if (signal.aborted) throw signal.reason;
      throw asVenueError(error, this.options.profile);
    }
    if (this.stop.signal.aborted) return;
    for (const session of this.sessions.values()) session.start();
    if (this.wantsWindows) this.keeper.start();
    const every = Math.max(WALL_CLOCK_EVENT_MS, (this.options.clockEveryMs ?? 100) / this.clock.speed);
    this.timer = setInterval(() => {
      const now = this.clock.now();
      this.emit([{ type: "clock", tExchange: now, tReceive: now }]);
    }, every);
    this.tasks.push(this.strikeLoop());
  }

  metrics(): Partial<Record<LiveFeedName, FeedSummary>> {
    const now = this.clock.now();
    const all: Partial<Record<LiveFeedName, FeedSummary>> = {};
    if (this.market !== null) all["polymarket.market"] = summarise(this.market.metrics, now);
    for (const [feed, session] of this.sessions) all[feed] = summarise(session.metrics, now);
    return all;
  }

  windows(): Instrument[] {
    return this.keeper.instruments();
  }

  strikeOf(conditionId: string): StrikeState {
    return this.strikes.stateOf(conditionId, this.clock.now());
  }

  resync(token: string): void {
    this.resyncs.request(token);
  }

  endTurn(): void {
    this.inbox.endTurn();
  }

  queue(): { readonly waiting: number; readonly most: number; readonly shed: number } {
    const { most, shed, waiting } = this.inbox;
    return { waiting, most, shed };
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    this.options.signal.removeEventListener("abort", this.onAbort);
    clearInterval(this.timer);
    this.inbox.close();
    this.stop.abort(new DOMException("closed", "AbortError"));
    await Promise.all([
      this.market?.close(),
      ...[...this.sessions.values()].map((session) => session.close()),
      this.keeper.closed(),
      this.resyncs.closed(),
      ...this.tasks,
    ]);
    if (this.options.network === undefined) this.network.close();
    this.finish.resolve();
  }

  private openKeeper(): WindowKeeper {
    const { assets, durations, log, profile } = this.options;
    return new WindowKeeper({
      http: this.http,
      profile,
      clock: this.clock,
      assets,
      durations,
      log,
      emit: (events) => this.emit(events),
      // After the window's event, because books of unknown tokens are thrown away.
      onListed: (instrument) => this.listed(instrument),
      onRemoved: (instrument) => {
        const tokens = [instrument.upToken, instrument.downToken];
        this.market?.unsubscribe(tokens);
        for (const token of tokens) {
          this.resyncs.forget(token);
          this.ticks.delete(token);
        }
        this.strikes.untrack(instrument.conditionId);
      },
      signal: this.stop.signal,
    });
  }

  private listed(instrument: Instrument): void {
    this.ticks.set(instrument.upToken, instrument.tick);
    this.ticks.set(instrument.downToken, instrument.tick);
    this.market?.subscribe([instrument.upToken, instrument.downToken], instrument.endMs);
    const strike = this.strikes.track(instrument, this.clock.now());
    if (strike !== null) this.emit([strike]);
  }

  /** The last closed candles of every asset: from futures, else from spot, which no place is barred from. */
  private async warmUp(): Promise<void> {
    const count = this.options.warmUpBars ?? 70;
    if (count <= 0) return;
    const venues: readonly BinanceVenue[] = ["binance-futures", "binance-spot"];
    await Promise.all(this.options.assets.map(async (asset) => {
      for (const venue of venues) {
        try {
          const query = { venue, asset, count };
          const bars = await fetchBars(this.rest, query, { signal: this.stop.signal, retries: 1 });
          if (bars.length === 0) {
            throw new HttpError("BAD_JSON", "Cannot use the candles: the answer is empty");
          }
          const now = this.clock.now();
          return this.emit(bars.map((bar) => ({ ...bar, tReceive: now })));
        } catch (error) {
          this.stop.signal.throwIfAborted();
          const message = error instanceof Error ? error.message : String(error);
          this.options.log.warn("no warm-up candles", { venue, asset, message });
        }
      }
    }));
  }

  private async strikeLoop(): Promise<void> {
    const sources = httpStrikeSources(this.http, this.options.profile, this.clock, this.stop.signal);
    const now = () => this.clock.now();
    const onFailure = (source: string, error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (!this.stop.signal.aborted) this.options.log.debug("a strike source failed", { source, message });
    };
    while (!this.stop.signal.aborted) {
      this.market?.expire(this.clock.now());
      const due = this.strikes.due(this.clock.now());
      const found = await Promise.all(due.map((i) => this.strikes.poll(i, sources, now, onFailure)));
      const at = this.clock.now();
      const events = found.filter((event): event is StrikeEvent => event !== null);
      // Polls end at different times; what is emitted together is stamped together.
      if (events.length > 0) this.emit(events.map((event) => ({ ...event, tReceive: at })));
      try {
        await this.clock.sleep(STRIKE_TICK_MS as Ms, this.stop.signal);
      } catch {
        return;
      }
    }
  }

  private stateChanged(event: FeedStateEvent): void {
    if (this.stop.signal.aborted) return;
    const { detail, feed, state } = event;
    const trouble = state === "late" || state === "down";
    this.options.log[trouble ? "warn" : "debug"]("feed state", { feed, state, detail });
    this.emit([event]);
  }

  /** What a frame gave, completed by what follows from it: strikes from prints, resolutions in our own spelling. */
  private fromFeed(events: readonly MarketEvent[]): void {
    let changed: MarketEvent[] | null = null;
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      switch (event.type) {
        case "book":
          if (event.tick !== undefined) this.ticks.set(event.token, event.tick);
          if (this.resyncs.pending > 0) this.resyncs.saw(event);
          break;
        case "bookDelta":
          if (this.resyncs.pending > 0) this.resyncs.saw(event);
          break;
        case "tickSize":
          // The book is void after a tick change; the venue's own snapshot may come or not.
          this.ticks.set(event.token, event.newTick);
          this.resyncs.request(event.token);
          break;
        case "oraclePrice": {
          const strikes = this.strikes.onPrint(event);
          if (strikes.length > 0) {
            changed ??= events.slice(0, i);
            changed.push(event, ...strikes);
            continue;
          }
          break;
        }
        case "resolved": {
          changed ??= events.slice(0, i);
          const ours = this.keeper.acceptResolved(event);
          if (ours !== null) changed.push(ours);
          continue;
        }
      }
      changed?.push(event);
    }
    this.emit(changed ?? events);
  }

  /**
   * Changes of these books were left out because too much waited: nobody may decide on them until they are read again. Said at
   * once, as a tick that stays what it is, at the time of the first change that is missing.
   */
  private leftOut(tokens: readonly string[], tReceive: Ms): void {
    const known = tokens.filter((token) => this.ticks.has(token));
    this.deliver(known.map((token) => {
      const tick = this.ticks.get(token)!;
      return { type: "tickSize", token, oldTick: tick, newTick: tick, tExchange: tReceive, tReceive };
    }));
    for (const token of tokens) this.resyncs.lost(token);
  }

  /** A book that REST gave, behind the frames that wait: one of them may be newer. Resolves to whether it was taken. */
  private offer(event: BookEvent, holds: () => boolean): Promise<boolean> {
    const { signal } = this.stop;
    return new Promise((resolve) => {
      // What waits when the session ends is never handled.
      const refuse = () => resolve(false);
      if (signal.aborted) return refuse();
      signal.addEventListener("abort", refuse, { once: true });
      this.behind(() => {
        signal.removeEventListener("abort", refuse);
        const taken = holds();
        if (taken) {
          if (event.tick !== undefined) this.ticks.set(event.token, event.tick);
          this.market?.adopt(event);
          this.deliver([event]);
        }
        resolve(taken);
      });
    });
  }

  /** Behind the frames that wait, if any, so that the order of `tReceive` holds. */
  private emit(events: readonly MarketEvent[]): void {
    this.behind(() => this.deliver(events));
  }

  private behind(work: () => void): void {
    if (this.inbox.running || this.inbox.waiting === 0) return work();
    this.inbox.push({ book: false, run: work });
  }

  private deliver(events: readonly MarketEvent[]): void {
    if (this.stop.signal.aborted || events.length === 0) return;
    try {
      this.options.onEvents(events);
    } catch (error) {
      this.finish.reject(error);
      void this.close();
    }
  }
}

/**
 * Opens a live session: warm-up candles, then the current and next windows, then every socket. Throws OperationError
 * VENUE_UNREACHABLE or GEO_BLOCKED when the windows cannot be looked up; a feed that cannot be opened later says so by
 * its `feedState`, and the others go on.
 */
export async function openLive(options: LiveOptions): Promise<LiveFeeds> {
  const live = new Live(options);
  await live.begin();
  return live;
}
