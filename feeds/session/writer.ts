/**
 * Writes the record of a session while it trades. `step()`, `decision()` and `intent()` only put a reference into a
 * queue: they run before and after every decision. A timer turns what waits into text, some hundred lines at a time,
 * and compresses and appends a block when there is enough of it or enough time has passed. Events are never left out,
 * because a record with a hole cannot be replayed: a disk that cannot follow ends the record, and the session with it.
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import type { Event, Intent } from "../../core/events.ts";
import { CHAIN_START, chainHash, sha256 } from "../tape/format.ts";
import { encodeMember } from "../tape/members.ts";
import { writeFailed } from "./errors.ts";
import { eventRecord } from "./event_line.ts";
import {
  blockLine,
  decisionRecord,
  EVENTS_NAME,
  intentRecord,
  type RecordTotals,
  type SessionStart,
  startLine,
} from "./format.ts";

/** Text of one block: compressing it holds the loop up for half a millisecond. */
const BLOCK_CHARS = 1 << 16;
/** Items made into text in one turn of the loop. */
const TURN_ITEMS = 128;
const TURN_CHARS = 1 << 16;
/** First look at what waits, after something came. */
const TURN_MS = 20;

const EVENT = 0;
const EVENT_MORE = 1;
const DECISION = 2;
const INTENT = 3;

/** Where a record's bytes go: a file, unless a test says otherwise. */
export interface RecordFile {
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface WriterSettings {
  /** A block is written at least this often (wall ms) while events come: what a kill can cost. Default 1000. */
  readonly flushMs?: number;
  /** Default 5000: what a loss of power can cost. */
  readonly syncMs?: number;
  /** Items and bytes that may wait. Default 200,000 and 64 MiB. */
  readonly maxItems?: number;
  readonly maxBytes?: number;
  readonly openFile?: (path: string) => Promise<RecordFile>;
  /** Wall clock for the age of a block, ms. */
  readonly now?: () => number;
}

class DiskFile implements RecordFile {
  constructor(private readonly handle: FileHandle) {}
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += (await this.handle.write(bytes, at, bytes.length - at)).bytesWritten;
    }
  }
  sync = (): Promise<void> => this.handle.datasync();
  close = (): Promise<void> => this.handle.close();
}

const openDiskFile = async (path: string): Promise<RecordFile> => new DiskFile(await open(path, "wx"));

export class SessionRecordWriter {
  private items: unknown[] = [];
  private kinds: number[] = [];
  private head = 0;
  private lines: string[];
  private chars = 0;
  private blockAt = NaN;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly syncTimer: ReturnType<typeof setInterval>;
  private writing: Promise<void> = Promise.resolve();
  private waitingBytes = 0;
  private unsynced = false;
  private failure: OperationError | null = null;
  private closed = false;
  private readonly totals = { blocks: 0, lines: 0, events: 0, decisions: 0, intents: 0, bytes: 0 };
  private hash = CHAIN_START;
  private readonly maxItems: number;
  private readonly maxBytes: number;
  private readonly flushMs: number;
  private readonly now: () => number;

  private constructor(
    private readonly file: RecordFile,
    readonly path: string,
    start: SessionStart,
    settings: WriterSettings,
  ) {
    this.maxItems = settings.maxItems ?? 200_000;
    this.maxBytes = settings.maxBytes ?? 1 << 26;
    this.flushMs = settings.flushMs ?? 1000;
    this.now = settings.now ?? (() => performance.now());
    this.lines = [startLine(start)];
    this.chars = this.lines[0]!.length;
    this.writeBlock();
    this.syncTimer = setInterval(() => this.sync(), settings.syncMs ?? 5000);
  }

  /** Opens the record in `folder`, which must not have one. Throws SESSION_WRITE_FAILED or DISK_FULL. */
  static async open(
    folder: string,
    start: SessionStart,
    settings: WriterSettings = {},
  ): Promise<SessionRecordWriter> {
    const path = join(folder, EVENTS_NAME);
    try {
      const file = await (settings.openFile ?? openDiskFile)(path);
      return new SessionRecordWriter(file, path, start, settings);
    } catch (cause) {
      throw writeFailed(path, cause);
    }
  }

  /** An event on its way into the engine. Throws what ended the record: without it nothing may be decided. */
  step(event: Event, more: boolean): void {
    if (this.failure !== null) throw this.failure;
    this.push(more ? EVENT_MORE : EVENT, event);
  }

  /** A decision of the last step, with its canonical line. */
  decision(noted: { readonly line: string }): void {
    this.push(DECISION, noted);
  }

  /** An intent that the last step let out. */
  intent(intent: Intent): void {
    this.push(INTENT, intent);
  }

  /** Items that are not text yet. */
  get waiting(): number {
    return this.items.length - this.head;
  }

