/** Recordings of both tokens' best prices in one row: borisz42, lukaszbalowski, thevalerka, kilyaaan. */
import type { FastPriceEvent, MarketEvent } from "../../../core/events.ts";
import { parseSlug } from "../../../core/market/window.ts";
import { formatShares, type Ms, ms, shares } from "../../../core/units.ts";
import { columnsOf, hasColumns, splitRow } from "./csv.ts";
import type { WindowIdentity } from "./instruments.ts";
import type { Layout, PeekedFile, RecordedStrike } from "./layout.ts";
import { openQuotes, type RowParser, windowKey } from "./quote_recording.ts";
import { oneLevelQuote, recordedSize } from "./quotes.ts";
import { listedWindows } from "./windows_list.ts";

const FIVE = 300_000;
const FIFTEEN = 900_000;
const ABSENT = [
  "fast.ticks",
  "futures.trades",
  "futures.book",
  "oracle.spot",
  "oracle.twap60",
  "trades",
  "ids",
];

type Field = (fields: readonly string[], name: string) => string;

/** Access by column name, so that added or moved columns do no harm. A row shorter or longer than the header is bad. */
function fieldsOf(file: PeekedFile): { readonly width: number; readonly get: Field } {
  const index = new Map(columnsOf(file).map((name, i) => [name, i]));
  return { width: index.size, get: (fields, name) => fields[index.get(name) ?? -1] ?? "" };
}

const assumedNote = (size: number): string =>
  `The recording has no sizes: every best price is assumed to be good for ${
    formatShares(shares(size))
  } shares.`;

function spotPrice(at: number, value: number): FastPriceEvent {
  const t: Ms = ms(at);
  return { type: "fastPrice", tExchange: t, tReceive: t, venue: "binance-spot", asset: "btc", price: value };
}

function boriszParser(file: PeekedFile): RowParser {
  const { width, get } = fieldsOf(file);
  return (line) => {
    if (line === "") return undefined;
    const f = splitRow(line);
    const startMs = Number(get(f, "window_start_s")) * 1000;
    const t = Number(get(f, "ts_s")) * 1000;
    if (f.length !== width || !(startMs > 0) || startMs % FIFTEEN !== 0 || !(t > 0)) return null;
    const quote = (token: string) =>
      oneLevelQuote(
        get(f, `${token}_bid`),
        recordedSize(get(f, `${token}_bid_size5`)),
        get(f, `${token}_ask`),
        recordedSize(get(f, `${token}_ask_size5`)),
      );
    const up = quote("up");
    const down = quote("down");
    if (up === null || down === null) return null;
    return { asset: "btc", duration: "15m", startMs, tExchange: t + 1000, tReceive: t + 1000, up, down };
  };
}

export const borisz: Layout = {
  name: "borisz42",
  description: "BTC 15m, both tokens' best prices with the size of five levels, 1 Hz",
  expects: "ts_s,window_start_s,window_end_s,up_bid,up_ask,up_bid_size5,up_ask_size5,down_bid,...",
  matches: (file) => hasColumns(file, "ts_s", "window_start_s", "up_bid", "up_bid_size5", "down_ask_size5"),
  async open(_folder, files) {
    return await openQuotes({
      layout: "borisz42",
      source: "Borisz42/PolymarketAnalyst, BTC 15m quotes",
      licence: "MIT by its README",
      files,
      hasHeader: true,
      parser: boriszParser,
      listed: await listedWindows(files, "15m"),
      absent: ["depth", ...ABSENT],
      notes: [
        "A book has one level: the best price with the summed size of the top five levels.",
        "Rows are stamped with the second in which the request began; events are stamped and received one second later, so that " +
        "nothing is known before it was answered.",
        "The two tokens were asked for one after the other, so their books are not exact mirrors.",
      ],
    });
  },
};

