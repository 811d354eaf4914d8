/** The few durable file operations of a tape: a manifest that is replaced whole, a lock, the names of segments. */
import { mkdir, open, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import { type Manifest, MANIFEST_NAME, manifestSchema } from "./format.ts";

export const LOCK_NAME = "recording.lock";

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folder's own entries durable, where the file system can; some refuse to sync a folder. */
export const syncFolder = (path: string): Promise<void> => sync(path).catch(() => undefined);

/** Writes the manifest beside the old one, syncs it, and puts it in its place: a reader sees one or the other. */
export async function saveManifest(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, MANIFEST_NAME);
  await writeFile(`${path}.new`, `${JSON.stringify(manifestSchema.parse(manifest), null, 1)}\n`);
  await sync(`${path}.new`);
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

/** `events-00003-2026112110.jsonl.gz`: number in reading order, then the hour of receipt (UTC). */
export function segmentName(number: number, hourMs: number): string {
  const hour = new Date(hourMs).toISOString().slice(0, 13).replace(/\D/g, "");
  return `events-${String(number).padStart(5, "0")}-${hour}.jsonl.gz`;
}

/** Segments in the folder that the manifest does not list, in reading order. */
export async function unlistedSegments(folder: string, manifest: Manifest): Promise<string[]> {
  const listed = new Set(manifest.files.map((file) => file.name));
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".jsonl.gz") && !listed.has(name)).sort();
}

export interface FolderLock {
  release(): Promise<void>;
}

/** Takes the folder for writing; the system frees it when the process dies. Throws TAPE_IN_USE. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, LOCK_NAME);
  const file = await Deno.open(path, { read: true, write: true, create: true });
  // A file removed by its last owner between our opening and our locking guards nothing.
  const same = async () => (await file.stat()).ino === await Deno.stat(path).then((s) => s.ino, () => null);
  if (!await file.tryLock(true) || !await same()) {
    file.close();
    throw new OperationError({
      code: "TAPE_IN_USE",
      message: `Cannot write to ${folder}: another process is recording there`,
      hint: "Stop it first, or choose another folder.",
    });
  }
  return {
    release: async () => {
      // Removed while still locked, so that nobody locks a file that is about to go.
      await Deno.remove(path).catch(() => undefined);
      file.close();
    },
  };
}

/** Whether a recorder holds the folder now. */
export async function isBeingRecorded(folder: string): Promise<boolean> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(join(folder, LOCK_NAME), { read: true });
  } catch {
    return false;
  }
  try {
    return !await file.tryLock(false);
  } catch {
    return false;
  } finally {
    file.close();
  }
}
