import assert from "node:assert/strict";
import { hostAllowed, parseAddress } from "../../commands/dashboard/address.ts";
import { EventHub } from "../../commands/dashboard/hub.ts";
import type { StateSource } from "../../commands/dashboard/model.ts";
import { serveDashboard, serveMetrics, type ServeOptions } from "../../commands/dashboard/server.ts";
import { parseTraining } from "../../commands/dashboard/training_log.ts";
import { openTestSession, withTape } from "./session.ts";

const OPTIONS: ServeOptions = {
  address: { host: "127.0.0.1", port: 0 },
  expose: false,
  hosts: [],
  onFault: (error) => {
    throw error;
  },
};

const EMPTY: StateSource = { state: () => null, charts: () => null };

/** A request with a Host header of its choice, as fetch does not send one. Returns status line and body. */
async function raw(port: number, head: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(`${head}\r\nConnection: close\r\n\r\n`));
  return await new Response(connection.readable).text();
}

/** Reads events from a stream until `count` were seen. */
async function readEvents(response: Response, count: number): Promise<{ name: string; data: string }[]> {
  const events: { name: string; data: string }[] = [];
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (events.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    for (let at = text.indexOf("\n\n"); at >= 0; at = text.indexOf("\n\n")) {
      const event = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, at));
      if (event !== null) events.push({ name: event[1]!, data: event[2]! });
      text = text.slice(at + 2);
    }
  }
  await reader.cancel();
  return events;
}

Deno.test("addresses: loopback by default, others only with expose, nonsense never", () => {
  assert.deepEqual(parseAddress(":9090", "--metrics", false), { host: "127.0.0.1", port: 9090 });
  assert.deepEqual(parseAddress("9090", "--metrics", false), { host: "127.0.0.1", port: 9090 });
  assert.deepEqual(parseAddress("[::1]:1", "--metrics", false), { host: "[::1]", port: 1 });
  for (
    const text of ["0.0.0.0:9090", "192.168.1.5:80", "[::]:80", "example.com:80", "127.0.0.1.evil.org:80"]
  ) {
    assert.throws(() => parseAddress(text, "--metrics", false), { code: "LISTEN_EXPOSED" }, text);
  }
  assert.deepEqual(parseAddress("0.0.0.0:9090", "--metrics", true), { host: "0.0.0.0", port: 9090 });
  for (const text of ["", ":", "x", ":99999", "a b:80", "http://127.0.0.1:80", "::1:80"]) {
    assert.throws(() => parseAddress(text, "--metrics", true), { code: "USAGE" }, text);
  }
});

Deno.test("host names that are not ours are not answered, whatever they resolve to", () => {
  for (const host of ["localhost:5050", "127.0.0.1", "[::1]:80", "LOCALHOST:1"]) {
    assert.ok(hostAllowed(host, false, []), host);
  }
  for (
    const host of ["evil.example:5050", "127.0.0.1.evil.example", "10.0.0.5:80", "", "localhost.evil.org"]
  ) {
    assert.ok(!hostAllowed(host, false, []), host);
  }
  assert.ok(!hostAllowed(null, true, []));
  assert.ok(hostAllowed("10.0.0.5:80", true, []));
  assert.ok(!hostAllowed("trader:80", true, []));
  assert.ok(hostAllowed("trader:80", true, ["Trader"]));
});

