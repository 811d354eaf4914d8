/** The folder of one trading session: decisions as they are made, summary and report at the end. */
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";

/** `paper-20261121T093000Z-4f2a`: sortable, and unique although two sessions start in one second. */
export function sessionId(mode: string, startedAtMs: number): string {
  const stamp = new Date(startedAtMs).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
  return `${mode}-${stamp}-${crypto.randomUUID().slice(0, 4)}`;
}

function writeFailed(path: string, cause: unknown): OperationError {
  const full = cause instanceof Error && /ENOSPC|os error 28|[Nn]o space/.test(cause.message);
  return new OperationError({
    code: full ? "DISK_FULL" : "SESSION_WRITE_FAILED",
    message: `Cannot write the session file ${path}: ${
      cause instanceof Error ? cause.message : String(cause)
    }`,
    hint: full ? "Free some space or pass another folder with --data." : "Check the folder given by --data.",
    cause,
  });
}

/** Writes under `<data>/sessions/<id>`. Every failure is DISK_FULL or SESSION_WRITE_FAILED, and stops the order behind it. */
export class SessionFiles {
  private readonly decisions: Deno.FsFile;
  private readonly decisionsPath: string;

  private constructor(readonly folder: string) {
    this.decisionsPath = join(folder, "decisions.jsonl");
    this.decisions = Deno.openSync(this.decisionsPath, { create: true, write: true, truncate: true });
  }

  static open(dataDir: string, id: string): SessionFiles {
    const folder = join(dataDir, "sessions", id);
    try {
      Deno.mkdirSync(folder, { recursive: true });
      return new SessionFiles(folder);
    } catch (cause) {
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

  /** Writes `session.json` beside the decisions, whole or not at all. */
  writeSummary(summary: unknown): void {
    const path = join(this.folder, "session.json");
    const temporary = `${path}.tmp`;
    try {
      Deno.writeTextFileSync(temporary, `${JSON.stringify(summary, null, 2)}\n`);
      Deno.renameSync(temporary, path);
    } catch (cause) {
      throw writeFailed(path, cause);
    }
  }

  get reportPath(): string {
    return join(this.folder, "report.html");
  }

  close(): void {
    this.decisions.close();
  }
}
