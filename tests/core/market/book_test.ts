import assert from "node:assert/strict";
import fc from "fast-check";
import { ASK, BID, type BookSide, OrderBook } from "../../../core/market/book.ts";
import { levels, lots, p } from "../helpers.ts";

/** The book as anybody would write it first: what the venue states and what is left after our own fills. */
class NaiveBook {
  stated: [Map<number, number>, Map<number, number>] = [new Map(), new Map()];
  shown: [Map<number, number>, Map<number, number>] = [new Map(), new Map()];
  hasSnapshot = false;
  suspect = false;
  refused = 0;
  mismatches = 0;

  clear(): void {
    this.stated = [new Map(), new Map()];
    this.shown = [new Map(), new Map()];
    this.hasSnapshot = false;
    this.suspect = false;
  }

  state(side: BookSide, at: number, size: number): void {
    const valid = Number.isInteger(at) && at >= 1 && at <= 9999 && Number.isSafeInteger(size) && size >= 0;
    if (!valid) {
      this.refused++;
      return;
    }
    for (const map of [this.stated[side], this.shown[side]]) {
      if (size === 0) map.delete(at);
      else map.set(at, size);
    }
  }

  consume(side: BookSide, at: number, size: number): void {
    const left = (this.shown[side].get(at) ?? 0) - size;
    if (left > 0) this.shown[side].set(at, left);
    else this.shown[side].delete(at);
  }

  best(side: BookSide, book = this.shown): number {
    const prices = [...book[side].keys()];
    return prices.length === 0 ? -1 : side === BID ? Math.max(...prices) : Math.min(...prices);
  }

  rows(side: BookSide): [number, number][] {
    return [...this.shown[side].entries()].sort((a, b) => side === BID ? b[0] - a[0] : a[0] - b[0]);
  }
}

// Prices crowd at the edges of the 32-bit words and of the grid, and repeat.
const goodPrice = fc.oneof(
  fc.constantFrom(1, 31, 32, 33, 63, 64, 4992, 5000, 5100, 1023, 1024, 1025, 2047, 2048, 9983, 9984, 9999),
  fc.integer({ min: 1, max: 9999 }),
);
const anyPrice = fc.oneof(
  { weight: 12, arbitrary: goodPrice },
  { weight: 1, arbitrary: fc.constantFrom(0, 10_000, -1, 10_001, 0.5, NaN, Infinity, -Infinity, 1e300) },
);
const anySize = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 50 }) },
  { weight: 2, arbitrary: fc.constantFrom(1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, NaN, Infinity, 2 ** 53) },
);
const rows = fc.array(fc.tuple(anyPrice, anySize), { maxLength: 12 });
const side = fc.constantFrom<BookSide>(BID, ASK);
/** What the venue says is best: nothing, the truth, or something else. */
const claim = fc.constantFrom("none", "true", "bid only", "false" as const);
const command = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("replace" as const),
      bids: rows,
      asks: rows,
      mirrored: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("delta" as const),
      changes: fc.array(fc.tuple(side, anyPrice, anySize), { maxLength: 6 }),
      claim,
      mirrored: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("consume" as const),
      side,
      at: goodPrice,
      best: fc.boolean(),
      size: fc.integer({ min: 0, max: 60 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

const turn = (price: number): number => 10_000 - price;
const other = (s: BookSide): BookSide => s === BID ? ASK : BID;

function applyDelta(book: OrderBook, model: NaiveBook, c: Extract<Command, { kind: "delta" }>): void {
  if (model.hasSnapshot) {
    for (const [s, at, size] of c.changes) {
      model.state(c.mirrored ? other(s) : s, c.mirrored ? turn(at) : at, size);
    }
  }
  // In the frame's own terms: for a mirrored delta our asks are its bids.
  const seen = (s: BookSide): number => {
    const best = model.best(c.mirrored ? other(s) : s, model.stated);
    return best < 0 ? -1 : c.mirrored ? turn(best) : best;
  };
  let bid = -1;
  let ask = -1;
  if (c.claim !== "none") bid = seen(BID);
  if (c.claim === "true") ask = seen(ASK);
  if (c.claim === "false") bid = seen(BID) === 7777 ? 7778 : 7777;
  if (model.hasSnapshot && (bid >= 0 || ask >= 0)) {
    model.suspect = c.claim === "false";
    if (model.suspect) model.mismatches++;
  }
  book.applyDelta(c.changes.flat(), bid, ask, c.mirrored);
}

function apply(book: OrderBook, model: NaiveBook, c: Command): void {
  switch (c.kind) {
    case "clear":
      book.clear();
      return model.clear();
    case "replace":
      model.clear();
      for (const [at, size] of c.bids) model.state(c.mirrored ? ASK : BID, c.mirrored ? turn(at) : at, size);
      for (const [at, size] of c.asks) model.state(c.mirrored ? BID : ASK, c.mirrored ? turn(at) : at, size);
      model.hasSnapshot = true;
      return book.replace(c.bids.flat(), c.asks.flat(), c.mirrored);
    case "consume": {
      const best = model.best(c.side);
      const at = c.best && best >= 0 ? best : c.at;
      book.consume(c.side, at, c.size);
      return model.consume(c.side, at, c.size);
    }
    case "delta":
      return applyDelta(book, model, c);
  }
}

function compare(book: OrderBook, model: NaiveBook): void {
  for (const s of [BID, ASK] as const) {
    const expected = model.rows(s);
    assert.deepEqual(book.levels(s), expected);
    assert.deepEqual(book.levels(s, 2), expected.slice(0, 2));
    assert.equal(s === BID ? book.bestBid : book.bestAsk, model.best(s));
    for (const n of [0, 1, 3, 100]) {
      assert.equal(book.depth(s, n), expected.slice(0, n).reduce((sum, row) => sum + row[1], 0));
    }
  }
  const [bid, ask] = [model.best(BID), model.best(ASK)];
  assert.equal(book.crossed, bid >= 0 && ask >= 0 && bid >= ask);
  assert.ok(Object.is(book.mid, bid < 0 || ask < 0 ? NaN : (bid + ask) / 2));
  assert.equal(book.trusted, model.hasSnapshot && !model.suspect);
  assert.equal(book.hasSnapshot, model.hasSnapshot);
  assert.equal(book.refused, model.refused);
  assert.equal(book.mismatches, model.mismatches);
}

Deno.test("the book equals a naive map model under snapshots, deltas, mirrors and our own fills", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 25 }), (commands) => {
      const book = new OrderBook();
      const model = new NaiveBook();
      for (const c of commands) {
        apply(book, model, c);
        compare(book, model);
      }
    }),
    { numRuns: 400 },
  );
});

