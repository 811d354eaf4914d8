/**
 * Joins reference prices to a recording by time. Candles are stamped at their close, the moment they could first be known;
 * oracle prices at the recorder's receive time. Nothing of the future can reach a strategy through them.
 */
import { basename, dirname } from "node:path";
import type { FastBarEvent, FastVenue, MarketEvent, OraclePriceEvent } from "../../../core/events.ts";
import type { Asset, Outcome } from "../../../core/market/instrument.ts";
import { ms } from "../../../core/units.ts";
import { columnsOf, dataLines, splitRow } from "./csv.ts";
import type { ImportedWindow } from "./layout.ts";
import { readOutcomes } from "./outcomes.ts";
import { type ReferenceFile } from "./reference_files.ts";
import { classify, peekFolder, subfolders } from "./registry.ts";

/** Candles before the first window of a session: indicators of 60 bars are warm when trading starts. */
export const WARM_UP_BARS = 70;
/** Oracle prices before a window's start. */
const ORACLE_LEAD_MS = 120_000;
const ORACLE_TAIL_MS = 10_000;
/** Share of a window's candles a source must have. */
const COVERAGE = 0.9;

/** Joinable files of some folders. Loaded data stays cached for further imports. */
export interface ReferenceCatalog {
  readonly files: readonly ReferenceFile[];
  bars(file: ReferenceFile): Promise<BarSeries>;
  /** Official outcomes of all files, by window key. */
  outcomes(): Promise<ReadonlyMap<string, OfficialOutcome>>;
}

/** What the venue's record says of a window. */
export interface OfficialOutcome {
  readonly outcome: Outcome;
  /** Folder and file of the record. */
  readonly from: string;
}

/** Candles of one file, ascending by open time. */
export interface BarSeries {
  readonly barMs: number;
  readonly closeOnly: boolean;
  readonly bars: readonly Bar[];
}
export interface Bar {
  readonly openMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

/** Finds reference files in folders and one level below. A folder that cannot be read is an error of the caller's path. */
export async function findReferences(folders: readonly string[]): Promise<ReferenceCatalog> {
  const files = new Map<string, ReferenceFile>();
  for (const root of new Set(folders)) {
    for (const folder of [root, ...await subfolders(root)]) {
      const peeked = await peekFolder(folder).catch((error) => {
        if (folder === root) throw error;
        return null; // A neighbour we may not read is none of our business.
      });
      for (const reference of peeked === null ? [] : classify(peeked).references) {
        if (reference.join !== null || reference.kind === "outcomes") {
          files.set(reference.file.path, reference);
        }
      }
    }
  }
  const cache = new Map<string, Promise<BarSeries>>();
  let outcomes: Promise<ReadonlyMap<string, OfficialOutcome>> | null = null;
  return {
    files: [...files.values()],
    outcomes: () => outcomes ??= officialOutcomes([...files.values()].filter((f) => f.kind === "outcomes")),
    bars(file) {
      const known = cache.get(file.file.path);
      if (known !== undefined) return known;
      const loading = loadBars(file);
      cache.set(file.file.path, loading);
      return loading;
    },
  };
}

async function officialOutcomes(
  files: readonly ReferenceFile[],
): Promise<ReadonlyMap<string, OfficialOutcome>> {
  const all = new Map<string, OfficialOutcome>();
  for (const file of files) {
    for (const [key, outcome] of await readOutcomes(file)) all.set(key, { outcome, from: nameOf(file) });
  }
  return all;
}

/** "1776081600000", "1776081600" or "2026-04-13 12:00:00" (UTC) to milliseconds; NaN otherwise. */
export function parseTime(text: string): number {
  if (/^\d{9,14}$/.test(text)) {
    const value = Number(text);
    return value < 1e11 ? value * 1000 : value;
  }
  return /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text) ? Date.parse(`${text.replace(" ", "T")}Z`) : NaN;
}

function commonStep(times: readonly number[]): number {
  const seen = new Map<number, number>();
  for (let i = 1; i < Math.min(times.length, 500); i++) {
    const step = times[i]! - times[i - 1]!;
    if (step > 0) seen.set(step, (seen.get(step) ?? 0) + 1);
  }
  return [...seen].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 60_000;
}

