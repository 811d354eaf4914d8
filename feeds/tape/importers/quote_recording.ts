/**
 * The common part of all quote and book recordings. A layout only says how a line becomes a `Row`; this file finds the
 * windows (first pass), then emits window by window in recorded order (second pass). Two passes, because the window must
 * be announced before its first datum and the resolution after its last, and nothing of the size of a file is kept.
 */
import type { MarketEvent, OraclePriceEvent, StrikeEvent } from "../../../core/events.ts";
import type { Asset, Duration, Instrument, Outcome } from "../../../core/market/instrument.ts";
import { type Ms, ms, price } from "../../../core/units.ts";
import type { TapeEntry } from "../format.ts";
import { type Batches, reorder } from "../merge.ts";
import { dataLines } from "./csv.ts";
import { recordedInstrument, SCHEDULE_NOTE, type WindowIdentity } from "./instruments.ts";
import {
  countSkipped,
  type ImportCounters,
  type ImportedWindow,
  newCounters,
  type PeekedFile,
  type RecordedStrike,
  type Recording,
} from "./layout.ts";
import { bestAsk, bestBid, isCrossed, type Quote, tickOfQuote } from "./quotes.ts";

/** One row of a recording. */
export interface Row {
  readonly asset: Asset;
  readonly duration: Duration;
  readonly startMs: number;
  readonly tExchange: number;
  readonly tReceive: number;
  /** null: the row says nothing of this token. */
  readonly up: Quote | null;
  readonly down: Quote | null;
  /** Prices of other markets in the same row. */
  readonly prices?: readonly MarketEvent[];
  readonly strike?: RecordedStrike;
  /** The recorder saw the venue's resolution. */
  readonly resolution?: Outcome;
}
/** A row left out on purpose. */
export interface SkippedRow {
  readonly skip: string;
}
/** Understands one line; null counts it as unrecognised, undefined is an empty or header-like line. */
export type RowParser = (line: string) => Row | SkippedRow | null | undefined;

/** What a `windows.csv` knows of a window. */
export interface ListedWindow {
  readonly outcome: Outcome | null;
  readonly complete: boolean | null;
  readonly identity?: WindowIdentity;
  readonly mirrorOf?: Outcome;
  readonly referenceOpen: ImportedWindow["referenceOpen"];
}

export interface QuoteLayoutOptions {
  readonly layout: string;
  readonly source: string;
  readonly licence: string;
  readonly files: readonly PeekedFile[];
  readonly hasHeader: boolean;
  /** A fresh parser per file and pass (it may keep state while it reads). */
  readonly parser: (file: PeekedFile) => RowParser;
  /** Key: `windowKey`. Empty when there is no list. */
  readonly listed: ReadonlyMap<string, ListedWindow>;
  /** Ids found in the rows while reading, by window key. */
  readonly identities?: ReadonlyMap<string, WindowIdentity>;
  readonly absent: readonly string[];
  readonly notes: readonly string[];
}

/** Name of a window inside one import. */
export const windowKey = (asset: Asset, duration: Duration, startMs: number): string =>
  `${asset}|${duration}|${startMs}`;

/** Last quotes count as a verdict when seen within these bounds around the end (README of the collection). */
const VERDICT_BEFORE_MS = 10_000;
const VERDICT_AFTER_MS = 10_000;
const WINNER_BID = 9000;
const LOSER_ASK = 1000;
/** A window without list is complete when it is covered to within this much at both ends and inside. */
const COMPLETE_EDGE_MS = 15_000;
const COMPLETE_GAP_MS = 40_000;
/** Rows swapped by a few milliseconds happen in socket recordings; more than this many rows apart is damage. */
const REORDER_DEPTH = 256;

interface Found {
  readonly row: Row;
  readonly endMs: number;
  firstMs: number;
  lastMs: number;
  maxGapMs: number;
  strike: RecordedStrike | null;
  resolution: Outcome | null;
  upBid: number;
  upAsk: number;
  downBid: number;
  downAsk: number;
}

const LENGTHS: Readonly<Record<Duration, number>> = { "5m": 300_000, "15m": 900_000, "4h": 14_400_000 };

function noteQuotes(found: Found, row: Row): void {
  if (row.tReceive < found.endMs - VERDICT_BEFORE_MS || row.tReceive > found.endMs + VERDICT_AFTER_MS) return;
  if (row.up !== null && row.up.bids.length + row.up.asks.length > 0) {
    found.upBid = bestBid(row.up.bids);
    found.upAsk = bestAsk(row.up.asks);
  }
  if (row.down !== null && row.down.bids.length + row.down.asks.length > 0) {
    found.downBid = bestBid(row.down.bids);
    found.downAsk = bestAsk(row.down.asks);
  }
}

