/**
 * What the manifest of a recording says, kept line by line: counts, windows with their strikes and outcomes, and
 * whether the order books were recorded without a hole. The same index is built while recording and while a tail is read
 * again after a crash.
 */
import type { FeedName, FeedStateEvent, MarketEvent } from "../../core/events.ts";
import { ASSETS, DURATIONS, type Instrument } from "../../core/market/instrument.ts";
import type { Manifest, TapeFile, TapeWindow } from "./format.ts";
import { isRawFrame, RECORDED_LAYOUT, TAPE_SCHEMA, type TapeEntry } from "./format.ts";

/** Time without live books that a complete window may have. */
const MAX_HOLE_MS = 10_000;

interface WindowNotes {
  readonly instrument: Pick<Instrument, "slug" | "conditionId" | "asset" | "duration" | "startMs" | "endMs">;
  outcome: TapeWindow["outcome"];
  outcomeSource: TapeWindow["outcomeSource"];
  strike: TapeWindow["strike"] | null;
  firstMs: number | null;
  lastMs: number | null;
  /** Time inside the window without live books; Infinity when it is not known. */
  holeMs: number;
  /** The window is over and judged. */
  closed: boolean;
  complete: boolean;
}

export class RecordingIndex {
  readonly counts = new Map<string, number>();
  readonly skipped = new Map<string, number>();
  readonly notes: string[] = [];
  events = 0;
  from: number | null = null;
  to: number | null = null;
  private readonly windows = new Map<string, WindowNotes>();
  private open: WindowNotes[] = [];
  private nextEndMs = Infinity;
  /** Since when the market feed is not live; null while it is. */
  private holeSinceMs: number | null = -Infinity;

  /** An empty index, or one that goes on from a manifest. */
  constructor(manifest?: Manifest) {
    if (manifest === undefined) return;
    for (const [kind, count] of Object.entries(manifest.counts)) this.counts.set(kind, count);
    for (const [reason, count] of Object.entries(manifest.skipped)) this.skipped.set(reason, count);
    this.notes.push(...manifest.notes);
    this.events = manifest.events;
    this.from = manifest.from;
    this.to = manifest.to;
    this.holeSinceMs = manifest.to ?? -Infinity;
    for (const window of manifest.windows) this.restore(window, manifest.to ?? -Infinity);
  }

  /** Notes one line that is on its way to the tape. */
  note(entry: TapeEntry): void {
    if (isRawFrame(entry)) return this.noteFrame(entry.feed, entry.tReceive);
    this.line(entry.type, entry.tReceive);
    this.noteEvent(entry);
  }

  /** Notes a raw frame. */
  noteFrame(feed: FeedName, tReceive: number): void {
    this.line(`raw:${feed}`, tReceive);
  }

  /** Notes a line that nobody understands. */
  noteUnknown(): void {
    this.events++;
  }

