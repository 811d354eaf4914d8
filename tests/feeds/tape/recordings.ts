/** A few rows in each recorder's columns, and the folders they live in. */
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import type { MarketEvent } from "../../../core/events.ts";
import { isRawFrame, type RawFrame } from "../../../feeds/tape/format.ts";
import { type ImportOptions, importRecording, type ImportSummary } from "../../../feeds/tape/import.ts";
import { openTape } from "../../../feeds/tape/reader.ts";

/** Content of a folder: names ending in .gz are compressed. */
export type Files = Readonly<Record<string, string>>;

export async function withFolder<T>(run: (root: string) => Promise<T>): Promise<T> {
  const root = await Deno.makeTempDir({ prefix: "poly-edge-tape-" });
  try {
    return await run(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

export async function writeFolder(folder: string, files: Files): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const bytes = new TextEncoder().encode(text);
    await Deno.writeFile(join(folder, name), name.endsWith(".gz") ? gzipSync(bytes) : bytes);
  }
}

export interface Imported {
  readonly summary: ImportSummary;
  readonly events: MarketEvent[];
  readonly frames: RawFrame[];
}

/** Imports one recording (with neighbours as references) and reads the tape back. */
export function importFiles(
  files: Files,
  options: Partial<ImportOptions> & {
    readonly references?: never;
    readonly neighbours?: Readonly<Record<string, Files>>;
  } = {},
): Promise<Imported> {
  return withFolder(async (root) => {
    const { neighbours, ...rest } = options;
    for (const [name, content] of Object.entries(neighbours ?? {})) {
      await writeFolder(join(root, name), content);
    }
    await writeFolder(join(root, "recording"), files);
    const out = join(root, "tapes", "one");
    const summary = await importRecording(join(root, "recording"), { ...rest, out });
    const events: MarketEvent[] = [];
    const frames: RawFrame[] = [];
    const tape = await openTape(out);
    for await (const batch of tape.entries()) {
      for (const entry of batch) {
        if (isRawFrame(entry)) frames.push(entry);
        else events.push(entry);
      }
    }
    return { summary, events, frames };
  });
}

export const ofType = <K extends MarketEvent["type"]>(
  events: readonly MarketEvent[],
  type: K,
): Extract<MarketEvent, { type: K }>[] =>
  events.filter((e): e is Extract<MarketEvent, { type: K }> => e.type === type);

/** 2026-04-13 12:00 UTC, a 5m and 15m boundary. */
export const START_S = 1776081600;
export const START = START_S * 1000;

const CRONOS_LIST_HEAD =
  "slug,window_start_s,utc,condition_id,token_A,token_B,token_A_side,orientation_evidence,n_snap_A,n_snap_B,first_off_s," +
  "last_off_s,max_gap_s,last_A_bid,last_A_ask,outcome_inferred,up_mid_60,up_mid_150,up_mid_240,complete,bybit_perp_open," +
  "bybit_perp_close,binance_spot_open,binance_spot_close";

export const CRONOS: Files = {
  "books-2026-04-13.csv.gz": [
    "window_start_s,exch_ts_ms,recv_ms,token,bids_top10,asks_top10",
    `${START_S},${START + 1020},${START + 1000},A,0.49:1355.05|0.48:414.52,0.5:685.03|0.51:87.190000001`,
    `${START_S},${START + 1020},${START + 1000},B,0.5:685.03,0.51:1355.05`,
    `${START_S},${START + 2120},${START + 2100},A,0.49:10,0.5:20`,
    `${START_S},${START + 2030},${START + 2090},A,0.48:10,0.5:20`, // 10 ms before the row above it
    `${START_S},${START + 3020},${START + 3000},A,0.51:10,0.5:20`, // crossed
    `${START_S},${START + 4020},${START + 4000},A,0.991:7,`,
    `${START_S},${START + 5020},${START + 5000},A,0.992:7,1.0:5`,
    `${START_S},what,is,this,row`,
    `${START_S},${START + 299_020},${START + 299_000},A,0.99:7,`,
    `${START_S + 300},${START + 301_020},${START + 301_000},A,0.3:7,0.31:8`,
    "",
  ].join("\n"),
  "windows.csv": [
    CRONOS_LIST_HEAD,
    `btc-updown-5m-${START_S},${START_S},x,0xaa,111,222,DOWN,strong,5,1,1,299,2,0.99,,DOWN,,,,True,70889.0,1,70929.68,2`,
    `btc-updown-5m-${START_S + 300},${
      START_S + 300
    },x,0xbb,333,444,UP,strong,1,0,1,1,0,,,unclear,,,,False,7,1,,2`,
    "",
  ].join("\n"),
};

export const BORISZ: Files = {
  "btc15m-quotes-2025-12-26.csv.gz": [
    "ts_s,window_start_s,window_end_s,up_bid,up_ask,up_bid_size5,up_ask_size5,down_bid,down_ask,down_bid_size5,down_ask_size5",
    `${START_S + 1},${START_S},${START_S + 900},0.49,0.5,6151.04,4386.31,0.5,0.51,4296.39,3898.01`,
    `${START_S + 899},${START_S},${START_S + 900},0.99,0.0,2099.0,0.0,0.0,0.02,0.0,2965.75`,
    `${START_S + 899},${START_S},${START_S + 900},0.99`,
    "",
  ].join("\n"),
};

const LUKASZ_HEAD =
  "ts_ms,market_id,window_start_s,up_ask,up_bid,down_ask,down_bid,price_to_beat,btc_adjusted,spill";
const lukasz = (offset: number, ptb: string, spill = 0): string =>
  `${START + offset},1,${START_S},0.49,0.48,0.52,0.51,${ptb},68552.22,${spill}`;
export const LUKASZ: Files = {
  "btc5m-quotes-2026-02-16_17.csv.gz": [
    LUKASZ_HEAD,
    lukasz(5000, "68658.98"),
    lukasz(35_000, "68658.98"),
    lukasz(38_000, "68635.17"),
    lukasz(40_000, "68635.17"),
    lukasz(300_500, "68635.17", 1),
    "",
  ].join("\n"),
  "btc15m-quotes-2026-02-16_17.csv.gz": [
    LUKASZ_HEAD,
    lukasz(69_000, "68563.11"),
    lukasz(200_000, "68563.11"),
    lukasz(250_000, "68563.11"),
    "",
  ].join("\n"),
  "windows.csv": [
    "timeframe,market_id,window_start_s,rows,first_off_s,last_off_s,max_gap_s,complete,price_to_beat,outcome_inferred," +
    "bybit_perp_open,bybit_perp_close",
    `15m,1,${START_S},3,69,250,100,False,68563.11,UP,68559.0,68705.2`,
    `5m,1,${START_S},4,5,40,30,True,68635.17,DOWN,68559.0,68705.2`,
    "",
  ].join("\n"),
};

export const VALERKA: Files = {
  "btc15m-quotes-2026-02-02.csv.gz": [
    "ts_ms,window_start_s,up_bid,up_ask,down_bid,down_ask,stale",
    `${START + 100},${START_S},0.31,0.32,0.68,0.69,1`,
    `${START + 839},${START_S},0.31,0.32,0.68,0.69,0`,
    `${START + 1839},${START_S},0.0,0.005,0.99,1.0,0`,
    "",
  ].join("\n"),
};

export const KILYAAAN: Files = {
  "btc5m-quotes-2026-04-18.csv.gz": [
    "ts_ms,market_slug,condition_id,token_id_up,token_id_down,bid_up,ask_up,mid_up,bid_depth_up,ask_depth_up,spread_up," +
    "bid_down,ask_down,mid_down,bid_depth_down,ask_depth_down,spread_down,btc_price,time_remaining_s,market_start_ts,market_end_ts",
    `${
      START + 45_400
    },btc-updown-5m-${START_S},0xcc,21,10,0.49,0.5,0.495,972.23,470.98,0.01,0.5,0.51,0.505,414.66,` +
    `1132.17,0.01,77187.24,254.6,${START_S}.0,${START_S + 300}.0`,
    "",
  ].join("\n"),
};

export const SELLERSJA: Files = {
  "candle_v3_20260413_1200.csv.gz": [
    "timestamp_utc,ms_since_candle_start,event_type,asset,side,up_bid,up_ask,up_mid,dn_bid,dn_ask,dn_mid,entry_log_ask," +
    "entry_log_mid,entry_mv_pct",
    "12:00:02.893,2893,TICK,ETH,Up,0.5100,0.5500,0.5300,,,,,,",
    "12:00:02.896,2896,TICK,ETH,Down,0.5100,0.5500,0.5300,0.4500,0.4900,0.4700,,,",
    "12:00:15.949,15949,ENTRY_DRY_V3,ETH,Down,,,,,,,0.52,0.515,-0.03",
    "12:00:16.000,16000,TICK,BTC,Up,0.0010,0.0100,0.0055,0.9900,0.9990,0.9945,,,",
    "12:05:01.000,301000,TICK,BTC,Up,0.5,0.51,0.505,,,,,,",
    "18:00:16.000,17000,TICK,BTC,Up,0.5,0.51,0.505,,,,,,", // another hour than its candle
    "",
  ].join("\n"),
};

const json = (value: unknown): string => JSON.stringify(value);
const SNAPSHOT = {
  type: "orderbook_snapshot",
  up: { bids: [[0.52, 124], [0.51, 148]], asks: [[0.53, 366.11]] },
  down: { bids: [[0.47, 366.11]], asks: [[0.48, 124]] },
};
export const FULLSTREAM: Files = {
  "slim-orderbook.log.gz": [
    json({ ts: START - 5000, type: "slot", action: "start", slug: `btc-updown-5m-${START_S}` }),
    "",
    json({ ts: START - 5000, type: "orderbook_snapshot", up: null, down: null }),
    json({ ts: START - 4000, ...SNAPSHOT }),
    json({
      ts: START - 4000,
      type: "ticker",
      assetPrice: 77638.28888,
      binancePrice: 77614.98,
      coinbasePrice: 77646.31,
    }),
    json({ ts: START + 15_000, type: "market_price", openPrice: 77643.36752, priceToBeat: 77643.36752 }),
    json({
      ts: START + 299_000,
      type: "orderbook_snapshot",
      up: { bids: [[0.99, 5]], asks: [] },
      down: { bids: [], asks: [] },
    }),
    json({ ts: START + 370_000, type: "resolution", direction: "UP" }),
    json({ ts: START + 370_000, type: "mystery" }),
    '{"ts":',
    "",
  ].join("\n"),
  "cyda.jsonl.gz": [
    json({
      ts: START + 86_400_425,
      slug: `btc-updown-5m-${START_S + 86_400}`,
      type: "remaining",
      seconds: 71,
    }),
    json({
      ts: START + 86_400_425,
      slug: `btc-updown-5m-${START_S + 86_400}`,
      type: "btc_ticker",
      btcPrice: 75690.26196,
      coinbasePrice: 75702.81,
    }),
    json({ ts: START + 86_400_430, slug: `btc-updown-5m-${START_S + 86_400}`, ...SNAPSHOT }),
    "",
  ].join("\n"),
};

const message = (source: string, at: number, payload: unknown): string =>
  json({
    run_id: "r",
    source,
    recv_wall_ts: START + at,
    recv_mono_ns: 1,
    ingest_seq: at,
    payload: json(payload),
  });
export const JONAH: Files = {
  "r.markets.jsonl.gz": `${
    json({
      market_id: "1",
      slug: `btc-updown-15m-${START_S}`,
      condition_id: "0xdd",
      outcomes: [{ token_id: "85", outcome: "Up" }, { token_id: "72", outcome: "Down" }],
    })
  }\n`,
  "r.raw_messages.jsonl.gz": [
    message("polymarket_clob", 10, {
      market: "0xdd",
      asset_id: "85",
      timestamp: String(START),
      bids: [{ price: "0.01", size: "424.06" }],
      asks: [{ price: "0.99", size: "1" }],
      tick_size: "0.01",
    }),
    message("polymarket_clob", 20, { event_type: "price_change", market: "0xdd", price_changes: [] }),
    message("binance", 30, { stream: "btcusdt@trade", data: { e: "trade" } }),
    message("coinbase", 40, { type: "subscriptions" }),
    message("coinbase", 50, {
      type: "ticker",
      product_id: "SOL-USD",
      price: "84.16",
      time: "2026-04-13T12:00:00.010Z",
    }),
    message("polymarket_rtds_chainlink", 60, {
      payload: {
        full_accuracy_value: "76568780000000000000000",
        symbol: "btc/usd",
        timestamp: START,
        value: 76568.78,
      },
      topic: "crypto_prices_chainlink",
      type: "update",
    }),
    message("something_new", 70, {}),
    "",
  ].join("\n"),
};

/** One-minute candles from `fromS`, priced 100, 101, ... */
export const minuteBars = (fromS: number, count: number): Files => ({
  "binance_spot_btcusdt_1m.csv.gz": [
    "open_ts_ms,open,high,low,close,volume",
    ...Array.from(
      { length: count },
      (_, i) => `${(fromS + i * 60) * 1000},${100 + i},${102 + i},${99 + i},${101 + i},1.5`,
    ),
    "",
  ].join("\n"),
});

/** Five-minute perpetual candles. */
export const fiveMinuteBars = (fromS: number, count: number): Files => ({
  "bybit_linear_btcusdt_5m.csv.gz": [
    "open_ts_ms,open,high,low,close,volume",
    ...Array.from({ length: count }, (_, i) => `${(fromS + i * 300) * 1000},200,202,199,201,1`),
    "",
  ].join("\n"),
});
