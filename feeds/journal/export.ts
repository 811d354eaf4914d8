/** A journal as plain text for other tools: JSON lines, or CSV. Rows are checked on the way out. */
import { openForReading } from "./database.ts";
import type { JournalRow } from "./rows.ts";
import { damaged, readRows, readWallet } from "./verify.ts";

export type ExportFormat = "jsonl" | "csv";

const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

const CSV_HEAD = "seq,t,time,kind,hash,body\n";

/** One row as a line. In JSON `body` is the value itself; `hash` is over its canonical text. */
export function exportLine(row: JournalRow, format: ExportFormat): string {
  const { seq, t, kind, body, hash } = row;
  const time = new Date(t).toISOString();
  return format === "csv"
    ? `${seq},${t},${time},${kind},${hash},${quote(body)}\n`
    : `{"seq":${seq},"t":${t},"time":"${time}","kind":"${kind}","hash":"${hash}","body":${body}}\n`;
}

/**
 * Hands every row's line to `write`, the CSV header first; returns the number of rows. Throws JOURNAL_DAMAGED when it meets
 * a damaged row (what was written before it is whole), FILE_NOT_FOUND, NOT_A_JOURNAL.
 */
export function exportJournal(path: string, format: ExportFormat, write: (line: string) => void): number {
  const db = openForReading(path);
  try {
    const iterator = readRows(db, readWallet(db, path));
    if (format === "csv") write(CSV_HEAD);
    for (let rows = 0;; rows++) {
      const step = iterator.next();
      if (!step.done) {
        write(exportLine(step.value, format));
        continue;
      }
      if (step.value !== null) throw damaged(path, step.value);
      return rows;
    }
  } finally {
    db.close();
  }
}
