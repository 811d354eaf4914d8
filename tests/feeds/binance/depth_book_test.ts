import assert from "node:assert/strict";
import fc from "fast-check";
import { ms } from "../../../core/units.ts";
import { scaledClock } from "../../../feeds/clock.ts";
import { decodeBinanceFrame, newBinanceState } from "../../../feeds/binance/codec.ts";
import { decodeDiff, DepthBook, type DepthDiff, isDiffFrame } from "../../../feeds/binance/depth_book.ts";
import { DepthSync } from "../../../feeds/binance/depth_sync.ts";
import { type DepthSnapshot, parseDepth } from "../../../feeds/binance/rest.ts";
import { topFrame } from "../../../feeds/binance/top_frame.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { frameFile, frameLines } from "../frames.ts";

const DIFFS: readonly DepthDiff[] = frameLines("binance-usdm-depth100ms-sequence.jsonl")
  .filter(isDiffFrame).map((line) => decodeDiff(line)!);

/** A snapshot that the diff `at` reaches over. */
const snapshotAt = (at: number): DepthSnapshot => ({
  lastUpdateId: DIFFS[at]!.lastId,
  bids: [76_947.3, 1, 76_900, 2],
  asks: [76_968.3, 1, 77_000, 2],
});

Deno.test("the recorded chain obeys pu = previous u 18 times of 18, and never the spot rule", () => {
  assert.equal(DIFFS.length, 19);
  for (let i = 1; i < DIFFS.length; i++) {
    assert.equal(DIFFS[i]!.previousId, DIFFS[i - 1]!.lastId);
    assert.notEqual(DIFFS[i]!.firstId, DIFFS[i - 1]!.lastId + 1);
  }
});

/** Feeds the recorded diffs without the one at `missing`, answering every need of a snapshot with a fitting one. */
function replay(missing: number): { gaps: number; loads: number; synced: boolean } {
  const book = new DepthBook();
  let gaps = 0;
  let loads = 0;
  DIFFS.forEach((diff, at) => {
    if (at === missing) return;
    const result = book.apply(diff);
    if (result === "gap") gaps++;
    if (result !== "gap" && result !== "held") return;
    loads++;
    assert.ok(book.load(snapshotAt(at)));
  });
  return { gaps, loads, synced: book.synced };
}

Deno.test("any one line less in the middle of the recorded chain is exactly one gap and one resync", () => {
  assert.deepEqual(replay(-1), { gaps: 0, loads: 1, synced: true });
  for (let missing = 1; missing < DIFFS.length - 1; missing++) {
    assert.deepEqual(replay(missing), { gaps: 1, loads: 2, synced: true }, `line ${missing}`);
  }
  for (const edge of [0, DIFFS.length - 1]) assert.equal(replay(edge).gaps, 0, "nothing shows at the ends");
});

Deno.test("a snapshot older than the oldest diff held is refused, one that a diff reaches over is taken", () => {
  const book = new DepthBook();
  for (const diff of DIFFS.slice(3, 8)) assert.equal(book.apply(diff), "held");
  assert.equal(book.load(snapshotAt(1)), false, "too old: a diff between them is missing");
  assert.equal(book.synced, false);
  assert.equal(book.load(snapshotAt(2)), true, "the next diff follows it directly");
  assert.equal(book.id, DIFFS[7]!.lastId);
  assert.equal(book.apply(DIFFS[7]!), "old");
  assert.equal(book.apply(DIFFS[8]!), "applied");
});

Deno.test("without diffs over it a snapshot is no book yet", () => {
  const book = new DepthBook();
  assert.equal(book.load(snapshotAt(4)), true);
  assert.equal(book.synced, false);
  assert.equal(book.apply(DIFFS[2]!), "old");
  assert.equal(book.apply(DIFFS[4]!), "applied");
  assert.equal(book.synced, true);
});

