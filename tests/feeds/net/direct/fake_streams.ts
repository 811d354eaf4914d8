/** Connections in memory: a test sees every write as it is made, and says what is read. */
import { type DirectPoolOptions, openDirectPool } from "../../../../feeds/net/direct/pool.ts";
import type { ByteStream } from "../../../../feeds/net/direct/connection.ts";
import type { DirectRequest, Transport } from "../../../../feeds/net/direct/types.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class FakeStream implements ByteStream {
  /** All that was written. */
  text = "";
  writes = 0;
  closed = false;
  /** Bytes that one write takes. */
  most = Infinity;
  breakWrite: Error | null = null;
  private incoming: (Uint8Array | null | Error)[] = [];
  private reader: {
    resolve: (count: number | null) => void;
    reject: (error: Error) => void;
    into: Uint8Array;
  } | null = null;

  /** What the peer sends; null: it closes; an error: the connection breaks. */
  say(what: string | Uint8Array | null | Error): void {
    this.incoming.push(typeof what === "string" ? encoder.encode(what) : what);
    this.serve();
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.closed) return Promise.reject(new Error("closed"));
    const { promise, reject, resolve } = Promise.withResolvers<number | null>();
    this.reader = { resolve, reject, into };
    this.serve();
    return promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.closed) return Promise.reject(new Error("closed"));
    this.writes++;
    if (this.breakWrite !== null) return Promise.reject(this.breakWrite);
    const taken = Math.min(this.most, bytes.length);
    this.text += decoder.decode(bytes.subarray(0, taken));
    return Promise.resolve(taken);
  }

  close(): void {
    if (this.closed) throw new Error("closed twice");
    this.closed = true;
    this.reader?.reject(new Error("interrupted"));
    this.reader = null;
  }

  private serve(): void {
    const { reader } = this;
    if (reader === null || this.incoming.length === 0) return;
    this.reader = null;
    const next = this.incoming.shift()!;
    if (next instanceof Error) return reader.reject(next);
    if (next === null) return reader.resolve(null);
    const count = Math.min(next.length, reader.into.length);
    reader.into.set(next.subarray(0, count));
    if (count < next.length) this.incoming.unshift(next.subarray(count));
    reader.resolve(count);
  }
}

export interface FakeNet {
  readonly pool: Transport;
  /** In the order of their opening. */
  readonly streams: FakeStream[];
  /** Openings begun. */
  dials(): number;
}

/** A pool over fake streams; `dialled` may wait or throw. */
export function fakeNet(
  options: Partial<DirectPoolOptions> = {},
  dialled: (count: number, signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): FakeNet {
  const streams: FakeStream[] = [];
  let dials = 0;
  let us = 0;
  const pool = openDirectPool({
    base: "http://venue.test",
    headers: { accept: "application/json" },
    monotonicUs: () => ++us,
    random: () => 1,
    connections: 2,
    maxIdle: 3,
    backoff: { firstMs: 5, maxMs: 20 },
    ...options,
    dial: async (_origin, _certificates, signal) => {
      await dialled(++dials, signal);
      const stream = new FakeStream();
      streams.push(stream);
      return stream;
    },
  });
  return { pool, streams, dials: () => dials };
}

export const get = (target: string): DirectRequest => ({ method: "GET", target, headers: {}, body: "" });
export const post = (body: string): DirectRequest => ({
  method: "POST",
  target: "/order",
  headers: {},
  body,
});

export const ok = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${encoder.encode(body).length}\r\n\r\n${body}`;

/** Lets everything run that waits for nothing. */
export const turns = (count = 3): Promise<void> =>
  count === 0
    ? Promise.resolve()
    : new Promise((resolve) => setTimeout(resolve, 0)).then(() => turns(count - 1));

/** Waits until something is so, for at most two seconds. */
export async function until(what: () => boolean): Promise<void> {
  const last = performance.now() + 2000;
  while (!what()) {
    if (performance.now() > last) throw new Error("it did not come to pass");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
