import assert from "node:assert/strict";
import type { FeedStateEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { type Clock, scaledClock } from "../../../feeds/clock.ts";
import type { FeedLimits } from "../../../feeds/net/limits.ts";
import { CONTROL } from "../../../feeds/net/frame.ts";
import { type Silence, Supervisor, type SupervisorOptions } from "../../../feeds/net/supervisor.ts";
import { fakeSockets } from "./fake_sockets.ts";

const LIMITS: FeedLimits = {
  connectMs: 5000,
  firstDatumMs: 5000,
  lateMs: 5000,
  deadMs: 5000,
  probeMs: 2000,
  renewMs: null,
};

/** Waits, a millisecond at a time, until `done`; fails after five seconds. */
async function eventually(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!done()) {
    assert.ok(performance.now() < deadline, `never: ${done}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

interface Rig {
  readonly session: Supervisor;
  readonly states: FeedStateEvent[];
  readonly frames: string[];
  /** Resolves at the first state event for which `when` holds, those of the past included. */
  reached(when: (event: FeedStateEvent) => boolean): Promise<FeedStateEvent>;
}

/** A session at 100 venue seconds per second, so that limits of seconds pass in tens of milliseconds. */
function rig(url: string, more: Partial<SupervisorOptions> = {}): Rig {
  const states: FeedStateEvent[] = [];
  const frames: string[] = [];
  const session = new Supervisor({
    feed: "binance.spot",
    url: () => url,
    clock: scaledClock(1_795_253_805_000, 100),
    random: () => 0.1,
    openSocket: (u) => new WebSocket(u),
    limits: LIMITS,
    watch: new Map([["data", null]]),
    wallFloorMs: 20,
    onOpen: (s) => void s.send("subscribe"),
    onFrame: (text) => {
      frames.push(text);
      return text === "ack" ? CONTROL : text.startsWith("{") ? "data" : null;
    },
    onState: (event) => void states.push(event),
    ...more,
  });
  const reached = async (when: (e: FeedStateEvent) => boolean): Promise<FeedStateEvent> => {
    await eventually(() => states.some(when));
    return states.find(when)!;
  };
  return { session, states, frames, reached };
}

interface Venue {
  readonly url: string;
  readonly sockets: WebSocket[];
  readonly received: string[];
}

async function withVenue(
  behave: (socket: WebSocket, connection: number) => void,
  body: (venue: Venue) => Promise<void>,
  refuse?: number,
): Promise<void> {
  const sockets: WebSocket[] = [];
  const received: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    if (refuse !== undefined) return new Response("refused", { status: refuse });
    const { response, socket } = Deno.upgradeWebSocket(request);
    const connection = sockets.push(socket);
    socket.onmessage = (event) => received.push(String(event.data));
    socket.onopen = () => behave(socket, connection);
    socket.onerror = () => {};
    return response;
  });
  try {
    await body({ url: `ws://127.0.0.1:${server.addr.port}/`, sockets, received });
  } finally {
    for (const socket of sockets) if (socket.readyState <= WebSocket.OPEN) socket.close();
    await server.shutdown();
  }
}

const is = (state: string) => (event: FeedStateEvent) => event.state === state;

Deno.test("a session is live after its first datum, not after the handshake or an acknowledgement", async () => {
  const opened = Promise.withResolvers<WebSocket>();
  await withVenue((socket) => (socket.send("ack"), opened.resolve(socket)), async ({ url, received }) => {
    const { session, states, reached, frames } = rig(url);
    session.start();
    const socket = await opened.promise;
    await eventually(() => frames.length > 0);
    assert.deepEqual(states.map((s) => s.state), ["connecting"]);
    socket.send("{}");
    await reached(is("live"));
    assert.deepEqual(received, ["subscribe"]);
    assert.equal(typeof session.metrics.firstDatumMs, "number");
    await session.close();
    assert.deepEqual(states.map((s) => s.state), ["connecting", "live", "down"]);
  });
});

Deno.test("a socket that falls silent is late, then thrown away and opened again", async () => {
  await withVenue((socket) => socket.send("{}"), async ({ url, sockets }) => {
    const { session, reached, states } = rig(url);
    session.start();
    await reached(is("late"));
    await reached((e) => e.state === "down" && e.detail.includes("too long"));
    await eventually(() => sockets.length >= 2);
    assert.ok(session.metrics.reconnects >= 1);
    await session.close();
    assert.ok(states.findIndex(is("late")) < states.findIndex(is("down")));
  });
});

Deno.test("a server that acknowledges and never sends data misses the first-datum deadline", async () => {
  await withVenue((socket) => socket.send("ack"), async ({ url, sockets }) => {
    const { session, reached } = rig(url);
    session.start();
    const down = await reached(is("down"));
    assert.equal(down.detail, "SUBSCRIPTION_DEAD: no first datum of data within 5000 ms");
    await eventually(() => sockets.length >= 2);
    assert.equal(session.metrics.firstDatumMs, null);
    await session.close();
  });
});

Deno.test("one silent stream of two is enough to be late: half a feed is no feed", async () => {
  await withVenue((socket) => {
    const timer = setInterval(() => socket.readyState === WebSocket.OPEN ? socket.send("{}") : 0, 5);
    socket.onclose = () => clearInterval(timer);
  }, async ({ url }) => {
    const { session, reached, states } = rig(url, { watch: new Map([["data", null], ["other", null]]) });
    session.start();
    const late = await reached(is("late"));
    assert.ok(late.detail.includes("other"));
    assert.ok(!states.some(is("live")));
    await session.close();
  });
});

Deno.test("a refused handshake of 451 or 403 is terminal and names the geo-block", async () => {
  for (const status of [451, 403]) {
    await withVenue(() => {}, async ({ url }) => {
      const { session, states } = rig(url);
      session.start();
      await session.ended;
      assert.deepEqual(states.map((s) => s.state), ["connecting", "down"]);
      assert.ok(states.at(-1)?.detail.startsWith("GEO_BLOCKED"), states.at(-1)?.detail);
      assert.equal(session.metrics.reconnects, 0);
    }, status);
  }
});

Deno.test("another refusal is tried again; a busy venue is given seconds before the next try", async () => {
  const firstWaitMs = async (status: number): Promise<number> => {
    let waited = NaN;
    await withVenue(() => {}, async ({ url }) => {
      const { session, states } = rig(url, { random: () => 0.5 });
      session.start();
      await eventually(() => session.metrics.reconnects >= 1);
      await session.close();
      const down = states.findIndex(is("down"));
      waited = states[down + 1]!.tReceive - states[down]!.tReceive;
    }, status);
    return waited;
  };
  assert.ok(await firstWaitMs(500) < 3900);
  assert.ok(await firstWaitMs(503) >= 3900);
});

Deno.test("a handshake that is never answered is given up, and close() does not wait for it", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) accepted.push(connection);
  })();
  const { session, reached } = rig(`ws://127.0.0.1:${listener.addr.port}/`);
  session.start();
  const down = await reached(is("down"));
  assert.ok(down.detail.includes("no handshake"), down.detail);
  await session.close();
  listener.close();
  await accepting;
  for (const connection of accepted) connection.close();
});

