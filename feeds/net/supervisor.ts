/**
 * The lifetime of one feed: its sockets, from the first handshake to `close()` or a terminal refusal. It knows nothing of what
 * the frames mean: a codec says for every frame which stream it was, and the feed is judged by the age of that data. Pings
 * prove nothing: sockets of every venue here have been seen open, answering pings, and silent for hours
 * (py-clob-client#292, binance-connector-java#139).
 *
 * What is wrong is told apart, by the first word of a state's `detail`:
 *
 * | word | meaning | cure |
 * |---|---|---|
 * | `SOCKET_DEAD` | no handshake, or no frame of any kind, not even an answer to a probe | another socket, with backoff |
 * | `FEED_LATE` | a stream's data is older than its limit; the socket lives | wait, resubscribe |
 * | `SUBSCRIPTION_DEAD` | the socket lives and this stream is gone: never came, stayed away, or REST has news of it | another socket |
 * | `CLOCK_SKEW` | its data is stamped well ahead of our clock: ages mean nothing | measure the clock again |
 * | `MARKET_QUIET` | nothing came, and the venue's REST answer agrees that there is nothing | none: the state stays live |
 */
import type { FeedName, FeedState } from "../../core/events.ts";
import { type Ms, ms } from "../../core/units.ts";
import { backoffMs } from "./backoff.ts";
import { assess, lateStream, misdated, quietStreams } from "./health.ts";
import { actionFor, describe, isBusy } from "./endings.ts";
import { CONTROL } from "./frame.ts";
import { type Ending, Link } from "./link.ts";
import { type FeedMetrics, newFeedMetrics } from "./metrics.ts";
import { newSlot, type Slot } from "./slot.ts";
import type { CloseAction, Silence, SupervisorOptions } from "./supervisor_options.ts";

export type { CloseAction, Silence, SupervisorOptions };

/** Backoff begins at this attempt (a ceiling of 8 s) when the venue says that it is busy. */
const BUSY_ATTEMPT = 3;
/** A predecessor stays this long after the swap, venue ms. */
const LINGER_MS = 2000;
const MAX_FRAME_CHARS = 8_000_000;
/** Longest `Retry-After` obeyed in one go. */
const MAX_RETRY_AFTER_MS = 300_000;

/** One feed's sockets. */
export class Supervisor<F extends string = FeedName> {
  readonly metrics: FeedMetrics;
  private readonly options: SupervisorOptions<F>;
  private readonly watched = new Map<string, number>();
  private readonly stop = new AbortController();
  private readonly slots: Slot[] = [];
  private readonly tasks = new Set<Promise<void>>();
  private readonly wallFloorMs: number;
  private readonly finished = Promise.withResolvers<void>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private started = false;
  private links = 0;
  private state: FeedState = "connecting";
  private downDetail = "";
  private verifying = false;

  constructor(options: SupervisorOptions<F>) {
    this.options = options;
    this.metrics = newFeedMetrics(options.clock.now());
    this.wallFloorMs = options.wallFloorMs ?? 750;
    for (const [stream, limitMs] of options.watch ?? []) {
      this.watched.set(stream, limitMs ?? options.limits.lateMs);
    }
    for (let index = 0; index < (options.sockets ?? 1); index++) this.slots.push(newSlot(index));
  }

  /** Starts the lifetime; call once. */
  start(): void {
    if (this.started || this.stop.signal.aborted) return;
    this.started = true;
    this.emitState("connecting", "opening", this.options.clock.now());
    this.timer = setInterval(() => this.check(), this.checkEveryWallMs());
    for (const slot of this.slots) this.open(slot);
  }

  /** Resolves when the feed has ended: closed by us or refused for good. */
  get ended(): Promise<void> {
    return this.started ? this.finished.promise : Promise.resolve();
  }

  /** Closes for good. Does not wait for the peer to agree. */
  async close(): Promise<void> {
    if (!this.stop.signal.aborted) {
      this.stop.abort(new DOMException("closed", "AbortError"));
      clearInterval(this.timer);
      for (const link of this.all()) link.end({ kind: "dropped" });
      if (this.started) this.emitState("down", "closed", this.options.clock.now());
      this.finished.resolve();
    }
    await Promise.allSettled([...this.tasks]);
  }

