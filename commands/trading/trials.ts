/**
 * Every configuration that was ever tried on a tape, kept in `<data>/trials.jsonl`: a result that was looked for a hundred
 * times is worth less than one that was looked for once, whoever forgets to say so. Tapes are known by their content, so
 * that a renamed copy counts, and the same run twice is one try.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { sharpe } from "../../core/stats/performance.ts";
import type { CommandContext } from "../command.ts";
import { type BacktestOutcome, BASELINES } from "./backtest.ts";
import type { StrategyTotals } from "./totals.ts";
import { settlements } from "./figures.ts";

/** More is not read: the oldest lines are left out then. */
const MAX_BYTES = 16 * 2 ** 20;
const DRAWING = ["gating", "random"];

interface Trial {
  readonly key: string;
  readonly name: string;
  readonly sharpe: number | null;
}
interface Line {
  readonly tapes: readonly string[];
  readonly trials: readonly Trial[];
}

export interface Trials {
  /** Distinct configurations tried on any of these tapes, those of this run included. */
  readonly count: number;
  readonly thisRun: number;
  /** Their Sharpe ratios a settlement, where they had one. */
  readonly sharpes: readonly number[];
}

const sha = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 24);

function trialOf(ctx: CommandContext, outcome: BacktestOutcome, totals: StrategyTotals): Trial {
  const { strategy, params } = totals.variant;
  const { sizing, risk, paper, strategy: configured } = ctx.config;
  const { seed, stops } = outcome.settings;
  const all = { ...configured.params, ...params };
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => a < b ? -1 : 1));
  const drawn = DRAWING.includes(strategy) ? seed : null;
  return {
    key: sha([strategy, sorted, sizing, risk, paper, stops, drawn]),
    name: totals.name,
    sharpe: sharpe(settlements(totals.windows)),
  };
}

function isLine(value: unknown): value is Line {
  if (typeof value !== "object" || value === null) return false;
  const { tapes, trials } = value as Record<string, unknown>;
  return Array.isArray(tapes) && tapes.every((tape) => typeof tape === "string") &&
    Array.isArray(trials) && trials.every((trial: unknown) => {
      const { key, sharpe } = (trial ?? {}) as Record<string, unknown>;
      return typeof key === "string" && (sharpe === null || typeof sharpe === "number");
    });
}

function parseLine(text: string): Line | null {
  try {
    const value: unknown = JSON.parse(text);
    return isLine(value) ? value : null;
  } catch {
    return null;
  }
}

async function readLines(path: string): Promise<Line[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.slice(-MAX_BYTES).split("\n").flatMap((line) => parseLine(line) ?? []);
}

/**
 * Counts this run's trials with all that were tried on the same tapes before and writes down what is new. An interrupted
 * run counts and is not written. A file that cannot be read or written is told as TRIALS_NOT_KEPT.
 */
export async function countTrials(ctx: CommandContext, outcome: BacktestOutcome): Promise<Trials> {
  const tapes = outcome.tapes.map((tape) => sha(tape.manifest.files.at(-1)?.chain ?? "")).sort();
  const own = outcome.strategies.filter(({ variant }) =>
    !(BASELINES as readonly string[]).includes(variant.strategy)
  ).map((totals) => trialOf(ctx, outcome, totals));
  const path = join(ctx.dataDir, "trials.jsonl");
  const known = new Map<string, number | null>();
  try {
    const lines = (await readLines(path)).filter((line) => line.tapes.some((tape) => tapes.includes(tape)));
    for (const line of lines) for (const trial of line.trials) known.set(trial.key, trial.sharpe);
    const same = lines.filter((line) => line.tapes.join() === tapes.join()).flatMap((line) => line.trials);
    const fresh = own.filter((trial) => !same.some(({ key }) => key === trial.key));
    if (fresh.length > 0 && !outcome.interrupted) {
      await Deno.mkdir(ctx.dataDir, { recursive: true });
      await Deno.writeTextFile(path, `${JSON.stringify({ tapes, trials: fresh })}\n`, { append: true });
    }
  } catch (error) {
    const message = `Cannot keep the number of trials in ${path}: ${(error as Error).message}`;
    ctx.warn({ code: "TRIALS_NOT_KEPT", message });
  }
  // This run's own figures last, so that the first run and its repetition deflate by the same scatter.
  for (const trial of own) known.set(trial.key, trial.sharpe);
  const sharpes = [...known].sort(([a], [b]) => a < b ? -1 : 1).flatMap(([, value]) => value ?? []);
  return { count: known.size, thisRun: own.length, sharpes };
}
