/**
 * The venue's dead-man's switch (dossier 3.8, documentation of 2026-09-30): once a key has beaten, 10 to 15 s of silence
 * cancel all its orders. So the first beat is answered before the first order leaves, a beat that fails is repeated at half
 * the interval, and whoever may have lost orders is told before anything else is.
 */
import { type Ms, ms } from "../../../core/units.ts";
import type { Clock } from "../../clock.ts";
import type { FeedLog } from "../../net/feed_context.ts";
import type { HeartbeatAnswer, OrderEntry } from "./types.ts";

/** Interval the venue documents, venue ms. */
const BEAT_EVERY_MS = 5000;
/** The venue may cancel 10 s after the last good beat; earlier than that we count as lost. */
const LOST_AFTER_MS = 9000;
const MAX_MISSES = 2;
/** Ids corrected in one beat: the venue names the one to use, so a second correction has another cause. */
const MAX_CORRECTIONS = 2;
/** Beats in a row that needed a correction: one follows from an answer that was lost, three do not. */
const MAX_CONTESTED = 3;

export interface HeartbeatOptions {
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly entry: Pick<OrderEntry, "heartbeat">;
  readonly log: FeedLog;
  /** Beats are answered (again): orders may have been cancelled by the venue meanwhile. */
  readonly onAlive: () => void;
  /** Nothing was heard for too long, or another process beats for this key: no new orders. */
  readonly onLost: (reason: string) => void;
  readonly everyMs?: number;
}

export interface Heartbeat {
  /** True from an answered beat until it counts as lost. */
  readonly alive: boolean;
  /** Start of the last answered beat; null before the first. */
  readonly lastGoodMs: Ms | null;
  /** Stops beating, and with it protects no order any more: cancel first. Resolves when no beat is under way. */
  close(): Promise<void>;
}

/** Starts beating; the callbacks never come from inside this call. */
export function openHeartbeat(options: HeartbeatOptions): Heartbeat {
  const loop = new BeatLoop(options);
  const running = loop.run();
  return {
    get alive() {
      return loop.alive;
    },
    get lastGoodMs() {
      return loop.lastGoodMs;
    },
    async close() {
      loop.stop.abort(new DOMException("closed", "AbortError"));
      await running;
    },
  };
}

class BeatLoop {
  alive = false;
  lastGoodMs: Ms | null = null;
  readonly stop = new AbortController();
  private id = "";
  private misses = 0;
  private contested = 0;

  constructor(private readonly options: HeartbeatOptions) {}

  async run(): Promise<void> {
    const { clock, everyMs = BEAT_EVERY_MS } = this.options;
    // The caller has its handle before the first callback.
    await Promise.resolve();
    while (!this.stop.signal.aborted) {
      const startedMs = clock.now();
      // A process that was stopped, or a machine that slept, finds out before it beats again.
      this.judge(startedMs);
      const failed = await this.beat(startedMs);
      if (this.stop.signal.aborted) return;
      const pauseMs = failed ? everyMs / 2 : everyMs;
      try {
        await clock.sleep(ms(Math.max(0, Math.ceil(startedMs + pauseMs - clock.now()))), this.stop.signal);
      } catch {
        return;
      }
    }
  }

  /** One beat with its corrections; true when it failed. */
  private async beat(startedMs: Ms): Promise<boolean> {
    const { entry } = this.options;
    let answer: HeartbeatAnswer = await entry.heartbeat(this.id);
    let corrections = 0;
    while (answer.kind === "invalid" && corrections < MAX_CORRECTIONS && !this.stop.signal.aborted) {
      corrections++;
      this.id = answer.id;
      answer = await entry.heartbeat(answer.id);
    }
    if (this.stop.signal.aborted) return false;
    if (answer.kind !== "ok") {
      this.misses++;
      if (answer.kind === "invalid") this.id = answer.id;
      this.options.log.warn("a heartbeat was not taken", { misses: this.misses, reason: answer.message });
      this.judge(this.options.clock.now(), answer.message);
      return true;
    }
    this.id = answer.id;
    this.misses = 0;
    this.lastGoodMs = startedMs;
    // The first beat of a run follows whatever the last run left behind.
    this.contested = corrections > 0 && (this.alive || this.contested > 0) ? this.contested + 1 : 0;
    if (this.contested >= MAX_CONTESTED) this.lost("another process beats for this API key");
    else if (!this.alive && this.contested === 0) {
      this.alive = true;
      this.options.onAlive();
    }
    return false;
  }

  private judge(now: Ms, reason = ""): void {
    const silentMs = this.lastGoodMs === null ? 0 : now - this.lastGoodMs;
    if (silentMs >= LOST_AFTER_MS) this.lost(`no beat was taken for ${silentMs} ms ${reason}`.trim());
    else if (this.misses >= MAX_MISSES) this.lost(`${this.misses} beats were not taken: ${reason}`);
  }

  private lost(reason: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.options.onLost(reason);
  }
}
