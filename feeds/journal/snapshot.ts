/** The state a wallet's journal tells of, read while an engine may go on writing it. */
import { openForReading } from "./database.ts";
import { journalPath } from "./journal.ts";
import type { JournalRow } from "./rows.ts";
import { rebuildState, type WalletState } from "./state.ts";
import { damaged, readRows, readWallet } from "./verify.ts";

export interface JournalSnapshot {
  readonly state: WalletState;
  readonly rows: number;
}

/**
 * Reads and checks the whole journal of a wallet; null when there is none. Throws JOURNAL_DAMAGED, JOURNAL_ROW_UNKNOWN,
 * NOT_A_JOURNAL. Takes a few microseconds a row.
 */
export function readJournalState(folder: string, wallet: string): JournalSnapshot | null {
  const path = journalPath(folder, wallet);
  try {
    Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const db = openForReading(path);
  try {
    const source = readRows(db, readWallet(db, path));
    let rows = 0;
    const each = function* (): Generator<JournalRow> {
      for (;;) {
        const step = source.next();
        if (!step.done) {
          rows++;
          yield step.value;
          continue;
        }
        if (step.value !== null) throw damaged(path, step.value);
        return;
      }
    };
    const state = rebuildState(each());
    return { state, rows };
  } finally {
    db.close();
  }
}
