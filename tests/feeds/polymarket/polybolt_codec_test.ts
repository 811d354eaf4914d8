import assert from "node:assert/strict";
import { ms } from "../../../core/units.ts";
import { newSink } from "../../../feeds/net/sink.ts";
import { CONTROL } from "../../../feeds/net/frame.ts";
import {
  decodePolyboltFrame,
  newPolyboltState,
  nextConnection,
  polyboltStream,
} from "../../../feeds/polymarket/polybolt_codec.ts";
import { polyboltCloseAction } from "../../../feeds/polymarket/polybolt_session.ts";
import { frameLines } from "../frames.ts";

const NOW = ms(1_788_886_178_000);
const FRAMES = frameLines("polybolt.jsonl");

function decoder() {
  const state = newPolyboltState();
  const sink = newSink();
  const decode = (text: string) => {
    sink.events = [];
    const frame = decodePolyboltFrame(text, NOW, state, sink);
    return { ...frame, events: sink.events };
  };
  return { state, sink, decode };
}

Deno.test("the answer to an unsubscribe is a control frame", () => {
  const { control, verdict } = decoder().decode('{"op":"unsubscribed","channel":"price.crypto","rid":"u1"}');
  assert.deepEqual([verdict, control], [CONTROL, { kind: "unsubscribed", channel: "price.crypto" }]);
});

Deno.test("answers to requests are control frames that say what they are", () => {
  const d = decoder();
  assert.deepEqual(FRAMES.slice(0, 3).map((f) => d.decode(f).control), [
    { kind: "authed" },
    { kind: "subscribed", channel: "price.crypto.twap" },
    { kind: "error", code: "bad_filter", channel: "price.crypto" },
  ]);
  assert.equal(d.decode('{"op":"pong"}').verdict, CONTROL);
});

Deno.test("a snapshot and a live print keep the exact value and the source's own second", () => {
  const d = decoder();
  const [history] = d.decode(FRAMES[3]!).events;
  assert.ok(history?.type === "oraclePrice");
  assert.deepEqual([history.exact, history.tExchange, history.kind], [
    "78803.100000000000000000",
    1788886175000,
    "twap60",
  ]);
  const live = d.decode(FRAMES[4]!);
  assert.equal(live.verdict, polyboltStream("twap60", "btc"));
  const [print] = live.events;
  assert.ok(print?.type === "oraclePrice");
  assert.deepEqual([print.exact, print.value, print.provider], [
    "78803.715261094101516288",
    78803.715261094101516288,
    "chainlink",
  ]);
  assert.equal(d.sink.gaps, 1, "seq went from 1 to 3");
});

Deno.test("a snapshot comes oldest first and tells no print twice, not even after a reconnect", () => {
  const d = decoder();
  d.decode(FRAMES[4]!);
  const snapshot = JSON.parse(FRAMES[3]!);
  const row = (timestamp: number) => ({ timestamp, value: 5, full_accuracy_value: "5.0" });
  snapshot.payload.data = [row(1788886177000), row(1788886176000), row(1788886175000)];
  const sink = newSink();
  decodePolyboltFrame(JSON.stringify(snapshot), NOW, nextConnection(d.state), sink);
  const { events } = sink;
  assert.deepEqual(events.map((e) => e.tExchange), [1788886175000, 1788886176000]);
  assert.equal(sink.duplicates, 1);
  assert.equal(sink.gaps, 0, "sequence numbers begin again with the connection");
});

Deno.test("an empty snapshot is no datum, and `dropped` is counted", () => {
  const d = decoder();
  const snapshot = JSON.parse(FRAMES[3]!);
  snapshot.payload.data = [];
  assert.equal(d.decode(JSON.stringify(snapshot)).verdict, CONTROL);
  d.decode(JSON.stringify({ ...JSON.parse(FRAMES[4]!), dropped: 4 }));
  assert.equal(d.sink.dropped, 4);
});

Deno.test("spot prints name their provider: stated, or the one subscribed to", () => {
  const d = decoder();
  const spot = (payload: Record<string, unknown>) =>
    d.decode(JSON.stringify({
      v: 1,
      channel: "price.crypto",
      seq: 1,
      payload: {
        symbol: "ethusd",
        value: 3000.5,
        full_accuracy_value: "3000.5",
        timestamp: 1788886177000,
        ...payload,
      },
    }));
  const [print] = spot({}).events;
  assert.ok(print?.type === "oraclePrice" && print.provider === "chainlink" && print.kind === "spot");
  const [other] = spot({ provider: "pyth", timestamp: 1788886178000 }).events;
  assert.ok(other?.type === "oraclePrice" && other.provider === "pyth");
  assert.equal(spot({ provider: "someone" }).verdict, null);
});

Deno.test("another averaging window, an unknown symbol and malformed prints are not understood", () => {
  const good = JSON.parse(FRAMES[4]!);
  const changes: Record<string, unknown>[] = [
    { window_seconds: 30 },
    { symbol: "btcusdt" },
    { full_accuracy_value: "-1" },
    { full_accuracy_value: "" },
    { full_accuracy_value: 5 },
    { timestamp: "1788886177000" },
    { timestamp: 1788886177 },
  ];
  for (const change of changes) {
    const frame = { ...good, payload: { ...good.payload, ...change } };
    assert.equal(decoder().decode(JSON.stringify(frame)).verdict, null, JSON.stringify(change));
  }
});

Deno.test("close 4001 is terminal, 4003 waits up to ten seconds, 4008 half a minute at least, the rest backs off", () => {
  assert.equal(polyboltCloseAction(4001, "", Math.random).kind, "terminal");
  assert.deepEqual(polyboltCloseAction(4003, "", () => 0.5), { kind: "wait", waitMs: 5000 });
  assert.deepEqual(polyboltCloseAction(4008, "", () => 0.5), { kind: "wait", waitMs: 45_000 });
  for (const code of [4002, 1006, 1000]) {
    assert.equal(polyboltCloseAction(code, "", Math.random).kind, "backoff");
  }
});
