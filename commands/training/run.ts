/** A training from its beginning, or from its last checkpoint, to its end: updates, metrics, checkpoints, the page. */
import { createHash } from "node:crypto";
import { OperationError } from "../../core/errors.ts";
import { MarketEnv } from "../../models/env/market_env.ts";
import { kernelModelFile } from "../../models/file/kernel_model.ts";
import type { Collapse } from "../../models/ppo/collapse.ts";
import type { UpdateDiagnostics } from "../../models/ppo/diagnostics.ts";
import type { VectorEnv } from "../../models/ppo/env.ts";
import type { PpoModel } from "../../models/ppo/model.ts";
import { ppoPolicy } from "../../models/ppo/policy.ts";
import { Trainer } from "../../models/ppo/trainer.ts";
import { commandOf } from "./command_line.ts";
import {
  type Checkpoint,
  CHECKPOINT_NAME,
  MODEL_NAME,
  openMetrics,
  readMetrics,
  REPORT_NAME,
  VERDICT_NAME,
  writeWhole,
} from "./files.ts";
import { METRICS_HEADER, metricsLine } from "./metrics.ts";
import { ParallelEnv } from "./parallel_env.ts";
import { renderTraining } from "./report.ts";
import { buildRows, judgeChapters, judgeOn } from "./rows.ts";
import { networksOf, type TrainSettings } from "./settings.ts";
import type { TapeEvents } from "./tape_events.ts";
import { type Verdict, verdictOf } from "./verdict.ts";
import { VERSION } from "../version.ts";

export interface TrainingJob {
  readonly settings: TrainSettings;
  readonly tapes: readonly TapeEvents[];
  readonly folder: string;
  readonly name: string;
  /** Decisions in all, those of before a resume included. */
  readonly steps: number;
  readonly checkpointEvery: number;
  /** Threads that play rows. */
  readonly threads: number;
  /** Where to go on; null begins anew. */
  readonly checkpoint: Checkpoint | null;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Wall time, for the page only. */
  readonly wallMs: () => number;
  readonly onUpdate: (diagnostics: UpdateDiagnostics) => void;
}

export interface TrainingOutcome {
  readonly updates: number;
  readonly steps: number;
  readonly interrupted: boolean;
  readonly collapse: Collapse;
  readonly verdict: Verdict | null;
  readonly last: UpdateDiagnostics | null;
}

/** The page is written at most this often, ms. */
const PAGE_EVERY_MS = 3_000;

const openEnv = (job: TrainingJob): VectorEnv & { close?: () => void } =>
  job.threads > 1
    ? new ParallelEnv(job.settings, job.tapes, job.threads)
    : new MarketEnv(buildRows(job.settings, job.tapes));

/** Lets signals and timers have their turn: updates never wait for anything. */
const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The kept-back windows, played with the most likely action. */
export function judgeModel(
  settings: TrainSettings,
  tapes: readonly TapeEvents[],
  model: PpoModel,
): Verdict {
  const policy = () => ppoPolicy(model, { decideEveryMs: settings.decideEveryMs, maxMarkets: 8 });
  const windows = judgeOn(settings, tapes, judgeChapters(settings, tapes), policy);
  const { source } = settings;
  const where = source.kind === "synthetic"
    ? "synthetic markets of other seeds than the trained ones"
    : `the last ${Math.round(100 * source.judgeShare)} % of each tape by time`;
  return verdictOf(
    windows,
    settings.seed,
    `Out of sample: ${where}; the most likely action, fees and latency of the simulated exchange, settled by outcome.`,
  );
}

/** Runs the job. Throws what its environment and its files throw. */
export async function runTraining(job: TrainingJob): Promise<TrainingOutcome> {
  const { settings, folder, checkpoint } = job;
  const env = openEnv(job);
  try {
    const trainer = new Trainer({
      env,
      ...networksOf(settings.network, settings.observation),
      ppo: settings.ppo,
      seed: settings.seed,
      now: job.now,
    });
    if (checkpoint !== null) trainer.restore(checkpoint.snapshot);
    const metrics = await openMetrics(folder, METRICS_HEADER, checkpoint?.metricsBytes ?? 0);
    const lines = await readMetrics(folder);
    let outcome: TrainingOutcome;
    try {
      outcome = await train(job, trainer, metrics, lines);
    } finally {
      await metrics.close();
    }
    return outcome;
  } finally {
    env.close?.();
  }
}