/** Winner by the last quotes: its bid >= 0.90 or the loser's ask <= 0.10; null when neither or both. */
export function winnerByQuotes(q: Pick<Found, "upBid" | "upAsk" | "downBid" | "downAsk">): Outcome | null {
  const isLow = (ask: number) => ask > 0 && ask <= LOSER_ASK;
  const up = q.upBid >= WINNER_BID || isLow(q.downAsk);
  const down = q.downBid >= WINNER_BID || isLow(q.upAsk);
  if (up === down) return null;
  return up ? "up" : "down";
}

async function findWindows(options: QuoteLayoutOptions): Promise<Map<string, Found>> {
  const windows = new Map<string, Found>();
  for (const file of options.files) {
    const parse = options.parser(file);
    for await (const lines of dataLines(file.path, options.hasHeader)) {
      for (const line of lines) {
        const row = parse(line);
        if (row === null || row === undefined || "skip" in row) continue;
        const key = windowKey(row.asset, row.duration, row.startMs);
        let found = windows.get(key);
        if (found === undefined) {
          const at = row.tReceive;
          found = {
            row: { ...row, up: null, down: null },
            endMs: row.startMs + LENGTHS[row.duration],
            firstMs: at,
            lastMs: at,
            maxGapMs: 0,
            strike: null,
            resolution: null,
            upBid: -1,
            upAsk: -1,
            downBid: -1,
            downAsk: -1,
          };
          windows.set(key, found);
        }
        if (row.tReceive > found.lastMs) {
          if (row.tReceive > row.startMs && row.tReceive < found.endMs) {
            const since = Math.max(found.lastMs, row.startMs);
            found.maxGapMs = Math.max(found.maxGapMs, row.tReceive - since);
          }
          found.lastMs = row.tReceive;
        } else if (row.tReceive < found.firstMs) found.firstMs = row.tReceive;
        if (row.strike !== undefined) found.strike = row.strike;
        if (row.resolution !== undefined) found.resolution = row.resolution;
        noteQuotes(found, row);
      }
    }
  }
  return windows;
}

function toWindow(key: string, found: Found, options: QuoteLayoutOptions): ImportedWindow {
  const listed = options.listed.get(key);
  const identity = listed?.identity ?? options.identities?.get(key);
  const { asset, duration, startMs } = found.row;
  const instrument = recordedInstrument({
    asset,
    duration,
    startMs,
    ...(identity === undefined ? {} : { identity }),
    ...(listed?.mirrorOf === undefined ? {} : { mirrorOf: listed.mirrorOf }),
  });
  const covered = found.firstMs <= startMs + COMPLETE_EDGE_MS &&
    found.lastMs >= found.endMs - COMPLETE_EDGE_MS &&
    found.maxGapMs <= COMPLETE_GAP_MS;
  const outcome = found.resolution ?? (listed === undefined ? winnerByQuotes(found) : listed.outcome);
  const outcomeSource = outcome === null
    ? null
    : found.resolution !== null
    ? "venue" as const
    : "inferred" as const;
  return {
    instrument,
    outcome,
    outcomeSource,
    complete: listed?.complete ?? covered,
    firstMs: ms(found.firstMs),
    lastMs: ms(found.lastMs),
    strike: found.strike,
    referenceOpen: listed?.referenceOpen ?? null,
    resolvedInStream: found.resolution !== null,
  };
}

interface EmitState {
  readonly instrument: Instrument;
  tick: number;
  strike: number | null;
  resolved: boolean;
}

function pushBook(out: MarketEvent[], row: Row, state: EmitState, quote: Quote, outcome: Outcome): void {
  const { instrument } = state;
  const tExchange = ms(row.tExchange);
  const tReceive = ms(row.tReceive);
  const tick = tickOfQuote(quote);
  if (tick < state.tick) {
    // The tick belongs to the market: both tokens change, as far as the recording has them.
    const tokens = instrument.mirrorOf === null
      ? [instrument.upToken, instrument.downToken]
      : [instrument.mirrorOf === "up" ? instrument.upToken : instrument.downToken];
    for (const token of tokens) {
      out.push({
        type: "tickSize",
        tExchange,
        tReceive,
        token,
        oldTick: price(state.tick),
        newTick: price(tick),
      });
    }
    state.tick = tick;
  }
  const token = outcome === "up" ? instrument.upToken : instrument.downToken;
  out.push({ type: "book", tExchange, tReceive, token, bids: quote.bids, asks: quote.asks });
}

