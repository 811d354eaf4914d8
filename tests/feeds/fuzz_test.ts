import assert from "node:assert/strict";
import fc from "fast-check";
import { ms } from "../../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../../feeds/binance/codec.ts";
import { newSink, parseNumber } from "../../feeds/net/sink.ts";
import { decodeMarketFrame } from "../../feeds/polymarket/market_codec.ts";
import { decodePolyboltFrame, newPolyboltState } from "../../feeds/polymarket/polybolt_codec.ts";
import { frameLines, recordedFrames } from "./frames.ts";

const NOW = ms(1_795_253_806_000);
const SEEDS = [
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
  ];
  for (const verdict of verdicts) assert.ok(verdict === null || typeof verdict === "string");
  for (const event of sink.events) assertSound(event, event.type);
}

Deno.test("20,000 mutated frames never throw and never give a number that is none", () => {
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
    { numRuns: 20_000, seed: 7, endOnFailure: true },
  );
  assert.equal(runs, 20_000);
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
