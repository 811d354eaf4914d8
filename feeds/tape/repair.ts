/**
 * What a stopped recorder left behind: segments beyond the manifest's list, the last perhaps cut. Whole members are kept,
 * the torn rest is cut off, and the manifest is brought up to date.
 */
import { createHash } from "node:crypto";
import { copyFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import { decodeLine } from "./event_codec.ts";
import { lockFolder, saveManifest, unlistedSegments } from "./files.ts";
import { CHAIN_START, chainHash, type Manifest, RECORDED_LAYOUT, type TapeFile } from "./format.ts";
import { fileError } from "./lines.ts";
import { walkMembers } from "./members.ts";
import { RecordingIndex } from "./recording_index.ts";
import { openTape } from "./reader.ts";

/** An unlisted segment as it stands on disk. */
export interface TailSegment {
  readonly name: string;
  /** Bytes of whole members. */
  readonly bytes: number;
  /** Bytes after them, to be cut off. */
  readonly tornBytes: number;
  /** Those bytes are wrong rather than missing: more than the last flush may be behind them. */
  readonly damaged: boolean;
  readonly lines: number;
  readonly unrecognised: number;
  /** Lines older than the one above them. */
  readonly disordered: number;
  readonly sha256: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** Reads the segments the manifest does not list, in order, noting every line in `index`. */
export async function readTail(
  folder: string,
  manifest: Manifest,
  index: RecordingIndex,
): Promise<TailSegment[]> {
  const segments: TailSegment[] = [];
  for (const name of await unlistedSegments(folder, manifest)) {
    segments.push(await readSegment(join(folder, name), name, index));
  }
  return segments;
}

async function readSegment(path: string, name: string, index: RecordingIndex): Promise<TailSegment> {
  const hash = createHash("sha256");
  let bytes = 0;
  let tornBytes = 0;
  let damaged = false;
  let lines = 0;
  let unrecognised = 0;
  let disordered = 0;
  let from: number | null = null;
  let to: number | null = null;
  try {
    for await (const member of walkMembers(path)) {
      if (member.kind !== "member") {
        tornBytes = member.rest;
        damaged = member.kind === "damaged";
        break;
      }
      hash.update(member.bytes);
      bytes += member.bytes.length;
      for (const line of member.text.slice(0, -1).split("\n")) {
        lines++;
        const entry = decodeLine(line);
        if (entry === null) {
          unrecognised++;
          index.noteUnknown();
          continue;
        }
        from ??= entry.tReceive;
        if (entry.tReceive < (index.to ?? -Infinity)) disordered++;
        to = entry.tReceive;
        index.note(entry);
      }
    }
  } catch (error) {
    throw fileError(error, path);
  }
  return {
    name,
    bytes,
    tornBytes,
    damaged,
    lines,
    unrecognised,
    disordered,
    sha256: hash.digest("hex"),
    from,
    to,
  };
}

export interface Repaired {
  readonly manifest: Manifest;
  readonly index: RecordingIndex;
  /** Segments that the manifest did not list before. */
  readonly segments: readonly TailSegment[];
  /** Bytes cut off. */
  readonly removedBytes: number;
}

/**
 * Repairs a folder that the caller has locked: cuts torn ends off and lists every segment. A segment with wrong bytes in it
 * is kept beside as `<name>.damaged`, because whole flushes may stand behind them. `complete` is what the new
 * manifest says. Nothing is written when nothing is missing and `complete` stands already.
 */
export async function repairLocked(folder: string, manifest: Manifest, complete: boolean): Promise<Repaired> {
  const index = new RecordingIndex(manifest);
  const segments = await readTail(folder, manifest, index);
  const files: TapeFile[] = [...manifest.files];
  let removedBytes = 0;
  for (const segment of segments) {
    const path = join(folder, segment.name);
    removedBytes += segment.tornBytes;
    if (segment.damaged) await copyFile(path, `${path}.damaged`);
    if (segment.lines === 0) {
      await rm(path);
      continue;
    }
    if (segment.tornBytes > 0) await truncate(path, segment.bytes);
    const { name, lines, bytes, sha256, from, to } = segment;
    const chain = chainHash(files.at(-1)?.chain ?? CHAIN_START, sha256);
    files.push({ name, lines, bytes, sha256, chain, from, to });
  }
  if (removedBytes > 0) {
    const last = index.to === null ? "its beginning" : new Date(index.to).toISOString();
    index.notes.push(`a writer was stopped: ${removedBytes} bytes of a torn end were cut off after ${last}`);
  }
  const repaired = index.manifest(manifest.source, manifest.licence, files, complete);
  if (segments.length > 0 || manifest.complete !== complete) await saveManifest(folder, repaired);
  return { manifest: repaired, index, segments, removedBytes };
}

/** Throws TAPE_IMPORTED unless the manifest is of a recording of ours. */
export function assertRecorded(folder: string, manifest: Manifest): void {
  if (manifest.layout === RECORDED_LAYOUT) return;
  throw new OperationError({
    code: "TAPE_IMPORTED",
    message: `Cannot write to ${folder} as a recording: current value of its layout is ${manifest.layout}`,
    hint: "Only tapes made by `poly-edge record` are repaired or continued; import this one again.",
  });
}

/** `tape verify --repair`. Throws TAPE_IN_USE, TAPE_IMPORTED and what opening a tape throws. */
export async function repairTape(folder: string): Promise<Repaired> {
  const { manifest } = await openTape(folder);
  if (manifest.layout !== RECORDED_LAYOUT && manifest.complete) {
    return { manifest, index: new RecordingIndex(manifest), segments: [], removedBytes: 0 };
  }
  assertRecorded(folder, manifest);
  const lock = await lockFolder(folder);
  try {
    // Read again: a recorder may have finished between the look and the lock.
    return await repairLocked(folder, (await openTape(folder)).manifest, true);
  } finally {
    await lock.release();
  }
}