async function train(
  job: TrainingJob,
  trainer: Trainer,
  metrics: Awaited<ReturnType<typeof openMetrics>>,
  lines: string[],
): Promise<TrainingOutcome> {
  const { settings, folder } = job;
  let collapse: Collapse = { kind: "none" };
  let last: UpdateDiagnostics | null = null;
  let steps = trainer.updates * settings.ppo.samples;
  let saved = -1;
  let pageAt = -Infinity;
  const save = async () => {
    if (saved === trainer.updates) return;
    const snapshot = trainer.snapshot();
    const value: Checkpoint = {
      ...{ format: "poly-edge-training-1", settings, snapshot, metricsBytes: metrics.bytes },
    };
    await writeWhole(folder, CHECKPOINT_NAME, JSON.stringify(value));
    saved = trainer.updates;
  };
  const page = async (running: boolean, verdict: Verdict | null) => {
    pageAt = job.now();
    const html = renderTraining({
      ...{ name: job.name, settings, metrics: lines, targetSteps: job.steps, running, verdict },
      collapse: collapse.kind === "collapsed" ? collapse.message : null,
      generatedAt: job.wallMs(),
    });
    await writeWhole(folder, REPORT_NAME, html);
  };
  while (steps < job.steps && !job.signal.aborted && collapse.kind === "none") {
    const outcome = trainer.update();
    last = outcome.diagnostics;
    collapse = outcome.collapse;
    steps = last.steps;
    const line = metricsLine(last);
    lines.push(line);
    await metrics.append(line);
    job.onUpdate(last);
    if (last.update % job.checkpointEvery === 0) await save();
    if (job.now() - pageAt > PAGE_EVERY_MS) await page(true, null);
    await breathe();
  }
  // The weights of a collapse are no place to go on from: its last checkpoint stays.
  if (collapse.kind === "none") await save();
  const model = trainer.freeze();
  const interrupted = job.signal.aborted;
  const verdict = interrupted ? null : judgeModel(settings, job.tapes, model);
  if (verdict !== null) await writeWhole(folder, VERDICT_NAME, `${JSON.stringify(verdict, null, 1)}\n`);
  await writeWhole(folder, MODEL_NAME, modelFile(job, model, verdict));
  await page(false, verdict);
  return { updates: trainer.updates, steps, interrupted, collapse, verdict, last };
}

/** Windows below which an interval above zero is still luck. */
const PROOF_WINDOWS = 100;
const decimal = (value: number): string => value.toFixed(6);

/** The model with its card: where it comes from, and how it did on what it never saw. */
function modelFile(job: TrainingJob, model: PpoModel, verdict: Verdict | null): Uint8Array {
  const { settings, tapes } = job;
  const { source } = settings;
  const data = source.kind === "synthetic"
    ? JSON.stringify(source)
    : tapes.map(({ digest }) => digest).join();
  const ci95 = verdict?.ci95 ?? null;
  return kernelModelFile(model, {
    name: job.name.replace(/[^A-Za-z0-9_.-]/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 64) || "model",
    decideEveryMs: settings.decideEveryMs,
    provenance: {
      source: commandOf(settings, job.steps).slice(0, 500),
      trainingDataHash: createHash("sha256").update(data).digest("hex"),
      codeVersion: VERSION,
      seed: settings.seed,
      steps: model.trainedSteps,
    },
    walkForward: verdict === null || ci95 === null ? null : {
      basis: verdict.basis,
      windows: verdict.windows,
      trades: Math.round(verdict.fillsPerWindow * verdict.windows),
      pnl: decimal(verdict.pnlPerWindow * verdict.windows),
      ci95: [decimal(ci95[0]), decimal(ci95[1])],
      // A synthetic market proves that the learner learns, and nothing about a real one.
      edgeProven: source.kind === "tape" && verdict.windows >= PROOF_WINDOWS && ci95[0] > 0,
    },
  });
}

/** The same tapes in the same order, or the training would be another one. Throws CHECKPOINT_OTHER_TAPES (exit 2). */
export function checkTapes(settings: TrainSettings, tapes: readonly TapeEvents[]): void {
  const { source } = settings;
  const wanted = source.kind === "tape" ? source.names : [];
  const given = tapes.map(tapeName);
  if (JSON.stringify(wanted) === JSON.stringify(given)) return;
  throw new OperationError({
    code: "CHECKPOINT_OTHER_TAPES",
    message: `Cannot resume on ${given.join(", ") || "no tape"}: the checkpoint was made on ${
      wanted.join(", ") || "the synthetic market"
    }`,
    hint: "Pass the same tapes in the same order, or begin a new training in another folder.",
    exit: 2,
  });
}

/** Name and size: enough to notice another tape of the same name. */
export const tapeName = ({ name, events }: TapeEvents): string => `${name} (${events} events)`;
