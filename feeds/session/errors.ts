/** What can go wrong with the folder of a session. */
import { OperationError } from "../../core/errors.ts";

const textOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

/** DISK_FULL or SESSION_WRITE_FAILED for a file that could not be written. */
export function writeFailed(path: string, cause: unknown): OperationError {
  const full = cause instanceof Error && /ENOSPC|os error 28|[Nn]o space/.test(cause.message);
  return new OperationError({
    code: full ? "DISK_FULL" : "SESSION_WRITE_FAILED",
    message: `Cannot write the session file ${path}: ${textOf(cause)}`,
    hint: full ? "Free some space or pass another folder with --data." : "Check the folder given by --data.",
    cause,
  });
}

/** SESSION_DAMAGED: the file is not what the session wrote. `line` counts from 1 in the decompressed text; null: the whole file. */
export function damaged(file: string, line: number | null, why: string, cause?: unknown): OperationError {
  const place = line === null ? file : `${file}:${line}`;
  return new OperationError({
    code: "SESSION_DAMAGED",
    message: `Cannot trust the session's record as it stands: ${place}: ${why}`,
    hint:
      "The file was changed or cut after it was written; take a copy from elsewhere. Nothing after that place is proven.",
    details: { file, ...(line === null ? {} : { line }) },
    ...(cause === undefined ? {} : { cause }),
  });
}
