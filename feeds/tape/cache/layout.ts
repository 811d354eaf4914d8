/**
 * How an event cache is laid out on disk. A cache is a tape compiled once: blocks of columns, little endian, each with a
 * checksum, then a footer that names what it was made from. `docs/tape.md` describes it for people.
 *
 * A block holds up to `BLOCK_EVENTS` events. Per event there are five columns (type, flags, receive time, exchange time,
 * token or venue); what else an event says stands in pools that are read from front to back, so no offsets are kept:
 * prices as 16-bit integers, sizes scaled to 32 bits where the block allows it, doubles for the fast markets, and JSON
 * text for what is rare (windows, strikes, resolutions) or does not fit.
 */
import { ASSETS } from "../../../core/market/instrument.ts";

/** Changed with the layout; a cache of another number is rebuilt. */
export const CACHE_FORMAT = 1;
export const CACHE_SCHEMA = `poly-edge-cache/${CACHE_FORMAT}`;
/** Ends the name of every cache file. */
export const CACHE_SUFFIX = ".pec";
export const MAGIC = new TextEncoder().encode("PECACHE1");
/** Footer length, footer checksum (both u32), then the magic again. */
export const TRAILER_BYTES = 16;

export const BLOCK_EVENTS = 8192;
/** A block is closed when a pool holds this many numbers, so that it stays near a megabyte whatever the depth. */
export const BLOCK_NUMBERS = 262_144;
/** No block is longer; a length beyond it is damage. */
export const MAX_BLOCK_BYTES = 64 * 1024 * 1024;
/** Sixteen 32-bit words: magic, checksum of what follows it, bytes, the six lengths, size unit; then the time base. */
export const BLOCK_HEADER_BYTES = 64;
export const BLOCK_MAGIC = 0x42434550;
/** Places of the header's words. */
export const WORD = {
  magic: 0,
  crc: 1,
  bytes: 2,
  events: 3,
  doubles: 4,
  sizes: 5,
  shorts: 6,
  text: 7,
  sizeUnit: 8,
} as const;
/** Where the header's double (receive time that the column counts from) begins. */
export const BASE_OFFSET = 48;

/** The type column. `json`: the whole event stands in the text, because it is rare or does not fit. */
export const KIND = {
  json: 0,
  clock: 1,
  book: 2,
  bookDelta: 3,
  bestBidAsk: 4,
  tokenTrade: 5,
  tickSize: 6,
  oraclePrice: 7,
  fastBook: 8,
  fastTop: 9,
  fastTrade: 10,
  fastBar: 11,
  fastPrice: 12,
  markPrice: 13,
  volatility: 14,
} as const;

/** Another event of the same instant follows: nothing is decided yet. */
export const MORE = 1;
/** Second flag of a type: book states a tick, a taker or token trade buys, a bar is closed, a print is an average. */
export const FLAG_A = 2;
/** Third flag: the print comes from Pyth. */
export const FLAG_B = 4;

/** A quote of -1 (empty or not stated) in the 16-bit pool. */
export const NO_QUOTE = 0xffff;
/** In a change the top bit of the price is the side. */
export const ASK_BIT = 0x8000;

export const VENUES = ["binance-futures", "binance-spot", "bybit", "coinbase"] as const;
export { ASSETS };

/** The rare part of a block. */
export interface BlockText {
  /** Token ids by the number in the reference column. */
  readonly tokens: readonly string[];
  /** Exact texts of oracle prints, in order. */
  readonly exacts: readonly string[];
  /** Whole events, in order. */
  readonly events: readonly unknown[];
}

export interface BlockLengths {
  readonly events: number;
  readonly doubles: number;
  readonly sizes: number;
  readonly shorts: number;
  readonly text: number;
  /** 0: sizes are doubles; else a 32-bit count of this many millionths. */
  readonly sizeUnit: number;
}

export interface BlockPlaces {
  readonly doubles: number;
  readonly sizes: number;
  readonly receive: number;
  readonly exchange: number;
  readonly refs: number;
  readonly shorts: number;
  readonly kinds: number;
  readonly flags: number;
  readonly text: number;
  readonly end: number;
}

/** Where the columns of a block begin, in bytes from its start; wide ones first, so that each is aligned. */
export function blockPlaces(lengths: BlockLengths): BlockPlaces {
  const { events, doubles, sizes, shorts, text, sizeUnit } = lengths;
  const sizesAt = BLOCK_HEADER_BYTES + 8 * doubles;
  const receive = sizesAt + (sizeUnit === 0 ? 8 : 4) * sizes;
  const exchange = receive + 4 * events;
  const refs = exchange + 4 * events;
  const shortsAt = refs + 2 * events;
  const kinds = shortsAt + 2 * shorts;
  const flags = kinds + events;
  const textAt = flags + events;
  // Blocks begin on a multiple of eight.
  const end = (textAt + text + 7) & ~7;
  return {
    doubles: BLOCK_HEADER_BYTES,
    sizes: sizesAt,
    receive,
    exchange,
    refs,
    shorts: shortsAt,
    kinds,
    flags,
    text: textAt,
    end,
  };
}
