/**
 * Writes a tape while it happens. `frame()` and `events()` only put text into a bounded queue; a pump compresses a
 * flush at a time (about a millisecond for 128 KiB at level 4) and writes it as one gzip member. A segment holds one
 * hour of receipt; when it is closed, it is synced, hashed and listed in the manifest.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { invariant, OperationError } from "../../core/errors.ts";
import type { FeedName, FeedStateEvent, MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { type FolderLock, saveManifest, segmentName } from "./files.ts";
import { CHAIN_START, chainHash, type Manifest, type TapeFile } from "./format.ts";
import { encodeMember } from "./members.ts";
import type { RecordingIndex } from "./recording_index.ts";
import { type QueuedLine, RecordingQueue } from "./recording_queue.ts";
import { writeError } from "./writer.ts";

const HOUR_MS = 3_600_000;
/** Text of one member: one short stall of the loop, and within 3 % of the size that larger members give. */
const MEMBER_CHARS = 1 << 17;

/** Where a segment's bytes go: a file, unless a test says otherwise. */
export interface SegmentFile {
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface RecordingSettings {
  /** Lines wait at most this long (wall ms) before they are compressed and written. Default 1000. */
  readonly flushMs?: number;
  /** What was written is synced at least this often (wall ms). Default 5000. */
  readonly syncMs?: number;
  /** Characters that may wait for the compressor. Default 64 Mi. */
  readonly maxQueuedChars?: number;
  /** gzip level 1..9. Default 4. */
  readonly level?: number;
  readonly openFile?: (path: string) => Promise<SegmentFile>;
  /** Frames were lost and there is room again: the books should be read anew. */
  readonly onRecovered?: () => void;
}

export interface RecordingStats {
  readonly frames: number;
  readonly events: number;
  /** Compressed bytes on disk, by this writer. */
  readonly bytes: number;
  readonly queuedChars: number;
  readonly dropped: number;
}

export interface RecordingResult {
  readonly tape: string;
  readonly manifest: Manifest;
  /** Last link of the chain; null when nothing was recorded. */
  readonly hash: string | null;
  readonly stats: RecordingStats;
  /** Frames lost because the disk was slower than the feeds. */
  readonly drops: Readonly<Partial<Record<FeedName, number>>>;
  readonly perFeed: Readonly<Partial<Record<FeedName, { frames: number; chars: number; dropped: number }>>>;
}

interface Segment {
  readonly name: string;
  readonly hour: number;
  readonly file: SegmentFile;
  readonly hash: Hash;
  bytes: number;
  lines: number;
  readonly from: number;
  to: number;
}

class DiskFile implements SegmentFile {
  constructor(private readonly handle: FileHandle) {}
  async write(bytes: Uint8Array): Promise<void> {
    // The platform's own loop: a full disk first shows as a short write.
    for (let at = 0; at < bytes.length;) {
      at += (await this.handle.write(bytes, at, bytes.length - at)).bytesWritten;
    }
  }
  sync = (): Promise<void> => this.handle.sync();
  truncate = (size: number): Promise<void> => this.handle.truncate(size);
  close = (): Promise<void> => this.handle.close();
}

const openDiskFile = async (path: string): Promise<SegmentFile> => new DiskFile(await open(path, "wx"));

export interface RecordingStart {
  readonly folder: string;
  readonly lock: FolderLock;
  readonly index: RecordingIndex;
  readonly source: string;
  readonly licence: string;
  readonly files: readonly TapeFile[];
  /** The folder did not hold a tape before. */
  readonly fresh: boolean;
}

function stateLine(feed: FeedName, state: FeedStateEvent["state"], detail: string, at: number): QueuedLine {
  const time = at as Ms;
  const event: FeedStateEvent = {
    type: "feedState",
    feed,
    state,
    detail,
    tExchange: time,
    tReceive: time,
  };
  return { text: JSON.stringify(event), tReceive: at, feed: null, event };
}

/** A tape being recorded; see `openRecording`. */
export class Recording {
  /** Rejects once when the tape cannot be written any more: DISK_FULL, TAPE_WRITE_FAILED. Never resolves. */
  readonly failed: Promise<never>;
  private readonly queue: RecordingQueue;
  private readonly files: TapeFile[];
  private readonly feeds = new Map<FeedName, { frames: number; chars: number }>();
  /** The last state of each feed, so that a gap of ours ends in the state that holds. */
  private readonly states = new Map<FeedName, FeedStateEvent>();
  private readonly notedDrops = new Map<FeedName, number>();
  private readonly maxChars: number;
  private segment: Segment | null = null;
  private last = -Infinity;
  private bytes = 0;
  private frames = 0;
  private ownEvents = 0;
  private unsynced = false;
  private pumping: Promise<void> | null = null;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly syncTimer: ReturnType<typeof setInterval>;
  private failure: OperationError | null = null;
  private fail!: (error: OperationError) => void;
  private closed = false;

