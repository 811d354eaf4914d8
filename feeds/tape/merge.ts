/** Merges ordered streams into one, by `tReceive`; equal times keep the order of the streams, so the result is stable. */
import type { Ms } from "../../core/units.ts";

interface TimedEntry {
  readonly tReceive: Ms;
}
export type Batches<T> = AsyncIterable<readonly T[]>;

const BATCH = 4096;

interface Cursor<T> {
  readonly source: AsyncIterator<readonly T[]>;
  batch: readonly T[];
  index: number;
}

/** Moves to the next entry; false at the end. */
async function advance<T>(cursor: Cursor<T>): Promise<boolean> {
  while (cursor.index >= cursor.batch.length) {
    const next = await cursor.source.next();
    if (next.done === true) return false;
    cursor.batch = next.value;
    cursor.index = 0;
  }
  return true;
}

/** k-way merge. Each stream must be ordered; memory is one batch per stream. */
export async function* mergeByTime<T extends TimedEntry>(
  streams: readonly Batches<T>[],
): AsyncGenerator<T[]> {
  const cursors: Cursor<T>[] = streams.map((s) => ({
    source: s[Symbol.asyncIterator](),
    batch: [],
    index: 0,
  }));
  try {
    const live: Cursor<T>[] = [];
    for (const cursor of cursors) if (await advance(cursor)) live.push(cursor);
    let out: T[] = [];
    while (live.length > 0) {
      // A handful of streams: a linear scan is faster than a heap and keeps ties in stream order.
      let first = 0;
      let second = Infinity;
      let at = live[0]!.batch[live[0]!.index]!.tReceive as number;
      for (let i = 1; i < live.length; i++) {
        const t = live[i]!.batch[live[i]!.index]!.tReceive;
        if (t < at) {
          second = at;
          at = t;
          first = i;
        } else if (t < second) second = t;
      }
      const cursor = live[first]!;
      // Take the run that no other stream can interrupt.
      do out.push(cursor.batch[cursor.index++]!); while (
        cursor.index < cursor.batch.length && cursor.batch[cursor.index]!.tReceive < second
      );
      if (!(await advance(cursor))) live.splice(first, 1);
      if (out.length >= BATCH) {
        yield out;
        out = [];
      }
    }
    if (out.length > 0) yield out;
  } finally {
    for (const cursor of cursors) await cursor.source.return?.();
  }
}

/**
 * Repairs small disorder in a recorded stream (two rows swapped by a few milliseconds) with a bounded look-ahead of
 * `depth` entries. An entry that is older than what has already left is dropped and told to `onLate`.
 */
export async function* reorder<T extends TimedEntry>(
  stream: Batches<T>,
  depth: number,
  onLate: (entry: T) => void,
): AsyncGenerator<T[]> {
  let held: T[] = [];
  let left = -Infinity;
  const release = (count: number): T[] => {
    const out = held.slice(0, count);
    held = held.slice(count);
    if (out.length > 0) left = out.at(-1)!.tReceive;
    return out;
  };
  for await (const batch of stream) {
    for (const entry of batch) {
      if (entry.tReceive < left) {
        onLate(entry);
        continue;
      }
      let i = held.length;
      while (i > 0 && held[i - 1]!.tReceive > entry.tReceive) i--;
      if (i === held.length) held.push(entry);
      else held.splice(i, 0, entry);
    }
    if (held.length > depth) yield release(held.length - depth);
  }
  if (held.length > 0) yield release(held.length);
}

/** An array as a stream of batches. */
export async function* fromArray<T>(entries: readonly T[]): AsyncGenerator<readonly T[]> {
  for (let i = 0; i < entries.length; i += BATCH) yield await Promise.resolve(entries.slice(i, i + BATCH));
}
