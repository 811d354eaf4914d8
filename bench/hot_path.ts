/**
 * What one frame costs from text to features: decode, book update, 18 features; for a Binance depth20 frame and for a
 * CLOB price_change. Beside it, in the same run, plain `JSON.parse` of the same text as the peer that any client pays.
 *
 * Run: deno task bench:hot [--json]
 * Time is the median of rounds; bytes are heap growth per event with the collector held off.
 */
import { AssetState } from "../core/features/asset_state.ts";
import { computeFeatures, newFeatureVector } from "../core/features/vector.ts";
import { WindowState } from "../core/features/window_state.ts";
import type { MarketEvent } from "../core/events.ts";
import type { Instrument } from "../core/market/instrument.ts";
import { ms, type Price, type Shares } from "../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../feeds/binance/codec.ts";
import { newSink } from "../feeds/net/sink.ts";
import { decodeMarketFrame } from "../feeds/polymarket/market_codec.ts";

const ROUNDS = 15;
const EVENTS = 20_000;
const T0 = 1_795_253_700_000;

const UP = "104239898038807136052399800151408521467737075933964991162589336683346093173875";
const DOWN = "71183960818031364297661042247451213966183137366214447961139133514427382133513";

const instrument: Instrument = {
  slug: "btc-updown-5m-1795253700",
  asset: "btc",
  duration: "5m",
  conditionId: "0x01",
  version: "v1",
  upToken: UP,
  downToken: DOWN,
  startMs: ms(T0),
  endMs: ms(T0 + 300_000),
  tick: 100 as Price,
  minSize: 5_000_000 as Shares,
  fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 },
  rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
  negRisk: false,
  takerHoldMs: ms(150),
  tradable: true,
  reason: null,
  mirrorOf: null,
};

function depth20Text(i: number): string {
  const level = (side: 1 | -1) =>
    Array.from({ length: 20 }, (_, k) => [
      (84_561 - side * (k + 1) * 0.1 + (i % 7) * 0.1).toFixed(2),
      (1 + (i + k) % 9 * 0.113).toFixed(3),
    ]);
  const at = T0 + i * 100;
  return JSON.stringify({
    stream: "btcusdt@depth20@100ms",
    data: {
      e: "depthUpdate",
      E: at,
      T: at - 3,
      s: "BTCUSDT",
      ps: "BTCUSDT",
      U: 1e9 + i * 3,
      u: 1e9 + i * 3 + 2,
      pu: 1e9 + i * 3 - 1,
      b: level(1),
      a: level(-1),
      st: 1,
    },
  });
}

function priceChangeText(i: number): string {
  const bid = 50 - i % 3;
  const size = String(100 + i % 50);
  const change = (asset: string, price: number, side: string, best: [number, number]) => ({
    asset_id: asset,
    price: (price / 100).toFixed(2),
    size,
    side,
    hash: "0458ea5755c9f73d64a14636fa5c36ed460ec394",
    best_bid: (best[0] / 100).toFixed(2),
    best_ask: (best[1] / 100).toFixed(2),
  });
  return JSON.stringify({
    event_type: "price_change",
    market: "0x01",
    timestamp: String(T0 + i * 100),
    price_changes: [
      change(UP, bid, "BUY", [50, 52]),
      change(DOWN, 100 - bid, "SELL", [48, 50]),
    ],
  });
}

interface Subject {
  readonly name: string;
  readonly texts: readonly string[];
  run(text: string, at: number): void;
}

function fullPath(): { asset: AssetState; window: WindowState; apply: (event: MarketEvent) => void } {
  const asset = new AssetState();
  const window = new WindowState(instrument);
  for (const book of [window.up, window.down]) book.replace([5000, 1e8, 4800, 1e8], [5200, 1e8, 5500, 1e8]);
  const vector = newFeatureVector();
  const position = { side: 0, pnlUsdc: 0 };
  for (let m = 70; m > 0; m--) asset.onPrice("binance-futures", 84_000 + m, T0 - m * 60_000, T0 - m * 60_000);
  const apply = (event: MarketEvent) => {
    if (event.type === "fastBook") asset.onBook(event);
    else if (event.type === "bookDelta") {
      const book = event.token === UP ? window.up : window.down;
      book.applyDelta(event.changes, event.bestBid, event.bestAsk);
    }
    window.sampleMids(event.tReceive);
    computeFeatures(vector, asset, window, position, event.tReceive);
  };
  return { asset, window, apply };
}

