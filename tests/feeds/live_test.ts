import assert from "node:assert/strict";
import type { MarketEvent } from "../../core/events.ts";
import { OperationError } from "../../core/errors.ts";
import { scaledClock } from "../../feeds/clock.ts";
import { type LiveFeeds, type LiveOptions, openLive } from "../../feeds/live.ts";
import { simProfile } from "../../feeds/venue_profile.ts";
import { CREDENTIALS, listed, MiniVenue } from "./mini_venue.ts";

const FIRST = "btc-updown-5m-1795253700";
const SECOND = "btc-updown-5m-1795254000";
const SPEED = 60;
const log = { debug: () => {}, info: () => {}, warn: () => {} };

interface Run {
  readonly venue: MiniVenue;
  readonly live: LiveFeeds;
  readonly events: MarketEvent[];
  /** Waits for an event, those of the past included. */
  until(what: string, when: (event: MarketEvent) => boolean): Promise<MarketEvent>;
}

async function withLive(
  startMs: number,
  change: Partial<LiveOptions>,
  body: (run: Run) => Promise<void>,
  prepare: (venue: MiniVenue) => void = () => {},
): Promise<void> {
  const clock = scaledClock(startMs, SPEED);
  const venue = new MiniVenue(clock);
  prepare(venue);
  const events: MarketEvent[] = [];
  const waiters: { when: (e: MarketEvent) => boolean; resolve: (e: MarketEvent) => void }[] = [];
  const stop = new AbortController();
  let live: LiveFeeds | null = null;
  try {
    live = await openLive({
      profile: venue.profile,
      clock,
      assets: ["btc"],
      durations: ["5m"],
      credentials: CREDENTIALS,
      onEvents: (batch) => {
        events.push(...batch);
        for (const w of waiters) for (const e of batch) if (w.when(e)) w.resolve(e);
      },
      log,
      signal: stop.signal,
      random: () => 0.5,
      ...change,
    });
    const until = async (what: string, when: (e: MarketEvent) => boolean): Promise<MarketEvent> => {
      const past = events.find(when);
      if (past !== undefined) return past;
      const { promise, resolve, reject } = Promise.withResolvers<MarketEvent>();
      waiters.push({ when, resolve });
      const timer = setTimeout(() => reject(new Error(`never happened: ${what}`)), 10_000);
      return await promise.finally(() => clearTimeout(timer));
    };
    await body({ venue, live, events, until });
  } finally {
    await live?.close();
    await venue.close();
  }
}

const isState = (feed: string, state: string) => (e: MarketEvent) =>
  e.type === "feedState" && e.feed === feed && e.state === state;

Deno.test("a live session rolls from window to window: warm-up, strikes, books, resolution", async () => {
  const startMs = 1_795_253_700_000 + 250_000;
  await withLive(startMs, {}, async ({ venue, live, events, until }) => {
    const first = listed(FIRST);
    const second = listed(SECOND);
    await until(
      "the second window's strike",
      (e) => e.type === "strike" && e.conditionId === second.conditionId,
    );
    await until("the first window's resolution", (e) => e.type === "resolved");
    await until("the third window", (e) => e.type === "window" && e.instrument.startMs === 1_795_254_300_000);

    assert.ok(
      events.slice(0, 70).every((e) => e.type === "fastBar" && e.closed),
      "70 closed candles come first",
    );
    assert.notEqual(events[70]?.type, "fastBar");
    let last = 0;
    for (const event of events) {
      assert.ok(event.tReceive >= last, `${event.type} steps back from ${last} to ${event.tReceive}`);
      last = event.tReceive;
    }
    const seen = new Set<string>();
    for (const event of events) {
      if (event.type === "window") seen.add(event.instrument.upToken).add(event.instrument.downToken);
      if (event.type === "book" || event.type === "bookDelta") {
        assert.ok(seen.has(event.token), "window before book");
      }
    }

    const strikes = events.filter((e) => e.type === "strike");
    assert.deepEqual(
      strikes.filter((e) => e.source === "twap-print").map((e) => [e.conditionId, e.exact, e.tExchange]),
      [[second.conditionId, "84561.0", 1_795_254_000_000]],
      "the print of the second window's very start",
    );
    const resolved = events.filter((e) => e.type === "resolved");
    assert.deepEqual(resolved.map((e) => [e.conditionId, e.winner, e.source]), [[
      first.conditionId,
      "up",
      "venue",
    ]]);

    const frames = venue.marketSent.filter((f) => f.text !== "PING");
    const asked = frames.find((f) => f.text.includes(second.up))!;
    assert.ok(
      asked.atMs <= 1_795_254_000_000 - 30_000,
      "the next window is subscribed 30 s before it begins",
    );
    const departures = () => venue.marketSent.filter((f) => f.text.includes("unsubscribe"));
    for (let i = 0; i < 1000 && departures().length === 0; i++) await new Promise((r) => setTimeout(r, 2));
    const [left] = departures();
    assert.ok(left !== undefined && left.text.includes(first.up) && !left.text.includes(second.up));
    assert.equal(frames[0]?.text.includes('"type":"market"'), true);
    assert.ok(venue.marketSent.some((f) => f.text === "PING"));

    await until("futures refused", isState("binance.futures.public", "down"));
    const metrics = live.metrics();
    assert.ok(metrics["binance.futures.public"]?.detail.startsWith("GEO_BLOCKED"));
    assert.deepEqual(
      (["polymarket.market", "polymarket.prices", "binance.spot"] as const).map((f) => metrics[f]?.state),
      ["live", "live", "live"],
    );
    assert.equal(metrics["polymarket.prices"]?.gaps, 0);
    assert.ok(events.some((e) => e.type === "clock"));
    assert.equal(live.strikeOf(second.conditionId).kind, "known");
    assert.ok(!live.windows().some((w) => w.slug === FIRST));
  });
});

