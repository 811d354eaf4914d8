/**
 * What money commands have set in motion, on disk before it is sent: an append-only file a wallet, one JSON record a line,
 * chained by hash, synced record by record. A torn last line is a record whose deed had not begun; it is cut off.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import { isObject } from "../net/sink.ts";

/** A transaction of the key itself; every try has the same nonce, target and data, so that at most one can land. */
export interface EoaIntent {
  readonly kind: "eoa";
  readonly nonce: number;
  readonly to: string;
  readonly data: string;
  readonly gasLimit: string;
  /** Newest last. Fees in wei. */
  readonly tries: readonly {
    readonly raw: string;
    readonly hash: string;
    readonly maxFee: string;
    readonly tip: string;
  }[];
}

/** A batch that the relayer is to send; the wallet's counter is signed with it, so that it can land once. */
export interface RelayIntent {
  readonly kind: "relay";
  readonly type: "WALLET" | "SAFE" | "PROXY";
  readonly nonce: string;
  /** Unix seconds after which it cannot land; null: never ends. */
  readonly deadlineS: number | null;
  /** Signed body of the submit. */
  readonly body: string;
  /** Actions the relayer made of it. */
  readonly ids: readonly string[];
}

export type Intent = EoaIntent | RelayIntent;

/** pUSD that leaves the wallet with an operation, millionths, and to whom the transfer says it goes. */
export interface Payment {
  readonly amount: string;
  readonly to: string;
}

/**
 * `landed`; `reverted`: mined without effect; `void`: its number was used by something else, or it is too old to land.
 * `dormant`: refused, its number is still free; whatever is signed next uses the same number. Not set: under way.
 */
export type Fate = "landed" | "reverted" | "void" | "dormant";

export interface Landing {
  readonly hash: string | null;
  readonly block: number | null;
  readonly gasUsed: string | null;
  /** Wei. */
  readonly gasPrice: string | null;
}

export interface Operation {
  readonly id: string;
  readonly run: string;
  readonly name: string;
  readonly title: string;
  readonly payment: Payment | null;
  /** Newest block when it was signed. */
  readonly fromBlock: number;
  readonly intent: Intent;
  readonly fate: Fate | null;
  readonly why: string;
  readonly landing: Landing | null;
}

export interface MoneyRun {
  readonly id: string;
  readonly command: string;
  readonly atMs: number;
  readonly args: Readonly<Record<string, unknown>>;
  /** Facts kept on the way, such as balances before. */
  readonly notes: Readonly<Record<string, unknown>>;
  readonly ended: { readonly atMs: number; readonly result: Readonly<Record<string, unknown>> } | null;
}

export type MoneyRecord =
  | {
    readonly type: "run";
    readonly run: string;
    readonly command: string;
    readonly atMs: number;
    readonly args: Readonly<Record<string, unknown>>;
  }
  | { readonly type: "note"; readonly run: string; readonly notes: Readonly<Record<string, unknown>> }
  | { readonly type: "signed"; readonly op: Omit<Operation, "fate" | "why" | "landing"> }
  | { readonly type: "intent"; readonly op: string; readonly intent: Intent }
  | {
    readonly type: "fate";
    readonly op: string;
    readonly fate: Fate;
    readonly why: string;
    readonly landing: Landing | null;
  }
  | {
    readonly type: "end";
    readonly run: string;
    readonly atMs: number;
    readonly result: Readonly<Record<string, unknown>>;
  };

function damaged(path: string, line: number, why: string, cause?: unknown): OperationError {
  return new OperationError({
    code: "MONEY_JOURNAL_DAMAGED",
    message: `Cannot read ${path} as a journal of payments: line ${line} ${why}`,
    hint: "Restore the file from a copy. Without it nobody can tell whether something is still under way.",
    details: { file: path, line },
    exit: 3,
    ...(cause === undefined ? {} : { cause }),
  });
}

