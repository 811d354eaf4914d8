/** Recordings of others become tapes. */
import { dirname, resolve } from "node:path";
import { OperationError } from "../../core/errors.ts";
import type { MarketEvent } from "../../core/events.ts";
import { ms } from "../../core/units.ts";
import type { Manifest, TapeEntry, TapeWindow } from "./format.ts";
import { windowKey } from "./importers/quote_recording.ts";
import type { ImportedWindow, Layout, Recording } from "./importers/layout.ts";
import {
  findReferences,
  type JoinedReferences,
  joinReferences,
  type ReferenceCatalog,
} from "./importers/references.ts";
import {
  classify,
  type FolderContent,
  type FoundRecording,
  isTapeFolder,
  LAYOUTS,
  peekFolder,
  subfolders,
} from "./importers/registry.ts";
import { fromArray, mergeByTime } from "./merge.ts";
import { assertWritable, createTapeWriter } from "./writer.ts";

/** Shares assumed on every best price of a recording without sizes, in millionths (100 shares). */
export const DEFAULT_ASSUMED_SIZE = 100_000_000;
/** How long after the end (or the last datum) an inferred outcome becomes known: no recorder knew it earlier. */
const RESOLVED_AFTER_MS = 3000;

export interface ImportOptions {
  /** Folder of the tape itself. */
  readonly out: string;
  readonly force?: boolean;
  /** Name of a layout; told by content when left out. */
  readonly layout?: string;
  /** A catalog already made, or folders to search; default: the folder above the recording. */
  readonly references?: ReferenceCatalog | readonly string[];
  /** Millionths of a share; default `DEFAULT_ASSUMED_SIZE`. */
  readonly assumeSize?: number;
  /** Stops the import; what was written is removed. */
  readonly signal?: AbortSignal;
  /** Called after every batch with the number of events written so far. */
  readonly onProgress?: (events: number) => void;
}

export interface ImportSummary {
  readonly path: string;
  readonly layout: string;
  readonly manifest: Manifest;
  /** Rows or lines of the recording. */
  readonly rows: number;
  readonly windowsWithOutcome: number;
  readonly windowsWithBars: number;
  readonly references: readonly string[];
}

/** The layout of a name. Throws LAYOUT_UNKNOWN (usage) naming those that exist. */
export function layoutNamed(name: string): Layout {
  const layout = LAYOUTS.find((l) => l.name === name);
  if (layout !== undefined) return layout;
  throw new OperationError({
    code: "LAYOUT_UNKNOWN",
    message: `Cannot use "${name}" as a layout: there is none of that name`,
    hint: `Layouts: ${LAYOUTS.map((l) => l.name).join(", ")}.`,
    exit: 2,
  });
}

/**
 * What a path holds: the folder itself, or, when it holds no recording of its own, also its subfolders (one level).
 * Throws FILE_NOT_FOUND, LAYOUT_UNKNOWN, NOT_A_RECORDING (it is a tape already).
 */
export async function surveyPath(path: string, layoutName?: string): Promise<FolderContent[]> {
  const layout = layoutName === undefined ? undefined : layoutNamed(layoutName);
  if (await isTapeFolder(path)) {
    throw new OperationError({
      code: "NOT_A_RECORDING",
      message: `Cannot import ${path}: it is a tape already`,
      hint: "Use it as it is: tape info, replay, backtest.",
    });
  }
  const own = classify(await peekFolder(path), layout);
  if (own.recordings.length > 0 || own.folder.path !== resolve(path)) return [own];
  const contents: FolderContent[] = [];
  if (own.references.length + own.unknown.length > 0) contents.push(own);
  for (const folder of await subfolders(path)) contents.push(classify(await peekFolder(folder), layout));
  return contents;
}

/**
 * Lays the venue's own record over outcomes inferred from quotes. The record wins; how often the two agree is told in the
 * manifest, because it says how far the inference can be trusted elsewhere.
 */
async function withOfficialOutcomes(
  windows: readonly ImportedWindow[],
  catalog: ReferenceCatalog,
): Promise<{ windows: ImportedWindow[]; notes: string[] }> {
  const official = await catalog.outcomes();
  const from = new Set<string>();
  const count = { agree: 0, differ: 0, added: 0 };
  const checked = windows.map((window): ImportedWindow => {
    const { asset, duration, startMs } = window.instrument;
    const record = official.get(windowKey(asset, duration, startMs));
    if (record === undefined || window.outcomeSource === "venue") return window;
    from.add(record.from);
    if (window.outcome === null) count.added++;
    else if (window.outcome === record.outcome) count.agree++;
    else count.differ++;
    return { ...window, outcome: record.outcome, outcomeSource: "venue" };
  });
  const { agree, differ, added } = count;
  const notes = from.size === 0 ? [] : [
    `Official outcomes of ${
      [...from].join(", ")
    }: ${agree} agree with the inferred ones, ${differ} replace one, ` +
    `${added} fill a gap.`,
  ];
  return { windows: checked, notes };
}

