/** A training's folder: settings and state in one checkpoint, metrics as CSV, a report, and the model. */
import { mkdir, open, readFile, rename, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import { syncFolder } from "../../feeds/tape/files.ts";
import type { TrainerSnapshot } from "../../models/ppo/trainer.ts";
import { configSchema } from "../config/schema.ts";
import type { TrainSettings } from "./settings.ts";

export const CHECKPOINT_NAME = "checkpoint.json";
export const METRICS_NAME = "metrics.csv";
export const REPORT_NAME = "report.html";
export const MODEL_NAME = "model.onnx";
export const VERDICT_NAME = "verdict.json";

/** Everything a training needs to go on: a JSON value. */
export interface Checkpoint {
  readonly format: "poly-edge-training-1";
  readonly settings: TrainSettings;
  readonly snapshot: TrainerSnapshot;
  /** Length of the metrics that belong to it; what was written after it is cut off on resuming. */
  readonly metricsBytes: number;
}

/** Only what decides whether this is a checkpoint at all: its inside is checked by those who take it up. */
const checkpointSchema = z.looseObject({
  format: z.literal("poly-edge-training-1"),
  settings: z.looseObject({
    source: z.looseObject({ kind: z.enum(["synthetic", "tape"]) }),
    rows: z.int().positive(),
    seed: z.int(),
    config: configSchema,
  }),
  snapshot: z.looseObject({ format: z.literal("poly-edge-ppo-1"), updates: z.int(), steps: z.int() }),
  metricsBytes: z.int().nonnegative(),
});

/** Writes a file whole or not at all: beside the old one, synced, renamed, the folder synced. Throws TRAIN_WRITE_FAILED. */
export async function writeWhole(folder: string, name: string, content: string | Uint8Array): Promise<void> {
  const path = join(folder, name);
  const temporary = `${path}.new`;
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, "w");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new OperationError({
      code: "TRAIN_WRITE_FAILED",
      message: `Cannot write ${path} as a whole: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Check the free space and the folder's permissions, or name another folder with --out.",
      details: { path },
      cause,
    });
  }
}

/** The checkpoint of a folder; null when there is none. Throws CHECKPOINT_INVALID. */
export async function readCheckpoint(folder: string): Promise<Checkpoint | null> {
  const path = join(folder, CHECKPOINT_NAME);
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return null;
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below: what is no JSON is no checkpoint.
  }
  const parsed = checkpointSchema.safeParse(value);
  if (!parsed.success) {
    throw new OperationError({
      code: "CHECKPOINT_INVALID",
      message: `Cannot resume from ${path}: it is not a checkpoint of this program`,
      hint: "Begin a new training in another folder.",
      details: { path },
    });
  }
  return value as Checkpoint;
}

/** Appends metrics; `bytes` is what was written so far. */
export interface MetricsFile {
  readonly bytes: number;
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens the metrics of a folder, cut to `keepBytes` (0 begins anew with `header`). */
export async function openMetrics(folder: string, header: string, keepBytes: number): Promise<MetricsFile> {
  const path = join(folder, METRICS_NAME);
  await mkdir(folder, { recursive: true });
  const known = await stat(path).then(({ size }) => size, () => 0);
  const keep = known >= keepBytes ? keepBytes : 0;
  if (known > keep) await truncate(path, keep);
  const file = await open(path, "a");
  let bytes = keep;
  const append = async (line: string): Promise<void> => {
    const data = new TextEncoder().encode(`${line}\n`);
    await file.appendFile(data);
    bytes += data.length;
  };
  if (keep === 0) await append(header);
  return {
    get bytes() {
      return bytes;
    },
    append,
    close: () => file.close(),
  };
}

/** The metrics' lines without their header; empty when there is no file. */
export async function readMetrics(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, METRICS_NAME), "utf8").catch(() => "");
  return text.split("\n").slice(1).filter((line) => line !== "");
}