  /** Sends a text frame on every open socket; false when there is none. */
  send(text: string): boolean {
    let sent = false;
    for (const link of this.all()) sent = link.send(text) || sent;
    return sent;
  }

  /** Replaces the socket that announced its end, or all of them, at once and without a gap. */
  renew(detail: string, link?: Link): void {
    for (const slot of this.slots) {
      if (link === undefined || slot.current === link) this.replace(slot, detail, true);
    }
  }

  /** Ends a connection as failed (for example: credentials refused on an open socket) and asks `closeAction`. */
  fail(link: Link, code: number, reason: string): void {
    link.end({ kind: "closed", code, reason });
  }

  /** From now on this stream must flow. */
  watch(stream: string, limitMs: number | null = null): void {
    if (this.watched.has(stream)) return;
    const limit = limitMs ?? this.options.limits.lateMs;
    this.watched.set(stream, limit);
    for (const link of this.all()) link.watch(stream, limit);
  }

  unwatch(stream: string): void {
    if (!this.watched.delete(stream)) return;
    for (const link of this.all()) link.unwatch(stream);
  }

  /** Sockets of this feed, opening ones included. */
  all(): Link[] {
    return this.slots.flatMap(({ current, leaving, next }) =>
      [leaving, current, next].filter((link) => link !== null)
    );
  }

  private open(slot: Slot): void {
    const { clock, openSocket, url } = this.options;
    const link = new Link({
      id: ++this.links,
      url: url(),
      openSocket,
      now: () => clock.now(),
      wallMs: () => clock.monotonicUs() / 1000,
      onOpen: (opened) => this.options.onOpen(opened),
      onData: (from, data) => this.received(slot, from, data),
      onEnd: (gone, ending) => this.gone(slot, gone, ending),
    });
    for (const [stream, limit] of this.watched) link.watch(stream, limit);
    if (slot.current === null) slot.current = link;
    else slot.next = link;
    link.connect();
  }

  private received(slot: Slot, link: Link, data: unknown): void {
    const { bookOf, clock, feed, inbox, isBook, wholeBookOf } = this.options;
    const now = clock.now();
    link.lastFrameMs = now;
    const { metrics } = this;
    metrics.frames++;
    if (typeof data !== "string" || data.length > MAX_FRAME_CHARS) {
      metrics.unrecognised++;
      return;
    }
    metrics.bytes += data.length;
    if (inbox === undefined) return this.frame(slot, link, data, now);
    const stream = wholeBookOf?.(data) ?? null;
    const book = bookOf?.(data) ?? null;
    inbox.push({
      book: isBook?.(data) ?? false,
      ...(stream === null ? {} : { replaces: `${feed} ${stream}` }),
      ...(book === null ? {} : { changes: `${feed} ${book}` }),
      run: () => this.frame(slot, link, data, now),
      onShed: () => void metrics.shed++,
      onVoid: () => this.options.onLeftOut?.(data, now),
    });
  }

  private frame(slot: Slot, link: Link, text: string, now: Ms): void {
    if (this.stop.signal.aborted) return;
    const { metrics, metrics: { duplicates, events } } = this;
    const verdict = this.options.onFrame(text, now, link);
    if (verdict === null) {
      metrics.unrecognised++;
      return;
    }
    if (verdict !== CONTROL) {
      const news = metrics.events > events || metrics.duplicates === duplicates;
      if (news) metrics.lastDatumMs = now;
      link.datum(verdict, now, news);
    }
    if (slot.next === link && link.complete) this.swap(slot, now);
    if (verdict !== CONTROL && (this.state !== "live" || this.metrics.quiet)) this.judge(now);
  }

  /** The successor has shown every stream: the old socket goes soon. Both are open meanwhile, so nothing is missed. */
  private swap(slot: Slot, now: Ms): void {
    slot.leaving?.end({ kind: "dropped" });
    slot.leaving = slot.current;
    slot.leavesMs = now + LINGER_MS;
    slot.current = slot.next;
    slot.next = null;
    if (slot.wanted?.planned === true) this.metrics.renewals++;
    else this.metrics.reconnects++;
    slot.wanted = null;
    slot.attempt = 0;
    this.judge(now);
  }

