/** A tape into a cache file, in one pass and with flat memory. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename, join } from "node:path";
import { CHAIN_START, chainHash } from "../format.ts";
import type { Tape } from "../reader.ts";
import { CacheWriter } from "./cache_file.ts";
import { BlockEncoder } from "./encoder.ts";

export interface CompileOptions {
  /** The file to write. */
  readonly out: string;
  /** Hash of content and code, and the two apart. */
  readonly key: string;
  readonly content: string;
  readonly code: string;
  readonly signal?: AbortSignal;
  /** Hears how many events were compiled. */
  readonly onProgress?: (events: number) => void;
}

/**
 * Compiles a whole tape. The tape must have been opened with the codecs, else its raw frames are missing. Throws the
 * reader's errors, those of the disk, and the signal's reason; then nothing is left behind.
 */
export async function compileTape(tape: Tape, options: CompileOptions): Promise<number> {
  const { key, content, code, signal } = options;
  const writer = await CacheWriter.create(options.out);
  const encoder = new BlockEncoder();
  let events = 0;
  try {
    for await (const groups of tape.groups()) {
      signal?.throwIfAborted();
      for (const group of groups) {
        for (let i = 0; i < group.length; i++) {
          const more = i + 1 < group.length;
          if (!encoder.add(group[i]!, more)) {
            await writer.add(encoder.close());
            encoder.add(group[i]!, more);
          }
          if (encoder.full) await writer.add(encoder.close());
        }
        events += group.length;
      }
      options.onProgress?.(events);
    }
    if (encoder.events > 0) await writer.add(encoder.close());
    const { lines, unrecognised, undecoded, disordered } = tape.counts;
    const counts = { lines, unrecognised, undecoded, disordered };
    await writer.finish({ key, content, code, tape: basename(tape.path), counts });
    return events;
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

async function fileHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Uint8Array);
  }
  return hash.digest("hex");
}

/** The chain over the bytes as they are on disk; null when they are not what the manifest says, or cannot be read. */
export async function contentOnDisk(tape: Tape): Promise<string | null> {
  let chain = CHAIN_START;
  for (const file of tape.manifest.files) {
    const found = await fileHash(join(tape.path, file.name)).catch(() => null);
    if (found !== file.sha256) return null;
    chain = chainHash(chain, found);
    if (chain !== file.chain) return null;
  }
  return chain;
}
