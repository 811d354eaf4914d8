/** From the engine's features to an observation, the same in training and live. */
import { FEATURE_COUNT, type FeatureVector } from "../../core/features/vector.ts";

/** Writes the 18 features to `to` from `at`. A network needs a number for an absent one: it takes 0. */
export function writeObservation(features: FeatureVector, to: Float32Array, at: number): void {
  const { values, present } = features;
  for (let i = 0; i < FEATURE_COUNT; i++) {
    // Each branch stores by itself: a choice between a double and a small integer is boxed by the middle compiler tier.
    if (present[i] === 1) to[at + i] = values[i]!;
    else to[at + i] = 0;
  }
}