Deno.test("the server answers GET with our host only, and says what browsers may do with the page", async () => {
  const server = serveDashboard(EMPTY, OPTIONS);
  try {
    const rebound = await raw(server.port, "GET / HTTP/1.1\r\nHost: evil.example");
    assert.match(rebound, /^HTTP\/1\.1 421 /);
    assert.ok(!rebound.includes("<html"));
    assert.match(
      await raw(server.port, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0"),
      /^HTTP\/1\.1 405 /,
    );
    const other =
      "GET /events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors";
    assert.match(await raw(server.port, other), /^HTTP\/1\.1 403 /);
    assert.match(await raw(server.port, "GET /state.json HTTP/1.1\r\nHost: localhost"), /^HTTP\/1\.1 503 /);
    const page = await fetch(server.url);
    const html = await page.text();
    const policy = page.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*script-src 'sha256-/);
    assert.ok(!/script-src[^;]*unsafe/.test(policy));
    assert.equal(page.headers.get("x-frame-options"), "DENY");
    assert.equal(page.headers.get("cache-control"), "no-store");
    // Nothing outside is named: no address in an attribute, no import, no url().
    assert.ok(!/(?:src|href)="(?!data:,")|@import|url\(/.test(html));
  } finally {
    await server.close();
  }
});

Deno.test("a page is told the whole state at once, then charts, then a goodbye", async () => {
  await withTape(async (tape) => {
    const session = await openTestSession(tape);
    session.play(0.5);
    const server = serveDashboard(session, OPTIONS);
    const response = await fetch(`${server.url}events`);
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    const reading = readEvents(response, 100);
    while (server.hub.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close();
    const events = await reading;
    assert.deepEqual([events[0]?.name, events[1]?.name, events.at(-1)?.name], ["state", "charts", "bye"]);
    const state = JSON.parse(events[0]!.data) as ReturnType<typeof session.state>;
    assert.deepEqual(state, JSON.parse(JSON.stringify(session.state())));
    assert.ok(state.counts.events > 0 && state.markets.length > 0);
  });
});

Deno.test("requests within a moment share one look at the session", async () => {
  await withTape(async (tape) => {
    const session = await openTestSession(tape);
    session.play(0.2);
    let looks = 0;
    let now = 0;
    const source = { state: () => (looks++, session.state()), charts: () => session.charts() };
    const server = serveDashboard(source, OPTIONS, () => now);
    try {
      for (let i = 0; i < 10; i++) await (await fetch(`${server.url}state.json`)).body?.cancel();
      assert.equal(looks, 1);
      now += 250;
      await (await fetch(`${server.url}state.json`)).body?.cancel();
      assert.equal(looks, 2);
    } finally {
      await server.close();
    }
  });
});

Deno.test("a slow page is sent less and then dropped; what waits for it is bounded; others go on", async () => {
  let now = 0;
  const hub = new EventHub({ now: () => now, maxBufferBytes: 1000, patienceMs: 10_000, maxClients: 2 });
  const slow = hub.open("first")!;
  const quick = hub.open("first")!.getReader();
  assert.equal(hub.open("third"), null);
  const seen: number[] = [];
  const reading = (async () => {
    for (;;) {
      const { value, done } = await quick.read();
      if (done) return;
      seen.push(value.byteLength);
    }
  })();
  for (let i = 0; i < 60; i++) {
    hub.send("state", "x".repeat(400));
    now += 250;
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.equal(hub.dropped, 1);
  assert.equal(hub.size, 1);
  assert.ok(hub.skipped > 30);
  await assert.rejects(new Response(slow).text());
  hub.close("bye", "{}");
  await reading;
  assert.equal(seen.length, 62);
  assert.equal(hub.size, 0);
});

Deno.test("metrics are served as text to Prometheus, and a fault is told to us and not to the client", async () => {
  const faults: unknown[] = [];
  let broken = false;
  const text = () => broken ? Promise.reject(new Error("secret detail")) : Promise.resolve("polyedge_x 1\n");
  const server = serveMetrics(text, "text/plain; version=0.0.4", {
    ...OPTIONS,
    onFault: (error) => void faults.push(error),
  });
  try {
    const good = await fetch(`${server.url}metrics`);
    assert.equal(await good.text(), "polyedge_x 1\n");
    assert.equal(good.headers.get("content-type"), "text/plain; version=0.0.4");
    broken = true;
    const bad = await fetch(`${server.url}metrics`);
    assert.equal(bad.status, 500);
    assert.ok(!(await bad.text()).includes("secret"));
    assert.equal(faults.length, 1);
  } finally {
    await server.close();
  }
});

Deno.test("a taken port is LISTEN_FAILED", async () => {
  const first = serveDashboard(EMPTY, OPTIONS);
  try {
    const address = { host: "127.0.0.1", port: first.port };
    assert.throws(() => serveDashboard(EMPTY, { ...OPTIONS, address }), { code: "LISTEN_FAILED" });
  } finally {
    await first.close();
  }
});

Deno.test("a trainer's log is read by column names, as CSV or JSON lines; torn lines are passed over", () => {
  const csv = ["update,avg_reward,policy_loss,entropy", "1,0.5,-0.1,1.08", "2,0.6,-0.2,1.0", "3,0."];
  assert.deepEqual(
    parseTraining(csv, csv[0]!).map(({ update, reward, entropy, approxKl }) => [
      update,
      reward,
      entropy,
      approxKl,
    ]),
    [[1, 0.5, 1.08, null], [2, 0.6, 1, null]],
  );
  const json = ['{"update":1,"rewardMean":0.25,"approxKl":0.01}', '{"update":2,"rewa'];
  const [row, ...rest] = parseTraining(json, json[0]!);
  assert.deepEqual([row?.update, row?.reward, row?.approxKl, rest.length], [1, 0.25, 0.01, 0]);
});
