/**
 * Raw socket messages of jonahgrigoryan/polymarket-15m-arb-bot: one line per message with its source and receive time.
 * What our own codecs speak (CLOB market frames, Binance spot frames) stays raw and is decoded when the tape is read;
 * what is no frame of a feed of ours (REST books, the older Chainlink stream, Coinbase, Pyth) becomes events here.
 */
import type { BookEvent, FeedName, MarketEvent, OraclePriceEvent } from "../../../core/events.ts";
import { type Asset, ASSETS } from "../../../core/market/instrument.ts";
import { type ParsedSlug, parseSlug } from "../../../core/market/window.ts";
import { formatDecimal, type Ms, ms, price, PRICE_SCALE } from "../../../core/units.ts";
import type { TapeEntry } from "../format.ts";
import { lineBatches } from "../lines.ts";
import { reorder } from "../merge.ts";
import { recordedInstrument, SCHEDULE_NOTE, type WindowIdentity } from "./instruments.ts";
import {
  countSkipped,
  type ImportCounters,
  type ImportedWindow,
  type Layout,
  newCounters,
  type PeekedFile,
} from "./layout.ts";
import { recordedPrice, recordedSize } from "./quotes.ts";

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const assetOf = (text: unknown): Asset | undefined =>
  typeof text === "string" ? ASSETS.find((a) => text.toLowerCase().startsWith(a)) : undefined;

/** Feeds whose codec reads the frame as it is. */
const RAW_FEEDS: Readonly<Record<string, FeedName>> = {
  polymarket_clob: "polymarket.market",
  binance: "binance.spot",
};

function bookSide(value: unknown): number[] | null {
  if (!Array.isArray(value)) return null;
  const levels: number[] = [];
  for (const level of value as unknown[]) {
    if (!isObject(level) || typeof level["price"] !== "string" || typeof level["size"] !== "string") {
      return null;
    }
    const at = recordedPrice(level["price"]);
    const size = recordedSize(level["size"]);
    if (Number.isNaN(at) || Number.isNaN(size)) return null;
    if (at > 0 && at < PRICE_SCALE && size > 0) levels.push(at, size);
  }
  return levels;
}

/** A reply of the REST book endpoint, told from a socket frame by its missing `event_type`. */
function restBook(body: Fields, tReceive: Ms): BookEvent | null {
  const bids = bookSide(body["bids"]);
  const asks = bookSide(body["asks"]);
  const tExchange = Number(body["timestamp"]);
  const token = body["asset_id"];
  if (bids === null || asks === null || !Number.isSafeInteger(tExchange) || typeof token !== "string") {
    return null;
  }
  const tick = recordedPrice(String(body["tick_size"] ?? ""));
  const known = tick > 0 ? { tick: price(tick) } : {};
  return { type: "book", tExchange: ms(tExchange), tReceive, token, bids, asks, ...known };
}

/** 18 implied decimals to a plain decimal. */
function fromWei(text: string): string {
  const digits = text.padStart(19, "0");
  return `${digits.slice(0, -18)}.${digits.slice(-18)}`.replace(/0+$/, "").replace(/\.$/, "");
}

function oracle(
  asset: Asset,
  at: number,
  tReceive: Ms,
  exact: string,
  provider: "chainlink" | "pyth",
): OraclePriceEvent {
  const value = Number(exact);
  return { type: "oraclePrice", tExchange: ms(at), tReceive, asset, kind: "spot", provider, value, exact };
}

/**
 * A message of the older Chainlink stream: an update, or a subscription's backlog (`payload.data`). The backlog names no
 * symbol, so only the update is used.
 */
function chainlinkUpdate(body: Fields, tReceive: Ms): MarketEvent[] | null {
  const payload = body["payload"];
  if (!isObject(payload)) return null;
  const asset = assetOf(payload["symbol"]);
  const at = payload["timestamp"];
  const value = payload["value"];
  if (asset === undefined || typeof at !== "number" || typeof value !== "number") {
    return Array.isArray(payload["data"]) ? [] : null;
  }
  const full = payload["full_accuracy_value"];
  const exact = typeof full === "string" && /^\d+$/.test(full) ? fromWei(full) : String(value);
  return [oracle(asset, at, tReceive, exact, "chainlink")];
}

