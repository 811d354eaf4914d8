/** Models of commands: read from a file or from the data folder, checked, and kept so that a session can be replayed. */
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import type { SessionStart } from "../../feeds/session/format.ts";
import { edgeWarning, type ModelCard } from "../../models/file/card.ts";
import { type LoadedModel, openModelFile } from "../../models/file/open.ts";
import { MAX_MODEL_BYTES } from "../../models/onnx/graph.ts";
import type { Warning } from "../command.ts";

/** The part of a command's context that models need. */
export interface ModelContext {
  readonly dataDir: string;
  warn(warning: Warning): void;
}

/** Where a model of this digest is kept. */
export const keptModel = (dataDir: string, sha256: string): string =>
  join(dataDir, "models", `${sha256}.onnx`);

/** Bytes of a file that may be a model. Throws FILE_NOT_FOUND, MODEL_UNREADABLE, ONNX_INVALID when it is too large. */
export async function readModelFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) throw new Error("it is no file");
    if (size <= MAX_MODEL_BYTES) return await Deno.readFile(path);
    throw new Error(`it has ${size} bytes, at most ${MAX_MODEL_BYTES} are read`);
  } catch (cause) {
    const absent = cause instanceof Deno.errors.NotFound;
    throw new OperationError({
      code: absent ? "FILE_NOT_FOUND" : "MODEL_UNREADABLE",
      message: `Cannot read ${path} as a model: ${
        absent ? "there is no such file" : cause instanceof Error ? cause.message : String(cause)
      }`,
      hint: "Name a model file, as `poly-edge models import` or a training writes them.",
      cause,
    });
  }
}

/** Says that a model has no proven edge, if it has none. */
export function warnEdge(ctx: Pick<ModelContext, "warn">, card: ModelCard): void {
  const message = edgeWarning(card);
  if (message !== null) ctx.warn({ code: "NO_PROVEN_EDGE", message });
}

/** Reads, checks and opens a model. Throws what `openModelFile` throws. Close it after use. */
export async function loadModel(ctx: Pick<ModelContext, "warn">, path: string): Promise<LoadedModel> {
  const loaded = await openModelFile(await readModelFile(path));
  warnEdge(ctx, loaded.card);
  return loaded;
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/** Keeps a copy under its digest, so that what it decides can be replayed when its file is gone. */
export async function keepModel(dataDir: string, sha256: string, file: Uint8Array): Promise<void> {
  const kept = keptModel(dataDir, sha256);
  if (await exists(kept)) return;
  try {
    await mkdir(join(dataDir, "models"), { recursive: true });
    const draft = `${kept}.${crypto.randomUUID()}`;
    await Deno.writeFile(draft, file);
    await rename(draft, kept);
  } catch (cause) {
    throw new OperationError({
      code: "MODEL_NOT_KEPT",
      message: `Cannot keep a copy of the model as ${kept}: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      hint: "Without it the session could not be replayed: check the folder of --data.",
      cause,
    });
  }
}

/** The model of a `--model` of `trade`: opened, and a copy kept. null without the option. */
export async function modelToTrade(ctx: ModelContext, path: string | null): Promise<LoadedModel | null> {
  if (path === null) return null;
  const file = await readModelFile(path);
  const model = await openModelFile(file);
  try {
    warnEdge(ctx, model.card);
    await keepModel(ctx.dataDir, model.sha256, file);
    return model;
  } catch (error) {
    model.close();
    throw error;
  }
}

/**
 * The model that a session was decided by: `path` if given, else the copy in the data folder. null for a session without
 * one. Throws MODEL_NOT_FOUND when there is none, MODEL_OTHER when the file is another one.
 */
export async function modelOfSession(
  ctx: ModelContext,
  start: SessionStart,
  path: string | null,
): Promise<LoadedModel | null> {
  const wanted = start.strategy.model;
  if (wanted === undefined) {
    if (path === null) return null;
    throw other(`${start.id} was decided by ${start.strategy.name}, by no model`, "Leave --model out.");
  }
  const kept = keptModel(ctx.dataDir, wanted);
  if (path === null && !await exists(kept)) {
    throw new OperationError({
      code: "MODEL_NOT_FOUND",
      message: `Cannot replay ${start.id}: it was decided by the model ${wanted}, and ${kept} does not exist`,
      hint: "Pass the model's file with --model.",
    });
  }
  const model = await loadModel(ctx, path ?? kept);
  if (model.sha256 === wanted) return model;
  model.close();
  throw other(
    `${start.id} was decided by the model ${wanted}, ${path ?? kept} is ${model.sha256}`,
    "Pass the very file that it was traded with.",
  );
}

const other = (what: string, hint: string): OperationError =>
  new OperationError({
    code: "MODEL_OTHER",
    message: `Cannot replay with this model: ${what}`,
    hint,
    exit: 2,
  });

/** A model as it crosses from thread to thread: each opens it for itself. */
export interface ModelRef {
  readonly path: string;
  readonly sha256: string;
}

/** Models that some variants of a backtest are decided by. */
export interface OpenModels {
  of(ref: ModelRef | undefined): LoadedModel | null;
  close(): void;
}

/** Opens each model once. Throws what `openModelFile` throws, MODEL_OTHER for a file that changed since it was named. */
export async function openModels(refs: readonly (ModelRef | undefined)[]): Promise<OpenModels> {
  const open = new Map<string, LoadedModel>();
  const close = () => open.forEach((model) => model.close());
  try {
    for (const ref of refs) {
      if (ref === undefined || open.has(ref.sha256)) continue;
      const model = await openModelFile(await readModelFile(ref.path));
      open.set(model.sha256, model);
      if (model.sha256 === ref.sha256) continue;
      throw new OperationError({
        code: "MODEL_OTHER",
        message: `Cannot go on with ${ref.path}: it was ${ref.sha256}, now it is ${model.sha256}`,
        hint: "Do not change a model while it is being judged.",
      });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { of: (ref) => ref === undefined ? null : open.get(ref.sha256) ?? null, close };
}

/** What a backtest needs of the models of `--model` (separated by commas): names, digests; says what has no proven edge. */
export async function modelsToJudge(
  ctx: Pick<ModelContext, "warn">,
  list: string | null,
): Promise<{ readonly name: string; readonly ref: ModelRef }[]> {
  const paths = (list ?? "").split(",").map((path) => path.trim()).filter((path) => path !== "");
  const found: { name: string; ref: ModelRef }[] = [];
  for (const path of new Set(paths)) {
    const model = await loadModel(ctx, path);
    model.close();
    const taken = found.some(({ name }) => name === model.name);
    const name = taken ? `${model.name}-${model.sha256.slice(0, 8)}` : model.name;
    if (!found.some(({ ref }) => ref.sha256 === model.sha256)) {
      found.push({ name, ref: { path, sha256: model.sha256 } });
    }
  }
  return found;
}

/** Refuses a strategy beside a model, where only one can decide. */
export function checkOneDecides(model: string | null, strategy: unknown): void {
  if (model === null || strategy === undefined) return;
  throw new OperationError({
    code: "USAGE",
    message: "Cannot decide by --strategy and by --model at once",
    hint: "Leave one of them out.",
    exit: 2,
  });
}
