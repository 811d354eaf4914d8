import { newFeatureVector } from "../../../core/features/vector.ts";
import type { MarketView } from "../../../core/policy/policy.ts";
import { seededRandom } from "../../../core/random.ts";
import { instrument, p, START } from "../../core/helpers.ts";

/** A view with features of chance, some of them absent. */
export function viewOf(market: number, tick: number): MarketView {
  const random = seededRandom(1000 * market + tick);
  const features = newFeatureVector();
  for (let i = 0; i < 18; i++) {
    features.values[i] = random() < 0.1 ? NaN : 2 * random() - 1;
    features.present[i] = Number.isNaN(features.values[i]) ? 0 : 1;
  }
  return {
    now: START + 500 * tick,
    instrument: instrument({ conditionId: `0x${market}` }),
    timeRemaining: 0.5,
    upBid: p(0.50),
    upAsk: p(0.51),
    downBid: p(0.49),
    downAsk: p(0.50),
    upMid: 0.505,
    velocity: 0,
    fairUp: NaN,
    features,
    side: 0,
    probabilityUp: NaN,
  };
}
