import assert from "node:assert/strict";
import { httpClient, HttpError } from "../../../feeds/net/http.ts";
import { openNetwork } from "../../../feeds/net/network.ts";
import { httpProxy, socksProxy, type TestProxy } from "./proxies.ts";

const CREDENTIALS = { username: "user", password: "secret-of-the-proxy" };
const as = (proxy: TestProxy, user: string) => proxy.url.replace("//", `//${user}@`);

/** A venue with one document and one socket that says hello. */
async function withVenue(body: (port: number) => Promise<void>): Promise<void> {
  const sockets: WebSocket[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    if (request.headers.get("upgrade") === null) {
      return Response.json({ path: new URL(request.url).pathname });
    }
    const { response, socket } = Deno.upgradeWebSocket(request);
    sockets.push(socket);
    socket.onopen = () => socket.send("hello");
    return response;
  });
  try {
    await body(server.addr.port);
  } finally {
    for (const socket of sockets) if (socket.readyState <= WebSocket.OPEN) socket.close();
    await server.shutdown();
  }
}

/** What HTTP and a socket give through a proxy. */
async function through(proxy: string, port: number): Promise<{ http: unknown; socket: string }> {
  const network = openNetwork(proxy);
  try {
    const client = httpClient({
      network,
      clock: { sleep: () => Promise.resolve() },
      random: () => 0,
      retries: 0,
    });
    const http = await client.get(`http://127.0.0.1:${port}/x`).catch((error: unknown) => error);
    const socket = await new Promise<string>((resolve) => {
      const one = network.openSocket(`ws://127.0.0.1:${port}/s`);
      one.onmessage = ({ data }) => {
        one.close();
        resolve(String(data));
      };
      one.onerror = (event) => resolve((event as ErrorEvent).message);
    });
    return { http, socket };
  } finally {
    network.close();
  }
}

async function using(proxies: readonly TestProxy[], body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } finally {
    for (const proxy of proxies) await proxy.close();
  }
}

Deno.test("HTTP and sockets both go through an HTTP proxy and a SOCKS5 proxy, with and without credentials", async () => {
  const open = [httpProxy(), socksProxy()];
  const closed = [httpProxy(CREDENTIALS), socksProxy(CREDENTIALS)];
  await using([...open, ...closed], () =>
    withVenue(async (port) => {
      const user = `${CREDENTIALS.username}:${CREDENTIALS.password}`;
      for (
        const [proxy, url] of [
          ...open.map((p) => [p, p.url] as const),
          ...closed.map((p) => [p, as(p, user)] as const),
        ]
      ) {
        assert.deepEqual(await through(url, port), { http: { path: "/x" }, socket: "hello" }, url);
        assert.deepEqual(proxy.targets, [`127.0.0.1:${port}`, `127.0.0.1:${port}`], "nothing went past it");
      }
    }));
});

Deno.test("a proxy that is not there, wants credentials or refuses ours is one clear error without the password", async () => {
  const http = httpProxy(CREDENTIALS);
  const socks = socksProxy(CREDENTIALS);
  const gone = httpProxy();
  await gone.close();
  await using([http, socks], () =>
    withVenue(async (port) => {
      const cases: [string, RegExp][] = [
        [gone.url, /cannot be reached/],
        [gone.url.replace("http", "socks5"), /cannot be reached/],
        [http.url, /refuses our credentials/],
        [as(http, "user:wrong-word"), /refuses our credentials/],
        [socks.url, /wants credentials/],
        [as(socks, "user:wrong-word"), /refuses our credentials/],
      ];
      for (const [url, words] of cases) {
        const { http: failure, socket } = await through(url, port);
        assert.ok(failure instanceof HttpError, url);
        assert.deepEqual([failure.code, failure.exit], ["PROXY_FAILED", 1], `${url} ${failure.message}`);
        assert.match(failure.message, words);
        assert.match(failure.message, /^Cannot use the proxy (http|socks5):\/\/127\.0\.0\.1:\d+: /);
        assert.ok(!failure.message.includes("wrong-word"));
        assert.notEqual(socket, "hello");
      }
    }));
});

Deno.test("without a proxy a dead venue is the venue's failure", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const network = openNetwork("");
  const client = httpClient({
    network,
    clock: { sleep: () => Promise.resolve() },
    random: () => 0,
    retries: 0,
  });
  await assert.rejects(
    client.get(`http://127.0.0.1:${port}/x`),
    (e) => e instanceof HttpError && e.code === "NETWORK",
  );
});
