/** Puts a report on disk whole or not at all. */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperationError } from "../../core/errors.ts";

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full. Free some space, or name another folder.",
  EDQUOT: "The disk quota is used up. Free some space, or name another folder.",
  EACCES: "The folder may not be written to. Change its permissions, or name another folder.",
  EPERM: "The folder may not be written to. Change its permissions, or name another folder.",
  EROFS: "The file system is read-only. Name another folder.",
  EEXIST: "A part of the path is a file, not a folder. Name another path.",
  EISDIR: "The path is a folder. Name a file in it, for example report.html.",
  ENOTDIR: "A part of the path is a file, not a folder. Name another path.",
  ENAMETOOLONG: "The name is too long for the file system. Name a shorter one.",
};

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  // Deno refuses a path outside its permission set with an error that has a name and no code.
  return cause instanceof Error && cause.name === "NotCapable" ? "EACCES" : "unknown";
}

/** The file operations of a write; a test hands in failing ones. */
export interface ReportFiles {
  readonly mkdir: typeof mkdir;
  readonly rename: typeof rename;
  /** Creates `path` with `bytes`, synced: a full disk may show only then, and a rename must not outlive its data. */
  readonly create: (path: string, bytes: Uint8Array) => Promise<void>;
}

async function create(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes `markup` to `path` through a temporary file in the same folder and a rename, so that a reader sees the old report
 * or the new one, never half of one. Folders on the way are made. Returns the bytes written. Throws REPORT_WRITE_FAILED
 * (exit 1) and leaves nothing behind.
 */
export async function writeReport(
  path: string,
  html: string,
  files: ReportFiles = { mkdir, rename, create },
): Promise<{ readonly bytes: number }> {
  const folder = dirname(path);
  const temporary = join(folder, `.report-${crypto.randomUUID()}.tmp`);
  const bytes = new TextEncoder().encode(html);
  try {
    await files.mkdir(folder, { recursive: true });
    await files.create(temporary, bytes);
    await files.rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const reason = reasonOf(cause);
    throw new OperationError({
      code: "REPORT_WRITE_FAILED",
      message: `Cannot write the report to ${path} as a file: current value is ${reason}`,
      hint: HINTS[reason] ?? "Name another path with --report.",
      details: { path, reason },
      cause,
    });
  }
  return { bytes: bytes.length };
}
