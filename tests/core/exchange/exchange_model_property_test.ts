import assert from "node:assert/strict";
import fc from "fast-check";
import type { ExecutionEvent, FillEvent, MarketEvent, SubmitIntent } from "../../../core/events.ts";
import type { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { END_RULES } from "../../../core/exchange/end_of_window.ts";
import { IMPACT_NAMES, impactModel } from "../../../core/exchange/impact.ts";
import { constantLatency, histogramLatency } from "../../../core/exchange/latency.ts";
import type { ExchangeOptions } from "../../../core/exchange/options.ts";
import { QUEUE_NAMES, queueModel } from "../../../core/exchange/queue.ts";
import { delayedSettlement } from "../../../core/exchange/settlement.ts";
import { OrderBook } from "../../../core/market/book.ts";
import { takerFee } from "../../../core/market/fees.ts";
import type { Outcome } from "../../../core/market/instrument.ts";
import { seededRandom } from "../../../core/random.ts";
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
  /** Best prices as the events stated them, nothing of ours taken away, after each event. */
  readonly shown: { readonly t: number; readonly up: Best; readonly down: Best }[];
}

interface Best {
  readonly bid: number;
  readonly ask: number;
}

function run(
  played: readonly (readonly [Step, number])[],
  winner: Outcome | null,
  options: Partial<ExchangeOptions> = {},
): Run {
  const exchange = exchangeModel({ bankroll: dollars(300), ...options });
  const sent = new Map<string, SubmitIntent>();
  const answers: ExecutionEvent[] = [];
  const raw = new Map([[UP, new OrderBook()], [DOWN, new OrderBook()]]);
  const shown: Run["shown"] = [];
  const show = (event: MarketEvent) => {
    answers.push(...exchange.advance(event.tReceive));
    exchange.observe(event);
    if (event.type === "book") raw.get(event.token)!.replace(event.bids, event.asks);
    if (event.type === "bookDelta") raw.get(event.token)!.applyDelta(event.changes);
    const best = (token: string): Best => ({ bid: raw.get(token)!.bestBid, ask: raw.get(token)!.bestAsk });
    shown.push({ t: event.tReceive, up: best(UP), down: best(DOWN) });
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
  return { exchange, sent, answers, shown };
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

/** A market BUY of 10 pUSD through the standing book's offer. */
const TAKER: Step = {
  kind: "order",
  outcome: "up",
  side: "buy",
  orderType: "FAK",
  postOnly: false,
  limit: 60,
  size: 10,
  life: 0,
};

/** Every unit in every variant; drawing ones from `seed`. */
const variants = fc.record({
  queue: fc.constantFrom(...QUEUE_NAMES),
  impact: fc.constantFrom(...IMPACT_NAMES),
  end: fc.constantFrom(...END_RULES),
  step: fc.constantFrom("fourDecimals", "wholeCash" as const),
  prints: fc.constantFrom("bothTokens", "ownToken" as const),
  failureRate: fc.constantFrom(0, 0.3, 1),
  feedMs: fc.integer({ min: 0, max: 300 }),
  seed: fc.integer({ min: 0, max: 1_000_000 }),
});
type Variant = typeof variants extends fc.Arbitrary<infer T> ? T : never;
const optionsOf = (
  { queue, impact, end, step, prints, failureRate, feedMs, seed }: Variant,
): Partial<ExchangeOptions> => {
  const random = seededRandom(seed);
  const drawn = histogramLatency([{ q: 0, ms: 10 }, { q: 0.5, ms: 50 }, { q: 1, ms: 900 }], random);
  return {
    queue: queueModel(queue),
    impact: impactModel(impact),
    end,
    step,
    prints,
    feedLatency: constantLatency(feedMs),
    orderLatency: drawn,
    responseLatency: drawn,
    settlement: delayedSettlement({ time: drawn, failureRate, random }),
  };
};

Deno.test("in every variant cash and shares are conserved: what was told, undone fills taken back, is all there is", () => {
  fc.assert(
    fc.property(
      steps,
      variants,
      fc.constantFrom<Outcome | null>("up", "down", null),
      (played, variant, winner) => {
        const { exchange, sent, answers } = run(played, winner, optionsOf(variant));
        const ledger = new Portfolio(dollars(300));
        const undone = new Set<string>();
        for (const event of answers) {
          if (event.type === "fill") ledger.applyFill(event, CONDITION, sent.get(event.orderId)!.outcome);
          if (event.type !== "fillStage") continue;
          if (event.stage === "undone") undone.add(event.fillId);
          if (event.stage === "undone") ledger.undo(event.fillId);
          else ledger.confirm(event.fillId);
        }
        const fills = fillsOf(answers);
        const kept = fills.filter(({ fillId }) => !undone.has(fillId));
        let cash = 300_000_000;
        for (const fill of kept) cash += (fill.side === "buy" ? -fill.cash : fill.cash) - fill.fee;
        for (const token of [UP, DOWN]) {
          const shares = kept.filter((fill) => fill.token === token)
            .reduce((sum, { side, size }) => sum + (side === "buy" ? size : -size), 0);
          assert.ok(shares >= 0, "nothing is sold that is not settled");
          if (winner === null) assert.equal(exchange.sharesOf(token), shares);
          else if ((winner === "up") === (token === UP)) cash += shares;
        }
        assert.equal(exchange.cash, cash);
        assert.ok(exchange.cash >= 0, "nothing is spent that is not settled");
        if (winner !== null) ledger.settle(CONDITION, winner, END as Ms);
        assert.equal(ledger.cash, exchange.cash, "the engine's ledger has the same");
        assert.equal(exchange.unsettledFills, 0, "every fill is decided in the end");
        const decided = answers.filter((event) => event.type === "fillStage").map((event) => event.fillId);
        assert.deepEqual(decided.sort(), fills.map(({ fillId }) => fillId).sort(), "each once");
        if (variant.failureRate === 0) assert.equal(undone.size, 0);
        if (variant.failureRate === 1) assert.equal(kept.length, 0);
      },
    ),
    { numRuns: 250 },
  );
});

Deno.test("no taker's fill is better than the book shown before its match, no maker's than its own limit", () => {
  let takers = 0;
  fc.assert(
    fc.property(steps, fc.constantFrom(...IMPACT_NAMES), (played, impact) => {
      const { sent, answers, shown } = run(played, null, { impact: impactModel(impact) });
      for (const { orderId, liquidity, price, side, token, tExchange } of fillsOf(answers)) {
        if (liquidity === "maker") {
          assert.equal(price, sent.get(orderId)!.limit);
          continue;
        }
        takers++;
        const best = shown.findLast(({ t }) => t < tExchange)![token === UP ? "up" : "down"];
        if (side === "buy") assert.ok(best.ask >= 0 && price >= best.ask, `${price} under ${best.ask}`);
        else assert.ok(best.bid >= 0 && price <= best.bid, `${price} over ${best.bid}`);
      }
    }),
    { numRuns: 500, seed: 11 },
  );
  assert.ok(takers > 100, `${takers} fills`);
});

Deno.test("time only goes forward: sent, matched, told; and answers about one order in order", () => {
  fc.assert(
    fc.property(steps, variants, (played, variant) => {
      const { sent, answers } = run(played, null, optionsOf(variant));
      const last = new Map<string, number>();
      let told = -Infinity;
      for (const event of answers) {
        assert.ok(event.tReceive >= told, "answers come in order");
        told = event.tReceive;
        if (!("orderId" in event)) continue;
        const intent = sent.get(event.orderId)!;
        assert.ok(event.tReceive >= event.tExchange, "told after it happened");
        assert.ok(event.tExchange >= intent.bornAt, "nothing happens before it was sent");
        if (event.type === "fill" && event.liquidity === "taker") {
          assert.ok(
            event.tExchange >= intent.bornAt + 10 + 150,
            "a request's way and the hold lie before a match",
          );
        }
        if (event.type !== "fillStage") {
          assert.ok(event.tExchange >= (last.get(event.orderId) ?? -Infinity));
          last.set(event.orderId, event.tExchange);
        }
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("a longer way never brings an order there sooner", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }), (a, b) => {
      const matched = (ms: number) => {
        const { answers } = run([[TAKER, 0]], null, { orderLatency: constantLatency(ms) });
        return fillsOf(answers)[0]!.tExchange;
      };
      assert.equal(matched(Math.max(a, b)) - matched(Math.min(a, b)), Math.abs(a - b));
    }),
    { numRuns: 30 },
  );
});

Deno.test("the same seed gives the same answers, another seed other ones", () => {
  let differ = 0;
  fc.assert(
    fc.property(steps, variants, (played, variant) => {
      const once = run(played, "up", optionsOf(variant)).answers;
      assert.deepEqual(run(played, "up", optionsOf(variant)).answers, once);
      const other = run(played, "up", optionsOf({ ...variant, seed: variant.seed + 1 })).answers;
      if (JSON.stringify(other) !== JSON.stringify(once)) differ++;
    }),
    { numRuns: 80, seed: 11 },
  );
  assert.ok(differ > 20, `${differ} differ`);
});
