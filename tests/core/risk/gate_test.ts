import assert from "node:assert/strict";
import type { EngineOptions } from "../../../core/engine.ts";
import { InvariantError } from "../../../core/errors.ts";
import type { Event, FeedStateEvent, LatencyEvent } from "../../../core/events.ts";
import { AssetState } from "../../../core/features/asset_state.ts";
import { WindowState } from "../../../core/features/window_state.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import { CLOSE, WANT_UP } from "../../../core/policy/policy.ts";
import { checkSubmit, GATE_CODES, type GateCode, type RiskLimits } from "../../../core/risk/gate.ts";
import type { Ms, Price, Usdc } from "../../../core/units.ts";
import {
  at,
  bookEvent,
  bothBooks,
  clock,
  deltaEvent,
  dollars,
  END,
  type EngineRig,
  engineRig,
  fastPrice,
  filled,
  instrument,
  limits,
  lots,
  micro,
  oraclePrice,
  OTHER,
  planned,
  resolvedEvent,
  START,
  strikeEvent,
  submit,
  UP,
  WIDE,
  windowEvent,
  type Wish,
} from "../helpers.ts";

/** When the wish that is looked at happens, unless a case says otherwise. */
const T = START + 60_000;

interface Case {
  readonly events: readonly Event[];
  readonly wishes?: readonly Wish[];
  readonly options?: Partial<EngineOptions>;
  readonly needs?: { readonly fast?: boolean; readonly oracle?: boolean; readonly strike?: boolean };
  /** The refusal's numbers, where they are part of the fact. */
  readonly numbers?: readonly [value: number, limit: number];
}

const wantUp = (from: number, conditionId?: string): Wish => ({
  from,
  action: WANT_UP,
  ...(conditionId === undefined ? {} : { conditionId }),
});
const close = (from: number): Wish => ({ from, action: CLOSE });

const bids = [[0.50, 1000]] as const;
const asks = [[0.51, 1000]] as const;
/** A tradable window with fresh books just before T. */
const market = (changes: Partial<Instrument> = {}, t = T - 10): Event[] => [
  windowEvent(START, changes),
  ...bothBooks(t, bids, asks),
];
const otherMarket = (t = T - 10): Event[] => [
  windowEvent(START, OTHER),
  ...bothBooks(t, bids, asks, OTHER.upToken, OTHER.downToken),
];
const feed = (t: number, state: FeedStateEvent["state"]): FeedStateEvent => ({
  type: "feedState",
  feed: "polymarket.market",
  state,
  detail: "",
  ...at(t),
});
const latency = (t: number, medianMs: number, changes: Partial<LatencyEvent> = {}): LatencyEvent => ({
  ...{ type: "latency", trips: 3, medianMs, worstMs: medianMs, loopMs: 0 },
  ...changes,
  ...at(t),
});
const stop = (t: number): Event => ({ type: "stop", reason: "test", ...at(t) });
const fixed = (amount: number): Partial<EngineOptions> => ({
  sizing: { mode: "fixed", amount: dollars(amount) },
});
/** Buys 40 shares at 0.51, then the market falls to 0.10. */
const fallen: Event[] = [
  ...market(),
  clock(T),
  ...filled(T + 50, "o1", "buy", 0.51, 40),
  ...bothBooks(T + 150, [[0.10, 1000]], [[0.12, 1000]]),
];

