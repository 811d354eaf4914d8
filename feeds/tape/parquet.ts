/**
 * Parquet, in and out, by way of DuckDB: the one file that knows it. DuckDB is native code, loaded only when a Parquet
 * file is really asked for; the program's usual permission set forbids native code, `deno task parquet` allows it.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { createWriteStream } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { once } from "node:events";
import { basename, join } from "node:path";
import { createGzip } from "node:zlib";
import { OperationError } from "../../core/errors.ts";
import type { MarketEvent } from "../../core/events.ts";
import { MICRO, PRICE_SCALE } from "../../core/units.ts";
import { CSV_COLUMNS, type Names, newNames, rowOf } from "./export.ts";
import type { DecodeFrame, Tape } from "./reader.ts";
import type { TapeEntry } from "./format.ts";
import { writeError } from "./writer.ts";

/** More memory than this DuckDB does not take; what does not fit goes to its temporary files. */
const MEMORY_LIMIT = "512MB";

const LEVELS = "STRUCT(price DOUBLE, size DOUBLE)[]";
const TEXT_COLUMNS = new Set(["type", "slug", "asset", "outcome", "side", "source"]);
const TYPES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(CSV_COLUMNS.map((name) => [name, TEXT_COLUMNS.has(name) ? "VARCHAR" : "DOUBLE"])),
  t_receive_ms: "BIGINT",
  t_exchange_ms: "BIGINT",
  bids: LEVELS,
  asks: LEVELS,
  changes: "STRUCT(side VARCHAR, price DOUBLE, size DOUBLE)[]",
};

