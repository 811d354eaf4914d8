import assert from "node:assert/strict";
import { type HostLegs, type LegOptions, LEGS, measureLegs } from "../../../feeds/probe/legs.ts";
import { CERT, closedPort, limits, relay, silentHost, using, withHost } from "./stage.ts";

/** Each way. */
const DELAY_MS = 25;
const RTT_MS = 2 * DELAY_MS;
const least = (values: readonly number[]): number => Math.min(...values);

const legsOf = (url: string, more: Partial<LegOptions> = {}): Promise<HostLegs> =>
  measureLegs({ ...limits(), url, connections: 3, roundTrips: 5, caCerts: [CERT], ...more });
const counts = ({ times }: HostLegs): number[] => LEGS.map((leg) => times[leg].length);

/** Of several samples the least: a busy machine makes a leg longer, never shorter. */
function assertRoundTrips(values: readonly number[], trips: number, what: string): void {
  const ms = least(values);
  assert.ok(ms >= trips * RTT_MS - 2, `${what}: ${ms} ms is less than ${trips} round trips of ${RTT_MS} ms`);
  assert.ok(ms < (trips + 0.9) * RTT_MS, `${what}: ${ms} ms is ${trips + 1} round trips of ${RTT_MS} ms`);
}

Deno.test("over TLS each leg is what it should be: TLS, first byte and keep-alive are a round trip each", async () => {
  await withHost({}, async ({ spoken, tlsPort, userAgents }) => {
    const far = relay(tlsPort, DELAY_MS);
    await using([far], async () => {
      const legs = await legsOf(`https://localhost:${far.port}/time`, { connections: 4 });
      assert.equal(legs.failure, null);
      assert.deepEqual(counts(legs), [4, 4, 4, 4, 5]);
      // The relay's kernel takes the connection at once: what is said on it is what is delayed.
      assert.ok(least(legs.times.dns) + least(legs.times.tcp) < DELAY_MS);
      assertRoundTrips(legs.times.tls, 1, "tls");
      assertRoundTrips(legs.times.firstByte, 1, "first byte");
      assertRoundTrips(legs.times.keepAlive, 1, "keep-alive");
      assert.deepEqual(new Set(spoken), new Set(["http/1.1"]));
      assert.deepEqual([...userAgents], ["poly-edge/0.1.0"]);
    });
  });
});

Deno.test("a slow TCP handshake is in the leg of TCP and in no other", async () => {
  // A full queue makes the kernel drop the greeting; it is sent again about a second later.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const held = await Promise.all([0, 1].map(() => Deno.connect({ hostname: "127.0.0.1", port })));
  const serving = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (let i = 0; i < 3; i++) held.push(await listener.accept());
    const conn = held.at(-1)!;
    await conn.read(new Uint8Array(4096));
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
  })();
  const legs = await legsOf(`http://localhost:${port}/`, { connections: 1, roundTrips: 0 });
  await serving;
  listener.close();
  for (const conn of held) conn.close();
  assert.equal(legs.failure, null);
  assert.ok(legs.times.tcp[0]! > 290, `${legs.times.tcp[0]} ms`);
  assert.ok(legs.times.dns[0]! < 290 && legs.times.firstByte[0]! < 290);
});

Deno.test("plain, by address: no lookup, no TLS, a first byte a connection; the family is said", async () => {
  await withHost({}, async ({ plainPort }) => {
    const legs = await legsOf(`http://127.0.0.1:${plainPort}/time`);
    assert.deepEqual(counts(legs), [0, 3, 0, 3, 5]);
    assert.deepEqual([legs.resolved, legs.used], [[], { address: "127.0.0.1", family: 4 }]);
    const named = await legsOf(`http://localhost:${plainPort}/time`);
    assert.deepEqual(counts(named), [3, 3, 0, 3, 5]);
    assert.ok(named.resolved.some(({ address, family }) => address === "127.0.0.1" && family === 4));
    assert.deepEqual(named.used, { address: "127.0.0.1", family: 4 });
  });
});

Deno.test("an address of IPv6 is connected to and said", async () => {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ hostname: "::1", port: 0, onListen: () => {} }, () => new Response("1"));
  } catch (error) {
    console.log(`SKIPPED: this machine has no IPv6 on loopback: ${error}`);
    return;
  }
  const legs = await legsOf(`http://[::1]:${server.addr.port}/time`);
  await server.shutdown();
  assert.equal(legs.failure, null);
  assert.deepEqual([counts(legs), legs.used], [[0, 3, 0, 3, 5], { address: "::1", family: 6 }]);
});

