/** `parity.jsonl` of a session: one row of the parity ledger a line, in the order in which rows were complete. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import type { ParityRow } from "../../core/exchange/parity_row.ts";

export const PARITY_NAME = "parity.jsonl";

const count = z.number().min(0);
const span = z.number().nullable();
const outcome = z.strictObject({
  end: z.enum([
    "open",
    "unknown",
    "rejected",
    "filled",
    "cancelled",
    "killed",
    "expired",
    "market-closed",
  ]),
  code: z.string().nullable(),
  status: z.enum(["live", "matched", "delayed"]).nullable(),
  ackMs: span,
  venueMs: span,
  fillMs: span,
  endMs: span,
  fills: count,
  size: count,
  takerSize: count,
  cash: count,
  fee: count,
  settled: count,
  undone: count,
  settleMs: z.array(z.number()),
});
const rowSchema = z.strictObject({
  orderId: z.string(),
  conditionId: z.string(),
  outcome: z.enum(["up", "down"]),
  side: z.enum(["buy", "sell"]),
  orderType: z.enum(["GTC", "GTD", "FOK", "FAK"]),
  postOnly: z.boolean(),
  limit: count,
  size: count,
  spend: count,
  sentAt: z.number(),
  expected: z.strictObject({
    kind: z.enum(["takes", "rests", "blind"]),
    bid: z.number(),
    ask: z.number(),
    top: count,
    size: count,
    cash: count,
    fee: count,
    ahead: count,
  }),
  model: outcome,
  actual: outcome,
  touched: z.boolean(),
  markouts: z.array(z.strictObject({
    afterMs: count,
    size: count,
    mid: z.number().nullable(),
    executable: z.number().nullable(),
  })),
  level: z.strictObject({
    price: count,
    taken: count,
    before: count,
    after: z.array(z.number().nullable()),
  }).nullable(),
});

export const parityLine = (row: ParityRow): string => `${JSON.stringify(row)}\n`;

export interface ParityFile {
  readonly rows: readonly ParityRow[];
  /** The last line was cut off by a kill. */
  readonly torn: boolean;
}

/** Reads a session's rows; null when the session has no ledger. Throws PARITY_DAMAGED, FILE_UNREADABLE. */
export async function readParity(folder: string): Promise<ParityFile | null> {
  const path = join(folder, PARITY_NAME);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new OperationError({
      code: "FILE_UNREADABLE",
      message: `Cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Check its permissions.",
      cause,
    });
  }
  const lines = text.split("\n");
  const torn = lines.pop() !== "";
  return { rows: lines.map((line, i) => parseRow(line, path, i + 1)), torn };
}

function parseRow(line: string, path: string, number: number): ParityRow {
  const bad = (why: string, cause?: unknown): OperationError =>
    new OperationError({
      code: "PARITY_DAMAGED",
      message: `Cannot use ${path} as a parity ledger: line ${number}: ${why}`,
      hint: "The file was changed, or another version wrote it. Leave this session out.",
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw bad("it is no JSON", cause);
  }
  const parsed = rowSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a row"}`);
}
