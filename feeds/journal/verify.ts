/** Is a journal whole? Walks the chain from the first row and names the first damaged one. */
import type { Database } from "./sqlite.ts";
import { OperationError } from "../../core/errors.ts";
import { openForReading, walletOf } from "./database.ts";
import { genesisHash, isRowKind, type JournalRow, rowHash } from "./rows.ts";

/**
 * `content` the row or its hash was changed (also: rows were swapped); `missing` a row is gone; `tail` rows are gone at the
 * end, or were added past the journal; `database` SQLite itself cannot read on.
 */
export interface Damage {
  readonly seq: number;
  readonly kind: "content" | "missing" | "tail" | "database";
  readonly detail: string;
}

/** Rows in order, each checked against the chain; ends at the first damage, which it returns. */
export function* readRows(db: Database, wallet: string): Generator<JournalRow, Damage | null> {
  let seq = 0;
  let previous = genesisHash(wallet);
  try {
    const rows = db.prepare("SELECT seq, t, kind, body, hash FROM rows ORDER BY seq").iterate();
    for (const found of rows) {
      const row = { ...found } as unknown as JournalRow;
      if (row.seq !== seq + 1) {
        return {
          seq: seq + 1,
          kind: "missing",
          detail: `row ${seq + 1} is gone; the next one is ${row.seq}`,
        };
      }
      const hash = rowHash(previous, row);
      if (hash !== row.hash || !isRowKind(row.kind)) {
        return {
          seq: row.seq,
          kind: "content",
          detail: `its hash is ${short(row.hash)}, its content gives ${short(hash)}`,
        };
      }
      yield row;
      seq = row.seq;
      previous = hash;
    }
    const head = db.prepare("SELECT seq, hash FROM head WHERE id = 1").get();
    if (head?.["seq"] !== seq || head["hash"] !== previous) {
      const last = head === undefined ? "nothing" : `row ${String(head["seq"])}`;
      return { seq: seq + 1, kind: "tail", detail: `rows end at ${seq}, the last append left ${last}` };
    }
  } catch (cause) {
    return { seq: seq + 1, kind: "database", detail: cause instanceof Error ? cause.message : String(cause) };
  }
  return null;
}

const short = (hash: unknown): string => typeof hash === "string" ? `${hash.slice(0, 12)}...` : String(hash);

export interface Verified {
  readonly path: string;
  readonly wallet: string;
  readonly ok: boolean;
  /** Whole rows before the end or the first damage. */
  readonly rows: number;
  readonly kinds: Readonly<Record<string, number>>;
  /** Milliseconds; null when empty. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** Hash of the last whole row. */
  readonly hash: string;
  readonly firstDamage: Damage | null;
}

/** Verifies a journal file. Throws FILE_NOT_FOUND, NOT_A_JOURNAL, JOURNAL_DAMAGED (when not even its tables can be read). */
export function verifyJournal(path: string): Verified {
  const db = openForReading(path);
  try {
    const wallet = readWallet(db, path);
    const kinds: Record<string, number> = {};
    let [rows, hash]: [number, string] = [0, genesisHash(wallet)];
    let [fromMs, toMs]: [number | null, number | null] = [null, null];
    const iterator = readRows(db, wallet);
    for (;;) {
      const step = iterator.next();
      if (step.done) {
        return {
          path,
          wallet,
          ok: step.value === null,
          rows,
          kinds,
          fromMs,
          toMs,
          hash,
          firstDamage: step.value,
        };
      }
      const row = step.value;
      rows++;
      kinds[row.kind] = (kinds[row.kind] ?? 0) + 1;
      hash = row.hash;
      fromMs ??= row.t;
      toMs = row.t;
    }
  } finally {
    db.close();
  }
}

/** The wallet, or JOURNAL_DAMAGED when the file's own structure cannot be read. */
export function readWallet(db: Database, path: string): string {
  try {
    return walletOf(db, path);
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    throw damaged(path, {
      seq: 1,
      kind: "database",
      detail: cause instanceof Error ? cause.message : String(cause),
    });
  }
}

/** The error for a journal that must not be built upon. */
export const damaged = (path: string, { seq, kind, detail }: Damage): OperationError =>
  new OperationError({
    code: "JOURNAL_DAMAGED",
    message: `Cannot trust ${path}: row ${seq} is damaged (${kind}: ${detail})`,
    hint:
      "Keep the file as it is; the rows before the named one are whole. Cancel all orders at the venue before a fresh start.",
    details: { path, firstDamage: { seq, kind, detail } },
  });
