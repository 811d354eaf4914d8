/** The pool over real sockets, plain and TLS. */
import assert from "node:assert/strict";
import { type DirectPoolOptions, openDirectPool } from "../../../../feeds/net/direct/pool.ts";
import type { Exchange, Transport } from "../../../../feeds/net/direct/types.ts";
import { type Act, answer, scripted, TLS } from "../../order_entry/desk.ts";
import { get, post, until } from "./fake_streams.ts";

const poolOf = (base: string, more: Partial<DirectPoolOptions> = {}): Transport =>
  openDirectPool({
    base,
    headers: { accept: "application/json" },
    monotonicUs: () => performance.now() * 1000,
    random: () => 0,
    connections: 2,
    maxIdle: 3,
    ...more,
  });

async function withPool(
  decide: (line: string, body: string) => Act,
  act: (pool: Transport, script: ReturnType<typeof scripted>) => Promise<void>,
  more: Partial<DirectPoolOptions> = {},
  tls: Parameters<typeof scripted>[1] = null,
): Promise<void> {
  const script = scripted(decide, tls);
  const pool = poolOf(script.http, more);
  try {
    await act(pool, script);
  } finally {
    await pool.close();
    await script.close();
  }
}

const textOf = async ({ answer }: Exchange): Promise<string> => (await answer).text;
const failureOf = ({ answer }: Exchange): Promise<{ kind: string; message: string }> =>
  answer.then(() => assert.fail("it was answered"), (error) => error);

for (const tls of [null, TLS]) {
  const name = tls === null ? "plain" : "TLS";
  const trust = tls === null ? {} : { caCerts: [TLS.cert] };

  Deno.test(`${name}: bytes leave inside of send(), though the caller goes on computing`, async () => {
    const worker = new Worker(new URL("../../../../bench/order_entry_server.ts", import.meta.url).href, {
      type: "module",
    });
    const told: { port?: number; at?: number }[] = [];
    const ready = Promise.withResolvers<number>();
    worker.onmessage = ({ data }) => {
      told.push(data);
      if (data.port !== undefined) ready.resolve(data.port);
    };
    worker.postMessage({ cert: tls?.cert ?? null, key: tls?.key ?? null });
    const pool = poolOf(`http${tls === null ? "" : "s"}://localhost:${await ready.promise}`, trust);
    await pool.send(get("/time")).answer;
    const started = performance.timeOrigin + performance.now();
    const exchange = pool.send(post("order"));
    // Longer than any other thread of a busy machine would wait.
    const busyMs = 300;
    while (performance.timeOrigin + performance.now() - started < busyMs);
    assert.equal(await textOf(exchange), "{}");
    await until(() => told.length === 3);
    assert.ok(told[2]!.at! - started < busyMs, `${told[2]!.at! - started} ms`);
    await pool.close();
    worker.terminate();
  });

  Deno.test(`${name}: requests share kept connections, large ones too`, async () => {
    await withPool(
      (_line, body) => answer(200, String(body.length)),
      async (pool, script) => {
        const sizes = [0, 1, 50, 60_000];
        for (const size of sizes) assert.equal(await textOf(pool.send(post("x".repeat(size)))), String(size));
        assert.equal(script.connections(), 1);
        const together = [pool.send(post("a")), pool.send(post("bc"))];
        assert.deepEqual(await Promise.all(together.map(textOf)), ["1", "2"]);
        assert.equal(script.connections(), 2);
      },
      trust,
      tls,
    );
  });

  Deno.test(`${name}: a connection that the peer closes while idle is replaced before it is needed`, async () => {
    await withPool(
      () => answer(200, "1", { "x": "y" }),
      async (pool, script) => {
        await pool.send(get("/a")).answer;
        script.drop();
        await until(() => script.connections() === 2 && pool.idle!() === 1);
        const exchange = pool.send(post("order"));
        assert.notEqual(exchange.writtenUs, null);
        assert.equal(await textOf(exchange), "1");
        assert.deepEqual(script.seen, ["GET /a", "POST /order"]);
      },
      trust,
      tls,
    );
  });

  Deno.test(`${name}: a peer that answers and closes is an answer; one that only closes is a lost request`, async () => {
    const last = {
      ...answer(200, "1", { connection: "close" }) as Exclude<Act, string>,
      then: "close",
    } as const;
    await withPool(
      (line) => line.endsWith("/lose") ? "reset" : last,
      async (pool, script) => {
        assert.equal(await textOf(pool.send(get("/a"))), "1");
        assert.equal((await failureOf(pool.send(get("/lose")))).kind, "lost");
        assert.equal(await textOf(pool.send(get("/b"))), "1");
        assert.deepEqual(script.seen, ["GET /a", "GET /lose", "GET /b"]);
      },
      trust,
      tls,
    );
  });
}