const CASES: Record<GateCode, readonly Case[]> = {
  STOPPED: [{ events: [...market(), stop(T - 5), clock(T)] }],
  DRAWDOWN_LATCH: [{
    options: { limits: limits({ maxDrawdownFraction: 0.01 }) },
    wishes: [wantUp(T), close(T + 200), wantUp(T + 400)],
    events: [
      ...fallen,
      clock(T + 200),
      ...filled(T + 250, "o2", "sell", 0.10, 40),
      ...bothBooks(T + 390, bids, asks),
      clock(T + 400),
    ],
  }],
  LOSS_STREAK_LATCH: [{
    options: { limits: limits({ maxDrawdownFraction: 1, maxConsecutiveLosses: 1 }) },
    wishes: [wantUp(T), wantUp(T + 400, OTHER.conditionId)],
    events: [
      ...market(),
      clock(T),
      ...filled(T + 50, "o1", "buy", 0.51, 40),
      resolvedEvent(T + 200, "down"),
      ...otherMarket(T + 390),
      clock(T + 400),
    ],
    numbers: [1, 1],
  }],
  LATENCY_LATCH: [{
    events: [...market(), latency(T - 5_006, 501), latency(T - 6, 501), clock(T)],
    numbers: [501, 500],
  }],
  LATENCY_SPIKE: [
    { events: [...market(), latency(T - 5, 20, { worstMs: 100.1 }), clock(T)], numbers: [100.1, 100] },
    {
      events: [...market(), latency(T - 5, -1, { trips: 0, worstMs: -1, loopMs: 101 }), clock(T)],
      numbers: [101, 100],
    },
  ],
  MARKET_NOT_TRADABLE: [{ events: [...market({ tradable: false, reason: "closed" }), clock(T)] }],
  RULE_UNKNOWN: [{ events: [...market({ rule: { kind: "unknown", text: "dice" } }), clock(T)] }],
  VERSION_UNKNOWN: [{ events: [...market({ version: "unknown" }), clock(T)] }],
  FEE_UNKNOWN: [{ events: [...market({ fee: null }), clock(T)] }],
  STRIKE_UNKNOWN: [{ needs: { strike: true }, events: [...market(), clock(T)] }],
  WINDOW_BLACKOUT: [{
    wishes: [wantUp(END - 9_999)],
    events: [...market({}, END - 10_005), clock(END - 9_999)],
    numbers: [9_999, 10_000],
  }],
  WINDOW_ENDED: [{
    wishes: [wantUp(T), close(END - 150)],
    events: [
      ...market(),
      clock(T),
      ...filled(T + 50, "o1", "buy", 0.51, 40),
      ...bothBooks(END - 250, bids, asks),
      clock(END - 150),
    ],
    numbers: [END - 150, END - 150],
  }],
  BOOK_UNTRUSTED: [
    { events: [windowEvent(START), clock(T)] },
    { events: [...market(), deltaEvent(T - 5, UP, [[0, 0.49, 5]], 0.48, 0.51), clock(T)] },
    { events: [...market(), feed(T - 5, "down"), clock(T)] },
    {
      events: [
        ...market(),
        { type: "tickSize", token: UP, oldTick: 100 as Price, newTick: 10 as Price, ...at(T - 5) },
        clock(T),
      ],
    },
  ],
  BOOK_CROSSED: [{
    events: [windowEvent(START), ...bothBooks(T - 10, [[0.52, 10]], [[0.51, 10]]), clock(T)],
    numbers: [5200, 5100],
  }],
  BOOK_EMPTY: [{ events: [windowEvent(START), ...bothBooks(T - 10, bids, []), clock(T)] }],
  FEED_STALE: [
    { events: [...market({}, T - 5_001), clock(T)], numbers: [5_001, 5_000] },
    {
      // One token's book is fresh, the other's is not: the older counts.
      events: [...market({}, T - 5_001), bookEvent(T - 5, UP, bids, asks), clock(T)],
      numbers: [5_001, 5_000],
    },
    { needs: { fast: true }, events: [...market(), clock(T)], numbers: [Infinity, 5_000] },
    {
      needs: { fast: true },
      events: [fastPrice(T - 5_001, 100_000), ...market(), clock(T)],
      numbers: [5_001, 5_000],
    },
    {
      // The basis between the fast price and the oracle was measured, and the oracle has gone silent since.
      needs: { oracle: true },
      events: [
        fastPrice(T - 10_001, 100_000),
        oraclePrice(T - 10_001, "spot", "100000"),
        ...market(),
        strikeEvent(T - 20, 100_000),
        clock(T),
      ],
      numbers: [10_001, 10_000],
    },
  ],
  FEED_DOWN: [
    { events: [...market(), feed(T - 5, "late"), clock(T)] },
    { events: [feed(T - 50, "down"), feed(T - 40, "connecting"), ...market(), clock(T)] },
    { events: [feed(T - 50, "down"), ...market(), clock(T)] },
  ],
  CLOCK_SKEW: [{
    // Every stamp of the venue lies more than a second in our future.
    events: market().map((event) => ({ ...event, tExchange: T + 1001 as Ms })).concat(clock(T) as never),
    numbers: [1001, 1000],
  }],
  SIGNAL_TOO_OLD: [
    { events: [...market({}, T - 201), clock(T)], numbers: [201, 200] },
    {
      // Received just now, but the venue wrote it long ago.
      events: [
        windowEvent(START),
        ...bothBooks(T - 10, bids, asks).map((event) => ({ ...event, tExchange: T - 300 as Ms })),
        clock(T),
      ],
      numbers: [300, 200],
    },
  ],
  PRICE_OFF_TICK: [{
    events: [
      ...market(),
      { type: "tickSize", token: UP, oldTick: 100 as Price, newTick: 20 as Price, ...at(T - 5) },
      bookEvent(T - 4, UP, bids, asks),
      clock(T),
    ],
  }],
  SIZE_BELOW_MINIMUM: [{ options: fixed(2.6), events: [...market(), clock(T)] }],
  NOTIONAL_BELOW_MINIMUM: [{
    options: fixed(1.05),
    events: [windowEvent(START), ...bothBooks(T - 10, [[0.09, 100]], [[0.10, 100]]), clock(T)],
    numbers: [dollars(0.98), dollars(1)],
  }],
  TRADE_FRACTION_LIMIT: [{ options: fixed(101), events: [...market(), clock(T)] }],
  POSITION_LIMIT: [{
    options: { limits: limits({ maxPositionPerMarket: dollars(25.8) }) },
    events: [...market(), clock(T)],
    numbers: [micro(24.17 * 1.07), dollars(25.8)],
  }],
  EXPOSURE_LIMIT: [{
    // The first order is only in flight, in another market.
    options: { limits: limits({ maxTotalExposure: dollars(51.70) }) },
    wishes: [wantUp(T), wantUp(T, OTHER.conditionId)],
    events: [...market(), ...otherMarket(), clock(T)],
    numbers: [micro(2 * 24.17 * 1.07), dollars(51.70)],
  }],
  BALANCE_INSUFFICIENT: [{
    options: { bankroll: dollars(51.70), limits: { ...WIDE, maxPositionPerMarket: dollars(30) } },
    wishes: [wantUp(T), wantUp(T, OTHER.conditionId)],
    events: [...market(), ...otherMarket(), clock(T)],
    numbers: [micro(24.17 * 1.07), micro(51.70 - 24.17 * 1.07)],
  }],
  ORDER_IN_FLIGHT: [{
    wishes: [wantUp(T), wantUp(T + 100)],
    events: [...market(), clock(T), clock(T + 100)],
  }],
  SHARES_UNSETTLED: [{
    // Matched and not confirmed: the venue would refuse the sale.
    wishes: [wantUp(T), close(T + 100)],
    events: [
      ...market(),
      clock(T),
      ...filled(T + 50, "o1", "buy", 0.51, 40, { provisional: true }),
      clock(T + 100),
    ],
    numbers: [lots(40), 0],
  }],
};

