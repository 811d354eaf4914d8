/** Hosts for the probe on loopback: TLS with both versions of HTTP by ALPN, and a relay that makes any host far away. */
import type { Limits } from "../../../feeds/probe/connection.ts";

const file = (name: string): string =>
  Deno.readTextFileSync(new URL(`../../../fixtures/tls/${name}`, import.meta.url));

/** The public test certificate (fixtures/tls/README.md), its own authority. */
export const CERT = file("localhost.crt");
const KEY = file("localhost.key");

export const monotonicUs = (): number => performance.now() * 1000;
export const limits = (deadlineMs = 5000): Omit<Limits, "caCerts"> => ({
  ...{ deadlineMs, monotonicUs },
  signal: new AbortController().signal,
});

const HOST = "127.0.0.1";
const close = (conn: Deno.Conn): void => {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
};

/** Accepts until closed; every connection it made or took is closed with it. */
class Acceptor {
  readonly conns = new Set<Deno.Conn>();
  private readonly tasks = new Set<Promise<void>>();
  private readonly accepting: Promise<void>;
  private closed = false;

  constructor(private readonly listener: Deno.Listener, handle: (conn: Deno.Conn) => Promise<void>) {
    this.accepting = (async () => {
      while (!this.closed) {
        let conn: Deno.Conn;
        try {
          conn = await listener.accept();
        } catch {
          continue;
        }
        this.conns.add(conn);
        const task = handle(conn).catch(() => {}).finally(() => {
          close(conn);
          this.tasks.delete(task);
        });
        this.tasks.add(task);
      }
    })();
  }

  get port(): number {
    return (this.listener.addr as Deno.NetAddr).port;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.listener.close();
    for (const conn of this.conns) close(conn);
    await this.accepting;
    await Promise.all(this.tasks);
  }
}

async function pump(from: Deno.Conn, to: Deno.Conn, delayMs: number): Promise<void> {
  const buffer = new Uint8Array(16_384);
  let last: Promise<void> = Promise.resolve();
  const timers = new Set<Promise<void>>();
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      const part = buffer.slice(0, count);
      const due = new Promise<void>((resolve) => setTimeout(resolve, delayMs));
      const before = last;
      last = (async () => {
        await Promise.all([before, due]);
        for (let at = 0; at < part.length;) at += await to.write(part.subarray(at));
      })();
      timers.add(last.catch(() => {}));
    }
  } catch {
    // The other side is gone.
  }
  await Promise.all(timers);
  close(from);
  close(to);
}

async function joined(acceptor: Acceptor, conn: Deno.Conn, port: number, delayMs: number): Promise<void> {
  const upstream = await Deno.connect({ hostname: HOST, port });
  acceptor.conns.add(upstream);
  upstream.setNoDelay(true);
  await Promise.all([pump(conn, upstream, delayMs), pump(upstream, conn, delayMs)]);
}

export interface Place {
  readonly port: number;
  close(): Promise<void>;
}

/** Everything that is said to `port` and back takes `delayMs` longer each way. Only TCP's own handshake does not. */
export function relay(port: number, delayMs: number): Place {
  const acceptor: Acceptor = new Acceptor(
    Deno.listen({ hostname: HOST, port: 0 }),
    async (conn) => {
      (conn as Deno.TcpConn).setNoDelay(true);
      await joined(acceptor, conn, port, delayMs);
    },
  );
  return acceptor;
}

/** Takes connections and says nothing. */
export function silentHost(): Place & { readonly conns: ReadonlySet<Deno.Conn> } {
  const held = Promise.withResolvers<void>();
  const acceptor = new Acceptor(Deno.listen({ hostname: HOST, port: 0 }), () => held.promise);
  return {
    port: acceptor.port,
    conns: acceptor.conns,
    async close() {
      held.resolve();
      await acceptor.close();
    },
  };
}

/** A port at which nothing listens. */
export function closedPort(): number {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

export interface WebHost {
  /** Speaks plain HTTP/1.1, and HTTP/2 to who begins with it. */
  readonly plainPort: number;
  readonly tlsPort: number;
  /** What ALPN chose for each connection over TLS, in their order. */
  readonly spoken: (string | null)[];
  readonly userAgents: Set<string | null>;
}

/** Serves `answer` plainly and over TLS, there in the versions of `alpn`. */
export async function withHost(
  options: { readonly alpn?: readonly string[]; readonly answer?: (request: Request) => Response },
  act: (host: WebHost) => Promise<void>,
): Promise<void> {
  const userAgents = new Set<string | null>();
  const answer = options.answer ?? (() => new Response("1795000000"));
  const server = Deno.serve({ hostname: HOST, port: 0, onListen: () => {} }, (request) => {
    userAgents.add(request.headers.get("user-agent"));
    return answer(request);
  });
  const plainPort = server.addr.port;
  const spoken: (string | null)[] = [];
  const alpnProtocols = [...options.alpn ?? ["h2", "http/1.1"]];
  const front: Acceptor = new Acceptor(
    Deno.listenTls({ hostname: HOST, port: 0, cert: CERT, key: KEY, alpnProtocols }),
    async (conn) => {
      const { alpnProtocol } = await (conn as Deno.TlsConn).handshake();
      spoken.push(alpnProtocol);
      await joined(front, conn, plainPort, 0);
    },
  );
  try {
    await act({ plainPort, tlsPort: front.port, spoken, userAgents });
  } finally {
    await front.close();
    await server.shutdown();
  }
}

/** Runs `act` and closes the places, whatever happens. */
export async function using(
  places: readonly { close(): Promise<void> }[],
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act();
  } finally {
    for (const place of places) await place.close();
  }
}