  private replace(slot: Slot, detail: string, planned: boolean): void {
    if (slot.wanted !== null || slot.current === null || this.stop.signal.aborted) return;
    slot.wanted = { detail, planned };
    if (!slot.resting) this.open(slot);
  }

  private gone(slot: Slot, link: Link, ending: Ending): void {
    this.options.onGone?.(link);
    if (slot.leaving === link) slot.leaving = null;
    if (slot.current !== link && slot.next !== link) return;
    const wasCurrent = slot.current === link;
    if (wasCurrent) {
      slot.current = slot.next;
      // The successor is the only one now.
      if (slot.current !== null) slot.wanted = null;
    }
    slot.next = null;
    if (this.stop.signal.aborted || ending.kind === "dropped") return;
    const now = this.options.clock.now();
    const action = actionFor(ending, this.options);
    if (ending.kind === "failed" && isBusy(ending.status)) {
      slot.attempt = Math.max(slot.attempt, BUSY_ATTEMPT);
    }
    this.downDetail = action.kind === "terminal" ? action.detail : describe(ending);
    if (action.kind === "terminal") {
      slot.terminal = action.detail;
      slot.wanted = null;
      this.judge(now);
      if (this.slots.some((one) => one.terminal === null || one.current !== null)) return;
      clearInterval(this.timer);
      return this.finished.resolve();
    }
    this.judge(now);
    // A successor took the place: there is nothing to open.
    if (wasCurrent && slot.current !== null) return;
    this.rest(slot, ending, action);
  }

  /** Waits, then opens again what is still wanted. */
  private rest(slot: Slot, ending: Ending, action: CloseAction): void {
    if (slot.resting) return;
    slot.resting = true;
    const work = async () => {
      const { clock, random, retryAfter } = this.options;
      let waitMs = action.kind === "wait" ? action.waitMs : backoffMs(slot.attempt++, random);
      try {
        if (ending.kind === "failed" && isBusy(ending.status) && retryAfter !== undefined) {
          waitMs = Math.max(waitMs, Math.min(await retryAfter() ?? 0, MAX_RETRY_AFTER_MS));
        }
        await clock.sleep(ms(Math.floor(waitMs)), this.stop.signal);
      } catch {
        return;
      } finally {
        slot.resting = false;
      }
      if (this.stop.signal.aborted) return;
      if (slot.current === null) {
        this.metrics.reconnects++;
        this.open(slot);
        this.judge(clock.now());
      } else if (slot.wanted !== null && slot.next === null) this.open(slot);
    };
    const task = work().finally(() => this.tasks.delete(task));
    this.tasks.add(task);
  }

  private check(): void {
    const now = this.options.clock.now();
    const wallMs = this.options.clock.monotonicUs() / 1000;
    for (const slot of this.slots) {
      if (now >= slot.leavesMs) slot.leaving?.end({ kind: "dropped" });
      for (const link of [slot.current, slot.next]) {
        if (link !== null && !link.ended) this.checkLink(slot, link, now, wallMs);
      }
    }
    if (!this.stop.signal.aborted) this.judge(now);
  }

  private checkLink(slot: Slot, link: Link, now: Ms, wallMs: number): void {
    const { keepAlive, limits, probe } = this.options;
    const found = assess(link, now, wallMs, limits, this.wallFloorMs);
    if (link.openedMs > 0 && keepAlive !== undefined && now - link.keptAliveMs >= keepAlive.everyMs) {
      link.keptAliveMs = now;
      link.send(keepAlive.text);
    }
    if (found.probe && probe !== undefined && link.send(probe)) {
      link.probedMs = now;
      link.probedWallMs = wallMs;
    }
    if (found.silent.length > 0) this.verify(link, found.silent, now);
    const again = found.resubscribe === null ? undefined : link.streams.get(found.resubscribe);
    if (again?.resubscribed === false) {
      again.resubscribed = true;
      this.options.resubscribe?.(link, found.resubscribe!);
    }
    if (found.verdict === "dead") link.end({ kind: "failed", detail: found.detail, status: null });
    else if (found.verdict === "replace") this.replace(slot, found.detail, false);
    else if (limits.renewMs !== null && link === slot.current && now - link.openedMs > this.renewAt(slot)) {
      if (link.complete) this.replace(slot, "planned renewal", true);
    }
  }

