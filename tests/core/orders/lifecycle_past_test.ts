import assert from "node:assert/strict";
import fc from "fast-check";
import { forgetEntries, type Ledgers, newLedgers, postFill } from "../../../core/orders/ledger.ts";
import { exposureOfLife, sellableShares } from "../../../core/orders/ledger_exposure.ts";
import { applyInput, newOrderLife } from "../../../core/orders/lifecycle.ts";
import { DEFAULT_TIMING, matchedOf } from "../../../core/orders/lifecycle_ask.ts";
import { compactSettled, knowsOrder, orderOf, tradeStateOf } from "../../../core/orders/lifecycle_past.ts";
import type { LifeAction, LifeInput, OrderLife } from "../../../core/orders/lifecycle_types.ts";
import { readOrderEvent, readTrade } from "../../../core/orders/lifecycle_wire.ts";
import type { PastLimits } from "../../../core/orders/past.ts";
import type { Ms, Usdc } from "../../../core/units.ts";
import { COND, fates, play, T0, termsOf, UP } from "./lifecycle_model.ts";

const at = (offset: number) => (T0 + offset) as Ms;

interface Books {
  readonly life: OrderLife;
  readonly ledgers: Ledgers;
}

const newBooks = (limits?: PastLimits): Books => ({
  life: newOrderLife(limits),
  ledgers: newLedgers(1_000_000_000 as Usdc),
});

function tell({ life, ledgers }: Books, input: LifeInput): readonly LifeAction[] {
  const actions = applyInput(life, input);
  for (const action of actions) if (action.type === "fill") postFill(ledgers, action.fill, action.stage);
  return actions;
}

function compact({ life, ledgers }: Books, before: Ms): void {
  compactSettled(life, before);
  forgetEntries(ledgers, before);
}

/** Everything that is money or an order's standing, whether it was put away or not. */
const pictureOf = ({ life, ledgers }: Books, hashes: readonly string[], trades: readonly string[]) => ({
  orders: hashes.map((hash) => {
    const { terms, tradeIds: _, wasPutAway: __, ...rest } = orderOf(life, hash)!;
    return { ...rest, terms: { ...terms, orderId: "" } };
  }),
  trades: trades.map((id) => tradeStateOf(life, id)),
  provisional: { ...ledgers.provisional, tokens: [...ledgers.provisional.tokens] },
  final: { ...ledgers.final, tokens: [...ledgers.final.tokens] },
  pendingOut: ledgers.pendingOut,
  exposure: exposureOfLife(COND, life, ledgers),
  sellable: sellableShares(UP, life, ledgers),
});

const texts = (actions: readonly LifeAction[]): string[] => actions.map((a) => JSON.stringify(a)).sort();

