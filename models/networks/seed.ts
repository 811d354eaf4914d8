/** The seeds' first two networks (phases 1 to 4): 18-128-128-3 decides, 18-128-128-1 values; 38,404 parameters. */
import type { NetworkSpec } from "./spec.ts";

export const SEED_ACTOR: NetworkSpec = {
  name: "seed-actor",
  features: 18,
  history: 1,
  layers: [{ dense: 128 }, "tanh", { dense: 128 }, "tanh", { dense: 3 }, "logSoftmax"],
};

export const SEED_CRITIC: NetworkSpec = {
  name: "seed-critic",
  features: 18,
  history: 1,
  layers: [{ dense: 128 }, "tanh", { dense: 128 }, "tanh", { dense: 1 }],
};