Deno.test("garbage is counted and keeps no feed alive", async () => {
  await withVenue((socket) => {
    for (let i = 0; i < 5; i++) socket.send("garbage");
    socket.send(new Uint8Array([1, 2, 3]));
  }, async ({ url }) => {
    const { session, reached, states } = rig(url);
    session.start();
    await reached(is("down"));
    assert.equal(session.metrics.unrecognised, 6);
    assert.ok(!states.some(is("live")));
    await session.close();
  });
});

Deno.test("a close code the venue defines as final ends the session; others reconnect", async () => {
  await withVenue((socket) => socket.close(4001, "bad key"), async ({ url, sockets }) => {
    const { session, states } = rig(url, {
      closeAction: (code, reason) =>
        code === 4001 ? { kind: "terminal", detail: `AUTH_REFUSED: ${reason}` } : { kind: "backoff" },
    });
    session.start();
    await session.ended;
    assert.equal(states.at(-1)?.detail, "AUTH_REFUSED: bad key");
    assert.equal(sockets.length, 1);
  });
});

Deno.test("renew() opens another socket, waits for its data and drops the old one: the feed stays live", async () => {
  await withVenue((socket) => socket.send("{}"), async ({ url, sockets }) => {
    const { session, reached, states } = rig(url, { random: () => 0.999 });
    session.start();
    await reached(is("live"));
    session.renew("asked to");
    await eventually(() => session.metrics.renewals === 1);
    assert.deepEqual([session.metrics.reconnects, sockets.length], [0, 2]);
    assert.deepEqual(states.map((s) => s.state), ["connecting", "live"]);
    await eventually(() => sockets[0]!.readyState >= WebSocket.CLOSING);
    assert.equal(sockets[1]!.readyState, WebSocket.OPEN);
    await session.close();
  });
});

