/** The pool over connections in memory: what is written when, on which connection, and how often. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { openDirectPool } from "../../../../feeds/net/direct/pool.ts";
import type { DirectAnswer, Exchange } from "../../../../feeds/net/direct/types.ts";
import { DirectFailure } from "../../../../feeds/net/direct/types.ts";
import { fakeNet, FakeStream, get, ok, post, turns, until } from "./fake_streams.ts";

/** Its text, or the kind of its failure. */
const endOf = ({ answer }: Exchange): Promise<string> =>
  answer.then(({ text }: DirectAnswer) => text, (error) => {
    assert.ok(error instanceof DirectFailure, String(error));
    return error.kind;
  });

/** A pool with `count` idle connections. */
async function warmed(count: number, ...more: Parameters<typeof fakeNet>) {
  const net = fakeNet(...more);
  const first = Array.from({ length: count }, () => net.pool.send(get("/time")));
  await until(() => net.streams.length === count && net.streams.every(({ writes }) => writes === 1));
  for (const stream of net.streams) stream.say(ok("1"));
  await Promise.all(first.map(({ answer }) => answer));
  for (const stream of net.streams) {
    stream.text = "";
    stream.writes = 0;
  }
  return net;
}

Deno.test("with an idle connection all bytes are written before send() returns, head and body in one write", async () => {
  const { pool, streams: [stream] } = await warmed(1);
  const exchange = pool.send({
    method: "POST",
    target: "/order?x=1",
    headers: { "POLY_ADDRESS": "0xab", "content-type": "application/json" },
    body: '{"a":1}',
  });
  assert.equal(
    stream!.text,
    "POST /order?x=1 HTTP/1.1\r\nhost: venue.test\r\naccept: application/json\r\naccept-encoding: identity\r\n" +
      'POLY_ADDRESS: 0xab\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}',
  );
  assert.equal(stream!.writes, 1);
  assert.equal(typeof exchange.writtenUs, "number");
  stream!.say(ok("taken"));
  assert.equal(await endOf(exchange), "taken");
  await pool.close();
});

Deno.test("a request that grew too old while it waited for a connection is not written, and those behind it are", async () => {
  let late = false;
  const gate = Promise.withResolvers<void>();
  const { pool, streams } = fakeNet({}, () => gate.promise);
  const old = pool.send({ ...post("old"), isLate: () => late });
  const next = pool.send({ ...post("next"), isLate: () => false });
  const end = endOf(old);
  late = true;
  gate.resolve();
  await until(() => streams.some(({ writes }) => writes > 0));
  assert.equal(await end, "unsent");
  assert.equal(old.writtenUs, null);
  assert.ok(streams.every(({ text }) => !text.endsWith("old")));
  for (const stream of streams) if (stream.text.endsWith("next")) stream.say(ok("taken"));
  assert.equal(await endOf(next), "taken");
  await pool.close();
});

Deno.test("without a body there is no content-length; letters beyond ASCII count as their bytes", async () => {
  const { pool, streams: [stream] } = await warmed(1);
  for (const body of ["", "ä", "x".repeat(10_000), "€".repeat(3000), `${"x".repeat(8000)}ä`]) {
    stream!.text = "";
    const exchange = pool.send(post(body));
    const length = /content-length: (\d+)/.exec(stream!.text)?.[1];
    assert.equal(length, body === "" ? undefined : String(new TextEncoder().encode(body).length));
    assert.equal(stream!.text.slice(stream!.text.indexOf("\r\n\r\n") + 4), body);
    stream!.say(ok(""));
    await exchange.answer;
  }
  await pool.close();
});

Deno.test("a write that takes a part goes on with the rest, and the next request waits for its end", async () => {
  const { pool, streams: [stream] } = await warmed(1);
  stream!.most = 7;
  const exchange = pool.send(post("0123456789"));
  await until(() => stream!.text.endsWith("0123456789"));
  assert.ok(stream!.writes > 10);
  stream!.say(ok("taken"));
  assert.equal(await endOf(exchange), "taken");
  assert.equal(pool.idle!(), 1);
  await pool.close();
});