function run(c: Case): EngineRig {
  const needs = { fast: false, oracle: false, strike: false, ...c.needs };
  const rig = engineRig({ policy: planned(c.wishes ?? [wantUp(T)], { needs }), ...c.options });
  const intents = rig.run(c.events);
  const wishes = c.wishes?.length ?? 1;
  assert.equal(rig.decisions.length, wishes, "every wish is recorded");
  const sent = intents.filter((intent) => intent.type === "submit").length;
  assert.equal(sent, wishes - 1, "only the last wish is refused");
  return rig;
}

for (const [code, cases] of Object.entries(CASES)) {
  for (const [i, c] of cases.entries()) {
    Deno.test(`the engine does not send and says ${code} (${i + 1})`, () => {
      const { engine, decisions } = run(c);
      const refusal = decisions.at(-1)!.refusal;
      assert.equal(refusal?.code, code);
      assert.deepEqual([...engine.notSent], [[code, 1]]);
      if (c.numbers !== undefined) assert.deepEqual([refusal.value, refusal.limit], c.numbers);
      assert.ok(refusal.detail.length > 0);
    });
  }
}

Deno.test("every gate code has a test that drives the engine, or is named here as a backstop", () => {
  assert.deepEqual(Object.keys(CASES).sort(), [...GATE_CODES].sort());
  for (const [code, cases] of Object.entries(CASES)) assert.ok(cases.length > 0, code);
});

Deno.test("the same market without the fault sends the order: no case above fails for another reason", () => {
  const { engine, run: step, decisions } = engineRig({ policy: planned([wantUp(T)]) });
  const intents = step([...market(), clock(T)]);
  assert.equal(intents.length, 1);
  assert.equal(decisions[0]!.refusal, null);
  assert.equal(engine.notSent.size, 0);
});