  constructor(private readonly start: RecordingStart, private readonly settings: RecordingSettings) {
    this.maxChars = settings.maxQueuedChars ?? 1 << 26;
    this.queue = new RecordingQueue(
      this.maxChars,
      (feed, at) => stateLine(feed, "late", "RECORDER_GAP: the recorder lost frames from here on", at),
    );
    this.files = [...start.files];
    this.last = start.index.to ?? -Infinity;
    this.failed = new Promise((_, reject) => this.fail = reject);
    this.failed.catch(() => undefined); // Whoever does not look hears of it from close().
    this.syncTimer = setInterval(() => void this.pump(false, true), settings.syncMs ?? 5000);
  }

  /** Records one frame. Never throws, never waits. */
  frame(feed: FeedName, raw: string, tReceive: Ms): void {
    const at = this.stamp(tReceive);
    const text = `{"feed":"${feed}","tReceive":${at},"raw":${JSON.stringify(raw)}}`;
    const seen = this.feeds.get(feed);
    if (seen === undefined) this.feeds.set(feed, { frames: 1, chars: raw.length });
    else {
      seen.frames++;
      seen.chars += raw.length;
    }
    this.push({ text, tReceive: at, feed, event: null });
  }

  /** Records events that have no frame of their own. */
  events(events: readonly MarketEvent[]): void {
    for (const given of events) {
      const at = this.stamp(given.tReceive);
      const event = at === given.tReceive ? given : { ...given, tReceive: at as Ms };
      if (event.type === "feedState") this.states.set(event.feed, event);
      this.push({ text: JSON.stringify(event), tReceive: at, feed: null, event });
    }
  }

  stats(): RecordingStats {
    let dropped = 0;
    for (const count of this.queue.dropped.values()) dropped += count;
    return {
      frames: this.frames,
      events: this.ownEvents,
      bytes: this.bytes,
      queuedChars: this.queue.size,
      dropped,
    };
  }

  /** Writes everything that waits and syncs it. Throws what `failed` rejects with. */
  async flush(): Promise<void> {
    await this.pump(true, true);
    if (this.failure !== null) throw this.failure;
  }

  /** Ends the tape. Throws what `failed` rejected with; the tape is then whole up to its last flush. */
  async close(): Promise<RecordingResult> {
    this.closed = true;
    clearTimeout(this.flushTimer);
    clearInterval(this.syncTimer);
    try {
      do await this.pump(true, false); while (this.queue.length > 0 && this.failure === null);
      await this.guard(() => this.seal(true));
      if (this.failure !== null) {
        await this.salvage();
        throw this.failure;
      }
      return this.result();
    } finally {
      await this.start.lock.release();
    }
  }

  /** Ends without a result. A folder that this recording made, and that holds no frame yet, is removed. */
  async discard(): Promise<void> {
    const { folder, fresh } = this.start;
    if (!fresh || this.frames > 0) return void await this.close().catch(() => undefined);
    this.closed = true;
    clearTimeout(this.flushTimer);
    clearInterval(this.syncTimer);
    await this.pumping;
    await this.segment?.file.close();
    await this.start.lock.release();
    await rm(folder, { recursive: true, force: true });
  }

  private stamp(tReceive: number): number {
    // Sources stamp by one clock that does not step back; if one ever did, order matters more than a millisecond.
    if (tReceive > this.last) this.last = tReceive;
    return this.last;
  }

  private push(line: QueuedLine): void {
    if (this.closed || this.failure !== null) return;
    this.queue.push(line);
    if (this.queue.size >= MEMBER_CHARS) void this.pump(false, false);
    else this.flushTimer ??= setTimeout(() => void this.pump(true, false), this.settings.flushMs ?? 1000);
  }

  /** Half of the queue is free again: the feeds' own states hold, and the books are read anew. */
  private endGaps(): void {
    const { dropped, gaps } = this.queue;
    if (gaps.size === 0 || this.queue.size * 2 > this.maxChars) return;
    for (const feed of gaps) {
      const detail = `RECORDER_GAP_END: ${dropped.get(feed) ?? 0} frames lost so far`;
      this.queue.push(stateLine(feed, this.states.get(feed)?.state ?? "connecting", detail, this.last));
    }
    gaps.clear();
    if (!this.closed) this.settings.onRecovered?.();
  }

  /** One pump at a time; a second caller waits for the first and then runs, so that its own lines are covered. */
  private pump(all: boolean, sync: boolean): Promise<void> {
    if (this.pumping !== null) {
      return all || sync ? this.pumping.then(() => this.pump(all, sync)) : this.pumping;
    }
    if (all) {
      clearTimeout(this.flushTimer);
      this.flushTimer = undefined;
    }
    this.pumping = this.guard(async () => {
      // What waits now, not what comes meanwhile: that would be written in crumbs.
      let left = all ? this.queue.length : 0;
      while (left > 0 || this.queue.size >= MEMBER_CHARS) left -= await this.writeOne();
      if (sync && this.unsynced) {
        await this.segment?.file.sync();
        this.unsynced = false;
      }
    }).finally(() => this.pumping = null);
    return this.pumping;
  }

