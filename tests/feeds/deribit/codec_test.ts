import assert from "node:assert/strict";
import { ms } from "../../../core/units.ts";
import {
  decodeDeribitFrame,
  type DeribitControl,
  HEARTBEAT_STREAM,
  newDeribitState,
  percentPoints,
} from "../../../feeds/deribit/codec.ts";
import { fetchVolatilityHistory, parseHistoryPage } from "../../../feeds/deribit/history.ts";
import { CONTROL } from "../../../feeds/net/frame.ts";
import { httpClient, HttpError } from "../../../feeds/net/http.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { frameFile } from "../frames.ts";

const NOW = ms(1_795_253_805_000);
const FRAMES = frameFile<Record<string, { frame?: unknown }>>("deribit-ws.json");
const PAGE = frameFile<{ body: unknown }>("deribit-get_volatility_index_data.json").body;
const text = (name: string): string => JSON.stringify(FRAMES[name]?.frame ?? FRAMES[name]);

function decoder() {
  const state = newDeribitState();
  const sink = newSink();
  const decode = (frame: string) => decodeDeribitFrame(frame, NOW, state, sink);
  return { sink, decode };
}

Deno.test("every recorded frame of the venue is understood for what it is", () => {
  const { decode, sink } = decoder();
  const kinds = (name: string): [string | null, DeribitControl["kind"] | undefined] => {
    const { control, verdict } = decode(text(name));
    return [verdict, control?.kind];
  };
  assert.deepEqual(kinds("heartbeat_ack"), [HEARTBEAT_STREAM, "reply"]);
  assert.deepEqual(kinds("heartbeat_notice"), [HEARTBEAT_STREAM, undefined]);
  assert.deepEqual(kinds("test_request"), [HEARTBEAT_STREAM, "testRequest"]);
  assert.deepEqual(kinds("test_result"), [HEARTBEAT_STREAM, "reply"]);
  assert.deepEqual(kinds("subscribe_ack"), [HEARTBEAT_STREAM, "reply"]);
  assert.deepEqual(kinds("error"), [CONTROL, "error"]);
  assert.deepEqual(kinds("get_time"), [HEARTBEAT_STREAM, "reply"]);
  assert.deepEqual(sink.events, []);
  decode(text("dvol"));
  assert.deepEqual(sink.events, [
    { type: "volatility", asset: "btc", value: 129.36, tExchange: 1619777946007, tReceive: NOW },
  ]);
});

Deno.test("a value below 3 is a fraction, taken times 100 and told", () => {
  assert.deepEqual(percentPoints(0.21), { value: 21, scaled: true });
  assert.deepEqual(percentPoints(60.1), { value: 60.1, scaled: false });
  for (const bad of [0, -1, NaN, Infinity, "60", null]) assert.ok(Number.isNaN(percentPoints(bad).value));
  const { decode, sink } = decoder();
  const frame = JSON.parse(text("dvol"));
  frame.params.data.volatility = 0.5;
  assert.equal(decode(JSON.stringify(frame)).scaled, true);
  assert.ok(sink.events[0]?.type === "volatility" && sink.events[0].value === 50);
});

Deno.test("a second copy is no event, other channels are ignored, malformed ones not understood", () => {
  const { decode, sink } = decoder();
  decode(text("dvol"));
  decode(text("dvol"));
  assert.deepEqual([sink.events.length, sink.duplicates], [1, 1]);
  const frame = JSON.parse(text("dvol"));
  frame.params.channel = "deribit_volatility_index.sol_usd";
  assert.equal(decode(JSON.stringify(frame)).verdict, HEARTBEAT_STREAM);
  assert.equal(sink.ignored, 1);
  frame.params.channel = "deribit_volatility_index.eth_usd";
  frame.params.data.timestamp = "now";
  assert.equal(decode(JSON.stringify(frame)).verdict, null);
  for (const bad of ["", "[]", "{}", '{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","method":"x"}']) {
    assert.equal(decode(bad).verdict, null, bad);
  }
});

Deno.test("the documented page is read, its fractions as percent points", () => {
  const page = parseHistoryPage(PAGE);
  assert.deepEqual([page.bars.length, page.continuation, page.scaled], [1, null, 1]);
  assert.equal(page.bars[0]?.close, 21.2860821);
  assert.throws(() => parseHistoryPage({ result: { data: [[1, 2]], continuation: null } }), HttpError);
});

Deno.test("history pages run backwards by their continuation and end in one ascending list without repeats", async () => {
  const row = (at: number) => [at, 60, 61, 59, 60.5];
  const T = 1_700_000_000_000;
  const pages: Record<number, unknown> = {
    [T + 5000]: { data: [row(T + 3000), row(T + 4000), row(T + 5000)], continuation: T + 3000 },
    [T + 3000]: { data: [row(T + 1000), row(T + 2000), row(T + 3000)], continuation: T + 1000 },
    [T + 1000]: { data: [row(T), row(T + 1000)], continuation: null },
  };
  const asked: number[] = [];
  const network = {
    fetch: (url: string) => {
      const end = Number(new URL(url).searchParams.get("end_timestamp"));
      asked.push(end);
      return Promise.resolve(Response.json({ jsonrpc: "2.0", result: pages[end] }));
    },
  };
  const http = httpClient({ network, clock: { sleep: () => Promise.resolve() }, random: () => 0 });
  const query = { asset: "btc", startMs: T, endMs: T + 5000, resolution: 1 } as const;
  const bars = await fetchVolatilityHistory(http, "http://x", query);
  assert.deepEqual(bars.map((bar) => bar.openMs - T), [0, 1000, 2000, 3000, 4000, 5000]);
  assert.deepEqual(asked.map((end) => end - T), [5000, 3000, 1000]);
  // A page that does not step back ends the walk.
  pages[T + 5000] = { data: [row(T + 5000)], continuation: T + 5000 };
  asked.length = 0;
  assert.equal((await fetchVolatilityHistory(http, "http://x", query)).length, 1);
  assert.equal(asked.length, 1);
});
