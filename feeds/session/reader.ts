/**
 * Reads the record of a session, proving it on the way: the seal of session.json, the chain over the blocks, the chain of
 * the decisions. Memory: one block. What is wrong is thrown as SESSION_DAMAGED with file and line; what is merely
 * missing, because the writer was killed, is a warning that says how far the record is proven.
 */
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import type { Event } from "../../core/events.ts";
import { CHAIN_START, chainHash, sha256 } from "../tape/format.ts";
import { fileError } from "../tape/lines.ts";
import { isMemberFile, type MemberTear, walkMembers } from "../tape/members.ts";
import { damaged } from "./errors.ts";
import { parseEventRecord } from "./event_line.ts";
import {
  blockLine,
  EVENTS_NAME,
  parseManifest,
  type RecordTotals,
  SESSION_NAME,
  type SessionManifest,
  startLine,
} from "./format.ts";

const MAX_REST_BYTES = 1 << 26;

/** One event that entered the engine and the lines of what left it. */
export interface RecordedStep {
  /** Number of the event, from 0. */
  readonly index: number;
  /** Line of the event in the decompressed file, from 1; the outputs stand on the lines behind it. */
  readonly line: number;
  readonly event: Event;
  readonly more: boolean;
  readonly outputs: readonly string[];
}

export interface SessionWarning {
  readonly code: string;
  readonly message: string;
}

export interface SessionRecording {
  readonly folder: string;
  readonly manifest: SessionManifest;
  /** Complete only after `steps()` was read to its end. */
  readonly warnings: SessionWarning[];
  /** Batches of steps, a block each. Throws SESSION_DAMAGED. */
  steps(): AsyncGenerator<RecordedStep[]>;
}

/** Whether a folder holds a session. */
export const isSession = (folder: string): Promise<boolean> =>
  stat(join(folder, SESSION_NAME)).then((found) => found.isFile(), () => false);

/** Opens a session's folder. Throws FILE_NOT_FOUND, NOT_A_SESSION, SESSION_DAMAGED. */
export async function openSession(folder: string): Promise<SessionRecording> {
  await stat(folder).catch((cause) => {
    throw fileError(cause, folder);
  });
  const path = join(folder, SESSION_NAME);
  const bytes = await readFile(path).catch(async (cause) => {
    if (await stat(join(folder, EVENTS_NAME)).then(() => true, () => false)) {
      throw damaged(path, null, "it is missing", cause);
    }
    throw new OperationError({
      code: "NOT_A_SESSION",
      message: `Cannot open ${folder} as a session: it has no ${SESSION_NAME}`,
      hint: "Sessions are folders below <data>/sessions; pass the folder or its name.",
      cause,
    });
  });
  const manifest = parseManifest(decode(bytes, path), path);
  const warnings: SessionWarning[] = [];
  return { folder, manifest, warnings, steps: () => readSteps(folder, manifest, warnings) };
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged(path, null, "it is no text", cause);
  }
}

interface Position {
  lines: number;
  blocks: number;
  events: number;
  decisions: number;
  intents: number;
  bytes: number;
  hash: string;
}

async function* readSteps(
  folder: string,
  manifest: SessionManifest,
  warnings: SessionWarning[],
): AsyncGenerator<RecordedStep[]> {
  const path = join(folder, EVENTS_NAME);
  const at: Position = {
    lines: 0,
    blocks: 0,
    events: 0,
    decisions: 0,
    intents: 0,
    bytes: 0,
    hash: CHAIN_START,
  };
  try {
    for await (const member of walkMembers(path)) {
      if (member.kind !== "member") {
        await judgeTear(path, manifest, member, at, warnings);
        break;
      }
      const steps = readBlock(path, manifest, member.text, at);
      at.blocks++;
      at.bytes += member.bytes.length;
      at.hash = chainHash(at.hash, sha256(member.bytes));
      yield steps;
    }
  } catch (error) {
    if (error instanceof OperationError) throw error;
    const found = fileError(error, path);
    throw damaged(path, null, found.message, error);
  }
  if (at.blocks === 0) throw damaged(path, 1, "not one whole block is left of it");
  if (manifest.record !== null) return compareTotals(path, manifest.record, at);
  warnings.push({
    code: "SESSION_UNFINISHED",
    message: `${manifest.start.id} was not ended in order: its record is proven up to its last whole block ` +
      `(${at.blocks} blocks, ${at.events} events, line ${at.lines}), the last block by its checksum alone`,
  });
}

/** A writer that was killed leaves one cut block at the end; everything else is damage. */
async function judgeTear(
  path: string,
  manifest: SessionManifest,
  tear: MemberTear,
  at: Position,
  warnings: SessionWarning[],
): Promise<void> {
  const where = `block ${at.blocks + 1}, byte ${tear.offset}`;
  const rest = await restOf(path, tear.offset);
  // After a loss of power a file may end in zeros where bytes were promised and never written.
  const unwritten = rest.every((byte) => byte === 0);
  if (manifest.record !== null || (!unwritten && (tear.kind === "damaged" || hasBlockBehind(rest)))) {
    throw damaged(path, at.lines + 1, `it is cut, or its bytes are wrong, from ${where} on`);
  }
  warnings.push({
    code: "FILE_TORN",
    message:
      `${path} stops in the middle of ${where}: ${tear.rest} bytes of an unfinished block are passed over`,
  });
}

/** The bytes from `offset` on; an unfinished block is far below the bound. */
async function restOf(path: string, offset: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(Math.min(size - offset, MAX_REST_BYTES));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Whether another block begins inside: then what stands there is no unfinished end. */
function hasBlockBehind(bytes: Uint8Array): boolean {
  for (let i = bytes.indexOf(0x1f, 1); i > 0; i = bytes.indexOf(0x1f, i + 1)) {
    if (isMemberFile(bytes.subarray(i, i + 32))) return true;
  }
  return false;
}

function readBlock(path: string, manifest: SessionManifest, text: string, at: Position): RecordedStep[] {
  const lines = text.slice(0, -1).split("\n");
  if (lines[0] !== blockLine(at.blocks + 1, at.hash)) {
    throw damaged(path, at.lines + 1, `block ${at.blocks + 1} does not follow from the blocks before it`);
  }
  let from = 1;
  if (at.blocks === 0) {
    if (lines[1] !== startLine(manifest.start)) {
      throw damaged(path, 2, `it was recorded with other settings than ${SESSION_NAME} states`);
    }
    from = 2;
  }
  const steps: RecordedStep[] = [];
  let outputs: string[] | null = null;
  for (let i = from; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.startsWith('["d",') || line.startsWith('["i",')) {
      if (outputs === null) throw damaged(path, at.lines + i + 1, "a decision stands before any event");
      outputs.push(line);
      if (line.startsWith('["d"')) at.decisions++;
      else at.intents++;
      continue;
    }
    const parsed = parseEventRecord(line);
    if (parsed === null) throw damaged(path, at.lines + i + 1, "the line is no event");
    outputs = [];
    steps.push({ index: at.events++, line: at.lines + i + 1, ...parsed, outputs });
  }
  at.lines += lines.length;
  return steps;
}

function compareTotals(path: string, stated: RecordTotals, found: Position): void {
  for (const key of ["blocks", "lines", "events", "decisions", "intents", "bytes", "hash"] as const) {
    if (stated[key] === found[key]) continue;
    throw damaged(
      path,
      found.lines,
      `${SESSION_NAME} states ${key} ${stated[key]}, the file has ${found[key]}`,
    );
  }
}