Deno.test("a restart of the venue just before the next window loses no subscription", async () => {
  // Forty seconds before the end: the next window is subscribed already, and must be again.
  await withLive(1_795_253_700_000 + 255_000, {}, async ({ venue, events, live, until }) => {
    await until("market live", isState("polymarket.market", "live"));
    venue.dropMarketSockets();
    await until("market down", isState("polymarket.market", "down"));
    const second = listed(SECOND);
    const dropped = events.length;
    const fresh = () =>
      events.slice(dropped).some((e) => e.type === "book" && e.token === second.up) &&
      live.metrics()["polymarket.market"]?.state === "live";
    for (let i = 0; i < 4000 && !fresh(); i++) await new Promise((r) => setTimeout(r, 2));
    assert.ok(fresh(), "a book of the next window on the new socket");
    const first = venue.marketSent.filter((f) => f.text.includes('"type":"market"'));
    assert.equal(first.length, 2);
    assert.ok(first[1]!.text.includes(second.up) && first[1]!.text.includes(listed(FIRST).down));
    await until("the third window", (e) => e.type === "window" && e.instrument.startMs === 1_795_254_300_000);
    const third = listed("btc-updown-5m-1795254300");
    for (let i = 0; i < 2000 && !venue.marketSent.some((f) => f.text.includes(third.up)); i++) {
      await new Promise((r) => setTimeout(r, 2));
    }
    const asked = venue.marketSent.find((f) => f.text.includes(third.up))!;
    assert.ok(asked.atMs <= 1_795_254_300_000 - 30_000, "30 s before it begins");
    assert.equal(live.metrics()["polymarket.market"]?.reconnects, 1);
  });
});

Deno.test("changes without a snapshot make nothing live: the book is read over REST first", async () => {
  await withLive(1_795_253_700_000 + 20_000, {}, async ({ venue, events, until }) => {
    const { up } = listed(FIRST);
    const isBook = (e: MarketEvent) => e.type === "book" && e.token === up;
    await until("the first window's book", isBook);
    const first = events.findIndex(isBook);
    const live = events.findIndex(isState("polymarket.market", "live"));
    assert.ok(live === -1 || live > first, "not before the snapshot");
    await until("market live", isState("polymarket.market", "live"));
    assert.ok(venue.booksServed > 0, "it came over REST");
    assert.ok(
      events.slice(0, first).some((e) => e.type === "bookDelta"),
      "after changes that had come before",
    );
  }, (venue) => venue.withholdsDumps = true);
});

Deno.test("changes that wait too long go, their window's books are void at once, and are read again", async () => {
  const { up, down } = listed(FIRST);
  let slow = false;
  const seen: string[] = [];
  const options: Partial<LiveOptions> = {
    feeds: ["polymarket.market"],
    warmUpBars: 0,
    onEvents: (batch) => {
      for (const event of batch) {
        if (event.type === "tickSize" && event.oldTick === event.newTick) seen.push(`void ${event.token}`);
        if (event.type === "book") seen.push(`book ${event.token}`);
        if (event.type !== "bookDelta") continue;
        seen.push(`change ${event.token}`);
        for (const until = performance.now() + 1; slow && performance.now() < until;);
      }
    },
  };
  await withLive(1_795_253_700_000 + 20_000, options, async ({ live, venue }) => {
    const met = async (what: () => boolean): Promise<void> => {
      for (let i = 0; i < 500 && !what(); i++) await new Promise((next) => setTimeout(next, 10));
      assert.ok(what(), seen.slice(-5).join());
    };
    await met(() => seen.includes(`book ${up}`) && seen.includes(`book ${down}`));
    slow = true;
    venue.floodMarket(up, 600);
    await met(() => seen.includes(`void ${up}`));
    slow = false;
    const at = seen.indexOf(`void ${up}`);
    assert.ok(
      seen.includes(`void ${down}`),
      "the frame names one token, and its book is the other one's mirror",
    );
    await met(() => seen.indexOf(`book ${up}`, at) > 0 && seen.indexOf(`book ${down}`, at) > 0);
    assert.ok(venue.booksServed >= 2);
    const { shed } = live.queue();
    assert.ok(shed > 100, `${shed} left out`);
    assert.equal(live.metrics()["polymarket.market"]?.shed, shed);
    assert.equal(live.metrics()["polymarket.market"]?.reconnects, 0);
  }, (venue) => venue.givesBooks = true);
});

