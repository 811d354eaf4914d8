/** The trainer's settings; defaults are the seeds' (phases 2 to 4 and phase 5). */
import { OperationError } from "../../core/errors.ts";
import { COLLAPSE_DEFAULTS, type CollapseOptions } from "./collapse.ts";

export interface PpoOptions {
  /** Adam's learning rates of the two networks. */
  readonly actorRate: number;
  readonly criticRate: number;
  /** "linear" falls to 0 over `scheduleUpdates` updates. */
  readonly rateSchedule: "constant" | "linear";
  /** Updates of the linear schedule; not read for "constant". */
  readonly scheduleUpdates: number;
  readonly gamma: number;
  readonly lambda: number;
  /** Of the probability ratio, and of the value's move when `clipValue`. */
  readonly clip: number;
  readonly clipValue: boolean;
  readonly entropyCoef: number;
  /** Factor of the critic's loss. The seeds store it and never apply it; here it counts (before the gradient clip). */
  readonly valueCoef: number;
  /** Largest Euclidean norm of the gradient, per network. */
  readonly maxGradNorm: number;
  readonly epochs: number;
  readonly minibatch: number;
  /** An update ends after the epoch whose mean KL is above this; 0: never. */
  readonly targetKl: number;
  /** Samples of one update over all rows of the environment (a multiple of their number). */
  readonly samples: number;
  /** Advantages minus their mean, by their deviation, once per update. */
  readonly normaliseAdvantage: boolean;
  readonly normaliseObservations: boolean;
  /** Rewards divided by the running deviation of the discounted return. Never centred. */
  readonly scaleRewards: boolean;
  readonly collapse: CollapseOptions;
}

/** Phases 2 to 4, for the 18-128-128 networks. */
export const SEED_DEFAULTS: PpoOptions = {
  actorRate: 1e-4,
  criticRate: 3e-4,
  rateSchedule: "constant",
  scheduleUpdates: 0,
  gamma: 0.99,
  lambda: 0.95,
  clip: 0.2,
  clipValue: true,
  entropyCoef: 0.1,
  valueCoef: 0.5,
  maxGradNorm: 0.5,
  epochs: 10,
  minibatch: 64,
  targetKl: 0.02,
  samples: 512,
  normaliseAdvantage: true,
  normaliseObservations: true,
  scaleRewards: true,
  collapse: COLLAPSE_DEFAULTS,
};

/** Phase 5, for the temporal networks. */
export const TEMPORAL_DEFAULTS: PpoOptions = {
  ...SEED_DEFAULTS,
  gamma: 0.95,
  entropyCoef: 0.03,
  samples: 256,
};

const within = (low: number, high: number) => (value: number): boolean => value >= low && value <= high;
const count = (value: number): boolean => Number.isInteger(value) && value >= 1;
const RULES: Partial<Record<keyof PpoOptions, (value: number) => boolean>> = {
  actorRate: within(0, 1),
  criticRate: within(0, 1),
  gamma: within(0, 1),
  lambda: within(0, 1),
  clip: within(0, 10),
  entropyCoef: within(0, 10),
  valueCoef: within(0, 100),
  maxGradNorm: within(1e-6, Infinity),
  epochs: count,
  minibatch: count,
  targetKl: within(0, Infinity),
  samples: count,
};

/** Throws PPO_OPTION_INVALID (exit 2) for a setting out of its range. */
export function checkOptions(options: PpoOptions, numEnvs: number): void {
  const refuse = (name: string, value: unknown, hint: string): never => {
    throw new OperationError({
      code: "PPO_OPTION_INVALID",
      message: `Cannot train with ${name} as given: current value is ${value}`,
      hint,
      exit: 2,
    });
  };
  for (const [name, holds] of Object.entries(RULES)) {
    const value = options[name as keyof PpoOptions] as number;
    if (!holds(value)) refuse(name, value, "docs/learning.md lists the ranges.");
  }
  if (options.samples % numEnvs !== 0) {
    refuse("samples", options.samples, `Use a multiple of the environment's ${numEnvs} rows.`);
  }
  if (options.rateSchedule === "linear" && !count(options.scheduleUpdates)) {
    refuse("scheduleUpdates", options.scheduleUpdates, "A linear schedule needs its number of updates.");
  }
}