function strikeEvent(row: Row, instrument: Instrument, strike: RecordedStrike): StrikeEvent {
  return {
    type: "strike",
    tExchange: ms(row.tExchange),
    tReceive: ms(row.tReceive),
    conditionId: instrument.conditionId,
    value: strike.value,
    exact: strike.exact,
    source: "recording",
    basis: strike.basis,
  };
}

function emitRow(out: MarketEvent[], row: Row, state: EmitState, counters: ImportCounters): void {
  if (row.prices !== undefined) { for (const event of row.prices) out.push(event); }
  if (row.strike !== undefined && row.strike.value !== state.strike) {
    state.strike = row.strike.value;
    out.push(strikeEvent(row, state.instrument, row.strike));
  }
  for (const outcome of ["up", "down"] as const) {
    const quote = row[outcome];
    if (quote === null) continue;
    if (isCrossed(quote)) countSkipped(counters, "book crossed in the source");
    else pushBook(out, row, state, quote, outcome);
  }
  if (row.resolution !== undefined && !state.resolved) {
    state.resolved = true;
    out.push({
      type: "resolved",
      tExchange: ms(row.tExchange),
      tReceive: ms(row.tReceive),
      conditionId: state.instrument.conditionId,
      winner: row.resolution,
      source: "venue",
    });
  }
}

async function* emitFile(
  file: PeekedFile,
  options: QuoteLayoutOptions,
  states: Map<string, EmitState>,
  counters: ImportCounters,
): AsyncGenerator<MarketEvent[]> {
  const parse = options.parser(file);
  for await (const lines of dataLines(file.path, options.hasHeader)) {
    const out: MarketEvent[] = [];
    for (const line of lines) {
      const row = parse(line);
      if (row === undefined) continue;
      counters.rows++;
      if (row === null) {
        counters.unrecognised++;
        continue;
      }
      if ("skip" in row) {
        countSkipped(counters, row.skip);
        continue;
      }
      const state = states.get(windowKey(row.asset, row.duration, row.startMs));
      if (state !== undefined) emitRow(out, row, state, counters);
    }
    if (out.length > 0) yield out;
  }
}

function outcomeNotes(windows: ReadonlyMap<string, Found>, options: QuoteLayoutOptions): string[] {
  const unlisted = [...windows.keys()].filter((k) => !options.listed.has(k)).length;
  if (options.listed.size === 0) {
    return [
      "No window list: outcomes are inferred from the last quotes (winner's bid >= 0.90 or loser's ask <= 0.10 " +
      "within 10 s of the end).",
    ];
  }
  const notes = [
    "Outcomes are those of windows.csv, inferred by its author from the last quotes, not official.",
  ];
  if (unlisted > 0) {
    notes.push(
      `${unlisted} window(s) are not in windows.csv; their outcome is inferred from the last quotes.`,
    );
  }
  return notes;
}

/** Opens a quote recording: finds its windows, prepares its streams. */
export async function openQuotes(options: QuoteLayoutOptions): Promise<Recording> {
  const found = await findWindows(options);
  const counters = newCounters();
  const windows: ImportedWindow[] = [];
  const states = new Map<string, EmitState>();
  const sorted = [...found].sort(([, a], [, b]) => a.firstMs - b.firstMs);
  for (const [key, value] of sorted) {
    const window = toWindow(key, value, options);
    windows.push(window);
    states.set(key, {
      instrument: window.instrument,
      tick: window.instrument.tick,
      strike: null,
      resolved: false,
    });
  }
  const streams: Batches<TapeEntry>[] = options.files.map((file) =>
    reorder(
      emitFile(file, options, states, counters),
      REORDER_DEPTH,
      () => countSkipped(counters, "row out of order"),
    )
  );
  return {
    layout: options.layout,
    source: options.source,
    licence: options.licence,
    assets: [...new Set(windows.map((w) => w.instrument.asset))].sort(),
    durations: [...new Set(windows.map((w) => w.instrument.duration))].sort(),
    windows,
    absent: options.absent,
    notes: [...options.notes, ...outcomeNotes(found, options), SCHEDULE_NOTE],
    counters,
    streams,
  };
}

/** A Chainlink price written down by a recorder. */
export function chainlinkPrice(
  asset: Asset,
  value: number,
  at: number,
  exact = String(value),
): OraclePriceEvent {
  const t: Ms = ms(at);
  return {
    type: "oraclePrice",
    tExchange: t,
    tReceive: t,
    asset,
    kind: "spot",
    provider: "chainlink",
    value,
    exact,
  };
}
