import assert from "node:assert/strict";
import fc from "fast-check";
import type { MarketEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { decodeMarketMessages } from "../../../feeds/polymarket/market_codec.ts";
import { MarketMerge } from "../../../feeds/polymarket/market_merge.ts";
import { ShadowBooks } from "../../../feeds/polymarket/shadow_books.ts";

const NOW = ms(1_795_253_806_000);
const START = 1_795_253_805_000;
const PRICES = [0.48, 0.49, 0.5, 0.51];

interface Change {
  readonly level: number;
  readonly size: number;
  /** Venue ms after the change before; 0: the same millisecond. */
  readonly afterMs: number;
  readonly trade: boolean;
}

/** What the venue tells after each change, and the book it leaves: the truth that sockets tell pieces of. */
function tell(changes: readonly Change[]) {
  const levels = new Map<number, number>([[0, 10]]);
  let at = START;
  const book = () => ({
    event_type: "book",
    asset_id: "T",
    timestamp: String(at),
    bids: [...levels].map(([level, size]) => ({ price: PRICES[level]!.toFixed(2), size: String(size) })),
    asks: [],
  });
  const states = [{ book: book(), stamp: at }];
  const messages = changes.map((change, i) => {
    at += change.afterMs;
    if (change.trade) {
      return {
        event_type: "last_trade_price",
        asset_id: "T",
        price: "0.50",
        size: String(i + 1),
        side: "BUY",
        timestamp: String(at),
        transaction_hash: `0x${i}`,
      };
    }
    if (change.size === 0) levels.delete(change.level);
    else levels.set(change.level, change.size);
    return {
      event_type: "price_change",
      timestamp: String(at),
      price_changes: [{
        asset_id: "T",
        price: PRICES[change.level]!.toFixed(2),
        size: String(change.size),
        side: "BUY",
        hash: `${i}`,
      }],
    };
  });
  // The state after every message, for sockets that join there.
  const replayed = new Map<number, number>([[0, 10]]);
  let stamp = START;
  changes.forEach((change) => {
    stamp += change.afterMs;
    if (!change.trade) {
      if (change.size === 0) replayed.delete(change.level);
      else replayed.set(change.level, change.size);
    }
    const rows = [...replayed].map(([level, size]) => ({
      price: PRICES[level]!.toFixed(2),
      size: String(size),
    }));
    const said = { event_type: "book", asset_id: "T", timestamp: String(stamp), bids: rows, asks: [] };
    states.push({ book: said, stamp });
  });
  return { messages, states, final: states[states.length - 1]!.book };
}

function decode(messages: readonly unknown[]): MarketEvent[] {
  const sink = newSink();
  decodeMarketMessages(messages, NOW, sink);
  return sink.events;
}

function apply(shadows: ShadowBooks, events: readonly MarketEvent[], trades: number[]): void {
  for (const event of events) {
    if (event.type === "book") shadows.replace(event);
    if (event.type === "bookDelta") shadows.change(event);
    if (event.type === "tokenTrade") trades.push(event.size);
  }
}

const changeAfter = (least: number): fc.Arbitrary<Change> =>
  fc.record({
    level: fc.nat(PRICES.length - 1),
    size: fc.nat(3),
    afterMs: fc.integer({ min: least, max: 3 }),
    trade: fc.boolean(),
  });

const planOf = (change: fc.Arbitrary<Change>) =>
  fc.record({
    changes: fc.array(change, { minLength: 1, maxLength: 40 }),
    joinsAt: fc.nat(40),
    picks: fc.array(fc.boolean(), { minLength: 100, maxLength: 100 }),
  });

/** Plays two sockets: one from the beginning, the other from its own snapshot on, interleaved as `picks` say. */
function play(plan: { changes: readonly Change[]; joinsAt: number; picks: readonly boolean[] }) {
  const { final, messages, states } = tell(plan.changes);
  const join = Math.min(plan.joinsAt, messages.length);
  const queues = [[states[0]!.book, ...messages], [states[join]!.book, ...messages.slice(join)]];
  const merge = new MarketMerge();
  const shadows = new ShadowBooks();
  const trades: number[] = [];
  const voided: string[] = [];
  for (let pick = 0; queues[0]!.length > 0 || queues[1]!.length > 0; pick++) {
    const wanted = plan.picks[pick % plan.picks.length] === true ? 1 : 0;
    const link = queues[wanted]!.length > 0 ? wanted : 1 - wanted;
    const merged = merge.take(link, [queues[link]!.shift()], [1 - link]);
    voided.push(...merged.voided);
    apply(shadows, decode(merged.messages), trades);
  }
  const told = plan.changes.flatMap((one, i) => one.trade ? [(i + 1) * 1_000_000] : []);
  assert.deepEqual(trades.toSorted((a, b) => a - b), told, "every trade once");
  const [book] = decode([final]);
  return { voided, same: book?.type === "book" && shadows.same(book) };
}

Deno.test("two sockets interleaved at random give every trade once and the venue's own book", () => {
  fc.assert(
    fc.property(planOf(changeAfter(1)), (plan) => {
      assert.deepEqual(play(plan), { voided: [], same: true });
    }),
    { numRuns: 600, seed: 17 },
  );
});

Deno.test("changes of one millisecond on joining are told right, or the book is called void", () => {
  fc.assert(
    fc.property(planOf(changeAfter(0)), (plan) => {
      const { same, voided } = play(plan);
      assert.ok(same || voided.length > 0);
    }),
    { numRuns: 600, seed: 19 },
  );
});

Deno.test("after a lone socket the next one's snapshot is news only when it is newer", () => {
  const { messages, states } = tell([
    { level: 1, size: 5, afterMs: 10, trade: false },
    { level: 2, size: 5, afterMs: 10, trade: false },
  ]);
  const merge = new MarketMerge();
  merge.note(1, "T", START + 10);
  assert.deepEqual(merge.take(2, [states[1]!.book], [1]).messages, [], "the same state");
  assert.equal(merge.take(2, [messages[1]], [1]).messages.length, 1, "the new one is faster");
  assert.deepEqual(merge.take(1, [messages[1]], [2]).messages, [], "a copy");
  const third = merge.take(3, [states[2]!.book], [1, 2]);
  assert.deepEqual([third.messages.length, third.copies], [0, 1]);
});

Deno.test("an unknown message older than what we have proves a loss: the book is void", () => {
  const { messages } = tell([
    { level: 1, size: 5, afterMs: 10, trade: false },
    { level: 2, size: 5, afterMs: 10, trade: false },
  ]);
  const merge = new MarketMerge();
  merge.note(1, "T", START);
  merge.note(2, "T", START);
  assert.equal(merge.take(1, [messages[1]], [2]).messages.length, 1, "the first one never came here");
  const late = merge.take(2, [messages[0]], [1]);
  assert.deepEqual([late.messages.length, late.voided], [0, ["T"]]);
});

Deno.test("a frame that is partly news keeps that part only", () => {
  const merge = new MarketMerge();
  merge.note(1, "A", START);
  merge.note(1, "B", START);
  const row = (asset_id: string) => ({ asset_id, price: "0.50", size: "1", side: "BUY" });
  const frame = (...tokens: string[]) => ({
    event_type: "price_change",
    timestamp: String(START + 1),
    price_changes: tokens.map(row),
  });
  merge.take(1, [frame("A")], [2]);
  const { messages, whole } = merge.take(2, [frame("A", "B")], [1]);
  assert.equal(whole, false);
  assert.deepEqual(messages, [{ ...frame("A", "B"), price_changes: [row("B")] }]);
});
