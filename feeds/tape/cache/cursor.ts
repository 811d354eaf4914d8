/**
 * Reads a block's columns back as events, one at a time, without making any: there is one object per type whose fields
 * are overwritten, and one array per number of levels. Who wants to keep an event takes `copyEvent` of it.
 */
import { crc32 } from "node:zlib";
import type { Mutable } from "./mutable.ts";
import type {
  BestBidAskEvent,
  BookDeltaEvent,
  BookEvent,
  ClockEvent,
  FastBarEvent,
  FastBookEvent,
  FastPriceEvent,
  FastTopEvent,
  FastTradeEvent,
  MarketEvent,
  MarkPriceEvent,
  OraclePriceEvent,
  TickSizeEvent,
  TokenTradeEvent,
  VolatilityEvent,
} from "../../../core/events.ts";
import type { Ms, Price, Shares } from "../../../core/units.ts";
import {
  ASK_BIT,
  ASSETS,
  BASE_OFFSET,
  BLOCK_EVENTS,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  blockPlaces,
  type BlockText,
  FLAG_A,
  FLAG_B,
  KIND,
  MAX_BLOCK_BYTES,
  MORE,
  NO_QUOTE,
  VENUES,
  WORD,
} from "./layout.ts";

/** Takes one event; `more` when another of the same instant follows. The event is only good until the next one. */
export type OnEvent = (event: MarketEvent, more: boolean) => void;

/** An array of its own for events that outlive their turn. */
export const copyEvent = (event: MarketEvent): MarketEvent => structuredClone(event);

/** Longest arrays that are kept for reuse. */
const POOLED_LENGTH = 2048;

/** Arrays by length, all of doubles: a size of millionths is one anyway, and code that reads them sees one kind only. */
class ArrayPool {
  private readonly arrays: number[][] = [];

  of(length: number): number[] {
    const known = this.arrays[length];
    if (known !== undefined) return known;
    const made: number[] = [];
    for (let i = 0; i < length; i++) made.push(0.5);
    if (length <= POOLED_LENGTH) {
      while (this.arrays.length <= length) this.arrays.push(undefined as unknown as number[]);
      this.arrays[length] = made;
    }
    return made;
  }
}

// Fields begin as fractions, so that the engine's compiler takes them for doubles from the start.
const times = () => ({ tExchange: 0.5 as Ms, tReceive: 0.5 as Ms });
const fast = () => ({ ...times(), venue: VENUES[0] as FastBookEvent["venue"], asset: ASSETS[0]! });

/** Checks a block's header and checksum. `bytes` begin on a multiple of eight. */
export function isWholeBlock(bytes: Uint8Array<ArrayBuffer>): boolean {
  if (bytes.length < BLOCK_HEADER_BYTES || bytes.length > MAX_BLOCK_BYTES) return false;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, 12);
  if (words[WORD.magic] !== BLOCK_MAGIC || words[WORD.bytes] !== bytes.length) return false;
  if (words[WORD.events]! > BLOCK_EVENTS || words[WORD.crc] !== crc32(bytes.subarray(8))) return false;
  return blockPlaces(lengthsOf(words)).end === bytes.length;
}

const lengthsOf = (words: Uint32Array) => ({
  events: words[WORD.events]!,
  doubles: words[WORD.doubles]!,
  sizes: words[WORD.sizes]!,
  shorts: words[WORD.shorts]!,
  text: words[WORD.text]!,
  sizeUnit: words[WORD.sizeUnit]!,
});

/** Reader of one block after the other. */
export class BlockCursor {
  events = 0;
  private base = 0;
  private kinds = new Uint8Array(0);
  private flags = new Uint8Array(0);
  private refs = new Uint16Array(0);
  private receive = new Int32Array(0);
  private exchange = new Int32Array(0);
  private doubles = new Float64Array(0);
  private shorts = new Uint16Array(0);
  /** Sizes of the block in millionths, whatever unit they were stored in. */
  private sizes = new Float64Array(0);
  /** Memory for sizes that were stored scaled, kept from block to block. */
  private scaled = new Float64Array(0);
  private tokens: readonly string[] = [];
  private exacts: readonly string[] = [];
  private rare: readonly unknown[] = [];
  private atDouble = 0;
  private atSize = 0;
  private atShort = 0;
  private atExact = 0;
  private atRare = 0;

