/** Keeps local books in step with the diff stream: asks for snapshots, one at a time, and tells every new top. */
import type { FastBookEvent } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import { type Ms, ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import { backoffMs } from "../net/backoff.ts";
import type { FeedLog } from "../net/feed_context.ts";
import { HttpError } from "../net/http.ts";
import { DepthBook, type DepthDiff, type DiffResult } from "./depth_book.ts";
import type { DepthSnapshot } from "./rest.ts";

/** Levels a side of a `fastBook`, as of depth20. */
const TOP_LEVELS = 20;
/** Levels beyond the snapshot are unknown until touched, so the whole book is read again now and then (dossier A6). */
const RENEW_EVERY_MS = 600_000;

export interface DepthSyncOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: FeedLog;
  readonly signal: AbortSignal;
  readonly snapshot: (asset: Asset) => Promise<DepthSnapshot>;
}

interface Kept {
  book: DepthBook;
  /** A fresh book growing beside it. */
  growing: DepthBook | null;
  wantsSnapshot: boolean;
  loadedMs: number;
}

/** What a diff did: the new top, or nothing while there is no book; `gap` when a diff before it is missing. */
export interface DepthResult {
  readonly event: FastBookEvent | null;
  readonly gap: boolean;
  readonly copy: boolean;
}

export class DepthSync {
  private readonly kept = new Map<Asset, Kept>();
  private task: Promise<void> | null = null;

  constructor(private readonly options: DepthSyncOptions) {}

  /** Takes one diff of any asset. */
  take(diff: DepthDiff, tReceive: Ms): DepthResult {
    let kept = this.kept.get(diff.asset);
    if (kept === undefined) {
      kept = { book: new DepthBook(), growing: null, wantsSnapshot: true, loadedMs: 0 };
      this.kept.set(diff.asset, kept);
      this.fetch();
    }
    const result = kept.book.apply(diff);
    const gap = result === "gap";
    if (kept.growing !== null) this.grow(kept, kept.growing.apply(diff));
    if (gap) {
      kept.growing = null;
      kept.wantsSnapshot = true;
      this.fetch();
    }
    if (result !== "applied") return { event: null, gap, copy: result === "old" };
    if (tReceive - kept.loadedMs > RENEW_EVERY_MS && !kept.wantsSnapshot) {
      kept.loadedMs = tReceive;
      this.refresh(kept, diff.asset);
    }
    const { asks, bids } = kept.book.top(TOP_LEVELS);
    const event: FastBookEvent = {
      type: "fastBook",
      venue: "binance-futures",
      asset: diff.asset,
      bids,
      asks,
      tExchange: diff.tExchange,
      tReceive,
    };
    return { event, gap, copy: false };
  }

  /** Resolves when the snapshot under way has come; abort the signal first. */
  async closed(): Promise<void> {
    await this.task;
  }

  /** Deep levels rot: a fresh book is grown beside the old one, which serves until the new one is in step. */
  private refresh(kept: Kept, asset: Asset): void {
    kept.growing = new DepthBook();
    kept.wantsSnapshot = true;
    this.options.log.debug("reading a deep book again", { asset });
    this.fetch();
  }

  private grow(kept: Kept, result: DiffResult): void {
    if (kept.growing === null) return;
    if (result === "gap") kept.wantsSnapshot = true;
    else if (kept.growing.synced && kept.growing.id === kept.book.id) {
      kept.book = kept.growing;
      kept.growing = null;
    }
  }

  /** One snapshot at a time over all assets: storms of them after a reconnect end in bans (xchange-stream#328). */
  private fetch(): void {
    this.task ??= this.run().finally(() => {
      this.task = null;
      if (!this.options.signal.aborted && [...this.kept.values()].some((one) => one.wantsSnapshot)) {
        this.fetch();
      }
    });
  }

  private async run(): Promise<void> {
    const { clock, log, random, signal, snapshot } = this.options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const wanting = [...this.kept].find(([, one]) => one.wantsSnapshot);
      if (wanting === undefined) return;
      const [asset, kept] = wanting;
      let waitMs = backoffMs(attempt, random, { firstMs: 500, maxMs: 10_000 });
      try {
        // Some diffs first, so that the snapshot is not older than the oldest one held.
        if (attempt === 0) await clock.sleep(ms(250), signal);
        const fresh = await snapshot(asset);
        const loaded = (kept.growing ?? kept.book).load(fresh);
        if (loaded) {
          kept.wantsSnapshot = false;
          kept.loadedMs = clock.now();
          this.grow(kept, "held");
          attempt = -1;
          continue;
        }
        log.debug("a snapshot is older than the diffs held", { asset });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof HttpError) waitMs = Math.max(waitMs, error.retryAfterMs ?? 0);
        log.warn("no snapshot of a book", { asset, message: error instanceof Error ? error.message : "" });
      }
      await clock.sleep(ms(waitMs), signal).catch(() => {});
    }
  }
}
