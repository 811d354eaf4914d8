/** Reads a tape in `tReceive` order with flat memory. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import type { FeedName, MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { decodeLine } from "./event_codec.ts";
import { isBeingRecorded, unlistedSegments } from "./files.ts";
import {
  isRawFrame,
  type Manifest,
  MANIFEST_NAME,
  parseManifest,
  RECORDED_LAYOUT,
  type TapeEntry,
} from "./format.ts";
import { fileError, lineBatches } from "./lines.ts";

/** Turns one raw frame into events; an empty array when the frame means nothing to us. */
export type DecodeFrame = (feed: FeedName, raw: string, tReceive: Ms) => readonly MarketEvent[];

export interface OpenOptions {
  /** Decodes raw frames. Without it they are counted as `undecoded` and not delivered. */
  readonly decode?: DecodeFrame;
}

/** Grows while a tape is read. */
export interface ReadCounts {
  /** Lines seen. */
  lines: number;
  /** Lines that are neither an event nor a raw frame. */
  unrecognised: number;
  /** Raw frames passed over because no codec was given. */
  undecoded: number;
  /** Events whose time lies before the one delivered last; they are delivered where they stand. */
  disordered: number;
}

export interface TapeWarning {
  readonly code: string;
  readonly message: string;
}

export interface Tape {
  readonly path: string;
  readonly manifest: Manifest;
  readonly counts: ReadCounts;
  /** What was wrong without being fatal; complete only after reading to the end. */
  readonly warnings: TapeWarning[];
  /** Batches of decoded events. Throws FILE_NOT_FOUND, FILE_TORN or FILE_DAMAGED for a file that cannot be read. */
  events(): AsyncGenerator<MarketEvent[]>;
  /**
   * Batches of groups, each to be decided upon once: the events of one raw frame, or normalised events received in the
   * same millisecond. A frame is never joined with its neighbours, because the live session saw it alone.
   */
  groups(): AsyncGenerator<MarketEvent[][]>;
  /** Batches of lines as stored: events and raw frames. */
  entries(): AsyncGenerator<TapeEntry[]>;
}

/** Whether a folder holds a tape (so that a command can tell it from a recording of others). */
export async function isTape(path: string): Promise<boolean> {
  return await stat(join(path, MANIFEST_NAME)).then((s) => s.isFile(), () => false);
}

/**
 * Opens a tape folder. Throws FILE_NOT_FOUND, NOT_A_TAPE (a folder without manifest) or TAPE_INVALID. A tape whose
 * writer was stopped opens with a warning and ends at its last whole line.
 */
export async function openTape(path: string, options: OpenOptions = {}): Promise<Tape> {
  await stat(path).catch((error) => {
    throw fileError(error, path);
  });
  const manifestPath = join(path, MANIFEST_NAME);
  const text = await readFile(manifestPath, "utf8").catch((cause) => {
    throw new OperationError({
      code: "NOT_A_TAPE",
      message: `Cannot open ${path} as a tape: it has no ${MANIFEST_NAME}`,
      hint: "Recordings of others become tapes with `poly-edge tape import`.",
      cause,
    });
  });
  const manifest = parseManifest(text, manifestPath);
  const counts: ReadCounts = { lines: 0, unrecognised: 0, undecoded: 0, disordered: 0 };
  const warnings: TapeWarning[] = [];
  const live = !manifest.complete && await isBeingRecorded(path);
  if (live) {
    warnings.push({
      code: "TAPE_BEING_RECORDED",
      message: `${path} is being recorded: it is read up to its last flush`,
    });
  } else if (!manifest.complete) {
    warnings.push({
      code: "TAPE_INCOMPLETE",
      message: `${path} was not finished by its writer; its last segment may be cut`,
    });
  }
  // A recorder in the middle of a write is no damage.
  const entries = () => readEntries(path, manifest, counts, live ? [] : warnings);
  return {
    path,
    manifest,
    counts,
    warnings,
    entries,
    events: () => decoded(entries(), counts, frameDecoder(manifest, options.decode)),
    groups: () => grouped(entries(), counts, frameDecoder(manifest, options.decode)),
  };
}

async function* readEntries(
  path: string,
  manifest: Manifest,
  counts: ReadCounts,
  warnings: TapeWarning[],
): AsyncGenerator<TapeEntry[]> {
  Object.assign(counts, { lines: 0, unrecognised: 0, undecoded: 0, disordered: 0 });
  const unsealed = manifest.complete ? [] : await unlistedSegments(path, manifest);
  for (const name of [...manifest.files.map((f) => f.name), ...unsealed]) {
    const torn = () => {
      warnings.push({
        code: "FILE_TORN",
        message: `${join(path, name)} stops in the middle; the rest is lost`,
      });
    };
    // Only the segment that was being written may end early; a cut sealed segment is damage.
    const lineOptions = unsealed.includes(name) ? { onTorn: torn } : {};
    for await (const lines of lineBatches(join(path, name), lineOptions)) {
      const batch: TapeEntry[] = [];
      for (const line of lines) {
        counts.lines++;
        const entry = decodeLine(line);
        if (entry === null) counts.unrecognised++;
        else batch.push(entry);
      }
      if (batch.length > 0) yield batch;
    }
  }
}

/**
 * A recorder writes resolutions as lines of their own, as the session understood them: the frames tell of every market
 * of the venue, and of ours more than once.
 */
function frameDecoder(manifest: Manifest, decode: DecodeFrame | undefined): DecodeFrame | undefined {
  if (decode === undefined || manifest.layout !== RECORDED_LAYOUT) return decode;
  return (feed, raw, tReceive) => {
    const events = decode(feed, raw, tReceive);
    return events.some((event) => event.type === "resolved")
      ? events.filter((event) => event.type !== "resolved")
      : events;
  };
}

async function* grouped(
  batches: AsyncIterable<TapeEntry[]>,
  counts: ReadCounts,
  decode: DecodeFrame | undefined,
): AsyncGenerator<MarketEvent[][]> {
  let last = -Infinity;
  // Normalised events of the instant being read; it may go on in the next batch.
  let instant: MarketEvent[] = [];
  for await (const batch of batches) {
    const groups: MarketEvent[][] = [];
    const close = () => {
      if (instant.length > 0) groups.push(instant);
      instant = [];
    };
    for (const entry of batch) {
      if (entry.tReceive < last) counts.disordered++;
      else last = entry.tReceive;
      if (!isRawFrame(entry)) {
        if (instant.length > 0 && instant[0]!.tReceive !== entry.tReceive) close();
        instant.push(entry);
        continue;
      }
      close();
      if (decode === undefined) {
        counts.undecoded++;
        continue;
      }
      const events = decode(entry.feed, entry.raw, entry.tReceive);
      if (events.length > 0) groups.push([...events]);
    }
    if (groups.length > 0) yield groups;
  }
  if (instant.length > 0) yield [instant];
}

async function* decoded(
  batches: AsyncIterable<TapeEntry[]>,
  counts: ReadCounts,
  decode: DecodeFrame | undefined,
): AsyncGenerator<MarketEvent[]> {
  let last = -Infinity;
  for await (const batch of batches) {
    const events: MarketEvent[] = [];
    for (const entry of batch) {
      if (entry.tReceive < last) counts.disordered++;
      else last = entry.tReceive;
      if (!isRawFrame(entry)) events.push(entry);
      else if (decode === undefined) counts.undecoded++;
      else for (const event of decode(entry.feed, entry.raw, entry.tReceive)) events.push(event);
    }
    if (events.length > 0) yield events;
  }
}
