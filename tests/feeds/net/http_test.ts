import assert from "node:assert/strict";
import { ms } from "../../../core/units.ts";
import { backoffMs } from "../../../feeds/net/backoff.ts";
import {
  type HttpClient,
  httpClient,
  HttpError,
  parseRetryAfter,
  USER_AGENT,
} from "../../../feeds/net/http.ts";
import { openNetwork } from "../../../feeds/net/network.ts";

type Handler = (request: Request, attempt: number) => Response | Promise<Response>;

/** A real server on loopback for the time of one test; sleeps are recorded instead of slept. */
async function withServer(
  handler: Handler,
  body: (http: HttpClient, url: string, seen: { attempts: number; slept: number[] }) => Promise<void>,
  options: { deadlineMs?: number; maxBytes?: number; retries?: number } = {},
): Promise<void> {
  const seen = { attempts: 0, slept: [] as number[] };
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => handler(request, seen.attempts++),
  );
  const clock = { sleep: (duration: number) => (seen.slept.push(duration), Promise.resolve()) };
  const http = httpClient({ network: openNetwork(), clock, random: () => 0.5, ...options });
  try {
    await body(http, `http://127.0.0.1:${server.addr.port}/x?secret=1`, seen);
  } finally {
    await server.shutdown();
  }
}

const failure = async (work: Promise<unknown>): Promise<HttpError> => {
  const error = await work.then(() => null, (e: unknown) => e);
  assert.ok(error instanceof HttpError, String(error));
  return error;
};

Deno.test("get() names our user agent and gives parsed JSON", async () => {
  await withServer(
    (request) => Response.json({ agent: request.headers.get("user-agent") }),
    async (http, url) => {
      assert.deepEqual(await http.get(url), { agent: USER_AGENT });
    },
  );
});

Deno.test("get() gives up at its deadline on a server that never answers", async () => {
  const gate = Promise.withResolvers<Response>();
  await withServer(() => gate.promise, async (http, url) => {
    const error = await failure(http.get(url, { deadlineMs: 50, retries: 0 }));
    assert.equal(error.code, "TIMEOUT");
    gate.resolve(new Response("{}"));
  });
});

Deno.test("get() gives up at its deadline on a body that never ends", async () => {
  const body = () => new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("[1")) });
  await withServer(() => new Response(body()), async (http, url) => {
    assert.equal((await failure(http.get(url, { deadlineMs: 50, retries: 0 }))).code, "TIMEOUT");
  });
});

Deno.test("get() repeats a 5xx with jitter, post() never repeats anything", async () => {
  const flaky: Handler = (_, attempt) =>
    attempt < 2 ? new Response("no", { status: 503 }) : Response.json([attempt]);
  await withServer(flaky, async (http, url, seen) => {
    assert.deepEqual(await http.get(url), [2]);
    assert.deepEqual(seen.slept, [125, 250], "half of 250 ms, half of 500 ms");
  });
  await withServer(flaky, async (http, url, seen) => {
    assert.equal((await failure(http.post(url, {}))).status, 503);
    assert.equal(seen.attempts, 1);
  });
});

Deno.test("a 4xx is final, with its status, a short excerpt, and no query in the message", async () => {
  await withServer(() => new Response("e".repeat(5000), { status: 404 }), async (http, url, seen) => {
    const error = await failure(http.get(url));
    assert.deepEqual([error.code, error.status, seen.attempts], ["HTTP_STATUS", 404, 1]);
    assert.equal(String(error.details["body"]).length, 200);
    assert.ok(!error.message.includes("secret"));
  });
});

Deno.test("451 and Cloudflare's 403 are GEO_BLOCKED with exit 4, another 403 is not", async () => {
  const answers: [string, number, string, number][] = [
    ["restricted", 451, "GEO_BLOCKED", 4],
    ["error code: 1010", 403, "GEO_BLOCKED", 4],
    ["<title>Attention Required! | Cloudflare</title>", 403, "GEO_BLOCKED", 4],
    ["forbidden", 403, "HTTP_STATUS", 1],
  ];
  for (const [text, status, code, exit] of answers) {
    await withServer(() => new Response(text, { status }), async (http, url, seen) => {
      const error = await failure(http.get(url));
      assert.deepEqual([error.code, error.exit, seen.attempts], [code, exit, 1]);
    });
  }
});

Deno.test("429 and 418 honour Retry-After when it is short, and give it to the caller when it is long", async () => {
  const limited = (after: string): Handler => (_, attempt) =>
    attempt === 0 ? new Response("", { status: 429, headers: { "retry-after": after } }) : Response.json(1);
  await withServer(limited("2"), async (http, url, seen) => {
    assert.equal(await http.get(url), 1);
    assert.deepEqual(seen.slept, [2000]);
  });
  await withServer(limited("120"), async (http, url, seen) => {
    const error = await failure(http.get(url));
    assert.deepEqual([error.code, error.retryAfterMs, seen.slept], ["RATE_LIMITED", 120_000, []]);
  });
  await withServer(() => new Response("", { status: 418 }), async (http, url) => {
    assert.equal((await failure(http.get(url, { retries: 0 }))).code, "RATE_LIMITED");
  });
});

Deno.test("text that is no JSON is BAD_JSON, a body past the cap BODY_TOO_LARGE, a dead port NETWORK", async () => {
  await withServer(() => new Response("<html>"), async (http, url) => {
    assert.equal((await failure(http.get(url))).code, "BAD_JSON");
  });
  await withServer(() => Response.json("x".repeat(2000)), async (http, url) => {
    assert.equal((await failure(http.get(url))).code, "BODY_TOO_LARGE");
  }, { maxBytes: 1000 });
  let dead = "";
  await withServer(() => new Response(""), (_, url) => (dead = url, Promise.resolve()));
  const http = httpClient({
    network: openNetwork(),
    clock: { sleep: () => Promise.resolve() },
    random: () => 0,
  });
  assert.equal((await failure(http.get(dead))).code, "NETWORK");
});

Deno.test("an abort ends a request at once as ABORTED", async () => {
  const gate = Promise.withResolvers<Response>();
  await withServer(() => gate.promise, async (http, url) => {
    const stop = new AbortController();
    const pending = failure(http.get(url, { signal: stop.signal }));
    stop.abort();
    assert.equal((await pending).code, "ABORTED");
    gate.resolve(new Response("{}"));
  });
});

Deno.test("Retry-After reads seconds and dates, and nothing else", () => {
  assert.equal(parseRetryAfter("3", 0), 3000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
  for (const text of [null, "", "soon"]) assert.equal(parseRetryAfter(text, 0), null);
});

Deno.test("backoff doubles its ceiling from 1 s to 30 s and spreads over all of it", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backoffMs(attempt, () => 0.999999));
  assert.deepEqual(ceilings, [999, 1999, 3999, 7999, 15999, 29999, 29999]);
  assert.equal(backoffMs(5, () => 0), 0);
  assert.ok(ms(ceilings[0]!) >= 0);
});
