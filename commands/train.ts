/** `poly-edge train`: PPO on the synthetic market or on tapes, with checkpoints that resume bit for bit. */
import { basename, join } from "node:path";
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { OBSERVATION_SETS } from "../models/env/observation.ts";
import { REWARDS } from "../models/env/reward.ts";
import type { PpoOptions } from "../models/ppo/defaults.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { parseCount, parseNumber, parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { type Checkpoint, METRICS_NAME, MODEL_NAME, readCheckpoint, REPORT_NAME } from "./training/files.ts";
import { checkTapes, runTraining, tapeName, type TrainingOutcome } from "./training/run.ts";
import { NETWORKS, RECIPE_OPTIONS, RECIPES, type Source, type TrainSettings } from "./training/settings.ts";
import { loadTape, type TapeEvents } from "./training/tape_events.ts";
import { resolveTapes } from "./trading/tape_paths.ts";

const DEFAULT_STEPS = 500_000;
const MAX_STEPS = 10_000_000_000;
const MAX_ROWS = 256;
const MAX_THREADS = 64;

/** Adds `train` to the program. */
export function register(program: Command): void {
  attach(
    program.command("train")
      .description("train a policy with PPO on the synthetic market or on tapes")
      .option("--tape <paths...>", "tapes, folders of tapes, or recordings; without it the synthetic market")
      .option("--judge-share <x>", "share of each tape, its end, that is kept back for judging", "0.2")
      .option("--asset <list>", "assets of the synthetic market")
      .option("--duration <list>", "window length of the synthetic market (the first one named)")
      .option(
        "--lag <time>",
        "how long the synthetic books trail the truth, for example 15s (0 for none)",
        "0",
      )
      .option("--signal <x>", "how much the synthetic futures book announces, 0 to 0.9", "0")
      .option("--hours <n>", "hours of windows in one synthetic market before the next is made", "4")
      .option("--judge-hours <n>", "hours of windows in each of three synthetic markets for judging", "8")
      .option("--steps <n>", "decisions to train on in all", String(DEFAULT_STEPS))
      .option("--rows <n>", "windows played side by side", "8")
      .option("--every <time>", "a decision every so often", "1s")
      .option("--reward <name>", `reward: ${REWARDS.join(", ")}`, "share")
      .option(
        "--observation <name>",
        `what the network sees: ${OBSERVATION_SETS.join(", ")} (docs/learning.md)`,
        "edge",
      )
      .option("--network <name>", `network: ${NETWORKS.join(", ")}`, "small")
      .option("--recipe <name>", `PPO settings to begin with: ${RECIPES.join(", ")}`, "market")
      .option("--ppo <list>", "PPO settings over the recipe's: gamma=0.99,entropyCoef=0.003")
      .option("--size <pUSD>", "stake of one trade (sizing.usdc)")
      .option("--seed <n>", "seed of weights, sampling and synthetic markets", "1")
      .option("--workers <n>", "threads that play rows (default: one a core)")
      .option(
        "--out <dir>",
        "folder of checkpoint, metrics, report and model (default: below the data folder)",
      )
      .option("--checkpoint-every <n>", "updates between two checkpoints", "10")
      .option("--resume", "go on from the checkpoint in --out; its settings are used, --steps may grow")
      .addHelpText(
        "after",
        examples([
          "train --lag 15s --steps 300000 --out lag15",
          "train --lag 15s --steps 600000 --out lag15 --resume",
          "train --tape tapes/btc5m --reward equity --out btc5m",
          "train --reward shaped --observation seeds --network seed --recipe seeds --every 500ms --out phase1",
        ]),
      ),
    "train",
    train,
    { configFlags: { asset: "assets", duration: "durations", size: "sizing.usdc" } },
  );
}

type Given = Record<string, unknown>;
const textOf = (given: Given, name: string): string | null => {
  const value = given[name];
  return typeof value === "string" ? value : null;
};