Deno.test("an order that was put away does what it would have done: same fills, questions, cancels, alarms and ledgers", () => {
  let put = 0;
  let returned = 0;
  const step = fc.record({
    pick: fc.nat(1_000_000),
    /** Now and then minutes later, so that much is put away; a message may be told again at any time. */
    waitMs: fc.constantFrom(0, 0, 5, 400, 3_000, 70_000),
    again: fc.boolean(),
    /** Compaction with this age, or none. */
    compactMs: fc.constantFrom(null, 0, 100, 60_000),
    what: fc.constantFrom<"told" | "listing" | "clock" | "restart" | "contrary" | "lookup" | "cancel">(
      ...["told", "told", "told", "told", "told", "told"] as const,
      ...["listing", "clock", "restart", "contrary", "lookup", "cancel"] as const,
    ),
  });
  fc.assert(
    fc.property(
      fc.array(fates, { minLength: 1, maxLength: 4 }),
      fc.array(step, { minLength: 20, maxLength: 80 }),
      (list, plan) => {
        const truths = list.map(play);
        const [plain, compacting] = [newBooks(), newBooks()];
        let now = T0;
        const both = (input: LifeInput) => {
          assert.deepEqual(texts(tell(compacting, input)), texts(tell(plain, input)));
        };
        for (const { terms } of truths) both({ type: "created", at: at(0), terms });
        for (const { terms } of truths) both({ type: "sent", at: at(10), hash: terms.hash });
        const hashes = truths.map(({ terms }) => terms.hash);
        const trades = truths.flatMap((truth) => truth.trades);
        const wire = truths.flatMap((
          truth,
        ) => [...truth.messages, ...(truth.reply === null ? [] : [truth.reply])]);
        for (const { pick, waitMs, again, compactMs, what } of plan) {
          now += waitMs;
          const when = now as Ms;
          const truth = truths[pick % truths.length]!;
          const { hash } = truth.terms;
          if (compactMs !== null) {
            const before = compacting.life.past.orders;
            compact(compacting, (now - compactMs) as Ms);
            put += Math.max(0, compacting.life.past.orders - before);
          }
          const past = compacting.life.past.orders;
          switch (what) {
            case "told": {
              if (wire.length === 0) break;
              const told = wire[pick % wire.length]!;
              if (!again) wire.splice(pick % wire.length, 1);
              both({ ...told, at: when });
              break;
            }
            case "listing":
              both({
                type: "openOrders",
                at: when,
                askedAt: (now - 1) as Ms,
                hashes: again ? hashes : [hash],
              });
              break;
            case "clock":
            case "restart":
              both({ type: what, at: when });
              break;
            case "cancel":
              both({ type: "cancelAsked", at: when, hash });
              both({
                type: "cancelReply",
                at: when,
                hash,
                outcome: { kind: "refused", reason: "order already canceled" },
              });
              break;
            case "contrary": {
              if (trades.length === 0) break;
              const { frame } = trades[pick % trades.length]!;
              const status = again ? "FAILED" : "CONFIRMED";
              both({ type: "trade", at: when, trade: readTrade({ ...frame, status })! });
              break;
            }
            case "lookup":
              both(
                again
                  ? truth.lookup(when, when)
                  : { type: "lookup", at: when, hash, askedAt: when, found: null },
              );
          }
          returned += Math.max(0, past - compacting.life.past.orders);
        }
        const ids = trades.map(({ id }) => id);
        assert.deepEqual(pictureOf(compacting, hashes, ids), pictureOf(plain, hashes, ids));
        for (const hash of hashes) assert.ok(knowsOrder(compacting.life, hash));
      },
    ),
    { numRuns: 1200 },
  );
  assert.ok(put > 1_000, `${put} orders were put away`);
  assert.ok(returned > 1_000, `${returned} came back`);
});

const trade = (hash: string, id: string, size: string, status: string, matchedS = 10): LifeInput => ({
  type: "trade",
  at: at(0),
  trade: readTrade({
    id,
    status,
    size,
    price: "0.5",
    asset_id: UP,
    taker_order_id: hash,
    match_time: String(T0 / 1_000 + matchedS),
    maker_orders: [{ order_id: "0xm", asset_id: UP, matched_amount: size, price: "0.5" }],
  })!,
});
const event = (hash: string, type: string, status: string, matched: string, offset = 20): LifeInput =>
  readOrderEvent({ id: hash, type, status, size_matched: matched, associate_trades: [] }, at(offset))!;

Deno.test("what is settled is put away; what is open, unexplained, unconfirmed or of unknown amount stays", () => {
  const books = newBooks();
  for (let i = 1; i <= 4; i++) {
    tell(books, { type: "created", at: at(0), terms: termsOf(i, i === 4 ? { orderType: "FAK" } : {}) });
  }
  const [done, pending, open, silent] = [1, 2, 3, 4].map((i) => termsOf(i).hash) as [
    string,
    string,
    string,
    string,
  ];
  tell(books, { ...trade(done, "t1", "100", "CONFIRMED"), at: at(10) });
  tell(books, { ...trade(pending, "t2", "100", "MINED"), at: at(10) });
  tell(books, event(open, "PLACEMENT", "LIVE", "0"));
  // Matched, and nobody has said how much.
  const matched = { kind: "accepted" as const, status: "matched" as const, matched: null, tradeIds: [] };
  tell(books, { type: "sent", at: at(10), hash: silent });
  tell(books, { type: "submitReply", at: at(40), hash: silent, outcome: matched });
  assert.equal(books.life.orders.get(silent)?.state, "filled");
  compact(books, at(60_000));
  assert.deepEqual([...books.life.orders.keys()], [pending, open, silent]);
  assert.deepEqual([...books.life.trades.keys()], ["t2"]);
  assert.equal(books.ledgers.posted.has(`t1/${done}`), false);
  assert.deepEqual(
    [knowsOrder(books.life, done), tradeStateOf(books.life, "t1"), knowsOrder(books.life, "0xforeign")],
    [true, "confirmed", false],
  );
});

