/**
 * The seeds' gating baseline: a small random network 18 -> 32 (tanh) -> 3 (softmax) weighs mean-revert, momentum and
 * fade-spike, and the heaviest expert decides. Nothing ever trains the weights: it is a baseline, not a model.
 * Absent features enter as 0, stated here because the network has no other number for them.
 */
import { tanh } from "../exact_math.ts";
import { FEATURE_COUNT } from "../features/vector.ts";
import { bookPolicy, fadeSpikeRule, meanRevertRule, momentumRule } from "./baselines.ts";
import type { Policy } from "./policy.ts";

const HIDDEN = 32;
const EXPERTS = [meanRevertRule, momentumRule, fadeSpikeRule] as const;

/** `gaussian` returns standard normal draws; the same draws give the same network. */
export function gatingPolicy(gaussian: () => number): Policy {
  const scale1 = Math.sqrt(1 / FEATURE_COUNT);
  const scale2 = Math.sqrt(1 / HIDDEN);
  const w1 = Float64Array.from({ length: HIDDEN * FEATURE_COUNT }, () => gaussian() * scale1);
  const w2 = Float64Array.from({ length: EXPERTS.length * HIDDEN }, () => gaussian() * scale2);
  const hidden = new Float64Array(HIDDEN);
  return bookPolicy("gating", (view) => {
    const { values, present } = view.features;
    for (let h = 0; h < HIDDEN; h++) {
      let sum = 0;
      for (let i = 0; i < FEATURE_COUNT; i++) {
        if (present[i] === 1) sum += w1[h * FEATURE_COUNT + i]! * values[i]!;
      }
      hidden[h] = tanh(sum);
    }
    // The softmax keeps the order, so the heaviest expert is the largest logit.
    let best = 0;
    let bestLogit = -Infinity;
    for (let e = 0; e < EXPERTS.length; e++) {
      let logit = 0;
      for (let h = 0; h < HIDDEN; h++) logit += w2[e * HIDDEN + h]! * hidden[h]!;
      if (logit > bestLogit) {
        bestLogit = logit;
        best = e;
      }
    }
    return EXPERTS[best]!(view);
  });
}
