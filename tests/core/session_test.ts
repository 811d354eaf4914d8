import assert from "node:assert/strict";
import type { Decision } from "../../core/engine.ts";
import type { ExecutionEvent, MarketEvent } from "../../core/events.ts";
import { type Action, CLOSE, HOLD, WANT_DOWN, WANT_UP } from "../../core/policy/policy.ts";
import { makePolicy } from "../../core/policy/registry.ts";
import { nextInt, type Random, seededRandom } from "../../core/random.ts";
import type { Ms } from "../../core/units.ts";
import {
  at,
  bookEvent,
  bothBooks,
  clock,
  CONDITION,
  deltaEvent,
  dollars,
  DOWN,
  END,
  fastPrice,
  fastTrade,
  latencyOf,
  limits,
  oraclePrice,
  OTHER,
  planned,
  resolvedEvent,
  scripted,
  type SessionRig,
  sessionRig,
  START,
  strikeEvent,
  UP,
  WIDE,
  windowEvent,
} from "./helpers.ts";

const T = START + 60_000;
const bids = [[0.50, 1000]] as const;
const asks = [[0.51, 1000]] as const;
const market = (t = T - 10): MarketEvent[] => [windowEvent(START), ...bothBooks(t, bids, asks)];

Deno.test("a price becomes an order, a fill, a position and a payout on one clock", () => {
  const rig = sessionRig({ policy: planned([{ from: T, action: WANT_UP }]) });
  rig.feed([...market(), clock(T), clock(T + 100), clock(T + 249)]);
  assert.equal(rig.executions.length, 0);
  rig.feed([clock(T + 250)]);
  assert.deepEqual(rig.executions.map((event) => [event.type, event.tExchange - T, event.tReceive - T]), [
    ["orderAccepted", 200, 250],
    ["fill", 200, 250],
    ["orderDone", 200, 250],
  ]);
  // 24.17 pUSD at 0.51 are 47.3921 shares for 24.169971, and 0.829030 of fee.
  assert.equal(rig.engine.portfolio.cash, 1_000_000_000 - 24_169_971 - 829_030);
  rig.feed([resolvedEvent(END + 20_000, "up")]);
  assert.equal(rig.engine.portfolio.cash, 1_000_000_000 - 24_169_971 - 829_030 + 47_392_100);
  assert.equal(rig.exchange.cash, rig.engine.portfolio.cash);
});

Deno.test("events out of order are taken at their predecessor's time and counted", () => {
  const seen: number[] = [];
  const rig = sessionRig({
    policy: scripted((view) => {
      seen.push(view.now);
      return HOLD;
    }),
  });
  rig.feed([
    ...market(),
    clock(T),
    bookEvent(T - 500, UP, [[0.40, 1]], [[0.60, 1]]),
    clock(T + 100),
    clock(T + 99),
  ]);
  assert.equal(rig.session.outOfOrder, 2);
  const window = rig.engine.windows.get(CONDITION)!;
  assert.deepEqual([window.up.bestBid, window.upBookAtMs], [4000, T]);
  assert.deepEqual(seen.slice(-2), [T, T + 100]);
  assert.equal(window.bookExchangeMs, T - 10, "its own exchange time is not made younger");
});

Deno.test("answers enter the engine before a later event does, and are stamped with their own time", () => {
  const cash: number[] = [];
  const times: number[] = [];
  const rig = sessionRig({
    policy: scripted((view) => {
      if (view.now < T) return HOLD;
      cash.push(view.side);
      times.push(view.now);
      return view.now === T ? WANT_UP : HOLD;
    }),
  });
  rig.feed([...market(), clock(T), clock(T + 1000)]);
  assert.deepEqual([times, cash], [[T, T + 1000], [0, 1]], "the fill of T+250 is known at T+1000");
  assert.deepEqual(rig.executions.map((event) => event.tReceive), [T + 250, T + 250, T + 250]);
});

