/** Recorded tables. */
import { parse } from "csv-parse/sync";
import { readFile } from "node:fs/promises";
import { lineBatches } from "../lines.ts";
import type { PeekedFile } from "./layout.ts";

/**
 * Splits a row of a machine-written table without quoted fields. csv-parse reads the same 71,401 ten-level rows in
 * 351 ms against 83 ms (Deno 2.9.6), and the importers read every row twice; lists written by people (windows.csv) do
 * go through csv-parse.
 */
export const splitRow = (line: string): string[] =>
  (line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line).split(",");

/** Column names of a file's first line. */
export const columnsOf = (file: PeekedFile): string[] => splitRow(file.head[0] ?? "");

/** Whether the first line has all these columns (others may stand between them). */
export function hasColumns(file: PeekedFile, ...names: readonly string[]): boolean {
  const columns = columnsOf(file);
  return names.every((n) => columns.includes(n));
}

/** Rows of a small table by column name, all in memory. An empty list when the file does not exist. */
export async function smallTable(path: string): Promise<Record<string, string>[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return [];
  }
  return parse(text, {
    columns: true,
    skip_empty_lines: true,
    relax_column_count: true,
    trim: true,
  }) as Record<
    string,
    string
  >[];
}

/** Data lines of a table in batches, the header left out. */
export async function* dataLines(path: string, hasHeader: boolean): AsyncGenerator<string[]> {
  let first = hasHeader;
  for await (const lines of lineBatches(path)) {
    yield first ? lines.slice(1) : lines;
    first = false;
  }
}
