/**
 * Frames per second on one core, from text to what a program can use, beside two peers on the same frames: plain
 * `JSON.parse`, the floor of every decoder that is built on it, and `ccxt` (its `pro` class for Binance USD-M, driven offline:
 * the frame is parsed and given to `handleMessage`, as its socket client does). Rounds of the contenders alternate; the median
 * counts. ccxt is fetched on the first run and is no dependency of the program. Run:
 *
 *   deno task bench:feeds [--json] [--no-ccxt]
 */
import { decodeBinanceFrame, newBinanceState } from "../feeds/binance/codec.ts";
import { decodeDiff, DepthBook } from "../feeds/binance/depth_book.ts";
import { newSink } from "../feeds/net/sink.ts";
import { decodeMarketFrame } from "../feeds/polymarket/market_codec.ts";
import { ms } from "../core/units.ts";
import { type FrameSet, generatedFrames, recordedFrames } from "./throughput_frames.ts";

const ROUNDS = 15;
/** In a variable, so that the type check of the repository does not fetch it. */
const CCXT = "npm:ccxt@4.5.84";

/** Takes all frames of a set with a state of its own; answers how many it understood. */
type Contender = (frames: readonly string[]) => number;

function ours(kind: FrameSet["kind"]): Contender {
  if (kind === "depth diff") return keptBook;
  const market = kind === "price_change";
  return (frames) => {
    const state = newBinanceState();
    const sink = newSink();
    let events = 0;
    for (const text of frames) {
      if (market) decodeMarketFrame(text, ms(1.8e12), sink);
      else decodeBinanceFrame(text, "binance-futures", ms(1.8e12), state, sink);
      // Every frame's events are taken, as a session takes them.
      if (sink.events.length > 0) events++;
      sink.events = [];
    }
    return events;
  };
}

/** Diffs into a kept book, and its top twenty after each: what a `diffBook` session hands on. */
function keptBook(frames: readonly string[]): number {
  const book = new DepthBook();
  let events = 0;
  for (const text of frames) {
    const diff = decodeDiff(text);
    if (diff === null) continue;
    if (events === 0) book.load({ lastUpdateId: diff.previousId, bids: [], asks: [] });
    book.apply(diff);
    const top = book.top(20);
    if (top.bids.length + top.asks.length > 0) events++;
  }
  return events;
}

let kept: unknown;
const parseOnly: Contender = (frames) => {
  for (const text of frames) kept = JSON.parse(text);
  return kept === undefined ? 0 : frames.length;
};

/** The part of ccxt that is used here; it has no types for its socket handlers. */
interface Ccxt {
  handleMessage(client: unknown, message: unknown): void;
  handleOrderBookMessage(client: unknown, message: unknown, book: unknown): void;
  parseOrderBook(book: unknown, symbol: string, at: number, bids: string, asks: string): { bids: unknown[] };
  orderBook(snapshot: unknown): { nonce?: number; limit(): unknown };
  setMarkets(markets: unknown): void;
  parseMarket(market: unknown): unknown;
  orderbooks: Record<string, { nonce?: number; bids: unknown[]; asks: unknown[] }>;
  trades: Record<string, unknown[]>;
  bidsasks: Record<string, { bid?: number }>;
}

const SYMBOL = "BTC/USDT:USDT";
const MARKET = {
  symbol: "BTCUSDT",
  pair: "BTCUSDT",
  contractType: "PERPETUAL",
  status: "TRADING",
  baseAsset: "BTC",
  quoteAsset: "USDT",
  marginAsset: "USDT",
  pricePrecision: 2,
  quantityPrecision: 3,
  filters: [],
  onboardDate: 1569398400000,
  deliveryDate: 4133404800000,
};

function newCcxt(make: () => Ccxt): { exchange: Ccxt; client: unknown; resolved: () => number } {
  const exchange = make();
  exchange.setMarkets([exchange.parseMarket(MARKET)]);
  let resolved = 0;
  const client = {
    url: "wss://fstream.binance.com/public/stream",
    subscriptions: {},
    futures: {},
    resolve: () => resolved++,
    reject: (error: unknown) => {
      throw error;
    },
  };
  return { exchange, client, resolved: () => resolved };
}