Deno.test("confirmed and then failed alarms, told again is silent, other amounts alarm: also when all was put away", () => {
  const books = newBooks();
  const { hash } = termsOf(1);
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  tell(books, trade(hash, "t1", "100", "CONFIRMED"));
  compact(books, at(60_000));
  assert.equal(books.life.orders.size + books.life.trades.size, 0);
  const cash = books.ledgers.final.cash;
  const alarmsOf = (input: LifeInput) => tell(books, input).map((a) => a.type === "alarm" ? a.code : a.type);
  assert.deepEqual(alarmsOf(trade(hash, "t1", "100", "CONFIRMED")), []);
  assert.deepEqual(alarmsOf(trade(hash, "t1", "100", "MATCHED")), []);
  assert.deepEqual(alarmsOf(trade(hash, "t1", "100", "FAILED")), ["TRADE_CONTRADICTED"]);
  assert.deepEqual(alarmsOf(trade(hash, "t1", "40", "CONFIRMED")), ["TRADE_CHANGED"]);
  assert.deepEqual(alarmsOf(event(hash, "UPDATE", "MATCHED", "100")), []);
  assert.deepEqual(alarmsOf({ type: "openOrders", at: at(70_000), askedAt: at(5), hashes: ["0xf"] }), [
    "FOREIGN_ORDER",
  ]);
  assert.equal(books.ledgers.final.cash, cash);
});

Deno.test("a trade told minutes after an order's end without a match is counted, and the order is back until it is money", () => {
  const books = newBooks();
  const { hash } = termsOf(1);
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  tell(books, { type: "sent", at: at(10), hash });
  tell(books, event(hash, "PLACEMENT", "LIVE", "0"));
  tell(books, event(hash, "CANCELLATION", "CANCELED", "0", 30));
  compact(books, at(60_000));
  assert.equal(books.life.orders.size, 0);
  const actions = tell(books, { ...trade(hash, "t1", "40", "MINED"), at: at(300_000) });
  assert.deepEqual(actions.map(({ type }) => type), ["fill"]);
  assert.equal(books.ledgers.provisional.cash, 1_000_000_000 - 20_000_000 - 700_000);
  compact(books, at(400_000));
  assert.equal(books.life.orders.size, 1);
  tell(books, { ...trade(hash, "t1", "40", "CONFIRMED"), at: at(400_000) });
  compact(books, at(500_000));
  assert.equal(books.life.orders.size, 0);
  assert.equal(matchedOf(orderOf(books.life, hash)!), 40_000_000);
  assert.equal(books.ledgers.final.cash, books.ledgers.provisional.cash);
});

Deno.test("an order that was never found and lands minutes later is blocked, asked for and alarmed", () => {
  const books = newBooks();
  const { hash, costBound } = termsOf(1);
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  tell(books, { type: "sent", at: at(10), hash });
  const asked = at(20 + DEFAULT_TIMING.landingMs);
  tell(books, { type: "lookup", at: asked, hash, askedAt: asked, found: null });
  compact(books, at(120_000));
  assert.equal(books.life.orders.size, 0);
  const listed: LifeInput = { type: "openOrders", at: at(130_010), askedAt: at(130_000), hashes: [hash] };
  const actions = tell(books, listed);
  assert.deepEqual(actions.map((a) => a.type === "alarm" ? a.code : a.type), [
    "REJECTED_BUT_ALIVE",
    "cancel",
    "askOrder",
  ]);
  assert.equal(exposureOfLife(COND, books.life, books.ledgers).freeCash, 1_000_000_000 - costBound);
});

