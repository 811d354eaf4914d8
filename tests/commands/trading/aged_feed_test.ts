import assert from "node:assert/strict";
import type { MarketEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { AgedFeed } from "../../../commands/trading/aged_feed.ts";

const at = (t: number) => ({ tExchange: ms(t - 5), tReceive: ms(t) });
const price = (t: number, value: number): MarketEvent => ({
  type: "fastPrice",
  venue: "binance-futures",
  asset: "btc",
  price: value,
  ...at(t),
});
const clock = (t: number): MarketEvent => ({ type: "clock", ...at(t) });

function through(age: number, events: readonly (readonly [MarketEvent, boolean])[]) {
  const out: [string, number, boolean][] = [];
  const feed = new AgedFeed(age, (event, more) => out.push([event.type, event.tReceive, more]));
  for (const [event, more] of events) feed.event(event, more);
  return out;
}

Deno.test("a fast event comes its age later, with what follows it; time passes where it was", () => {
  assert.deepEqual(through(100, [[price(1000, 1), false], [clock(1050), false], [clock(1130), false]]), [
    ["clock", 1000, false],
    ["clock", 1050, false],
    ["fastPrice", 1100, true],
    ["clock", 1130, false],
  ]);
});

Deno.test("nothing is put between the events of one instant", () => {
  const events = [[price(1000, 1), false], [clock(1150), true], [clock(1150), false]] as const;
  assert.deepEqual(through(150, events).map(([type]) => type), ["clock", "fastPrice", "clock", "clock"]);
  assert.deepEqual(
    through(200, [[price(1000, 1), false], [clock(1199), true], [clock(1250), false], [clock(1260), false]]),
    [["clock", 1000, false], ["clock", 1199, true], ["clock", 1250, false], ["fastPrice", 1200, true], [
      "clock",
      1260,
      false,
    ]],
  );
});

Deno.test("what waits is a copy: the original is overwritten by the reader", () => {
  const seen: unknown[] = [];
  const feed = new AgedFeed(10, (event) => {
    if (event.type === "fastBook") seen.push([event.bids[0], event.asks[0], event.tExchange]);
  });
  const book = {
    ...{ type: "fastBook" as const, venue: "binance-futures" as const, asset: "btc" as const },
    ...{ bids: [1, 2], asks: [3, 4], tExchange: ms(995), tReceive: ms(1000) },
  };
  feed.event(book, false);
  book.bids[0] = 99;
  book.asks = [98, 97];
  feed.event(clock(1020), false);
  assert.deepEqual(seen, [[1, 3, 1005]]);
});

Deno.test("thousands of events keep their order through the queue's housekeeping", () => {
  const out: number[] = [];
  const feed = new AgedFeed(500, (event) => void (event.type === "fastPrice" && out.push(event.price)));
  for (let i = 0; i < 10_000; i++) feed.event(price(1000 + i, i + 1), false);
  feed.event(clock(20_000), false);
  assert.equal(out.length, 10_000);
  assert.ok(out.every((value, i) => value === i + 1));
});
