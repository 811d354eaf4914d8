/** Begins a recording, or goes on with one that was stopped. */
import { mkdir, readdir } from "node:fs/promises";
import { OperationError } from "../../core/errors.ts";
import { lockFolder, saveManifest } from "./files.ts";
import { type Manifest, MANIFEST_NAME } from "./format.ts";
import { openTape } from "./reader.ts";
import { Recording, type RecordingSettings } from "./recording.ts";
import { RecordingIndex } from "./recording_index.ts";
import { assertRecorded, repairLocked } from "./repair.ts";
import { assertWritable, writeError } from "./writer.ts";

export interface RecordingOptions extends RecordingSettings {
  /** Folder of the tape. */
  readonly out: string;
  /** Go on with a recording that exists; begin one when there is none. */
  readonly append: boolean;
  /** Venue time now: a tape is never continued at an earlier time than its end. */
  readonly nowMs: number;
  /** Where the data comes from; a tape holds one source. */
  readonly source: string;
  readonly licence: string;
}

export interface OpenedRecording {
  readonly recording: Recording;
  /** What was found and mended when an existing tape is continued; null for a new one. */
  readonly continued: { readonly fromMs: number | null; readonly removedBytes: number } | null;
}

async function holdsTape(folder: string): Promise<boolean> {
  return await readdir(folder).then((names) => names.includes(MANIFEST_NAME), () => false);
}

function assertContinuable(options: RecordingOptions, manifest: Manifest): void {
  assertRecorded(options.out, manifest);
  if (manifest.source !== options.source) {
    throw new OperationError({
      code: "TAPE_EXISTS",
      message:
        `Cannot go on with ${options.out} as a recording of ${options.source}: it is one of ${manifest.source}`,
      hint: "Choose another --out.",
    });
  }
}

function assertLater(options: RecordingOptions, toMs: number | null): void {
  if (toMs === null || toMs <= options.nowMs) return;
  throw new OperationError({
    code: "TAPE_ORDER",
    message: `Cannot go on with ${options.out} at ${
      new Date(options.nowMs).toISOString()
    }: the tape ends at ${new Date(toMs).toISOString()}`,
    hint:
      "A tape never goes back in time (a simulated venue may have been started anew). Choose another --out.",
  });
}

/**
 * Opens a folder for recording and writes its first manifest. An existing recording is repaired and continued with
 * `append`. Throws TAPE_EXISTS, TAPE_IMPORTED, TAPE_IN_USE, TAPE_ORDER, TAPE_INVALID, TAPE_WRITE_FAILED, DISK_FULL.
 */
export async function openRecording(options: RecordingOptions): Promise<OpenedRecording> {
  const { append, out, source, licence } = options;
  const exists = await holdsTape(out);
  if (!exists || !append) await assertRecordable(out);
  if (exists) assertContinuable(options, (await openTape(out)).manifest);
  await mkdir(out, { recursive: true }).catch((error) => {
    throw writeError(error, out);
  });
  const lock = await lockFolder(out).catch((error) => {
    throw writeError(error, out);
  });
  try {
    if (!exists) {
      const index = new RecordingIndex();
      await saveManifest(out, index.manifest(source, licence, [], false));
      const start = { folder: out, lock, index, source, licence, files: [], fresh: true };
      return { recording: new Recording(start, options), continued: null };
    }
    const { manifest } = await openTape(out);
    assertLater(options, manifest.to);
    const { index, manifest: mended, removedBytes } = await repairLocked(out, manifest, false);
    assertLater(options, mended.to);
    const start = { folder: out, lock, index, source, licence, files: mended.files, fresh: false };
    return { recording: new Recording(start, options), continued: { fromMs: mended.to, removedBytes } };
  } catch (error) {
    await lock.release();
    throw writeError(error, out);
  }
}

async function assertRecordable(out: string): Promise<void> {
  try {
    await assertWritable(out, false);
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== "TAPE_EXISTS" || !await holdsTape(out)) {
      throw error;
    }
    throw new OperationError({
      code: "TAPE_EXISTS",
      message: error.message,
      hint: "Choose another --out, or go on with that recording by --append.",
    });
  }
}