function unwritable(path: string, cause: unknown): OperationError {
  return new OperationError({
    code: "MONEY_JOURNAL_WRITE_FAILED",
    message: `Cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: "Free space or mend the folder of --data, then run the same command again. Nothing more was sent.",
    cause,
  });
}

const sumOf = (before: string, body: string): string =>
  createHash("sha256").update(before).update(body).digest("hex").slice(0, 32);

/** File of a wallet's journal below the data folder. */
export const moneyJournalPath = (dataDir: string, wallet: string): string =>
  join(dataDir, "cash", `${wallet.toLowerCase()}.jsonl`);

/** Reads and appends. One process at a time: the caller holds the wallet's lock. */
export class MoneyJournal {
  readonly path: string;
  readonly runs = new Map<string, MoneyRun>();
  readonly operations = new Map<string, Operation>();
  readonly #file: Deno.FsFile;
  #sum = "";

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /** Opens or begins the journal. Throws MONEY_JOURNAL_DAMAGED (exit 3), MONEY_JOURNAL_WRITE_FAILED. */
  static open(path: string): MoneyJournal {
    let file: Deno.FsFile;
    let text: string;
    try {
      Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
      text = Deno.readTextFileSync(path);
    } catch (cause) {
      throw unwritable(path, cause);
    }
    const journal = new MoneyJournal(path, file);
    try {
      journal.#load(text);
    } catch (error) {
      file.close();
      throw error;
    }
    return journal;
  }

  #load(text: string): void {
    const whole = text.lastIndexOf("\n") + 1;
    const lines = text.slice(0, whole).split("\n").slice(0, -1);
    lines.forEach((line, at) => {
      const cut = line.indexOf(" ");
      const [sum, body] = [line.slice(0, cut), line.slice(cut + 1)];
      if (sumOf(this.#sum, body) !== sum) throw damaged(this.path, at + 1, "does not fit its hash");
      try {
        const record: unknown = JSON.parse(body);
        if (!isObject(record)) throw new Error("it is no record");
        this.#apply(record as MoneyRecord);
      } catch (cause) {
        throw damaged(this.path, at + 1, "cannot be understood", cause);
      }
      this.#sum = sum;
    });
    const bytes = new TextEncoder().encode(text.slice(0, whole)).byteLength;
    this.#file.truncateSync(bytes);
    this.#file.seekSync(bytes, Deno.SeekMode.Start);
  }

  #apply(record: MoneyRecord): void {
    switch (record.type) {
      case "run":
        this.runs.set(record.run, {
          id: record.run,
          command: record.command,
          atMs: record.atMs,
          args: record.args,
          notes: {},
          ended: null,
        });
        return;
      case "note": {
        const run = this.#run(record.run);
        this.runs.set(run.id, { ...run, notes: { ...run.notes, ...record.notes } });
        return;
      }
      case "signed":
        this.operations.set(record.op.id, { ...record.op, fate: null, why: "", landing: null });
        return;
      case "intent": {
        const op = this.#op(record.op);
        this.operations.set(op.id, { ...op, intent: record.intent });
        return;
      }
      case "fate": {
        const { fate, landing, why } = record;
        this.operations.set(record.op, { ...this.#op(record.op), fate, landing, why });
        return;
      }
      case "end": {
        const run = this.#run(record.run);
        this.runs.set(run.id, { ...run, ended: { atMs: record.atMs, result: record.result } });
        return;
      }
    }
  }

  #run(id: string): MoneyRun {
    const found = this.runs.get(id);
    if (found === undefined) throw new Error(`there is no run ${id}`);
    return found;
  }

  #op(id: string): Operation {
    const found = this.operations.get(id);
    if (found === undefined) throw new Error(`there is no operation ${id}`);
    return found;
  }

  /** Writes one record and syncs it. When this returns the record is on disk. Throws MONEY_JOURNAL_WRITE_FAILED. */
  append(record: MoneyRecord): void {
    const body = JSON.stringify(record);
    const sum = sumOf(this.#sum, body);
    try {
      let bytes = new TextEncoder().encode(`${sum} ${body}\n`);
      while (bytes.byteLength > 0) bytes = bytes.subarray(this.#file.writeSync(bytes));
      this.#file.syncDataSync();
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
    this.#sum = sum;
    this.#apply(record);
  }

  /** The operation as it is now. */
  operation(id: string): Operation {
    return this.#op(id);
  }

  run(id: string): MoneyRun {
    return this.#run(id);
  }

  operationsOf(run: string): Operation[] {
    return [...this.operations.values()].filter((op) => op.run === run);
  }

  /** Signed, and nobody knows yet what came of it. */
  get underWay(): Operation[] {
    return [...this.operations.values()].filter(({ fate }) => fate === null);
  }

  /** Refused ones whose number may still be free. */
  get dormant(): Operation[] {
    return [...this.operations.values()].filter(({ fate }) => fate === "dormant");
  }

  /** The newest run that has not ended; null without. */
  get open(): MoneyRun | null {
    return [...this.runs.values()].findLast(({ ended }) => ended === null) ?? null;
  }

  close(): void {
    this.#file.close();
  }
}
