/**
 * Warmed keep-alive connections to one origin, written by hand: a request's bytes leave inside of `send()`, and nothing here
 * sends a request twice. HTTP clients that others wrote repeat requests on their own when a reused connection dies, and
 * write when their own machinery gets to it.
 */
import { type BackoffLimits, backoffMs } from "../backoff.ts";
import { type ByteStream, Connection, type ConnectionOptions, Pending, WRITE_BYTES } from "./connection.ts";
import { dial, type Origin, originOf } from "./dial.ts";
import { encodeRequest, requestCheck } from "./request_encoder.ts";
import { DirectFailure, type DirectRequest, type Exchange, type Transport } from "./types.ts";

export interface DirectPoolOptions {
  /** http or https URL; a path in it comes before every target. */
  readonly base: string;
  /** Header lines of every request beside `host`, `accept-encoding` and `connection`'s default. ASCII. */
  readonly headers: Readonly<Record<string, string>>;
  readonly monotonicUs: () => number;
  /** 0..1, for the pauses before a lost connection is opened again. */
  readonly random: () => number;
  /** So many are opened again in the background when they are lost, once they were open. */
  readonly connections: number;
  /** Idle connections kept; others are closed when their answer has come. */
  readonly maxIdle: number;
  /** Open connections; requests beyond wait for one. */
  readonly maxOpen?: number;
  /** Requests that may wait; those beyond fail unsent. */
  readonly maxWaiting?: number;
  /** Largest body of an answer. */
  readonly maxBytes?: number;
  /** Wall ms to open a connection. */
  readonly connectMs?: number;
  /** PEM, beside the roots of the system. */
  readonly caCerts?: readonly string[];
  readonly backoff?: BackoffLimits;
  /** Replaces sockets in tests. */
  readonly dial?: (origin: Origin, caCerts: readonly string[], signal: AbortSignal) => Promise<ByteStream>;
}

const MAX_OPEN = 32;
const MAX_WAITING = 1000;
const MAX_BYTES = 4_000_000;
const CONNECT_MS = 10_000;
const BACKOFF: BackoffLimits = { firstMs: 250, maxMs: 15_000 };

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 200);

/** Opens no connection until the first request. Throws TypeError for a base that is no http or https URL. */
export function openDirectPool(options: DirectPoolOptions): Transport {
  return new DirectPool(options);
}

class DirectPool implements Transport {
  private readonly origin: Origin;
  private readonly ofConnection: ConnectionOptions;
  /** The longest idle first. The one used last is used next: the others are those that could be missed. */
  private readonly free: Connection[] = [];
  private readonly open = new Set<Connection>();
  private readonly openings = new Map<AbortController, Promise<void>>();
  /** In order; those with an opener come first. */
  private readonly waiting: Pending[] = [];
  /** Connections to hold: the most that were open, within `connections`. */
  private wanted = 0;
  /** Losses since the last whole answer. */
  private losses = 0;
  private refill: ReturnType<typeof setTimeout> | null = null;
  private closed = false;
  private readonly problemOf = requestCheck();

  constructor(private readonly options: DirectPoolOptions) {
    this.origin = originOf(options.base);
    const lines = Object.entries({
      host: this.origin.host,
      ...options.headers,
      "accept-encoding": "identity",
    });
    this.ofConnection = {
      fixed: lines.map(([name, value]) => `${name}: ${value}\r\n`).join(""),
      maxBytes: options.maxBytes ?? MAX_BYTES,
      monotonicUs: options.monotonicUs,
      onIdle: (connection) => {
        this.losses = 0;
        this.take(connection);
      },
      onClosed: (connection, answered) => this.onClosed(connection, answered),
    };
  }

  idle(untilUs = Infinity): number {
    return this.free.filter(({ idleSinceUs }) => idleSinceUs <= untilUs).length;
  }

  fill(): void {
    if (this.closed) return;
    this.wanted = this.options.connections;
    this.onLoss();
  }

  send(request: DirectRequest, on?: "oldest"): Exchange {
    const whole = request.bytes === undefined ? this.whole(request) : request;
    const pending = new Pending(whole, this.giveUp);
    const problem = this.closed
      ? "the connections are closed"
      : request.bytes === undefined
      ? this.problemOf(whole)
      : null;
    if (problem !== null) pending.fail(new DirectFailure("unsent", problem));
    else {
      const connection = on === "oldest" ? this.free.shift() : this.free.pop();
      if (connection === undefined) this.enqueue(pending);
      else connection.start(pending);
    }
    return pending;
  }

  private whole(request: DirectRequest): DirectRequest {
    const { prefix } = this.origin;
    return prefix === "" ? request : { ...request, target: prefix + request.target };
  }

