/**
 * Notices within a second that the latch was set by another process. A look costs one stat of one small file; its text is
 * read when the stat has changed, and every few looks all the same, because not every file system tells a change by its
 * times. A folder that cannot be read counts as set, as `readLatch()` has it.
 */
import { join } from "node:path";
import { type LatchState, readLatch } from "./latch.ts";

/** Wall milliseconds between two looks. */
export const LATCH_LOOK_MS = 200;
/** Looks after which the file is read, changed or not: at most 800 ms old. */
const READ_EVERY = 4;

export interface LatchWatch {
  /** As of the last look. */
  readonly state: LatchState;
  /** Looks now; true when the latch is set. For the moment before something is sent. */
  isSet(): boolean;
  close(): void;
}

export interface LatchWatchOptions {
  /** `<data>/latches`. */
  readonly folder: string;
  /** Called once for every change of the state, the state at the start included only when it is set. */
  readonly onChange: (state: LatchState) => void;
  /** Repeats `look` until the returned function is called. Default: a timer every `LATCH_LOOK_MS`. */
  readonly repeat?: (look: () => void) => () => void;
}

function byTimer(look: () => void): () => void {
  const timer = setInterval(look, LATCH_LOOK_MS);
  return () => clearInterval(timer);
}

/** What tells two versions of the file apart: the file is replaced whole, so its number changes as well. */
function stampOf(folder: string): string {
  try {
    const { ino, mtime, size } = Deno.statSync(join(folder, "latch.json"));
    return `${ino} ${mtime?.getTime()} ${size}`;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "none" : "unreadable";
  }
}

const same = (a: LatchState, b: LatchState): boolean =>
  a.set === b.set && a.mark?.at === b.mark?.at && a.mark?.code === b.mark?.code &&
  a.mark?.reason === b.mark?.reason;

/** Watches the latch of a folder. `onChange` must not throw. */
export function watchLatch(options: LatchWatchOptions): LatchWatch {
  const { folder, onChange } = options;
  let state: LatchState = { set: false, mark: null };
  let stamp = "";
  let looks = 0;
  const look = (): void => {
    const now = stampOf(folder);
    looks++;
    if (now === stamp && looks % READ_EVERY !== 0) return;
    stamp = now;
    const found = readLatch(folder);
    if (same(found, state)) return;
    state = found;
    onChange(found);
  };
  look();
  const stop = (options.repeat ?? byTimer)(look);
  return {
    get state() {
      return state;
    },
    isSet() {
      look();
      return state.set;
    },
    close: stop,
  };
}