  private readonly bidArrays = new ArrayPool();
  private readonly askArrays = new ArrayPool();
  private readonly changeArrays = new ArrayPool();
  private readonly clock: Mutable<ClockEvent> = { type: "clock", ...times() };
  private readonly book: Mutable<BookEvent> = { type: "book", ...times(), token: "", bids: [], asks: [] };
  private readonly bookWithTick: Mutable<BookEvent> = {
    ...{ type: "book", ...times(), token: "", bids: [], asks: [] },
    tick: 100 as Price,
  };
  private readonly bookDelta: Mutable<BookDeltaEvent> = {
    ...{ type: "bookDelta", ...times(), token: "", changes: [], bestBid: -1, bestAsk: -1 },
  };
  private readonly bestBidAsk: Mutable<BestBidAskEvent> = {
    ...{ type: "bestBidAsk", ...times(), token: "", bid: -1, ask: -1 },
  };
  private readonly tokenTrade: Mutable<TokenTradeEvent> = {
    ...{ type: "tokenTrade", ...times(), token: "", price: 1 as Price, size: 0.5 as Shares, side: "buy" },
  };
  private readonly tickSize: Mutable<TickSizeEvent> = {
    ...{ type: "tickSize", ...times(), token: "", oldTick: 100 as Price, newTick: 10 as Price },
  };
  private readonly oraclePrice: Mutable<OraclePriceEvent> = {
    ...{ type: "oraclePrice", ...times(), asset: ASSETS[0]!, kind: "spot", provider: "chainlink" },
    ...{ value: 0.5, exact: "" },
  };
  private readonly fastBook: Mutable<FastBookEvent> = { type: "fastBook", ...fast(), bids: [], asks: [] };
  private readonly fastTop: Mutable<FastTopEvent> = {
    ...{ type: "fastTop", ...fast(), bid: 0.5, bidSize: 0.5, ask: 0.5, askSize: 0.5 },
  };
  private readonly fastTrade: Mutable<FastTradeEvent> = {
    ...{ type: "fastTrade", ...fast(), price: 0.5, size: 0.5, takerBuys: true, id: 0.5 },
  };
  private readonly fastPrice: Mutable<FastPriceEvent> = { type: "fastPrice", ...fast(), price: 0.5 };
  private readonly markPrice: Mutable<MarkPriceEvent> = {
    ...{ type: "markPrice", ...times(), asset: ASSETS[0]!, mark: 0.5, index: 0.5, fundingRate: 0.5 },
  };
  private readonly volatility: Mutable<VolatilityEvent> = {
    ...{ type: "volatility", ...times(), asset: ASSETS[0]!, value: 0.5 },
  };

  /** Takes a block; false when it is damaged. The bytes must stay as they are until `run` is through. */
  load(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (!isWholeBlock(bytes)) return false;
    const { buffer, byteOffset } = bytes;
    const lengths = lengthsOf(new Uint32Array(buffer, byteOffset, 12));
    const places = blockPlaces(lengths);
    const { events, sizes, sizeUnit } = lengths;
    this.events = events;
    this.base = new Float64Array(buffer, byteOffset + BASE_OFFSET, 1)[0]!;
    this.doubles = new Float64Array(buffer, byteOffset + places.doubles, lengths.doubles);
    this.loadSizes(bytes, places.sizes, sizes, sizeUnit);
    this.receive = new Int32Array(buffer, byteOffset + places.receive, events);
    this.exchange = new Int32Array(buffer, byteOffset + places.exchange, events);
    this.refs = new Uint16Array(buffer, byteOffset + places.refs, events);
    this.shorts = new Uint16Array(buffer, byteOffset + places.shorts, lengths.shorts);
    this.kinds = new Uint8Array(buffer, byteOffset + places.kinds, events);
    this.flags = new Uint8Array(buffer, byteOffset + places.flags, events);
    const text = JSON.parse(
      new TextDecoder().decode(bytes.subarray(places.text, places.text + lengths.text)),
    ) as BlockText;
    this.tokens = text.tokens;
    this.exacts = text.exacts;
    this.rare = text.events;
    return true;
  }