Deno.test("the mirrored book is the exact complement: bids at p are asks at 1-p with the same sizes", () => {
  const deltas = fc.array(fc.array(fc.tuple(side, goodPrice, anySize), { maxLength: 5 }), { maxLength: 10 });
  fc.assert(fc.property(rows, rows, deltas, (bids, asks, changes) => {
    const up = new OrderBook();
    const down = new OrderBook();
    up.replace(bids.flat(), asks.flat());
    down.replace(bids.flat(), asks.flat(), true);
    for (const frame of changes) {
      up.applyDelta(frame.flat());
      down.applyDelta(frame.flat(), -1, -1, true);
    }
    const turned = (s: BookSide) => up.levels(s).map(([at, size]) => [turn(at), size]);
    assert.deepEqual(down.levels(BID), turned(ASK));
    assert.deepEqual(down.levels(ASK), turned(BID));
    assert.equal(down.crossed, up.crossed);
    assert.ok(Object.is(down.mid, 10_000 - up.mid));
  }));
});

Deno.test("a delta before the first snapshot leaves no trace", () => {
  const book = new OrderBook();
  book.applyDelta([BID, 5000, 10, ASK, 5100, 10], 5000, 5100);
  assert.deepEqual([book.bestBid, book.bestAsk, book.hasSnapshot, book.trusted], [-1, -1, false, false]);
});

Deno.test("a book is distrusted while the venue's best prices disagree, and trusted again once they agree", () => {
  const book = new OrderBook();
  book.replace(levels([[0.50, 10]]), levels([[0.52, 10]]));
  assert.ok(book.trusted);
  book.applyDelta([BID, p(0.49), lots(5)], p(0.51), p(0.52));
  assert.ok(!book.trusted && book.suspect);
  assert.equal(book.mismatches, 1);
  book.applyDelta([BID, p(0.48), lots(5)]);
  assert.ok(!book.trusted, "a frame that states no best prices proves nothing");
  book.applyDelta([BID, p(0.51), lots(5)], p(0.51), p(0.52));
  assert.ok(book.trusted);
  book.applyDelta([ASK, p(0.52), 0], -1, p(0.53));
  assert.ok(!book.trusted, "an empty side is not the ask the venue states");
  book.replace(levels([[0.50, 10]]), levels([[0.52, 10]]));
  assert.ok(book.trusted, "a snapshot is a new start");
});

Deno.test("a level emptied by our own fill still counts as the venue's best until it is stated again", () => {
  const book = new OrderBook();
  book.replace(levels([[0.50, 10]]), levels([[0.51, 10], [0.52, 20]]));
  book.consume(ASK, p(0.51), lots(10));
  assert.equal(book.bestAsk, p(0.52));
  book.applyDelta([BID, p(0.49), lots(3)], p(0.50), p(0.51));
  assert.ok(book.trusted, "the venue knows nothing of our paper fill");
  assert.equal(book.bestAsk, p(0.52), "and our fill lasts");
  book.applyDelta([ASK, p(0.51), lots(4)], p(0.50), p(0.51));
  assert.deepEqual(book.levels(ASK), [[p(0.51), lots(4)], [p(0.52), lots(20)]]);
  book.consume(ASK, p(0.51), lots(4));
  book.applyDelta([ASK, p(0.51), 0], p(0.50), p(0.52));
  assert.ok(book.trusted, "the venue took the level away too");
});

Deno.test("sizes add exactly up to the largest safe integer and beyond it are refused", () => {
  const book = new OrderBook();
  book.replace([5000, Number.MAX_SAFE_INTEGER], [5100, 2 ** 53]);
  assert.equal(book.sizeAt(BID, 5000), Number.MAX_SAFE_INTEGER);
  assert.equal(book.bestAsk, -1);
  assert.equal(book.refused, 1);
});

Deno.test("an odd number of entries in a flat level list is cut, not read past its end", () => {
  const book = new OrderBook();
  book.replace([5000, 10, 4900], [5100]);
  assert.deepEqual(book.levels(BID), [[5000, 10]]);
  assert.deepEqual(book.levels(ASK), []);
  book.applyDelta([ASK, 5200, 5, ASK, 5300]);
  assert.deepEqual(book.levels(ASK), [[5200, 5]]);
});
