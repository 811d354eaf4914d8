/**
 * One token's order book on the price grid. Sizes live in two flat arrays indexed by price in 1/10000, occupancy in
 * bitmaps, so that a delta costs one store and finding the next level a few words: no allocation per event.
 */
import type { Levels } from "../events.ts";
import { type Price, PRICE_SCALE, type Shares } from "../units.ts";

const WORDS = (PRICE_SCALE >> 5) + 1;
/** One bit a word of the bitmap: which words have any bit at all, so that gaps between levels cost nothing. */
const SUMMARY_WORDS = (WORDS >> 5) + 1;

export const BID = 0;
export const ASK = 1;
export type BookSide = typeof BID | typeof ASK;

const lowBit = (word: number): number => 31 - Math.clz32(word & -word);
const highBit = (word: number): number => 31 - Math.clz32(word);

/** Highest set bit at or below `from`, or -1. */
function highestBit(words: Uint32Array, summary: Uint32Array, from: number): number {
  if (from < 0) return -1;
  const w = from >> 5;
  const word = words[w]! & (0xffffffff >>> (31 - (from & 31)));
  if (word !== 0) return (w << 5) + highBit(word);
  // The words below `w` that are not empty.
  let s = w >> 5;
  let some = summary[s]! & ((1 << (w & 31)) - 1);
  while (some === 0) {
    if (--s < 0) return -1;
    some = summary[s]!;
  }
  const at = (s << 5) + highBit(some);
  return (at << 5) + highBit(words[at]!);
}

/** Lowest set bit at or above `from`, or -1. */
function lowestBit(words: Uint32Array, summary: Uint32Array, from: number): number {
  if (from > PRICE_SCALE) return -1;
  const w = from >> 5;
  const word = words[w]! & (0xffffffff << (from & 31));
  if (word !== 0) return (w << 5) + lowBit(word);
  let s = w >> 5;
  // Shifted twice: a shift by 32 would do nothing.
  let some = summary[s]! & ((0xffffffff << (w & 31)) << 1);
  while (some === 0) {
    if (++s >= SUMMARY_WORDS) return -1;
    some = summary[s]!;
  }
  const at = (s << 5) + lowBit(some);
  return (at << 5) + lowBit(words[at]!);
}

const isLevel = (at: number, size: number): boolean =>
  at >= 1 && at < PRICE_SCALE && Number.isInteger(at) && size >= 0 && Number.isSafeInteger(size);

/** Empties a bitmap by way of its summary. */
function clearBits(words: Uint32Array, summary: Uint32Array): void {
  for (let s = 0; s < SUMMARY_WORDS; s++) {
    for (let some = summary[s]!; some !== 0; some &= some - 1) words[(s << 5) + lowBit(some)] = 0;
    summary[s] = 0;
  }
}

function mark(words: Uint32Array, summary: Uint32Array, at: number): void {
  const w = at >> 5;
  words[w] = words[w]! | (1 << (at & 31));
  summary[w >> 5] = summary[w >> 5]! | (1 << (w & 31));
}

function unmark(words: Uint32Array, summary: Uint32Array, at: number): void {
  const w = at >> 5;
  const left = words[w]! & ~(1 << (at & 31));
  words[w] = left;
  if (left === 0) summary[w >> 5] = summary[w >> 5]! & ~(1 << (w & 31));
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
  private readonly bidSummary = new Uint32Array(SUMMARY_WORDS);
  private readonly askSummary = new Uint32Array(SUMMARY_WORDS);
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
    clearBits(this.bidBits, this.bidSummary);
    clearBits(this.askBits, this.askSummary);
    this.bestBid = -1;
    this.bestAsk = -1;
    if (this.emptied[BID].size > 0) this.emptied[BID].clear();
    if (this.emptied[ASK].size > 0) this.emptied[ASK].clear();
    this.hasSnapshot = false;
    this.suspect = false;
  }

  /** Full replacement by a snapshot. With `mirrored` the levels are the other token's: bids at p become asks at 1-p. */
  replace(bids: Levels, asks: Levels, mirrored = false): void {
    this.clear();
    this.loadSide(mirrored ? ASK : BID, bids, mirrored);
    this.loadSide(mirrored ? BID : ASK, asks, mirrored);
    this.hasSnapshot = true;
  }

  /** `set` for every level of a side that was just cleared, with what does not change between levels taken out. */
  private loadSide(side: BookSide, levels: Levels, mirrored: boolean): void {
    const sizes = side === BID ? this.bidSizes : this.askSizes;
    const bits = side === BID ? this.bidBits : this.askBits;
    const summary = side === BID ? this.bidSummary : this.askSummary;
    let lowest = PRICE_SCALE;
    let highest = -1;
    for (let i = 0; i + 1 < levels.length; i += 2) {
      const at = mirrored ? PRICE_SCALE - levels[i]! : levels[i]!;
      const size = levels[i + 1]!;
      if (!isLevel(at, size)) {
        this.refused++;
        continue;
      }
      if (size === 0) {
        // Only a level stated twice can be there to be removed.
        unmark(bits, summary, at);
        continue;
      }
      sizes[at] = size;
      mark(bits, summary, at);
      if (at < lowest) lowest = at;
      if (at > highest) highest = at;
    }
    if (side === BID) this.bestBid = highestBit(bits, summary, highest);
    else this.bestAsk = highest < 0 ? -1 : lowestBit(bits, summary, lowest);
  }

  /** Sets the total at one level; size 0 removes it. */
  set(side: BookSide, at: number, size: number): void {
    if (!isLevel(at, size)) {
      this.refused++;
      return;
    }
    if (this.emptied[side].size > 0) this.emptied[side].delete(at);
    if (side === BID) {
      this.bidSizes[at] = size;
      if (size > 0) {
        mark(this.bidBits, this.bidSummary, at);
        if (at > this.bestBid) this.bestBid = at;
      } else {
        unmark(this.bidBits, this.bidSummary, at);
        if (at === this.bestBid) this.bestBid = highestBit(this.bidBits, this.bidSummary, at);
      }
    } else {
      this.askSizes[at] = size;
      if (size > 0) {
        mark(this.askBits, this.askSummary, at);
        if (this.bestAsk < 0 || at < this.bestAsk) this.bestAsk = at;
      } else {
        unmark(this.askBits, this.askSummary, at);
        if (at === this.bestAsk) this.bestAsk = lowestBit(this.askBits, this.askSummary, at);
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
    const bits = side === BID ? this.bidBits : this.askBits;
    // A size counts only where there is a level: clearing a book leaves the sizes behind.
    if ((bits[at >> 5]! & (1 << (at & 31))) === 0) return 0 as Shares;
    return (side === BID ? this.bidSizes[at] : this.askSizes[at]) as Shares;
  }

  /** Next worse occupied price after `at` on `side`, or -1. Bids descend, asks ascend. */
  next(side: BookSide, at: number): number {
    return side === BID
      ? highestBit(this.bidBits, this.bidSummary, at - 1)
      : lowestBit(this.askBits, this.askSummary, at + 1);
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
