/** Policies by name. Chance comes in as a seed. */
import { OperationError } from "../errors.ts";
import { nextGaussian, seededRandom } from "../random.ts";
import {
  bookPolicy,
  fadeSpikeRule,
  holdPolicy,
  meanRevertRule,
  momentumRule,
  randomPolicy,
} from "./baselines.ts";
import { FAIR_VALUE_DEFAULTS, type FairValueOptions, fairValuePolicy } from "./fair_value_policy.ts";
import { gatingPolicy } from "./gating.ts";
import type { Policy } from "./policy.ts";

export interface PolicyOptions {
  readonly seed: number;
  readonly fairValue?: Partial<FairValueOptions>;
}

const MAKERS: Readonly<Record<string, (options: PolicyOptions) => Policy>> = {
  "hold": holdPolicy,
  "random": ({ seed }) => randomPolicy(seededRandom(seed)),
  "momentum": () => bookPolicy("momentum", momentumRule),
  "mean-revert": () => bookPolicy("mean-revert", meanRevertRule),
  "fade-spike": () => bookPolicy("fade-spike", fadeSpikeRule),
  "gating": ({ seed }) => {
    const random = seededRandom(seed);
    return gatingPolicy(() => nextGaussian(random));
  },
  "fair-value": ({ fairValue }) => fairValuePolicy({ ...FAIR_VALUE_DEFAULTS, ...fairValue }),
};

export const POLICY_NAMES: readonly string[] = Object.keys(MAKERS);

/** Makes a policy. Throws STRATEGY_UNKNOWN (exit 2) for a name that is not registered. */
export function makePolicy(name: string, options: PolicyOptions): Policy {
  const maker = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
  if (maker === undefined) {
    throw new OperationError({
      code: "STRATEGY_UNKNOWN",
      message: `Cannot use "${name}" as strategy: known are ${POLICY_NAMES.join(", ")}`,
      hint: "Pass one of them to --strategy.",
      exit: 2,
    });
  }
  return maker(options);
}
