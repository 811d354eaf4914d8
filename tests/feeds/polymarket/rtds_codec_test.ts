import assert from "node:assert/strict";
import { ms } from "../../../core/units.ts";
import { CONTROL } from "../../../feeds/net/frame.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { newPolyboltState } from "../../../feeds/polymarket/polybolt_codec.ts";
import { decodeRtdsFrame, exactText, rtdsSubscriptions } from "../../../feeds/polymarket/rtds_codec.ts";

const NOW = ms(1_753_314_089_000);
const AT = 1_753_314_088_000;

function decoder() {
  const state = newPolyboltState();
  const sink = newSink();
  return {
    sink,
    decode: (value: unknown) =>
      decodeRtdsFrame(typeof value === "string" ? value : JSON.stringify(value), NOW, state, sink),
  };
}

const print = (topic: string, more: Record<string, unknown> = {}) => ({
  topic,
  type: "update",
  timestamp: NOW,
  connection_id: "c",
  payload: {
    symbol: "btc/usd",
    timestamp: AT,
    value: 61035.86,
    full_accuracy_value: "61035860000000000000000",
    ...more,
  },
});

Deno.test("Chainlink's exact value is an integer scaled 1e18 and keeps every digit", () => {
  assert.equal(exactText("61035860000000000000001", 0), "61035.860000000000000001");
  assert.equal(exactText("5", 0), "0.000000000000000005");
  assert.equal(exactText("61035.86000000", 0), "61035.86000000");
  assert.equal(exactText(undefined, 61030.1), "61030.1");
  for (const bad of ["", "-1", "1e5", ".5", 5, null]) assert.equal(exactText(bad, 1), null);
});

Deno.test("TWAP and spot updates become prints of their kind", () => {
  const { decode, sink } = decoder();
  assert.equal(decode(print("crypto_prices_twap_sixty", { window_s: 60 })), "twap60:btc");
  assert.equal(decode(print("crypto_prices_chainlink")), "spot:btc");
  assert.deepEqual(
    sink.events.map((e) => e.type === "oraclePrice" ? [e.kind, e.value, e.exact, e.tExchange] : null),
    [["twap60", 61035.86, "61035.860000000000000000", AT], [
      "spot",
      61035.86,
      "61035.860000000000000000",
      AT,
    ]],
  );
  assert.equal(decode(print("crypto_prices_twap_sixty", { window_s: 30 })), null, "another average");
});

Deno.test("Chainlink's snapshot labelled crypto_prices is recognised by its symbol, Binance's is of no use", () => {
  const { decode, sink } = decoder();
  const data = [1000, 0].map((back) => ({ timestamp: AT - back, value: 61030.1 }));
  const snapshot = {
    topic: "crypto_prices",
    type: "subscribe",
    timestamp: NOW,
    payload: { symbol: "btc/usd", data },
  };
  assert.equal(decode(snapshot), "spot:btc");
  assert.deepEqual(sink.events.map((e) => e.tExchange), [AT - 1000, AT]);
  assert.equal(decode(print("crypto_prices_chainlink")), "spot:btc");
  assert.deepEqual([sink.events.length, sink.duplicates], [2, 1]);
  assert.equal(decode({ ...snapshot, payload: { symbol: "btcusdt", data } }), CONTROL);
  assert.equal(sink.ignored, 1);
});

Deno.test("pongs are control, anything else is not understood", () => {
  const { decode } = decoder();
  assert.equal(decode("PONG"), CONTROL);
  for (
    const bad of [
      "{",
      "[]",
      '{"topic":"x"}',
      JSON.stringify(print("crypto_prices_chainlink", { timestamp: 5 })),
    ]
  ) {
    assert.equal(decode(bad), null, bad);
  }
});

Deno.test("one topic a frame, no blank in a filter, no filter for several assets", () => {
  const [twap, spot] = rtdsSubscriptions(["btc"]).map((t) => JSON.parse(t));
  assert.deepEqual(twap.subscriptions, [
    { topic: "crypto_prices_twap_sixty", type: "*", filters: '{"symbol":"btc/usd"}' },
  ]);
  assert.equal(spot.subscriptions.length, 1);
  assert.equal(JSON.parse(rtdsSubscriptions(["btc", "eth"])[0]!).subscriptions[0].filters, "");
});
