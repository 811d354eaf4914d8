/**
 * Where a resting order stands among those at its price, and when its turn comes. The venue shows totals, not orders, so
 * the place has to be assumed. Arriving, an order stands behind everything displayed at its price; public trades at its
 * price take from the front; what else leaves the level was cancelled, and the models differ in who cancelled:
 *
 * - `riskAverse`: those behind us, as long as the displayed total allows it. Errs against us.
 * - `proportional`: those ahead and those behind in proportion to their sizes. Errs towards us when old orders are
 *   stickier than new ones.
 * - `lastInQueue`: nothing is known of the queue; the order fills when the market trades through its price or quotes at it
 *   from the other side. Errs against us.
 * - `tradeThroughOnly`: as `lastInQueue`, and quotes prove nothing; only a trade beyond the price fills. Errs against us
 *   most; on a recording without trades a resting order never fills.
 *
 * All of them assume that a trade beyond our price would have met us first, for as much as it traded.
 */
import { mulDivFloor } from "../units.ts";
import type { Assumption } from "./assumption.ts";

export type QueueName = "riskAverse" | "proportional" | "lastInQueue" | "tradeThroughOnly";
export const QUEUE_NAMES = ["lastInQueue", "riskAverse", "proportional", "tradeThroughOnly"] as const;

/** One order's place. Sizes in millionths of a share. */
export interface QueuePlace {
  /** Shares of others that go first. */
  ahead: number;
  /** What the level showed when it was last stated. */
  shown: number;
  /** Traded at the price and not yet seen in the displayed total. */
  printed: number;
  /** Last fall of the total that no trade explains yet; `aheadBefore` is where we stood before it. */
  dropped: number;
  droppedAt: number;
  aheadBefore: number;
}

export interface QueueModel {
  readonly name: QueueName;
  /** Trades at the very price reach us once those ahead are served. */
  readonly tradesAtPrice: boolean;
  /** A quote from the other side at our price or through it has reached us. */
  readonly quotesReach: boolean;
  /** New `ahead` after `gone` shares were cancelled at a level that showed `before`. */
  cancelled(ahead: number, gone: number, before: number): number;
  readonly errs: string;
}

export const riskAverse: QueueModel = {
  name: "riskAverse",
  tradesAtPrice: true,
  quotesReach: true,
  cancelled: (ahead) => ahead,
  errs: "against us: every cancel is behind us",
};
export const proportional: QueueModel = {
  name: "proportional",
  tradesAtPrice: true,
  quotesReach: true,
  cancelled: (ahead, gone, before) =>
    before <= 0 ? ahead : ahead - mulDivFloor(gone, Math.min(ahead, before), before),
  errs: "towards us when those ahead cancel less than those behind",
};
export const lastInQueue: QueueModel = {
  name: "lastInQueue",
  tradesAtPrice: false,
  quotesReach: true,
  cancelled: (ahead) => ahead,
  errs: "against us: trades at the price never reach us",
};
export const tradeThroughOnly: QueueModel = {
  name: "tradeThroughOnly",
  tradesAtPrice: false,
  quotesReach: false,
  cancelled: (ahead) => ahead,
  errs: "against us most: only trades beyond the price fill",
};

const MODELS: Readonly<Record<QueueName, QueueModel>> = {
  riskAverse,
  proportional,
  lastInQueue,
  tradeThroughOnly,
};
export const queueModel = (name: QueueName): QueueModel => MODELS[name];

/**
 * A trade and the change of its level are two frames, and either may come first. A fall of the displayed total is taken
 * for the trade's own when their venue stamps are this close: counted as both it would move us forward twice.
 */
export const TRADE_AFTER_LEVEL_MS = 50;

/** A place behind `shown`; `known` false (no trusted book): behind whatever the next statement shows. */
export const enterQueue = (shown: number, known: boolean): QueuePlace => ({
  ahead: known ? shown : Number.MAX_SAFE_INTEGER,
  shown: known ? shown : Number.MAX_SAFE_INTEGER,
  printed: 0,
  dropped: 0,
  droppedAt: -Infinity,
  aheadBefore: 0,
});

/** The level's displayed total is now `total`; `anew` after a snapshot, which owes nothing to earlier trades. */
export function levelStated(
  model: QueueModel,
  place: QueuePlace,
  total: number,
  at: number,
  anew: boolean,
): void {
  const fall = place.shown - total;
  if (fall < 0) place.dropped = 0;
  if (fall > 0 && place.shown < Number.MAX_SAFE_INTEGER) {
    const traded = Math.min(fall, place.printed);
    place.printed -= traded;
    const gone = fall - traded;
    if (gone > 0) {
      place.aheadBefore = place.ahead;
      place.dropped = gone;
      place.droppedAt = at;
      place.ahead = model.cancelled(place.ahead, gone, place.shown - traded);
    }
  }
  place.shown = total;
  place.ahead = Math.min(place.ahead, total);
  if (anew) place.printed = 0;
}

/**
 * A trade of `size` at the price is about to be counted: when the level's fall was already seen, goes back to where we
 * stood before it, so that the trade is counted once. Returns how much of the fall was this trade.
 */
export function beforeTrade(place: QueuePlace, size: number, at: number): number {
  if (place.dropped <= 0 || at - place.droppedAt > TRADE_AFTER_LEVEL_MS) return 0;
  const same = Math.min(size, place.dropped);
  place.ahead = place.aheadBefore;
  place.dropped -= same;
  return same;
}

/** The trade took `passed` shares of others from the front; `same` is what `beforeTrade` said, `size` the whole trade. */
export function afterTrade(
  model: QueueModel,
  place: QueuePlace,
  size: number,
  passed: number,
  same: number,
): void {
  place.ahead = Math.max(0, place.ahead - passed);
  place.printed += size - same;
  if (same === 0) return;
  place.aheadBefore = place.ahead;
  if (place.dropped > 0) {
    place.ahead = model.cancelled(place.ahead, place.dropped, place.shown + place.dropped);
  }
  place.ahead = Math.min(place.ahead, place.shown);
}

export const describeQueue = ({ name, errs }: QueueModel): Assumption => ({
  unit: "queue",
  name,
  parameters: {},
  errs,
});
