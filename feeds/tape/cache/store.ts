/**
 * The folder of caches. A tape is replayed from its cache when there is a good one, compiled first when there is none,
 * and read as it is when it cannot be cached. Nothing here decides anything: a cache gives the tape's own events.
 */
import { join } from "node:path";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { OperationError } from "../../../core/errors.ts";
import { sha256 } from "../format.ts";
import type { ReadCounts, Tape } from "../reader.ts";
import { CacheDamaged, CacheFile } from "./cache_file.ts";
import { codeHash } from "./code_hash.ts";
import { compileTape, contentOnDisk } from "./compile.ts";
import type { OnEvent } from "./cursor.ts";
import { CACHE_SCHEMA, CACHE_SUFFIX } from "./layout.ts";

/** Where a program's caches are, below its data folder. */
export const cacheFolder = (dataDir: string): string => join(dataDir, "cache", "tapes");

/** Everything above this is dropped, the caches unused for longest first. */
export const MAX_CACHE_BYTES = 32e9;
/** A half-written file this old belongs to nobody any more. */
const ABANDONED_MS = 86_400_000;

export interface ReplayOptions {
  /** Folder of caches; null reads the tape itself. */
  readonly cache: string | null;
  /** A cache of this very tape that was made ready before, so that its bytes need not be hashed again. */
  readonly ready?: string;
  readonly maxCacheBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (events: number, phase: "compile" | "replay") => void;
}

/** One whole pass over a tape. */
export interface ReplayResult {
  readonly events: number;
  /** `hit` an existing cache, `made` compiled first, `none` the tape itself. */
  readonly cache: "hit" | "made" | "none";
  readonly counts: Pick<ReadCounts, "lines" | "unrecognised" | "undecoded" | "disordered">;
}

/** A cache that may be replayed. */
export interface ReadyCache {
  readonly file: CacheFile;
  readonly made: boolean;
}

interface Identity {
  readonly key: string;
  readonly content: string;
  readonly code: string;
}

/** null: an unfinished or empty tape, or bytes that are not what the manifest says. Those are read as they are. */
async function identityOf(tape: Tape): Promise<Identity | null> {
  if (!tape.manifest.complete || tape.manifest.files.length === 0) return null;
  const [code, content] = await Promise.all([codeHash(), contentOnDisk(tape)]);
  if (code === null || content === null) return null;
  // The layout decides which frames count (a recorder's own resolutions), and it stands in the manifest only.
  return { code, content, key: sha256(`${CACHE_SCHEMA}\n${content}\n${code}\n${tape.manifest.layout}`) };
}

/**
 * The tape's cache, compiled when there is none that is whole and of this content and code. null when the tape cannot be
 * cached or the disk does not take it: the tape itself is still there. Throws the reader's errors and the signal's reason.
 */
export async function readyCache(tape: Tape, options: ReplayOptions): Promise<ReadyCache | null> {
  if (options.cache === null) return null;
  const identity = await identityOf(tape);
  if (identity === null) return null;
  const path = join(options.cache, `${identity.key}${CACHE_SUFFIX}`);
  const known = await CacheFile.open(path);
  if (known !== null && known.footer.key === identity.key) {
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return { file: known, made: false };
  }
  const { onProgress, signal } = options;
  try {
    await compileTape(tape, {
      ...identity,
      out: path,
      ...(signal === undefined ? {} : { signal }),
      onProgress: (events) => onProgress?.(events, "compile"),
    });
  } catch (error) {
    if (signal?.aborted === true || error instanceof OperationError) throw error;
    // No room or no right to write: not a reason to refuse the work.
    return null;
  }
  await trimCache(options.cache, options.maxCacheBytes ?? MAX_CACHE_BYTES, path);
  const file = await CacheFile.open(path);
  return file === null ? null : { file, made: true };
}