function tapeWindow(window: ImportedWindow, joined: JoinedReferences | null): TapeWindow {
  const { instrument } = window;
  const open = joined?.opens.get(instrument.conditionId);
  const strike = window.strike !== null
    ? { value: window.strike.value, basis: window.strike.basis, source: "recording" }
    : open !== undefined
    ? { value: open.value, basis: open.basis, source: "reference" }
    : window.referenceOpen !== null
    ? { ...window.referenceOpen, source: "window list" }
    : null;
  return {
    slug: instrument.slug,
    conditionId: instrument.conditionId,
    asset: instrument.asset,
    duration: instrument.duration,
    startMs: instrument.startMs,
    endMs: instrument.endMs,
    outcome: window.outcome,
    outcomeSource: window.outcomeSource,
    complete: window.complete,
    ...(strike === null ? {} : { strike }),
    firstMs: window.firstMs,
    lastMs: window.lastMs,
  };
}

/** Window, strike and resolution events: what the rows themselves do not say. */
function scheduleOf(windows: readonly ImportedWindow[], joined: JoinedReferences): MarketEvent[] {
  const events: MarketEvent[] = [];
  for (const window of windows) {
    const { instrument } = window;
    const { conditionId } = instrument;
    const found = ms(Math.min(window.firstMs, instrument.startMs));
    events.push({ type: "window", tExchange: found, tReceive: found, instrument });
    const open = joined.opens.get(conditionId) ??
      (window.referenceOpen === null ? undefined : {
        ...window.referenceOpen,
        exact: String(window.referenceOpen.value),
        atMs: instrument.startMs,
      });
    if (window.strike === null && open !== undefined && open.atMs <= window.lastMs) {
      const { value, exact, basis } = open;
      events.push({
        type: "strike",
        tExchange: instrument.startMs,
        tReceive: ms(open.atMs),
        conditionId,
        value,
        exact,
        source: "recording",
        basis,
      });
    }
    if (window.outcome !== null && !window.resolvedInStream) {
      const known = ms(Math.max(instrument.endMs, window.lastMs) + RESOLVED_AFTER_MS);
      events.push({
        type: "resolved",
        tExchange: known,
        tReceive: known,
        conditionId,
        winner: window.outcome,
        source: window.outcomeSource ?? "inferred",
      });
    }
  }
  // Array sort is stable: a window stays before its own strike.
  return events.sort((a, b) => a.tReceive - b.tReceive);
}

function absentOf(recording: Recording, joined: JoinedReferences): string[] {
  const absent = new Set(recording.absent);
  const mirrored = new Set(recording.windows.map((w) => w.instrument.mirrorOf));
  mirrored.delete(null);
  if (mirrored.size > 1) absent.add("second.book");
  else if (mirrored.has("down")) absent.add("up.book");
  else if (mirrored.has("up")) absent.add("down.book");
  if (joined.windowsWithBars === 0) absent.add("fast.bars");
  if (joined.windowsWithOracle > 0) absent.delete("oracle.spot");
  return [...absent].sort();
}

function notesOf(recording: Recording, joined: JoinedReferences): string[] {
  const notes = [...recording.notes];
  const total = recording.windows.length;
  const without = recording.windows.filter((w) => w.outcome === null).length;
  if (without > 0) {
    notes.push(`${without} of ${total} window(s) have no outcome: nothing is resolved for them.`);
  }
  for (const source of joined.sources) {
    notes.push(`Joined ${source}, stamped when they could first be known.`);
  }
  if (joined.windowsWithBars < total) {
    notes.push(`${total - joined.windowsWithBars} of ${total} window(s) have no reference candles.`);
  }
  const guessed = recording.windows.filter((w) => w.strike === null).length;
  if (guessed > 0) {
    notes.push(
      `${guessed} of ${total} window(s) have no recorded price to beat; where a reference price of their start exists it ` +
        "is the strike, with that venue as its basis.",
    );
  }
  return notes;
}

