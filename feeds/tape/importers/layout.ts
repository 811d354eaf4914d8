/** What an importer is: it recognises files by their content and turns them into ordered streams of tape entries. */
import type { FastVenue } from "../../../core/events.ts";
import type { Asset, Duration, Instrument, Outcome } from "../../../core/market/instrument.ts";
import type { Ms } from "../../../core/units.ts";
import type { TapeEntry } from "../format.ts";
import type { Batches } from "../merge.ts";

/** One file of a folder with the beginning of its text. */
export interface PeekedFile {
  readonly name: string;
  readonly path: string;
  /** Up to three first lines, each cut at 4000 characters. */
  readonly head: readonly string[];
}

export interface Folder {
  readonly path: string;
  readonly name: string;
  readonly files: readonly PeekedFile[];
}

export interface ImportOptions {
  /** Shares put on every level when the recording has no sizes, in millionths. */
  readonly assumeSize: number;
}

/** A strike as the recording knows it. */
export interface RecordedStrike {
  readonly value: number;
  readonly exact: string;
  readonly basis: "chainlink" | FastVenue;
}

export interface ImportedWindow {
  readonly instrument: Instrument;
  readonly outcome: Outcome | null;
  readonly outcomeSource: "venue" | "inferred" | null;
  readonly complete: boolean;
  readonly firstMs: Ms;
  readonly lastMs: Ms;
  readonly strike: RecordedStrike | null;
  /** Price of a reference market at the window's start from the recording's own window list, if any. */
  readonly referenceOpen: { readonly value: number; readonly basis: FastVenue } | null;
  /** The streams carry the resolution themselves. */
  readonly resolvedInStream: boolean;
}

/** Grows while the streams are read. */
export interface ImportCounters {
  rows: number;
  unrecognised: number;
  readonly skipped: Record<string, number>;
}

/** An opened recording: everything known before its streams are read. */
export interface Recording {
  readonly layout: string;
  readonly source: string;
  readonly licence: string;
  readonly assets: readonly Asset[];
  readonly durations: readonly Duration[];
  readonly windows: readonly ImportedWindow[];
  readonly absent: readonly string[];
  readonly notes: readonly string[];
  readonly counters: ImportCounters;
  /** Each ordered by `tReceive`; read once. */
  readonly streams: readonly Batches<TapeEntry>[];
}

export interface Layout {
  readonly name: string;
  /** One line for people: which recording this is and what it gives. */
  readonly description: string;
  /** What the first line of its files looks like, for error messages. */
  readonly expects: string;
  /** Told by content, never by the folder's name. */
  matches(file: PeekedFile): boolean;
  open(folder: Folder, files: readonly PeekedFile[], options: ImportOptions): Promise<Recording>;
}

export const newCounters = (): ImportCounters => ({ rows: 0, unrecognised: 0, skipped: {} });

export function countSkipped(counters: ImportCounters, reason: string, by = 1): void {
  counters.skipped[reason] = (counters.skipped[reason] ?? 0) + by;
}
