/**
 * The latch on disk: once set, nothing new is sent by any process, until a person clears it. One small file, replaced whole
 * (written beside, synced, renamed), so a reader sees the old state or the new one. A file that cannot be read counts as set.
 */
import { join } from "node:path";
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import { canonicalJson } from "./canonical.ts";

const NAME = "latch.json";
const LOCK = "latch.lock";
/** Changing the latch takes microseconds; who waits longer meets a fault. */
const WAIT_MS = 2_000;
const RETRY_MS = 5;

/** Who set or cleared it, when, and why. */
export interface LatchMark {
  /** Stable code of the cause, for example DRAWDOWN_LATCH, or KILL by hand. */
  readonly code: string;
  readonly reason: string;
  readonly who: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export interface LatchState {
  readonly set: boolean;
  /** The mark that set it (the first one since it was last clear), or cleared it; null when it never was set. */
  readonly mark: LatchMark | null;
  /** Latch rows of journals that were cleared: number of the last one, by wallet (see `latch_rows.ts`). */
  readonly journals?: Readonly<Record<string, number>>;
}

const schema = z.strictObject({
  set: z.boolean(),
  mark: z.strictObject({ code: z.string(), reason: z.string(), who: z.string(), at: z.int() }).nullable(),
  journals: z.record(z.string(), z.int()).exactOptional(),
});

const keeping = ({ journals }: LatchState): Pick<LatchState, "journals"> =>
  journals === undefined ? {} : { journals };

/** State of the latch in a folder (`<data>/latches`). No file means clear; a damaged or unreadable one means set. */
export function readLatch(folder: string): LatchState {
  let text: string;
  try {
    text = Deno.readTextFileSync(join(folder, NAME));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return { set: false, mark: null };
    return unreadable(cause);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    return unreadable(cause);
  }
}

const unreadable = (cause: unknown): LatchState => ({
  set: true,
  mark: {
    code: "LATCH_UNREADABLE",
    reason: cause instanceof Error ? cause.message : String(cause),
    who: "poly-edge",
    at: 0,
  },
});

/**
 * Sets it. A latch that is set stays as it was: the first cause is kept. Throws LATCH_WRITE_FAILED, DISK_FULL, LATCH_BUSY;
 * the caller must stop all the same.
 */
export const setLatch = (folder: string, mark: LatchMark): Promise<LatchState> =>
  change(
    folder,
    (before) =>
      before.set && before.mark?.code !== "LATCH_UNREADABLE"
        ? before
        : { set: true, mark, ...keeping(before) },
  );

/**
 * Clears it. `seen` is what the person read: when it was set anew meanwhile it stays set, LATCH_CHANGED. Clearing a clear
 * latch changes nothing, unless `journals` names rows that were not cleared before.
 */
export const clearLatch = (
  folder: string,
  mark: LatchMark,
  seen: LatchState,
  journals: Readonly<Record<string, number>> = {},
): Promise<LatchState> =>
  change(folder, (before) => {
    const known = before.journals ?? {};
    const more = Object.entries(journals).filter(([wallet, seq]) => (known[wallet] ?? 0) < seq);
    const cleared = more.length === 0
      ? keeping(before)
      : { journals: { ...known, ...Object.fromEntries(more) } };
    if (!before.set) return more.length === 0 ? before : { set: false, mark, ...cleared };
    if (canonicalJson(before) !== canonicalJson(seen)) {
      throw new OperationError({
        code: "LATCH_CHANGED",
        message: `Cannot clear the latch as seen: it was set by ${before.mark?.who ?? "?"} for ${
          before.mark?.code ?? "?"
        } meanwhile`,
        hint: "Read why it is set now, then clear it again.",
        details: { mark: before.mark },
        exit: 3,
      });
    }
    return { set: false, mark, ...cleared };
  });

async function change(folder: string, next: (before: LatchState) => LatchState): Promise<LatchState> {
  const path = join(folder, NAME);
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    using lock = Deno.openSync(join(folder, LOCK), { read: true, write: true, create: true, mode: 0o600 });
    for (let waited = 0; !lock.tryLockSync(true); waited += RETRY_MS) {
      if (waited >= WAIT_MS) {
        throw new OperationError({
          code: "LATCH_BUSY",
          message:
            `Cannot change the latch in ${folder}: another process has been changing it for ${WAIT_MS} ms`,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    const before = readLatch(folder);
    const after = next(before);
    if (after !== before) replace(folder, path, `${JSON.stringify(after)}\n`);
    return after;
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    const full = /no space left|os error 28|ENOSPC|quota/i.test(text);
    throw new OperationError({
      code: full ? "DISK_FULL" : "LATCH_WRITE_FAILED",
      message: `Cannot write the latch ${path}: ${text}`,
      hint: "Nothing new may be sent until the latch can be written. Check the folder and its free space.",
      cause,
    });
  }
}

function replace(folder: string, path: string, text: string): void {
  const beside = `${path}.new`;
  {
    using file = Deno.openSync(beside, { write: true, create: true, truncate: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  }
  Deno.renameSync(beside, path);
  try {
    using handle = Deno.openSync(folder, { read: true });
    handle.syncSync();
  } catch {
    // Some file systems refuse to sync a folder; the file itself is on disk.
    return;
  }
}