async function catalogFor(options: ImportOptions, folder: string): Promise<ReferenceCatalog> {
  const { references } = options;
  if (references !== undefined && !Array.isArray(references)) return references as ReferenceCatalog;
  return await findReferences((references as readonly string[] | undefined) ?? [dirname(folder)]);
}

function emptyError(found: FoundRecording, recording: Recording): OperationError {
  const { unrecognised, skipped } = recording.counters;
  return new OperationError({
    code: "TAPE_EMPTY",
    message: `Cannot import ${found.folder.path} as ${found.layout.name}: no row gave an event`,
    hint: `Expected ${found.layout.expects}.`,
    details: { unrecognised, skipped },
  });
}

/**
 * Imports one found recording. Throws TAPE_EXISTS, DISK_FULL, FILE_TORN, FILE_DAMAGED, TAPE_EMPTY; after a failure nothing
 * of the tape is left.
 */
export async function importFound(found: FoundRecording, options: ImportOptions): Promise<ImportSummary> {
  await assertWritable(options.out, options.force ?? false);
  const opened = await found.layout.open(found.folder, found.files, {
    assumeSize: options.assumeSize ?? DEFAULT_ASSUMED_SIZE,
  });
  const catalog = await catalogFor(options, found.folder.path);
  const { windows, notes } = await withOfficialOutcomes(opened.windows, catalog);
  const recording: Recording = { ...opened, windows, notes: [...opened.notes, ...notes] };
  const joined = await joinReferences(catalog, recording.windows, recording.absent.includes("oracle.spot"));
  const writer = await createTapeWriter({
    out: options.out,
    force: options.force ?? false,
    header: { source: recording.source, layout: recording.layout, licence: recording.licence },
  });
  try {
    const schedule = scheduleOf(recording.windows, joined);
    const merged = mergeByTime<TapeEntry>([
      fromArray(schedule),
      fromArray(joined.events),
      ...recording.streams,
    ]);
    let events = 0;
    for await (const batch of merged) {
      options.signal?.throwIfAborted();
      await writer.write(batch);
      events += batch.length;
      options.onProgress?.(events);
    }
    const { counters } = recording;
    if (events === schedule.length + joined.events.length) throw emptyError(found, recording);
    const manifest = await writer.finish({
      assets: [...recording.assets],
      durations: [...recording.durations],
      windows: recording.windows.map((w) => tapeWindow(w, joined)),
      absent: absentOf(recording, joined),
      skipped: counters.skipped,
      unrecognised: counters.unrecognised,
      notes: notesOf(recording, joined),
    });
    return {
      path: options.out,
      layout: recording.layout,
      manifest,
      rows: counters.rows,
      windowsWithOutcome: recording.windows.filter((w) => w.outcome !== null).length,
      windowsWithBars: joined.windowsWithBars,
      references: joined.sources,
    };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/**
 * Imports the one recording a folder (or file) holds. Throws as `importFound`, and NOT_A_RECORDING when there is none,
 * RECORDING_AMBIGUOUS when there are several.
 */
export async function importRecording(path: string, options: ImportOptions): Promise<ImportSummary> {
  const contents = await surveyPath(path, options.layout);
  const recordings = contents.flatMap((c) => c.recordings);
  if (recordings.length === 1) return await importFound(recordings[0]!, options);
  if (recordings.length > 1) {
    throw new OperationError({
      code: "RECORDING_AMBIGUOUS",
      message: `Cannot import ${path} as one tape: it holds ${recordings.length} recordings`,
      hint: "Name one of its folders, or import all with `poly-edge tape import`.",
    });
  }
  throw notARecording(path, contents);
}

/** The error for a path without a recording: says what it holds instead. */
export function notARecording(path: string, contents: readonly FolderContent[]): OperationError {
  const references = contents.flatMap((c) => c.references).filter((r) => r.kind !== "notes");
  const offers = [...new Set(references.map((r) => r.offers))].slice(0, 5).join("; ");
  return new OperationError({
    code: "NOT_A_RECORDING",
    message: references.length > 0
      ? `Cannot import ${path} as a tape: it holds reference data only (${offers})`
      : `Cannot import ${path} as a tape: no file has a known layout`,
    hint: references.length > 0
      ? "Reference data is joined to recordings with --references; it has no executable quotes of its own."
      : `Layouts: ${LAYOUTS.map((l) => `${l.name} (${l.expects})`).join("; ")}.`,
  });
}
