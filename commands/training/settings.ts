/** What a training is made of: plain data that is kept in its folder, so that a resumed training is the same one. */
import type { EngineOptions } from "../../core/engine.ts";
import { OperationError } from "../../core/errors.ts";
import type { Usdc } from "../../core/units.ts";
import { type ObservationSet, observationSize } from "../../models/env/observation.ts";
import type { RewardName } from "../../models/env/reward.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import type { NetworkSpec } from "../../models/networks/spec.ts";
import { TEMPORAL_ACTOR, TEMPORAL_CRITIC } from "../../models/networks/temporal.ts";
import { type PpoOptions, SEED_DEFAULTS, TEMPORAL_DEFAULTS } from "../../models/ppo/defaults.ts";
import type { Config } from "../config/schema.ts";
import { engineOptions } from "../trading/settings.ts";
import type { SyntheticMarket } from "./synthetic.ts";

export const NETWORKS = ["small", "seed", "temporal"] as const;
export type NetworkName = typeof NETWORKS[number];

/** Where the windows come from. */
export type Source =
  | { readonly kind: "synthetic"; readonly market: SyntheticMarket }
  | { readonly kind: "tape"; readonly names: readonly string[]; readonly judgeShare: number };

/** A JSON value. */
export interface TrainSettings {
  readonly source: Source;
  readonly rows: number;
  readonly decideEveryMs: number;
  readonly reward: RewardName;
  readonly observation: ObservationSet;
  readonly network: NetworkName;
  readonly ppo: PpoOptions;
  readonly seed: number;
  readonly config: Config;
}

/** Cash beyond the bankroll: stakes stay the same when it is gone, as in a backtest. */
const CREDIT = 1_000_000_000_000 as Usdc;

/** Engine options of a row and of the judge, without a policy. Throws what `engineOptions` throws, and TRAIN_SIZING. */
export function trainEngine(settings: TrainSettings, maxFastAgeMs = 0): Omit<EngineOptions, "policy"> {
  const { policy: _, ...options } = engineOptions(settings.config, {
    strategy: "hold",
    seed: settings.seed,
    stops: false,
  });
  if (options.sizing.mode !== "fixed") {
    throw new OperationError({
      code: "TRAIN_SIZING",
      message: `Cannot train with stakes that follow the bankroll: sizing.mode is ${options.sizing.mode}`,
      hint: "Use sizing.mode fixed: rewards are counted in stakes.",
      exit: 2,
    });
  }
  const { limits } = options;
  return {
    ...options,
    limits: { ...limits, maxFastAgeMs: Math.max(limits.maxFastAgeMs, maxFastAgeMs) },
    credit: CREDIT,
    decideEveryMs: settings.decideEveryMs,
  };
}

/** pUSD millionths of one trade, the unit of rewards. */
export const stakeOf = (engine: Omit<EngineOptions, "policy">): Usdc =>
  engine.sizing.mode === "fixed" ? engine.sizing.amount : 0 as Usdc;

const SMALL = 64;
const small = (features: number, name: string, outputs: number): NetworkSpec => ({
  name,
  features,
  history: 1,
  layers: [
    { dense: SMALL },
    "tanh",
    { dense: SMALL },
    "tanh",
    { dense: outputs },
    ...(outputs > 1 ? ["logSoftmax" as const] : []),
  ],
});

/** Actor and critic for an observation. */
export function networksOf(
  network: NetworkName,
  observation: ObservationSet,
): { readonly actor: NetworkSpec; readonly critic: NetworkSpec } {
  const features = observationSize(observation);
  const named = (spec: NetworkSpec): NetworkSpec => ({
    ...spec,
    features,
    name: observation === "seeds" ? spec.name : `${spec.name}-${observation}`,
  });
  switch (network) {
    case "small":
      return {
        actor: named(small(features, "small-actor", 3)),
        critic: named(small(features, "small-critic", 1)),
      };
    case "seed":
      return { actor: named(SEED_ACTOR), critic: named(SEED_CRITIC) };
    case "temporal":
      return { actor: named(TEMPORAL_ACTOR), critic: named(TEMPORAL_CRITIC) };
  }
}

/**
 * What `train` begins with for windows that are decided upon once a second. The seeds' own settings are for 512 samples of
 * four markets; `--recipe seeds` takes those.
 */
export const MARKET_PPO: PpoOptions = {
  ...SEED_DEFAULTS,
  samples: 2048,
  minibatch: 256,
  epochs: 6,
  gamma: 0.97,
  lambda: 0.9,
  entropyCoef: 0.005,
  actorRate: 5e-4,
  criticRate: 1e-3,
  targetKl: 0.03,
};

export const RECIPES = ["market", "seeds", "temporal"] as const;
export type RecipeName = typeof RECIPES[number];
export const RECIPE_OPTIONS: Readonly<Record<RecipeName, PpoOptions>> = {
  market: MARKET_PPO,
  seeds: SEED_DEFAULTS,
  temporal: TEMPORAL_DEFAULTS,
};
