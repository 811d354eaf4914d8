/** Worker of bench/order_entry.ts: an HTTP/1.1 server that stamps the arrival of each request's last byte. */

interface Start {
  readonly cert: string | null;
  readonly key: string | null;
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Start>) => void) | null;
  postMessage(message: unknown): void;
};

const ANSWER = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
);
/** Same origin for every thread: the worker's own `performance.now()` begins with the worker. */
const wallMs = () => performance.timeOrigin + performance.now();

async function serve(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return;
    const at = wallMs();
    text += decoder.decode(buffer.subarray(0, count));
    const head = text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (head < 0 || text.length < head + 4 + length) continue;
    text = "";
    scope.postMessage({ at });
    await conn.write(ANSWER);
  }
}

scope.onmessage = async ({ data: { cert, key } }) => {
  const where = { hostname: "127.0.0.1", port: 0 };
  const listener = cert === null || key === null
    ? Deno.listen(where)
    : Deno.listenTls({ ...where, cert, key });
  scope.postMessage({ port: (listener.addr as Deno.NetAddr).port });
  for await (const conn of listener) serve(conn).catch(() => conn.close());
};
