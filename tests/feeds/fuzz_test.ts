import assert from "node:assert/strict";
import fc from "fast-check";
import { ms } from "../../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../../feeds/binance/codec.ts";
import { newSink, parseNumber } from "../../feeds/net/sink.ts";
import { decodeMarketFrame } from "../../feeds/polymarket/market_codec.ts";
import { decodePolyboltFrame, newPolyboltState } from "../../feeds/polymarket/polybolt_codec.ts";
import { decodeRtdsFrame } from "../../feeds/polymarket/rtds_codec.ts";
import { ASK, BID, OrderBook } from "../../core/market/book.ts";
import { decodeDiff, DepthBook } from "../../feeds/binance/depth_book.ts";
import { decodeDeribitFrame, newDeribitState } from "../../feeds/deribit/codec.ts";
import { frameFile, frameLines, recordedFrames } from "./frames.ts";

/** Mutated frames: 20,000 in the suite, more by FUZZ_FRAMES (`deno task fuzz`: 100,000). */
const FRAMES = Number(Deno.env.get("FUZZ_FRAMES") ?? "20000");

const NOW = ms(1_795_253_806_000);
const RTDS = JSON.stringify({
  topic: "crypto_prices_twap_sixty",
  type: "update",
  timestamp: 1_795_253_805_900,
  payload: {
    symbol: "btc/usd",
    timestamp: 1_795_253_805_000,
    value: 61035.86,
    full_accuracy_value: "61035860000000000000000",
    window_s: 60,
  },
});
const SEEDS = [
  RTDS,
  ...frameLines("binance-usdm-depth100ms-sequence.jsonl").slice(0, 4),
  ...Object.values(frameFile<Record<string, { frame?: unknown }>>("deribit-ws.json")).map((one) =>
    JSON.stringify(one.frame ?? one)
  ),
  ...frameLines("polymarket-market.jsonl"),
  ...frameLines("polybolt.jsonl"),
  ...["aggTrade", "bookTicker", "depth20", "forceOrder", "kline", "markPriceUpdate"].flatMap((kind) =>
    recordedFrames(`binance-usdm-${kind}.json`)
  ),
];

/** Values that break careless decoders. */
const POISON: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  "",
  " ",
  "NaN",
  "1e999",
  "-0",
  "0x10",
  "9".repeat(50),
  [],
  {},
  [[]],
  [null],
  "\ud800",
];

type Path = (string | number)[];

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...at, key]))];
}

function replaceAt(root: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const copy: Record<string | number, unknown> = Array.isArray(root)
    ? [...root] as never
    : { ...root as object };
  copy[key] = replaceAt((root as Record<string | number, unknown>)[key], rest, value);
  return copy;
}

/** All numbers in an event are numbers a book or a feature can take. */
function assertSound(value: unknown, path: string): void {
  if (typeof value === "number") assert.ok(Number.isFinite(value), `${path} is ${value}`);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) assertSound(inner, `${path}.${key}`);
  }
}

function decodeEverywhere(text: string): void {
  const sink = newSink();
  const verdicts = [
    decodeMarketFrame(text, NOW, sink),
    decodePolyboltFrame(text, NOW, newPolyboltState(), sink).verdict,
    decodeBinanceFrame(text, "binance-futures", NOW, newBinanceState(), sink),
    decodeBinanceFrame(text, "binance-spot", NOW, newBinanceState(), sink),
    decodeDeribitFrame(text, NOW, newDeribitState(), sink).verdict,
    decodeRtdsFrame(text, NOW, newPolyboltState(), sink),
  ];
  const diff = decodeDiff(text);
  if (diff !== null) {
    assertSound(diff, "diff");
    new DepthBook().apply(diff);
  }
  for (const verdict of verdicts) assert.ok(verdict === null || typeof verdict === "string");
  for (const event of sink.events) assertSound(event, event.type);
}

Deno.test(`${FRAMES} mutated frames never throw and never give a number that is none`, () => {
  const parsed = SEEDS.map((text) => ({ text, value: JSON.parse(text), paths: pathsOf(JSON.parse(text)) }));
  const structural = fc.record({
    frame: fc.nat(parsed.length - 1),
    at: fc.nat(),
    poison: fc.constantFrom(...POISON),
  }).map(({ frame, at, poison }) => {
    const { paths, value } = parsed[frame]!;
    return JSON.stringify(replaceAt(value, paths[at % paths.length]!, poison)) ?? "";
  });
  const textual = fc.record({
    frame: fc.nat(parsed.length - 1),
    at: fc.nat(),
    cut: fc.nat(8),
    insert: fc.string({ maxLength: 4 }),
  }).map(({ frame, at, cut, insert }) => {
    const { text } = parsed[frame]!;
    const where = at % text.length;
    return text.slice(0, where) + insert + text.slice(where + cut);
  });
  const frames = fc.oneof(structural, textual, fc.json({ maxDepth: 4 }).map((t) => t), fc.string());
  let runs = 0;
  fc.assert(
    fc.property(frames, (text) => {
      runs++;
      decodeEverywhere(text);
    }),
    { numRuns: FRAMES, seed: 7, endOnFailure: true },
  );
  assert.equal(runs, FRAMES);
});