Deno.test("a book of diffs has the levels of a plain map, whatever the diffs", () => {
  const level = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 3 }));
  const change = fc.record({
    bids: fc.array(level, { maxLength: 6 }),
    asks: fc.array(level, { maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const book = new DepthBook();
      book.load({ lastUpdateId: 0, bids: [], asks: [] });
      const [bids, asks] = [new Map<number, number>(), new Map<number, number>()];
      changes.forEach((one, i) => {
        book.apply({
          stream: "",
          asset: "btc",
          firstId: i * 10 + 5,
          lastId: (i + 1) * 10,
          previousId: i * 10,
          bids: one.bids.flat(),
          asks: one.asks.flat(),
          tExchange: ms(1_795_253_805_000),
        });
        for (const [price, size] of one.bids) bids.set(price, size);
        for (const [price, size] of one.asks) asks.set(price, size);
      });
      const top = (side: Map<number, number>, sign: number) =>
        [...side].filter(([, size]) => size > 0).sort(([a], [b]) => (a - b) * sign).slice(0, 20).flat();
      assert.deepEqual(book.top(20), { bids: top(bids, -1), asks: top(asks, 1) });
    }),
    { numRuns: 300, seed: 5 },
  );
});

Deno.test("a top told as a depth20 frame decodes to the same event, tiny sizes included", () => {
  const diff = DIFFS[0]!;
  const event = {
    type: "fastBook",
    venue: "binance-futures",
    asset: "btc",
    bids: [76_947.3, 0.0000001, 76_900, 2e-8],
    asks: [76_968.3, 1],
    tExchange: diff.tExchange,
    tReceive: ms(1_795_253_805_000),
  } as const;
  const sink = newSink();
  const text = topFrame(diff, { ...event, bids: [...event.bids], asks: [...event.asks] });
  decodeBinanceFrame(text, "binance-futures", event.tReceive, newBinanceState(), sink);
  assert.deepEqual(sink.events, [event]);
});

Deno.test("recorded REST books are read; another shape is BAD_JSON", () => {
  const bodies = frameFile<{ body: unknown }[]>("binance-usdm-rest-depth.json").map(({ body }) =>
    parseDepth(body)
  );
  assert.deepEqual(bodies.map((b) => [b.lastUpdateId, b.bids.length, b.asks[0]]), [
    [359226328428, 10, 64346.7],
    [429014264524, 10, 77045.9],
  ]);
  assert.throws(() => parseDepth({ lastUpdateId: 1, bids: [["x", "1"]], asks: [] }), /unexpected shape/);
});

Deno.test("DepthSync asks for one snapshot at a time, again when it is too old, and emits tops only in step", async () => {
  const stop = new AbortController();
  const asked: string[] = [];
  let running = 0;
  const answers = [snapshotAt(0), snapshotAt(4)];
  const sync = new DepthSync({
    clock: scaledClock(1_795_253_805_000, 1000),
    random: () => 0,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    signal: stop.signal,
    snapshot: async (asset) => {
      assert.equal(++running, 1, "one at a time");
      asked.push(asset);
      await Promise.resolve();
      running--;
      return answers.shift()!;
    },
  });
  const now = ms(1_795_253_805_000);
  for (const diff of DIFFS.slice(3, 6)) assert.equal(sync.take(diff, now).event, null);
  const deadline = performance.now() + 3000;
  let top = null;
  let next = 6;
  while (top === null && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (asked.length === 2) top = sync.take(DIFFS[next++]!, now).event;
  }
  assert.deepEqual(asked, ["btc", "btc"], "the first answer was older than the diffs");
  assert.equal(top?.bids[0], 76_949.9, "the best bid of the recorded diffs");
  assert.deepEqual(sync.take(DIFFS[next - 1]!, now), { event: null, gap: false, copy: true });
  assert.equal(sync.take(DIFFS[next + 1]!, now).gap, true);
  stop.abort(new DOMException("over", "AbortError"));
  await sync.closed();
});
