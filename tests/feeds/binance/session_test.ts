import assert from "node:assert/strict";
import fc from "fast-check";
import type { FeedStateEvent, MarketEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { binanceRest } from "../../../feeds/binance/rest.ts";
import { BinanceSession } from "../../../feeds/binance/session.ts";
import type { FeedContext } from "../../../feeds/net/feed_context.ts";
import { httpClient } from "../../../feeds/net/http.ts";
import { Inbox } from "../../../feeds/net/inbox.ts";
import { simProfile } from "../../../feeds/venue_profile.ts";
import { type FakeSocket, fakeSockets } from "../net/fake_sockets.ts";

const START = 1_795_253_805_000;

/** A spot session on sockets played by hand. */
function rig(sockets: 1 | 2) {
  const fakes = fakeSockets();
  const events: MarketEvent[] = [];
  const states: FeedStateEvent[] = [];
  const stop = new AbortController();
  let nowMs = START;
  const clock = {
    now: () => ms(nowMs),
    monotonicUs: () => performance.now() * 1000,
    speed: 50,
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  };
  const network = {
    openSocket: fakes.open,
    fetch: () => Promise.reject(new TypeError("no network here")),
    close: () => {},
  };
  const context: FeedContext = {
    profile: simProfile(1),
    clock,
    random: () => 0,
    network,
    limits: {},
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    onFrame: () => {},
    emit: (batch) => void events.push(...batch),
    inbox: new Inbox({ monotonicUs: () => 0, later: (work) => queueMicrotask(work) }),
    retryAfter: () => Promise.resolve(null),
    onState: (event) => void states.push(event),
  };
  const rest = binanceRest(httpClient({ network, clock, random: () => 0 }), context.profile, clock);
  const session = new BinanceSession("binance.spot", context, ["btc"], {
    rest,
    signal: stop.signal,
    sockets,
  });
  session.start();
  const close = async () => {
    stop.abort(new DOMException("over", "AbortError"));
    await session.close();
  };
  return { fakes, events, states, session, close, pass: (byMs: number) => void (nowMs += byMs) };
}

const say = (socket: FakeSocket, stream: string, data: unknown) =>
  socket.say(JSON.stringify({ stream: `btcusdt@${stream}`, data }));

/** What the venue sends at step `n`: a book, a top, a trade. */
function step(socket: FakeSocket, n: number): void {
  say(socket, "depth20@100ms", { lastUpdateId: n, bids: [["100", String(n)]], asks: [["101", "1"]] });
  say(socket, "bookTicker", { u: n, s: "BTCUSDT", b: "100", B: String(n), a: "101", A: "1" });
  const trade = { e: "aggTrade", E: START + n, s: "BTCUSDT", a: n, p: "100", q: "1", T: START + n, m: true };
  say(socket, "aggTrade", trade);
}

const tradeIds = (events: readonly MarketEvent[]): number[] =>
  events.flatMap((event) => event.type === "fastTrade" ? [event.id] : []);

Deno.test("a hot spare: whatever order two sockets speak in, every message is told once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 80 }), async (picks) => {
      const { close, events, fakes, session } = rig(2);
      const [a, b] = fakes.list;
      a!.accept();
      b!.accept();
      const at = [0, 0];
      for (const pick of picks) step(fakes.list[pick ? 1 : 0]!, ++at[pick ? 1 : 0]!);
      const last = Math.max(...at);
      assert.deepEqual(tradeIds(events), Array.from({ length: last }, (_, i) => i + 1));
      for (const type of ["fastBook", "fastTop"]) {
        assert.equal(events.filter((event) => event.type === type).length, last);
      }
      assert.equal(session.metrics.duplicates, 3 * (picks.length - last));
      assert.equal(session.metrics.gaps, 0);
      await close();
    }),
    { numRuns: 60, seed: 23 },
  );
});

Deno.test("one of two sockets may die: the feed stays live and nothing is missing", async () => {
  const { close, events, fakes, states } = rig(2);
  const [a, b] = fakes.list;
  a!.accept();
  b!.accept();
  step(a!, 1);
  step(b!, 1);
  step(a!, 2);
  a!.hangUp();
  step(b!, 2);
  step(b!, 3);
  assert.deepEqual(tradeIds(events), [1, 2, 3]);
  assert.deepEqual(states.map((state) => state.state), ["connecting", "live"]);
  await close();
});

Deno.test("a renewal at any moment, with either socket ahead, neither loses nor doubles a trade", async () => {
  const plan = fc.record({
    before: fc.integer({ min: 1, max: 10 }),
    joinsAhead: fc.integer({ min: -3, max: 6 }),
    picks: fc.array(fc.boolean(), { maxLength: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ before, joinsAhead, picks }) => {
      const { close, events, fakes, pass, session, states } = rig(1);
      const old = fakes.list[0]!;
      old.accept();
      for (let n = 1; n <= before; n++) step(old, n);
      old.say(JSON.stringify({ stream: "!serverShutdown", data: { e: "serverShutdown", E: START } }));
      const fresh = fakes.list[1]!;
      assert.equal(old.open, true, "the old socket stays until the new one has data");
      fresh.accept();
      // The new socket joins where the venue is; what the old one has not told yet is on its way.
      let next = Math.max(1, before + 1 + joinsAhead);
      let told = before;
      for (const pick of picks) {
        if (pick || !old.open) continue;
        if (told + 1 < next) step(old, ++told);
      }
      const joined = next;
      for (let i = 0; i < 4; i++) {
        step(fresh, next++);
        if (told + 1 < joined) step(old, ++told);
      }
      // What was under way on the old socket when the new one was whole.
      while (told + 1 < joined) step(old, ++told);
      const last = Math.max(before, next - 1);
      assert.deepEqual(
        tradeIds(events).toSorted((a, b) => a - b),
        Array.from({ length: last }, (_, i) => i + 1),
      );
      assert.equal(session.metrics.gaps, 0);
      pass(2001);
      for (let i = 0; i < 400 && old.open; i++) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(old.open, false, "then it goes");
      assert.deepEqual([session.metrics.renewals, session.metrics.reconnects], [1, 0]);
      assert.deepEqual(states.map((state) => state.state), ["connecting", "live"], "no hole");

      await close();
    }),
    { numRuns: 12, seed: 29 },
  );
});

Deno.test("what the faster socket jumped over is taken from the slower one", async () => {
  const { close, events, fakes, session } = rig(2);
  const [a, b] = fakes.list;
  a!.accept();
  b!.accept();
  step(a!, 1);
  step(b!, 4);
  assert.equal(session.metrics.gaps, 2);
  for (const n of [2, 3, 4, 5]) step(a!, n);
  assert.deepEqual(tradeIds(events), [1, 4, 2, 3, 5]);
  assert.equal(session.metrics.gaps, 0, "nothing is missing any more");
  await close();
});