  /** Lines left out on purpose, by reason; part of the manifest's `skipped`. */
  skip(reason: string, count: number): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + count);
  }

  private line(kind: string, tReceive: number): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.events++;
    this.from ??= tReceive;
    this.to = tReceive;
    if (tReceive > this.nextEndMs) this.closeEnded(tReceive);
  }

  private noteEvent(event: MarketEvent): void {
    switch (event.type) {
      case "window":
        return this.listed(event.instrument, event.tReceive);
      case "strike": {
        const window = this.windows.get(event.conditionId);
        if (window !== undefined) {
          window.strike = { value: event.value, basis: event.basis, source: event.source };
        }
        return;
      }
      case "resolved": {
        const window = this.windows.get(event.conditionId);
        if (window === undefined) return;
        window.outcome = event.winner;
        window.outcomeSource = event.source === "venue" ? "venue" : "inferred";
        window.lastMs = event.tReceive;
        return;
      }
      case "feedState":
        if (event.feed === "polymarket.market") this.bookState(event);
    }
  }

  private listed(instrument: Instrument, tReceive: number): void {
    if (this.windows.has(instrument.conditionId)) return;
    const { slug, conditionId, asset, duration, startMs, endMs } = instrument;
    const window: WindowNotes = {
      instrument: { slug, conditionId, asset, duration, startMs, endMs },
      outcome: null,
      outcomeSource: null,
      strike: null,
      firstMs: tReceive,
      lastMs: null,
      holeMs: 0,
      closed: false,
      complete: false,
    };
    this.windows.set(conditionId, window);
    this.open.push(window);
    this.nextEndMs = Math.min(this.nextEndMs, endMs);
  }

  private restore(window: TapeWindow, to: number): void {
    const { slug, conditionId, asset, duration, startMs, endMs } = window;
    const closed = endMs < to;
    const notes: WindowNotes = {
      instrument: { slug, conditionId, asset, duration, startMs: startMs as never, endMs: endMs as never },
      outcome: window.outcome,
      outcomeSource: window.outcomeSource,
      strike: window.strike ?? null,
      firstMs: window.firstMs ?? null,
      lastMs: window.lastMs ?? null,
      // How much was missing before is not written down.
      holeMs: closed ? 0 : Infinity,
      closed,
      complete: window.complete,
    };
    this.windows.set(conditionId, notes);
    if (closed) return;
    this.open.push(notes);
    this.nextEndMs = Math.min(this.nextEndMs, endMs);
  }

  private bookState(event: FeedStateEvent): void {
    if (event.state !== "live") {
      this.holeSinceMs ??= event.tReceive;
      return;
    }
    if (this.holeSinceMs === null) return;
    for (const window of this.open) window.holeMs += this.holeIn(window, event.tReceive);
    this.holeSinceMs = null;
  }

  /** Length of the present hole inside the window, up to `now`. */
  private holeIn(window: WindowNotes, now: number): number {
    if (this.holeSinceMs === null) return 0;
    const { startMs, endMs } = window.instrument;
    return Math.max(0, Math.min(endMs, now) - Math.max(startMs, this.holeSinceMs));
  }

  private closeEnded(now: number): void {
    for (const window of this.open) {
      if (window.instrument.endMs >= now) continue;
      window.closed = true;
      window.lastMs ??= window.instrument.endMs;
      window.complete = this.isComplete(window, now);
    }
    this.open = this.open.filter((window) => !window.closed);
    this.nextEndMs = Math.min(Infinity, ...this.open.map((window) => window.instrument.endMs));
  }

  private isComplete(window: WindowNotes, now: number): boolean {
    const { startMs } = window.instrument;
    const seenFromStart = window.firstMs !== null && window.firstMs <= startMs;
    return seenFromStart && window.holeMs + this.holeIn(window, now) <= MAX_HOLE_MS;
  }

  private windowList(): TapeWindow[] {
    return [...this.windows.values()].map((window) => {
      const lastMs = window.closed
        ? window.lastMs
        : this.to === null
        ? null
        : Math.min(this.to, window.instrument.endMs);
      return {
        ...window.instrument,
        outcome: window.outcome,
        outcomeSource: window.outcomeSource,
        complete: window.complete,
        ...(window.strike === null ? {} : { strike: window.strike }),
        ...(window.firstMs === null ? {} : { firstMs: window.firstMs }),
        ...(lastMs === null ? {} : { lastMs }),
      };
    });
  }

  /** Inputs that no line brings; the names of `docs/tape.md`. */
  private absent(windows: readonly TapeWindow[]): string[] {
    const has = (kind: string) => this.counts.has(kind);
    const fast = ["binance.futures.public", "binance.futures.market", "binance.spot"].some((feed) =>
      has(`raw:${feed}`)
    );
    const prices = has("raw:polymarket.prices");
    const market = has("raw:polymarket.market");
    return [
      ...(has("raw:binance.futures.market") ? [] : ["futures.trades"]),
      ...(has("raw:binance.futures.public") ? [] : ["futures.book"]),
      ...(fast ? [] : ["fast.ticks"]),
      ...(has("fastBar") || has("raw:binance.futures.market") ? [] : ["fast.bars"]),
      ...(prices ? [] : ["oracle.spot", "oracle.twap60"]),
      ...(market ? [] : ["up.book", "down.book", "trades"]),
      ...(windows.some((window) => window.outcome !== null) ? [] : ["outcomes"]),
    ];
  }

  /** The manifest of everything noted so far; `files` must hold exactly those lines. */
  manifest(source: string, licence: string, files: readonly TapeFile[], complete: boolean): Manifest {
    const windows = this.windowList();
    return {
      schema: TAPE_SCHEMA,
      source,
      layout: RECORDED_LAYOUT,
      licence,
      complete,
      assets: ASSETS.filter((asset) => windows.some((window) => window.asset === asset)),
      durations: DURATIONS.filter((duration) => windows.some((window) => window.duration === duration)),
      windows,
      from: this.from,
      to: this.to,
      events: this.events,
      counts: Object.fromEntries([...this.counts].sort(([a], [b]) => a < b ? -1 : 1)),
      absent: this.absent(windows),
      skipped: Object.fromEntries(this.skipped),
      unrecognised: 0,
      files: [...files],
      notes: this.notes,
    };
  }
}
