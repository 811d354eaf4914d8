/** `poly-edge models import`: declarations of the command line, and a model of another tool, become a model file. */
import { basename } from "node:path";
import { createHash } from "node:crypto";
import type { z } from "zod";
import { OperationError } from "../core/errors.ts";
import { COLUMNS, normalisationSchema, walkForwardSchema } from "../models/file/card.ts";
import { type Imported, importOnnx, type ImportOptions } from "../models/file/import.ts";
import { ABSENT, INPUT_NAMES } from "../models/file/inputs.ts";
import { kernelModelFile } from "../models/file/kernel_model.ts";
import { openModelFile } from "../models/file/open.ts";
import { modelHash } from "../models/file/seal.ts";
import { OBSERVATION_SETS, observationSize } from "../models/env/observation.ts";
import type { PpoModel } from "../models/ppo/model.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { bytesText, facts } from "./output.ts";
import { parseCount } from "./parse.ts";
import { readModelFile, warnEdge } from "./trading/models.ts";
import { writeNewFile } from "./write_new_file.ts";

const textOf = (value: unknown): string | null => typeof value === "string" ? value : null;

function usage(message: string, hint: string): OperationError {
  return new OperationError({ code: "USAGE", message, hint, exit: 2 });
}

/** One of a few words. Throws USAGE. */
function oneOf<T extends string>(flag: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw usage(`Cannot use ${text} as ${flag}`, `Use one of ${words.join(", ")}.`);
}

const listOf = (text: string): string[] =>
  text.split(",").map((name) => name.trim()).filter((name) => name !== "");

function featuresOf(text: string): readonly string[] {
  const set = OBSERVATION_SETS.find((name) => name === text);
  if (set !== undefined) return INPUT_NAMES.slice(0, observationSize(set));
  return listOf(text).map((name) => oneOf("--features", name, INPUT_NAMES));
}

/** A file of JSON in a known shape. Throws FILE_NOT_FOUND, MODEL_UNREADABLE, MODEL_DECLARATION_INVALID. */
async function jsonOf<T>(path: string, what: string, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readModelFile(path);
  let why: string;
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    why = `${issue?.path.join(".") || "file"}: ${issue?.message}`;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new OperationError({
    code: "MODEL_DECLARATION_INVALID",
    message: `Cannot use ${path} as ${what}: ${why}`,
    hint: "docs/models.md shows what it holds.",
    exit: 2,
  });
}

const statistics = normalisationSchema.pick({ count: true, mean: true, variance: true });

/** Everything that the flags declare. */
async function declared(
  path: string,
  bytes: Uint8Array,
  given: Record<string, unknown>,
): Promise<ImportOptions> {
  const normalisation = textOf(given["normalisation"]);
  const judged = textOf(given["walkForward"]);
  const seed = textOf(given["seed"]);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const data = textOf(given["trainingData"]);
  if (data !== null && !/^[0-9a-f]{64}$/.test(data)) {
    throw usage(`Cannot use ${data} as --training-data: it is no SHA-256`, "Give 64 hex digits.");
  }
  return {
    name: textOf(given["name"]) ?? basename(path).replace(/\.[a-z]+$/, ""),
    features: featuresOf(String(given["features"])),
    columns: listOf(String(given["columns"])).map((name) => oneOf("--columns", name, COLUMNS)),
    absent: oneOf("--absent", String(given["absent"]), ABSENT),
    output: textOf(given["output"]),
    normaliser: normalisation === null ? null : await jsonOf(normalisation, "normalisation", statistics),
    walkForward: judged === null ? null : await jsonOf(judged, "walk-forward result", walkForwardSchema),
    decideEveryMs: parseCount(String(given["decideEveryMs"]), "--decide-every-ms", 10, 60_000),
    provenance: {
      source: textOf(given["source"]) ?? `imported from ${basename(path)}, SHA-256 ${digest}`,
      trainingDataHash: data,
      codeVersion: textOf(given["codeVersion"]),
      seed: seed === null ? null : parseCount(seed, "--seed", 0, Number.MAX_SAFE_INTEGER),
      steps: null,
    },
  };
}

const isJson = (bytes: Uint8Array): boolean => bytes[0] === "{".charCodeAt(0);

/** A policy as a training writes it. Throws MODEL_INVALID for what is none. */
function fromJson(bytes: Uint8Array, options: ImportOptions): Imported {
  let model: PpoModel;
  try {
    model = JSON.parse(new TextDecoder().decode(bytes)) as PpoModel;
    const { network, trainedSteps } = model;
    if (
      typeof network.name !== "string" || !Array.isArray(network.layers) || typeof model.weights !== "string"
    ) {
      throw new Error("it lacks a network or its weights");
    }
    const provenance = { ...options.provenance, steps: trainedSteps };
    const file = kernelModelFile(model, { ...options, provenance });
    return { file, runtime: "kernel", why: null, difference: null };
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    throw new OperationError({
      code: "MODEL_INVALID",
      message: `Cannot use the file as a policy: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "JSON is read as a training writes it.",
      cause,
    });
  }
}

/** Imports, opens what came of it once, and writes it. */
export async function importAction(
  ctx: CommandContext,
  args: string[],
  given: Record<string, unknown>,
): Promise<CommandResult> {
  const [path = ""] = args;
  const bytes = await readModelFile(path);
  const options = await declared(path, bytes, given);
  const wanted = textOf(given["runtime"]);
  const runtime = wanted === null ? null : oneOf("--runtime", wanted, ["kernel", "onnxruntime"]);
  const imported = isJson(bytes) ? fromJson(bytes, options) : await importOnnx(bytes, options, runtime);
  const loaded = await openModelFile(imported.file);
  loaded.close();
  warnEdge(ctx, loaded.card);
  const out = String(given["out"]);
  await writeNewFile(out, imported.file, given["force"] === true);
  const { why, difference } = imported;
  const sha256 = modelHash(imported.file);
  return {
    data: { model: path, out, sha256, runtime: imported.runtime, why, difference, card: loaded.card },
    text: facts([
      ["model file", `${out}, ${bytesText(imported.file.length)}`],
      ["sha256", sha256],
      ["runtime", why === null ? imported.runtime : `${imported.runtime}: ${why}`],
      ...(difference === null ? [] : [["beside ONNX Runtime", difference.toExponential(1)] as const]),
    ], ctx.color),
  };
}