  /** A spare is renewed at another time than the first socket. */
  private renewAt(slot: Slot): number {
    const renewMs = this.options.limits.renewMs ?? Infinity;
    return slot.index === 0 ? renewMs : renewMs * 0.9;
  }

  private verify(link: Link, silent: readonly string[], now: Ms): void {
    const { verify } = this.options;
    if (verify === undefined || this.verifying) return;
    const asked = silent.filter((stream) => {
      const clock = link.streams.get(stream)!;
      if (now - clock.askedMs < clock.limitMs / 4) return false;
      clock.askedMs = now;
      return true;
    });
    if (asked.length === 0) return;
    const before = new Map(asked.map((stream) => [stream, link.streams.get(stream)!.sinceMs]));
    this.verifying = true;
    const task = verify(asked, link).then((answers) => this.verified(link, before, answers), () => {})
      .finally(() => {
        this.verifying = false;
        this.tasks.delete(task);
      });
    this.tasks.add(task);
  }

  private verified(
    link: Link,
    before: ReadonlyMap<string, number>,
    answers: ReadonlyMap<string, Silence>,
  ): void {
    if (this.stop.signal.aborted || link.ended) return;
    const now = this.options.clock.now();
    const frozen: string[] = [];
    for (const [stream, answer] of answers) {
      const clock = link.streams.get(stream);
      // A datum that came meanwhile is a better answer.
      if (clock === undefined || clock.sinceMs !== before.get(stream)) continue;
      if (answer === "quiet") link.quiet(stream, now);
      else if (answer === "newer") frozen.push(stream);
    }
    if (frozen.length === 0) return this.judge(now);
    this.options.onVoid?.(frozen);
    const detail = `SUBSCRIPTION_DEAD: REST has news of ${frozen[0]} that never came here`;
    link.end({ kind: "failed", detail, status: null });
  }

  /** The feed's state from what its sockets show. */
  private judge(now: Ms): void {
    if (this.stop.signal.aborted) return;
    const links = this.all();
    const open = links.filter((link) => link.openedMs > 0);
    if (links.length === 0) return this.emitState("down", this.downDetail, now);
    const late = lateStream(open, now, this.options.limits);
    if (late !== null) {
      return this.emitState("late", late, now);
    }
    // A stream added meanwhile has its own deadline; until then the feed is as good as before.
    if (!open.some((link) => link.wasComplete)) {
      // What was live once is down until it is live again: old books must not pass for new ones meanwhile.
      const state = this.metrics.firstDatumMs === null ? "connecting" : "down";
      return this.state === "connecting" ? undefined : this.emitState(state, "opening again", now);
    }
    this.metrics.firstDatumMs ??= now - this.metrics.openedMs;
    for (const slot of this.slots) if (slot.current?.complete === true) slot.attempt = 0;
    const skew = misdated(this.metrics.newestAgeMs, this.options.limits.lateMs);
    if (skew !== null) return this.emitState("late", skew, now);
    const quiet = quietStreams(open, now);
    this.metrics.quiet = quiet > 0 && quiet === this.watched.size;
    if (this.metrics.quiet) {
      return this.emitState("live", "MARKET_QUIET: nothing came, and REST agrees that there is nothing", now);
    }
    this.emitState("live", "data flows", now);
  }

  private checkEveryWallMs(): number {
    const { connectMs, firstDatumMs, lateMs, probeMs } = this.options.limits;
    let shortest = Math.min(connectMs, firstDatumMs, lateMs, probeMs * 2);
    for (const limitMs of this.watched.values()) shortest = Math.min(shortest, limitMs);
    return Math.min(1000, Math.max(20, shortest / 4 / this.options.clock.speed));
  }

  private emitState(state: FeedState, detail: string, at: Ms): void {
    if (state === this.state && detail === this.metrics.detail) return;
    this.state = state;
    this.metrics.state = state;
    this.metrics.detail = detail;
    this.options.onState({
      type: "feedState",
      feed: this.options.feed,
      state,
      detail,
      tExchange: at,
      tReceive: at,
    });
  }
}