  private loadSizes(bytes: Uint8Array<ArrayBuffer>, at: number, count: number, unit: number): void {
    const { buffer, byteOffset } = bytes;
    if (unit === 0) {
      this.sizes = new Float64Array(buffer, byteOffset + at, count);
      return;
    }
    const scaled = new Uint32Array(buffer, byteOffset + at, count);
    if (this.scaled.length < count) this.scaled = new Float64Array(count);
    const sizes = this.scaled;
    for (let i = 0; i < count; i++) sizes[i] = scaled[i]! * unit;
    this.sizes = sizes;
  }

  /** Gives every event of the block to `onEvent`, in order. */
  run(onEvent: OnEvent): void {
    this.atDouble =
      this.atSize =
      this.atShort =
      this.atExact =
      this.atRare =
        0;
    const { events, flags } = this;
    for (let i = 0; i < events; i++) onEvent(this.read(i), (flags[i]! & MORE) !== 0);
  }

  private read(i: number): MarketEvent {
    switch (this.kinds[i]!) {
      case KIND.book:
        return this.readBook(i);
      case KIND.bookDelta:
        return this.readDelta(i);
      case KIND.fastBook:
        return this.readFastBook(i);
      case KIND.fastTrade:
        return this.readTrade(i);
      case KIND.fastTop:
        return this.readTop(i);
      case KIND.json:
        return this.rare[this.atRare++] as MarketEvent;
      default:
        return this.readOther(i);
    }
  }

  private stamp(event: { tReceive: Ms; tExchange: Ms }, i: number): void {
    const tReceive = this.base + this.receive[i]!;
    event.tReceive = tReceive as Ms;
    event.tExchange = (tReceive + this.exchange[i]!) as Ms;
  }

  private readBook(i: number): BookEvent {
    const ticked = (this.flags[i]! & FLAG_A) !== 0;
    const event = ticked ? this.bookWithTick : this.book;
    this.stamp(event, i);
    event.token = this.tokens[this.refs[i]!]!;
    const bids = this.shorts[this.atShort]!;
    const asks = this.shorts[this.atShort + 1]!;
    this.atShort += 2;
    if (ticked) event.tick = this.shorts[this.atShort++]! as Price;
    event.bids = this.fillLevels(this.bidArrays.of(bids));
    event.asks = this.fillLevels(this.askArrays.of(asks));
    return event;
  }

  private fillLevels(levels: number[]): number[] {
    const { shorts, sizes } = this;
    let s = this.atShort;
    let z = this.atSize;
    for (let k = 0; k < levels.length; k += 2) {
      levels[k] = shorts[s++]!;
      levels[k + 1] = sizes[z++]!;
    }
    this.atShort = s;
    this.atSize = z;
    return levels;
  }

  private quote(): number {
    const value = this.shorts[this.atShort++]!;
    return value === NO_QUOTE ? -1 : value;
  }

  private readDelta(i: number): BookDeltaEvent {
    const event = this.bookDelta;
    this.stamp(event, i);
    event.token = this.tokens[this.refs[i]!]!;
    const changes = this.changeArrays.of(this.shorts[this.atShort++]!);
    event.bestBid = this.quote();
    event.bestAsk = this.quote();
    for (let k = 0; k < changes.length; k += 3) {
      const packed = this.shorts[this.atShort++]!;
      changes[k] = packed >> 15;
      changes[k + 1] = packed & (ASK_BIT - 1);
      changes[k + 2] = this.sizes[this.atSize++]!;
    }
    event.changes = changes;
    return event;
  }

  private fast(event: Mutable<FastPriceEvent | FastTopEvent | FastTradeEvent | FastBookEvent>, i: number) {
    this.stamp(event, i);
    const ref = this.refs[i]!;
    event.venue = VENUES[ref >> 2]!;
    event.asset = ASSETS[ref & 3]!;
  }

  private readFastBook(i: number): FastBookEvent {
    const event = this.fastBook;
    this.fast(event, i);
    const bids = this.bidArrays.of(this.shorts[this.atShort++]!);
    const asks = this.askArrays.of(this.shorts[this.atShort++]!);
    const { doubles } = this;
    let at = this.atDouble;
    for (let k = 0; k < bids.length; k++) bids[k] = doubles[at++]!;
    for (let k = 0; k < asks.length; k++) asks[k] = doubles[at++]!;
    this.atDouble = at;
    event.bids = bids;
    event.asks = asks;
    return event;
  }

