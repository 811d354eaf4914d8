/** A tape as a table or as plain lines, for other tools. */
import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { once } from "node:events";
import { createGzip } from "node:zlib";
import { OperationError } from "../../core/errors.ts";
import type { Levels, MarketEvent } from "../../core/events.ts";
import type { Instrument, Outcome } from "../../core/market/instrument.ts";
import { formatDecimal } from "../../core/units.ts";
import { encodeEntry } from "./event_codec.ts";
import { isRawFrame, type TapeEntry } from "./format.ts";
import type { DecodeFrame, Tape } from "./reader.ts";
import { writeError } from "./writer.ts";

export type ExportFormat = "csv" | "jsonl";

/** Columns of the CSV: one row per event; empty where an event has nothing to say. Prices and sizes are decimals. */
export const CSV_COLUMNS = [
  "t_receive_ms",
  "t_exchange_ms",
  "type",
  "slug",
  "asset",
  "outcome",
  "bid",
  "bid_size",
  "ask",
  "ask_size",
  "price",
  "size",
  "side",
  "source",
] as const;
type Column = typeof CSV_COLUMNS[number];
/** What one event says in those columns. */
export type CsvRow = Partial<Record<Column, string | number>>;

interface TokenName {
  readonly slug: string;
  readonly asset: string;
  readonly outcome: Outcome;
}

/** What tokens and conditions are called, learned from the window events passing by. */
export interface Names {
  readonly tokens: Map<string, TokenName>;
  readonly conditions: Map<string, Instrument>;
}
export const newNames = (): Names => ({ tokens: new Map(), conditions: new Map() });

const tokenPrice = (value: number): string => value < 0 ? "" : formatDecimal(value, 4);
const tokenSize = (value: number): string => formatDecimal(value, 6);

function best(levels: Levels, isBid: boolean): { price: string; size: string } {
  let at = -1;
  for (let i = 0; i < levels.length; i += 2) {
    if (at < 0 || (isBid ? levels[i]! > levels[at]! : levels[i]! < levels[at]!)) at = i;
  }
  return at < 0 ? { price: "", size: "" } : { price: String(levels[at]), size: String(levels[at + 1]) };
}

function tokenBest(levels: Levels, isBid: boolean): { price: string; size: string } {
  const { price, size } = best(levels, isBid);
  return price === "" ? { price, size } : { price: tokenPrice(Number(price)), size: tokenSize(Number(size)) };
}

function both(
  bid: { price: string; size: string },
  ask: { price: string; size: string },
): CsvRow {
  return { bid: bid.price, bid_size: bid.size, ask: ask.price, ask_size: ask.size };
}

/** The columns an event fills beyond its times and type. */
function contentOf(event: MarketEvent, names: Names): CsvRow {
  switch (event.type) {
    case "window":
      return { slug: event.instrument.slug, asset: event.instrument.asset };
    case "strike": {
      const slug = names.conditions.get(event.conditionId)?.slug ?? "";
      return { slug, price: event.exact, source: event.basis };
    }
    case "resolved": {
      const slug = names.conditions.get(event.conditionId)?.slug ?? "";
      return { slug, outcome: event.winner, source: event.source };
    }
    case "book":
      return {
        ...names.tokens.get(event.token),
        ...both(tokenBest(event.bids, true), tokenBest(event.asks, false)),
      };
    case "bookDelta":
      return {
        ...names.tokens.get(event.token),
        bid: tokenPrice(event.bestBid),
        ask: tokenPrice(event.bestAsk),
      };
    case "bestBidAsk":
      return { ...names.tokens.get(event.token), bid: tokenPrice(event.bid), ask: tokenPrice(event.ask) };
    case "tickSize":
      return { ...names.tokens.get(event.token), price: tokenPrice(event.newTick) };
    case "tokenTrade":
      return {
        ...names.tokens.get(event.token),
        price: tokenPrice(event.price),
        size: tokenSize(event.size),
        side: event.side,
      };
    case "fastBook":
      return {
        asset: event.asset,
        source: event.venue,
        ...both(best(event.bids, true), best(event.asks, false)),
      };
    case "fastTop":
      return {
        asset: event.asset,
        source: event.venue,
        bid: event.bid,
        bid_size: event.bidSize,
        ask: event.ask,
        ask_size: event.askSize,
      };
    case "fastTrade":
      return {
        asset: event.asset,
        source: event.venue,
        price: event.price,
        size: event.size,
        side: event.takerBuys ? "buy" : "sell",
      };
    case "fastBar":
      return { asset: event.asset, source: event.venue, price: event.close, size: event.volume };
    case "fastPrice":
      return { asset: event.asset, source: event.venue, price: event.price };
    case "oraclePrice":
      return { asset: event.asset, source: `${event.provider}.${event.kind}`, price: event.exact };
    case "markPrice":
      return { asset: event.asset, price: event.mark };
    case "liquidation":
      return { asset: event.asset, price: event.price, size: event.size, side: event.side };
    case "volatility":
      return { asset: event.asset, price: event.value };
    case "feedState":
      return { source: `${event.feed} ${event.state}` };
    case "latency":
      return { price: event.worstMs };
    case "stop":
      return { source: event.reason };
    case "clock":
      return {};
  }
}

