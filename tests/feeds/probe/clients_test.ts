import assert from "node:assert/strict";
import { type ClientOptions, type ClientTimes, measureClients } from "../../../feeds/probe/clients.ts";
import { httpProxy, socksProxy } from "../net/proxies.ts";
import { CERT, closedPort, limits, relay, silentHost, using, withHost } from "./stage.ts";

/** Each way. */
const DELAY_MS = 25;
const RTT_MS = 2 * DELAY_MS;
const CREDENTIALS = { username: "user", password: "word-of-the-proxy" };

const timesOf = (url: string, more: Partial<ClientOptions> = {}): Promise<ClientTimes[]> =>
  measureClients({
    ...{ ...limits(), url, warmSamples: 4, coldSamples: 3, proxies: [null], caCerts: [CERT], ...more },
  });
const shape = (rows: readonly ClientTimes[]) =>
  rows.map(({ failure, ms, state, version }) => [version, state, ms.length, failure?.code ?? null]);
const least = (rows: readonly ClientTimes[], at: number): number => Math.min(...rows[at]!.ms);

const WHOLE = [
  ["HTTP/1.1", "cold", 3, null],
  ["HTTP/1.1", "warm", 4, null],
  ["HTTP/2", "cold", 3, null],
  ["HTTP/2", "warm", 4, null],
];

/** Of several samples the least: a busy machine makes it longer, never shorter. */
function assertRoundTrips(ms: number, trips: number, what: string): void {
  assert.ok(ms >= trips * RTT_MS - 2, `${what}: ${ms} ms is less than ${trips} round trips of ${RTT_MS} ms`);
  assert.ok(ms < (trips + 0.9) * RTT_MS, `${what}: ${ms} ms is ${trips + 1} round trips of ${RTT_MS} ms`);
}

Deno.test("over TLS: cold is handshake and answer, warm is one round trip, in HTTP/2 as in HTTP/1.1", async () => {
  await withHost({}, async ({ spoken, tlsPort, userAgents }) => {
    const far = relay(tlsPort, DELAY_MS);
    await using([far], async () => {
      const rows = await timesOf(`https://localhost:${far.port}/time`);
      assert.deepEqual(shape(rows), WHOLE);
      for (const [at, trips] of [[0, 2], [1, 1], [2, 2], [3, 1]] as const) {
        assertRoundTrips(least(rows, at), trips, `${rows[at]!.version} ${rows[at]!.state}`);
      }
    });
    // A connection a cold request and one for all warm ones, each in the version that was wanted.
    assert.deepEqual(spoken, [...Array(4).fill("http/1.1"), ...Array(4).fill("h2")]);
    // Cloudflare answers 403 to a client that does not name itself.
    assert.deepEqual([...userAgents], ["poly-edge/0.1.0"]);
  });
});

Deno.test("through each proxy, with and without credentials, the way to it is paid and nothing goes past it", async () => {
  const proxies = [httpProxy(), socksProxy(), httpProxy(CREDENTIALS), socksProxy(CREDENTIALS)];
  const relays = proxies.map(({ port }) => relay(port, DELAY_MS));
  await using([...relays, ...proxies], () =>
    withHost({}, async ({ tlsPort }) => {
      const urls = relays.map(({ port }, i) => {
        const scheme = proxies[i]!.url.split(":")[0];
        return `${scheme}://${i < 2 ? "" : "user:word-of-the-proxy@"}127.0.0.1:${port}`;
      });
      const rows = await timesOf(`https://localhost:${tlsPort}/time`, {
        ...{ proxies: [null, ...urls], coldSamples: 2, warmSamples: 3 },
      });
      assert.equal(rows.length, 20);
      for (const row of rows) assert.equal(row.failure, null, `${row.proxy}: ${row.failure}`);
      // CONNECT is one round trip more than the direct way's two; SOCKS5 greets first, and says the password apart.
      for (const [way, trips] of [[1, 3], [2, 4], [3, 3], [4, 5]] as const) {
        for (const version of [0, 2]) {
          assertRoundTrips(least(rows, way * 4 + version), trips, `${urls[way - 1]} cold`);
          assertRoundTrips(least(rows, way * 4 + version + 1), 1, `${urls[way - 1]} warm`);
        }
      }
      assert.ok(least(rows, 1) < DELAY_MS, "the direct way is not delayed");
      for (const proxy of proxies) {
        assert.deepEqual(new Set(proxy.targets), new Set([`localhost:${tlsPort}`]));
      }
    }));
});

