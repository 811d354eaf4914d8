import assert from "node:assert/strict";
import fc from "fast-check";
import type { ExecutionEvent, FillEvent, MarketEvent, SubmitIntent } from "../../../core/events.ts";
import type { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { takerFee } from "../../../core/market/fees.ts";
import type { Outcome } from "../../../core/market/instrument.ts";
import { Portfolio } from "../../../core/orders/portfolio.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import {
  at,
  bothBooks,
  CONDITION,
  CRYPTO_FEE,
  deltaEvent,
  dollars,
  DOWN,
  END,
  exchangeModel,
  fillsOf,
  lots,
  p,
  resolvedEvent,
  START,
  submit,
  UP,
  windowEvent,
} from "../helpers.ts";

const cents = fc.integer({ min: 1, max: 99 });
const amount = fc.integer({ min: 1, max: 400_000 }).map((size) => size / 1e4);
const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), amount), { maxLength: 5 });
const order = fc.record({
  kind: fc.constant("order" as const),
  outcome: fc.constantFrom<Outcome>("up", "down"),
  side: fc.constantFrom("buy", "buy", "sell" as const),
  orderType: fc.constantFrom("FAK", "FAK", "FOK", "GTC", "GTD" as const),
  postOnly: fc.boolean(),
  limit: cents,
  size: fc.integer({ min: 500, max: 60_000 }).map((hundredths) => hundredths / 100),
  life: fc.integer({ min: -100, max: 3000 }),
});
const step = fc.oneof(
  { weight: 5, arbitrary: order },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("book" as const),
      bid: fc.integer({ min: 10, max: 89 }),
      bids: rows,
      asks: rows,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("delta" as const),
      side: fc.constantFrom(0, 1 as const),
      at: cents,
      size: amount,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trade" as const), at: cents, size: amount }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.integer({ min: 1, max: 12 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const steps = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 400 })), { minLength: 5, maxLength: 40 });

function intentOf(s: Extract<Step, { kind: "order" }>, id: string, t: number): SubmitIntent {
  const limited = s.orderType === "GTC" || s.orderType === "GTD";
  const spending = s.side === "buy" && !limited;
  return submit({
    orderId: id,
    outcome: s.outcome,
    side: s.side,
    orderType: s.orderType,
    postOnly: limited && s.postOnly,
    limit: p(s.limit / 100),
    size: spending ? 0 as Shares : lots(s.size),
    spend: spending ? dollars(s.size) : 0 as Usdc,
    bornAt: t as Ms,
    expireAt: t + s.life as Ms,
  });
}

interface Run {
  readonly exchange: ExchangeModel;
  readonly sent: Map<string, SubmitIntent>;
  readonly answers: ExecutionEvent[];
}

function run(played: readonly (readonly [Step, number])[], winner: Outcome | null): Run {
  const exchange = exchangeModel({ bankroll: dollars(300) });
  const sent = new Map<string, SubmitIntent>();
  const answers: ExecutionEvent[] = [];
  const show = (event: MarketEvent) => {
    answers.push(...exchange.advance(event.tReceive));
    exchange.observe(event);
  };
  let t = START + 1000;
  show(windowEvent(START));
  for (const event of bothBooks(t, [[0.49, 300]], [[0.51, 300]])) show(event);
  for (const [s, wait] of played) {
    t += wait;
    answers.push(...exchange.advance(t as Ms));
    if (s.kind === "order") {
      const intent = intentOf(s, `o${sent.size + 1}`, t);
      sent.set(intent.orderId, intent);
      exchange.submit(intent, t as Ms);
    } else if (s.kind === "cancel") {
      exchange.submit({ type: "cancel", orderId: `o${s.which}`, bornAt: t as Ms }, t as Ms);
    } else if (s.kind === "book") {
      const bids = s.bids.map(([depth, size]) => [Math.max(1, s.bid - depth) / 100, size] as const);
      const asks = s.asks.map(([depth, size]) => [Math.min(99, s.bid + 1 + depth) / 100, size] as const);
      for (const event of bothBooks(t, bids, asks)) show(event);
    } else if (s.kind === "delta") {
      show(deltaEvent(t, UP, [[s.side, s.at / 100, s.size]]));
      show(deltaEvent(t, DOWN, [[s.side === 0 ? 1 : 0, 1 - s.at / 100, s.size]]));
    } else {
      show({
        type: "tokenTrade",
        token: UP,
        price: p(s.at / 100),
        size: lots(s.size),
        side: "sell",
        ...at(t),
      });
    }
    assert.ok(
      exchange.cash >= 0 && exchange.sharesOf(UP) >= 0 && exchange.sharesOf(DOWN) >= 0,
      "nothing is overdrawn",
    );
  }
  if (winner !== null) show(resolvedEvent(END + 20_000, winner));
  answers.push(...exchange.advance(END + 60_000 as Ms));
  return { exchange, sent, answers };
}

Deno.test("a ledger kept from the answers alone equals the exchange's own, whatever is sent", () => {
  fc.assert(
    fc.property(steps, fc.constantFrom<Outcome | null>("up", "down", null), (played, winner) => {
      const { exchange, sent, answers } = run(played, winner);
      const ledger = new Portfolio(dollars(300));
      for (const fill of fillsOf(answers)) {
        ledger.applyFill(fill, CONDITION, sent.get(fill.orderId)!.outcome);
      }
      if (winner !== null) ledger.settle(CONDITION, winner, END as Ms);
      assert.equal(ledger.cash, exchange.cash);
      for (const token of [UP, DOWN]) assert.equal(ledger.sharesOf(token), exchange.sharesOf(token));
    }),
    { numRuns: 300 },
  );
});

function checkOrder(intent: SubmitIntent, fills: readonly FillEvent[]): void {
  const size = fills.reduce((sum, fill) => sum + fill.size, 0);
  const cash = fills.reduce((sum, fill) => sum + fill.cash, 0);
  if (intent.spend > 0) assert.ok(cash <= intent.spend, "never more than was to be spent");
  else assert.ok(size <= intent.size, "never more than was asked for");
  if (intent.orderType === "FOK" && fills.length > 0) {
    // What is left of a spend buys no further 0.0001 share at the limit.
    if (intent.spend > 0) assert.ok(intent.spend - cash <= Math.ceil(intent.limit / 100));
    else assert.equal(size, intent.size);
  }
  for (const fill of fills) {
    assert.equal(fill.side, intent.side);
    assert.equal(fill.token, intent.token);
    assert.ok(
      intent.side === "buy" ? fill.price <= intent.limit : fill.price >= intent.limit,
      "never beyond the limit",
    );
    if (fill.liquidity === "maker") assert.deepEqual([fill.fee, fill.price], [0, intent.limit]);
    else assert.equal(fill.fee, takerFee(CRYPTO_FEE, fill.size, fill.price));
    if (intent.postOnly) assert.equal(fill.liquidity, "maker");
    assert.ok(fill.size > 0);
  }
}

Deno.test("every order ends, in a legal sequence, inside its limit and its amount, with the right fee", () => {
  fc.assert(
    fc.property(steps, (played) => {
      const { exchange, sent, answers } = run(played, null);
      assert.equal(exchange.openOrders, 0, "the window's end closes what rests");
      for (const [orderId, intent] of sent) {
        const mine = answers.filter((event) => event.type !== "account" && event.orderId === orderId);
        const kinds = mine.map((event) => event.type).join(" ");
        assert.match(kinds, /^(orderRejected|orderAccepted( fill)* orderDone)$/, JSON.stringify(intent));
        checkOrder(intent, fillsOf(mine));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("from a book that never changes no more is taken than it showed, over both tokens together", () => {
  const orders = fc.array(
    fc.tuple(order.map((o) => ({ ...o, size: o.size % 200 + 5 })), fc.integer({ min: 0, max: 400 })),
    {
      minLength: 10,
      maxLength: 40,
    },
  );
  const asks = [[0.51, 40], [0.52, 20.5], [0.55, 33.3333]] as const;
  const bids = [[0.49, 30], [0.47, 12.25], [0.40, 50]] as const;
  fc.assert(
    fc.property(orders, (played) => {
      const quiet: (readonly [Step, number])[] = [
        [{
          kind: "book",
          bid: 49,
          bids: bids.map(([at, size]) => [49 - Math.round(at * 100), size]),
          asks: asks.map(([at, size]) => [Math.round(at * 100) - 50, size]),
        }, 0],
        ...played,
      ];
      const taken = new Map<string, number>();
      for (const fill of fillsOf(run(quiet, null).answers).filter((f) => f.liquidity === "taker")) {
        // Buying Up at p and selling Down at 1-p meet the same resting shares.
        const up = fill.token === UP;
        const onAsk = up === (fill.side === "buy");
        const level = up ? fill.price : 10_000 - fill.price as Price;
        const key = `${onAsk ? "ask" : "bid"} ${level}`;
        taken.set(key, (taken.get(key) ?? 0) + fill.size);
      }
      const shown = new Map<string, number>([
        ...asks.map(([at, size]) => [`ask ${p(at)}`, lots(size)] as const),
        ...bids.map(([at, size]) => [`bid ${p(at)}`, lots(size)] as const),
      ]);
      for (const [key, size] of taken) assert.ok(size <= (shown.get(key) ?? 0), `${key}: ${size}`);
    }),
    { numRuns: 200 },
  );
});
