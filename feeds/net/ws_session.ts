/**
 * The lifetime of one socket. It knows nothing of what the frames mean: a codec says for every frame which stream it
 * was, and the session judges the feed by the age of that data. Pings prove nothing: sockets of every venue here have been
 * seen open, answering pings, and silent for hours (py-clob-client#292, binance-connector-java#139).
 */
import type { FeedName, FeedState, FeedStateEvent } from "../../core/events.ts";
import { type Ms, ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import { backoffMs } from "./backoff.ts";
import type { FeedLimits } from "./limits.ts";
import { type FeedMetrics, newFeedMetrics } from "./metrics.ts";

/** Frame understood, but no datum: an acknowledgement, a pong, an announcement. Does not make a feed fresh. */
export const CONTROL = "";
/** What a frame was: the name of the stream it is a datum of, `CONTROL`, or null for something we do not understand. */
export type FrameVerdict = string | null;

/** What to do after the socket is gone. */
export type CloseAction =
  | { readonly kind: "backoff" }
  | { readonly kind: "wait"; readonly waitMs: number }
  | { readonly kind: "terminal"; readonly detail: string };

export interface WsSessionOptions {
  readonly feed: FeedName;
  readonly url: () => string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly openSocket: (url: string) => WebSocket;
  readonly limits: FeedLimits;
  /** Streams that must flow, with their own age limit (null: the feed's `lateMs`). Others are free to be silent. */
  readonly watch?: ReadonlyMap<string, number | null>;
  /** The socket is open: subscribe. */
  readonly onOpen: (session: WsSession) => void;
  /** Called synchronously per text frame: decode and emit here. Must not throw. */
  readonly onFrame: (text: string, tReceive: Ms) => FrameVerdict;
  readonly onState: (event: FeedStateEvent) => void;
  /** Venue-specific close codes; default: reconnect with backoff. */
  readonly closeAction?: (code: number, reason: string, random: () => number) => CloseAction;
  /**
   * Least wall time before silence costs the socket. A venue clock at 15x would otherwise turn a pause of our own
   * process (garbage collection, a busy machine) into a reconnect.
   */
  readonly wallFloorMs?: number;
}

type Ending =
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  | { readonly kind: "failed"; readonly detail: string; readonly status: number | null }
  | { readonly kind: "renew"; readonly detail: string }
  | { readonly kind: "stopped" };

interface Watched {
  readonly lateMs: number;
  /** Venue ms of the last datum, or of the moment we began to wait for the first one. */
  sinceMs: number;
  seen: boolean;
}

/** Backoff begins at this attempt (a ceiling of 8 s) when the venue says that it is busy. */
const BUSY_ATTEMPT = 3;
const MAX_FRAME_CHARS = 8_000_000;

/** "… Invalid status code: 451" is all that Deno tells of a refused handshake (exchanges dossier I). */
export function refusedStatus(message: string): number | null {
  const match = /status code:? (\d{3})/i.exec(message);
  return match === null ? null : Number(match[1]);
}

/** One feed's socket: connects, watches, reconnects, until `close()` or a terminal refusal. */
export class WsSession {
  readonly metrics: FeedMetrics;
  private readonly options: WsSessionOptions;
  private readonly watched = new Map<string, Watched>();
  private readonly stop = new AbortController();
  private readonly wallFloorMs: number;
  private socket: WebSocket | null = null;
  private finish: ((ending: Ending) => void) | null = null;
  private running: Promise<void> | null = null;
  private state: FeedState = "connecting";
  /** Watched streams of this connection without a first datum. */
  private waiting = 0;
  private attempt = 0;
  private connectStartMs = 0;
  private openedMs = 0;
  private lateSinceMs = 0;
  private lateSinceWallMs = 0;

  constructor(options: WsSessionOptions) {
    this.options = options;
    this.metrics = newFeedMetrics(options.clock.now());
    this.wallFloorMs = options.wallFloorMs ?? 750;
    for (const [stream, lateMs] of options.watch ?? []) this.watch(stream, lateMs);
  }

  /** Starts the lifetime; call once. */
  start(): void {
    if (this.running !== null) return;
    this.emitState("connecting", "opening", this.options.clock.now());
    this.running = this.run();
  }

  /** Resolves when the session has ended: closed by us or refused for good. */
  get ended(): Promise<void> {
    return this.running ?? Promise.resolve();
  }

  /** Closes for good. Does not wait for the peer to agree. */
  async close(): Promise<void> {
    this.stop.abort(new DOMException("closed", "AbortError"));
    this.finish?.({ kind: "stopped" });
    await this.running;
  }

  /** Sends a text frame; false when there is no open socket to send it on. */
  send(text: string): boolean {
    const socket = this.socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) return false;
    socket.send(text);
    return true;
  }

  /** Replaces the socket at once, without backoff: the venue announced its end, or the book must be rebuilt. */
  renew(detail: string): void {
    this.finish?.({ kind: "renew", detail });
  }

  /** Ends this connection as failed (for example: credentials refused on an open socket) and asks `closeAction`. */
  fail(code: number, reason: string): void {
    this.finish?.({ kind: "closed", code, reason });
  }

  /** From now on this stream must flow. */
  watch(stream: string, lateMs: number | null = null): void {
    if (this.watched.has(stream)) return;
    this.watched.set(stream, {
      lateMs: lateMs ?? this.options.limits.lateMs,
      sinceMs: this.options.clock.now(),
      seen: false,
    });
    this.waiting++;
  }

  unwatch(stream: string): void {
    const entry = this.watched.get(stream);
    if (entry === undefined) return;
    this.watched.delete(stream);
    if (!entry.seen) this.waiting--;
  }

  private async run(): Promise<void> {
    const { clock, random } = this.options;
    while (!this.stop.signal.aborted) {
      const ending = await this.connection();
      if (ending.kind === "stopped") break;
      const now = clock.now();
      if (ending.kind === "renew") {
        this.metrics.renewals++;
        // Said plainly: until the new socket has data there is none, and books must not be trusted across the seam.
        this.emitState("down", ending.detail, now);
        this.emitState("connecting", ending.detail, now);
        continue;
      }
      const action = this.actionFor(ending);
      if (action.kind === "terminal") {
        this.emitState("down", action.detail, now);
        return;
      }
      this.emitState("down", describe(ending), now);
      const waitMs = action.kind === "wait" ? action.waitMs : backoffMs(this.attempt++, random);
      try {
        await clock.sleep(ms(waitMs), this.stop.signal);
      } catch {
        break;
      }
      this.metrics.reconnects++;
      this.emitState("connecting", "opening again", clock.now());
    }
    this.emitState("down", "closed", clock.now());
  }

  private actionFor(ending: Exclude<Ending, { kind: "stopped" | "renew" }>): CloseAction {
    if (ending.kind === "failed") {
      // Terminal: repeating a refused handshake turns a geo-block into an address ban (exchanges dossier E 8).
      if (ending.status === 451 || ending.status === 403) {
        return { kind: "terminal", detail: `GEO_BLOCKED: the handshake was refused with ${ending.status}` };
      }
      if (ending.status === 401) {
        return { kind: "terminal", detail: "AUTH_REFUSED: the handshake was refused with 401" };
      }
      // The Retry-After of a refused handshake cannot be read from here, so a busy venue is given seconds at once.
      if (ending.status === 429 || ending.status === 418 || ending.status === 503) {
        this.attempt = Math.max(this.attempt, BUSY_ATTEMPT);
      }
      return { kind: "backoff" };
    }
    return this.options.closeAction?.(ending.code, ending.reason, this.options.random) ?? { kind: "backoff" };
  }

  private connection(): Promise<Ending> {
    const { clock, openSocket, url } = this.options;
    return new Promise((resolve) => {
      this.connectStartMs = clock.now();
      this.openedMs = 0;
      let socket: WebSocket;
      try {
        socket = openSocket(url());
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        return resolve({ kind: "failed", detail, status: null });
      }
      const startedWallMs = clock.monotonicUs() / 1000;
      const timer = setInterval(() => this.check(startedWallMs), this.checkEveryWallMs());
      let settled = false;
      // Resolves without waiting for the close event: after a network loss it may never fire.
      this.finish = (ending) => {
        if (settled) return;
        settled = true;
        clearInterval(timer);
        this.socket = null;
        this.finish = null;
        detach(socket);
        resolve(ending);
      };
      const finish = this.finish;
      socket.onopen = () => this.opened(socket);
      socket.onmessage = (event) => this.frame(event.data);
      socket.onerror = (event) => {
        const detail = (event as ErrorEvent).message ?? "socket error";
        finish({ kind: "failed", detail, status: refusedStatus(detail) });
      };
      socket.onclose = (event) => finish({ kind: "closed", code: event.code, reason: event.reason });
      if (this.stop.signal.aborted) finish({ kind: "stopped" });
    });
  }

  private opened(socket: WebSocket): void {
    const now = this.options.clock.now();
    this.socket = socket;
    this.openedMs = now;
    this.waiting = this.watched.size;
    for (const entry of this.watched.values()) {
      entry.seen = false;
      entry.sinceMs = now;
    }
    this.options.onOpen(this);
  }

  private frame(data: unknown): void {
    const now = this.options.clock.now();
    const metrics = this.metrics;
    metrics.frames++;
    if (typeof data !== "string" || data.length > MAX_FRAME_CHARS) {
      metrics.unrecognised++;
      return;
    }
    metrics.bytes += data.length;
    const verdict = this.options.onFrame(data, now);
    if (verdict === null) {
      metrics.unrecognised++;
      return;
    }
    if (verdict === CONTROL) return;
    const entry = this.watched.get(verdict);
    if (entry !== undefined) {
      entry.sinceMs = now;
      if (!entry.seen) {
        entry.seen = true;
        this.waiting--;
      }
    }
    if (this.state !== "live" && this.waiting === 0 && this.socket !== null) this.becameFresh(now);
  }

  private becameFresh(now: Ms): void {
    if (this.lateStream(now) !== null) return;
    this.metrics.firstDatumMs ??= now - this.metrics.openedMs;
    this.attempt = 0;
    this.emitState("live", "data flows", now);
  }

  /** The first watched stream whose data is too old, or null. */
  private lateStream(now: Ms): string | null {
    for (const [stream, entry] of this.watched) {
      const limit = entry.seen ? entry.lateMs : this.options.limits.firstDatumMs;
      if (now - entry.sinceMs > limit) return stream;
    }
    return null;
  }

  private check(startedWallMs: number): void {
    const { clock, limits } = this.options;
    const now = clock.now();
    const wallMs = clock.monotonicUs() / 1000;
    if (this.openedMs === 0) {
      if (now - this.connectStartMs > limits.connectMs && wallMs - startedWallMs > this.wallFloorMs) {
        this.finish?.({ kind: "failed", detail: `no handshake within ${limits.connectMs} ms`, status: null });
      }
      return;
    }
    if (limits.renewMs !== null && now - this.openedMs > limits.renewMs) return this.renew("planned renewal");
    const late = this.lateStream(now);
    if (late === null) {
      if (this.state === "late" && this.waiting === 0) this.emitState("live", "data flows again", now);
      return;
    }
    if (this.state !== "late") {
      this.lateSinceMs = now;
      this.lateSinceWallMs = wallMs;
      return this.emitState("late", `no data on ${late}`, now);
    }
    // Silence from the first moment is a refused subscription: the deadline has passed, there is nothing to wait for.
    const patienceMs = this.watched.get(late)?.seen === false ? 0 : limits.deadMs;
    if (now - this.lateSinceMs >= patienceMs && wallMs - this.lateSinceWallMs >= this.wallFloorMs) {
      this.finish?.({ kind: "failed", detail: `no data on ${late} for too long`, status: null });
    }
  }

  private checkEveryWallMs(): number {
    let shortest = this.options.limits.lateMs;
    for (const entry of this.watched.values()) shortest = Math.min(shortest, entry.lateMs);
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

function describe(ending: Exclude<Ending, { kind: "stopped" | "renew" }>): string {
  if (ending.kind === "failed") return ending.detail;
  return ending.reason === "" ? `closed with ${ending.code}` : `closed with ${ending.code}: ${ending.reason}`;
}

function detach(socket: WebSocket): void {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onerror = null;
  socket.onclose = null;
  try {
    socket.close();
  } catch {
    // A socket that cannot be closed any more is as closed as we need it.
  }
}
