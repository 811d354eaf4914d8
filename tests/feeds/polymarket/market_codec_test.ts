import assert from "node:assert/strict";
import type { MarketEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { CONTROL } from "../../../feeds/net/frame.ts";
import { decodeMarketFrame, MARKET_STREAM } from "../../../feeds/polymarket/market_codec.ts";
import { frameLines } from "../frames.ts";

const NOW = ms(1_795_253_806_000);
const FRAMES = frameLines("polymarket-market.jsonl");

function decode(
  text: string,
): { verdict: string | null; events: MarketEvent[]; unrecognised: number; ignored: number } {
  const sink = newSink();
  const verdict = decodeMarketFrame(text, NOW, sink);
  return { verdict, events: sink.events, unrecognised: sink.unrecognised, ignored: sink.ignored };
}

Deno.test("the array of the first dump becomes one book per token, in integers, whatever the order of levels", () => {
  const { verdict, events } = decode(FRAMES[0]!);
  assert.equal(verdict, MARKET_STREAM);
  assert.equal(events.length, 2);
  const [up, down] = events;
  assert.ok(up?.type === "book" && down?.type === "book");
  assert.deepEqual([up.bids, up.asks, up.tick], [[5000, 200_000_000], [5100, 150_000_000], 100]);
  assert.deepEqual(down.bids, [4800, 100_000_000, 4900, 150_000_000]);
  assert.deepEqual([up.tExchange, up.tReceive], [1795253805123, NOW]);
});

Deno.test("a price_change becomes one delta per token with the new totals and the stated best prices", () => {
  const { events } = decode(FRAMES[1]!);
  assert.equal(events.length, 2);
  const [up, down] = events;
  assert.ok(up?.type === "bookDelta" && down?.type === "bookDelta");
  assert.deepEqual([up.changes, up.bestBid, up.bestAsk], [[0, 5100, 150_000_000], 5100, 5200]);
  assert.deepEqual([down.changes, down.bestBid, down.bestAsk], [[1, 4900, 150_000_000], 4800, 4900]);
});

Deno.test("trades, tick changes, best prices and resolutions carry what the documentation says", () => {
  const [trade] = decode(FRAMES[2]!).events;
  assert.ok(trade?.type === "tokenTrade");
  assert.deepEqual([trade.price, trade.size, trade.side], [5100, 25_000_000, "buy"]);
  const [tick] = decode(FRAMES[3]!).events;
  assert.ok(tick?.type === "tickSize");
  assert.deepEqual([tick.oldTick, tick.newTick], [100, 10]);
  const [best] = decode(FRAMES[4]!).events;
  assert.ok(best?.type === "bestBidAsk");
  assert.deepEqual([best.bid, best.ask], [7300, 7700]);
  const resolved = decode(FRAMES[6]!);
  assert.ok(resolved.events[0]?.type === "resolved");
  assert.deepEqual([resolved.events[0].winner, resolved.events[0].source], ["up", "venue"]);
  assert.equal(resolved.verdict, CONTROL, "an announcement does not make a book fresh");
});

Deno.test("global announcements of other markets are ignored, not unrecognised", () => {
  assert.deepEqual(decode(FRAMES[5]!), { verdict: CONTROL, events: [], unrecognised: 0, ignored: 1 });
  const yes = JSON.stringify({ ...JSON.parse(FRAMES[6]!), winning_outcome: "Yes" });
  assert.deepEqual(decode(yes), { verdict: CONTROL, events: [], unrecognised: 0, ignored: 1 });
});

Deno.test("PONG is control and an empty side is -1 however it is spelt", () => {
  assert.equal(decode("PONG").verdict, CONTROL);
  const frame = JSON.parse(FRAMES[4]!);
  for (const [bid, ask] of [["", ""], ["0", "1"], ["0", "0"], [null, undefined]]) {
    const [best] = decode(JSON.stringify({ ...frame, best_bid: bid, best_ask: ask })).events;
    assert.ok(best?.type === "bestBidAsk");
    assert.deepEqual([best.bid, best.ask], [-1, -1]);
  }
});

Deno.test("a good message beside a bad one in an array is kept, the bad one counted", () => {
  const good = JSON.parse(FRAMES[2]!);
  const result = decode(JSON.stringify([good, { event_type: "surprise" }, 7]));
  assert.deepEqual([result.verdict, result.events.length, result.unrecognised], [MARKET_STREAM, 1, 2]);
});

Deno.test("one malformed level voids the whole message: half a book is worse than none", () => {
  const [first] = JSON.parse(FRAMES[0]!);
  const bad: unknown[] = ["", "1.00001", "2", "-0.5", "1e-2", 0.5, null, "9".repeat(400), "0.5 "];
  for (const price of bad) {
    const frame = { ...first, bids: [{ price: "0.50", size: "1" }, { price, size: "1" }] };
    assert.deepEqual(decode(JSON.stringify(frame)).verdict, null, `price ${JSON.stringify(price)}`);
  }
  for (const size of ["", "-1", "1.0000001", 5, "9".repeat(20)]) {
    const frame = { ...first, bids: [{ price: "0.50", size }] };
    assert.equal(decode(JSON.stringify(frame)).verdict, null, `size ${size}`);
  }
  for (const timestamp of ["soon", "1795253805", "-1", 1.5]) {
    assert.equal(decode(JSON.stringify({ ...first, timestamp })).verdict, null, `timestamp ${timestamp}`);
  }
});

Deno.test("text that is no JSON, and JSON that is no message, are unrecognised", () => {
  for (
    const text of [
      "",
      "{",
      "null",
      "7",
      '"book"',
      "true",
      '{"event_type":7}',
      "[null]",
      "{}",
      "[".repeat(100_000),
    ]
  ) {
    assert.equal(decode(text).verdict, null, text.slice(0, 20));
  }
});