Deno.test("a late start recovers the strike from the replayed prints", async () => {
  await withLive(1_795_253_700_000 + 90_000, {}, async ({ until }) => {
    const strike = await until("strike", (e) => e.type === "strike");
    assert.ok(strike.type === "strike" && strike.source === "twap-print");
    assert.equal(strike.tExchange, 1_795_253_700_000);
  });
});

Deno.test("a missing next window is no failure and is found when it appears", async () => {
  await withLive(1_795_253_700_000 + 10_000, {}, async ({ venue, live, until }) => {
    assert.deepEqual(live.windows().map((w) => w.slug), [FIRST]);
    venue.absent.clear();
    await until("next window", (e) => e.type === "window" && e.instrument.slug === SECOND);
  }, (venue) => venue.absent.add(SECOND));
});

Deno.test("one window that fails does not stop the others; all of them failing does", async () => {
  const start = 1_795_253_700_000 + 10_000;
  await withLive(start, {}, async ({ venue, live, until }) => {
    assert.deepEqual(live.windows().map((w) => w.slug), [FIRST]);
    venue.broken.clear();
    await until("next window", (e) => e.type === "window" && e.instrument.slug === SECOND);
  }, (venue) => venue.broken.add(SECOND));
  const nothing = withLive(
    start,
    {},
    () => Promise.resolve(),
    (venue) => venue.broken.add(FIRST).add(SECOND),
  );
  await assert.rejects(nothing, (e) => e instanceof OperationError && e.code === "HTTP_STATUS");
});

Deno.test("wrong credentials end the price feed for good, without a loop, and nothing else", async () => {
  const credentials = { ...CREDENTIALS, secret: "wrong" };
  await withLive(1_795_253_710_000, { credentials }, async ({ live, until }) => {
    const down = await until("prices down", isState("polymarket.prices", "down"));
    assert.ok(down.type === "feedState" && down.detail.startsWith("AUTH_REFUSED"));
    await until("market live", isState("polymarket.market", "live"));
    assert.equal(live.metrics()["polymarket.prices"]?.reconnects, 0);
  });
});

Deno.test("without credentials the price feed says so and stays closed", async () => {
  await withLive(1_795_253_710_000, { credentials: null }, async ({ until }) => {
    const down = await until("prices down", isState("polymarket.prices", "down"));
    assert.ok(down.type === "feedState" && down.detail.startsWith("NO_CREDENTIALS"));
  });
});

Deno.test("exchanges alone need no venue", async () => {
  const options = { feeds: ["binance.spot"], credentials: null } as const;
  await withLive(1_795_253_710_000, options, async ({ events, live, until }) => {
    await until("spot live", isState("binance.spot", "live"));
    assert.deepEqual(Object.keys(live.metrics()), ["binance.spot"]);
    assert.ok(!events.some((e) => e.type === "window"));
  });
});

Deno.test("what onEvents throws ends the session and is told by `done`", async () => {
  const bug = new Error("a bug of the engine");
  let thrown = false;
  const onEvents = (events: readonly MarketEvent[]) => {
    if (events.some((e) => e.type === "bookDelta")) {
      thrown = true;
      throw bug;
    }
  };
  await withLive(1_795_253_710_000, { onEvents }, async ({ live }) => {
    await assert.rejects(live.done, (e) => e === bug);
    assert.ok(thrown);
  });
});

Deno.test("a venue that is not there is VENUE_UNREACHABLE, with a way on", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(
    openLive({
      profile: { ...simProfile(port), name: "polymarket" },
      clock: scaledClock(1_795_253_710_000, SPEED),
      assets: ["btc"],
      durations: ["5m"],
      credentials: null,
      onEvents: () => {},
      log,
      signal: new AbortController().signal,
    }),
    (e) =>
      e instanceof OperationError && e.code === "VENUE_UNREACHABLE" &&
      e.hint?.includes("--venue sim") === true,
  );
});
