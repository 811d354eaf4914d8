/**
 * Latches that journals tell of. A latch that was set while its file could not be written stands in the journal alone: it
 * holds until a person clears it. Which rows are cleared is kept in the latch file (`journals`: the number of the last latch
 * row that was seen, by wallet), because the journal of an engine that runs has one writer; that engine's next start writes
 * the clearing into the journal as well.
 */
import { basename, join } from "node:path";
import { z } from "zod";
import { openForReading } from "./database.ts";
import { type LatchMark, type LatchState, readLatch } from "./latch.ts";

/** The last word of a journal about the latch. */
export interface LatchRow {
  readonly seq: number;
  readonly set: boolean;
  readonly mark: LatchMark;
}

const bodySchema = z.object({
  set: z.boolean(),
  code: z.string(),
  reason: z.string(),
  who: z.string(),
  at: z.int(),
});

/** Last latch row of a journal file; null when it has none. Throws what `openForReading()` throws, and SQLite. */
export function lastLatchRow(path: string): LatchRow | null {
  const db = openForReading(path);
  try {
    const row = db.prepare("SELECT seq, t, body FROM rows WHERE kind = 'latch' ORDER BY seq DESC LIMIT 1")
      .get();
    if (row === undefined) return null;
    const seq = row["seq"] as number;
    const read = bodySchema.safeParse(JSON.parse(String(row["body"])));
    if (read.success) {
      const { set, ...mark } = read.data;
      return { seq, set, mark };
    }
    // Written by another version: that somebody had to stop is all there is to know.
    const mark = { code: "LATCH_UNREADABLE", reason: `row ${seq} of the journal`, who: "poly-edge" };
    return { seq, set: true, mark: { ...mark, at: row["t"] as number } };
  } finally {
    db.close();
  }
}

/** Wallet of a journal file, as `LatchState.journals` names it. */
export const walletOfPath = (path: string): string => basename(path, ".sqlite");

/** Whether a row holds although the latch file says clear. */
export const holds = ({ journals }: LatchState, wallet: string, row: LatchRow | null): row is LatchRow =>
  row !== null && row.set && (journals?.[wallet] ?? 0) < row.seq;

/** The latch of a data folder: its file, and what journals hold that the file does not know of. */
export interface StandingLatch {
  /** What counts. */
  readonly state: LatchState;
  /** What the file says. */
  readonly file: LatchState;
  /** Numbers of the last latch rows by wallet: clearing the latch clears these. */
  readonly journals: Readonly<Record<string, number>>;
}

function pathsOf(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => /^0x[0-9a-f]{40}\.sqlite$/.test(name)).sort().map((name) => join(folder, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * Reads the latch file and every journal of a data folder. A journal that cannot be read tells nothing here; no engine starts
 * on it either.
 */
export function standingLatch(latches: string, journalFolder: string): StandingLatch {
  const file = readLatch(latches);
  const journals: Record<string, number> = {};
  let state = file;
  for (const path of pathsOf(journalFolder)) {
    let row: LatchRow | null;
    try {
      row = lastLatchRow(path);
    } catch {
      continue;
    }
    if (row === null || !row.set) continue;
    const wallet = walletOfPath(path);
    journals[wallet] = row.seq;
    if (!state.set && holds(file, wallet, row)) state = { set: true, mark: row.mark };
  }
  return { state, file, journals };
}
