/**
 * The seeds' temporal networks (phase 5): each has an encoder 90-64-32 of its own over the last five vectors and sees
 * the newest vector beside its output; 15,971 + 22,785 parameters.
 */
import type { LayerSpec, NetworkSpec } from "./spec.ts";

const ENCODER: readonly LayerSpec[] = [
  { dense: 64 },
  "layerNorm",
  "tanh",
  { dense: 32 },
  "layerNorm",
  "tanh",
];

const trunk = (width: number): LayerSpec[] => [
  { dense: width },
  "layerNorm",
  "tanh",
  { dense: width },
  "layerNorm",
  "tanh",
];

export const TEMPORAL_ACTOR: NetworkSpec = {
  name: "temporal-actor",
  features: 18,
  history: 5,
  encoder: ENCODER,
  layers: [...trunk(64), { dense: 3 }, "logSoftmax"],
};

export const TEMPORAL_CRITIC: NetworkSpec = {
  name: "temporal-critic",
  features: 18,
  history: 5,
  encoder: ENCODER,
  layers: [...trunk(96), { dense: 1 }],
};
