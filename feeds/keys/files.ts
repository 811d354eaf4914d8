/** Files that hold encrypted secrets: readable by their owner only, whole or absent, never overwritten by accident. */
import { dirname } from "node:path";
import { OperationError } from "../../core/errors.ts";

const OWNER_ONLY = 0o600;
const FOLDER_OWNER_ONLY = 0o700;
/** Longest file read: a keystore has half a kilobyte. */
const MAX_BYTES = 64_000;

function unwritable(path: string, error: unknown): OperationError {
  return new OperationError({
    code: "KEY_FILE_UNWRITABLE",
    message: `Cannot write ${path} as a key file: ${error instanceof Error ? error.message : String(error)}`,
    hint: "Choose a folder that exists and may be written with --data.",
    cause: error,
  });
}

/** On disk in full before it is seen under its name. */
function writeTemporary(path: string, text: string): string {
  const folder = dirname(path);
  Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_OWNER_ONLY });
  const temporary = Deno.makeTempFileSync({ dir: folder, prefix: ".key-" });
  try {
    const file = Deno.openSync(temporary, { write: true });
    try {
      if (Deno.build.os !== "windows") Deno.chmodSync(temporary, OWNER_ONLY);
      const bytes = new TextEncoder().encode(text);
      for (let sent = 0; sent < bytes.length;) sent += file.writeSync(bytes.subarray(sent));
      file.syncSync();
    } finally {
      file.close();
    }
    return temporary;
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It may be gone already; what matters has been reported.
  }
}

/** The name itself survives a power cut only when the folder is synced, too; Windows has no such call. */
function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  const folder = Deno.openSync(dirname(path));
  try {
    folder.syncSync();
  } finally {
    folder.close();
  }
}

function exists(path: string): OperationError {
  return new OperationError({
    code: "KEY_FILE_EXISTS",
    message: `Cannot write ${path} as a new key file: it exists`,
    hint: "A keystore is never overwritten. Choose another --name, or move the file away yourself.",
    exit: 2,
  });
}

/** Before a person is asked for anything. Throws KEY_FILE_EXISTS (exit 2). */
export function refuseExisting(path: string): void {
  if (readKeyFile(path) !== null) throw exists(path);
}

/** A hard link fails when the name is taken: no moment between looking and writing. */
function takeName(temporary: string, path: string): void {
  try {
    Deno.linkSync(temporary, path);
  } catch (error) {
    throw error instanceof Deno.errors.AlreadyExists ? exists(path) : error;
  }
}

/** Writes a file that must not exist yet. Throws KEY_FILE_EXISTS (exit 2) or KEY_FILE_UNWRITABLE (exit 1). */
export function writeNewFile(path: string, text: string): void {
  let temporary: string | null = null;
  try {
    temporary = writeTemporary(path, text);
    takeName(temporary, path);
    syncFolder(path);
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw unwritable(path, error);
  } finally {
    if (temporary !== null) removeQuietly(temporary);
  }
}

/** Writes a file that can be made again, in place of what was there. Throws KEY_FILE_UNWRITABLE (exit 1). */
export function replaceFile(path: string, text: string): void {
  let temporary: string | null = null;
  try {
    temporary = writeTemporary(path, text);
    Deno.renameSync(temporary, path);
    temporary = null;
    syncFolder(path);
  } catch (error) {
    throw unwritable(path, error);
  } finally {
    if (temporary !== null) removeQuietly(temporary);
  }
}

/** The text of a file, or null when there is none. Throws KEY_FILE_UNREADABLE (exit 1). */
export function readKeyFile(path: string): string | null {
  try {
    if (Deno.statSync(path).size > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`);
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new OperationError({
      code: "KEY_FILE_UNREADABLE",
      message: `Cannot read ${path} as a key file: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Check its permissions and that it is a file.",
      cause: error,
    });
  }
}

/** Octal permissions when others than the owner may read or write the file; null when they may not, or on Windows. */
export function openToOthers(path: string): string | null {
  if (Deno.build.os === "windows") return null;
  const mode = Deno.statSync(path).mode;
  return mode === null || (mode & 0o077) === 0 ? null : (mode & 0o777).toString(8).padStart(4, "0");
}
