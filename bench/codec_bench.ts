/**
 * Decoding next to its peer: how long a frame takes from text to event, and how much it allocates, beside plain
 * `JSON.parse` of the same text, which is the least that any decoder built on it can take. Run:
 *
 *   deno run --allow-read bench/codec_bench.ts [--json]
 */
import { ms } from "../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../feeds/binance/codec.ts";
import { newSink } from "../feeds/net/sink.ts";
import { decodeMarketFrame } from "../feeds/polymarket/market_codec.ts";

export interface Measurement {
  readonly name: string;
  /** Median of the batches, and the fastest and slowest one. */
  readonly nsPerFrame: number;
  readonly nsFastest: number;
  readonly nsSlowest: number;
  /** Median growth of the heap per frame, over batches without a collection. */
  readonly bytesPerFrame: number;
  readonly frames: number;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Times `work` in batches after a warm-up. `work` must consume its result, or it may be optimised away. */
export function measure(name: string, work: () => unknown, batches = 60, perBatch = 2000): Measurement {
  for (let i = 0; i < perBatch * 5; i++) work();
  const ns: number[] = [];
  for (let b = 0; b < batches; b++) {
    const begin = performance.now();
    for (let i = 0; i < perBatch; i++) work();
    ns.push((performance.now() - begin) * 1e6 / perBatch);
  }
  const bytes: number[] = [];
  const few = 100;
  for (let b = 0; b < batches; b++) {
    const before = Deno.memoryUsage().heapUsed;
    for (let i = 0; i < few; i++) work();
    const grown = Deno.memoryUsage().heapUsed - before;
    if (grown >= 0) bytes.push(grown / few);
  }
  return {
    name,
    nsPerFrame: Math.round(median(ns)),
    nsFastest: Math.round(Math.min(...ns)),
    nsSlowest: Math.round(Math.max(...ns)),
    bytesPerFrame: Math.round(median(bytes)),
    frames: batches * perBatch,
  };
}

/** A recorded depth20 frame (40 levels) and a price_change of both outcomes, as wire text. */
export function benchFrames(): { readonly depth20: string; readonly priceChange: string } {
  const folder = new URL("../fixtures/frames/", import.meta.url);
  const [depth] = JSON.parse(Deno.readTextFileSync(new URL("binance-usdm-depth20.json", folder)));
  const lines = Deno.readTextFileSync(new URL("polymarket-market.jsonl", folder)).split("\n");
  const priceChange = lines.find((line) => line.includes('"price_change"'));
  if (priceChange === undefined) {
    throw new Error("fixtures/frames/polymarket-market.jsonl has no price_change");
  }
  return { depth20: JSON.stringify(depth.frame), priceChange };
}

/** Pairs of (ours, peer) for each frame. */
export function codecMeasurements(): { readonly ours: Measurement; readonly peer: Measurement }[] {
  const { depth20, priceChange } = benchFrames();
  const at = ms(1_795_253_805_000);
  const sink = newSink();
  const state = newBinanceState();
  let consumed = 0;
  const drained = () => {
    consumed += sink.events.length;
    sink.events = [];
  };
  const pairs = [
    {
      ours: measure("decode depth20", () => {
        decodeBinanceFrame(depth20, "binance-futures", at, state, sink);
        drained();
      }),
      peer: measure("JSON.parse depth20", () => consumed += Object.keys(JSON.parse(depth20)).length),
    },
    {
      ours: measure("decode price_change", () => {
        decodeMarketFrame(priceChange, at, sink);
        drained();
      }),
      peer: measure("JSON.parse price_change", () => consumed += Object.keys(JSON.parse(priceChange)).length),
    },
  ];
  if (consumed === 0) throw new Error("nothing was decoded");
  return pairs;
}

function report(): void {
  const pairs = codecMeasurements();
  if (Deno.args.includes("--json")) return console.log(JSON.stringify({ codec: pairs }));
  for (const { ours, peer } of pairs) {
    for (const m of [ours, peer]) {
      const range = `(${m.nsFastest}..${m.nsSlowest})`.padStart(16);
      console.log(
        `${m.name.padEnd(26)}${String(m.nsPerFrame).padStart(8)} ns ${range}${
          String(m.bytesPerFrame).padStart(9)
        } B`,
      );
    }
    const ratio = (ours.nsPerFrame / peer.nsPerFrame).toFixed(2);
    console.log(`${"".padEnd(26)}${ratio.padStart(8)} x JSON.parse\n`);
  }
}

if (import.meta.main) report();
