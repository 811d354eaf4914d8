/**
 * What decides. A policy looks at one window and says hold, want Up, want Down, or close; the engine turns that into
 * orders, so that sizing, rounding and limits are the same for every policy.
 */
import type { FeatureVector } from "../features/vector.ts";
import type { Instrument } from "../market/instrument.ts";

export const HOLD = 0;
export const WANT_UP = 1;
export const WANT_DOWN = 2;
export const CLOSE = 3;
export type Action = typeof HOLD | typeof WANT_UP | typeof WANT_DOWN | typeof CLOSE;
export const ACTION_NAMES = ["hold", "up", "down", "close"] as const;

/** Inputs a policy cannot do without: the gate refuses its orders while one of them is stale. */
export interface PolicyNeeds {
  readonly fast: boolean;
  /** Oracle prints, wherever the strike is the oracle's and the fast price is moved to it by a measured basis. */
  readonly oracle: boolean;
  readonly strike: boolean;
}

/** One window as a policy sees it. Reused between calls: read it, do not keep it. Prices in 1/10000, -1 when absent. */
export interface MarketView {
  now: number;
  instrument: Instrument;
  /** Time left as a fraction of the window, 0..1. */
  timeRemaining: number;
  upBid: number;
  upAsk: number;
  downBid: number;
  downAsk: number;
  /** Up mid as a probability, NaN without two sides. */
  upMid: number;
  /** Change of the Up mid over the last 2 s, NaN when not known. */
  velocity: number;
  /** Model probability of Up, NaN when strike, price or volatility is not known. */
  fairUp: number;
  features: FeatureVector;
  /** +1 holding Up, -1 holding Down, 0 flat. */
  side: number;
  /** Probability of Up that the policy stands for, NaN if it has none: read by Kelly sizing. Reset before each call. */
  probabilityUp: number;
}

/** A policy's way to decide for several windows in one go, where that is cheaper than one by one. */
export interface PolicyBatch {
  /** Windows at most in one call. */
  readonly most: number;
  /** `actions[i]` for `views[i]`, i below `count`; the same as `decide()` on each in turn. The views differ in their window. */
  decide(views: readonly MarketView[], count: number, actions: Int32Array): void;
}

export interface Policy {
  readonly name: string;
  readonly needs: PolicyNeeds;
  /** How often it wants to be asked, venue ms on the time grid. */
  readonly decideEveryMs: number;
  /** Whether it states a probability (Kelly sizing needs one). */
  readonly statesProbability: boolean;
  /** SHA-256 of the model file that it came from; absent for a policy that is code. */
  readonly model?: string;
  /** What every report must say of it, such as that its edge is not proven. */
  readonly caution?: string;
  decide(view: MarketView): Action;
  /** Absent where each window is decided by itself. */
  readonly batch?: PolicyBatch;
}

/** Asks a policy about `count` windows: together where it can, else one by one, in their order. */
export function decideTogether(
  policy: Policy,
  views: readonly MarketView[],
  count: number,
  actions: Int32Array,
): void {
  const { batch } = policy;
  if (batch === undefined || count < 2) {
    for (let i = 0; i < count; i++) actions[i] = policy.decide(views[i]!);
    return;
  }
  if (count <= batch.most) return batch.decide(views, count, actions);
  for (let from = 0; from < count; from += batch.most) {
    const part = views.slice(from, Math.min(count, from + batch.most));
    batch.decide(part, part.length, actions.subarray(from));
  }
}