Deno.test("what is wrong is told at the leg where it is wrong; what was measured before stays", async () => {
  await withHost({ alpn: ["http/1.1"] }, async ({ plainPort, tlsPort }) => {
    const none = closedPort();
    const cases: [url: string, more: Partial<LegOptions>, leg: string, measured: number[], words: RegExp][] =
      [
        // Longer than a label may be: no name server is asked.
        [`http://${"a".repeat(64)}.test/`, {}, "dns", [0, 0, 0, 0, 0], /test:80: its name does not resolve/],
        [`http://localhost:${none}/`, {}, "tcp", [1, 0, 0, 0, 0], /localhost:\d+: nothing listens there/],
        [`https://localhost:${tlsPort}/`, { caCerts: [] }, "tls", [1, 1, 0, 0, 0], /is not trusted here/],
        [`https://127.0.0.2:${tlsPort}/`, {}, "tcp", [0, 0, 0, 0, 0], /nothing listens there/],
        [`https://localhost:${plainPort}/`, {}, "tls", [1, 1, 0, 0, 0], /does not speak TLS|hung up/],
        [`http://127.0.0.1:${tlsPort}/`, {}, "firstByte", [0, 1, 0, 0, 0], /hung up|no HTTP\/1\.1/],
      ];
    for (const [url, more, leg, measured, words] of cases) {
      const legs = await legsOf(url, more);
      assert.deepEqual([legs.failure?.leg, counts(legs)], [leg, measured], `${url} ${legs.failure?.error}`);
      assert.match(legs.failure!.error.message, words);
      assert.equal(legs.failure!.error.code, "NETWORK");
    }
  });
});

Deno.test("a certificate for another name is said to be that", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.2", port: 0 });
  const { port } = listener.addr;
  await withHost({}, async ({ tlsPort }) => {
    const forward = (async () => {
      const conn = await listener.accept();
      const to = await Deno.connect({ hostname: "127.0.0.1", port: tlsPort });
      await Promise.allSettled([conn.readable.pipeTo(to.writable), to.readable.pipeTo(conn.writable)]);
    })();
    const legs = await legsOf(`https://127.0.0.2:${port}/`);
    await forward;
    assert.equal(legs.failure?.leg, "tls");
    assert.match(legs.failure!.error.message, /its certificate is for another name/);
  });
  listener.close();
});

Deno.test("a refusal has no time: geo-block, rate limit and any other status are told as what they are", async () => {
  const cases: [status: number, body: string, code: string, words: RegExp][] = [
    [451, "", "GEO_BLOCKED", /from here: the venue answers 451/],
    [403, "error code: 1010 cloudflare", "GEO_BLOCKED", /from here: the venue answers 403/],
    [429, "", "RATE_LIMITED", /rate limited, status is 429/],
    [503, "", "HTTP_STATUS", /status is 503/],
  ];
  for (const [status, body, code, words] of cases) {
    let asked = 0;
    await withHost({
      answer: () => {
        asked++;
        return new Response(body, { status, headers: { "retry-after": "7" } });
      },
    }, async ({ plainPort }) => {
      const legs = await legsOf(`http://127.0.0.1:${plainPort}/time`);
      assert.deepEqual([legs.failure?.leg, legs.failure?.error.code], ["firstByte", code]);
      assert.match(legs.failure!.error.message, words);
      assert.equal(legs.failure!.error.retryAfterMs, 7000);
      assert.deepEqual(counts(legs), [0, 1, 0, 0, 0]);
    });
    assert.equal(asked, 1, "who refuses is not asked again");
  }
});

Deno.test("a host that says nothing ends at the deadline, in the handshake and after the request, and at the signal", async () => {
  const silent = silentHost();
  await using([silent], async () => {
    for (
      const [scheme, leg, words] of [
        ["https", "tls", /it did not finish the TLS handshake within 60 ms/],
        ["http", "firstByte", /it took the request and did not answer within 60 ms/],
      ] as const
    ) {
      const url = `${scheme}://127.0.0.1:${silent.port}/time`;
      const legs = await legsOf(url, { deadlineMs: 60 });
      assert.deepEqual([legs.failure?.leg, legs.failure?.error.code], [leg, "TIMEOUT"]);
      assert.match(legs.failure!.error.message, words);
      const stop = new AbortController();
      const under = legsOf(url, { signal: stop.signal });
      setTimeout(() => stop.abort(new DOMException("stopped", "AbortError")), 10);
      await assert.rejects(under, { name: "AbortError" });
    }
  });
});

Deno.test("a host that takes no connection ends at the deadline", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const held = await Promise.all([0, 1].map(() => Deno.connect({ hostname: "127.0.0.1", port })));
  const legs = await legsOf(`http://localhost:${port}/`, { deadlineMs: 80 });
  listener.close();
  for (const conn of held) conn.close();
  assert.equal(legs.failure?.leg, "tcp");
  assert.match(legs.failure!.error.message, /it did not take the connection within 80 ms/);
});

Deno.test("a host that hangs up after its answer has a first byte and no keep-alive", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const conn = await listener.accept();
    await conn.read(new Uint8Array(4096));
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1"));
    conn.close();
  })();
  const legs = await legsOf(`http://127.0.0.1:${listener.addr.port}/time`, { connections: 1 });
  await serving;
  listener.close();
  assert.deepEqual(counts(legs), [0, 1, 0, 1, 0]);
  assert.deepEqual(legs.failure?.leg, "keepAlive");
  assert.match(legs.failure!.error.message, /it hung up/);
});
