/**
 * One token's order book on the price grid. Sizes live in two flat arrays indexed by price in 1/10000, occupancy in
 * bitmaps, so that a delta costs one store and finding the next level a few words: no allocation per event.
 */
import type { Levels } from "../events.ts";
import { type Price, PRICE_SCALE, type Shares } from "../units.ts";

const WORDS = (PRICE_SCALE >> 5) + 1;

export const BID = 0;
export const ASK = 1;
export type BookSide = typeof BID | typeof ASK;

function highestBit(words: Uint32Array, from: number): number {
  if (from < 0) return -1;
  let w = from >> 5;
  let word = words[w]! & (0xffffffff >>> (31 - (from & 31)));
  for (;;) {
    if (word !== 0) return (w << 5) + 31 - Math.clz32(word);
    if (--w < 0) return -1;
    word = words[w]!;
  }
}

function lowestBit(words: Uint32Array, from: number): number {
  if (from > PRICE_SCALE) return -1;
  let w = from >> 5;
  let word = words[w]! & (0xffffffff << (from & 31));
  for (;;) {
    if (word !== 0) return (w << 5) + 31 - Math.clz32(word & -word);
    if (++w >= WORDS) return -1;
    word = words[w]!;
  }
}

/**
 * Order book of one token. Prices 1..9999 (in 1/10000); anything else is refused and counted in `refused`.
 * `trusted` is false before the first snapshot, after a tick change, and while the venue's stated best prices disagree
 * with ours: nothing may be decided on such a book.
 */
export class OrderBook {
  private readonly bidSizes = new Float64Array(PRICE_SCALE + 1);
  private readonly askSizes = new Float64Array(PRICE_SCALE + 1);
  private readonly bidBits = new Uint32Array(WORDS);
  private readonly askBits = new Uint32Array(WORDS);
  /** Best prices, -1 for an empty side. */
  bestBid = -1;
  bestAsk = -1;
  hasSnapshot = false;
  suspect = false;
  /** Levels refused because the price or size is impossible. */
  refused = 0;
  /** Times the venue's stated best prices disagreed with ours after a delta. */
  mismatches = 0;
  /** Levels that `consume` emptied and the venue still shows: they count when its best prices are compared. */
  private readonly emptied: [Set<number>, Set<number>] = [new Set(), new Set()];

  get trusted(): boolean {
    return this.hasSnapshot && !this.suspect;
  }

  /** True when both sides exist and a bid is at or above an ask. */
  get crossed(): boolean {
    return this.bestBid >= 0 && this.bestAsk >= 0 && this.bestBid >= this.bestAsk;
  }

  /** Forgets everything and waits for a snapshot (after a tick change or a reconnect). */
  clear(): void {
    this.clearSide(this.bidSizes, this.bidBits);
    this.clearSide(this.askSizes, this.askBits);
    this.bestBid = -1;
    this.bestAsk = -1;
    this.emptied[BID].clear();
    this.emptied[ASK].clear();
    this.hasSnapshot = false;
    this.suspect = false;
  }

  private clearSide(sizes: Float64Array, bits: Uint32Array): void {
    for (let p = lowestBit(bits, 0); p >= 0; p = lowestBit(bits, p + 1)) sizes[p] = 0;
    bits.fill(0);
  }

  /** Full replacement by a snapshot. With `mirrored` the levels are the other token's: bids at p become asks at 1-p. */
  replace(bids: Levels, asks: Levels, mirrored = false): void {
    this.clear();
    this.loadSide(mirrored ? ASK : BID, bids, mirrored);
    this.loadSide(mirrored ? BID : ASK, asks, mirrored);
    this.hasSnapshot = true;
  }

  private loadSide(side: BookSide, levels: Levels, mirrored: boolean): void {
    for (let i = 0; i + 1 < levels.length; i += 2) {
      const p = levels[i]!;
      this.set(side, mirrored ? PRICE_SCALE - p : p, levels[i + 1]!);
    }
  }