async function loadBars(reference: ReferenceFile): Promise<BarSeries> {
  const columns = columnsOf(reference.file).map((c) => c.toLowerCase());
  const at = (name: string) => columns.indexOf(name);
  const time = at((reference.join?.timeColumn ?? "").toLowerCase());
  const closeOnly = at("open") < 0;
  const [open, high, low, close, volume] = [at("open"), at("high"), at("low"), at("close"), at("volume")];
  const bars: Bar[] = [];
  for await (const lines of dataLines(reference.file.path, true)) {
    for (const line of lines) {
      const f = splitRow(line);
      const openMs = parseTime(f[time] ?? "");
      const last = Number(f[close] ?? "");
      if (Number.isNaN(openMs) || !(last > 0)) continue;
      const first = closeOnly ? bars.at(-1)?.close ?? last : Number(f[open]);
      bars.push({
        openMs,
        open: first,
        high: closeOnly ? Math.max(first, last) : Number(f[high]),
        low: closeOnly ? Math.min(first, last) : Number(f[low]),
        close: last,
        volume: volume < 0 ? 0 : Number(f[volume]),
      });
    }
  }
  const valid = bars.filter((b) => b.open > 0 && b.low > 0 && b.high >= b.low && b.volume >= 0);
  valid.sort((a, b) => a.openMs - b.openMs);
  const unique = valid.filter((b, i) => i === 0 || b.openMs !== valid[i - 1]!.openMs);
  return { barMs: commonStep(unique.map((b) => b.openMs)), closeOnly, bars: unique };
}

/** Index of the first bar with `openMs >= t`. */
function firstFrom(bars: readonly Bar[], t: number): number {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle]!.openMs < t) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Candidate {
  readonly reference: ReferenceFile;
  readonly asset: Asset;
  readonly venue: FastVenue;
  readonly series: BarSeries;
}

/** Settlement follows spot; among equals the real candle beats bare closes. */
const VENUE_RANK: Readonly<Record<FastVenue, number>> = {
  "binance-spot": 0,
  "coinbase": 1,
  "binance-futures": 2,
  "bybit": 3,
};

function compareCandidates(a: Candidate, b: Candidate): number {
  return a.series.barMs - b.series.barMs || VENUE_RANK[a.venue] - VENUE_RANK[b.venue] ||
    Number(a.series.closeOnly) - Number(b.series.closeOnly) ||
    (a.reference.file.path < b.reference.file.path ? -1 : 1);
}

/** The span in which a window needs prices: from its start or first datum to its end or last datum. */
function spanOf(window: ImportedWindow): { from: number; to: number } {
  const from = Math.min(window.instrument.startMs, window.firstMs);
  return { from, to: Math.max(from, Math.min(window.instrument.endMs, window.lastMs)) };
}

function covers(candidate: Candidate, window: ImportedWindow): boolean {
  const { bars, barMs } = candidate.series;
  const { from, to } = spanOf(window);
  const expected = Math.floor((to - from) / barMs) + 1;
  // Bars that close inside the span, and the one before it.
  const have = firstFrom(bars, to - barMs + 1) - firstFrom(bars, from - 2 * barMs + 1);
  return have >= Math.max(1, expected * COVERAGE);
}

export interface JoinedReferences {
  /** Ordered by `tReceive`. */
  readonly events: readonly MarketEvent[];
  /** Price at the start of a window (by conditionId), known at `atMs`. */
  readonly opens: ReadonlyMap<
    string,
    {
      readonly value: number;
      readonly exact: string;
      readonly basis: "chainlink" | FastVenue;
      readonly atMs: number;
    }
  >;
  /** What was joined, for the manifest. */
  readonly sources: readonly string[];
  readonly windowsWithBars: number;
  readonly windowsWithOracle: number;
}

function barEvent(bar: Bar, candidate: Candidate): FastBarEvent {
  const closeMs = ms(bar.openMs + candidate.series.barMs);
  return {
    type: "fastBar",
    tExchange: closeMs,
    tReceive: closeMs,
    venue: candidate.venue,
    asset: candidate.asset,
    openMs: ms(bar.openMs),
    closeMs,
    open: bar.open,
    high: bar.high,
    low: bar.low,
    close: bar.close,
    volume: bar.volume,
    closed: true,
  };
}

/** Bars whose close lies in any of the spans, each once. */
function barsIn(candidate: Candidate, spans: { from: number; to: number }[]): MarketEvent[] {
  const { bars, barMs } = candidate.series;
  const events: MarketEvent[] = [];
  let next = 0;
  for (const span of spans.sort((a, b) => a.from - b.from)) {
    for (let i = Math.max(next, firstFrom(bars, span.from - barMs)); i < bars.length; i++) {
      if (bars[i]!.openMs + barMs > span.to) break;
      events.push(barEvent(bars[i]!, candidate));
      next = i + 1;
    }
  }
  return events;
}

/** Folder and file: different recorders use the same file names. */
const nameOf = ({ file }: ReferenceFile): string => `${basename(dirname(file.path))}/${file.name}`;

