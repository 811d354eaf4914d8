/** Events into the columns of one block at a time. */
import { crc32 } from "node:zlib";
import type { Asset } from "../../../core/market/instrument.ts";
import type { FastVenue, MarketEvent } from "../../../core/events.ts";
import {
  ASK_BIT,
  ASSETS,
  BASE_OFFSET,
  BLOCK_EVENTS,
  BLOCK_MAGIC,
  BLOCK_NUMBERS,
  blockPlaces,
  FLAG_A,
  FLAG_B,
  KIND,
  MORE,
  NO_QUOTE,
  VENUES,
  WORD,
} from "./layout.ts";

const MAX_SHORT_PRICE = ASK_BIT - 1;
const MAX_INT32 = 0x7fffffff;
const SIZE_UNITS = [10_000, 100, 1] as const;

/** A growing column of numbers. */
class Numbers<T extends Float64Array | Uint16Array> {
  length = 0;
  constructor(public values: T, private readonly make: (length: number) => T) {}

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = this.make(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  taken(): T {
    return this.values.subarray(0, this.length) as T;
  }
}

const doubles = () => new Numbers(new Float64Array(4096), (n) => new Float64Array(n));
const shorts = () => new Numbers(new Uint16Array(4096), (n) => new Uint16Array(n));

const isPrice = (value: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= MAX_SHORT_PRICE && !Object.is(value, -0);
const isQuote = (value: number): boolean => value === -1 || isPrice(value);
const short = (quote: number): number => quote < 0 ? NO_QUOTE : quote;
const arePrices = (flat: readonly number[], stride: number, from: number): boolean => {
  if (flat.length % stride !== 0 || flat.length / stride >= NO_QUOTE) return false;
  for (let i = from; i < flat.length; i += stride) if (!isPrice(flat[i]!)) return false;
  return true;
};

/** The widest unit that every size is a multiple of and that brings all below 2^32; 0 when there is none. */
function unitOf(sizes: Float64Array): number {
  for (const unit of SIZE_UNITS) {
    if (sizes.every((size) => size >= 0 && size % unit === 0 && size / unit <= 0xffffffff)) return unit;
  }
  return 0;
}

/** One closed block and what the footer says of it. */
export interface EncodedBlock {
  readonly bytes: Uint8Array;
  readonly events: number;
}

/** Collects events until `full`; `close` gives the block's bytes and starts anew. */
export class BlockEncoder {
  events = 0;
  private readonly kinds = new Uint8Array(BLOCK_EVENTS);
  private readonly flags = new Uint8Array(BLOCK_EVENTS);
  private readonly refs = new Uint16Array(BLOCK_EVENTS);
  private readonly receive = new Int32Array(BLOCK_EVENTS);
  private readonly exchange = new Int32Array(BLOCK_EVENTS);
  private readonly doubles = doubles();
  private readonly sizes = doubles();
  private readonly shorts = shorts();
  private readonly tokens = new Map<string, number>();
  private exacts: string[] = [];
  private rare: unknown[] = [];
  private rareLength = 0;
  private base = 0;

  get full(): boolean {
    return this.events === BLOCK_EVENTS || this.doubles.length >= BLOCK_NUMBERS ||
      this.sizes.length >= BLOCK_NUMBERS || this.shorts.length >= BLOCK_NUMBERS ||
      this.rareLength >= BLOCK_NUMBERS;
  }

  /** Takes an event; false when its time is too far from the block's beginning: close the block, then try again. */
  add(event: MarketEvent, more: boolean): boolean {
    if (this.events === 0) this.base = event.tReceive;
    const sinceBase = event.tReceive - this.base;
    if (Math.abs(sinceBase) > MAX_INT32) return false;
    const i = this.events++;
    const delay = event.tExchange - event.tReceive;
    this.receive[i] = sinceBase;
    this.refs[i] = 0;
    const flags = Math.abs(delay) <= MAX_INT32 ? this.put(event, i) : -1;
    if (flags < 0) {
      this.kinds[i] = KIND.json;
      this.exchange[i] = 0;
      this.rare.push(event);
      this.rareLength += 256;
    } else this.exchange[i] = delay;
    this.flags[i] = Math.max(0, flags) | (more ? MORE : 0);
    return true;
  }

  /** Writes the columns of an event and returns its flags; -1, with nothing written, for one that is kept as text. */
  private put(event: MarketEvent, i: number): number {
    switch (event.type) {
      case "clock":
        this.kinds[i] = KIND.clock;
        return 0;
      case "book":
        return this.putBook(event, i);
      case "bookDelta":
        return this.putDelta(event, i);
      case "bestBidAsk":
        if (!isQuote(event.bid) || !isQuote(event.ask)) return -1;
        this.token(i, KIND.bestBidAsk, event.token);
        this.shorts.push(short(event.bid));
        this.shorts.push(short(event.ask));
        return 0;
      case "tokenTrade":
        if (!isPrice(event.price)) return -1;
        this.token(i, KIND.tokenTrade, event.token);
        this.shorts.push(event.price);
        this.sizes.push(event.size);
        return event.side === "buy" ? FLAG_A : 0;
      case "tickSize":
        if (!isPrice(event.oldTick) || !isPrice(event.newTick)) return -1;
        this.token(i, KIND.tickSize, event.token);
        this.shorts.push(event.oldTick);
        this.shorts.push(event.newTick);
        return 0;
      case "oraclePrice":
        this.asset(i, KIND.oraclePrice, event.asset);
        this.doubles.push(event.value);
        this.exacts.push(event.exact);
        return (event.kind === "twap60" ? FLAG_A : 0) | (event.provider === "pyth" ? FLAG_B : 0);
      default:
        return this.putFast(event, i);
    }
  }

  private putFast(event: MarketEvent, i: number): number {
    switch (event.type) {
      case "fastBook":
        if (event.bids.length % 2 !== 0 || event.asks.length % 2 !== 0) return -1;
        if (Math.max(event.bids.length, event.asks.length) >= NO_QUOTE) return -1;
        this.market(i, KIND.fastBook, event.venue, event.asset);
        this.shorts.push(event.bids.length);
        this.shorts.push(event.asks.length);
        for (const value of event.bids) this.doubles.push(value);
        for (const value of event.asks) this.doubles.push(value);
        return 0;
      case "fastTop":
        this.market(i, KIND.fastTop, event.venue, event.asset);
        return this.putDoubles(event.bid, event.bidSize, event.ask, event.askSize);
      case "fastTrade":
        this.market(i, KIND.fastTrade, event.venue, event.asset);
        this.putDoubles(event.price, event.size, event.id);
        return event.takerBuys ? FLAG_A : 0;
      case "fastBar":
        this.market(i, KIND.fastBar, event.venue, event.asset);
        this.putDoubles(event.openMs, event.closeMs, event.open, event.high);
        this.putDoubles(event.low, event.close, event.volume);
        return event.closed ? FLAG_A : 0;
      case "fastPrice":
        this.market(i, KIND.fastPrice, event.venue, event.asset);
        return this.putDoubles(event.price);
      case "markPrice":
        this.asset(i, KIND.markPrice, event.asset);
        return this.putDoubles(event.mark, event.index, event.fundingRate);
      case "volatility":
        this.asset(i, KIND.volatility, event.asset);
        return this.putDoubles(event.value);
      default:
        return -1;
    }
  }

  private putBook(event: Extract<MarketEvent, { type: "book" }>, i: number): number {
    const { bids, asks, tick } = event;
    if (!arePrices(bids, 2, 0) || !arePrices(asks, 2, 0) || (tick !== undefined && !isPrice(tick))) return -1;
    this.token(i, KIND.book, event.token);
    this.shorts.push(bids.length);
    this.shorts.push(asks.length);
    if (tick !== undefined) this.shorts.push(tick);
    for (const levels of [bids, asks]) {
      for (let k = 0; k < levels.length; k += 2) {
        this.shorts.push(levels[k]!);
        this.sizes.push(levels[k + 1]!);
      }
    }
    return tick === undefined ? 0 : FLAG_A;
  }

  private putDelta(event: Extract<MarketEvent, { type: "bookDelta" }>, i: number): number {
    const { changes, bestBid, bestAsk } = event;
    if (!arePrices(changes, 3, 1) || !isQuote(bestBid) || !isQuote(bestAsk)) return -1;
    for (let k = 0; k < changes.length; k += 3) if (changes[k] !== 0 && changes[k] !== 1) return -1;
    this.token(i, KIND.bookDelta, event.token);
    this.shorts.push(changes.length);
    this.shorts.push(short(bestBid));
    this.shorts.push(short(bestAsk));
    for (let k = 0; k < changes.length; k += 3) {
      this.shorts.push(changes[k + 1]! | (changes[k] === 1 ? ASK_BIT : 0));
      this.sizes.push(changes[k + 2]!);
    }
    return 0;
  }

  private token(i: number, kind: number, token: string): void {
    let number = this.tokens.get(token);
    if (number === undefined) this.tokens.set(token, number = this.tokens.size);
    this.kinds[i] = kind;
    this.refs[i] = number;
  }

  private asset(i: number, kind: number, asset: Asset): void {
    this.kinds[i] = kind;
    this.refs[i] = ASSETS.indexOf(asset);
  }

  private market(i: number, kind: number, venue: FastVenue, asset: Asset): void {
    this.kinds[i] = kind;
    this.refs[i] = VENUES.indexOf(venue) * ASSETS.length + ASSETS.indexOf(asset);
  }

  private putDoubles(...values: readonly number[]): 0 {
    for (const value of values) this.doubles.push(value);
    return 0;
  }

  /** The block's bytes, own memory; the encoder is empty afterwards. */
  close(): EncodedBlock {
    const { events } = this;
    const sizes = this.sizes.taken();
    const text = new TextEncoder().encode(
      JSON.stringify({ tokens: [...this.tokens.keys()], exacts: this.exacts, events: this.rare }),
    );
    const sizeUnit = unitOf(sizes);
    const lengths = {
      events,
      doubles: this.doubles.length,
      sizes: sizes.length,
      shorts: this.shorts.length,
      text: text.length,
      sizeUnit,
    };
    const places = blockPlaces(lengths);
    const buffer = new ArrayBuffer(places.end);
    const words = new Uint32Array(buffer, 0, 12);
    words[WORD.magic] = BLOCK_MAGIC;
    words[WORD.bytes] = places.end;
    for (const name of ["events", "doubles", "sizes", "shorts", "text", "sizeUnit"] as const) {
      words[WORD[name]] = lengths[name];
    }
    new Float64Array(buffer, BASE_OFFSET, 1)[0] = this.base;
    new Float64Array(buffer, places.doubles, lengths.doubles).set(this.doubles.taken());
    if (sizeUnit === 0) new Float64Array(buffer, places.sizes, sizes.length).set(sizes);
    else {
      const scaled = new Uint32Array(buffer, places.sizes, sizes.length);
      for (let k = 0; k < sizes.length; k++) scaled[k] = sizes[k]! / sizeUnit;
    }
    new Int32Array(buffer, places.receive, events).set(this.receive.subarray(0, events));
    new Int32Array(buffer, places.exchange, events).set(this.exchange.subarray(0, events));
    new Uint16Array(buffer, places.refs, events).set(this.refs.subarray(0, events));
    new Uint16Array(buffer, places.shorts, lengths.shorts).set(this.shorts.taken());
    new Uint8Array(buffer, places.kinds, events).set(this.kinds.subarray(0, events));
    new Uint8Array(buffer, places.flags, events).set(this.flags.subarray(0, events));
    const bytes = new Uint8Array(buffer);
    bytes.set(text, places.text);
    words[WORD.crc] = crc32(bytes.subarray(8));
    this.reset();
    return { bytes, events };
  }

  private reset(): void {
    this.events = 0;
    this.doubles.length = 0;
    this.sizes.length = 0;
    this.shorts.length = 0;
    this.tokens.clear();
    this.exacts = [];
    this.rare = [];
    this.rareLength = 0;
  }
}
