/**
 * Keeps the windows rolling: finds the current and the next one of every asset and length, refreshes their listing, and asks
 * who won when the socket does not say (`market_resolved` is not guaranteed, rs-clob-client#226).
 */
import type { MarketEvent, ResolvedEvent } from "../../core/events.ts";
import type { Asset, Duration, Instrument, Outcome } from "../../core/market/instrument.ts";
import { upcomingStarts, windowSlug } from "../../core/market/window.ts";
import { type Ms, ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { FeedLog } from "../net/feed_context.ts";
import { fetchWinner } from "./clob_rest.ts";
import { discoverWindow, type DiscoverySources, type WindowResult } from "./discovery.ts";
import { fetchListing } from "./gamma.ts";

/** The next listing is read again this long before the current window ends: tick and flags may have changed. */
const REFRESH_BEFORE_START_MS = 30_000;
const RETRY_MISSING_MS = 10_000;
/** How often a listing that may not be traded yet is read again. */
const RETRY_UNTRADABLE_MS = 15_000;
/** 5m and 15m windows close 20-90 s after their end (dossier 2.7). */
const RESOLVE_AFTER_MS = 10_000;
const RESOLVE_EVERY_MS = 5000;
const GIVE_UP_AFTER_MS = 1_800_000;
const TICK_MS = 1000;

export interface KeeperOptions extends DiscoverySources {
  readonly clock: Clock;
  readonly assets: readonly Asset[];
  readonly durations: readonly Duration[];
  readonly log: FeedLog;
  readonly emit: (events: readonly MarketEvent[]) => void;
  /** After the event of a new or changed listing: subscribe it. */
  readonly onListed: (instrument: Instrument) => void;
  /** A window is over and done with: unsubscribe it. */
  readonly onRemoved: (instrument: Instrument) => void;
  readonly signal: AbortSignal;
}

interface Kept {
  instrument: Instrument;
  fetchedMs: number;
  askedMs: number;
  resolved: boolean;
}

/** v2 condition ids come 31 bytes wide from some hosts, 32 with zeros on the right from others (dossier 2.4, 11). */
const canonical = (conditionId: string): string => conditionId.toLowerCase().padEnd(66, "0");

export class WindowKeeper {
  private readonly kept = new Map<string, Kept>();
  private readonly bySlug = new Map<string, Kept>();
  private readonly retryAt = new Map<string, number>();
  private readonly inFlight = new Map<string, Promise<void>>();
  private loop: Promise<void> | null = null;

  constructor(private readonly options: KeeperOptions) {}

  /** Windows being kept, by start. */
  instruments(): Instrument[] {
    return [...this.kept.values()].map((k) => k.instrument).sort((a, b) => a.startMs - b.startMs);
  }

  /**
   * Finds the current and next window of everything once. A missing window is no error, nor is one that fails while others
   * do not: both are asked for again later. Throws HttpError when all fail.
   */
  async discoverAll(): Promise<void> {
    const { clock, log, signal } = this.options;
    const wanted = this.wanted(clock.now());
    const tried = await Promise.allSettled(wanted.map(async ({ slug }) => {
      this.accept(slug, await discoverWindow(this.options, slug, { signal }));
    }));
    const failed = tried.filter((one) => one.status === "rejected");
    if (signal.aborted) throw signal.reason;
    if (failed.length > 0 && failed.length === tried.length) throw failed[0]?.reason;
    for (const { reason } of failed) {
      log.warn("a window cannot be looked up yet", { message: String(reason) });
    }
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Resolves when the loop and every request in flight have ended; abort the signal first. */
  async closed(): Promise<void> {
    await this.loop;
    await Promise.allSettled(this.inFlight.values());
  }

  /**
   * Takes a `resolved` of the socket: null for markets that are not ours or were resolved before, else the event under our
   * own spelling of the condition id.
   */
  acceptResolved(event: ResolvedEvent): ResolvedEvent | null {
    const kept = this.kept.get(canonical(event.conditionId));
    if (kept === undefined || kept.resolved) return null;
    kept.resolved = true;
    const { conditionId } = kept.instrument;
    return conditionId === event.conditionId ? event : { ...event, conditionId };
  }

  /** The window of a token. */
  ofToken(token: string): Instrument | undefined {
    for (const { instrument } of this.kept.values()) {
      if (instrument.upToken === token || instrument.downToken === token) return instrument;
    }
    return undefined;
  }

  private wanted(now: Ms): { readonly slug: string; readonly start: Ms }[] {
    const { assets, durations } = this.options;
    return assets.flatMap((asset) =>
      durations.flatMap((duration) =>
        upcomingStarts(duration, now, 1).map((start) => ({ slug: windowSlug(asset, duration, start), start }))
      )
    );
  }

  private async run(): Promise<void> {
    const { clock, signal } = this.options;
    while (!signal.aborted) {
      this.tick(clock.now());
      try {
        await clock.sleep(ms(TICK_MS), signal);
      } catch {
        return;
      }
    }
  }

  private tick(now: Ms): void {
    for (const { slug, start } of this.wanted(now)) {
      const kept = this.bySlug.get(slug);
      if (kept === undefined) {
        if (now >= (this.retryAt.get(slug) ?? 0)) this.launch(slug, () => this.discover(slug));
      } else if (this.isStale(kept, start, now)) {
        kept.fetchedMs = now;
        this.launch(slug, () => this.discover(slug));
      }
    }
    for (const kept of [...this.kept.values()]) this.follow(kept, now);
    for (const [slug, at] of this.retryAt) if (now > at + GIVE_UP_AFTER_MS) this.retryAt.delete(slug);
  }

  private isStale(kept: Kept, start: Ms, now: Ms): boolean {
    const refreshAt = start - REFRESH_BEFORE_START_MS;
    if (kept.fetchedMs < refreshAt && now >= refreshAt) return true;
    return !kept.instrument.tradable && now - kept.fetchedMs > RETRY_UNTRADABLE_MS;
  }

  private follow(kept: Kept, now: Ms): void {
    const { instrument } = kept;
    if (kept.resolved) return this.remove(kept);
    if (now < instrument.endMs + RESOLVE_AFTER_MS) return;
    if (now > instrument.endMs + GIVE_UP_AFTER_MS) {
      this.options.log.warn("a window was never resolved", { slug: instrument.slug });
      return this.remove(kept);
    }
    if (now - kept.askedMs < RESOLVE_EVERY_MS) return;
    kept.askedMs = now;
    this.launch(`resolve:${instrument.slug}`, () => this.askWinner(kept));
  }

  private remove(kept: Kept): void {
    this.kept.delete(canonical(kept.instrument.conditionId));
    this.bySlug.delete(kept.instrument.slug);
    this.options.onRemoved(kept.instrument);
  }

  /** Starts a request unless the same one is under way; failures are logged and retried by a later tick. */
  private launch(key: string, work: () => Promise<void>): void {
    if (this.inFlight.has(key)) return;
    const task = work()
      .catch((error: unknown) => {
        if (this.options.signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        this.options.log.warn("a request of the window keeper failed", { what: key, message });
      })
      .finally(() => this.inFlight.delete(key));
    this.inFlight.set(key, task);
  }

  private async discover(slug: string): Promise<void> {
    const { clock, signal } = this.options;
    this.retryAt.set(slug, clock.now() + RETRY_MISSING_MS);
    const result = await discoverWindow(this.options, slug, { signal, retries: 0 });
    if (!signal.aborted) this.accept(slug, result);
  }

  private accept(slug: string, result: WindowResult): void {
    const now = this.options.clock.now();
    if (result.kind === "absent") {
      this.retryAt.set(slug, now + RETRY_MISSING_MS);
      this.options.log.debug("window not usable yet", { slug, reason: result.reason, detail: result.detail });
      return;
    }
    const { instrument } = result.listing;
    const known = this.bySlug.get(slug);
    if (known === undefined) {
      const kept: Kept = { instrument, fetchedMs: now, askedMs: -Infinity, resolved: false };
      this.kept.set(canonical(instrument.conditionId), kept);
      this.bySlug.set(slug, kept);
    } else {
      known.fetchedMs = now;
      if (JSON.stringify(known.instrument) === JSON.stringify(instrument)) return;
      known.instrument = instrument;
    }
    this.options.emit([{ type: "window", instrument, tExchange: now, tReceive: now }]);
    this.options.onListed(instrument);
  }

  private async askWinner(kept: Kept): Promise<void> {
    const { clock, http, profile, signal } = this.options;
    const { conditionId, slug } = kept.instrument;
    const call = { signal, retries: 0 };
    let winner: Outcome | null = await fetchWinner(http, profile.clob, conditionId, call);
    if (winner === null) {
      const listing = await fetchListing(http, profile.gamma, slug, clock.now(), call);
      winner = listing.kind === "found" ? listing.listing.winner : null;
    }
    if (winner === null || kept.resolved || signal.aborted) return;
    kept.resolved = true;
    const now = clock.now();
    this.options.emit([
      { type: "resolved", conditionId, winner, source: "venue", tExchange: now, tReceive: now },
    ]);
  }
}
