/** The latch of a data folder, as commands name it and tell of it. */
import { join } from "node:path";
import type { LatchMark, LatchState } from "../../feeds/journal/latch.ts";
import { type StandingLatch, standingLatch } from "../../feeds/journal/latch_rows.ts";

/** `<data>/latches`. One latch stops every engine of a data folder. */
export const latchFolder = (dataDir: string): string => join(dataDir, "latches");

/** What counts in a data folder: the latch file, and latches that only a journal tells of. */
export const latchOf = (dataDir: string): StandingLatch =>
  standingLatch(latchFolder(dataDir), join(dataDir, "journal"));

/** Who does something: this program's process. */
export const whoAmI = (command: string): string => `poly-edge ${command}, process ${Deno.pid}`;

const timeOf = (mark: LatchMark): string | null => mark.at === 0 ? null : new Date(mark.at).toISOString();

/** `data.latch` of kill, resume, doctor. */
export const latchData = ({ mark, set }: LatchState) => ({
  set,
  code: mark?.code ?? null,
  reason: mark?.reason ?? null,
  who: mark?.who ?? null,
  at: mark === null ? null : timeOf(mark),
});

/** One sentence: "set at 2026-... by ... (KILL): reason". */
export function latchText({ mark, set }: LatchState): string {
  if (mark === null) return set ? "set" : "clear, never set";
  const at = timeOf(mark);
  const why = mark.reason === "" ? "" : `: ${mark.reason}`;
  return `${set ? "set" : "clear, last cleared"}${
    at === null ? "" : ` at ${at}`
  } by ${mark.who} (${mark.code})${why}`;
}
