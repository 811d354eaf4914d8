/** What is known of one window: its books, strike, the Up mid's recent history, and how it ended. */
import type { FastVenue } from "../events.ts";
import { OrderBook } from "../market/book.ts";
import type { Instrument, Outcome } from "../market/instrument.ts";
import { PRICE_SCALE } from "../units.ts";

/** The Up mid is sampled twice a second on the time grid: five minutes are 600 samples. */
export const MID_SAMPLE_MS = 500;
const MID_SAMPLES = 600;
/** Half a minute of mids before a standard deviation is called one. */
const MID_MINIMUM = 60;

export interface Strike {
  readonly value: number;
  readonly exact: string;
  readonly basis: "chainlink" | FastVenue;
}

export class WindowState {
  readonly up = new OrderBook();
  readonly down = new OrderBook();
  strike: Strike | null = null;
  winner: Outcome | null = null;
  /** Our own reading of the prints at the window's end, until the venue has spoken. */
  provisionalWinner: Outcome | null = null;
  /** Last executable bids seen, for marking positions when a book is gone; 0 when none was ever seen. */
  upMark = 0;
  downMark = 0;
  upBookAtMs = -Infinity;
  downBookAtMs = -Infinity;
  /** Exchange stamp of the newest book datum of either token. */
  bookExchangeMs = -Infinity;

  // Doubled mids are integers, so the running sums are exact. -1 marks a sample without two sides.
  private readonly mids = new Int32Array(MID_SAMPLES).fill(-1);
  private midIndex = 0;
  private midSum = 0;
  private midSquares = 0;
  private midCount = 0;
  private sampleAt = -1;

  constructor(public instrument: Instrument) {}

  /** Up mid as a probability, NaN unless the Up book has two sides: one side is no price. */
  get upMid(): number {
    return this.up.mid / PRICE_SCALE;
  }

  /** Takes the samples that are due up to `now`; called before the state changes, so that a sample is what held then. */
  sampleMids(now: number): void {
    const due = Math.floor(now / MID_SAMPLE_MS);
    if (this.sampleAt < 0) this.sampleAt = due - 1;
    if (due - this.sampleAt > MID_SAMPLES) this.sampleAt = due - MID_SAMPLES;
    while (this.sampleAt < due) {
      this.pushMid(this.up.trusted && !this.up.crossed ? this.up.mid : NaN);
      this.sampleAt++;
    }
  }

  private pushMid(mid: number): void {
    const old = this.mids[this.midIndex]!;
    if (old >= 0) {
      this.midSum -= old;
      this.midSquares -= old * old;
      this.midCount--;
    }
    const doubled = Number.isNaN(mid) ? -1 : mid * 2;
    this.mids[this.midIndex] = doubled;
    if (doubled >= 0) {
      this.midSum += doubled;
      this.midSquares += doubled * doubled;
      this.midCount++;
    }
    this.midIndex = (this.midIndex + 1) % MID_SAMPLES;
  }

  /** Population standard deviation of the Up mid over the last five minutes, as a probability; NaN below half a minute. */
  midDeviation(): number {
    if (this.midCount < MID_MINIMUM) return NaN;
    const mean = this.midSum / this.midCount;
    return Math.sqrt(Math.max(0, this.midSquares / this.midCount - mean * mean)) / (2 * PRICE_SCALE);
  }

  /** Up mid now minus the sample `ticks` half seconds back, as a probability; NaN where either is missing. */
  velocity(ticks: number): number {
    const past = this.mids[(this.midIndex - ticks + 2 * MID_SAMPLES) % MID_SAMPLES]!;
    // Subtracted as integers: a move of exactly three cents must be the same number wherever it happens.
    return past < 0 ? NaN : (this.up.mid * 2 - past) / (2 * PRICE_SCALE);
  }

  book(outcome: Outcome): OrderBook {
    return outcome === "up" ? this.up : this.down;
  }

  /** Receive time of the newest datum of the older of the two books. */
  get bookAtMs(): number {
    return Math.min(this.upBookAtMs, this.downBookAtMs);
  }
}