  private readTop(i: number): FastTopEvent {
    const event = this.fastTop;
    this.fast(event, i);
    event.bid = this.doubles[this.atDouble++]!;
    event.bidSize = this.doubles[this.atDouble++]!;
    event.ask = this.doubles[this.atDouble++]!;
    event.askSize = this.doubles[this.atDouble++]!;
    return event;
  }

  private readTrade(i: number): FastTradeEvent {
    const event = this.fastTrade;
    this.fast(event, i);
    event.price = this.doubles[this.atDouble++]!;
    event.size = this.doubles[this.atDouble++]!;
    event.id = this.doubles[this.atDouble++]!;
    event.takerBuys = (this.flags[i]! & FLAG_A) !== 0;
    return event;
  }

  private readOther(i: number): MarketEvent {
    const flagged = (this.flags[i]! & FLAG_A) !== 0;
    switch (this.kinds[i]!) {
      case KIND.bestBidAsk: {
        const event = this.bestBidAsk;
        this.stamp(event, i);
        event.token = this.tokens[this.refs[i]!]!;
        event.bid = this.quote();
        event.ask = this.quote();
        return event;
      }
      case KIND.tokenTrade: {
        const event = this.tokenTrade;
        this.stamp(event, i);
        event.token = this.tokens[this.refs[i]!]!;
        event.price = this.shorts[this.atShort++]! as Price;
        event.size = this.sizes[this.atSize++]! as Shares;
        event.side = flagged ? "buy" : "sell";
        return event;
      }
      case KIND.tickSize: {
        const event = this.tickSize;
        this.stamp(event, i);
        event.token = this.tokens[this.refs[i]!]!;
        event.oldTick = this.shorts[this.atShort++]! as Price;
        event.newTick = this.shorts[this.atShort++]! as Price;
        return event;
      }
      case KIND.oraclePrice: {
        const event = this.oraclePrice;
        this.stamp(event, i);
        event.asset = ASSETS[this.refs[i]!]!;
        event.kind = flagged ? "twap60" : "spot";
        event.provider = (this.flags[i]! & FLAG_B) !== 0 ? "pyth" : "chainlink";
        event.value = this.doubles[this.atDouble++]!;
        event.exact = this.exacts[this.atExact++]!;
        return event;
      }
      case KIND.fastBar:
        return this.readBar(i, flagged);
      case KIND.fastPrice:
        this.fast(this.fastPrice, i);
        this.fastPrice.price = this.doubles[this.atDouble++]!;
        return this.fastPrice;
      case KIND.markPrice: {
        const event = this.markPrice;
        this.stamp(event, i);
        event.asset = ASSETS[this.refs[i]!]!;
        event.mark = this.doubles[this.atDouble++]!;
        event.index = this.doubles[this.atDouble++]!;
        event.fundingRate = this.doubles[this.atDouble++]!;
        return event;
      }
      case KIND.volatility:
        this.stamp(this.volatility, i);
        this.volatility.asset = ASSETS[this.refs[i]!]!;
        this.volatility.value = this.doubles[this.atDouble++]!;
        return this.volatility;
      default:
        this.stamp(this.clock, i);
        return this.clock;
    }
  }

  /** A candle is rare: it may have an object of its own. */
  private readBar(i: number, closed: boolean): FastBarEvent {
    const tReceive = this.base + this.receive[i]!;
    const ref = this.refs[i]!;
    const at = this.atDouble;
    const { doubles } = this;
    this.atDouble += 7;
    return {
      type: "fastBar",
      tExchange: (tReceive + this.exchange[i]!) as Ms,
      tReceive: tReceive as Ms,
      venue: VENUES[ref >> 2]!,
      asset: ASSETS[ref & 3]!,
      openMs: doubles[at]! as Ms,
      closeMs: doubles[at + 1]! as Ms,
      open: doubles[at + 2]!,
      high: doubles[at + 3]!,
      low: doubles[at + 4]!,
      close: doubles[at + 5]!,
      volume: doubles[at + 6]!,
      closed,
    };
  }
}