  private async guard(work: () => Promise<void>): Promise<void> {
    if (this.failure !== null) return;
    try {
      await work();
    } catch (error) {
      this.failure = this.failureOf(error);
      this.fail(this.failure);
    }
  }

  private failureOf(cause: unknown): OperationError {
    const error = writeError(cause, this.start.folder);
    const whole = this.segment === null
      ? "the tape is whole"
      : `the tape is whole up to ${new Date(this.segment.to).toISOString()}`;
    return new OperationError({
      code: error.code,
      message: `${error.message}; ${whole}`,
      hint: error.code === "DISK_FULL"
        ? "Free space, then go on with `record --append`."
        : "Check that the folder may be written, then go on with `record --append`.",
      details: { tape: this.start.folder, frames: this.frames, bytes: this.bytes },
      cause,
    });
  }

  /** Writes the next member, lines of one hour, about MEMBER_CHARS of them, and answers how many. */
  private async writeOne(): Promise<number> {
    const first = this.queue.peek();
    invariant(first !== undefined, "a pump writes what waits");
    const hour = Math.floor(first.tReceive / HOUR_MS);
    if (this.segment !== null && this.segment.hour !== hour) await this.seal(false);
    this.segment ??= await this.openSegment(hour, first.tReceive);
    const segment = this.segment;
    const lines = this.queue.take((line, taken) =>
      Math.floor(line.tReceive / HOUR_MS) === hour &&
      (taken === 0 || taken + line.text.length <= MEMBER_CHARS)
    );
    const text = `${lines.map((line) => line.text).join("\n")}\n`;
    const member = encodeMember(text, this.settings.level ?? 4);
    await segment.file.write(member);
    this.unsynced = true;
    segment.hash.update(member);
    segment.bytes += member.length;
    segment.lines += lines.length;
    segment.to = lines.at(-1)?.tReceive ?? segment.to;
    this.bytes += member.length;
    for (const line of lines) this.note(line);
    this.endGaps();
    return lines.length;
  }

  private note(line: QueuedLine): void {
    if (line.event !== null) {
      this.ownEvents++;
      this.start.index.note(line.event);
    } else if (line.feed !== null) {
      this.frames++;
      this.start.index.noteFrame(line.feed, line.tReceive);
    }
  }

  private async openSegment(hour: number, from: number): Promise<Segment> {
    const name = segmentName(this.files.length + 1, hour * HOUR_MS);
    const file = await (this.settings.openFile ?? openDiskFile)(join(this.start.folder, name));
    return { name, hour, file, hash: createHash("sha256"), bytes: 0, lines: 0, from, to: from };
  }

  /** Closes the open segment and lists it. */
  private async seal(complete: boolean): Promise<void> {
    const segment = this.segment;
    if (segment !== null) {
      await segment.file.sync();
      this.list(segment);
      this.segment = null;
      this.unsynced = false;
      await segment.file.close();
    }
    await saveManifest(this.start.folder, this.manifest(complete));
  }

  private list({ name, lines, bytes, hash, from, to }: Segment): void {
    const sha256 = hash.digest("hex");
    const chain = chainHash(this.files.at(-1)?.chain ?? CHAIN_START, sha256);
    this.files.push({ name, lines, bytes, sha256, chain, from, to });
  }

  /** After a failure: the torn end goes, and what is whole is listed if there is room for that. */
  private async salvage(): Promise<void> {
    const segment = this.segment;
    this.segment = null;
    try {
      if (segment !== null) {
        await segment.file.truncate(segment.bytes);
        await segment.file.close();
        if (segment.lines > 0) this.list(segment);
        else await rm(join(this.start.folder, segment.name), { force: true });
      }
      await saveManifest(this.start.folder, this.manifest(false));
    } catch {
      // The old manifest stands; opening the tape finds the unlisted segment and its whole members.
      await rm(join(this.start.folder, "tape.json.new"), { force: true }).catch(() => undefined);
    }
  }

  private manifest(complete: boolean): Manifest {
    const { index, source, licence } = this.start;
    for (const [feed, count] of this.queue.dropped) {
      const more = count - (this.notedDrops.get(feed) ?? 0);
      if (more > 0) index.skip(`dropped:${feed}`, more);
      this.notedDrops.set(feed, count);
    }
    return index.manifest(source, licence, this.files, complete);
  }

  private result(): RecordingResult {
    const perFeed: Record<string, { frames: number; chars: number; dropped: number }> = {};
    for (const [feed, { frames, chars }] of this.feeds) {
      const dropped = this.queue.dropped.get(feed) ?? 0;
      perFeed[feed] = { frames: frames - dropped, chars, dropped };
    }
    return {
      tape: this.start.folder,
      manifest: this.manifest(true),
      hash: this.files.at(-1)?.chain ?? null,
      stats: this.stats(),
      drops: Object.fromEntries(this.queue.dropped),
      perFeed,
    };
  }
}
