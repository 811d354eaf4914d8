import assert from "node:assert/strict";
import type { ExecutionEvent, MarketEvent } from "../../../core/events.ts";
import { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { impactModel } from "../../../core/exchange/impact.ts";
import { constantLatency } from "../../../core/exchange/latency.ts";
import { applyBook, Markets } from "../../../core/exchange/markets.ts";
import type { ExchangeOptions } from "../../../core/exchange/options.ts";
import { ParityLedger } from "../../../core/exchange/parity.ts";
import { differenceOf, type ParityRow } from "../../../core/exchange/parity_row.ts";
import { delayedSettlement } from "../../../core/exchange/settlement.ts";
import { type ExchangePort, Session } from "../../../core/session.ts";
import type { Ms, Shares } from "../../../core/units.ts";
import { at, bookEvent, dollars, DOWN, engineRig, lots, p, submit, UP, windowEvent } from "../helpers.ts";
import { MARKET } from "./scenarios/market.ts";
import { RESTING } from "./scenarios/resting.ts";
import { book, buys, delta, rests, type Scenario, sells, T } from "./scenarios/scenario.ts";
import { TAKING } from "./scenarios/taking.ts";

const holdings = () => new Map([[UP, lots(100) as Shares], [DOWN, lots(100) as Shares]]);
const exchange = (units: Partial<ExchangeOptions> = {}) =>
  new ExchangeModel({ bankroll: dollars(1000), holdings: holdings(), ...units });

interface Played {
  readonly rows: readonly ParityRow[];
  readonly ledger: ParityLedger;
}

/** Plays steps on `actual` with a ledger that predicts with `model`. */
function play(
  { steps, mirrorOf }: Pick<Scenario, "steps" | "mirrorOf">,
  actual: ExchangePort,
  model: ExchangeModel,
  ownInBook = false,
  clockTo = 1_800_000,
): Played {
  const rows: ParityRow[] = [];
  const markets = new Markets();
  const ledger = new ParityLedger({
    model,
    ownInBook,
    market: (conditionId) => markets.market(conditionId) ?? null,
    onRow: (row) => rows.push(row),
  });
  const port = ledger.tap(actual);
  const observe = (event: MarketEvent) => {
    port.observe(event);
    if (event.type === "window") markets.list(event.instrument);
    if (event.type !== "book" && event.type !== "bookDelta" && event.type !== "tickSize") return;
    const ref = markets.token(event.token);
    if (ref !== undefined) applyBook(ref, event, impactModel("untilRestated"));
  };
  observe(windowEvent(T - 60_000, mirrorOf === undefined ? {} : { mirrorOf }));
  for (const step of [...steps].sort((a, b) => a.t - b.t)) {
    const now = (T + step.t) as Ms;
    port.advance(now);
    if ("send" in step) port.submit(step.send, now);
    else for (const event of step.show(now)) observe(event);
  }
  const end = (T + clockTo) as Ms;
  port.advance(end);
  observe({ type: "clock", ...at(end) });
  ledger.close();
  return { rows, ledger };
}

Deno.test("on an exchange made alike every hand-worked scenario is predicted to the last millionth", () => {
  let orders = 0;
  let fills = 0;
  for (const scenario of [...TAKING, ...RESTING, ...MARKET]) {
    const { rows } = play(scenario, exchange(scenario.units), exchange(scenario.units));
    for (const row of rows) {
      assert.deepEqual(differenceOf(row), [], `${scenario.name}: ${row.orderId}`);
      orders++;
      fills += row.actual.fills;
    }
  }
  assert.ok(orders > 80 && fills >= 80, `${orders} orders, ${fills} fills`);
});

const TAKE: Pick<Scenario, "steps"> = {
  steps: [book(-10, [[0.50, 50]], [[0.51, 20], [0.55, 100]]), buys(0, "o1", 10.20, 0.51)],
};

Deno.test("an order is predicted from the book as it stood when it was sent", () => {
  const [row] = play(TAKE, exchange(), exchange()).rows;
  assert.deepEqual(row!.expected, {
    kind: "takes",
    bid: 5000,
    ask: 5100,
    top: 20_000_000,
    size: 20_000_000,
    cash: 10_200_000,
    // 20 x 0.07 x 0.51 x 0.49
    fee: 349_860,
    ahead: 0,
  });
  // 50 ms there, 150 ms held, 50 ms back
  assert.deepEqual([row!.actual.ackMs, row!.actual.venueMs, row!.actual.fillMs], [250, 200, 250]);
});

Deno.test("a latency that was set to differ shows as delay and as nothing else", () => {
  const slow = exchange({ orderLatency: constantLatency(300) });
  const [row] = play(TAKE, slow, exchange()).rows;
  assert.deepEqual(differenceOf(row!), ["delay"]);
  assert.equal(row!.actual.ackMs! - row!.model.ackMs!, 250);
});

Deno.test("a book that moves while the slower order is under way shows as price and size", () => {
  const moving = {
    steps: [...TAKE.steps, delta(250, [1, 0.51, 5])],
  };
  const [row] = play(moving, exchange({ orderLatency: constantLatency(300) }), exchange()).rows;
  assert.deepEqual(differenceOf(row!), ["end", "size", "fee", "delay"]);
  assert.deepEqual([row!.model.size, row!.actual.size], [20_000_000, 5_000_000]);
});

Deno.test("markouts are taken 1, 5 and 30 s after a fill, signed in our favour", () => {
  const steps = [
    ...TAKE.steps,
    // The fill is heard at 250; a quote of 1249 counts at one second, one of 1250 does not.
    book(1_249, [[0.52, 50]], [[0.54, 50]]),
    book(1_250, [[0.60, 50]], [[0.62, 50]]),
    book(4_000, [[0.40, 50]], [[0.44, 50]]),
    book(20_000, [[0.30, 50]], []),
    book(29_000, [[0.30, 50]], []),
    book(31_000, [[0.90, 50]], [[0.91, 50]]),
  ];
  const [row] = play({ steps }, exchange(), exchange()).rows;
  assert.deepEqual(row!.markouts, [
    { afterMs: 1_000, size: 20_000_000, mid: 200, executable: 100 },
    { afterMs: 5_000, size: 20_000_000, mid: -900, executable: -1100 },
    { afterMs: 30_000, size: 0, mid: null, executable: -2100 },
  ]);
});

Deno.test("a sale's markouts have the other sign", () => {
  const steps = [
    book(-10, [[0.50, 50]], [[0.51, 20]]),
    sells(0, "o1", 10, 0.50),
    book(900, [[0.40, 50]], [[0.42, 50]]),
    book(1_300, [[0.40, 50]], [[0.42, 50]]),
  ];
  const [row] = play({ steps }, exchange(), exchange()).rows;
  assert.deepEqual(row!.markouts[0], { afterMs: 1_000, size: 10_000_000, mid: 900, executable: 800 });
});

Deno.test("a markout that nobody could take in time is missing, not old", () => {
  // Next datum after the 30 s look: half an hour later.
  const [row] = play(TAKE, exchange(), exchange()).rows;
  assert.deepEqual(row!.markouts.map(({ mid }) => mid), [null, null, null]);
});

Deno.test("what was displayed at the level we took from is kept: before, and at each markout", () => {
  const steps = [
    ...TAKE.steps,
    delta(600, [1, 0.51, 4]),
    delta(2_000, [1, 0.51, 15]),
    delta(5_300, [1, 0.51, 20]),
  ];
  const [row] = play({ steps }, exchange(), exchange(), true, 30_400).rows;
  assert.deepEqual(row!.level, {
    price: 5100,
    taken: 20_000_000,
    before: 20_000_000,
    after: [4_000_000, 15_000_000, 20_000_000],
  });
});

Deno.test("settlement is counted by match: one transaction, however many levels it took", () => {
  const units = (random: () => number) => ({
    settlement: delayedSettlement({ time: constantLatency(4_000), failureRate: 0.5, random }),
  });
  const steps = [
    book(-10, [[0.50, 50]], [[0.51, 20], [0.55, 100]]),
    buys(0, "o1", 12.00, 0.55),
  ];
  const [row] = play({ steps }, exchange(units(() => 0.4)), exchange(units(() => 0.9))).rows;
  assert.equal(row!.actual.fills, 2);
  assert.deepEqual([row!.actual.settled, row!.actual.undone, row!.actual.settleMs], [0, 1, [4_000]]);
  assert.deepEqual([row!.model.settled, row!.model.undone], [1, 0]);
  assert.deepEqual(differenceOf(row!), ["settlement"]);
});

/** Answers an order by itself at given times, as a venue does. */
function scripted(script: readonly ExecutionEvent[]): ExchangePort {
  const left = [...script];
  return {
    observe: () => {},
    submit: () => {},
    advance: (now) => left.splice(0, left.filter((event) => event.tReceive <= now).length),
  };
}

Deno.test("at a venue a fill that comes before the model's is marked: the model's book may lack it", () => {
  const fill = {
    type: "fill",
    orderId: "o1",
    fillId: "v1",
    token: UP,
    side: "buy",
    price: 5100,
    size: 20_000_000,
    cash: 10_200_000,
    fee: 349_860,
    liquidity: "taker",
    tExchange: T + 100,
    tReceive: T + 120,
  } as unknown as ExecutionEvent;
  const script = (): ExecutionEvent[] => [
    { type: "orderAccepted", orderId: "o1", status: "matched", ...at(T + 110) },
    fill,
    { type: "orderDone", orderId: "o1", reason: "filled", ...at(T + 120) },
  ];
  // Our own trade reaches the book before the model has taken from it.
  const steps = [...TAKE.steps, delta(130, [1, 0.51, 0])];
  const [row] = play({ steps }, scripted(script()), exchange(), true).rows;
  assert.equal(row!.touched, true);
  assert.deepEqual([row!.expected.size, row!.actual.size, row!.model.size], [20_000_000, 20_000_000, 0]);
  const [paper] = play({ steps }, scripted(script()), exchange(), false).rows;
  assert.equal(paper!.touched, false);
});

Deno.test("a fill that the venue made first is marked although we heard of it last; one it made later is not", () => {
  const heard = (matched: number): ExecutionEvent[] => [{
    type: "fill",
    orderId: "o1",
    fillId: "v1",
    token: UP,
    side: "buy",
    price: p(0.51),
    size: lots(20),
    cash: dollars(10.2),
    fee: dollars(0.34986),
    liquidity: "taker",
    tExchange: (T + matched) as Ms,
    tReceive: (T + 400) as Ms,
  }];
  // The model matches at 200 and we hear of it at 250.
  const steps = [...TAKE.steps, book(600, [[0.50, 50]], [[0.51, 20]])];
  const step = { t: 500, show: () => [] };
  const touched = (matched: number) =>
    play({ steps: [...steps, step] }, scripted(heard(matched)), exchange(), true).rows[0]!.touched;
  assert.deepEqual([touched(180), touched(240)], [true, false]);
});

Deno.test("what the venue refused or cancelled does not go on resting in the model", () => {
  const script: ExecutionEvent[] = [
    { type: "orderRejected", orderId: "o1", code: "GEO_BLOCKED", message: "", ...at(T + 500) },
  ];
  const steps = [
    book(-10, [[0.50, 50]], [[0.52, 20]]),
    rests(0, "o1", ["buy", 10, 0.51]),
    book(600, [[0.50, 50]], [[0.52, 20]]),
    book(800, [[0.50, 50]], [[0.51, 20]]),
  ];
  const [row] = play({ steps }, scripted(script), exchange()).rows;
  assert.deepEqual([row!.actual.end, row!.actual.code, row!.model.end, row!.model.size], [
    "rejected",
    "GEO_BLOCKED",
    "cancelled",
    0,
  ]);
});

Deno.test("rows of orders that nobody ever answered come out at the end, open", () => {
  const { rows } = play({ steps: TAKE.steps }, scripted([]), exchange());
  assert.deepEqual(rows.map((row) => [row.actual.end, row.actual.ackMs, row.model.end]), [
    ["open", null, "filled"],
  ]);
});

Deno.test("an exchange with free funds refuses nothing for want of money or shares, and pays fees all the same", () => {
  const free = new ExchangeModel({ bankroll: dollars(0), freeFunds: true });
  const { rows } = play(TAKE, exchange(), free);
  assert.deepEqual(differenceOf(rows[0]!), []);
  const poor = new ExchangeModel({ bankroll: dollars(0) });
  assert.equal(play(TAKE, exchange(), poor).rows[0]!.model.code, "NOT_ENOUGH_BALANCE");
});

Deno.test("the ledger changes nothing of what a session does", () => {
  const run = (tapped: boolean) => {
    const heard: ExecutionEvent[] = [];
    const ledger = new ParityLedger({
      model: exchange(),
      ownInBook: false,
      market: () => null,
      onRow: () => {},
    });
    const inner = exchange();
    const session = new Session(engineRig().engine, tapped ? ledger.tap(inner) : inner, {
      onExecution: (event) => heard.push(event),
    });
    session.feed(windowEvent(T - 60_000));
    session.feed(bookEvent(T - 10, UP, [[0.5, 50]], [[0.51, 20]]));
    session.exchange.submit(submit({ orderId: "o1", bornAt: T as Ms, spend: dollars(10.2) }), T as Ms);
    session.finish((T + 1_000) as Ms);
    return heard;
  };
  assert.deepEqual(run(true), run(false));
  assert.ok(run(true).length >= 3);
});