function ccxtOf(kind: FrameSet["kind"], make: () => Ccxt): Contender | null {
  if (kind === "price_change") return null;
  if (kind === "depth20") {
    return (frames) => {
      const { exchange } = newCcxt(make);
      let books = 0;
      for (const text of frames) {
        const { data } = JSON.parse(text);
        if (exchange.parseOrderBook(data, SYMBOL, data.E, "b", "a").bids.length > 0) books++;
      }
      return books;
    };
  }
  return (frames) => {
    const { client, exchange, resolved } = newCcxt(make);
    if (kind === "depth diff") {
      const book = exchange.orderBook({ bids: [], asks: [] });
      book.nonce = JSON.parse(frames[0]!).data.pu;
      exchange.orderbooks[SYMBOL] = book as never;
    }
    for (const text of frames) exchange.handleMessage(client, JSON.parse(text));
    return resolved();
  };
}

interface Row {
  readonly set: string;
  readonly contender: string;
  readonly framesPerSecond: number;
  readonly understood: number;
  readonly frames: number;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

function race(set: FrameSet, contenders: readonly (readonly [string, Contender])[]): Row[] {
  const seconds = contenders.map(() => [] as number[]);
  const understood = contenders.map(([, run]) => run(set.frames));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, run]] of contenders.entries()) {
      const began = performance.now();
      run(set.frames);
      seconds[i]!.push((performance.now() - began) / 1000);
    }
  }
  return contenders.map(([contender], i) => ({
    set: set.name,
    contender,
    framesPerSecond: Math.round(set.frames.length / median(seconds[i]!)),
    understood: understood[i]!,
    frames: set.frames.length,
  }));
}

async function loadCcxt(): Promise<{ make: () => Ccxt; version: string } | string> {
  if (Deno.args.includes("--no-ccxt")) return "left out by --no-ccxt";
  try {
    const { default: ccxt } = await import(CCXT);
    return { make: () => new ccxt.pro.binanceusdm({}) as Ccxt, version: String(ccxt.version) };
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0]! : String(error);
  }
}

const peer = await loadCcxt();
const rows: Row[] = [];
for (const set of [...recordedFrames(), ...await generatedFrames()]) {
  const ccxt = typeof peer === "string" ? null : ccxtOf(set.kind, peer.make);
  rows.push(...race(set, [
    ["poly-edge", ours(set.kind)],
    ["JSON.parse", parseOnly],
    ...(ccxt === null ? [] : [["ccxt", ccxt] as const]),
  ]));
}

const rate = (set: string, contender: string): number | null =>
  rows.find((row) => row.set === set && row.contender === contender)?.framesPerSecond ?? null;
const ratios = [...new Set(rows.map((row) => row.set))].map((set) => {
  const own = rate(set, "poly-edge")!;
  const ccxt = rate(set, "ccxt");
  return {
    set,
    ofJsonParse: own / rate(set, "JSON.parse")!,
    timesCcxt: ccxt === null ? null : own / ccxt,
  };
});

if (Deno.args.includes("--json")) {
  console.log(
    JSON.stringify({ rounds: ROUNDS, ccxt: typeof peer === "string" ? null : peer.version, rows, ratios }),
  );
} else {
  const count = (value: number | null) => (value === null ? "-" : value.toLocaleString("en-US")).padStart(11);
  console.log(`frames per second on one core, median of ${ROUNDS} rounds\n`);
  console.log(`${"frames".padEnd(26)}  poly-edge   JSON.parse        ccxt   of JSON.parse   times ccxt`);
  for (const { ofJsonParse, set, timesCcxt } of ratios) {
    const rates = ["poly-edge", "JSON.parse", "ccxt"].map((contender) => count(rate(set, contender)));
    const times = timesCcxt === null ? "-" : `${timesCcxt.toFixed(1)} x`;
    console.log(
      `${set.padEnd(24)}${rates.join("  ")}  ${ofJsonParse.toFixed(2).padStart(12)}  ${times.padStart(11)}`,
    );
  }
  for (const row of rows.filter((row) => row.understood < row.frames)) {
    console.log(`\n${row.contender} understood ${row.understood} of ${row.frames} frames of ${row.set}`);
  }
  console.log(
    typeof peer === "string"
      ? `\nccxt: not measured (${peer})`
      : `\nccxt ${peer.version}: handleMessage; for depth20, which it has no handler for, parseOrderBook. ` +
        "It knows no prediction market.",
  );
}