Deno.test("an order sees the exchange's book of its own arrival, not the event that came after", () => {
  const rig = sessionRig({ policy: planned([{ from: T, action: WANT_UP }]) });
  rig.feed([...market(), clock(T), ...bothBooks(T + 5000, [[0.10, 5]], [[0.12, 5]])]);
  assert.deepEqual(rig.executions.filter((event) => event.type === "fill").map((event) => event.price), [
    5100,
  ]);
});

Deno.test("the events of a frame are decided on after the last of them", () => {
  const rig = sessionRig({ policy: planned([{ from: T, action: WANT_UP }]) });
  rig.feed([windowEvent(START)]);
  rig.session.feedAll(bothBooks(T, bids, asks));
  assert.equal(rig.intents.length, 1, "with half of the frame the other book would have been stale");
});

Deno.test("finish() lets what is under way run out and decides nothing new", () => {
  const rig = sessionRig({ policy: scripted((view) => view.now >= T ? WANT_UP : HOLD) });
  rig.feed([...market(), clock(T)]);
  rig.session.finish(T + 200 as Ms);
  assert.equal(rig.executions.length, 0);
  rig.session.finish(T + 10_000 as Ms);
  assert.deepEqual(rig.executions.map((event) => event.type), ["orderAccepted", "fill", "orderDone"]);
  assert.equal(rig.intents.length, 1);
  rig.feed([clock(T + 5000)]);
  assert.equal(rig.session.outOfOrder, 1);
});

Deno.test("a stop sends the cancels of open orders to the exchange", () => {
  const rig = sessionRig({ policy: planned([{ from: T, action: WANT_UP }]) });
  rig.feed([...market(), clock(T), { type: "stop", reason: "test", ...at(T + 10) }]);
  assert.deepEqual(rig.intents.map((intent) => intent.type), ["submit", "cancel"]);
});

/** A random stream of two windows with every kind of trouble: jumps, lost books, wrong bests, late and early resolutions. */
function stream(random: Random): MarketEvent[] {
  const int = (bound: number) => nextInt(random, bound);
  const events: MarketEvent[] = [windowEvent(START), windowEvent(START, OTHER)];
  const sides = [{ up: UP, down: DOWN, id: CONDITION }, {
    up: OTHER.upToken,
    down: OTHER.downToken,
    id: OTHER.conditionId,
  }];
  events.push(strikeEvent(START, 100_000), strikeEvent(START, 100_000, { conditionId: OTHER.conditionId }));
  let price = 100_000;
  let mid = 50;
  let t = START;
  const snapshot = () => {
    const side = sides[int(2)]!;
    const rows = (from: number, direction: number) =>
      Array.from({ length: 1 + int(4) }, (_, i) => [(from + direction * i) / 100, 1 + int(400) / 7] as const)
        .filter(([at]) => at >= 0.01 && at <= 0.99);
    const round = (list: (readonly [number, number])[]) =>
      list.map(([at, size]) => [at, Math.round(size * 1e4) / 1e4] as const);
    events.push(...bothBooks(t, round(rows(mid, -1)), round(rows(mid + 1 + int(2), 1)), side.up, side.down));
  };
  snapshot();
  while (t < END + 40_000) {
    t += int(10) === 0 ? int(5000) : int(90);
    mid = Math.min(97, Math.max(3, mid + int(5) - 2));
    price *= 1 + (random() - 0.5) * 2e-4;
    const side = sides[int(2)]!;
    const token = int(2) === 0 ? side.up : side.down;
    const kind = int(40);
    if (kind < 16) snapshot();
    else if (kind < 24) {
      const levels = Array.from(
        { length: 1 + int(3) },
        () => [int(2) as 0 | 1, (1 + int(99)) / 100, int(3) === 0 ? 0 : int(50)] as const,
      );
      events.push(deltaEvent(t, token, levels, int(3) === 0 ? 0.5 : -1));
    } else if (kind < 30) events.push(fastPrice(t, price), fastTrade(t, price, random() * 3, int(2) === 0));
    else if (kind < 33) events.push(oraclePrice(t, "spot", price.toFixed(6), { tExchange: t - 1500 as Ms }));
    else if (kind < 35) {
      events.push({
        type: "tokenTrade",
        token,
        price: 100 * (1 + int(99)) as never,
        size: 1e6 * int(30) as never,
        side: "buy",
        ...at(t),
      });
    } else if (kind === 35 && int(6) === 0) {
      events.push({
        type: "feedState",
        feed: "polymarket.market",
        state: int(2) === 0 ? "down" : "live",
        detail: "",
        ...at(t),
      });
    } else if (kind === 36 && int(40) === 0) {
      events.push(resolvedEvent(t, int(2) === 0 ? "up" : "down", side.id));
    } else if (kind === 37 && int(10) === 0) {
      events.push({
        type: "tickSize",
        token,
        oldTick: 100 as never,
        newTick: (int(2) === 0 ? 10 : 100) as never,
        ...at(t),
      });
    } else events.push(clock(t));
  }
  for (const side of sides) events.push(resolvedEvent(t += int(60), int(2) === 0 ? "up" : "down", side.id));
  return events;
}

