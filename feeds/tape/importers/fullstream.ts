/**
 * JSONL logs of the 5-Min-Up-Down-Bot family (slimopump, 0xCyda, Brogawd876; MIT): top-five books of both tokens, Chainlink,
 * Binance and Coinbase prices, price to beat and resolution, once a second. slimopump names the market once (`slot`),
 * 0xCyda in every line.
 */
import type { FastVenue, MarketEvent } from "../../../core/events.ts";
import type { Asset } from "../../../core/market/instrument.ts";
import { type ParsedSlug, parseSlug } from "../../../core/market/window.ts";
import { MICRO, ms, PRICE_SCALE } from "../../../core/units.ts";
import type { Layout, PeekedFile } from "./layout.ts";
import { chainlinkPrice, openQuotes, type Row, type RowParser, type SkippedRow } from "./quote_recording.ts";
import type { Quote } from "./quotes.ts";

type Fields = Readonly<Record<string, unknown>>;

function parseObject(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Fields : null;
  } catch {
    return null;
  }
}

/** `[[0.52,124],...]` to flat levels; null when malformed. */
function levelsOf(value: unknown): number[] | null {
  if (!Array.isArray(value)) return null;
  const levels: number[] = [];
  for (const level of value as unknown[]) {
    if (!Array.isArray(level)) return null;
    const at: unknown = level[0];
    const size: unknown = level[1];
    if (typeof at !== "number" || typeof size !== "number" || !(size >= 0)) return null;
    const rounded = Math.round(at * PRICE_SCALE);
    const shares = Math.round(size * MICRO);
    if (!Number.isSafeInteger(shares) || Math.abs(at * PRICE_SCALE - rounded) > 1e-3) return null;
    if (rounded > 0 && rounded < PRICE_SCALE && shares > 0) levels.push(rounded, shares);
  }
  return levels;
}

/** A token's book; `undefined` when the recorder had none yet, null when malformed. */
function quoteOf(value: unknown): Quote | null | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== "object") return null;
  const bids = levelsOf((value as Fields)["bids"]);
  const asks = levelsOf((value as Fields)["asks"]);
  return bids === null || asks === null ? null : { bids, asks };
}

const positive = (value: unknown): number | null => typeof value === "number" && value > 0 ? value : null;

function pricesOf(fields: Fields, asset: Asset, at: number): MarketEvent[] {
  const prices: MarketEvent[] = [];
  const chainlink = positive(fields["assetPrice"]) ?? positive(fields["btcPrice"]);
  if (chainlink !== null) prices.push(chainlinkPrice(asset, chainlink, at));
  const venues: readonly (readonly [string, FastVenue])[] = [
    ["binancePrice", "binance-spot"],
    ["coinbasePrice", "coinbase"],
  ];
  for (const [name, venue] of venues) {
    const price = positive(fields[name]);
    if (price !== null) {
      prices.push({ type: "fastPrice", tExchange: ms(at), tReceive: ms(at), venue, asset, price });
    }
  }
  return prices;
}

/** Lines that carry nothing of the market: the clock, the author's own strategy and orders, the slot's frame. */
const OWN_LINES: readonly string[] = [
  "remaining",
  "strategy",
  "slot",
  "order",
  "position",
  "log",
  "info",
  "error",
];

function content(fields: Fields, slug: ParsedSlug, at: number): Partial<Row> | SkippedRow | null {
  switch (fields["type"]) {
    case "orderbook_snapshot": {
      const up = quoteOf(fields["up"]);
      const down = quoteOf(fields["down"]);
      if (up === null || down === null) return null;
      if (up === undefined && down === undefined) return { skip: "snapshot before the first book" };
      return { up: up ?? null, down: down ?? null };
    }
    case "ticker":
    case "btc_ticker":
      return { prices: pricesOf(fields, slug.asset, at) };
    case "market_price": {
      const value = positive(fields["priceToBeat"]) ?? positive(fields["openPrice"]);
      return value === null
        ? { skip: "price to beat not known yet" }
        : { strike: { value, exact: String(value), basis: "chainlink" } };
    }
    case "resolution": {
      const direction = fields["direction"];
      if (direction !== "UP" && direction !== "DOWN") return null;
      return { resolution: direction === "UP" ? "up" : "down" };
    }
    default: {
      const type = fields["type"];
      if (typeof type !== "string" || type === "") return null;
      // The author's bot logs under names of its own; which ones were passed over is told by name.
      return {
        skip: OWN_LINES.includes(type) ? "line without market data" : `line of type ${type.slice(0, 40)}`,
      };
    }
  }
}

function parser(): RowParser {
  let slot: ParsedSlug | null = null;
  let lastPrices = "";
  return (line) => {
    if (line.trim() === "") return undefined;
    const fields = parseObject(line);
    const at = fields?.["ts"];
    if (fields === null || typeof at !== "number" || !Number.isSafeInteger(at)) return null;
    const named = typeof fields["slug"] === "string" ? parseSlug(fields["slug"]) : null;
    if (named !== null) slot = named;
    if (slot === null) return { skip: "line before its market is named" };
    const found = content(fields, slot, at);
    if (found === null || "skip" in found) return found;
    if (found.prices !== undefined) {
      // Two windows recorded at once repeat the same ticker.
      const same = `${at}|${found.prices.map((p) => JSON.stringify(p)).join()}`;
      if (same === lastPrices) return { skip: "ticker repeated for the second window" };
      lastPrices = same;
    }
    const { asset, duration, startMs } = slot;
    return { asset, duration, startMs, tExchange: at, tReceive: at, up: null, down: null, ...found };
  };
}

const KINDS = ["orderbook_snapshot", "ticker", "btc_ticker", "market_price", "slot", "remaining"];

function matches(file: PeekedFile): boolean {
  return file.head.some((line) => {
    const fields = parseObject(line);
    return fields !== null && typeof fields["ts"] === "number" && KINDS.includes(String(fields["type"]));
  });
}

export const fullstream: Layout = {
  name: "fullstream",
  description:
    "top-five books of both tokens, Chainlink, Binance and Coinbase prices, price to beat, resolution, 1 Hz",
  expects:
    '{"ts":...,"type":"slot"|"orderbook_snapshot"|"ticker"|"btc_ticker"|"market_price"|"resolution",...}',
  matches,
  async open(_folder, files) {
    return await openQuotes({
      layout: "fullstream",
      source: "slimopump/5-Min-Up-Down-Bot and 0xCyda/polymarket-trade-engine logs",
      licence: "MIT",
      files,
      hasHeader: false,
      parser,
      listed: new Map(),
      absent: ["futures.trades", "futures.book", "oracle.twap60", "trades", "ids"],
      notes: [
        "assetPrice and btcPrice are the recorder's Chainlink price, stamped with its own clock.",
        "Orders and strategy lines of the author are left out.",
      ],
    });
  },
};
