/** The journal's SQLite file: tables, guards, opening for reading and for writing. */
import { type Database, openDatabase } from "./sqlite.ts";
import { OperationError } from "../../core/errors.ts";
import { journalError } from "./errors.ts";
import { JOURNAL_FORMAT } from "./rows.ts";

/**
 * Rows are only ever added, in order: triggers refuse everything else, whoever writes. `head` is what the last append left,
 * so rows cut off at the end are missed too.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS rows(seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS head(id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS rows_in_order BEFORE INSERT ON rows WHEN NEW.seq IS NOT (SELECT seq + 1 FROM head)
  BEGIN SELECT RAISE(ABORT, 'journal rows are appended in order'); END;
CREATE TRIGGER IF NOT EXISTS rows_head AFTER INSERT ON rows
  BEGIN UPDATE head SET seq = NEW.seq, hash = NEW.hash WHERE id = 1; END;
CREATE TRIGGER IF NOT EXISTS rows_no_update BEFORE UPDATE ON rows BEGIN SELECT RAISE(ABORT, 'journal rows are not changed'); END;
CREATE TRIGGER IF NOT EXISTS rows_no_delete BEFORE DELETE ON rows BEGIN SELECT RAISE(ABORT, 'journal rows are not removed'); END;
`;

const PAGE_BYTES = 4096;
/** Before trading a lock that passes is worth a wait, for writers and readers alike. */
const OPEN_WAIT_MS = 2_000;
/**
 * An append holds the event loop while it waits for the write lock. Nobody else takes that lock: one engine per wallet, and
 * our readers do not write, nor fold the log. Whoever holds it longer is another program: JOURNAL_IN_USE.
 */
const APPEND_WAIT_MS = 50;

export interface WriteOptions {
  readonly path: string;
  readonly wallet: string;
  /** Hash of the empty journal. */
  readonly genesis: string;
  /** The file may not grow beyond this; then DISK_FULL. */
  readonly maxBytes: number;
}

function layOut(db: Database, wallet: string, genesis: string): void {
  db.exec("BEGIN IMMEDIATE");
  db.exec(SCHEMA);
  const put = db.prepare("INSERT OR IGNORE INTO meta(key, value) VALUES (?, ?)");
  put.run("format", JOURNAL_FORMAT);
  put.run("wallet", wallet);
  db.prepare("INSERT OR IGNORE INTO head(id, seq, hash) VALUES (1, 0, ?)").run(genesis);
  db.exec("COMMIT");
}

/** A journal that is nowhere but in memory. */
export function openInMemory(wallet: string, genesis: string): Database {
  const db = openDatabase(":memory:", {});
  layOut(db, wallet, genesis);
  return db;
}

/** Opens, and makes when it is not there, a journal for appending. Throws what `journalError()` names. */
export function openForWriting({ path, wallet, genesis, maxBytes }: WriteOptions): Database {
  let db: Database | null = null;
  try {
    // SQLite would create it readable for everybody.
    Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
    db = openDatabase(path, { timeout: OPEN_WAIT_MS });
    const mode = db.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
    if (mode !== "wal") {
      throw new Error(`the file system allows journal mode ${String(mode)} only, wal is needed`);
    }
    // Checkpoints are ours to time: one in the middle of an order would cost it milliseconds.
    db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL;");
    db.exec(`PRAGMA max_page_count = ${Math.max(16, Math.floor(maxBytes / PAGE_BYTES))}`);
    layOut(db, wallet, genesis);
    const found = walletOf(db, path);
    if (found !== wallet) throw wrongWallet(path, wallet, found);
    db.exec(`PRAGMA busy_timeout = ${APPEND_WAIT_MS}`);
    return db;
  } catch (cause) {
    db?.close();
    throw journalError("open the journal", path, cause);
  }
}

const wrongWallet = (path: string, wallet: string, found: string) =>
  new OperationError({
    code: "JOURNAL_OTHER_WALLET",
    message: `Cannot use ${path} as the journal of ${wallet}: it is the journal of ${found}`,
    hint: "Each wallet has a journal of its own.",
    exit: 3,
  });

/** The wallet of an open journal. Throws NOT_A_JOURNAL. */
export function walletOf(db: Database, path: string): string {
  const notOne = (detail: string) =>
    new OperationError({
      code: "NOT_A_JOURNAL",
      message: `Cannot read ${path} as a journal: ${detail}`,
      hint: `A journal is a file <data>/journal/<wallet>.sqlite of format ${JOURNAL_FORMAT}.`,
    });
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('meta', 'rows', 'head')")
    .get();
  if (tables?.["n"] !== 3) throw notOne("its tables are missing");
  const get = (key: string) => db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.["value"];
  const format = get("format");
  if (format !== JOURNAL_FORMAT) throw notOne(`its format is ${String(format)}`);
  const wallet = get("wallet");
  if (typeof wallet !== "string") throw notOne("it names no wallet");
  return wallet;
}

/**
 * Opens a journal for reading one consistent state; an engine may go on writing. A reader changes nothing: it neither takes
 * the write lock nor folds the log into the file, also when nobody else has it open. Throws FILE_NOT_FOUND, JOURNAL_DAMAGED, ....
 */
export function openForReading(path: string): Database {
  try {
    Deno.statSync(path);
  } catch (cause) {
    throw new OperationError({
      code: "FILE_NOT_FOUND",
      message: `Cannot read the journal ${path}: there is no such file`,
      hint: "Name the file, or the wallet's address.",
      cause,
    });
  }
  let db: Database | null = null;
  try {
    db = openDatabase(path, { readOnly: true, timeout: OPEN_WAIT_MS });
    db.exec("PRAGMA query_only = ON; BEGIN");
    return db;
  } catch (cause) {
    db?.close();
    throw journalError("read the journal", path, cause);
  }
}
