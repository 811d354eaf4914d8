/**
 * The journal of one wallet: append-only, hash-chained, one writer. `appendIntent()` returns when the row is on disk
 * (SQLite WAL with synchronous FULL: the log is flushed at commit), so an order that left is never forgotten. The other
 * rows are written with synchronous NORMAL: they survive the death of the process at once, and a power cut from the next
 * synced row or checkpoint on; what such a cut takes, the venue tells again when it is asked at the start.
 */
import type { Database, Statement } from "./sqlite.ts";
import { join } from "node:path";
import { invariant, OperationError } from "../../core/errors.ts";
import { canonicalJson } from "./canonical.ts";
import { openForWriting, openInMemory } from "./database.ts";
import { journalError } from "./errors.ts";
import { type LockOwner, lockWallet, type WalletLock } from "./lock.ts";
import { genesisHash, isSynced, type JournalRow, rowHash, type RowKind } from "./rows.ts";
import { damaged, readRows } from "./verify.ts";

/** A row is a few hundred bytes; one that is longer than this is a mistake. */
const MAX_BODY = 256 * 1024;
/** Rows after which the log is folded into the file, in a moment without an order; and at the latest. */
const CHECKPOINT_ROWS = 2_000;
const CHECKPOINT_ROWS_MAX = 20_000;
const DEFAULT_MAX_BYTES = 16 * 1024 ** 3;

export interface JournalOptions {
  /** Folder of journals: `<data>/journal`. Made when it is not there. */
  readonly folder: string;
  /** Address of the wallet that holds the funds, 0x and 40 hex digits. */
  readonly wallet: string;
  readonly owner: LockOwner;
  readonly maxBytes?: number;
}

/** `<folder>/<wallet>.sqlite`. Throws WALLET_INVALID. */
export function journalPath(folder: string, wallet: string): string {
  const address = wallet.toLowerCase();
  if (!/^0x[0-9a-f]{40}$/.test(address)) {
    throw new OperationError({
      code: "WALLET_INVALID",
      message: `Cannot use ${JSON.stringify(wallet)} as a wallet: an address is 0x and 40 hex digits`,
      exit: 2,
    });
  }
  return join(folder, `${address}.sqlite`);
}

/** Some file systems refuse to sync a folder; there is nothing more to be done then. */
function syncFolder(folder: string): void {
  try {
    const handle = Deno.openSync(folder, { read: true });
    try {
      handle.syncSync();
    } finally {
      handle.close();
    }
  } catch {
    return;
  }
}

/**
 * Takes the wallet and opens its journal. Throws WALLET_IN_USE, WALLET_INVALID, JOURNAL_OTHER_WALLET, NOT_A_JOURNAL and
 * what `journalError()` names. The chain is checked by `rows()`, which every start reads.
 */