  /** For a source that is faster than real time: resolves when little waits. */
  async drained(): Promise<void> {
    while (this.waiting > TURN_ITEMS && this.failure === null) this.encodeSome();
    if (this.waitingBytes > this.maxBytes / 4) await this.writing;
  }

  /** Ends the record: everything is on disk and synced. `failure` says what ended it before; then `hash` is not on disk. */
  async close(): Promise<RecordTotals & { readonly failure: OperationError | null }> {
    if (!this.closed) {
      this.closed = true;
      clearTimeout(this.timer);
      clearInterval(this.syncTimer);
      while (this.waiting > 0 && this.failure === null) this.encodeSome();
      if (this.lines.length > 0 && this.failure === null) this.writeBlock();
      await this.writing;
      if (this.failure === null) await this.file.sync().catch((cause) => this.fail(cause));
      await this.file.close().catch((cause) => this.fail(cause));
    }
    return { ...this.totals, hash: this.hash, failure: this.failure };
  }

  private push(kind: number, item: unknown): void {
    if (this.closed || this.failure !== null) return;
    this.kinds.push(kind);
    this.items.push(item);
    this.timer ??= setTimeout(() => this.turn(), TURN_MS);
    if (this.waiting > this.maxItems) this.behind(`${this.waiting} items wait for the record`);
  }

  private turn(): void {
    this.timer = undefined;
    if (this.closed || this.failure !== null) return;
    this.encodeSome();
    if (this.waiting > 0) this.timer = setTimeout(() => this.turn(), 0);
    else if (this.lines.length > 0) {
      const age = this.now() - this.blockAt;
      if (age >= this.flushMs) this.writeBlock();
      else this.timer = setTimeout(() => this.turn(), Math.max(TURN_MS, this.flushMs - age));
    }
  }

  /** Makes some items into lines, always to the end of a step: blocks must not part an event from what it caused. */
  private encodeSome(): void {
    if (this.lines.length === 0) this.blockAt = this.now();
    const { items, kinds } = this;
    let made = 0;
    const charsBefore = this.chars;
    while (this.head < items.length) {
      const kind = kinds[this.head]!;
      const full = made >= TURN_ITEMS || this.chars - charsBefore >= TURN_CHARS;
      if (kind <= EVENT_MORE && full) break;
      this.add(kind, items[this.head]);
      items[this.head++] = undefined;
      made++;
    }
    if (this.head === items.length) {
      this.items = [];
      this.kinds = [];
      this.head = 0;
    } else if (this.head > 4096 && this.head * 2 > items.length) {
      this.items = items.slice(this.head);
      this.kinds = kinds.slice(this.head);
      this.head = 0;
    }
    if (this.chars >= BLOCK_CHARS || (this.lines.length > 0 && this.now() - this.blockAt >= this.flushMs)) {
      this.writeBlock();
    }
  }

  private add(kind: number, item: unknown): void {
    let line: string;
    if (kind === DECISION) {
      this.totals.decisions++;
      line = decisionRecord((item as { readonly line: string }).line);
    } else if (kind === INTENT) {
      this.totals.intents++;
      line = intentRecord(item as Intent);
    } else {
      this.totals.events++;
      line = eventRecord(item as Event, kind === EVENT_MORE);
    }
    this.lines.push(line);
    this.chars += line.length + 1;
  }

  private writeBlock(): void {
    const { totals } = this;
    totals.blocks++;
    totals.lines += this.lines.length + 1;
    const member = encodeMember(`${blockLine(totals.blocks, this.hash)}\n${this.lines.join("\n")}\n`, 4);
    this.hash = chainHash(this.hash, sha256(member));
    this.lines = [];
    this.chars = 0;
    totals.bytes += member.length;
    this.waitingBytes += member.length;
    if (this.waitingBytes > this.maxBytes) {
      return this.behind(`${this.waitingBytes} bytes wait for the disk`);
    }
    this.writing = this.writing.then(async () => {
      if (this.failure !== null) return;
      try {
        await this.file.write(member);
        this.waitingBytes -= member.length;
        this.unsynced = true;
      } catch (cause) {
        this.fail(cause);
      }
    });
  }

  private sync(): void {
    if (!this.unsynced || this.failure !== null) return;
    this.unsynced = false;
    this.writing = this.writing.then(() => this.file.sync()).catch((cause) => this.fail(cause));
  }

  private fail(cause: unknown): void {
    this.failure ??= writeFailed(this.path, cause);
  }

  private behind(why: string): void {
    this.failure ??= new OperationError({
      code: "SESSION_RECORD_BEHIND",
      message: `Cannot record the session as fast as it trades: current value is ${why}`,
      hint: "The disk is too slow for the feeds, or the process was held up; pass a faster disk with --data.",
    });
  }
}