function learn(event: MarketEvent, names: Names): void {
  if (event.type !== "window") return;
  const { slug, asset, conditionId, upToken, downToken } = event.instrument;
  names.conditions.set(conditionId, event.instrument);
  names.tokens.set(upToken, { slug, asset, outcome: "up" });
  names.tokens.set(downToken, { slug, asset, outcome: "down" });
}

const quoted = (value: string): string => /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** The columns of one entry. A raw frame tells its feed only. `names` learns from the windows passing by. */
export function rowOf(entry: TapeEntry, names: Names): CsvRow {
  if (isRawFrame(entry)) return { type: "raw", source: entry.feed, t_receive_ms: entry.tReceive };
  learn(entry, names);
  const { type, tExchange, tReceive } = entry;
  return { t_exchange_ms: tExchange, type, ...contentOf(entry, names), t_receive_ms: tReceive };
}

/** One CSV line without its end. */
export function csvLine(entry: TapeEntry, names: Names): string {
  const row = rowOf(entry, names);
  return CSV_COLUMNS.map((c) => quoted(String(row[c] ?? ""))).join(",");
}

export interface ExportOptions {
  readonly format: ExportFormat;
  /** File to write; a name ending in `.gz` is compressed. Written beside and renamed at the end. */
  readonly out: string;
  readonly force?: boolean;
  /** CSV: turns raw frames into rows of their events; without it a raw frame is one row naming its feed. */
  readonly decode?: DecodeFrame;
  readonly signal?: AbortSignal;
  readonly onProgress?: (lines: number) => void;
}

function csvLines(entry: TapeEntry, names: Names, decode: DecodeFrame | undefined): string[] {
  if (!isRawFrame(entry) || decode === undefined) return [csvLine(entry, names)];
  return decode(entry.feed, entry.raw, entry.tReceive).map((event) => csvLine(event, names));
}

async function* textOf(tape: Tape, options: ExportOptions): AsyncGenerator<string> {
  const names = newNames();
  let lines = 0;
  if (options.format === "csv") yield `${CSV_COLUMNS.join(",")}\n`;
  for await (const batch of tape.entries()) {
    options.signal?.throwIfAborted();
    const texts = options.format === "csv"
      ? batch.flatMap((e) => csvLines(e, names, options.decode))
      : batch.map(encodeEntry);
    if (texts.length > 0) yield `${texts.join("\n")}\n`;
    lines += batch.length;
    options.onProgress?.(lines);
  }
}

/** Writes a tape's lines to a file. Throws OUTPUT_EXISTS, DISK_FULL, TAPE_WRITE_FAILED and the reader's errors. */
export async function exportTape(tape: Tape, options: ExportOptions): Promise<{ lines: number }> {
  const { out } = options;
  const exists = await stat(out).then(() => true, () => false);
  if (exists && options.force !== true) {
    throw new OperationError({
      code: "OUTPUT_EXISTS",
      message: `Cannot write ${out}: the file exists`,
      hint: "Choose another --out, or add --force to replace it.",
    });
  }
  const partial = `${out}.partial`;
  const file = createWriteStream(partial);
  const target = out.endsWith(".gz") ? createGzip() : file;
  let failure: unknown = null;
  const closed = new Promise<void>((resolve) => {
    const fail = (error: unknown) => {
      failure ??= error;
      resolve();
    };
    file.on("error", fail);
    target.on("error", fail);
    file.on("close", resolve);
  });
  if (target !== file) target.pipe(file);
  let lines = options.format === "csv" ? -1 : 0;
  try {
    for await (const text of textOf(tape, options)) {
      if (failure !== null) break;
      lines += text.split("\n").length - 1;
      if (!target.write(text)) await Promise.race([once(target, "drain").catch(() => undefined), closed]);
    }
    if (failure === null) target.end();
    await closed;
    if (failure !== null) throw writeError(failure, out);
    await rename(partial, out).catch((error) => {
      throw writeError(error, out);
    });
    return { lines };
  } catch (error) {
    file.destroy();
    target.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}
