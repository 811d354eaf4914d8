/**
 * Collapse: a training that cannot come back. Detected from the diagnostics of each update, named, and the trainer
 * stops. The counters are plain data and part of the snapshot.
 */
import type { UpdateDiagnostics } from "./diagnostics.ts";

export interface CollapseOptions {
  readonly enabled: boolean;
  /** Entropy below this share of the uniform policy's (ln actions) is collapse ... */
  readonly entropyShare: number;
  /** ... as is one action's share of the samples above this ... */
  readonly actionShare: number;
  /** ... when it lasts so many updates. */
  readonly patience: number;
  /** A single update whose mean KL is above this has thrown the policy away. */
  readonly kl: number;
}

export const COLLAPSE_DEFAULTS: CollapseOptions = {
  enabled: true,
  entropyShare: 0.02,
  actionShare: 0.995,
  patience: 5,
  kl: 1,
};

/** Updates in a row that met a condition. */
export interface CollapseCounters {
  entropy: number;
  action: number;
}

export type Collapse =
  | { readonly kind: "none" }
  | {
    readonly kind: "collapsed";
    readonly reason: "not_finite" | "entropy" | "one_action" | "kl";
    /** The sentence to show, with the numbers. */
    readonly message: string;
  };

const collapsed = (reason: "not_finite" | "entropy" | "one_action" | "kl", message: string): Collapse => ({
  kind: "collapsed",
  reason,
  message,
});

/** Judges one update, counting in `counters`. `actions`: number of actions. */
export function detectCollapse(
  counters: CollapseCounters,
  diagnostics: UpdateDiagnostics,
  actions: number,
  options: CollapseOptions,
): Collapse {
  const { policyLoss, valueLoss, entropy, approxKl, actorGradNorm, criticGradNorm } = diagnostics;
  const numbers = { policyLoss, valueLoss, entropy, approxKl, actorGradNorm, criticGradNorm };
  const broken = Object.entries(numbers).find(([, value]) => !Number.isFinite(value));
  // Not optional: there is nothing to continue with.
  if (broken !== undefined) {
    return collapsed("not_finite", `${broken[0]} is ${broken[1]} in update ${diagnostics.update}`);
  }
  if (!options.enabled || actions < 2) return { kind: "none" };
  // The logarithm only sets a threshold; its last place does not matter.
  const share = entropy / Math.log(actions);
  const top = Math.max(...diagnostics.actionShares);
  counters.entropy = share < options.entropyShare ? counters.entropy + 1 : 0;
  counters.action = top > options.actionShare ? counters.action + 1 : 0;
  const lasted = `for ${options.patience} updates`;
  if (approxKl > options.kl) {
    return collapsed("kl", `mean KL ${approxKl.toPrecision(3)} in one update, limit ${options.kl}`);
  }
  if (counters.entropy >= options.patience) {
    return collapsed(
      "entropy",
      `entropy at ${(100 * share).toFixed(2)} % of uniform, below ${100 * options.entropyShare} % ${lasted}`,
    );
  }
  if (counters.action >= options.patience) {
    return collapsed(
      "one_action",
      `one action makes ${(100 * top).toFixed(2)} % of all, above ${100 * options.actionShare} % ${lasted}`,
    );
  }
  return { kind: "none" };
}
