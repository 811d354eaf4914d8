/** A cache file: blocks, a footer that names what it was made from, a trailer. Written beside and renamed when whole. */
import { crc32 } from "node:zlib";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { syncFolder } from "../files.ts";
import { BlockCursor, type OnEvent } from "./cursor.ts";
import { CACHE_SCHEMA, MAGIC, MAX_BLOCK_BYTES, TRAILER_BYTES } from "./layout.ts";
import type { EncodedBlock } from "./encoder.ts";

const count = z.int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const footerSchema = z.strictObject({
  schema: z.literal(CACHE_SCHEMA),
  /** Hash of content and code; the file is named after it. */
  key: hash,
  /** The tape's last chain link and the reading code's hash. */
  content: hash,
  code: hash,
  /** Name of the tape's folder when it was compiled, for people. */
  tape: z.string(),
  events: count,
  /** What the reader counted while compiling. */
  counts: z.strictObject({ lines: count, unrecognised: count, undecoded: count, disordered: count }),
  /** `[offset, bytes, events]` of every block. */
  blocks: z.array(z.tuple([count, count, count])),
});
export type CacheFooter = z.infer<typeof footerSchema>;

/** Writes blocks to `<path>.partial-<n>`; the file gets its name when `finish` has synced it. */
export class CacheWriter {
  private readonly blocks: [number, number, number][] = [];
  private offset = MAGIC.length;
  private events = 0;

  private constructor(
    private readonly path: string,
    private readonly partial: string,
    private readonly file: FileHandle,
  ) {}

  static async create(path: string): Promise<CacheWriter> {
    await mkdir(dirname(path), { recursive: true });
    // Two programs may compile the same tape at once: each writes its own, the last rename wins, both are the same.
    const partial = `${path}.partial-${crypto.randomUUID()}`;
    const file = await open(partial, "w");
    const writer = new CacheWriter(path, partial, file);
    await writer.write(MAGIC, 0);
    return writer;
  }

  private async write(bytes: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += (await this.file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    }
  }

  async add(block: EncodedBlock): Promise<void> {
    await this.write(block.bytes, this.offset);
    this.blocks.push([this.offset, block.bytes.length, block.events]);
    this.offset += block.bytes.length;
    this.events += block.events;
  }

  async finish(origin: Omit<CacheFooter, "schema" | "blocks" | "events">): Promise<void> {
    const { blocks, events } = this;
    const text = new TextEncoder().encode(
      JSON.stringify({ schema: CACHE_SCHEMA, ...origin, events, blocks }),
    );
    const tail = new Uint8Array(text.length + TRAILER_BYTES);
    tail.set(text);
    const view = new DataView(tail.buffer, text.length);
    view.setUint32(0, text.length, true);
    view.setUint32(4, crc32(text), true);
    tail.set(MAGIC, text.length + 8);
    await this.write(tail, this.offset);
    await this.file.sync();
    await this.file.close();
    await rename(this.partial, this.path);
    await syncFolder(dirname(this.path));
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.partial, { force: true });
  }
}

/** A block's checksum or a length did not hold: what was delivered before is good, the cache is not. */
export class CacheDamaged extends Error {
  constructor(readonly path: string) {
    super(`${path} is damaged`);
    this.name = "CacheDamaged";
  }
}

async function readExactly(file: FileHandle, into: Uint8Array, at: number): Promise<boolean> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** A cache file opened for reading. */
export class CacheFile {
  private constructor(readonly path: string, readonly footer: CacheFooter, readonly bytes: number) {}

  /** null when there is no such file, or it is not whole, or not of this layout. */
  static async open(path: string): Promise<CacheFile | null> {
    const file = await open(path, "r").catch(() => null);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      const trailer = new Uint8Array(TRAILER_BYTES);
      if (size < MAGIC.length + TRAILER_BYTES || !await readExactly(file, trailer, size - TRAILER_BYTES)) {
        return null;
      }
      const view = new DataView(trailer.buffer);
      const length = view.getUint32(0, true);
      if (MAGIC.some((byte, i) => trailer[8 + i] !== byte) || length > size - TRAILER_BYTES) return null;
      const text = new Uint8Array(length);
      if (!await readExactly(file, text, size - TRAILER_BYTES - length)) return null;
      if (crc32(text) !== view.getUint32(4, true)) return null;
      const footer = footerSchema.safeParse(JSON.parse(new TextDecoder().decode(text)));
      return footer.success ? new CacheFile(path, footer.data, size) : null;
    } finally {
      await file.close();
    }
  }

  /**
   * Gives every event to `onEvent` in order; the next block is read while this one is replayed, so two blocks are in
   * memory at a time. Throws CacheDamaged at the first block that is not as it was written, and the signal's reason.
   */
  async replay(
    onEvent: OnEvent,
    options: { readonly onBlock?: (events: number) => void; readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    const { blocks } = this.footer;
    const longest = blocks.reduce((most, block) => Math.max(most, block[1]), 0);
    if (longest > MAX_BLOCK_BYTES) throw new CacheDamaged(this.path);
    const file = await open(this.path, "r");
    const buffers = [new Uint8Array(longest), new Uint8Array(longest)];
    const cursor = new BlockCursor();
    const fetch = (index: number) => {
      const [offset, bytes] = blocks[index]!;
      const into = buffers[index & 1]!.subarray(0, bytes);
      return readExactly(file, into, offset).then((whole) => whole ? into : null);
    };
    let next: Promise<Uint8Array<ArrayBuffer> | null> | null = null;
    try {
      let events = 0;
      next = blocks.length > 0 ? fetch(0) : null;
      for (let index = 0; index < blocks.length; index++) {
        const bytes = await next;
        next = index + 1 < blocks.length ? fetch(index + 1) : null;
        options.signal?.throwIfAborted();
        if (bytes === null || !cursor.load(bytes)) throw new CacheDamaged(this.path);
        cursor.run(onEvent);
        events += cursor.events;
        options.onBlock?.(events);
      }
      return events;
    } finally {
      await next?.catch(() => null);
      await file.close();
    }
  }
}
