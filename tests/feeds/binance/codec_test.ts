import assert from "node:assert/strict";
import type { MarketEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../../../feeds/binance/codec.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { CONTROL } from "../../../feeds/net/frame.ts";
import { frameFile, frameLines, recordedFrames } from "../frames.ts";

const NOW = ms(1_795_253_805_000);

function decoder(venue: "binance-futures" | "binance-spot" = "binance-futures") {
  const state = newBinanceState();
  const sink = newSink();
  return {
    state,
    sink,
    decode(text: string): { verdict: string | null; events: MarketEvent[] } {
      sink.events = [];
      const verdict = decodeBinanceFrame(text, venue, NOW, state, sink);
      return { verdict, events: sink.events };
    },
  };
}

Deno.test("a recorded depth20 frame becomes a full top book with all forty levels", () => {
  const [text] = recordedFrames("binance-usdm-depth20.json");
  const { verdict, events } = decoder().decode(text!);
  assert.equal(verdict, "btcusdt@depth20@100ms");
  const [event] = events;
  assert.ok(event?.type === "fastBook");
  assert.deepEqual([event.venue, event.asset], ["binance-futures", "btc"]);
  assert.equal(event.bids.length, 40);
  assert.deepEqual(event.bids.slice(0, 4), [64336, 73.3346, 64335.9, 419.4944]);
  assert.deepEqual(event.asks.slice(-2), [64353.3, 49.5082]);
  assert.equal(event.tExchange, 1785048483050, "ordered by the engine's T, not by the push time E");
  assert.equal(event.tReceive, NOW);
});

Deno.test("recorded aggTrades become trades whose side is the taker's", () => {
  const trades = recordedFrames("binance-usdm-aggTrade.json").map((text) => decoder().decode(text).events[0]);
  const seen = trades.map((t) =>
    t?.type === "fastTrade" ? [t.price, t.size, t.takerBuys, t.id, t.tExchange] : null
  );
  assert.deepEqual(seen, [
    [64990.9, 0.002, false, 3404749954, 1786171884471],
    [64346.7, 0.02, true, 300238285, 1785048482718],
    [64339.2, 0.123, false, 3339472008, 1781416438926],
  ]);
});

Deno.test("recorded bookTickers become tops, combined and raw", () => {
  const tops = recordedFrames("binance-usdm-bookTicker.json").map((text) => decoder().decode(text));
  assert.deepEqual(tops.map((t) => t.verdict), ["btcusdt@bookTicker", "fastTop"]);
  const second = tops[1]?.events[0];
  assert.ok(second?.type === "fastTop");
  assert.deepEqual([second.bid, second.bidSize, second.ask, second.askSize], [
    76986.4,
    0.0228,
    76986.5,
    183.3812,
  ]);
  assert.equal(second.tExchange, 1789467546365);
});

Deno.test("recorded markPrices carry mark, index and a funding rate that may be negative", () => {
  const marks = recordedFrames("binance-usdm-markPriceUpdate.json").map((t) => decoder().decode(t).events[0]);
  const seen = marks.map((m) =>
    m?.type === "markPrice" ? [m.mark, m.index, m.fundingRate, m.tExchange] : null
  );
  assert.deepEqual(seen[0], [64991.37858696, 65016.05673913, 0.00003936, 1786171884000]);
  assert.equal(seen[2]?.[2], -0.00006042);
  assert.equal(seen.filter((m) => m !== null).length, 4);
});

Deno.test("recorded klines become bars that end where the next one begins; only x closes one", () => {
  const bars = recordedFrames("binance-usdm-kline.json").map((t) => decoder().decode(t).events[0]);
  const seen = bars.map((b) =>
    b?.type === "fastBar" ? [b.openMs, b.closeMs, b.open, b.close, b.volume, b.closed] : null
  );
  assert.deepEqual(seen, [
    [1786173300000, 1786173360000, 64970.8, 64969.4, 9.09, true],
    [1785048480000, 1785048540000, 64346.7, 64346.7, 0.0502, false],
  ]);
});

Deno.test("recorded forceOrders: average price and filled size; other symbols are ignored, not unrecognised", () => {
  const [other, btc] = recordedFrames("binance-usdm-forceOrder.json");
  const d = decoder();
  assert.deepEqual(d.decode(other!), { verdict: CONTROL, events: [] });
  assert.equal(d.sink.ignored, 1);
  const [event] = d.decode(btc!).events;
  assert.ok(event?.type === "liquidation");
  assert.deepEqual([event.side, event.price, event.size, event.tExchange], [
    "buy",
    64310.6,
    0.002,
    1781416602260,
  ]);
});

Deno.test("COIN-M payloads (st 2) are left out wherever st stands", () => {
  const d = decoder();
  const trade = JSON.parse(recordedFrames("binance-usdm-aggTrade.json")[0]!);
  trade.data.st = 2;
  assert.deepEqual(d.decode(JSON.stringify(trade)), { verdict: CONTROL, events: [] });
  const force = JSON.parse(recordedFrames("binance-usdm-forceOrder.json")[1]!);
  force.o.st = 2;
  assert.deepEqual(d.decode(JSON.stringify(force)), { verdict: CONTROL, events: [] });
});

Deno.test("a depth diff is never taken for a snapshot, and a raw one, which could be either, is not understood", () => {
  const d = decoder();
  const diff = recordedFrames("binance-usdm-depthUpdate.json")[0]!;
  assert.deepEqual(d.decode(diff), { verdict: CONTROL, events: [] });
  assert.equal(d.decode(JSON.stringify(JSON.parse(diff).data)).verdict, null);
});

Deno.test("every line of a recorded futures sequence is understood", () => {
  const d = decoder();
  let tops = 0;
  for (const line of frameLines("binance-usdm-depth100ms-sequence.jsonl")) {
    const { verdict, events } = d.decode(line);
    assert.notEqual(verdict, null, line.slice(0, 80));
    tops += events.length;
  }
  assert.ok(tops > 0);
  assert.equal(d.sink.unrecognised, 0);
});

Deno.test("acknowledgements are control, error replies are not understood, trade is of no use", () => {
  const control = frameFile<Record<string, unknown>>("binance-usdm-control.json");
  const d = decoder();
  assert.equal(d.decode(JSON.stringify(control["ack"])).verdict, CONTROL);
  assert.equal(d.decode(JSON.stringify(control["list_reply"])).verdict, CONTROL);
  assert.equal(d.decode('{"code":2,"msg":"Invalid request"}').verdict, null);
  assert.equal(d.decode('{"error":{"code":3,"msg":"Invalid JSON"}}').verdict, null);
  assert.equal(d.decode(recordedFrames("binance-usdm-trade.json")[0]!).verdict, CONTROL);
});

Deno.test("spot frames: no times on bookTicker and depth20, names needed, shutdown announced", () => {
  type Spot = Record<string, { frame?: Record<string, unknown>; raw?: unknown; combined?: unknown }>;
  const file = frameFile<Spot>("binance-spot-streams.json");
  const d = decoder("binance-spot");
  const [trade] = d.decode(JSON.stringify(file["aggTrade_recorded"]!.frame)).events;
  assert.ok(trade?.type === "fastTrade" && trade.venue === "binance-spot" && trade.price === 64348.95);
  assert.equal(d.decode(JSON.stringify(file["trade_doc"]!.frame)).verdict, CONTROL);
  assert.equal(d.decode(JSON.stringify(file["bookTicker_doc"]!.frame)).verdict, CONTROL, "BNB is not ours");
  const ours = { ...file["bookTicker_doc"]!.frame, s: "ETHUSDT" };
  const [top] = d.decode(JSON.stringify({ stream: "ethusdt@bookTicker", data: ours })).events;
  assert.ok(top?.type === "fastTop" && top.asset === "eth" && top.tExchange === NOW);
  const depth = file["depth20_doc"]!.frame;
  const [book] = d.decode(JSON.stringify({ stream: "solusdt@depth20@100ms", data: depth })).events;
  assert.ok(book?.type === "fastBook" && book.asset === "sol" && book.bids[0] === 0.0024);
  assert.equal(d.decode(JSON.stringify(depth)).verdict, null, "without a name it has no symbol");
  assert.equal(d.state.shutdownAnnounced, false);
  assert.equal(d.decode(JSON.stringify(file["serverShutdown_doc"]!.combined)).verdict, CONTROL);
  assert.equal(d.state.shutdownAnnounced, true);
});

Deno.test("an aggregate id that jumps is counted as a gap, a repeated one as a duplicate", () => {
  const d = decoder();
  const at = (id: number) => {
    const frame = JSON.parse(recordedFrames("binance-usdm-aggTrade.json")[0]!);
    frame.data.a = id;
    return d.decode(JSON.stringify(frame)).events.length;
  };
  assert.deepEqual([at(100), at(101), at(105), at(104), at(105), at(106)], [1, 1, 1, 1, 0, 1]);
  assert.equal(d.sink.gaps, 2, "104 came late, over the other socket; 102 and 103 did not");
  assert.equal(d.sink.duplicates, 1);
});

Deno.test("text that Number() would take and a venue never sends is refused", () => {
  const d = decoder();
  const base = JSON.parse(recordedFrames("binance-usdm-aggTrade.json")[0]!);
  for (const p of ["", " 1", "0x10", "1e400", "Infinity", "NaN", "-1", "1.", ".5", 64990.9, null, [], {}]) {
    const frame = { ...base, data: { ...base.data, p } };
    assert.equal(d.decode(JSON.stringify(frame)).verdict, null, `p=${JSON.stringify(p)}`);
  }
});