function depthSubject(): Subject {
  const sink = newSink();
  const state = newBinanceState();
  const { apply } = fullPath();
  return {
    name: "depth20",
    texts: Array.from({ length: 256 }, (_, i) => depth20Text(i)),
    run: (text, at) => {
      decodeBinanceFrame(text, "binance-futures", ms(at), state, sink);
      for (const event of sink.events) apply(event);
      sink.events.length = 0;
    },
  };
}

function changeSubject(): Subject {
  const sink = newSink();
  const { apply } = fullPath();
  return {
    name: "price_change",
    texts: Array.from({ length: 256 }, (_, i) => priceChangeText(i)),
    run: (text, at) => {
      decodeMarketFrame(text, ms(at), sink);
      for (const event of sink.events) apply(event);
      sink.events.length = 0;
    },
  };
}

/** Book and features only, on events decoded before: what the core itself costs and allocates. */
function coreSubject(from: Subject, decode: (text: string, at: number) => MarketEvent[]): Subject {
  const { apply } = fullPath();
  const events = from.texts.map((text, i) => decode(text, T0 + i * 100));
  let next = 0;
  return {
    name: `${from.name} core only`,
    texts: from.texts,
    run: () => {
      const frame = events[next++ % events.length]!;
      for (let i = 0; i < frame.length; i++) apply(frame[i]!);
    },
  };
}

let parsed: unknown;
const parseSubject = (from: Subject): Subject => ({
  name: `${from.name} JSON.parse`,
  texts: from.texts,
  run: (text) => {
    parsed = JSON.parse(text);
  },
});

const collect = (globalThis as { gc?: () => void }).gc;

interface Figures {
  readonly name: string;
  readonly nsPerEvent: number;
  readonly bytesPerEvent: number | null;
}

let clock = T0;
function round(subject: Subject, events: number): number {
  const from = performance.now();
  for (let i = 0; i < events; i++) subject.run(subject.texts[i & 255]!, clock += 100);
  return (performance.now() - from) * 1e6 / events;
}

function bytes(subject: Subject): number | null {
  if (collect === undefined) return null;
  const events = 5000;
  const samples: number[] = [];
  for (let k = 0; k < 7; k++) {
    collect();
    const before = Deno.memoryUsage().heapUsed;
    for (let i = 0; i < events; i++) subject.run(subject.texts[i & 255]!, clock += 100);
    samples.push((Deno.memoryUsage().heapUsed - before) / events);
  }
  return samples.sort((a, b) => a - b)[3]!;
}

function measure(subject: Subject): Figures {
  round(subject, EVENTS);
  const rounds = Array.from({ length: ROUNDS }, () => round(subject, EVENTS)).sort((a, b) => a - b);
  return { name: subject.name, nsPerEvent: rounds[ROUNDS >> 1]!, bytesPerEvent: bytes(subject) };
}

const depth = depthSubject();
const change = changeSubject();
const decodeDepth = (text: string, at: number) => {
  const sink = newSink();
  decodeBinanceFrame(text, "binance-futures", ms(at), newBinanceState(), sink);
  return sink.events;
};
const decodeChange = (text: string, at: number) => {
  const sink = newSink();
  decodeMarketFrame(text, ms(at), sink);
  return sink.events;
};
const results = [
  depth,
  parseSubject(depth),
  coreSubject(depth, decodeDepth),
  change,
  parseSubject(change),
  coreSubject(change, decodeChange),
].map(measure);
void parsed;

const ratio = (a: number, b: number) => results[a]!.nsPerEvent / results[b]!.nsPerEvent;
const ratios = { depth20ToParse: ratio(0, 1), priceChangeToParse: ratio(3, 4) };
if (Deno.args.includes("--json")) console.log(JSON.stringify({ results, ratios }));
else {
  for (const { name, nsPerEvent, bytesPerEvent } of results) {
    const heap = bytesPerEvent === null ? "heap not measured (--expose-gc)" : `${bytesPerEvent.toFixed(0)} B`;
    console.log(
      `${name.padEnd(26)} ${nsPerEvent.toFixed(0).padStart(7)} ns/frame  ${heap.padStart(10)}/frame`,
    );
  }
  console.log(`depth20 / JSON.parse       ${ratios.depth20ToParse.toFixed(2)} x`);
  console.log(`price_change / JSON.parse  ${ratios.priceChangeToParse.toFixed(2)} x`);
}