function oneOf<T extends string>(given: Given, name: string, known: readonly T[]): T {
  const text = textOf(given, name);
  const found = known.find((item) => item === text);
  if (found !== undefined) return found;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot read --${name}: current value is ${text}, known are ${known.join(", ")}`,
    hint: `For example: --${name} ${known[0]}`,
    exit: 2,
  });
}

/** `key=value` pairs over a recipe; names and kinds are the recipe's own, ranges are checked by the trainer. */
function ppoOptions(recipe: PpoOptions, text: string | null): PpoOptions {
  if (text === null) return recipe;
  const changed: Record<string, unknown> = { ...recipe };
  for (const pair of text.split(",").map((part) => part.trim()).filter((part) => part !== "")) {
    const [name = "", value = ""] = pair.split("=");
    const before = Object.hasOwn(recipe, name) ? changed[name] : undefined;
    if (typeof before === "number") changed[name] = parseNumber(value, `--ppo ${name}`);
    else if (typeof before === "boolean" && (value === "true" || value === "false")) {
      changed[name] = value === "true";
    } else {
      const known = Object.entries(recipe).filter(([, v]) => typeof v !== "object" && typeof v !== "string");
      throw new OperationError({
        code: "USAGE",
        message: `Cannot read --ppo: current value is ${pair}`,
        hint: `Known: ${known.map(([key]) => key).join(", ")}.`,
        exit: 2,
      });
    }
  }
  return changed as unknown as PpoOptions;
}

function sourceOf(ctx: CommandContext, given: Given, tapes: readonly TapeEvents[], seed: number): Source {
  if (tapes.length > 0) {
    const judgeShare = parseNumber(textOf(given, "judgeShare") ?? "0.2", "--judge-share", 0, 0.9);
    return { kind: "tape", names: tapes.map(tapeName), judgeShare };
  }
  const lag = textOf(given, "lag") ?? "0";
  return {
    kind: "synthetic",
    market: {
      seed,
      assets: ctx.config.assets,
      duration: ctx.config.durations[0]!,
      lagMs: lag === "0" ? 0 : parseSpan(lag, "--lag"),
      signal: parseNumber(textOf(given, "signal") ?? "0", "--signal", 0, 0.9),
      hours: parseNumber(textOf(given, "hours") ?? "4", "--hours", 0.1, 48),
      judgeHours: parseNumber(textOf(given, "judgeHours") ?? "8", "--judge-hours", 0.1, 48),
    },
  };
}

function newSettings(ctx: CommandContext, given: Given, tapes: readonly TapeEvents[]): TrainSettings {
  const seed = parseCount(textOf(given, "seed") ?? "1", "--seed", 0, Number.MAX_SAFE_INTEGER);
  const recipe = RECIPE_OPTIONS[oneOf(given, "recipe", RECIPES)];
  return {
    source: sourceOf(ctx, given, tapes, seed),
    rows: parseCount(textOf(given, "rows") ?? "8", "--rows", 1, MAX_ROWS),
    decideEveryMs: parseSpan(textOf(given, "every") ?? "1s", "--every"),
    reward: oneOf(given, "reward", REWARDS),
    observation: oneOf(given, "observation", OBSERVATION_SETS),
    network: oneOf(given, "network", NETWORKS),
    ppo: ppoOptions(recipe, textOf(given, "ppo")),
    seed,
    config: ctx.config,
  };
}

async function checkpointFor(folder: string, resume: boolean): Promise<Checkpoint | null> {
  const checkpoint = await readCheckpoint(folder);
  if (!resume && checkpoint !== null) {
    throw new OperationError({
      code: "TRAIN_FOLDER_USED",
      message: `Cannot begin a training in ${folder}: there is one of ${checkpoint.snapshot.steps} steps`,
      hint: "Pass --resume to go on with it, or name another folder with --out.",
      exit: 2,
    });
  }
  if (resume && checkpoint === null) {
    throw new OperationError({
      code: "CHECKPOINT_MISSING",
      message: `Cannot resume in ${folder}: there is no checkpoint`,
      hint: "Leave out --resume, or name the folder of the training with --out.",
      exit: 2,
    });
  }
  return checkpoint;
}

async function loadTapes(ctx: CommandContext, paths: readonly string[]): Promise<TapeEvents[]> {
  if (paths.length === 0) return [];
  const resolved = await resolveTapes(ctx, paths);
  try {
    const tapes: TapeEvents[] = [];
    for (const { path, name } of resolved.tapes) tapes.push(await loadTape(path, name, ctx.signal));
    return tapes;
  } finally {
    await resolved.cleanUp();
  }
}

async function train(ctx: CommandContext, _args: string[], given: Given): Promise<CommandResult> {
  const paths = Array.isArray(given["tape"]) ? given["tape"].map(String) : [];
  const name = textOf(given, "out") ?? `training-${new Date(ctx.startedAt).toISOString().replace(/\W/g, "")}`;
  const folder = textOf(given, "out") ?? join(ctx.dataDir, "training", name);
  const checkpoint = await checkpointFor(folder, given["resume"] === true);
  const tapes = await loadTapes(ctx, paths);
  const settings = checkpoint?.settings ?? newSettings(ctx, given, tapes);
  checkTapes(settings, tapes);
  const steps = parseCount(textOf(given, "steps") ?? String(DEFAULT_STEPS), "--steps", 1, MAX_STEPS);
  const workers = textOf(given, "workers");
  const threads = workers === null
    ? navigator.hardwareConcurrency
    : parseCount(workers, "--workers", 1, MAX_THREADS);
  const progress = ctx.progress("train");
  let outcome: TrainingOutcome;
  try {
    outcome = await runTraining({
      ...{ settings, tapes, folder, steps, checkpoint, signal: ctx.signal },
      name: basename(folder),
      checkpointEvery: parseCount(textOf(given, "checkpointEvery") ?? "10", "--checkpoint-every"),
      threads: Math.min(threads, settings.rows),
      now: () => performance.now(),
      wallMs: () => Date.now(),
      onUpdate: (d) =>
        progress.update(
          d.steps,
          steps,
          `return ${d.episodeReturn.toFixed(2)} entropy ${d.entropy.toFixed(3)} KL ${
            d.approxKl.toFixed(4)
          } explained ${d.explainedVariance.toFixed(2)} ${Math.round(d.sps)}/s`,
        ),
    });
  } finally {
    progress.stop();
  }
  return resultOf(ctx, folder, steps, outcome);
}

function resultOf(
  ctx: CommandContext,
  folder: string,
  wanted: number,
  outcome: TrainingOutcome,
): CommandResult {
  const { verdict, collapse, last } = outcome;
  if (collapse.kind === "collapsed") ctx.warn({ code: "TRAIN_COLLAPSED", message: collapse.message });
  const files = {
    folder,
    model: join(folder, MODEL_NAME),
    metrics: join(folder, METRICS_NAME),
    report: join(folder, REPORT_NAME),
  };
  const lines = [
    `${outcome.steps.toLocaleString("en-US")} decisions in ${outcome.updates} updates` +
    (outcome.interrupted ? ", stopped early: --resume goes on" : ""),
    ...(verdict === null ? [] : [
      `Judged on ${verdict.windows} windows never trained on: ${
        verdict.pnlPerWindow.toFixed(4)
      } pUSD a window` +
      (verdict.ci95 === null
        ? ""
        : ` (95 %: ${verdict.ci95[0].toFixed(4)} to ${verdict.ci95[1].toFixed(4)})`) +
      `, ${verdict.fillsPerWindow.toFixed(2)} fills and ${
        verdict.feesPerWindow.toFixed(4)
      } pUSD of fees each`,
    ]),
    `Model   ${files.model}`,
    `Report  ${files.report}`,
  ];
  return {
    data: {
      ...files,
      steps: outcome.steps,
      updates: outcome.updates,
      wantedSteps: wanted,
      interrupted: outcome.interrupted,
      collapse: collapse.kind === "none" ? null : { reason: collapse.reason, message: collapse.message },
      verdict,
      last,
    },
    text: lines.join("\n"),
    ...(outcome.interrupted ? { exit: 5 as const } : {}),
  };
}