async function oraclePrices(
  reference: ReferenceFile,
  asset: Asset,
  windows: readonly ImportedWindow[],
): Promise<OraclePriceEvent[]> {
  const columns = columnsOf(reference.file);
  const [feed, value, exact, receive] = ["feed_ts_ms", "value", "full_accuracy_value", "recv_ms"].map((c) =>
    columns.indexOf(c)
  ) as [number, number, number, number];
  const spans = windows.map(spanOf).map(({ from, to }) => ({
    from: from - ORACLE_LEAD_MS,
    to: to + ORACLE_TAIL_MS,
  }))
    .sort((a, b) => a.from - b.from);
  const events: OraclePriceEvent[] = [];
  for await (const lines of dataLines(reference.file.path, true)) {
    for (const line of lines) {
      const f = splitRow(line);
      const at = Number(f[receive]);
      if (!Number.isSafeInteger(at) || at <= 0 || !spans.some((s) => at >= s.from && at <= s.to)) continue;
      const price = Number(f[value]);
      if (!(price > 0)) continue;
      const digits = f[exact] ?? "";
      events.push({
        type: "oraclePrice",
        tExchange: ms(Number(f[feed])),
        tReceive: ms(at),
        asset,
        kind: "spot",
        provider: "chainlink",
        value: price,
        exact: /^\d{19,}$/.test(digits) ? `${digits.slice(0, -18)}.${digits.slice(-18)}` : f[value]!,
      });
    }
  }
  return events.sort((a, b) => a.tReceive - b.tReceive);
}

async function candidatesFor(catalog: ReferenceCatalog, asset: Asset): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const reference of catalog.files) {
    const join = reference.join;
    if (reference.kind !== "bars" || join === null || join.asset !== asset || join.venue === "chainlink") {
      continue;
    }
    found.push({ reference, asset, venue: join.venue, series: await catalog.bars(reference) });
  }
  return found.sort(compareCandidates);
}

/**
 * Chooses for every window the finest source that covers it and makes the events: candles from `WARM_UP_BARS` before each
 * window to its end, oracle prices around it. `withOracle` false when the recording has its own.
 */
export async function joinReferences(
  catalog: ReferenceCatalog,
  windows: readonly ImportedWindow[],
  withOracle: boolean,
): Promise<JoinedReferences> {
  const events: MarketEvent[] = [];
  const opens = new Map<
    string,
    { value: number; exact: string; basis: "chainlink" | FastVenue; atMs: number }
  >();
  const sources: string[] = [];
  let windowsWithBars = 0;
  let windowsWithOracle = 0;
  for (const asset of new Set(windows.map((w) => w.instrument.asset))) {
    const own = windows.filter((w) => w.instrument.asset === asset);
    const spans = new Map<Candidate, { from: number; to: number }[]>();
    const candidates = await candidatesFor(catalog, asset);
    for (const window of own) {
      const chosen = candidates.find((c) => covers(c, window));
      if (chosen === undefined) continue;
      windowsWithBars++;
      const { from, to } = spanOf(window);
      const { bars, barMs } = chosen.series;
      spans.set(chosen, [...spans.get(chosen) ?? [], { from: from - WARM_UP_BARS * barMs, to }]);
      // The close of the candle that ends where the window begins: known at that instant, unlike the next open.
      const start = window.instrument.startMs;
      const before = bars[firstFrom(bars, start - barMs)];
      if (before !== undefined && before.openMs + barMs === start) {
        const value = before.close;
        opens.set(window.instrument.conditionId, {
          value,
          exact: String(value),
          basis: chosen.venue,
          atMs: start,
        });
      }
    }
    for (const [candidate, list] of spans) {
      const bars = barsIn(candidate, list);
      for (const bar of bars) events.push(bar);
      const seconds = candidate.series.barMs / 1000;
      sources.push(
        `${nameOf(candidate.reference)}: ${bars.length} ${candidate.venue} ${asset} candles of ${seconds} s` +
          (candidate.series.closeOnly ? " (closes only; open is the previous close, volume 0)" : ""),
      );
    }
    if (!withOracle) continue;
    const oracles = catalog.files.filter((f) => f.kind === "oracle" && f.join?.asset === asset);
    for (const reference of oracles) {
      const prices = await oraclePrices(reference, asset, own);
      if (prices.length === 0) continue;
      for (const price of prices) events.push(price);
      sources.push(`${nameOf(reference)}: ${prices.length} Chainlink ${asset} prices`);
      const bySecond = new Map(prices.map((p) => [p.tExchange as number, p]));
      for (const { instrument } of own) {
        const print = bySecond.get(instrument.startMs);
        if (print === undefined) continue;
        windowsWithOracle++;
        opens.set(instrument.conditionId, {
          value: print.value,
          exact: print.exact,
          basis: "chainlink",
          atMs: print.tReceive,
        });
      }
    }
  }
  events.sort((a, b) => a.tReceive - b.tReceive);
  return { events, opens, sources, windowsWithBars, windowsWithOracle };
}
