/**
 * The bounded queue between the sockets and the compressor. When it is full something is lost, and what is lost first is
 * what costs least: pictures of fast books that the next frame replaces, then the windows' own books, then the rest.
 * Our own events (windows, strikes, resolutions, feed states) are few and are never dropped.
 */
import type { FeedName, MarketEvent } from "../../core/events.ts";

export interface QueuedLine {
  /** The line without its newline. */
  readonly text: string;
  readonly tReceive: number;
  /** Of a raw frame; null for an event. */
  readonly feed: FeedName | null;
  /** Of an event; null for a raw frame. */
  readonly event: MarketEvent | null;
}

/** 0 fast book, 1 book of a window, 2 any other frame, 3 never dropped. */
export type Rank = 0 | 1 | 2 | 3;

/** The part of a line that names its stream. */
const HEAD_CHARS = 160;

/** How much a line is worth. Binance names its streams first; a CLOB frame is a book unless it tells of a trade or a result. */
export function rankOf(line: QueuedLine): Rank {
  switch (line.feed) {
    case null:
      return 3;
    case "binance.futures.public":
      return 0;
    case "binance.spot":
      return /@depth|@bookTicker/.test(line.text.slice(0, HEAD_CHARS)) ? 0 : 2;
    case "polymarket.market":
      return /last_trade_price|market_resolved|tick_size_change/.test(line.text) ? 2 : 1;
    default:
      return 2;
  }
}

interface Waiting {
  readonly line: QueuedLine;
  readonly rank: Rank;
}

export class RecordingQueue {
  /** Frames lost so far, by feed. */
  readonly dropped = new Map<FeedName, number>();
  /** Feeds with frames lost since the caller last cleared this. */
  readonly gaps = new Set<FeedName>();
  private waiting: Waiting[] = [];
  private head = 0;
  private chars = 0;
  /** How many wait of each rank, so that a full queue is searched only for what is there. */
  private readonly ranks: [number, number, number, number] = [0, 0, 0, 0];

  /** `marker` makes the line that says on the tape, where a feed's hole begins, that there is one. */
  constructor(
    private readonly maxChars: number,
    private readonly marker: (feed: FeedName, tReceive: number) => QueuedLine,
  ) {}

  get length(): number {
    return this.waiting.length - this.head;
  }
  /** Characters that wait. */
  get size(): number {
    return this.chars;
  }

  /** Appends a line, making room when there is none. Answers how many frames were lost for it, itself included. */
  push(line: QueuedLine): number {
    const rank = rankOf(line);
    const length = line.text.length;
    let lost = 0;
    if (this.chars + length > this.maxChars) {
      lost = this.makeRoom(rank, length);
      if (this.chars + length > this.maxChars && line.feed !== null) {
        if (!this.gaps.has(line.feed)) this.append(this.marker(line.feed, line.tReceive), 3);
        this.countDrop(line.feed);
        return lost + 1;
      }
    }
    this.append(line, rank);
    return lost;
  }

  private append(line: QueuedLine, rank: Rank): void {
    this.waiting.push({ line, rank });
    this.ranks[rank]++;
    this.chars += line.text.length;
  }

  /** Takes lines while `fits` agrees with the characters taken so far. */
  take(fits: (line: QueuedLine, takenChars: number) => boolean): QueuedLine[] {
    const out: QueuedLine[] = [];
    let taken = 0;
    for (; this.head < this.waiting.length; this.head++) {
      const { line, rank } = this.waiting[this.head]!;
      if (!fits(line, taken)) break;
      taken += line.text.length;
      this.ranks[rank]--;
      out.push(line);
    }
    this.chars -= taken;
    if (this.head * 2 > this.waiting.length) {
      this.waiting.splice(0, this.head);
      this.head = 0;
    }
    return out;
  }

  /** The oldest line; undefined when empty. */
  peek(): QueuedLine | undefined {
    return this.waiting[this.head]?.line;
  }

  /**
   * Drops waiting frames worth less than `rank`, the cheapest first and among them the newest, until an eighth of the
   * queue is free: in one sweep, so that a queue that stays full is not searched for every frame.
   */
  private makeRoom(rank: Rank, needed: number): number {
    const goal = Math.max(needed, this.maxChars >> 3);
    let lost = 0;
    for (let victim: Rank = 0; victim < rank && this.maxChars - this.chars < goal; victim++) {
      if (this.ranks[victim as Rank] > 0) lost += this.sweep(victim as Rank, goal);
    }
    return lost;
  }

  private sweep(victim: Rank, goal: number): number {
    const gone = new Set<number>();
    const oldest = new Map<FeedName, number>();
    for (let i = this.waiting.length - 1; i >= this.head && this.maxChars - this.chars < goal; i--) {
      const { line, rank } = this.waiting[i]!;
      if (rank !== victim || line.feed === null) continue;
      gone.add(i);
      oldest.set(line.feed, i);
      this.countDrop(line.feed);
      this.ranks[rank]--;
      this.chars -= line.text.length;
    }
    const before = this.waiting;
    const from = this.head;
    this.waiting = [];
    this.head = 0;
    for (let i = from; i < before.length; i++) {
      const item = before[i]!;
      if (!gone.has(i)) this.waiting.push(item);
      else if (item.line.feed !== null && oldest.get(item.line.feed) === i) {
        this.append(this.marker(item.line.feed, item.line.tReceive), 3);
      }
    }
    return gone.size;
  }

  private countDrop(feed: FeedName): void {
    this.dropped.set(feed, (this.dropped.get(feed) ?? 0) + 1);
    this.gaps.add(feed);
  }
}
