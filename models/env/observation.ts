/**
 * What a market's row shows to the learner: the seeds' 18 features, or these and six more ("edge"). The 18 do not hold
 * the price of the token at all: whoever sees only them cannot know whether a share is cheap.
 *
 * | # | name | input |
 * |---|---|---|
 * | 18 | up_mid | 2 x Up mid - 1 |
 * | 19 | velocity | clip(10 x change of the Up mid over 2 s) |
 * | 20 | fair_up | 2 x fair value of Up - 1 |
 * | 21 | edge_up | clip(4 x (fair value - cost of one Up share at the ask, fee included)) |
 * | 22 | edge_down | same for Down |
 * | 23 | edge_close | clip(4 x (proceeds of one held share at the bid, fee deducted - its fair value)), 0 without a position |
 *
 * Absent ones are 0, as everywhere in observations.
 */
import { FEATURE_COUNT } from "../../core/features/vector.ts";
import { feePerShare } from "../../core/market/fees.ts";
import type { MarketView } from "../../core/policy/policy.ts";
import { PRICE_SCALE } from "../../core/units.ts";
import { writeObservation } from "../ppo/observation.ts";

export const OBSERVATION_SETS = ["seeds", "edge"] as const;
export type ObservationSet = typeof OBSERVATION_SETS[number];

export const EDGE_NAMES = ["up_mid", "velocity", "fair_up", "edge_up", "edge_down", "edge_close"] as const;
export const EDGE_COUNT = FEATURE_COUNT + EDGE_NAMES.length;

/** Numbers of one observation. */
export const observationSize = (set: ObservationSet): number => set === "seeds" ? FEATURE_COUNT : EDGE_COUNT;

const clip = (x: number): number => x > 1 ? 1 : x < -1 ? -1 : x;
const orZero = (x: number): number => Number.isNaN(x) ? 0 : x;

/** Fair value less the cost of taking one share at `ask`. */
function buyEdge(view: MarketView, worth: number, ask: number): number {
  const { fee } = view.instrument;
  return ask < 0 || fee === null ? NaN : worth - ask / PRICE_SCALE - feePerShare(fee, ask);
}

/** Proceeds of selling one held share at its bid, less what it is worth. */
function closeEdge(view: MarketView): number {
  const { fee } = view.instrument;
  const bid = view.side > 0 ? view.upBid : view.downBid;
  const worth = view.side > 0 ? view.fairUp : 1 - view.fairUp;
  return view.side === 0 || bid < 0 || fee === null ? NaN : bid / PRICE_SCALE - feePerShare(fee, bid) - worth;
}

/** Writes a view's observation to `to` from `at`; `size` is 18 or 24 and says which set. */
export function writeView(view: MarketView, size: number, to: Float32Array, at: number): void {
  writeObservation(view.features, to, at);
  if (size === FEATURE_COUNT) return;
  const { fairUp } = view;
  to[at + 18] = orZero(2 * view.upMid - 1);
  to[at + 19] = orZero(clip(10 * view.velocity));
  to[at + 20] = orZero(2 * fairUp - 1);
  to[at + 21] = orZero(clip(4 * buyEdge(view, fairUp, view.upAsk)));
  to[at + 22] = orZero(clip(4 * buyEdge(view, 1 - fairUp, view.downAsk)));
  to[at + 23] = orZero(clip(4 * closeEdge(view)));
}
