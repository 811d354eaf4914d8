/** Reads the log of a trainer, CSV or JSON lines, for the learning panel: the newest updates only. */
import { open, stat } from "node:fs/promises";
import type { TrainingRow } from "./model.ts";

/** Updates kept for the curves. */
const MAX_ROWS = 200;
/** The end of the file that is looked at. */
const MAX_BYTES = 256 * 1024;

/** Names that different trainers give the same figure; compared without case and underscores. */
const NAMES: Readonly<Record<keyof TrainingRow, readonly string[]>> = {
  update: ["update", "updates"],
  steps: ["steps", "globalstep"],
  reward: ["rewardmean", "avgreward", "meanreward", "reward"],
  policyLoss: ["policyloss"],
  valueLoss: ["valueloss"],
  entropy: ["entropy"],
  approxKl: ["approxkl", "kl"],
  clipFraction: ["clipfraction", "clipfrac"],
  explainedVariance: ["explainedvariance"],
  buffer: ["buffersize", "buffer"],
};

const plain = (name: string): string => name.toLowerCase().replaceAll("_", "").trim();

function rowOf(record: Readonly<Record<string, unknown>>): TrainingRow | null {
  const byName = new Map(Object.entries(record).map(([name, value]) => [plain(name), value]));
  const read = (key: keyof TrainingRow): number | null => {
    for (const name of NAMES[key]) {
      const value = byName.get(name);
      if (value === undefined || value === null || value === "") continue;
      const number = Number(value);
      if (Number.isFinite(number)) return number;
    }
    return null;
  };
  const update = read("update");
  if (update === null) return null;
  return {
    update,
    steps: read("steps"),
    reward: read("reward"),
    policyLoss: read("policyLoss"),
    valueLoss: read("valueLoss"),
    entropy: read("entropy"),
    approxKl: read("approxKl"),
    clipFraction: read("clipFraction"),
    explainedVariance: read("explainedVariance"),
    buffer: read("buffer"),
  };
}

function parseJson(line: string): TrainingRow | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? rowOf(value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Rows of a log's lines; lines that are no update (torn ones, comments) are passed over. `head`: the first line of the file. */
export function parseTraining(lines: readonly string[], head: string): TrainingRow[] {
  const rows: TrainingRow[] = [];
  const columns = head.startsWith("{") ? null : head.split(",");
  for (const line of lines) {
    if (line === "" || line === head && columns !== null) continue;
    const cells = columns === null ? [] : line.split(",");
    const row = columns === null
      ? parseJson(line)
      : cells.length === columns.length
      ? rowOf(Object.fromEntries(columns.map((column, i) => [column, cells[i]])))
      : null;
    if (row !== null) rows.push(row);
  }
  return rows.slice(-MAX_ROWS);
}

/** Follows a log that grows. `read()` is cheap while nothing changed; a file that is not there yet has no rows. */
export class TrainingLog {
  private rows: readonly TrainingRow[] = [];
  private mark = "";

  constructor(private readonly path: string) {}

  get latest(): readonly TrainingRow[] {
    return this.rows;
  }

  async read(): Promise<readonly TrainingRow[]> {
    const found = await stat(this.path).catch(() => null);
    if (found === null) return this.rows;
    const mark = `${found.size} ${found.mtimeMs}`;
    if (mark === this.mark) return this.rows;
    const file = await open(this.path, "r");
    try {
      const textAt = async (offset: number, length: number): Promise<string> => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await file.read(bytes, 0, length, offset);
        return new TextDecoder().decode(bytes.subarray(0, bytesRead));
      };
      const offset = Math.max(0, found.size - MAX_BYTES);
      const head = (await textAt(0, Math.min(found.size, 4096))).split("\n")[0] ?? "";
      const lines = (await textAt(offset, found.size - offset)).split("\n");
      // Behind an offset the first line is a piece of one; the last one may be half written.
      if (offset > 0) lines.shift();
      lines.pop();
      this.rows = parseTraining(lines, head);
      this.mark = mark;
      return this.rows;
    } finally {
      await file.close();
    }
  }
}