function valerkaParser(file: PeekedFile, size: number): RowParser {
  const { width, get } = fieldsOf(file);
  return (line) => {
    if (line === "") return undefined;
    const f = splitRow(line);
    const startMs = Number(get(f, "window_start_s")) * 1000;
    const t = Number(get(f, "ts_ms"));
    if (f.length !== width || !(startMs > 0) || startMs % FIFTEEN !== 0 || !(t > 0)) return null;
    if (get(f, "stale") === "1") return { skip: "stale row of the previous market" };
    const up = oneLevelQuote(get(f, "up_bid"), size, get(f, "up_ask"), size);
    const down = oneLevelQuote(get(f, "down_bid"), size, get(f, "down_ask"), size);
    if (up === null || down === null) return null;
    return { asset: "btc", duration: "15m", startMs, tExchange: t, tReceive: t, up, down };
  };
}

export const valerka: Layout = {
  name: "thevalerka",
  description: "BTC 15m, both tokens' best prices, 1 Hz",
  expects: "ts_ms,window_start_s,up_bid,up_ask,down_bid,down_ask,stale",
  matches: (file) =>
    hasColumns(file, "ts_ms", "window_start_s", "up_bid", "down_ask", "stale") &&
    !hasColumns(file, "price_to_beat"),
  async open(_folder, files, options) {
    return await openQuotes({
      layout: "thevalerka",
      source: "thevalerka/PolyMarket_15MIN_Bot_Collection, BTC 15m quotes",
      licence: "none stated",
      files,
      hasHeader: true,
      parser: (file) => valerkaParser(file, options.assumeSize),
      listed: await listedWindows(files, "15m"),
      absent: ["book.size", "depth", ...ABSENT],
      notes: [assumedNote(options.assumeSize)],
    });
  },
};

/** The author subtracted this constant from the Binance spot ticker before logging it. */
const LUKASZ_ADJUSTMENT = 35;
/**
 * `price_to_beat` starts as a guess from Binance (about $30 too high) and is replaced once by the web page's value, 36 to
 * 170 s into the window. What can be known without looking ahead: after the first change the value is the page's; a value
 * that has stood still for 180 s since the window's first row will not be replaced any more, so it is the page's as well
 * (seen where the recorder joined a running window).
 */
const LUKASZ_SETTLED_MS = 180_000;

interface GuessState {
  readonly first: string;
  readonly sinceMs: number;
  changed: boolean;
}

function lukaszStrike(
  states: Map<number, GuessState>,
  start: number,
  at: number,
  text: string,
): RecordedStrike | null {
  if (!(Number(text) > 0)) return null;
  const state = states.get(start);
  if (state === undefined) {
    states.set(start, { first: text, sinceMs: at, changed: false });
    return null;
  }
  if (text !== state.first) state.changed = true;
  if (!state.changed && at - state.sinceMs < LUKASZ_SETTLED_MS) return null;
  return { value: Number(text), exact: text, basis: "chainlink" };
}

/** Rows do not say the window's length (a start on the 15m grid fits both); the file's name does. */
function lukaszDuration(file: PeekedFile): "5m" | "15m" {
  return /15m/.test(file.name) ? "15m" : "5m";
}

function lukaszParser(file: PeekedFile, size: number): RowParser {
  const { width, get } = fieldsOf(file);
  const duration = lukaszDuration(file);
  const length = duration === "15m" ? FIFTEEN : FIVE;
  const guesses = new Map<number, GuessState>();
  return (line) => {
    if (line === "") return undefined;
    const f = splitRow(line);
    const startMs = Number(get(f, "window_start_s")) * 1000;
    const t = Number(get(f, "ts_ms"));
    if (f.length !== width || !(startMs > 0) || startMs % length !== 0 || !(t > 0)) return null;
    if (get(f, "spill") === "1") return { skip: "row after the window's expiry" };
    const up = oneLevelQuote(get(f, "up_bid"), size, get(f, "up_ask"), size);
    const down = oneLevelQuote(get(f, "down_bid"), size, get(f, "down_ask"), size);
    if (up === null || down === null) return null;
    const strike = lukaszStrike(guesses, startMs, t, get(f, "price_to_beat"));
    const btc = Number(get(f, "btc_adjusted"));
    const prices: MarketEvent[] = btc > 0
      ? [spotPrice(t, Math.round((btc + LUKASZ_ADJUSTMENT) * 100) / 100)]
      : [];
    return {
      asset: "btc",
      duration,
      startMs,
      tExchange: t,
      tReceive: t,
      up,
      down,
      prices,
      ...(strike === null ? {} : { strike }),
    };
  };
}