Deno.test("a socket past its planned age is renewed by itself", async () => {
  await withVenue((socket) => socket.send("{}"), async ({ url }) => {
    const { session } = rig(url, { limits: { ...LIMITS, renewMs: 2000 } });
    session.start();
    await eventually(() => session.metrics.renewals >= 1);
    await session.close();
  });
});

Deno.test("a socket whose close event never fires does not hold up the session", async () => {
  class Deaf extends EventTarget {
    readyState: number = WebSocket.CONNECTING;
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: string }) => void) | null = null;
    onerror: unknown = null;
    onclose: unknown = null;
    send(): void {}
    close(): void {
      this.readyState = WebSocket.CLOSING;
    }
  }
  const opened: Deaf[] = [];
  const { session, reached } = rig("ws://nowhere", {
    openSocket: () => {
      const deaf = new Deaf();
      opened.push(deaf);
      queueMicrotask(() => {
        deaf.readyState = WebSocket.OPEN;
        deaf.onopen?.();
        deaf.onmessage?.({ data: "{}" });
      });
      return deaf as unknown as WebSocket;
    },
  });
  session.start();
  await reached(is("down"));
  await eventually(() => opened.length >= 2);
  await session.close();
  assert.equal(opened[0]?.readyState, WebSocket.CLOSING);
});

/** A session on a socket played by hand, at a time moved by hand; its checks run on a real timer of 20 ms. */
function byHand(more: Partial<SupervisorOptions> = {}) {
  let nowMs = 1_795_253_805_000;
  const fakes = fakeSockets();
  const clock: Clock = {
    now: () => ms(nowMs),
    monotonicUs: () => nowMs * 1000,
    speed: 1000,
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  };
  const { session, states, reached } = rig("ws://hand", {
    clock,
    openSocket: fakes.open,
    wallFloorMs: 0,
    probe: "probe",
    ...more,
  });
  session.start();
  fakes.list[0]!.accept();
  fakes.list[0]!.say("{}");
  const socket = fakes.list[0]!;
  return { session, states, reached, fakes, socket, pass: (byMs: number) => void (nowMs += byMs) };
}

