/** What a session was made of, as data: written when it begins, and turned back into an engine when it is replayed. */
import { createHash } from "node:crypto";
import type { EngineOptions } from "../../core/engine.ts";
import { OperationError } from "../../core/errors.ts";
import { arithmeticFingerprint } from "../../core/exact_math.ts";
import { FEATURE_NAMES } from "../../core/features/vector.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Sizing } from "../../core/policy/sizing.ts";
import { DEFAULT_LIMITS, type RiskLimits } from "../../core/risk/gate.ts";
import type { Usdc } from "../../core/units.ts";
import { SESSION_SCHEMA, type SessionStart } from "../../feeds/session/format.ts";
import type { LoadedModel } from "../../models/file/open.ts";
import type { Config } from "../config/schema.ts";
import { VERSION } from "../version.ts";
import { policyOf, strategyParams } from "./settings.ts";

const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** The code that decides, as far as a number can tell: version, inputs of the policies, arithmetic of this machine. */
export const codeIdentity = (): SessionStart["code"] => ({
  version: VERSION,
  features: digest([SESSION_SCHEMA, FEATURE_NAMES]).slice(0, 16),
  arithmetic: arithmeticFingerprint(),
});

export interface StartInput {
  readonly id: string;
  readonly mode: SessionStart["mode"];
  readonly source: SessionStart["source"];
  readonly config: Config;
  readonly seed: number;
  /** As the session's engine is made, whatever the configuration says. */
  readonly engine: EngineOptions;
}

/** Describes a session that is about to begin. */
export function sessionStart(input: StartInput): SessionStart {
  const { config, engine } = input;
  return {
    id: input.id,
    mode: input.mode,
    source: input.source,
    venue: input.source === "tape" ? "tape" : config.venue,
    code: codeIdentity(),
    strategy: {
      name: engine.policy.name,
      seed: input.seed,
      params: { ...strategyParams(config.strategy.params) },
      ...(engine.policy.model === undefined ? {} : { model: engine.policy.model }),
    },
    sizing: engine.sizing,
    limits: { ...engine.limits },
    bankroll: engine.bankroll,
    credit: engine.credit ?? null,
    orderMaxAgeMs: engine.orderMaxAgeMs,
    decideEveryMs: engine.decideEveryMs ?? null,
    slippageTicks: engine.slippageTicks ?? null,
    assets: [...config.assets],
    durations: [...config.durations],
    config: digest(config),
  };
}

function limitsOf(limits: SessionStart["limits"], id: string): RiskLimits {
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    if (typeof limits[name] === typeof value) continue;
    throw otherCode(id, `its limit ${name} is ${JSON.stringify(limits[name])}`);
  }
  return limits as unknown as RiskLimits;
}

const otherCode = (id: string, why: string): OperationError =>
  new OperationError({
    code: "REPLAY_OTHER_CODE",
    message: `Cannot replay ${id} with this program: ${why}`,
    hint: "Replay it with the version that recorded it (session.json names it).",
  });

/** The policy that decided a session: of the model whose digest it names, else of its strategy. */
function policyOfStart({ id, strategy }: SessionStart, model: LoadedModel | null): Policy {
  if (strategy.model === undefined) return policyOf(strategy.name, strategy.seed, strategy.params);
  if (model?.sha256 === strategy.model) return model.policy();
  throw new OperationError({
    code: "MODEL_NOT_FOUND",
    message: `Cannot replay ${id}: it was decided by the model ${strategy.model}, which was not given`,
    hint: "Pass the model's file with --model.",
  });
}

/**
 * Engine options of a recorded session; `model` is the one it names. Throws MODEL_NOT_FOUND without it, REPLAY_OTHER_CODE
 * when this program cannot make them.
 */
export function engineOf(start: SessionStart, model: LoadedModel | null = null): EngineOptions {
  let policy: Policy;
  try {
    policy = policyOfStart(start, model);
  } catch (error) {
    if (!(error instanceof OperationError) || error.code === "MODEL_NOT_FOUND") throw error;
    throw otherCode(start.id, error.message);
  }
  return {
    policy,
    sizing: start.sizing as Sizing,
    limits: limitsOf(start.limits, start.id),
    bankroll: start.bankroll as Usdc,
    orderMaxAgeMs: start.orderMaxAgeMs,
    ...(start.credit === null ? {} : { credit: start.credit as Usdc }),
    ...(start.decideEveryMs === null ? {} : { decideEveryMs: start.decideEveryMs }),
    ...(start.slippageTicks === null ? {} : { slippageTicks: start.slippageTicks }),
  };
}

/** How the code that recorded differs from this program; null when it does not. */
export function codeDifference(start: SessionStart): string | null {
  const now = codeIdentity();
  const parts = (["version", "features", "arithmetic"] as const)
    .filter((key) => start.code[key] !== now[key])
    .map((key) => `${key} ${start.code[key]}, here ${now[key]}`);
  return parts.length === 0 ? null : parts.join("; ");
}
