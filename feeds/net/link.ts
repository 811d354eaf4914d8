/**
 * One socket and what it has shown so far. It owns nothing but its own end: deadlines, repairs and successors are the
 * supervisor's. Its end is told once, without waiting for a close event, which may never fire after a network loss.
 */
import type { Ms } from "../../core/units.ts";

export type Ending =
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  | { readonly kind: "failed"; readonly detail: string; readonly status: number | null }
  /** We have no more use for it. */
  | { readonly kind: "dropped" };

/** One stream on one socket. */
export interface StreamClock {
  readonly limitMs: number;
  /** Venue ms of the last datum, or of the moment we began to wait for the first one. */
  sinceMs: number;
  /** Venue ms of the last datum that was not a copy of what we know; what a slower spare says is no news. */
  newsMs: number;
  /** Venue ms at which the venue's REST answer agreed that there is no news; 0: never. */
  verifiedMs: number;
  /** Venue ms of the last question to REST. */
  askedMs: number;
  seen: boolean;
  /** Asked for again since its last datum. */
  resubscribed: boolean;
}

export interface LinkOptions {
  readonly id: number;
  readonly url: string;
  readonly openSocket: (url: string) => WebSocket;
  readonly now: () => Ms;
  readonly wallMs: () => number;
  readonly onOpen: (link: Link) => void;
  readonly onData: (link: Link, data: unknown) => void;
  readonly onEnd: (link: Link, ending: Ending) => void;
}

/** "… Invalid status code: 451" is all that Deno tells of a refused handshake (exchanges dossier I). */
export function refusedStatus(message: string): number | null {
  const match = /status code:? (\d{3})/i.exec(message);
  return match === null ? null : Number(match[1]);
}

/** `connect()` opens it; frames and its end go to the callbacks, never before `connect()` has returned an open socket. */
export class Link {
  readonly id: number;
  readonly startedMs: Ms;
  readonly startedWallMs: number;
  readonly streams = new Map<string, StreamClock>();
  /** Venue ms of the open socket, 0 before. */
  openedMs = 0;
  openedWallMs = 0;
  /** Venue ms of the last frame of any kind, or of the open socket. */
  lastFrameMs = 0;
  /** Watched streams without a first datum. */
  waiting = 0;
  /** Venue ms and wall ms of the last probe; answered when a frame came after it. */
  probedMs = 0;
  probedWallMs = 0;
  keptAliveMs = 0;
  lateSinceMs = 0;
  lateSinceWallMs = 0;
  /** Every watched stream of the time had been seen once. */
  wasComplete = false;
  private socket: WebSocket | null = null;
  private over = false;

  constructor(private readonly options: LinkOptions) {
    this.id = options.id;
    this.startedMs = options.now();
    this.startedWallMs = options.wallMs();
  }

  get ended(): boolean {
    return this.over;
  }

  /** Open and every watched stream has sent something. */
  get complete(): boolean {
    return this.openedMs > 0 && this.waiting === 0 && !this.over;
  }

  connect(): void {
    let socket: WebSocket;
    try {
      socket = this.options.openSocket(this.options.url);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return this.end({ kind: "failed", detail, status: null });
    }
    this.socket = socket;
    socket.onopen = () => {
      const now = this.options.now();
      this.openedMs = this.lastFrameMs = this.keptAliveMs = now;
      this.openedWallMs = this.options.wallMs();
      for (const stream of this.streams.values()) stream.sinceMs = stream.newsMs = now;
      this.options.onOpen(this);
    };
    socket.onmessage = (event) => this.options.onData(this, event.data);
    socket.onerror = (event) => {
      const detail = (event as ErrorEvent).message ?? "socket error";
      this.end({ kind: "failed", detail, status: refusedStatus(detail) });
    };
    socket.onclose = (event) => this.end({ kind: "closed", code: event.code, reason: event.reason });
  }

  /** Sends a text frame; false when there is no open socket to send it on. */
  send(text: string): boolean {
    const { socket } = this;
    if (socket === null || this.over || socket.readyState !== WebSocket.OPEN) return false;
    socket.send(text);
    return true;
  }

  /** From now on this stream must flow. */
  watch(stream: string, limitMs: number): void {
    if (this.streams.has(stream)) return;
    this.streams.set(stream, {
      limitMs,
      sinceMs: this.options.now(),
      newsMs: this.options.now(),
      verifiedMs: 0,
      askedMs: 0,
      seen: false,
      resubscribed: false,
    });
    this.waiting++;
  }

  unwatch(stream: string): void {
    const clock = this.streams.get(stream);
    if (clock === undefined) return;
    this.streams.delete(stream);
    if (!clock.seen) this.waiting--;
  }

  /** A datum of `stream` that arrived at `at`; `news` false: a copy. */
  datum(stream: string, at: Ms, news = true): void {
    const clock = this.streams.get(stream);
    if (clock === undefined) return;
    if (at > clock.sinceMs) clock.sinceMs = at;
    if (news && at > clock.newsMs) clock.newsMs = at;
    clock.resubscribed = false;
    if (!clock.seen) {
      clock.seen = true;
      this.waiting--;
    }
    if (this.waiting === 0) this.wasComplete = true;
  }

  /** REST agrees that there is nothing to be had of `stream`: as good as a datum. */
  quiet(stream: string, at: Ms): void {
    const clock = this.streams.get(stream);
    if (clock === undefined) return;
    const { newsMs, sinceMs } = clock;
    this.datum(stream, at);
    clock.sinceMs = sinceMs;
    clock.newsMs = newsMs;
    clock.verifiedMs = at;
  }

  /** Ends it, once; later calls do nothing. */
  end(ending: Ending): void {
    if (this.over) return;
    this.over = true;
    const { socket } = this;
    this.socket = null;
    if (socket !== null) detach(socket);
    this.options.onEnd(this, ending);
  }
}

function detach(socket: WebSocket): void {
  socket.onopen = null;
  socket.onmessage = null;
  // A socket that fails while it is being closed has nobody to tell.
  socket.onerror = null;
  socket.onclose = null;
  try {
    socket.close();
  } catch {
    // A socket that cannot be closed any more is as closed as we need it.
  }
}
