import assert from "node:assert/strict";
import { OperationError } from "../../../core/errors.ts";
import { ASSETS } from "../../../core/market/instrument.ts";
import {
  futuresUrl,
  marketStreams,
  publicStreams,
  routeOf,
  routeOfAll,
} from "../../../feeds/binance/routes.ts";

const code = (expected: string) => (error: unknown) =>
  error instanceof OperationError && error.code === expected;

Deno.test("every stream of the route table has its route", () => {
  const table = {
    public: ["btcusdt@depth", "btcusdt@depth@500ms", "btcusdt@depth20@100ms", "btcusdt@rpiDepth@500ms"]
      .concat(["btcusdt@bookTicker", "!bookTicker", "btcusdt@trade"]),
    market: ["btcusdt@aggTrade", "btcusdt@markPrice", "btcusdt@markPrice@1s", "!markPrice@arr@1s"]
      .concat([
        "btcusdt@kline_1m",
        "btcusdt_perpetual@continuousKline_1m",
        "btcusdt@forceOrder",
        "!forceOrder@arr",
      ])
      .concat(["btcusdt@ticker", "!contractInfo", "!assetIndex@arr"]),
  };
  for (const [route, streams] of Object.entries(table)) {
    for (const stream of streams) assert.equal(routeOf(stream), route, stream);
  }
});

Deno.test("a list that mixes routes throws ROUTE_MIXED instead of going half silent", () => {
  assert.throws(() => routeOfAll(["btcusdt@depth20@100ms", "btcusdt@aggTrade"]), code("ROUTE_MIXED"));
  assert.throws(() => futuresUrl("wss://x", ["btcusdt@aggTrade", "btcusdt@bookTicker"]), code("ROUTE_MIXED"));
});

Deno.test("an unknown stream, a capital symbol and an empty list throw STREAM_UNKNOWN", () => {
  for (
    const stream of [
      "btcusdt@nonsense",
      "BTCUSDT@aggTrade",
      "btcusdt@depth7",
      "btcusdt@kline_2m",
      "",
      "x/y@trade",
    ]
  ) {
    assert.throws(() => routeOf(stream), code("STREAM_UNKNOWN"), stream);
  }
  assert.throws(() => routeOfAll([]), code("STREAM_UNKNOWN"));
});

Deno.test("what we subscribe to fits its route, in combined form", () => {
  assert.equal(routeOfAll(publicStreams(ASSETS)), "public");
  assert.equal(routeOfAll(marketStreams(ASSETS)), "market");
  assert.equal(
    futuresUrl("wss://fstream.binance.com", publicStreams(["btc"])),
    "wss://fstream.binance.com/public/stream?streams=btcusdt@depth20@100ms/btcusdt@bookTicker",
  );
});