export function openJournal(options: JournalOptions): Journal {
  const { folder, owner } = options;
  const path = journalPath(folder, options.wallet);
  const wallet = options.wallet.toLowerCase();
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw journalError("make the folder", folder, cause);
  }
  const lock = lockWallet(`${path}.lock`, owner);
  try {
    const genesis = genesisHash(wallet);
    const db = openForWriting({ path, wallet, genesis, maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES });
    syncFolder(folder);
    return new Journal({ path, wallet, db, lock });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A journal in memory, of a wallet that nobody has: for rehearsing what is done with a real one. Gone with `close()`. */
export function scratchJournal(wallet: string): Journal {
  const db = openInMemory(wallet, genesisHash(wallet));
  return new Journal({ path: "memory", wallet, db, lock: { crashed: null, release: () => {} } });
}

interface Opened {
  readonly path: string;
  readonly wallet: string;
  readonly db: Database;
  readonly lock: WalletLock;
}

/** An open journal; made by `openJournal()`, ended by `close()`. */
export class Journal {
  readonly path: string;
  readonly wallet: string;
  /** The last owner of the wallet, when it was killed: reconcile before trading. */
  readonly crashed: LockOwner | null;
  private readonly db: Database;
  private readonly lock: WalletLock;
  private readonly insert: Statement;
  private seq: number;
  private hash: string;
  private synced = true;
  private sinceCheckpoint = 0;
  /** Inside `appendTogether()`. */
  private together = false;
  private failure: OperationError | null = null;
  private closed = false;
  private checked: boolean;

  constructor({ path, wallet, db, lock }: Opened) {
    this.path = path;
    this.wallet = wallet;
    this.db = db;
    this.lock = lock;
    this.crashed = lock.crashed;
    try {
      const head = db.prepare("SELECT seq, hash FROM head WHERE id = 1").get();
      this.seq = head?.["seq"] as number;
      this.hash = head?.["hash"] as string;
      this.insert = db.prepare("INSERT INTO rows(seq, t, kind, body, hash) VALUES (?, ?, ?, ?, ?)");
    } catch (cause) {
      db.close();
      throw journalError("open the journal", path, cause);
    }
    this.checked = this.seq === 0;
  }

  /** Number of the last row; 0 when empty. */
  get lastSeq(): number {
    return this.seq;
  }

  /** Hash of the last row. */
  get lastHash(): string {
    return this.hash;
  }

  /** An order, before its bytes leave: when this returns, the row is on disk. Throws as `append()`. */
  appendIntent(body: unknown, t: number): JournalRow {
    return this.append("intent", body, t);
  }

  /**
   * Appends one row. `intent` and `latch` are on disk when it returns. Throws DISK_FULL, JOURNAL_READ_ONLY, JOURNAL_FAILED,
   * ...; after any of these the journal takes nothing more (what a failed flush has written is not known), so nothing may
   * be sent: stop, and start again.
   */
  append(kind: RowKind, body: unknown, t: number): JournalRow {
    if (this.failure !== null) throw this.failure;
    if (this.closed) {
      throw new OperationError({
        code: "JOURNAL_FAILED",
        message: `Cannot append to ${this.path}: it is closed`,
      });
    }
    invariant(this.checked, "a journal is read by rows() before it is appended to");
    const text = canonicalJson(body);
    if (text.length > MAX_BODY) {
      throw new OperationError({
        code: "JOURNAL_ROW_TOO_LONG",
        message: `Cannot append a ${kind} row of ${text.length} characters: the limit is ${MAX_BODY}`,
      });
    }
    const content = { seq: this.seq + 1, t, kind, body: text };
    const row: JournalRow = { ...content, hash: rowHash(this.hash, content) };
    try {
      if (!this.together) this.setSync(isSynced(kind));
      this.insert.run(row.seq, row.t, row.kind, row.body, row.hash);
    } catch (cause) {
      this.failure = journalError("append to the journal", this.path, cause);
      throw this.failure;
    }
    this.seq = row.seq;
    this.hash = row.hash;
    this.sinceCheckpoint++;
    if (!this.together && this.sinceCheckpoint >= (isSynced(kind) ? CHECKPOINT_ROWS_MAX : CHECKPOINT_ROWS)) {
      this.checkpoint();
    }
    return row;
  }

  /**
   * Everything that `work` appends is one write: on disk, all of it, when this returns, for the price of one sync. When it
   * fails none of it is, and the journal takes nothing more, because its callers have moved on in memory. Throws as `append()`,
   * and what `work` throws.
   */
  appendTogether(work: () => void): void {
    if (this.failure !== null) throw this.failure;
    invariant(!this.together, "one write at a time");
    try {
      this.setSync(true);
      this.db.exec("BEGIN IMMEDIATE");
      this.together = true;
      work();
      this.db.exec("COMMIT");
    } catch (cause) {
      this.failure ??= journalError("append to the journal", this.path, cause);
      try {
        this.db.exec("ROLLBACK");
      } catch {
        // A commit that failed has ended the transaction itself.
      }
      throw cause instanceof OperationError ? cause : this.failure;
    } finally {
      this.together = false;
    }
    if (this.sinceCheckpoint >= CHECKPOINT_ROWS_MAX) this.checkpoint();
  }

  private setSync(full: boolean): void {
    if (full === this.synced) return;
    this.db.exec(full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    this.synced = full;
  }

  /** Folds the log into the file; costs a flush or two. Called by itself now and then; call it in quiet moments. */
  checkpoint(): void {
    try {
      this.db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      this.sinceCheckpoint = 0;
    } catch (cause) {
      this.failure = journalError("fold the journal's log into", this.path, cause);
      throw this.failure;
    }
  }

  /** All rows from the first, each checked against the chain. Throws JOURNAL_DAMAGED, naming the first damaged row. */
  *rows(): Generator<JournalRow, void> {
    const damage = yield* readRows(this.db, this.wallet);
    if (damage !== null) {
      this.failure = damaged(this.path, damage);
      throw this.failure;
    }
    this.checked = true;
  }

  /** Ends it well: the log is folded in, the wallet is free. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.db.close();
    } finally {
      this.lock.release();
    }
  }
}
