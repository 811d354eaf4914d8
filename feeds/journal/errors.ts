/** What SQLite and the file system say, as errors the reader can act on. */
import { OperationError } from "../../core/errors.ts";

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const SQLITE = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

function primaryCode(cause: unknown): number {
  const code = (cause as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : 0;
}

type Reason = readonly [code: string, pattern: RegExp, sqlite: readonly number[], hint: string];

const REASONS: readonly Reason[] = [
  [
    "DISK_FULL",
    /database or disk is full|no space left|os error 28|ENOSPC|EDQUOT|EFBIG/i,
    [SQLITE.full],
    "Free space on that disk. Without a journal nothing is sent.",
  ],
  [
    "JOURNAL_READ_ONLY",
    /readonly database|read-only file system|permission denied|EACCES|EROFS|EPERM|os error (13|30)\b/i,
    [SQLITE.readOnly],
    "Check the owner and permissions of the file and its folder.",
  ],
  [
    "JOURNAL_DAMAGED",
    /malformed|not a database|out of range/i,
    [SQLITE.corrupt, SQLITE.notADatabase],
    "`poly-edge journal verify` names the first damaged row. Keep the file; do not trade on it.",
  ],
  [
    "JOURNAL_IN_USE",
    /database is locked/i,
    [SQLITE.busy, SQLITE.locked],
    "Another program holds the file. Stop it and try again.",
  ],
];

/** Names the reason of a failed journal operation: DISK_FULL, JOURNAL_READ_ONLY, JOURNAL_DAMAGED, JOURNAL_IN_USE, JOURNAL_FAILED. */
export function journalError(doing: string, path: string, cause: unknown): OperationError {
  if (cause instanceof OperationError) return cause;
  const text = messageOf(cause);
  const primary = primaryCode(cause);
  const found = REASONS.find(([, pattern, codes]) => codes.includes(primary) || pattern.test(text));
  return new OperationError({
    code: found?.[0] ?? "JOURNAL_FAILED",
    message: `Cannot ${doing} ${path}: ${text}`,
    hint: found?.[3] ?? "Check that the folder exists and can be written.",
    cause,
  });
}