Deno.test("an answer that comes before the request is out counts, and ends the connection", async () => {
  const { pool, streams: [stream] } = await warmed(1);
  stream!.write = () => new Promise(() => {});
  const exchange = pool.send(post("x"));
  stream!.say("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
  assert.equal((await exchange.answer).status, 413);
  assert.ok(stream!.closed);
  await pool.close();
});

Deno.test("a write that fails, a reset and an end are lost requests, and none is written anywhere else", async () => {
  for (const trouble of ["write", "zero", "reset", "end", "half", "noise"]) {
    const { pool, streams } = await warmed(2);
    if (trouble === "write") { for (const stream of streams) stream.breakWrite = new Error("broken pipe"); }
    if (trouble === "zero") { for (const stream of streams) stream.most = 0; }
    const exchange = pool.send(post("order"));
    const used = streams.find(({ writes }) => writes === 1)!;
    if (trouble === "reset") used.say(new Error("reset by peer"));
    if (trouble === "end") used.say(null);
    if (trouble === "half") {
      used.say(ok("long").slice(0, -1));
      used.say(null);
    }
    if (trouble === "noise") used.say("hello\r\n");
    assert.equal(await endOf(exchange), trouble === "noise" ? "malformed" : "lost", trouble);
    assert.notEqual(exchange.writtenUs, null);
    await until(() => streams.length === 3);
    await turns();
    assert.deepEqual(streams.map(({ writes }) => writes).toSorted(), [0, 0, 1], trouble);
    assert.ok(used.closed);
    await pool.close();
  }
});

Deno.test("a connection that dies while idle is never picked, and another is opened in its place", async () => {
  for (const end of [null, new Error("reset by peer"), "HTTP/1.1 408 Request Timeout\r\n\r\n"]) {
    const { pool, streams } = await warmed(2);
    const [, latest] = streams;
    latest!.say(end);
    await until(() => streams.length === 3);
    await turns();
    assert.ok(latest!.closed);
    assert.equal(pool.idle!(), 2);
    const exchanges = [pool.send(post("a")), pool.send(post("b"))];
    assert.equal(latest!.writes, 0);
    for (const stream of streams) if (!stream.closed) stream.say(ok("taken"));
    assert.deepEqual(await Promise.all(exchanges.map(endOf)), ["taken", "taken"]);
    await pool.close();
  }
});

Deno.test("bytes behind an answer end the connection's use, and `connection: close` does", async () => {
  for (const answer of [ok("a") + ok("b"), ok("a").replace("\r\n", "\r\nconnection: close\r\n")]) {
    const { pool, streams } = await warmed(1);
    const exchange = pool.send(post("x"));
    streams[0]!.say(answer);
    assert.equal(await endOf(exchange), "a");
    assert.ok(streams[0]!.closed);
    await until(() => pool.idle!() === 1);
    await pool.close();
  }
});

Deno.test("a connection lost after an answer is replaced at once, then with growing pauses, until an answer comes", async () => {
  const pauses: number[] = [];
  let at = 0;
  const random = () => {
    pauses.push(at++);
    return 1;
  };
  const { pool, streams } = await warmed(1, { connections: 1, random });
  for (let life = 0; life < 4; life++) {
    streams.at(-1)!.say(null);
    await until(() => streams.length === life + 2);
  }
  assert.equal(pauses.length, 3, "the first came without a pause");
  await turns();
  const exchange = pool.send(get("/time"));
  streams.at(-1)!.say(ok("1"));
  await exchange.answer;
  streams.at(-1)!.say(null);
  await until(() => streams.length === 6);
  assert.equal(pauses.length, 3);
  await pool.close();
});

Deno.test("connections that were never open are not opened in the background", async () => {
  const { pool, dials, streams } = await warmed(1, { connections: 3 });
  streams[0]!.say(null);
  await until(() => streams.length === 2);
  await turns();
  assert.equal(dials(), 2);
  await pool.close();
});

Deno.test("a request given up on a connection closes it: its answer is nobody's", async () => {
  const { pool, streams } = await warmed(1);
  const exchange = pool.send(post("slow"));
  exchange.cancel();
  assert.equal(await endOf(exchange), "lost");
  assert.ok(streams[0]!.closed);
  exchange.cancel();
  await until(() => pool.idle!() === 1);
  const next = pool.send(get("/next"));
  streams[1]!.say(ok("mine"));
  assert.equal(await endOf(next), "mine");
  exchange.cancel();
  assert.equal(pool.idle!(), 1);
  await pool.close();
});

Deno.test("beyond its connections the pool lets requests wait in order; beyond that they fail unsent", async () => {
  const { pool, streams, dials } = await warmed(1, { maxOpen: 2, maxWaiting: 3 });
  const exchanges = ["a", "b", "c", "d"].map((body) => pool.send(post(body)));
  assert.deepEqual(exchanges.map(({ writtenUs }) => writtenUs === null), [false, true, true, true]);
  assert.equal(await endOf(pool.send(post("e"))), "unsent");
  await until(() => streams.length === 2 && streams[1]!.writes === 1);
  for (const body of ["c", "d"]) {
    streams[1]!.say(ok("taken"));
    await until(() => streams[1]!.text.endsWith(`\r\n\r\n${body}`));
  }
  for (const stream of streams) stream.say(ok("taken"));
  assert.deepEqual(await Promise.all(exchanges.map(endOf)), ["taken", "taken", "taken", "taken"]);
  assert.ok(exchanges.every(({ writtenUs }) => writtenUs !== null));
  assert.equal(dials(), 2);
  await pool.close();
});

Deno.test("a request that waits takes whichever connection is free first; what is too many is closed", async () => {
  const gate = Promise.withResolvers<void>();
  const { pool, streams } = await warmed(
    1,
    { connections: 1, maxIdle: 1 },
    (count) => count > 1 ? gate.promise : Promise.resolve(),
  );
  const first = pool.send(post("a"));
  const second = pool.send(post("b"));
  streams[0]!.say(ok("1"));
  await first.answer;
  assert.ok(streams[0]!.text.endsWith("\r\n\r\nb"));
  streams[0]!.say(ok("2"));
  assert.equal(await endOf(second), "2");
  gate.resolve();
  await until(() => streams.length === 2);
  await turns();
  assert.deepEqual([streams[0]!.closed, streams[1]!.closed, pool.idle!()], [false, true, 1]);
  await pool.close();
});

Deno.test("when the only connection dies, those who wait for it get another", async () => {
  // Nothing is opened again but for a request.
  const { pool, streams } = await warmed(1, { maxOpen: 1, connections: 0 });
  const [first, second] = [pool.send(post("a")), pool.send(post("b"))];
  streams[0]!.say(null);
  assert.equal(await endOf(first!), "lost");
  await until(() => streams.length === 2 && streams[1]!.writes === 1);
  streams[1]!.say(ok("2"));
  assert.equal(await endOf(second!), "2");
  await pool.close();
});

Deno.test("a request given up while it waits was never written", async () => {
  const { pool, streams } = await warmed(1, { maxOpen: 1 });
  const first = pool.send(post("a"));
  const second = pool.send(post("b"));
  second.cancel();
  assert.equal(await endOf(second), "unsent");
  assert.equal(second.writtenUs, null);
  streams[0]!.say(ok("1"));
  assert.equal(await endOf(first), "1");
  assert.equal(streams[0]!.writes, 1);
  await pool.close();
});

Deno.test("when no connection can be opened, each request that asked for one fails unsent with the reason", async () => {
  const { pool, dials } = fakeNet({}, () => Promise.reject(new Error("connection refused")));
  const exchanges = [pool.send(post("a")), pool.send(post("b"))];
  for (const exchange of exchanges) {
    await assert.rejects(exchange.answer, {
      kind: "unsent",
      message: "no connection to venue.test: connection refused",
    });
    assert.equal(exchange.writtenUs, null);
  }
  assert.equal(dials(), 2);
  await pool.close();
});

Deno.test("an opening that takes too long fails its request unsent, and what opens later is closed", async () => {
  const gate = Promise.withResolvers<void>();
  const { pool, streams } = fakeNet({ connectMs: 10 }, (count, signal) => {
    if (count > 1) return gate.promise;
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  });
  await assert.rejects(pool.send(post("a")).answer, { kind: "unsent", message: /no answer within 10 ms/ });
  const deaf = pool.send(post("b"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  gate.resolve();
  assert.equal(await endOf(deaf), "unsent");
  assert.deepEqual([streams.length, streams[0]!.closed, streams[0]!.writes], [1, true, 0]);
  await pool.close();
});

Deno.test("close() ends all there is and lets nothing follow", async () => {
  const gate = Promise.withResolvers<void>();
  const { pool, streams, dials } = await warmed(
    2,
    {},
    (count) => count > 2 ? gate.promise : Promise.resolve(),
  );
  const ends = ["a", "b", "c"].map((body) => endOf(pool.send(post(body))));
  const closing = pool.close();
  gate.resolve();
  assert.deepEqual(await Promise.all(ends), ["lost", "lost", "unsent"]);
  await closing;
  assert.ok(streams.every(({ closed }) => closed));
  const opened = dials();
  assert.equal(await endOf(pool.send(post("d"))), "unsent");
  await pool.close();
  assert.equal(dials(), opened);
});

Deno.test("what would break out of a header or a path is not sent, and the message does not repeat it", async () => {
  const { pool, streams: [stream] } = await warmed(1);
  const wrong = [
    { ...get("/a b"), body: "" },
    get("no-slash"),
    get("/ä"),
    get("/x\r\nhost: y"),
    { ...get("/"), headers: { POLY_PASSPHRASE: "secret\r\nx: y" } },
    { ...get("/"), headers: { POLY_PASSPHRASE: "secret-ä" } },
    { ...get("/"), headers: { "a b": "c" } },
  ];
  for (const request of wrong) {
    const failure = await pool.send(request).answer.catch((error: unknown) => error);
    assert.ok(failure instanceof DirectFailure && failure.kind === "unsent");
    assert.ok(!failure.message.includes("secret"));
  }
  assert.deepEqual([stream!.writes, pool.idle!()], [0, 1]);
  await pool.close();
});

Deno.test("the connection used last is used next; the oldest can be asked for, and told by its age", async () => {
  let us = 0;
  const { pool, streams } = await warmed(3, { monotonicUs: () => us });
  const used: number[] = [];
  for (const on of [undefined, undefined, "oldest", "oldest", undefined] as const) {
    us += 10;
    const exchange = pool.send(get("/time"), on);
    const at = streams.findIndex(({ writes }) => writes === 1);
    used.push(at);
    streams[at]!.say(ok("1"));
    await exchange.answer;
    streams[at]!.writes = 0;
  }
  assert.deepEqual(used, [2, 2, 0, 1, 1]);
  assert.deepEqual([0, 20, 30, 50].map((untilUs) => pool.idle!(untilUs)), [0, 1, 2, 3]);
  await pool.close();
});

Deno.test("fill() opens what is missing, without a request, and goes on when it fails", async () => {
  const failing = (count: number) => count <= 3 ? Promise.reject(new Error("refused")) : Promise.resolve();
  const { pool, streams, dials } = fakeNet({ connections: 3 }, failing);
  pool.fill!();
  await until(() => pool.idle!() === 3);
  assert.deepEqual([dials(), streams.every(({ writes }) => writes === 0)], [6, true]);
  pool.fill!();
  await turns();
  assert.equal(dials(), 6);
  await pool.close();
  pool.fill!();
  await turns();
  assert.equal(dials(), 6);
});

Deno.test("only plain http and https addresses are taken; a path in one comes before every target", async () => {
  for (const base of ["ftp://x", "ws://x", "http://user:pass@x", "nonsense"]) {
    assert.throws(() => fakeNet({ base }), TypeError);
  }
  const { pool, streams: [stream] } = await warmed(1, { base: "https://venue.test:8443/api/" });
  const exchange = pool.send(get("/time"));
  assert.ok(stream!.text.startsWith("GET /api/time HTTP/1.1\r\nhost: venue.test:8443\r\n"));
  stream!.say(ok("1"));
  await exchange.answer;
  await pool.close();
});

/** One thing that happens to the pool or a connection. */
const events = fc.array(
  fc.record({
    what: fc.constantFrom(
      "send",
      "send",
      "send",
      "answer",
      "answer",
      "answer",
      "cut",
      "close",
      "extra",
      "cancel",
      "turn",
    ),
    which: fc.nat(20),
  }),
  { maxLength: 60 },
);

Deno.test("property: whatever peers do, no request is written twice, each ends once, and answers are its own", async () => {
  await fc.assert(
    fc.asyncProperty(events, fc.integer({ min: 1, max: 4 }), async (happenings, maxOpen) => {
      const { pool, streams } = fakeNet({ maxOpen, backoff: { firstMs: 0, maxMs: 0 } });
      const exchanges: Exchange[] = [];
      const ends: Promise<string>[] = [];
      /** The request that a connection carries now, by its path; null when it has answered all. */
      const carried = (stream: FakeStream): string | null => {
        const paths = [...stream.text.matchAll(/GET \/(\d+) HTTP/g)];
        const answered = answers.get(stream) ?? 0;
        return paths.length > answered ? paths.at(-1)![1]! : null;
      };
      const answers = new Map<FakeStream, number>();
      const cut = new Set<FakeStream>();
      for (const { what, which } of happenings) {
        const stream = streams[which % Math.max(1, streams.length)];
        if (what === "send") {
          const exchange = pool.send(get(`/${exchanges.length}`));
          exchanges.push(exchange);
          ends.push(endOf(exchange));
        } else if (what === "cancel") exchanges[which % Math.max(1, exchanges.length)]?.cancel();
        else if (what === "turn") await turns(1);
        else if (stream !== undefined && !stream.closed) {
          const path = carried(stream);
          if (what === "close") stream.say(null);
          // What follows would be the rest of its half answer.
          else if (cut.has(stream)) continue;
          else if (what === "extra") stream.say("HTTP/1.1 200 OK\r\n");
          else if (path !== null) {
            stream.say(what === "answer" ? ok(path) : ok(path).slice(0, -1));
            if (what === "cut") cut.add(stream);
            answers.set(stream, (answers.get(stream) ?? 0) + 1);
          }
          await turns(1);
        }
      }
      await turns(2);
      await pool.close();
      const texts = await Promise.all(ends);
      const written = streams.map(({ text }) => text).join("");
      texts.forEach((text, index) => {
        const times = written.split(`GET /${index} HTTP`).length - 1;
        assert.equal(times, exchanges[index]!.writtenUs === null ? 0 : 1, `request ${index}`);
        if (times === 0) assert.equal(text, "unsent");
        else assert.ok([String(index), "lost", "malformed"].includes(text), `${text} for ${index}`);
      });
      assert.ok(streams.every(({ closed }) => closed));
      assert.ok(streams.filter(({ writes }) => writes > 0).length <= exchanges.length);
    }),
    { numRuns: 150 },
  );
});

Deno.test("a pool that was never used opens nothing and closes at once", async () => {
  const pool = openDirectPool({
    base: "http://venue.test",
    headers: {},
    monotonicUs: () => 0,
    random: () => 0,
    connections: 3,
    maxIdle: 4,
  });
  assert.equal(pool.idle!(), 0);
  await pool.close();
});
