/**
 * What live trading wants before it begins. Each condition is checked every time and everything that is missing is told at
 * once; there is no way round it and no fall-back to paper.
 */
import { OperationError } from "../../core/errors.ts";
import type { LatchState } from "../../feeds/journal/latch.ts";
import type { OpenAccount } from "../account.ts";
import type { CommandContext } from "../command.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { spanText } from "../output.ts";
import { configOf, secretsDesk } from "../run.ts";
import { confirmed } from "./confirm.ts";
import { type DoctorRecord, readRecord } from "./doctor_record.ts";
import { latchData, latchOf, latchText } from "./latches.ts";

/** One thing that is missing: stable code, what is the case, what a person can do. */
export interface Missing {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}

export interface ArmingFacts {
  readonly config: Config;
  readonly origins: LoadedConfig["origins"];
  readonly latch: LatchState;
  /** The last result of `doctor` for this wallet at this venue. */
  readonly record: DoctorRecord | null;
  /** Wall time, ms. */
  readonly nowMs: number;
  /** `--yes`, or the word was typed. */
  readonly confirmed: boolean;
}

/** A pass from further ahead than this was written under another clock. */
const MAX_AHEAD_MS = 60_000;

const SIZE_KEY = {
  fixed: "sizing.usdc",
  fraction: "sizing.fraction",
  kelly: "sizing.kellyFraction",
} as const;

/** Limits that a person must have chosen: a default is nobody's decision. */
export const chosenLimits = (config: Config): readonly string[] => [
  "risk.maxPositionPerMarketUsdc",
  "risk.maxTotalExposureUsdc",
  SIZE_KEY[config.sizing.mode],
];

function doctorMissing({ config, nowMs, record }: ArmingFacts): Missing | null {
  const fix = "Run `poly-edge doctor` with the same --venue, --data and key.";
  if (record === null) {
    return { code: "DOCTOR_MISSING", message: "doctor has not examined this wallet at this venue", fix };
  }
  const ageMs = nowMs - record.atMs;
  if (!record.ok) {
    return {
      code: "DOCTOR_FAILED",
      message: `doctor failed ${spanText(Math.max(0, ageMs))} ago: ${record.failed.join(", ")}`,
      fix: "Mend what `poly-edge doctor` names and run it again.",
    };
  }
  if (ageMs > config.doctor.maxAgeMs || ageMs < -MAX_AHEAD_MS) {
    const what = ageMs < 0 ? "lies in the future" : `is ${spanText(ageMs)} old`;
    const limit = `doctor.maxAgeMs is ${spanText(config.doctor.maxAgeMs)}`;
    return { code: "DOCTOR_STALE", message: `the pass of doctor ${what}; ${limit}`, fix };
  }
  return null;
}

/** Everything that is missing, in the order in which a person would mend it; empty: armed. */
export function checkArming(facts: ArmingFacts): Missing[] {
  const { config, latch, origins } = facts;
  const missing: Missing[] = [];
  const origin = origins.get("live")?.source ?? "default";
  // Written down beforehand: a flag of the same command line that trades is no second thought.
  if (!config.live || origin === "flag") {
    missing.push({
      code: "LIVE_NOT_ENABLED",
      message: config.live
        ? "live = true comes from a flag, not from the configuration"
        : "the configuration does not say live = true",
      fix: "Write `live = true` into poly-edge.toml.",
    });
  }
  for (const key of chosenLimits(config)) {
    if ((origins.get(key)?.source ?? "default") !== "default") continue;
    missing.push({
      code: "LIMIT_NOT_CHOSEN",
      message: `${key} is still the default`,
      fix: `Write ${key} into poly-edge.toml, the default itself if you mean it.`,
    });
  }
  const doctor = doctorMissing(facts);
  if (doctor !== null) missing.push(doctor);
  if (latch.set) {
    missing.push({
      code: "LATCH_SET",
      message: `the latch is ${latchText(latch)}`,
      fix: "Read why; then `poly-edge resume`.",
    });
  }
  if (!facts.confirmed) {
    missing.push({
      code: "NOT_CONFIRMED",
      message: "nobody confirmed that real orders may be sent",
      fix: "Add --yes, or type the word asked for at a terminal.",
    });
  }
  return missing;
}

/** Wall time, ms. */
const wallMs = (): number => Date.now();

/**
 * The facts as they are now: whoever types the word may take an hour for it, and a pass that was good enough when the
 * command began may be too old by then. `said`: whether it is confirmed already.
 */
export const armingFacts = (
  ctx: CommandContext,
  { account, venue }: Pick<OpenAccount, "account" | "venue">,
  said: boolean,
  now: () => number = wallMs,
): ArmingFacts => ({
  config: ctx.config,
  origins: configOf(ctx).origins,
  latch: latchOf(ctx.dataDir).state,
  record: readRecord(ctx.dataDir, account.funder, venue.profile.clob),
  nowMs: now(),
  confirmed: said,
});

function incomplete(missing: readonly Missing[], latch: LatchState): OperationError {
  const list = missing.map(({ code, message }) => `${message} (${code})`).join("; ");
  return new OperationError({
    code: "ARMING_INCOMPLETE",
    message: `Cannot trade live: ${list}`,
    hint: missing.map(({ fix }) => fix).filter((fix, at, all) => all.indexOf(fix) === at).join(" "),
    details: { missing, latch: latchData(latch) },
    exit: 3,
  });
}

/**
 * Passes only when nothing is missing. Somebody is asked to type the word only when their word is all that is missing. Throws
 * ARMING_INCOMPLETE (exit 3) with the whole list.
 */
export async function arm(
  ctx: CommandContext,
  account: Pick<OpenAccount, "account" | "venue">,
  yes: boolean,
  now: () => number = wallMs,
): Promise<void> {
  let facts = armingFacts(ctx, account, yes, now);
  let missing = checkArming(facts);
  if (missing.length === 1 && missing[0]?.code === "NOT_CONFIRMED") {
    const { risk } = ctx.config;
    const said = await confirmed({
      terminal: secretsDesk(ctx).terminal,
      signal: ctx.signal,
      text: `Real orders of ${account.account.funder} at ${account.venue.profile.name}: at most ` +
        `${risk.maxPositionPerMarketUsdc} pUSD a window, ${risk.maxTotalExposureUsdc} pUSD in all.`,
      word: "live",
    });
    ctx.signal.throwIfAborted();
    // The latch may have been set and the pass have grown old while somebody was typing.
    facts = armingFacts(ctx, account, said, now);
    missing = checkArming(facts);
  }
  if (missing.length > 0) throw incomplete(missing, facts.latch);
}