Deno.test("the engine asks about no window before its start nor from its end on; the gate holds it to that", () => {
  const { engine, run: step } = engineRig({ policy: planned([wantUp(0)]) });
  step([
    windowEvent(START - 5000),
    ...bothBooks(START - 200, bids, asks),
    clock(START - 100),
    clock(START - 1),
  ]);
  step([clock(END), clock(END + 1000)]);
  assert.equal(engine.evaluations, 0);
  const input = {
    now: START - 1,
    limits: WIDE,
    needs: { fast: false, oracle: false, strike: false },
    window: new WindowState(instrument()),
    asset: new AssetState(),
    feeds: new Map(),
    stopped: false,
    latch: null,
    latencyMs: -1,
    freeCash: dollars(1000),
    tradeBase: dollars(1000),
    sellable: lots(0),
    windowExposure: dollars(0),
    totalExposure: dollars(0),
    inFlight: false,
  };
  assert.throws(() => checkSubmit(submit(), input), InvariantError);
  assert.equal(checkSubmit(submit(), { ...input, now: END })?.code, "WINDOW_ENDED");
});

Deno.test("limits hold to the millionth: an order that costs exactly the limit is sent", () => {
  const cost = micro(24.17 * 1.07);
  for (const key of ["maxPositionPerMarket", "maxTotalExposure"] as const) {
    for (const [limit, sent] of [[cost, 1], [cost - 1, 0]] as const) {
      const rig = engineRig({ policy: planned([wantUp(T)]), limits: limits({ [key]: limit }) });
      assert.equal(rig.run([...market(), clock(T)]).length, sent, `${key} ${limit}`);
    }
  }
});

Deno.test("an order may take the last millionth of free money, and not one more", () => {
  const cost = micro(24.17 * 1.07);
  const sent = (bankroll: number) =>
    engineRig({ policy: planned([wantUp(T)]), limits: WIDE, bankroll: bankroll as Usdc }).run([
      ...market(),
      clock(T),
    ]);
  assert.equal(sent(cost).length, 1);
  assert.equal(sent(cost - 1).length, 0);
});

Deno.test("what is too little to sell still counts against the market's limit, its fee included", () => {
  const held = micro(4.99 * 0.51 + 0.08);
  for (
    const [limit, sent] of [[held + micro(24.17 * 1.07), 1], [held + micro(24.17 * 1.07) - 1, 0]] as const
  ) {
    const rig = engineRig({
      policy: planned([wantUp(T), wantUp(T + 100)]),
      limits: limits({ maxPositionPerMarket: limit as Usdc }),
    });
    rig.run([...market(), clock(T), ...filled(T + 50, "o1", "buy", 0.51, 4.99, { fee: dollars(0.08) })]);
    assert.equal(rig.run([clock(T + 100)]).length, sent);
  }
});

Deno.test("ages hold to the millisecond: at the limit an input is still fresh", () => {
  const sent = (c: Case) => {
    const needs = { fast: false, oracle: false, strike: false, ...c.needs };
    return engineRig({ policy: planned(c.wishes ?? [wantUp(T)], { needs }), ...c.options }).run(c.events)
      .length;
  };
  assert.equal(sent({ events: [...market({}, T - 200), clock(T)] }), 1);
  assert.equal(sent({ needs: { fast: true }, events: [fastPrice(T - 5000, 1), ...market(), clock(T)] }), 1);
  const oracle = oraclePrice(T - 10_000, "spot", "1");
  assert.equal(sent({ needs: { oracle: true }, events: [oracle, ...market(), clock(T)] }), 1);
  // The newest input counts: an old book with a fresh fast price is a fresh signal for a policy that needs it.
  const fresh = { events: [...market({}, T - 300), fastPrice(T - 10, 1), clock(T)] };
  assert.equal(sent(fresh), 0);
  assert.equal(sent({ ...fresh, needs: { fast: true } }), 1);
  const blackout = {
    wishes: [wantUp(END - 10_000)],
    events: [...market({}, END - 10_005), clock(END - 10_000)],
  };
  assert.equal(sent(blackout), 1);
});

Deno.test("the exposure of another market counts in flight, and once filled at its cost with fees", () => {
  const wide = { limits: limits({ maxTotalExposure: dollars(51.70) }) };
  const wishes = [wantUp(T), wantUp(T + 200, OTHER.conditionId)];
  const held = (size: number) => {
    const rig = engineRig({ policy: planned(wishes), ...wide });
    rig.run([
      ...market(),
      clock(T),
      ...filled(T + 50, "o1", "buy", 0.51, size, { fee: dollars(0.80) }),
      ...otherMarket(T + 190),
      clock(T + 200),
    ]);
    return rig.decisions.at(-1)!.refusal?.code ?? null;
  };
  // 51.70 - 25.8619 for the second order leaves 25.8381; 0.51 x size + 0.80 is held.
  assert.equal(held(49), null);
  assert.equal(held(49.2), "EXPOSURE_LIMIT");
});