function coinbaseTicker(body: Fields, tReceive: Ms): MarketEvent[] | null {
  if (body["type"] !== "ticker") return body["type"] === "subscriptions" ? [] : null;
  const asset = assetOf(body["product_id"]);
  const value = Number(body["price"]);
  const at = Date.parse(String(body["time"]));
  if (asset === undefined || !(value > 0) || Number.isNaN(at)) return null;
  return [{ type: "fastPrice", tExchange: ms(at), tReceive, venue: "coinbase", asset, price: value }];
}

/** Price feed ids of Pyth (Hermes), as recorded. */
const PYTH_IDS: Readonly<Record<string, Asset>> = {
  e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43: "btc",
  ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace: "eth",
  ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d: "sol",
};

function pythPrices(body: Fields, tReceive: Ms): MarketEvent[] | null {
  if (!Array.isArray(body["parsed"])) return null;
  const events: MarketEvent[] = [];
  for (const entry of body["parsed"] as unknown[]) {
    const quote = isObject(entry) ? entry["price"] : undefined;
    const asset = isObject(entry) ? PYTH_IDS[String(entry["id"])] : undefined;
    if (!isObject(quote) || asset === undefined) continue;
    const digits = Number(quote["price"]);
    const exponent = Number(quote["expo"]);
    const at = Number(quote["publish_time"]) * 1000;
    if (!Number.isSafeInteger(digits) || digits <= 0 || !(exponent <= 0) || !Number.isSafeInteger(at)) {
      return null;
    }
    events.push(oracle(asset, at, tReceive, formatDecimal(digits, -exponent), "pyth"));
  }
  return events;
}

function decodeMessage(source: string, payload: string, tReceive: Ms): readonly TapeEntry[] | null {
  const body = parseJson(payload);
  if (source === "polymarket_clob" && isObject(body) && body["event_type"] === undefined && "bids" in body) {
    const book = restBook(body, tReceive);
    return book === null ? null : [book];
  }
  const feed = RAW_FEEDS[source];
  if (feed !== undefined) return [{ feed, tReceive, raw: payload }];
  if (!isObject(body)) return null;
  if (source === "polymarket_rtds_chainlink") return chainlinkUpdate(body, tReceive);
  if (source === "coinbase") return coinbaseTicker(body, tReceive);
  if (source === "pyth_proxy") return pythPrices(body, tReceive);
  return null;
}

interface Message {
  readonly source: string;
  readonly payload: string;
  readonly at: number;
}

function parseMessage(line: string): Message | null {
  const value = parseJson(line);
  if (!isObject(value)) return null;
  const source = value["source"];
  const payload = value["payload"];
  const at = value["recv_wall_ts"];
  if (typeof source !== "string" || typeof payload !== "string" || typeof at !== "number") return null;
  return Number.isSafeInteger(at) ? { source, payload: payload.trim(), at } : null;
}

async function* readMessages(file: PeekedFile, counters: ImportCounters): AsyncGenerator<TapeEntry[]> {
  for await (const lines of lineBatches(file.path)) {
    const out: TapeEntry[] = [];
    for (const line of lines) {
      if (line === "") continue;
      counters.rows++;
      const message = parseMessage(line);
      const entries = message === null
        ? null
        : decodeMessage(message.source, message.payload, ms(message.at));
      if (entries === null) counters.unrecognised++;
      else if (entries.length === 0) countSkipped(counters, `${message?.source} message without a price`);
      else out.push(...entries);
    }
    if (out.length > 0) yield out;
  }
}

interface Market {
  readonly slug: ParsedSlug;
  readonly identity: WindowIdentity;
}

function parseMarket(line: string): Market | null {
  const value = parseJson(line);
  if (!isObject(value)) return null;
  const slug = parseSlug(String(value["slug"]));
  const conditionId = value["condition_id"];
  const outcomes = value["outcomes"];
  if (slug === null || typeof conditionId !== "string" || !Array.isArray(outcomes)) return null;
  const token = (name: string): string | null => {
    const found = (outcomes as unknown[]).find((o) => isObject(o) && o["outcome"] === name);
    return isObject(found) && typeof found["token_id"] === "string" ? found["token_id"] : null;
  };
  const upToken = token("Up");
  const downToken = token("Down");
  if (upToken === null || downToken === null) return null;
  return { slug, identity: { conditionId, upToken, downToken } };
}