Deno.test("a certificate that nobody trusts, and one of another name, fail the request unsent", async () => {
  const listener = Deno.listenTls({ hostname: "0.0.0.0", port: 0, ...TLS });
  const accepting = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(100)).then((count) => assert.equal(count, null), () => {});
      conn.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  for (const [host, caCerts] of [["127.0.0.1", []], ["0.0.0.0", [TLS.cert]]] as const) {
    const pool = poolOf(`https://${host}:${port}`, { caCerts });
    const exchange = pool.send(post("order"));
    const failure = await failureOf(exchange);
    assert.deepEqual([failure.kind, exchange.writtenUs], ["unsent", null]);
    assert.match(failure.message, /^no connection to [\d.]+:\d+: .*certificate/);
    await pool.close();
  }
  listener.close();
  await accepting;
});

Deno.test("over TLS only HTTP/1.1 is agreed on", async () => {
  for (const [alpnProtocols, served] of [[["h2"], false], [["h2", "http/1.1"], true]] as const) {
    const tls = { ...TLS, alpnProtocols: [...alpnProtocols] };
    await withPool(
      () => answer(200, "1"),
      async (pool) => {
        const exchange = pool.send(get("/time"));
        if (served) assert.equal(await textOf(exchange), "1");
        else assert.equal((await failureOf(exchange)).kind, "unsent");
      },
      { caCerts: [TLS.cert] },
      tls,
    );
  }
});

Deno.test("a peer that takes the connection and never shakes hands costs its request no more than the limit", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = listener.accept();
  const pool = poolOf(`https://127.0.0.1:${listener.addr.port}`, { caCerts: [TLS.cert], connectMs: 50 });
  const failure = await failureOf(pool.send(get("/time")));
  assert.equal(failure.kind, "unsent");
  assert.match(failure.message, /no answer within 50 ms/);
  const waiting = pool.send(get("/time"));
  const end = failureOf(waiting);
  await pool.close();
  assert.equal((await end).kind, "unsent");
  (await taken).close();
  listener.close();
});

Deno.test("a port where nobody listens fails the request unsent, and later ones are tried anew", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const pool = poolOf(`http://127.0.0.1:${port}`);
  const failure = await failureOf(pool.send(post("order")));
  assert.equal(failure.kind, "unsent");
  assert.match(failure.message, /refused/i);
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, () => new Response("here"));
  assert.equal(await textOf(pool.send(post("order"))), "here");
  await pool.close();
  await server.shutdown();
});

Deno.test("a server of Deno's own, its chunks and its keep-alive are understood", async () => {
  const pieces = ["a", "bb", "ccc"];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    if (request.method === "POST") {
      return Response.json(await request.json(), { headers: { "retry-after": "3" } });
    }
    const from = ReadableStream.from(pieces.map((text) => new TextEncoder().encode(text)));
    return new Response(from, { status: 503 });
  });
  const pool = poolOf(`http://127.0.0.1:${server.addr.port}`);
  for (let round = 0; round < 3; round++) {
    const chunked = await pool.send(get("/x?y=1")).answer;
    assert.deepEqual([chunked.status, chunked.text], [503, "abbccc"]);
    const json = await pool.send(post('{"a":"ä"}')).answer;
    assert.deepEqual([json.status, json.text, json.headers.get("retry-after")], [200, '{"a":"ä"}', "3"]);
    const none = await pool.send({ ...get("/y"), method: "DELETE" }).answer;
    assert.deepEqual([none.status, none.text], [204, ""]);
    assert.equal(pool.idle!(), 1);
  }
  await pool.close();
  await server.shutdown();
});
