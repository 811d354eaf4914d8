/**
 * The legs of a request measured one by one on a connection written by hand: name lookup, TCP, TLS, first byte, and the round
 * trip on the connection once it stands. HTTP/1.1, GET, nothing of an account. Never used through a proxy: it would go
 * round it.
 */
import { lookup } from "node:dns/promises";
import { USER_AGENT } from "../net/http.ts";

export const LEGS = ["dns", "tcp", "tls", "firstByte", "keepAlive"] as const;
export type Leg = typeof LEGS[number];

/** Milliseconds by leg; a leg that does not exist (an address needs no lookup, http no TLS) is empty. */
export type LegTimes = Readonly<Record<Leg, readonly number[]>>;

export interface LegOptions {
  readonly url: string;
  /** Connections opened one after the other. */
  readonly connections: number;
  /** Requests on the last connection. */
  readonly roundTrips: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly monotonicUs: () => number;
}

const MAX_ANSWER = 1_000_000;
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[.*\])$/;

/** Reads one answer from `conn` to its end; tells when its first byte was there. Throws for what is no answer. */
async function readAnswer(conn: Deno.Conn, monotonicUs: () => number): Promise<number> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(65_536);
  let text = "";
  let firstUs = NaN;
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("the connection was closed in the middle of an answer");
    if (Number.isNaN(firstUs)) firstUs = monotonicUs();
    text += decoder.decode(buffer.subarray(0, count));
    if (text.length > MAX_ANSWER) throw new Error("the answer is too long");
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) continue;
    const length = /\r\ncontent-length:\s*(\d+)/i.exec(text.slice(0, head))?.[1];
    const body = text.length - head - 4;
    const chunked = /\r\ntransfer-encoding:\s*chunked/i.test(text.slice(0, head));
    if (chunked ? text.endsWith("0\r\n\r\n") : body >= Number(length ?? 0)) return firstUs;
  }
}

interface Opened {
  readonly conn: Deno.Conn;
  readonly ms: Partial<Record<Leg, number>>;
}

async function open(url: URL, monotonicUs: () => number): Promise<Opened> {
  const { hostname, protocol } = url;
  const port = Number(url.port || (protocol === "https:" ? 443 : 80));
  const ms: Partial<Record<Leg, number>> = {};
  let from = monotonicUs();
  const lap = () => {
    const now = monotonicUs();
    const took = (now - from) / 1000;
    from = now;
    return took;
  };
  const named = !ADDRESS.test(hostname);
  if (named) {
    await lookup(hostname);
    ms.dns = lap();
  }
  // By name, because the permissions are those of names: the second lookup is taken off as the first one took.
  const tcp = await Deno.connect({ hostname, port });
  ms.tcp = Math.max(0, lap() - (ms.dns ?? 0));
  tcp.setNoDelay(true);
  if (protocol !== "https:") return { conn: tcp, ms };
  try {
    const tls = await Deno.startTls(tcp, { hostname, alpnProtocols: ["http/1.1"] });
    await tls.handshake();
    ms.tls = lap();
    return { conn: tls, ms };
  } catch (error) {
    try {
      tcp.close();
    } catch {
      // The handshake took the socket with it.
    }
    throw error;
  }
}

/**
 * Measures the legs to one host. Throws what the network throws, or the signal's reason; each connection with its requests
 * has `deadlineMs`.
 */
export async function measureLegs(options: LegOptions): Promise<LegTimes> {
  const { connections, deadlineMs, monotonicUs, roundTrips, signal } = options;
  const url = new URL(options.url);
  const times: Record<Leg, number[]> = { dns: [], tcp: [], tls: [], firstByte: [], keepAlive: [] };
  const request = new TextEncoder().encode(
    `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nuser-agent: ${USER_AGENT}\r\n` +
      "accept: application/json\r\naccept-encoding: identity\r\n\r\n",
  );
  for (let i = 0; i < connections; i++) {
    signal.throwIfAborted();
    const { conn, ms } = await open(url, monotonicUs);
    // A connection that is closed under a read ends it.
    const end = () => {
      try {
        conn.close();
      } catch {
        return;
      }
    };
    const timer = setTimeout(end, deadlineMs);
    signal.addEventListener("abort", end, { once: true });
    try {
      for (const leg of ["dns", "tcp", "tls"] as const) if (ms[leg] !== undefined) times[leg].push(ms[leg]);
      const rounds = i === connections - 1 ? roundTrips : 0;
      for (let trip = 0; trip <= rounds; trip++) {
        const sentUs = monotonicUs();
        await conn.write(request);
        const firstUs = await readAnswer(conn, monotonicUs);
        times[trip === 0 ? "firstByte" : "keepAlive"].push((firstUs - sentUs) / 1000);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      end();
    }
  }
  return times;
}
