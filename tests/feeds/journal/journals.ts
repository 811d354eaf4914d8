/** Journals for tests, in a folder that goes away. */
import { type Journal, journalPath, openJournal } from "../../../feeds/journal/journal.ts";
import { openDatabase } from "../../../feeds/journal/sqlite.ts";

export const WALLET = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
export const T0 = 1_795_253_700_000;

/** A temporary folder, removed after `use`. */
export async function withFolder(use: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An open journal whose rows were read. */
export function opened(folder: string, maxBytes?: number): Journal {
  const owner = { pid: Deno.pid, startedAtMs: T0 };
  const journal = openJournal({
    folder,
    wallet: WALLET,
    owner,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  for (const row of journal.rows()) void row;
  return journal;
}

/** A closed journal of `rows` rows; returns its path. */
export function written(folder: string, rows: number): string {
  const journal = opened(folder);
  for (let i = 1; i <= rows; i++) {
    journal.append(i % 4 === 0 ? "intent" : "note", { i, text: `row ${i} ${"y".repeat(i % 90)}` }, T0 + i);
  }
  journal.close();
  return journalPath(folder, WALLET);
}

/** Changes a journal behind its back: without the triggers that forbid it. */
export function tamper(path: string, sql: string): void {
  const db = openDatabase(path, {});
  db.exec(
    "DROP TRIGGER rows_no_update; DROP TRIGGER rows_no_delete; DROP TRIGGER rows_in_order; DROP TRIGGER rows_head",
  );
  db.exec(sql);
  db.close();
}