interface Play {
  readonly rig: SessionRig;
  readonly decisions: readonly Decision[];
}

/** Plays a stream with a policy that wants anything at any time, under latencies that are drawn per message. */
function play(events: readonly MarketEvent[], seed: number, policyName: string | null = null): Play {
  const [wishes, latency] = [seededRandom(seed), seededRandom(seed + 1)];
  const actions: Action[] = [HOLD, WANT_UP, WANT_DOWN, CLOSE, HOLD];
  const rig = sessionRig(
    {
      policy: policyName === null
        ? scripted(() => actions[nextInt(wishes, actions.length)]!)
        : makePolicy(policyName, { seed, fairValue: { minEdge: 0.01 } }),
      sizing: { mode: "fraction", fraction: 0.05 },
      limits: { ...WIDE, maxSignalAgeMs: 2000, blackoutBeforeEndMs: 0 },
    },
    {
      orderLatency: latencyOf(() => latency() * 300),
      responseLatency: latencyOf(() => latency() * 600),
    },
  );
  rig.feed(events);
  rig.session.finish(events.at(-1)!.tReceive + 10_000 as Ms);
  return { rig, decisions: rig.decisions };
}

Deno.test("exchange and portfolio agree on cash and shares to the last digit under random streams", () => {
  let fills = 0;
  let sold = 0;
  let late = 0;
  for (let seed = 0; seed < 60; seed++) {
    const events = stream(seededRandom(1000 + seed));
    const { rig } = play(events, seed);
    const { portfolio } = rig.engine;
    assert.equal(rig.exchange.cash, portfolio.cash, `seed ${seed}`);
    for (const token of [UP, DOWN, OTHER.upToken, OTHER.downToken]) {
      assert.equal(rig.exchange.sharesOf(token), portfolio.sharesOf(token), `seed ${seed}`);
    }
    assert.ok(rig.exchange.cash >= 0);
    assert.equal(rig.engine.orders.size, 0, `seed ${seed}: every order has come to its end`);
    assert.equal(rig.exchange.openOrders, 0);
    const results = [...portfolio.windows.values()].reduce((sum, window) => sum + window.pnl, 0);
    assert.equal(portfolio.cash - dollars(1000), results, `seed ${seed}`);
    fills += rig.executions.filter((event) => event.type === "fill").length;
    sold += rig.executions.filter((event) => event.type === "fill" && event.side === "sell").length;
    const lastEvent = events.at(-1)!.tReceive;
    late += rig.executions.filter((event) => event.type === "fill" && event.tReceive > lastEvent).length;
  }
  assert.ok(fills > 300 && sold > 50, `the streams must trade: ${fills} fills, ${sold} sales, ${late} late`);
});