export const lukasz: Layout = {
  name: "lukaszbalowski",
  description: "BTC 5m and 15m at once, both tokens' best prices, price to beat and Binance price, every 2 s",
  expects: "ts_ms,market_id,window_start_s,up_ask,up_bid,down_ask,down_bid,price_to_beat,btc_adjusted,spill",
  matches: (file) => hasColumns(file, "ts_ms", "window_start_s", "up_bid", "price_to_beat", "btc_adjusted"),
  async open(_folder, files, options) {
    return await openQuotes({
      layout: "lukaszbalowski",
      source: "lukaszbalowski/ai-trader-bot, BTC 5m and 15m quotes",
      licence: "none stated",
      files,
      hasHeader: true,
      parser: (file) => lukaszParser(file, options.assumeSize),
      listed: await listedWindows(files, "5m"),
      absent: ["book.size", "depth", ...ABSENT],
      notes: [
        assumedNote(options.assumeSize),
        "btc_adjusted is the Binance spot ticker minus 35 dollars; 35 was added back.",
        "The price to beat is emitted when the recorder's first guess has been replaced by the venue's value, 36 to 170 s " +
        "into the window.",
        "Quotes at or below 0.005 and at or above 0.995 were logged as 0: no quote.",
      ],
    });
  },
};

function kilyaaanParser(file: PeekedFile, ids: Map<string, WindowIdentity>): RowParser {
  const { width, get } = fieldsOf(file);
  return (line) => {
    if (line === "") return undefined;
    const f = splitRow(line);
    const slug = parseSlug(get(f, "market_slug"));
    const t = Number(get(f, "ts_ms"));
    if (f.length !== width || slug === null || !(t > 0)) return null;
    const quote = (token: string) =>
      oneLevelQuote(
        get(f, `bid_${token}`),
        recordedSize(get(f, `bid_depth_${token}`)),
        get(f, `ask_${token}`),
        recordedSize(get(f, `ask_depth_${token}`)),
      );
    const up = quote("up");
    const down = quote("down");
    if (up === null || down === null) return null;
    const key = windowKey(slug.asset, slug.duration, slug.startMs);
    if (!ids.has(key)) {
      ids.set(key, {
        conditionId: get(f, "condition_id"),
        upToken: get(f, "token_id_up"),
        downToken: get(f, "token_id_down"),
      });
    }
    const btc = Number(get(f, "btc_price"));
    const prices = btc > 0 ? [{ ...spotPrice(t, btc), asset: slug.asset }] : [];
    const { asset, duration, startMs } = slug;
    return { asset, duration, startMs, tExchange: t, tReceive: t, up, down, prices };
  };
}

export const kilyaaan: Layout = {
  name: "kilyaaan",
  description: "BTC 5m, both tokens' best prices with depth and the BTC price, every 2.3 s",
  expects:
    "ts_ms,market_slug,condition_id,token_id_up,token_id_down,bid_up,ask_up,...,bid_depth_up,...,btc_price",
  matches: (file) =>
    hasColumns(file, "ts_ms", "market_slug", "token_id_up", "bid_up", "bid_depth_up", "btc_price"),
  async open(_folder, files) {
    const identities = new Map<string, WindowIdentity>();
    return await openQuotes({
      layout: "kilyaaan",
      source: "kilyaaan/polymarket-bot, BTC 5m quotes",
      licence: "none stated",
      files,
      hasHeader: true,
      parser: (file) => kilyaaanParser(file, identities),
      listed: new Map(),
      identities,
      absent: ["depth", ...ABSENT.filter((a) => a !== "ids")],
      notes: [
        "A book has one level: the best price with the recorded depth of that side, whose extent the author does not state.",
        "btc_price follows the Binance spot minute closes and is taken as Binance spot.",
      ],
    });
  },
};