Deno.test("an order's intent read a second time makes no second order", () => {
  const books = newBooks();
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  tell(books, { type: "dropped", at: at(1), hash: termsOf(1).hash, code: "SIGNAL_STALE_AT_WIRE" });
  compact(books, at(60_000));
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  assert.equal(books.life.orders.size, 0);
});

Deno.test("trades of an order that is open are kept whole, however many others there are: none is counted twice", () => {
  const books = newBooks({ matched: 4, unmatched: 2, trades: 4 });
  const open = termsOf(1).hash;
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  tell(books, trade(open, "open", "50", "CONFIRMED", 1));
  for (let i = 10; i < 30; i++) {
    tell(books, { type: "created", at: at(i), terms: termsOf(i) });
    tell(books, trade(termsOf(i).hash, `t${i}`, "100", "CONFIRMED", i));
    compact(books, at(60_000));
  }
  assert.deepEqual([...books.life.orders.keys()], [open]);
  assert.deepEqual(tell(books, trade(open, "open", "50", "CONFIRMED", 1)), []);
  assert.equal(books.life.orders.get(open)?.told, 50_000_000);
});

Deno.test("memory is bounded: the oldest is forgotten, and a trade that may have been counted is never counted again", () => {
  const books = newBooks({ matched: 4, unmatched: 2, trades: 8 });
  // One resting order with many trades and twenty others after it: its trades are pushed out before it is.
  const resting = termsOf(1).hash;
  tell(books, { type: "created", at: at(0), terms: termsOf(1) });
  tell(books, trade(resting, "r1", "50", "CONFIRMED", 1));
  tell(books, trade(resting, "r2", "50", "CONFIRMED", 2));
  const one = (i: number, id: string) => {
    tell(books, { type: "created", at: at(i), terms: termsOf(i) });
    tell(books, trade(termsOf(i).hash, id, "100", "CONFIRMED", i));
  };
  for (let i = 10; i < 13; i++) one(i, `t${i}`);
  compact(books, at(60_000));
  const many = termsOf(13).hash;
  tell(books, { type: "created", at: at(13), terms: termsOf(13) });
  for (let i = 0; i < 8; i++) tell(books, trade(many, `m${i}`, "10", "CONFIRMED", 20 + i));
  tell(books, event(many, "CANCELLATION", "CANCELED", "80", 30));
  tell(books, { type: "created", at: at(14), terms: termsOf(14) });
  compact(books, at(60_000));
  const { past, orders } = books.life;
  assert.deepEqual([past.orders, past.trades, orders.size], [4, 8, 1]);
  assert.equal(past.horizonMs, at(12_000));
  const money = JSON.stringify(books.ledgers.final.cash);
  // Of an order that is remembered and of one that is not, trades that are not.
  assert.deepEqual(tell(books, trade(termsOf(12).hash, "t12", "100", "CONFIRMED", 12)), []);
  assert.deepEqual(tell(books, trade(termsOf(12).hash, "t12", "100", "FAILED", 12)).map(({ type }) => type), [
    "alarm",
  ]);
  assert.deepEqual(tell(books, trade(resting, "r1", "50", "CONFIRMED", 1)).map(({ type }) => type), [
    "alarm",
  ]);
  assert.equal(JSON.stringify(books.ledgers.final.cash), money);
  for (let i = 20; i < 60; i++) {
    tell(books, { type: "created", at: at(i), terms: termsOf(i) });
    tell(books, { type: "dropped", at: at(i), hash: termsOf(i).hash, code: "X" });
    compact(books, at(60_000));
    assert.ok(past.orders <= 6 && books.life.orders.size <= 1);
  }
});