Deno.test("a proxy that is down or refuses is one row that says so without the password; the others are measured", async () => {
  const [http, socks, good] = [httpProxy(CREDENTIALS), socksProxy(CREDENTIALS), httpProxy()];
  const silent = silentHost();
  await using([http, socks, good, silent], () =>
    withHost({}, async ({ tlsPort }) => {
      const gone = `http://127.0.0.1:${closedPort()}`;
      const wrong = (url: string) => url.replace("//", "//user:wrong-word@");
      const bad: [string, string, RegExp][] = [
        [gone, "PROXY_FAILED", /it cannot be reached/],
        [gone.replace("http", "socks5"), "PROXY_FAILED", /it cannot be reached/],
        [http.url, "PROXY_FAILED", /refuses our credentials/],
        [wrong(http.url), "PROXY_FAILED", /refuses our credentials/],
        [socks.url, "PROXY_FAILED", /wants credentials/],
        [wrong(socks.url), "PROXY_FAILED", /refuses our credentials/],
        [`http://127.0.0.1:${silent.port}`, "TIMEOUT", /no answer within 300 ms/],
      ];
      const rows = await timesOf(`https://localhost:${tlsPort}/time`, {
        proxies: [...bad.map(([proxy]) => proxy), good.url],
        deadlineMs: 300,
      });
      assert.equal(rows.length, bad.length + 4);
      bad.forEach(([proxy, code, words], at) => {
        const { failure, ms } = rows[at]!;
        assert.deepEqual([failure?.code, ms.length], [code, 0], `${proxy}: ${failure}`);
        assert.match(failure!.message, words);
        assert.ok(!failure!.message.includes("wrong-word"));
      });
      assert.deepEqual(shape(rows.slice(bad.length)), WHOLE);
    }));
});

Deno.test("without TLS HTTP/2 is measured directly and through socks5; an http proxy has HTTP/1.1 alone", async () => {
  const proxies = [httpProxy(), socksProxy()];
  await using(proxies, () =>
    withHost({}, async ({ plainPort }) => {
      const ways = [null, ...proxies.map(({ url }) => url)];
      const rows = await timesOf(`http://127.0.0.1:${plainPort}/time`, { proxies: ways });
      assert.deepEqual(shape(rows), [...WHOLE, ...WHOLE.slice(0, 2), ...WHOLE]);
    }));
});

Deno.test("a host without HTTP/2 is measured in HTTP/1.1 and said not to speak the other", async () => {
  await withHost({ alpn: ["http/1.1"] }, async ({ tlsPort }) => {
    const rows = await timesOf(`https://localhost:${tlsPort}/time`);
    assert.deepEqual(shape(rows), [...WHOLE.slice(0, 2), ["HTTP/2", "cold", 0, "NETWORK"]]);
    assert.match(rows[2]!.failure!.message, /does not speak this version of HTTP/);
  });
});

Deno.test("what is wrong with the host is said in words, once", async () => {
  await withHost({}, async ({ plainPort, tlsPort }) => {
    const cases: [url: string, more: Partial<ClientOptions>, words: RegExp][] = [
      [`http://${"a".repeat(64)}.test/`, {}, /its name does not resolve/],
      [`http://localhost:${closedPort()}/`, {}, /nothing listens there/],
      [`https://localhost:${tlsPort}/`, { caCerts: [] }, /its certificate is not trusted here/],
      [`https://localhost:${plainPort}/`, {}, /it does not speak TLS/],
    ];
    for (const [url, more, words] of cases) {
      const rows = await timesOf(url, more);
      assert.deepEqual(shape(rows), [["HTTP/1.1", "cold", 0, "NETWORK"]], url);
      assert.match(rows[0]!.failure!.message, words);
    }
  });
});

Deno.test("a refusal has no time; requests that were answered before it count", async () => {
  for (const [status, code] of [[451, "GEO_BLOCKED"], [429, "RATE_LIMITED"], [500, "HTTP_STATUS"]] as const) {
    await withHost({ answer: () => new Response("", { status }) }, async ({ plainPort }) => {
      const rows = await timesOf(`http://127.0.0.1:${plainPort}/time`);
      assert.deepEqual(shape(rows), [["HTTP/1.1", "cold", 0, code]]);
    });
  }
  let asked = 0;
  const answer = () => new Response("1", { status: ++asked > 6 ? 429 : 200 });
  await withHost({ answer }, async ({ plainPort }) => {
    const rows = await timesOf(`http://127.0.0.1:${plainPort}/time`);
    // Three cold ones, the one that opens, two warm ones.
    assert.deepEqual(shape(rows), [
      ["HTTP/1.1", "cold", 3, null],
      ["HTTP/1.1", "warm", 2, "RATE_LIMITED"],
      ["HTTP/2", "cold", 0, "RATE_LIMITED"],
    ]);
  });
});

Deno.test("the signal ends it at once", async () => {
  const silent = silentHost();
  await using([silent], async () => {
    const stop = new AbortController();
    const under = timesOf(`http://127.0.0.1:${silent.port}/`, { signal: stop.signal });
    setTimeout(() => stop.abort(new DOMException("stopped", "AbortError")), 10);
    await assert.rejects(under, { name: "AbortError" });
  });
});
