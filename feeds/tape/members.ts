/**
 * Recorded segments are gzip files of many members, one per flush: what a flush wrote is whole, whatever happens after
 * it. Each member states its own length in a FEXTRA field (RFC 1952 2.3.1.1, as BGZF does), so that the members of a
 * torn file can be walked without guessing; every gunzip reads the file as if nothing were there.
 */
import { type FileHandle, open } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { invariant } from "../../core/errors.ts";

/** Fixed gzip header (10), XLEN (2), subfield "PE" of four bytes (8). */
const HEADER_BYTES = 20;
const PLAIN_HEADER_BYTES = 10;
const EXTRA_FLAG = 4;
const SUBFIELD = [0x50, 0x45, 4, 0] as const;
/** A member is a second of data; beyond this a length is damage. */
const MAX_MEMBER_BYTES = 64 * 1024 * 1024;

/** One gzip member of `text`, which must end with a newline. */
export function encodeMember(text: string, level: number): Uint8Array {
  invariant(text.endsWith("\n"), "a member holds whole lines");
  const plain = gzipSync(text, { level });
  invariant(plain[3] === 0, "gzip writes a plain header");
  const member = new Uint8Array(plain.length - PLAIN_HEADER_BYTES + HEADER_BYTES);
  member.set(plain.subarray(0, PLAIN_HEADER_BYTES));
  member[3] = EXTRA_FLAG;
  member[PLAIN_HEADER_BYTES] = SUBFIELD.length + 4;
  member.set(SUBFIELD, PLAIN_HEADER_BYTES + 2);
  new DataView(member.buffer).setUint32(PLAIN_HEADER_BYTES + 6, member.length, true);
  member.set(plain.subarray(PLAIN_HEADER_BYTES), HEADER_BYTES);
  return member;
}

/** Length of the member that begins with `head`; null when it is no member of ours. */
function lengthOf(head: Uint8Array): number | null {
  if (head.length < HEADER_BYTES || head[0] !== 0x1f || head[1] !== 0x8b || head[3] !== EXTRA_FLAG) {
    return null;
  }
  if (head[10] !== SUBFIELD.length + 4 || head[11] !== 0) return null;
  for (let i = 0; i < SUBFIELD.length; i++) if (head[12 + i] !== SUBFIELD[i]) return null;
  const length = new DataView(head.buffer, head.byteOffset).getUint32(16, true);
  return length > HEADER_BYTES && length <= MAX_MEMBER_BYTES ? length : null;
}

/** Whether a file that begins with `head` (20 bytes or more) is made of such members. */
export const isMemberFile = (head: Uint8Array): boolean => lengthOf(head) !== null;

export interface Member {
  readonly kind: "member";
  readonly text: string;
  readonly bytes: Uint8Array;
}
/** Where the good members end: `cut` the file stops inside one, `damaged` bytes are wrong. */
export interface MemberTear {
  readonly kind: "cut" | "damaged";
  /** Bytes of whole members before it. */
  readonly offset: number;
  /** Bytes from there to the end of the file. */
  readonly rest: number;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function textOf(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(gunzipSync(bytes));
    return text.endsWith("\n") ? text : null;
  } catch {
    return null;
  }
}

/**
 * Yields the whole members of a file in order, each proven by its checksum, and last the tear if there is one. Memory:
 * one member. The file may grow meanwhile; what came after the look at its end is not read.
 */
export async function* walkMembers(path: string): AsyncGenerator<Member | MemberTear> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    let offset = 0;
    while (offset < size) {
      const tear = (kind: MemberTear["kind"]): MemberTear => ({ kind, offset, rest: size - offset });
      const head = await readAt(file, offset, HEADER_BYTES);
      if (head.length < HEADER_BYTES) return yield tear("cut");
      const length = lengthOf(head);
      if (length === null) return yield tear("damaged");
      if (offset + length > size) return yield tear("cut");
      const bytes = await readAt(file, offset, length);
      const text = textOf(bytes);
      if (text === null) return yield tear("damaged");
      yield { kind: "member", text, bytes };
      offset += length;
    }
  } finally {
    await file.close();
  }
}