async function replayTape(
  tape: Tape,
  onEvent: OnEvent,
  options: Pick<ReplayOptions, "signal" | "onProgress">,
): Promise<ReplayResult> {
  let events = 0;
  for await (const groups of tape.groups()) {
    options.signal?.throwIfAborted();
    for (const group of groups) {
      for (let i = 0; i < group.length; i++) onEvent(group[i]!, i + 1 < group.length);
      events += group.length;
    }
    options.onProgress?.(events, "replay");
  }
  return { events, cache: "none", counts: tape.counts };
}

/**
 * Gives a tape's events to what `begin` returns, in order, each good until the next one. A cache that turns out to be
 * damaged in the middle is made again and everything begins anew, with what `begin` returns then. Throws the reader's
 * errors and the signal's reason.
 */
export async function replay(
  tape: Tape,
  begin: () => OnEvent,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const { signal, onProgress } = options;
  for (let attempt = 0; attempt < 2; attempt++) {
    const told = attempt === 0 && options.ready !== undefined ? await CacheFile.open(options.ready) : null;
    const ready = told === null ? await readyCache(tape, options) : { file: told, made: false };
    if (ready === null) break;
    try {
      const events = await ready.file.replay(begin(), {
        ...(signal === undefined ? {} : { signal }),
        onBlock: (done) => onProgress?.(done, "replay"),
      });
      return { events, cache: ready.made ? "made" : "hit", counts: ready.file.footer.counts };
    } catch (error) {
      if (!(error instanceof CacheDamaged)) throw error;
      await rm(ready.file.path, { force: true });
    }
  }
  return await replayTape(tape, begin(), options);
}

/** One cache as `tape cache list` shows it. */
export interface CacheEntry {
  readonly path: string;
  /** The tape it was made from; null when the file is not a whole cache. */
  readonly tape: string | null;
  readonly events: number;
  readonly bytes: number;
  readonly usedMs: number;
  /** Made by the code that runs now. */
  readonly current: boolean;
}

async function filesOf(folder: string): Promise<{ path: string; bytes: number; usedMs: number }[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const files = [];
  for (const name of names.sort()) {
    if (!name.includes(CACHE_SUFFIX)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null) files.push({ path, bytes: found.size, usedMs: found.mtimeMs });
  }
  return files;
}

/** Every file of the cache folder, half-written ones included. */
export async function listCaches(folder: string): Promise<CacheEntry[]> {
  const code = await codeHash();
  const entries: CacheEntry[] = [];
  for (const { path, bytes, usedMs } of await filesOf(folder)) {
    const footer = path.endsWith(CACHE_SUFFIX) ? (await CacheFile.open(path))?.footer : undefined;
    entries.push({
      ...{ path, bytes, usedMs },
      tape: footer?.tape ?? null,
      events: footer?.events ?? 0,
      current: footer !== undefined && footer.code === code,
    });
  }
  return entries;
}

/** Removes caches; `staleOnly` keeps those that would still be used. Gives what was freed. */
export async function clearCaches(
  folder: string,
  staleOnly: boolean,
): Promise<{ files: number; bytes: number }> {
  let files = 0;
  let bytes = 0;
  for (const entry of await listCaches(folder)) {
    if (staleOnly && entry.current) continue;
    await rm(entry.path, { force: true });
    files++;
    bytes += entry.bytes;
  }
  return { files, bytes };
}

/** Drops the caches unused for longest until the folder is within `maxBytes`; `keep` stays whatever its size. */
export async function trimCache(folder: string, maxBytes: number, keep: string): Promise<void> {
  const files = (await filesOf(folder)).sort((a, b) => a.usedMs - b.usedMs);
  let total = files.reduce((sum, file) => sum + file.bytes, 0);
  // The file just written or used is the newest: its time is now, as the file system tells it.
  const now = files.at(-1)?.usedMs ?? 0;
  for (const file of files) {
    const partial = !file.path.endsWith(CACHE_SUFFIX);
    const drop = partial ? now - file.usedMs > ABANDONED_MS : total > maxBytes && file.path !== keep;
    if (!drop) continue;
    await rm(file.path, { force: true });
    total -= file.bytes;
  }
}