Deno.test("a quiet market stays live and says MARKET_QUIET, until data flows again", async () => {
  const asked: string[][] = [];
  const { pass, reached, session, socket, states } = byHand({
    verify: (streams) => {
      asked.push([...streams]);
      return Promise.resolve(new Map(streams.map((stream) => [stream, "quiet"])));
    },
  });
  for (let i = 0; i < 8; i++) {
    pass(2600);
    socket.say("ack");
    await eventually(() => asked.length > i / 2);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const quiet = await reached((e) => e.detail.startsWith("MARKET_QUIET"));
  assert.equal(quiet.state, "live");
  assert.ok(states.every(({ state }) => state === "connecting" || state === "live"));
  assert.equal(session.metrics.quiet, true);
  socket.say("{}");
  assert.equal(states.at(-1)?.detail, "data flows");
  assert.deepEqual(asked[0], ["data"]);
  await session.close();
});

Deno.test("news that REST has and the socket has not: the subscription is dead, its books are void", async () => {
  const voided: (readonly string[] | null)[] = [];
  const { pass, reached, session, socket } = byHand({
    verify: (streams) => Promise.resolve(new Map(streams.map((stream) => [stream, "newer"]))),
    onVoid: (streams) => void voided.push(streams),
  });
  pass(2600);
  socket.say("ack");
  const down = await reached(is("down"));
  assert.match(down.detail, /^SUBSCRIPTION_DEAD: REST has news of data/);
  assert.deepEqual(voided, [["data"]]);
  assert.equal(socket.readyState, WebSocket.CLOSING);
  await session.close();
});

Deno.test("a datum that comes while REST is being asked is the better answer", async () => {
  const answer = Promise.withResolvers<ReadonlyMap<string, Silence>>();
  let asked = false;
  const { pass, session, socket, states } = byHand({
    verify: () => (asked = true, answer.promise),
  });
  pass(2600);
  socket.say("ack");
  await eventually(() => asked);
  pass(1);
  socket.say("{}");
  answer.resolve(new Map([["data", "newer"]]));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(states.map(({ state }) => state), ["connecting", "live"]);
  await session.close();
});

Deno.test("a socket that does not even answer a probe is SOCKET_DEAD", async () => {
  const { pass, reached, session, socket } = byHand();
  pass(2600);
  await eventually(() => socket.sent.includes("probe"));
  pass(2100);
  assert.match((await reached(is("down"))).detail, /^SOCKET_DEAD: no frame and no answer/);
  await session.close();
});

Deno.test("a late stream beside flowing ones: resubscribed once, then replaced without losing the others", async () => {
  const again: string[] = [];
  const { fakes, pass, reached, session, socket } = byHand({
    watch: new Map([["data", null], ["other", null]]),
    onFrame: (text) => text,
    resubscribe: (_link, stream) => void again.push(stream),
  });
  socket.say("data");
  socket.say("other");
  for (let i = 0; i < 12; i++) {
    pass(1000);
    socket.say("data");
    await new Promise((resolve) => setTimeout(resolve, 22));
  }
  assert.match((await reached(is("late"))).detail, /^FEED_LATE: no data of other/);
  assert.deepEqual(again, ["other"]);
  await eventually(() => fakes.list.length === 2);
  assert.equal(socket.open, true, "data still flows here");
  fakes.list[1]!.accept();
  fakes.list[1]!.say("data");
  fakes.list[1]!.say("other");
  await reached((e) => e.state === "live" && e.tReceive > 1_795_253_810_000);
  assert.equal(socket.open, true, "what it has under way is still heard");
  pass(2001);
  await eventually(() => !socket.open);
  assert.deepEqual([session.metrics.reconnects, session.metrics.renewals], [1, 0]);
  await session.close();
});

Deno.test("data from a clock ahead of ours, or long on its way, is no fresh data", async () => {
  for (const [ageMs, word] of [[-2001, "CLOCK_SKEW"], [5001, "FEED_LATE"]] as const) {
    const { session, states, socket } = byHand();
    session.metrics.newestAgeMs = ageMs;
    await eventually(() => states.at(-1)?.state === "late");
    assert.ok(states.at(-1)?.detail.startsWith(word), states.at(-1)?.detail);
    session.metrics.newestAgeMs = 10;
    socket.say("{}");
    assert.equal(states.at(-1)?.state, "live");
    await session.close();
  }
});

Deno.test("a copy shows that a socket delivers, and is no news: a feed that repeats itself is late", async () => {
  let copy = () => {};
  const { pass, reached, session, socket } = byHand({ onFrame: () => (copy(), "data") });
  copy = () => void session.metrics.duplicates++;
  for (let i = 0; i < 6; i++) {
    pass(1000);
    socket.say("{}");
  }
  assert.match((await reached(is("late"))).detail, /^FEED_LATE/);
  await session.close();
});
