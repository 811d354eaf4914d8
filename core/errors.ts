/**
 * The three kinds of trouble: an *outcome* the domain expects is a tagged union and is not here; an
 * *operation* that failed throws `OperationError`; a *bug* trips `invariant()`.
 */

/** Exit codes of the command-line contract; `docs/codes.md` lists every error code with its exit. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

export interface OperationErrorOptions {
  /** Stable UPPER_SNAKE code, listed in `docs/codes.md`. */
  readonly code: string;
  /** What, where and the current value: "Cannot X as Y: current value is Z". */
  readonly message: string;
  /** What the reader can do about it. */
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** 1 operation failed (default), 2 usage, 3 refused by safety, 4 venue refused, 5 done in part. */
  readonly exit?: ExitCode;
}

/** An operation that failed for a reason the reader can act on. Never carries secrets. */
export class OperationError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exit: ExitCode;

  constructor(options: OperationErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "OperationError";
    this.code = options.code;
    this.hint = options.hint;
    this.details = options.details ?? {};
    this.exit = options.exit ?? 1;
  }
}

/** Thrown when an assumption of ours is broken: a bug, not a condition of the world. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`Invariant broken: ${message}`);
    this.name = "InvariantError";
  }
}

/** Stops safely when `condition` is false. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
