/** Is a tape whole? Every byte is hashed, the chain rebuilt, the lines counted; the first damage is named. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import { CHAIN_START, chainHash, type Manifest, RECORDED_LAYOUT, type TapeFile } from "./format.ts";
import { decodeLine } from "./event_codec.ts";
import { isBeingRecorded } from "./files.ts";
import { fileError, lineBatches } from "./lines.ts";
import { openTape } from "./reader.ts";
import { RecordingIndex } from "./recording_index.ts";
import { readTail } from "./repair.ts";

export type Damage =
  | "missing"
  | "unreadable"
  | "size"
  | "hash"
  | "chain"
  | "torn"
  | "lines"
  | "order"
  | "incomplete";

export interface VerifyResult {
  readonly path: string;
  readonly ok: boolean;
  readonly files: number;
  readonly lines: number;
  readonly bytes: number;
  /** Lines that are no event; a whole tape may hold some (a stranger wrote it), so they are told, not judged. */
  readonly unrecognised: number;
  /** `stopped`: its writer did not reach its end. */
  readonly state: "complete" | "recording" | "stopped";
  /** The last link of the rebuilt chain: the identity of the tape's content. */
  readonly chain: string;
  readonly firstDamage: {
    readonly file: string;
    readonly kind: Damage;
    readonly detail: string;
  } | null;
}

async function hashFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
    const data = chunk as Uint8Array;
    bytes += data.length;
    hash.update(data);
  }
  return { bytes, sha256: hash.digest("hex") };
}

interface FileCheck {
  readonly damage: { readonly kind: Damage; readonly detail: string } | null;
  readonly lines: number;
  readonly bytes: number;
  readonly unrecognised: number;
  readonly sha256: string;
  readonly lastMs: number;
}

const KIND_OF_CODE: Readonly<Record<string, Damage>> = { FILE_NOT_FOUND: "missing", FILE_TORN: "torn" };

async function checkFile(
  folder: string,
  file: TapeFile,
  previous: string,
  afterMs: number,
): Promise<FileCheck> {
  const path = join(folder, file.name);
  let lines = 0;
  let unrecognised = 0;
  let lastMs = afterMs;
  let bytes = 0;
  let sha256 = "";
  const result = (kind: Damage | null, detail = ""): FileCheck => ({
    damage: kind === null ? null : { kind, detail },
    lines,
    bytes,
    unrecognised,
    sha256,
    lastMs,
  });
  try {
    ({ bytes, sha256 } = await hashFile(path));
    if (bytes !== file.bytes) return result("size", `${bytes} bytes, the manifest says ${file.bytes}`);
    if (sha256 !== file.sha256) {
      return result("hash", `sha256 is ${sha256}, the manifest says ${file.sha256}`);
    }
    const chain = chainHash(previous, sha256);
    if (chain !== file.chain) return result("chain", `chain is ${chain}, the manifest says ${file.chain}`);
    for await (const batch of lineBatches(path)) {
      for (const line of batch) {
        lines++;
        const entry = decodeLine(line);
        if (entry === null) unrecognised++;
        else if (entry.tReceive < lastMs) {
          return result("order", `line ${lines} is ${lastMs - entry.tReceive} ms before the line above it`);
        } else lastMs = entry.tReceive;
      }
    }
  } catch (error) {
    const failure = error instanceof OperationError ? error : fileError(error, path);
    return result(KIND_OF_CODE[failure.code] ?? "unreadable", failure.message);
  }
  if (lines !== file.lines) return result("lines", `${lines} lines, the manifest says ${file.lines}`);
  return result(null);
}

interface Sum {
  files: number;
  lines: number;
  bytes: number;
  unrecognised: number;
}

/** The segments beyond the manifest's list. A torn end is damage, unless a recorder is writing it now. */
async function checkTail(
  path: string,
  manifest: Manifest,
  recording: boolean,
  sum: Sum,
): Promise<VerifyResult["firstDamage"]> {
  for (const segment of await readTail(path, manifest, new RecordingIndex(manifest))) {
    sum.files++;
    sum.lines += segment.lines;
    sum.bytes += segment.bytes;
    sum.unrecognised += segment.unrecognised;
    if (segment.disordered > 0) {
      const detail = `${segment.disordered} line(s) are older than the one above them`;
      return { file: segment.name, kind: "order", detail };
    }
    if (segment.tornBytes > 0 && !recording) {
      const detail = `${segment.tornBytes} bytes at its end are no whole flush: its writer was stopped`;
      return { file: segment.name, kind: "torn", detail };
    }
  }
  return null;
}

/**
 * Checks a whole tape, stopping at the first damaged file. Of a recording that is under way or was stopped, the listed
 * files are checked against the manifest and the rest member by member. Throws only when it is no tape at all.
 */
export async function verifyTape(path: string): Promise<VerifyResult> {
  const { manifest } = await openTape(path);
  const recording = !manifest.complete && await isBeingRecorded(path);
  let chain = CHAIN_START;
  const sum: Sum = { files: 0, lines: 0, bytes: 0, unrecognised: 0 };
  const result = (firstDamage: VerifyResult["firstDamage"]): VerifyResult => ({
    path,
    ok: firstDamage === null,
    ...sum,
    state: manifest.complete ? "complete" : recording ? "recording" : "stopped",
    chain,
    firstDamage,
  });
  let afterMs = -Infinity;
  for (const file of manifest.files) {
    const check = await checkFile(path, file, chain, afterMs);
    sum.files++;
    sum.lines += check.lines;
    sum.bytes += check.bytes;
    sum.unrecognised += check.unrecognised;
    if (check.damage !== null) return result({ file: file.name, ...check.damage });
    chain = file.chain;
    afterMs = check.lastMs;
  }
  if (sum.lines !== manifest.events) {
    const detail = `${sum.lines} lines, the manifest says ${manifest.events}`;
    return result({ file: "tape.json", kind: "lines", detail });
  }
  if (!manifest.complete && manifest.layout === RECORDED_LAYOUT) {
    const damage = await checkTail(path, manifest, recording, sum);
    return result(damage);
  }
  if (!manifest.complete) {
    return result({ file: "tape.json", kind: "incomplete", detail: "the writer was stopped before its end" });
  }
  return result(null);
}