  /** Sets the total at one level; size 0 removes it. */
  set(side: BookSide, at: number, size: number): void {
    if (
      !(at >= 1 && at < PRICE_SCALE) || !Number.isInteger(at) || !(size >= 0) || !Number.isSafeInteger(size)
    ) {
      this.refused++;
      return;
    }
    if (this.emptied[side].size > 0) this.emptied[side].delete(at);
    const word = at >> 5;
    const bit = 1 << (at & 31);
    if (side === BID) {
      this.bidSizes[at] = size;
      if (size > 0) {
        this.bidBits[word] = this.bidBits[word]! | bit;
        if (at > this.bestBid) this.bestBid = at;
      } else {
        this.bidBits[word] = this.bidBits[word]! & ~bit;
        if (at === this.bestBid) this.bestBid = highestBit(this.bidBits, at);
      }
    } else {
      this.askSizes[at] = size;
      if (size > 0) {
        this.askBits[word] = this.askBits[word]! | bit;
        if (this.bestAsk < 0 || at < this.bestAsk) this.bestAsk = at;
      } else {
        this.askBits[word] = this.askBits[word]! & ~bit;
        if (at === this.bestAsk) this.bestAsk = lowestBit(this.askBits, at);
      }
    }
  }

  /**
   * Applies `[side, price, newTotal, ...]`. Before a snapshot it is ignored: a delta on nothing is not a book.
   * `bestBid` and `bestAsk` are what the venue says the best prices are afterwards (-1: not said).
   */
  applyDelta(changes: readonly number[], bestBid = -1, bestAsk = -1, mirrored = false): void {
    if (!this.hasSnapshot) return;
    for (let i = 0; i + 2 < changes.length; i += 3) {
      const side = changes[i] === BID ? (mirrored ? ASK : BID) : (mirrored ? BID : ASK);
      const p = changes[i + 1]!;
      this.set(side, mirrored ? PRICE_SCALE - p : p, changes[i + 2]!);
    }
    if (bestBid < 0 && bestAsk < 0) return;
    const statedBid = this.statedBest(BID);
    const statedAsk = this.statedBest(ASK);
    const ownBid = mirrored ? (statedAsk < 0 ? -1 : PRICE_SCALE - statedAsk) : statedBid;
    const ownAsk = mirrored ? (statedBid < 0 ? -1 : PRICE_SCALE - statedBid) : statedAsk;
    const agrees = (bestBid < 0 || bestBid === ownBid) && (bestAsk < 0 || bestAsk === ownAsk);
    if (!agrees) this.mismatches++;
    this.suspect = !agrees;
  }

  /** Best price as the venue knows it: what only our own fills emptied is still there for everybody else. */
  private statedBest(side: BookSide): number {
    let best = side === BID ? this.bestBid : this.bestAsk;
    if (this.emptied[side].size === 0) return best;
    for (const at of this.emptied[side]) {
      if (best < 0 || (side === BID ? at > best : at < best)) best = at;
    }
    return best;
  }

  sizeAt(side: BookSide, at: number): Shares {
    return (side === BID ? this.bidSizes[at] : this.askSizes[at]) as Shares;
  }

  /** Next worse occupied price after `at` on `side`, or -1. Bids descend, asks ascend. */
  next(side: BookSide, at: number): number {
    return side === BID ? highestBit(this.bidBits, at - 1) : lowestBit(this.askBits, at + 1);
  }

  /** Sum of the sizes of the best `levels` levels. */
  depth(side: BookSide, levels: number): number {
    let total = 0;
    let p = side === BID ? this.bestBid : this.bestAsk;
    for (let i = 0; i < levels && p >= 0; i++) {
      total += this.sizeAt(side, p);
      p = this.next(side, p);
    }
    return total;
  }

  /** Removes `size` from a level: our own fill's effect until the venue states the level again. */
  consume(side: BookSide, at: number, size: number): void {
    const left = Math.max(0, this.sizeAt(side, at) - size);
    const emptied = left === 0 && (this.sizeAt(side, at) > 0 || this.emptied[side].has(at));
    this.set(side, at, left);
    if (emptied) this.emptied[side].add(at);
  }

  /** Mid in 1/10000 (may be a half), NaN unless both sides exist. */
  get mid(): number {
    return this.bestBid < 0 || this.bestAsk < 0 ? NaN : (this.bestBid + this.bestAsk) / 2;
  }

  /** Levels best first, for tests and views: `[price, size][]`. */
  levels(side: BookSide, limit = Infinity): [Price, Shares][] {
    const rows: [Price, Shares][] = [];
    let p = side === BID ? this.bestBid : this.bestAsk;
    while (p >= 0 && rows.length < limit) {
      rows.push([p as Price, this.sizeAt(side, p)]);
      p = this.next(side, p);
    }
    return rows;
  }
}
