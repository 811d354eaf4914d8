/** The folder of one trading session: decisions as they are made, summary and report at the end. */
import { join } from "node:path";
import { writeFailed } from "../../feeds/session/errors.ts";
import {
  DECISIONS_NAME,
  type RecordTotals,
  sealManifest,
  SESSION_NAME,
  SESSION_SCHEMA,
  type SessionManifest,
  type SessionStart,
} from "../../feeds/session/format.ts";
import { SessionRecordWriter, type WriterSettings } from "../../feeds/session/writer.ts";
import { PARITY_NAME } from "./parity_file.ts";

/** `paper-20261121T093000Z-4f2a`: sortable, and unique although two sessions start in one second. */
export function sessionId(mode: string, startedAtMs: number): string {
  const stamp = new Date(startedAtMs).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
  return `${mode}-${stamp}-${crypto.randomUUID().slice(0, 4)}`;
}

/** Writes under `<data>/sessions/<id>`. Every failure is DISK_FULL or SESSION_WRITE_FAILED, and stops the order behind it. */
export class SessionFiles {
  private readonly decisions: Deno.FsFile;
  private readonly decisionsPath: string;
  private ended = false;

  private constructor(
    readonly folder: string,
    private readonly start: SessionStart,
    /** Everything that enters the engine and leaves it. */
    readonly record: SessionRecordWriter,
  ) {
    this.decisionsPath = join(folder, DECISIONS_NAME);
    this.decisions = Deno.openSync(this.decisionsPath, { create: true, write: true, truncate: true });
  }

  static async open(
    dataDir: string,
    start: SessionStart,
    settings: WriterSettings = {},
  ): Promise<SessionFiles> {
    const folder = join(dataDir, "sessions", start.id);
    try {
      await Deno.mkdir(folder, { recursive: true });
    } catch (cause) {
      throw writeFailed(folder, cause);
    }
    const record = await SessionRecordWriter.open(folder, start, settings);
    try {
      const files = new SessionFiles(folder, start, record);
      files.writeManifest("open", null, null, null);
      return files;
    } catch (cause) {
      await record.close();
      throw writeFailed(folder, cause);
    }
  }

  /** Appends one line; returns once the operating system has it. */
  writeDecision(line: string): void {
    try {
      const bytes = new TextEncoder().encode(line);
      for (let from = 0; from < bytes.length;) from += this.decisions.writeSync(bytes.subarray(from));
    } catch (cause) {
      throw writeFailed(this.decisionsPath, cause);
    }
  }

  /** Appends whole lines to the parity ledger's file. */
  writeParity(lines: string): void {
    const path = join(this.folder, PARITY_NAME);
    try {
      Deno.writeTextFileSync(path, lines, { append: true, create: true });
    } catch (cause) {
      throw writeFailed(path, cause);
    }
  }

  /** Ends the record and writes `session.json` beside it, whole or not at all. Throws what ended the record early. */
  async finish(result: unknown, decisionsHash: string): Promise<void> {
    const { failure, ...totals } = await this.record.close();
    if (failure !== null) throw failure;
    this.writeManifest("closed", totals, decisionsHash, result);
    this.ended = true;
  }

  /** After `finish()` only closes; without it the record is ended as `failed`. */
  async close(): Promise<void> {
    const { failure, ...totals } = await this.record.close();
    if (!this.ended && failure === null) this.writeManifest("failed", totals, null, null);
    this.decisions.close();
  }

  private writeManifest(
    state: SessionManifest["state"],
    record: RecordTotals | null,
    decisionsHash: string | null,
    result: unknown,
  ): void {
    const path = join(this.folder, SESSION_NAME);
    const temporary = `${path}.tmp`;
    const { start } = this;
    try {
      const text = sealManifest({ schema: SESSION_SCHEMA, state, start, record, decisionsHash, result });
      Deno.writeTextFileSync(temporary, text);
      Deno.renameSync(temporary, path);
    } catch (cause) {
      throw writeFailed(path, cause);
    }
  }

  get reportPath(): string {
    return join(this.folder, "report.html");
  }
}
