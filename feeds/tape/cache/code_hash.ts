/**
 * Which code made a cache: the hash of every source file that takes part in turning a tape into events. Whoever edits a
 * codec gets new caches without having to remember a version number.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CACHE_SCHEMA } from "./layout.ts";

/** Where reading a tape and compiling it begin; what they import belongs to them. */
const ROOTS = ["../reader.ts", "../codecs.ts", "./encoder.ts", "./compile.ts"];
/** More files than this are no codec any more. */
const MAX_FILES = 500;

const RELATIVE_IMPORT = /^(?:import|export)\s[^;]*?from\s+"(\.{1,2}\/[^"]+)"/gm;

/**
 * SHA-256 over the texts of `roots` and of all files they import by relative path, in the order of their addresses.
 * Only the texts count, not where they stand. Throws when a file cannot be read.
 */
export async function hashSources(roots: readonly URL[]): Promise<string> {
  const texts = new Map<string, string>();
  let open = roots.map((root) => root.href);
  while (open.length > 0 && texts.size < MAX_FILES) {
    const fresh = [...new Set(open)].filter((address) => !texts.has(address));
    const read = await Promise.all(fresh.map((address) => readFile(new URL(address), "utf8")));
    open = [];
    for (const [index, address] of fresh.entries()) {
      texts.set(address, read[index]!);
      for (const match of read[index]!.matchAll(RELATIVE_IMPORT)) open.push(new URL(match[1]!, address).href);
    }
  }
  const hash = createHash("sha256").update(CACHE_SCHEMA);
  for (const address of [...texts.keys()].sort()) hash.update("\n\0").update(texts.get(address)!);
  return hash.digest("hex");
}

let known: Promise<string> | null = null;

/**
 * The hash of this program's own reading code, computed once. Where the sources cannot be read (a program packed into one
 * file), null: then nothing is cached, because nobody could tell a stale cache from a good one.
 */
export function codeHash(): Promise<string | null> {
  known ??= hashSources(ROOTS.map((root) => new URL(root, import.meta.url)));
  return known.catch(() => null);
}