/** Columns of an exported Parquet file: those of the CSV, then the whole depth. */
export const PARQUET_COLUMNS: readonly string[] = Object.keys(TYPES);

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Opens a database in memory. Throws NATIVE_FORBIDDEN without the permission, NATIVE_MISSING where there is no binary. */
async function withDuckDb<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  let api: typeof import("@duckdb/node-api");
  try {
    api = await import("@duckdb/node-api");
  } catch (cause) {
    const forbidden = cause instanceof Deno.errors.NotCapable;
    throw new OperationError({
      code: forbidden ? "NATIVE_FORBIDDEN" : "NATIVE_MISSING",
      message: forbidden
        ? "Cannot use Parquet as the program runs now: DuckDB is native code, and its permissions forbid that"
        : "Cannot use Parquet on this machine: DuckDB's native code could not be loaded",
      hint: forbidden
        ? "Run the same words after `deno task parquet`, which may load native code but has no network."
        : "Use CSV or JSON lines instead, on this machine.",
      cause,
    });
  }
  const instance = await api.DuckDBInstance.create(":memory:", { threads: "2", memory_limit: MEMORY_LIMIT });
  try {
    const connection = await instance.connect();
    try {
      return await use(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

type Level = { readonly price: number; readonly size: number };

function pairs(levels: readonly number[], priceUnit: number, sizeUnit: number): Level[] {
  const rows: Level[] = [];
  for (let i = 0; i + 1 < levels.length; i += 2) {
    rows.push({ price: levels[i]! / priceUnit, size: levels[i + 1]! / sizeUnit });
  }
  return rows;
}

/** The whole depth of an event, in pUSD and shares (dollars and coins on fast books). */
function depthOf(event: MarketEvent): Record<string, unknown> {
  switch (event.type) {
    case "book":
      return { bids: pairs(event.bids, PRICE_SCALE, MICRO), asks: pairs(event.asks, PRICE_SCALE, MICRO) };
    case "fastBook":
      return { bids: pairs(event.bids, 1, 1), asks: pairs(event.asks, 1, 1) };
    case "bookDelta": {
      const changes = [];
      for (let i = 0; i + 2 < event.changes.length; i += 3) {
        changes.push({
          side: event.changes[i] === 0 ? "bid" : "ask",
          price: event.changes[i + 1]! / PRICE_SCALE,
          size: event.changes[i + 2]! / MICRO,
        });
      }
      return { changes };
    }
    default:
      return {};
  }
}

/** One event as a JSON line for DuckDB; what is empty is left out. */
function lineOf(entry: TapeEntry, names: Names): string {
  const row = rowOf(entry, names);
  const kept: Record<string, unknown> = {};
  for (const name of CSV_COLUMNS) {
    const value = row[name];
    if (value !== undefined && value !== "") kept[name] = value;
  }
  return JSON.stringify("type" in entry ? { ...kept, ...depthOf(entry) } : kept);
}

export interface ParquetExportOptions {
  readonly out: string;
  readonly force?: boolean;
  /** Turns raw frames into rows of their events; without it a raw frame is one row naming its feed. */
  readonly decode?: DecodeFrame;
  readonly signal?: AbortSignal;
  readonly onProgress?: (lines: number) => void;
}

async function writeLines(tape: Tape, path: string, options: ParquetExportOptions): Promise<number> {
  const file = createWriteStream(path);
  const gzip = createGzip({ level: 1 });
  gzip.pipe(file);
  let failure: unknown = null;
  file.on("error", (error) => {
    failure ??= error;
    gzip.destroy();
  });
  gzip.on("error", (error) => failure ??= error);
  const names = newNames();
  let read = 0;
  let rows = 0;
  try {
    for await (const batch of tape.entries()) {
      options.signal?.throwIfAborted();
      if (failure !== null) break;
      const entries = batch.flatMap((entry): readonly TapeEntry[] =>
        "raw" in entry && options.decode !== undefined
          ? options.decode(entry.feed, entry.raw, entry.tReceive)
          : [entry]
      );
      rows += entries.length;
      const text = entries.map((entry) => `${lineOf(entry, names)}\n`).join("");
      if (!gzip.write(text)) await once(gzip, "drain").catch((error) => failure ??= error);
      read += batch.length;
      options.onProgress?.(read);
    }
    if (failure === null) {
      gzip.end();
      await once(file, "close");
    }
    if (failure !== null) throw writeError(failure, path);
    return rows;
  } finally {
    gzip.destroy();
    file.destroy();
  }
}

/**
 * Writes a tape as one Parquet file (zstd). Throws OUTPUT_EXISTS, NATIVE_FORBIDDEN, NATIVE_MISSING, DISK_FULL,
 * TAPE_WRITE_FAILED and the reader's errors; then nothing is left behind.
 */
export async function exportParquet(tape: Tape, options: ParquetExportOptions): Promise<{ lines: number }> {
  const { out } = options;
  if (options.force !== true && await stat(out).then(() => true, () => false)) {
    throw new OperationError({
      code: "OUTPUT_EXISTS",
      message: `Cannot write ${out}: the file exists`,
      hint: "Choose another --out, or add --force to replace it.",
    });
  }
  const lines = `${out}.partial.ndjson.gz`;
  const partial = `${out}.partial`;
  try {
    return await withDuckDb(async (connection) => {
      const rows = await writeLines(tape, lines, options);
      const columns = Object.entries(TYPES).map(([name, type]) => `${name}: ${quote(type)}`).join(", ");
      await connection.run(
        `COPY (SELECT * FROM read_json(${quote(lines)}, format='newline_delimited', compression='gzip', ` +
          `columns={${columns}})) TO ${quote(partial)} (FORMAT parquet, COMPRESSION zstd)`,
      ).catch((cause) => {
        throw writeError(cause, out);
      });
      await rename(partial, out);
      return { lines: rows };
    });
  } finally {
    await rm(lines, { force: true });
    await rm(partial, { force: true });
  }
}

export const isParquet = (name: string): boolean => /\.parquet$/i.test(name);

/** A recording whose Parquet files have become CSV in a folder of our own. */
export interface CsvCopy {
  readonly path: string;
  remove(): Promise<void>;
}

async function toCsv(connection: DuckDBConnection, from: string, to: string): Promise<void> {
  await connection.run(
    `COPY (SELECT * FROM read_parquet(${quote(from)})) TO ${quote(to)} (FORMAT csv, HEADER true)`,
  ).catch((cause) => {
    throw new OperationError({
      code: "FILE_DAMAGED",
      message: `Cannot read ${from} as Parquet: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "The file is damaged, or not Parquet; copy it again.",
      cause,
    });
  });
}

/**
 * Where `path` is a Parquet file, or a folder that holds some, a copy below `temporary` with CSV in their place, named as
 * they were; other files of the folder come along. null when there is no Parquet. Throws NATIVE_FORBIDDEN, NATIVE_MISSING
 * and FILE_DAMAGED; then nothing is left behind.
 */
export async function parquetAsCsv(path: string, temporary: string): Promise<CsvCopy | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  const folder = found.isDirectory();
  const names = folder ? await readdir(path) : [basename(path)];
  if (!names.some(isParquet)) return null;
  const root = join(temporary, `parquet-${crypto.randomUUID()}`);
  const copy = folder ? join(root, basename(path)) : root;
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    await withDuckDb(async (connection) => {
      await mkdir(copy, { recursive: true });
      for (const name of names) {
        const from = folder ? join(path, name) : path;
        if (isParquet(name)) await toCsv(connection, from, join(copy, name.replace(/\.parquet$/i, ".csv")));
        else if ((await stat(from)).isFile()) await copyFile(from, join(copy, name));
      }
    });
    return { path: folder ? copy : join(copy, basename(path).replace(/\.parquet$/i, ".csv")), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
