/** Two small proxies on loopback for tests: HTTP (CONNECT and absolute-form GET) and SOCKS5, with optional credentials. */

export interface TestProxy {
  /** Without credentials. */
  readonly url: string;
  readonly port: number;
  /** Targets asked for, "host:port". */
  readonly targets: string[];
  close(): Promise<void>;
}

export interface ProxyOptions {
  readonly username?: string;
  readonly password?: string;
}

async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16_384);
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
  } catch {
    // The other side is gone.
  }
  for (const conn of [from, to]) {
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  }
}

const join = async (a: Deno.Conn, b: Deno.Conn): Promise<void> => {
  await Promise.all([pump(a, b), pump(b, a)]);
};

/** Reads up to the blank line of an HTTP head. */
async function readHead(conn: Deno.Conn): Promise<string> {
  let head = "";
  const byte = new Uint8Array(1);
  while (!head.endsWith("\r\n\r\n") && head.length < 16_384) {
    if (await conn.read(byte) === null) return "";
    head += String.fromCharCode(byte[0]!);
  }
  return head;
}

async function readExactly(conn: Deno.Conn, count: number): Promise<Uint8Array> {
  const out = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await conn.read(out.subarray(at));
    if (read === null) throw new Error("the client left");
    at += read;
  }
  return out;
}

async function write(conn: Deno.Conn, bytes: Uint8Array | string): Promise<void> {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  for (let at = 0; at < data.length;) at += await conn.write(data.subarray(at));
}

function serve(scheme: string, handle: (conn: Deno.Conn, targets: string[]) => Promise<void>): TestProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns = new Set<Deno.Conn>();
  const tasks = new Set<Promise<void>>();
  const targets: string[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.add(conn);
      const task = handle(conn, targets).catch(() => {}).finally(() => {
        try {
          conn.close();
        } catch {
          // Closed already.
        }
        conns.delete(conn);
        tasks.delete(task);
      });
      tasks.add(task);
    }
  })();
  const { port } = listener.addr;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    targets,
    async close() {
      listener.close();
      await accepting;
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // Closed already.
        }
      }
      await Promise.all(tasks);
    },
  };
}

/** CONNECT tunnels, and plain requests in absolute form. */
export function httpProxy(options: ProxyOptions = {}): TestProxy {
  const wanted = options.username === undefined
    ? null
    : `Basic ${btoa(`${options.username}:${options.password ?? ""}`)}`;
  return serve("http", async (conn, targets) => {
    const head = await readHead(conn);
    const [method = "", target = ""] = head.split(" ");
    const given = /^proxy-authorization: (.*)$/im.exec(head)?.[1]?.trim() ?? null;
    if (wanted !== null && given !== wanted) {
      return write(
        conn,
        'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="t"\r\ncontent-length: 0\r\n\r\n',
      );
    }
    const url = method === "CONNECT" ? new URL(`http://${target}`) : new URL(target);
    const port = Number(url.port === "" ? 80 : url.port);
    targets.push(`${url.hostname}:${port}`);
    const upstream = await Deno.connect({ hostname: url.hostname, port });
    if (method === "CONNECT") await write(conn, "HTTP/1.1 200 Connection established\r\n\r\n");
    else {
      const path = `${url.pathname}${url.search}`;
      await write(upstream, head.replace(target, path).replace(/^proxy-.*\r\n/gim, ""));
    }
    await join(conn, upstream);
  });
}

/** RFC 1928 CONNECT with addresses or names, RFC 1929 credentials. */
export function socksProxy(options: ProxyOptions = {}): TestProxy {
  return serve("socks5", async (conn, targets) => {
    const [, methods = 0] = await readExactly(conn, 2);
    const offered = await readExactly(conn, methods);
    const method = options.username === undefined ? 0 : 2;
    if (!offered.includes(method)) return write(conn, Uint8Array.of(5, 0xff));
    await write(conn, Uint8Array.of(5, method));
    if (method === 2) {
      const [, nameLength = 0] = await readExactly(conn, 2);
      const name = new TextDecoder().decode(await readExactly(conn, nameLength));
      const [passLength = 0] = await readExactly(conn, 1);
      const pass = new TextDecoder().decode(await readExactly(conn, passLength));
      const good = name === options.username && pass === (options.password ?? "");
      await write(conn, Uint8Array.of(1, good ? 0 : 1));
      if (!good) return;
    }
    const [, , , kind] = await readExactly(conn, 4);
    let hostname: string;
    if (kind === 1) hostname = [...await readExactly(conn, 4)].join(".");
    else {
      const [length = 0] = await readExactly(conn, 1);
      hostname = new TextDecoder().decode(await readExactly(conn, length));
    }
    const [high = 0, low = 0] = await readExactly(conn, 2);
    const port = high * 256 + low;
    targets.push(`${hostname}:${port}`);
    const upstream = await Deno.connect({ hostname, port });
    await write(conn, Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
    await join(conn, upstream);
  });
}
