/**
 * Our own mark on a book that was recorded without us. What we took is gone for us; the question is for how long.
 *
 * The frames that follow describe a world in which our fill never happened. A snapshot or delta that says "120 at this
 * level" after we took 50 still counts our 50 among the 120. So:
 *
 * - `untilSnapshot`: a delta that states total T leaves T - taken for us, and the mark can never be larger than T (our
 *   shares are the last of the level to leave); a level that goes to zero takes its mark along. A snapshot of the token
 *   forgets all marks: by then the recorded market has had its chance to refill. Default. Errs towards us on recordings
 *   made of frequent snapshots.
 * - `untilRestated`: any statement about the level ends the mark. Errs towards us: a stranger's cancel gives us our
 *   shares back.
 * - `persistent`: as `untilSnapshot`, and a snapshot is only one more statement. Errs against us: nobody ever refills what
 *   we took.
 *
 * All of them assume that nobody reacts to our fill. Errs towards us for sizes that others would notice.
 */
import { ASK, BID, type BookSide, type OrderBook } from "../market/book.ts";
import { PRICE_SCALE } from "../units.ts";
import type { Assumption } from "./assumption.ts";

export type ImpactName = "untilSnapshot" | "untilRestated" | "persistent";
export const IMPACT_NAMES = ["untilSnapshot", "untilRestated", "persistent"] as const;

export interface ImpactModel {
  readonly name: ImpactName;
  /** Shares of ours that stay taken when a delta states `total` at the level. */
  afterDelta(taken: number, total: number): number;
  /** The same for a snapshot. */
  afterSnapshot(taken: number, total: number): number;
  readonly errs: string;
}

const stays = (taken: number, total: number): number => Math.min(taken, total);
const ends = (): number => 0;

const MODELS: Readonly<Record<ImpactName, ImpactModel>> = {
  untilSnapshot: {
    name: "untilSnapshot",
    afterDelta: stays,
    afterSnapshot: ends,
    errs: "towards us where snapshots are frequent",
  },
  untilRestated: {
    name: "untilRestated",
    afterDelta: ends,
    afterSnapshot: ends,
    errs: "towards us: any frame about a level gives back what we took of it",
  },
  persistent: {
    name: "persistent",
    afterDelta: stays,
    afterSnapshot: stays,
    errs: "against us: what we took is never refilled",
  },
};
export const impactModel = (name: ImpactName): ImpactModel => MODELS[name];

interface Mark {
  /** Taken when older frames were the newest. */
  old: number;
  /** Taken since the market's newest frame had `stamp`. */
  fresh: number;
  stamp: number;
}

/**
 * Marks on one token's book. Empty until we have traded: then every call is one comparison.
 *
 * The two tokens show one book in two frames. A frame whose stamp is not newer than what we traded on still tells of the
 * state we traded on: it never ends a mark, so no share is met once on each token.
 */
export class ImpactMarks {
  /** By level; asks are kept at price + PRICE_SCALE + 1. */
  private readonly marks = new Map<number, Mark>();

  /** Our fill: the shares leave the book that we see. `stamp` is that of the market's newest book frame. */
  take(book: OrderBook, side: BookSide, at: number, size: number, stamp: number): void {
    const key = side === BID ? at : at + PRICE_SCALE + 1;
    const mark = this.marks.get(key);
    if (mark === undefined) this.marks.set(key, { old: 0, fresh: size, stamp });
    else if (stamp > mark.stamp) this.marks.set(key, { old: mark.old + mark.fresh, fresh: size, stamp });
    else mark.fresh += size;
    book.consume(side, at, size);
  }

  /** Call after a delta of that stamp was applied; `mirrored` when it was the other token's. */
  afterDelta(
    model: ImpactModel,
    book: OrderBook,
    changes: readonly number[],
    stamp: number,
    mirrored = false,
  ): void {
    if (this.marks.size === 0) return;
    for (let i = 0; i + 2 < changes.length; i += 3) {
      const onBids = (changes[i] === BID) !== mirrored;
      const at = mirrored ? PRICE_SCALE - changes[i + 1]! : changes[i + 1]!;
      this.renew(book, onBids ? at : at + PRICE_SCALE + 1, stamp, model.afterDelta);
    }
  }

  /** Call after a snapshot of that stamp was applied. */
  afterSnapshot(model: ImpactModel, book: OrderBook, stamp: number): void {
    if (this.marks.size === 0) return;
    for (const key of [...this.marks.keys()]) this.renew(book, key, stamp, model.afterSnapshot);
  }

  private renew(book: OrderBook, key: number, stamp: number, rule: ImpactModel["afterDelta"]): void {
    const mark = this.marks.get(key);
    if (mark === undefined) return;
    const side: BookSide = key <= PRICE_SCALE ? BID : ASK;
    const at = key <= PRICE_SCALE ? key : key - PRICE_SCALE - 1;
    const total = book.sizeAt(side, at);
    const { old, fresh } = mark;
    const left = stamp > mark.stamp
      ? rule(old + fresh, total)
      : stays((stamp === mark.stamp ? rule(old, total) : old) + fresh, total);
    if (left <= 0) return void this.marks.delete(key);
    mark.fresh = stamp > mark.stamp ? 0 : Math.min(fresh, left);
    mark.old = left - mark.fresh;
    book.consume(side, at, left);
  }

  /** The book was dropped: what comes next is another book. */
  clear(): void {
    if (this.marks.size > 0) this.marks.clear();
  }
}

export const describeImpact = ({ name, errs }: ImpactModel): Assumption => ({
  unit: "market impact",
  name,
  parameters: {},
  errs,
});