/** One level change, spelt as venues might: with and without trailing zeros. */
const rowArbitrary = fc.record({
  tick: fc.integer({ min: 1, max: 999 }),
  size: fc.integer({ min: 0, max: 2_000_000 }),
  bid: fc.boolean(),
  zeros: fc.nat(2),
});
type Row = { readonly tick: number; readonly size: number; readonly bid: boolean; readonly zeros: number };

const priceText = (row: Row): string => {
  const text = (row.tick / 1000).toFixed(3);
  return row.zeros === 0 ? text.replace(/0+$/, "") : row.zeros === 1 ? text : `${text}0`;
};
const sizeText = (row: Row): string => {
  const text = (row.size / 1_000_000).toFixed(6);
  return row.zeros === 0 ? text.replace(/\.?0+$/, "") : text;
};

/** The frame of some changes: a delta of one or both tokens, alone or in an array beside a message we do not know. */
function deltaFrame(rows: readonly Row[], style: number): string {
  const change = {
    event_type: "price_change",
    market: "0xC",
    timestamp: String(NOW),
    price_changes: rows.map((row) => ({
      asset_id: "T",
      price: priceText(row),
      size: sizeText(row),
      side: row.bid ? "BUY" : "SELL",
      ...(style === 1 ? { hash: "h", new_key: [1, { deep: null }] } : {}),
    })),
  };
  return JSON.stringify(style === 2 ? [change, { event_type: "something_new" }] : change);
}

Deno.test("a book fed with mutated but valid deltas, among spoilt ones, equals a naive model at every step", () => {
  const frames = Math.max(1, Math.floor(FRAMES / 40));
  const step = fc.record({
    rows: fc.array(rowArbitrary, { minLength: 1, maxLength: 5 }),
    style: fc.nat(2),
    spoilt: fc.option(fc.constantFrom(...POISON), { nil: undefined, freq: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 40 }), (steps) => {
      const book = new OrderBook();
      book.replace([], []);
      const model = new Map<string, number>();
      for (const { rows, spoilt, style } of steps) {
        let text = deltaFrame(rows, style);
        if (spoilt !== undefined) {
          const value = JSON.parse(text);
          (Array.isArray(value) ? value[0] : value).price_changes[0].size = spoilt;
          text = JSON.stringify(value);
        }
        const sink = newSink();
        const verdict = decodeMarketFrame(text, NOW, sink);
        if (spoilt !== undefined && verdict === null) assert.deepEqual(sink.events, []);
        if (spoilt === undefined) {
          assert.equal(sink.events.length, 1);
          for (const row of rows) {
            const key = `${row.bid ? "b" : "a"}${Number(priceText(row))}`;
            model.set(key, Number(sizeText(row)));
          }
        } // What of a spoilt frame could still be read would be a fault: one bad level voids the whole.
        else if (sink.events.length > 0) assert.fail(`${text} was read`);
        for (const event of sink.events) if (event.type === "bookDelta") book.applyDelta(event.changes);
      }
      for (const [key, size] of model) {
        const side = key.startsWith("b") ? BID : ASK;
        const at = Math.round(Number(key.slice(1)) * 10_000);
        assert.equal(book.sizeAt(side, at), Math.round(size * 1_000_000), key);
      }
      const best = (side: string, pick: (...prices: number[]) => number) => {
        const held = [...model].filter(([key, size]) => key.startsWith(side) && size > 0);
        return held.length === 0
          ? -1
          : pick(...held.map(([key]) => Math.round(Number(key.slice(1)) * 10_000)));
      };
      assert.deepEqual([book.bestBid, book.bestAsk], [best("b", Math.max), best("a", Math.min)]);
    }),
    { numRuns: frames, seed: 31, endOnFailure: true },
  );
});

Deno.test("parseNumber() is Number() for every plain decimal and NaN for everything else", () => {
  const decimal = fc.tuple(
    fc.constantFrom("", "-"),
    fc.stringMatching(/^[0-9]{1,14}$/),
    fc.option(fc.stringMatching(/^[0-9]{1,14}$/), { nil: null }),
  ).map(([sign, whole, rest]) => `${sign}${whole}${rest === null ? "" : `.${rest}`}`);
  fc.assert(
    fc.property(decimal, (text) => assert.ok(Object.is(parseNumber(text), Number(text)), text)),
    { numRuns: 20_000, seed: 11, endOnFailure: true },
  );
  for (
    const text of [
      "",
      " ",
      ".",
      "-",
      "1.",
      ".5",
      "1e5",
      "0x1",
      "1 ",
      " 1",
      "+1",
      "1_0",
      "1..2",
      "1.2.3",
      "NaN",
    ]
  ) {
    assert.ok(Number.isNaN(parseNumber(text)), text);
  }
  for (const value of [1, null, undefined, {}, [], true]) assert.ok(Number.isNaN(parseNumber(value)));
});