Deno.test("selling passes both latches, the exposure limits and the blackout", () => {
  for (const code of ["DRAWDOWN_LATCH", "LOSS_STREAK_LATCH"] as const) {
    const tight = { maxDrawdownFraction: code === "DRAWDOWN_LATCH" ? 0.01 : 1, maxConsecutiveLosses: 1 };
    const wishes = [wantUp(T), wantUp(T + 20, OTHER.conditionId), close(END - 5000)];
    const rig = engineRig({ policy: planned(wishes), limits: limits(tight) });
    const other = { token: OTHER.upToken };
    rig.run([
      ...market(),
      ...otherMarket(),
      clock(T),
      clock(T + 100),
      ...filled(T + 150, "o1", "buy", 0.51, 40),
      ...filled(T + 150, "o2", "buy", 0.51, 40, other),
      resolvedEvent(T + 200, "down", OTHER.conditionId),
      ...bothBooks(END - 5005, [[0.50, 100]], [[0.51, 100]]),
    ]);
    assert.equal(rig.engine.latch, code);
    const [sell] = rig.run([clock(END - 5000)]);
    assert.equal(sell?.type === "submit" && sell.side, "sell", code);
  }
});

Deno.test("a spike keeps no sale back, is over when it is over or too old, and skips nothing when it widens", () => {
  const codesOf = (events: readonly Event[], changes: Partial<RiskLimits> = {}, t = T) => {
    const rig = engineRig({ policy: planned([wantUp(t)]), limits: limits(changes) });
    const sent = rig.run([...events, clock(t)]);
    return [rig.decisions.at(-1)!.refusal?.code ?? null, sent[0]?.type === "submit" ? sent[0].limit : null];
  };
  const slow = latency(T - 5, 250);
  assert.deepEqual(codesOf([...market(), slow]), ["LATENCY_SPIKE", null]);
  assert.deepEqual(codesOf([...market(), slow, latency(T - 4, 30)]), [null, 5200]);
  assert.deepEqual(
    codesOf([windowEvent(START), slow, ...bothBooks(T + 30_990, bids, asks)], {}, T + 31_000),
    [null, 5200],
  );
  assert.deepEqual(codesOf([...market(), slow], { latencyWidenTicks: 2 }), [null, 4900]);
  const rig = engineRig({ policy: planned([wantUp(T), close(T + 200)]) });
  rig.run([...market(), clock(T), ...filled(T + 50, "o1", "buy", 0.51, 40), latency(T + 100, 450)]);
  const [sell] = rig.run([...bothBooks(T + 190, bids, asks), clock(T + 200)]);
  assert.ok(sell?.type === "submit" && sell.side === "sell");
});

Deno.test("the latency latch wants slowness that lasts: one good second, or too few round trips, begins anew", () => {
  const latchAfter = (...events: Event[]) => {
    const rig = engineRig({ policy: planned([]) });
    rig.run([...market(), ...events]);
    return rig.engine.latch;
  };
  const slow = (t: number) => latency(t, 501);
  assert.equal(latchAfter(slow(T), slow(T + 4_999)), null);
  assert.equal(latchAfter(slow(T), slow(T + 5_000)), "LATENCY_LATCH");
  assert.equal(latchAfter(slow(T), latency(T + 2_000, 500), slow(T + 5_000)), null);
  assert.equal(latchAfter(slow(T), latency(T + 2_000, 900, { trips: 2 }), slow(T + 5_000)), null);
  // What lies between two measurements far apart was measured by nobody.
  assert.equal(latchAfter(slow(T), slow(T + 31_000)), null);
});