  encode(request: DirectRequest): DirectRequest {
    const whole = this.whole(request);
    if (this.problemOf(whole) !== null) return request;
    return { ...request, bytes: encodeRequest(this.ofConnection.fixed, whole, new Uint8Array(WRITE_BYTES)) };
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.refill !== null) clearTimeout(this.refill);
    this.refill = null;
    for (const pending of this.waiting.splice(0)) {
      pending.fail(new DirectFailure("unsent", "the connections are closed"));
    }
    const ends = [...this.openings.values(), ...[...this.open].map(({ over }) => over)];
    for (const abort of this.openings.keys()) abort.abort();
    for (const connection of [...this.open]) connection.close("closed");
    await Promise.all(ends);
  }

  private readonly giveUp = (pending: Pending): void => {
    // Its answer could come later: nobody else may be given that connection.
    if (pending.carrier !== null) return pending.carrier.close("given up");
    const at = this.waiting.indexOf(pending);
    if (at < 0) return;
    this.waiting.splice(at, 1);
    pending.fail(new DirectFailure("unsent", "no connection was free in time"));
  };

  private enqueue(pending: Pending): void {
    const most = this.options.maxWaiting ?? MAX_WAITING;
    if (this.waiting.length >= most) {
      pending.fail(new DirectFailure("unsent", `${most} requests wait for a connection already`));
      return;
    }
    this.waiting.push(pending);
    this.openForWaiting();
  }

  /** One opening for each that waits, as far as the limit allows. */
  private openForWaiting(): void {
    let spare = this.openings.size;
    for (const pending of this.waiting) {
      if (pending.opener) {
        spare--;
        continue;
      }
      if (spare <= 0) {
        if (this.open.size + this.openings.size >= (this.options.maxOpen ?? MAX_OPEN)) return;
        this.openOne();
      } else spare--;
      pending.opener = true;
    }
  }

  private openOne(): void {
    const { caCerts = [], connectMs = CONNECT_MS } = this.options;
    const abort = new AbortController();
    const late = () => abort.abort(new Error(`no answer within ${connectMs} ms`));
    const timer = setTimeout(late, connectMs);
    const opening = (this.options.dial ?? dial)(this.origin, caCerts, abort.signal).then(
      (stream) => this.onOpened(abort, stream),
      (error) => this.onNotOpened(abort, error),
    ).finally(() => clearTimeout(timer));
    this.openings.set(abort, opening);
  }

  private onOpened(abort: AbortController, stream: ByteStream): void {
    if (this.closed || abort.signal.aborted) {
      stream.close();
      return this.onNotOpened(abort, null);
    }
    this.openings.delete(abort);
    const connection = new Connection(stream, this.ofConnection);
    this.open.add(connection);
    this.wanted = Math.max(this.wanted, Math.min(this.open.size, this.options.connections));
    this.take(connection);
  }

  private onNotOpened(abort: AbortController, error: unknown): void {
    this.openings.delete(abort);
    if (this.closed) return;
    const cause = abort.signal.aborted ? abort.signal.reason : error;
    // As many as still have one coming go on waiting.
    const left = this.waiting.filter(({ opener }) => opener).length - this.openings.size;
    for (const pending of this.waiting.splice(0, Math.max(0, left))) {
      const { host } = this.origin;
      pending.fail(new DirectFailure("unsent", `no connection to ${host}: ${wordsOf(cause)}`, null, cause));
    }
    this.openForWaiting();
    this.onLoss();
  }

  /** Gives a connection to who waits longest, or keeps it. */
  private take(connection: Connection): void {
    let next = this.waiting.shift();
    while (next?.request.isLate?.() === true) {
      next.fail(new DirectFailure("unsent", "it grew too old while it waited for a connection"));
      next = this.waiting.shift();
    }
    if (next !== undefined) connection.start(next);
    else if (this.free.length < this.options.maxIdle) this.free.push(connection);
    else connection.close("not needed");
  }

  private onClosed(connection: Connection, answered: boolean): void {
    this.open.delete(connection);
    const at = this.free.indexOf(connection);
    if (at >= 0) this.free.splice(at, 1);
    if (this.closed) return;
    if (answered) this.losses = 0;
    this.openForWaiting();
    this.onLoss();
  }

  /** Opens what is missing in the background: at once after a whole answer, then with growing pauses. */
  private onLoss(): void {
    if (this.refill !== null || this.missing() <= 0) return;
    const { backoff = BACKOFF, random } = this.options;
    const pauseMs = this.losses === 0 ? 0 : backoffMs(this.losses - 1, random, backoff);
    this.losses++;
    this.refill = setTimeout(() => {
      this.refill = null;
      for (let count = this.missing(); count > 0; count--) this.openOne();
    }, pauseMs);
  }

  private missing(): number {
    return this.wanted - this.open.size - this.openings.size;
  }
}
