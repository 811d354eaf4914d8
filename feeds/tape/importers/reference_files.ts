/** Recognises files that hold reference data: prices, outcomes, logs. They are listed and joined, never imported as books. */
import type { FastVenue } from "../../../core/events.ts";
import { type Asset, ASSETS } from "../../../core/market/instrument.ts";
import { columnsOf } from "./csv.ts";
import type { PeekedFile } from "./layout.ts";

export type ReferenceKind =
  | "bars"
  | "oracle"
  | "trades"
  | "outcomes"
  | "volatility"
  | "funding"
  | "quotes-history"
  | "raw-frames"
  | "kalshi"
  | "training-log"
  | "window-list"
  | "notes"
  | "other";

/** What a reference file offers. `join` says that the importer can lay it over a recording. */
export interface ReferenceFile {
  readonly file: PeekedFile;
  readonly kind: ReferenceKind;
  readonly offers: string;
  readonly join: {
    readonly asset: Asset;
    readonly venue: FastVenue | "chainlink";
    readonly timeColumn: string;
  } | null;
}

/** Asset by the tail of the path ("..._btcusdt_1m.csv", "binance_eth.csv"). */
function assetOf(file: PeekedFile): Asset | null {
  const name = file.name.toLowerCase();
  return ASSETS.find((a) => new RegExp(`(^|[^a-z])${a}(usdt?|[^a-z]|$)`).test(name)) ?? null;
}

/**
 * Venue of a candle file. The columns of exchanges look alike, so the name decides and the header confirms; Binance.US
 * is another market than Binance and has no name of its own here, so it is never joined.
 */
function barVenue(file: PeekedFile, columns: readonly string[]): FastVenue | null {
  const name = file.name.toLowerCase();
  if (/binance\.?us(?!dt)/.test(name)) return null;
  if (/bybit/.test(name) || columns.includes("turnover")) return "bybit";
  if (/futures|usdm|perp/.test(name)) return "binance-futures";
  if (/binance/.test(name)) return "binance-spot";
  if (/coinbase/.test(name)) return "coinbase";
  return null;
}

const TIME_COLUMNS = ["open_ts_ms", "open_time", "timestamp", "Timestamp"] as const;

function bars(file: PeekedFile, columns: readonly string[]): ReferenceFile | null {
  const lower = columns.map((c) => c.toLowerCase());
  const timeColumn = TIME_COLUMNS.find((c) => columns.includes(c));
  const hasCandle = lower.includes("open") && lower.includes("high") && lower.includes("close");
  const closeOnly = columns.length === 2 && columns[0] === "open_ts_ms" && columns[1] === "close";
  if (timeColumn === undefined || (!hasCandle && !closeOnly)) return null;
  const asset = assetOf(file);
  const venue = barVenue(file, columns);
  const join = asset === null || venue === null ? null : { asset, venue, timeColumn };
  const what = closeOnly ? "closes" : "candles";
  const offers = join === null
    ? `${what} of a market whose venue or asset the name does not tell (not joined)`
    : `${venue} ${asset} ${what}`;
  return { file, kind: "bars", offers, join };
}

interface Shape {
  readonly columns: readonly string[];
  readonly kind: ReferenceKind;
  readonly offers: string;
}

/** Tables told by columns; the first whose columns are all present wins. */
const TABLES: readonly Shape[] = [
  {
    columns: ["ticker", "created_time", "yes_price"],
    kind: "kalshi",
    offers: "public trades of Kalshi 15m windows",
  },
  { columns: ["dvol_close_pct"], kind: "volatility", offers: "Deribit volatility index, daily" },
  { columns: ["timestamp", "vol"], kind: "volatility", offers: "Deribit volatility index, one minute" },
  { columns: ["ts", "rate"], kind: "funding", offers: "funding rates of a perpetual, 8-hourly" },
  {
    columns: ["timestamp", "outcome", "up_price", "btc_open"],
    kind: "outcomes",
    offers: "outcomes of BTC 5m windows",
  },
  {
    columns: ["timestamp", "slug", "yes_price", "clob_token_id"],
    kind: "outcomes",
    offers: "outcomes by slug",
  },
  {
    columns: ["market_time", "slug", "poly_outcome"],
    kind: "outcomes",
    offers: "outcomes by slug with the Binance move before",
  },
  {
    columns: ["recorded_at", "slug", "yes_price", "no_price"],
    kind: "quotes-history",
    offers: "mid prices every half minute: no executable quotes",
  },
  {
    columns: ["window_start_s", "token_id", "ts_ms", "price"],
    kind: "quotes-history",
    offers: "one-minute prices of the Up token: no executable quotes",
  },
  { columns: ["recv_ns", "trade_us", "price", "is_sell"], kind: "trades", offers: "Binance spot trades" },
  {
    columns: ["recv_ns", "round_id", "price_usd"],
    kind: "oracle",
    offers: "on-chain Chainlink rounds, irregular",
  },
  { columns: ["Timestamp", "Price", "Volume"], kind: "trades", offers: "closes per second, a few minutes" },
  {
    columns: ["update_num", "policy_loss"],
    kind: "training-log",
    offers: "training log of an earlier system",
  },
  {
    columns: ["window_start_s", "outcome_inferred"],
    kind: "window-list",
    offers: "windows of the recording beside it",
  },
];

const JSON_SHAPES: readonly {
  readonly test: RegExp;
  readonly kind: ReferenceKind;
  readonly offers: string;
}[] = [
  { test: /^\d{16,19} \{"stream"/, kind: "raw-frames", offers: "raw Binance socket lines for codecs" },
  {
    test: /"up_mid":.*"winner":/,
    kind: "quotes-history",
    offers: "mid price shortly before the close and the winner: no executable quotes",
  },
  {
    test: /"winner":/,
    kind: "quotes-history",
    offers: "samples of windows with their winner: no continuous quotes",
  },
  { test: /"strike_value":.*"raw":/, kind: "outcomes", offers: "market metadata with strike and outcome" },
  { test: /^\[\{"conditionId":/, kind: "outcomes", offers: "market metadata (ids, tokens)" },
];

function oracle(file: PeekedFile, columns: readonly string[]): ReferenceFile | null {
  if (!columns.includes("feed_ts_ms") || !columns.includes("recv_ms")) return null;
  const asset = assetOf(file);
  const join = asset === null ? null : { asset, venue: "chainlink" as const, timeColumn: "recv_ms" };
  return { file, kind: "oracle", offers: `Chainlink ${asset ?? "?"}/usd, one price a second`, join };
}

/** Recognises a file; null when nothing is known of it. */
export function referenceFile(file: PeekedFile): ReferenceFile | null {
  const head = file.head[0] ?? "";
  if (/\.md$|^readme|^licen[sc]e/i.test(file.name)) {
    return { file, kind: "notes", offers: "text for people", join: null };
  }
  const json = JSON_SHAPES.find((s) => s.test.test(head));
  if (json !== undefined) return { file, kind: json.kind, offers: json.offers, join: null };
  const columns = columnsOf(file);
  const special = oracle(file, columns) ?? bars(file, columns);
  if (special !== null) return special;
  const table = TABLES.find((t) => t.columns.every((c) => columns.includes(c)));
  if (table !== undefined) return { file, kind: table.kind, offers: table.offers, join: null };
  // Panels derived from Kalshi trades have had changing columns; only their name is constant.
  return /kalshi/i.test(file.name)
    ? { file, kind: "kalshi", offers: "data of Kalshi 15m windows", join: null }
    : null;
}