Deno.test("in the middle of a stream the exchange is never behind what the engine was told", () => {
  for (let seed = 0; seed < 10; seed++) {
    const events = stream(seededRandom(2000 + seed));
    const rig = sessionRig({
      policy: makePolicy("random", { seed }),
      limits: limits({ ...WIDE, maxSignalAgeMs: 2000 }),
    });
    const underway = new Set<string>();
    for (const event of events) {
      rig.session.feed(event);
      for (const intent of rig.intents) if (intent.type === "submit") underway.add(intent.orderId);
      for (const answer of rig.executions) {
        if (answer.type === "orderDone" || answer.type === "orderRejected") underway.delete(answer.orderId);
      }
      if (underway.size === 0) assert.equal(rig.exchange.cash, rig.engine.portfolio.cash);
    }
  }
});

const json = (decisions: readonly Decision[]): string[] =>
  decisions.map((decision) => JSON.stringify(decision));

Deno.test("the same events give the same decisions, byte for byte, for every policy", () => {
  const events = stream(seededRandom(77));
  const copy = structuredClone(events);
  for (const name of ["random", "momentum", "mean-revert", "fade-spike", "gating", "fair-value"]) {
    const first = json(play(events, 5, name).decisions);
    assert.deepEqual(json(play(copy, 5, name).decisions), first, name);
  }
  assert.deepEqual(copy, events, "and the events are only read");
  const wild = json(play(events, 5).decisions);
  assert.ok(wild.length > 100);
  assert.notDeepEqual(json(play(events, 6).decisions), wild, "another seed wishes otherwise");
});

Deno.test("no decision looks ahead: cut the stream anywhere and the decisions before the cut are the same", () => {
  for (const name of [null, "gating", "fair-value"]) {
    const events = stream(seededRandom(91));
    const all = json(play(events, 9, name).decisions);
    assert.ok(all.length > 10, `${name}: ${all.length}`);
    const random = seededRandom(3);
    const cuts = Array.from({ length: 12 }, () => 1 + nextInt(random, events.length));
    for (const cut of cuts) {
      const part = json(play(events.slice(0, cut), 9, name).decisions);
      assert.deepEqual(part, all.slice(0, part.length), `${name} cut at ${cut}`);
      const last = events[cut - 1]!.tReceive;
      const due = all.filter((line) => (JSON.parse(line) as Decision).t < last).length;
      assert.ok(part.length >= due, "nothing is missing either");
    }
  }
});

Deno.test("no decision looks ahead: changing everything after it leaves it unchanged", () => {
  const events = stream(seededRandom(91));
  const cut = events.length >> 1;
  const until = events[cut - 1]!.tReceive;
  const other = stream(seededRandom(92)).filter((event) => event.tReceive > until);
  const before = (decisions: readonly Decision[]) => json(decisions.filter((decision) => decision.t < until));
  const [a, b] = [play(events, 9).decisions, play([...events.slice(0, cut), ...other], 9).decisions];
  assert.ok(before(a).length > 10);
  assert.deepEqual(before(b), before(a));
  assert.notDeepEqual(json(b), json(a));
});

Deno.test("every execution belongs to an order that was sent, in a legal sequence", () => {
  for (let seed = 0; seed < 20; seed++) {
    const { rig } = play(stream(seededRandom(3000 + seed)), seed);
    const byOrder = new Map<string, ExecutionEvent[]>();
    for (const event of rig.executions) {
      assert.ok(event.type !== "account");
      byOrder.set(event.orderId, [...(byOrder.get(event.orderId) ?? []), event]);
    }
    const sent = rig.intents.filter((intent) => intent.type === "submit").map((intent) => intent.orderId);
    assert.deepEqual([...byOrder.keys()].sort(), [...sent].sort());
    for (const [orderId, events] of byOrder) {
      const kinds = events.map((event) => event.type).join(" ");
      assert.match(kinds, /^(orderRejected|orderAccepted( fill)* orderDone)$/, orderId);
    }
    assert.equal(rig.engine.unknownTokens, 0);
  }
});