interface Session {
  firstMs: number;
  lastMs: number;
  readonly sources: Record<string, number>;
}

/** First pass: when the session ran and how many messages each source sent. */
async function surveySession(file: PeekedFile): Promise<Session> {
  const session: Session = { firstMs: Infinity, lastMs: -Infinity, sources: {} };
  for await (const lines of lineBatches(file.path)) {
    for (const line of lines) {
      const message = parseMessage(line);
      if (message === null) continue;
      session.firstMs = Math.min(session.firstMs, message.at);
      session.lastMs = Math.max(session.lastMs, message.at);
      session.sources[message.source] = (session.sources[message.source] ?? 0) + 1;
    }
  }
  return session;
}

const isMessages = (file: PeekedFile): boolean => /^\{"run_id":.*"recv_wall_ts":\d+/.test(file.head[0] ?? "");
const isMarkets = (file: PeekedFile): boolean => {
  const head = file.head[0] ?? "";
  return /^\{"market_id":/.test(head) && /"condition_id":/.test(head) && /"outcomes":/.test(head);
};
/** Files of one session share the name up to the first extension. */
const sessionOf = (file: PeekedFile): string => file.name.replace(/\.(markets|raw_messages)\..*$/, "");

async function marketsOf(file: PeekedFile, session: Session): Promise<ImportedWindow[]> {
  const windows: ImportedWindow[] = [];
  for await (const lines of lineBatches(file.path)) {
    for (const line of lines) {
      const market = parseMarket(line);
      if (market === null) continue;
      const { asset, duration, startMs } = market.slug;
      windows.push({
        instrument: recordedInstrument({ asset, duration, startMs, identity: market.identity }),
        outcome: null,
        outcomeSource: null,
        complete: false,
        firstMs: ms(session.firstMs),
        lastMs: ms(session.lastMs),
        strike: null,
        referenceOpen: null,
        resolvedInStream: false,
      });
    }
  }
  return windows;
}

export const jonah: Layout = {
  name: "jonahgrigoryan",
  description: "raw socket messages: CLOB, Binance spot, Chainlink, Coinbase, Pyth",
  expects: '{"run_id":...,"source":...,"recv_wall_ts":...,"payload":"..."} with a .markets.jsonl beside it',
  matches: (file) => isMessages(file) || isMarkets(file),
  async open(_folder, files) {
    const counters = newCounters();
    const windows: ImportedWindow[] = [];
    const sources: Record<string, number> = {};
    const messages = files.filter(isMessages);
    for (const file of messages) {
      const session = await surveySession(file);
      for (const [name, n] of Object.entries(session.sources)) sources[name] = (sources[name] ?? 0) + n;
      const markets = files.find((f) => isMarkets(f) && sessionOf(f) === sessionOf(file));
      if (markets !== undefined) windows.push(...await marketsOf(markets, session));
    }
    const late = () => countSkipped(counters, "message out of order");
    const told = Object.entries(sources).map(([name, n]) => `${name} ${n}`).join(", ");
    return {
      layout: "jonahgrigoryan",
      source: "jonahgrigoryan/polymarket-15m-arb-bot, raw socket messages",
      licence: "none stated",
      assets: [...new Set(windows.map((w) => w.instrument.asset))].sort(),
      durations: [...new Set(windows.map((w) => w.instrument.duration))].sort(),
      windows,
      absent: ["futures.trades", "futures.book", "oracle.twap60", "outcomes"],
      notes: [
        `Messages by source: ${told}.`,
        "Most sessions subscribed to windows that start hours later; they exercise codecs, not strategies.",
        "CLOB and Binance frames are kept raw; REST books, Chainlink, Coinbase and Pyth messages were decoded on import.",
        SCHEDULE_NOTE,
      ],
      counters,
      streams: messages.map((file) => reorder(readMessages(file, counters), 256, late)),
    };
  },
};