Deno.test("the drawdown latch stays although the equity recovers and rises above its old peak", () => {
  const rig = engineRig({
    policy: planned([wantUp(T), wantUp(T + 400, OTHER.conditionId)]),
    limits: limits({ maxDrawdownFraction: 0.01 }),
  });
  rig.run([...fallen, clock(T + 200)]);
  assert.equal(rig.engine.latch, "DRAWDOWN_LATCH");
  assert.equal(rig.engine.firstStop?.code, "DRAWDOWN_LATCH");
  assert.equal(rig.engine.maxDrawdown, dollars(40 * 0.51 - 40 * 0.10));
  rig.run([...bothBooks(T + 300, [[0.90, 1000]], [[0.91, 1000]]), ...otherMarket(T + 390), clock(T + 400)]);
  assert.ok(rig.engine.equity() > dollars(1000));
  assert.equal(rig.engine.latch, "DRAWDOWN_LATCH");
  assert.equal(rig.decisions.at(-1)!.refusal?.code, "DRAWDOWN_LATCH");
});

Deno.test("the first latch is the one that stays: a later limit does not rename it", () => {
  const rig = engineRig({
    policy: planned([wantUp(T)]),
    limits: limits({ maxDrawdownFraction: 0.01, maxConsecutiveLosses: 1 }),
  });
  rig.run([...fallen, clock(T + 200)]);
  assert.equal(rig.engine.latch, "DRAWDOWN_LATCH");
  // The equity is above its old peak, so only the streak is over its limit.
  rig.run([
    ...bothBooks(T + 300, [[0.90, 1000]], [[0.91, 1000]]),
    windowEvent(T + 310, OTHER),
    resolvedEvent(END + 1000, "up"),
  ]);
  rig.engine.portfolio.lossStreak = 3;
  rig.run([clock(END + 2000)]);
  assert.equal(rig.engine.latch, "DRAWDOWN_LATCH");
  assert.equal(rig.engine.firstStop?.code, "DRAWDOWN_LATCH");
});

Deno.test("the loss streak latch stays although a later window wins", () => {
  const rig = engineRig({
    policy: planned([wantUp(T), wantUp(T, OTHER.conditionId)]),
    limits: limits({ maxDrawdownFraction: 1, maxConsecutiveLosses: 1 }),
  });
  rig.run([
    ...market(),
    ...otherMarket(),
    clock(T),
    ...filled(T + 50, "o1", "buy", 0.51, 40),
    ...filled(T + 50, "o2", "buy", 0.51, 40, { token: OTHER.upToken }),
    resolvedEvent(END + 1000, "down"),
    resolvedEvent(END + 2000, "up", OTHER.conditionId),
  ]);
  assert.equal(rig.engine.portfolio.lossStreak, 0);
  assert.equal(rig.engine.latch, "LOSS_STREAK_LATCH");
});

Deno.test("with stops off the limits are only noted, once, and trading goes on", () => {
  const rig = engineRig({
    policy: planned([wantUp(T), wantUp(T + 400, OTHER.conditionId)]),
    limits: limits({ maxDrawdownFraction: 0.01, stops: false }),
  });
  rig.run([...fallen, clock(T + 200), ...otherMarket(T + 390), clock(T + 400)]);
  assert.equal(rig.engine.latch, null);
  assert.deepEqual([rig.engine.firstStop?.code, rig.engine.firstStop?.atMs], ["DRAWDOWN_LATCH", T + 150]);
  assert.equal(rig.decisions.at(-1)!.refusal, null);
});

Deno.test("a crossed or distrusted quote does not move the peak that drawdown is measured from", () => {
  const rig = engineRig({ policy: planned([wantUp(T)]), limits: limits({ maxDrawdownFraction: 0.01 }) });
  rig.run([
    ...market(),
    clock(T),
    ...filled(T + 50, "o1", "buy", 0.51, 40),
    deltaEvent(T + 150, UP, [[0, 0.99, 5]], 0.99, 0.51),
    clock(T + 200),
    deltaEvent(T + 250, UP, [[0, 0.99, 0], [0, 0.98, 1]], 0.50, 0.51),
    clock(T + 300),
    ...bothBooks(T + 350, bids, asks),
    clock(T + 400),
  ]);
  assert.equal(rig.engine.latch, null);
  assert.equal(rig.engine.peakEquity, dollars(1000));
});

Deno.test("stop cancels what is open and refuses even a sale", () => {
  const rig = engineRig({ policy: planned([wantUp(T), close(T + 400)]) });
  rig.run([...market(), clock(T)]);
  const cancels = rig.run([stop(T + 20)]);
  assert.deepEqual(cancels, [{ type: "cancel", orderId: "o1", bornAt: T + 20 }]);
  rig.run([...filled(T + 50, "o1", "buy", 0.51, 40), ...bothBooks(T + 390, bids, asks), clock(T + 400)]);
  assert.equal(rig.decisions.at(-1)!.refusal?.code, "STOPPED");
});
