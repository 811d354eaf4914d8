/** A tape in memory as encoded blocks, and streams over it: training reads the same hours again and again. */
import { createHash } from "node:crypto";
import type { MarketEvent } from "../../core/events.ts";
import { BlockCursor } from "../../feeds/tape/cache/cursor.ts";
import { BlockEncoder } from "../../feeds/tape/cache/encoder.ts";
import type { Chapter, EventStream } from "../../models/env/market_row.ts";
import { OperationError } from "../../core/errors.ts";
import { hasOnlyCandles } from "../trading/backtest.ts";
import { openWithCodecs } from "../trading/tape_source.ts";

/** Blocks of all tapes together; a day of full books is about 300 MB. */
const MAX_BYTES = 4e9;

/** Plain data, so that it can be handed to a worker without a copy of its bytes. */
export interface TapeEvents {
  readonly name: string;
  /** All blocks, one after the other, each beginning on a multiple of eight. */
  readonly bytes: SharedArrayBuffer;
  /** Offset and length of every block. */
  readonly blocks: readonly (readonly [number, number])[];
  readonly events: number;
  /** Windows of the tape in order of their end. */
  readonly windows: readonly { readonly conditionId: string; readonly endMs: number }[];
  /** SHA-256 of the events. */
  readonly digest: string;
  /** The fast price is one candle a minute. */
  readonly candles: boolean;
}

/** Reads a tape into memory. Throws the reader's errors, TRAIN_TAPE_TOO_LARGE, and the signal's reason. */
export async function loadTape(path: string, name: string, signal: AbortSignal): Promise<TapeEvents> {
  const tape = await openWithCodecs(path);
  const encoder = new BlockEncoder();
  const blocks: Uint8Array[] = [];
  const windows = new Map<string, number>();
  let size = 0;
  let events = 0;
  const close = () => {
    const { bytes } = encoder.close();
    blocks.push(bytes.slice());
    size += Math.ceil(bytes.length / 8) * 8;
    if (size > MAX_BYTES) {
      throw new OperationError({
        code: "TRAIN_TAPE_TOO_LARGE",
        message: `Cannot train on ${name} as one piece: it passes ${MAX_BYTES / 1e9} GB in memory`,
        hint: "Train on several shorter tapes.",
      });
    }
  };
  for await (const groups of tape.groups()) {
    signal.throwIfAborted();
    for (const group of groups) {
      for (let i = 0; i < group.length; i++) {
        const event = group[i]!;
        if (event.type === "window") windows.set(event.instrument.conditionId, event.instrument.endMs);
        const more = i + 1 < group.length;
        if (!encoder.add(event, more)) {
          close();
          encoder.add(event, more);
        }
        events++;
        if (encoder.full) close();
      }
    }
  }
  if (encoder.events > 0) close();
  const bytes = new SharedArrayBuffer(size);
  const places: [number, number][] = [];
  const hash = createHash("sha256");
  let at = 0;
  for (const block of blocks) {
    hash.update(block);
    new Uint8Array(bytes, at, block.length).set(block);
    places.push([at, block.length]);
    at += Math.ceil(block.length / 8) * 8;
  }
  const ordered = [...windows].map(([conditionId, endMs]) => ({ conditionId, endMs }));
  ordered.sort((a, b) => a.endMs - b.endMs || (a.conditionId < b.conditionId ? -1 : 1));
  const digest = hash.digest("hex");
  const candles = hasOnlyCandles(tape.manifest);
  return { name, bytes, blocks: places, events, windows: ordered, digest, candles };
}

/** An event that outlives its turn: what is reused by the cursor is copied, the rest is plain. */
export function kept(event: MarketEvent): MarketEvent {
  switch (event.type) {
    case "book":
    case "fastBook":
      return { ...event, bids: event.bids.slice(), asks: event.asks.slice() };
    case "bookDelta":
      return { ...event, changes: event.changes.slice() };
    default:
      return { ...event };
  }
}

/** One pass over a tape in memory, a block of events at a time. */
export class TapeStream implements EventStream {
  private readonly cursor = new BlockCursor();
  private readonly queue: MarketEvent[] = [];
  private readonly mores: boolean[] = [];
  private at = 0;
  private block = 0;
  more = false;

  constructor(private readonly tape: TapeEvents) {}

  next(): MarketEvent | null {
    if (this.at === this.queue.length && !this.load()) return null;
    this.more = this.mores[this.at]!;
    return this.queue[this.at++]!;
  }

  private load(): boolean {
    const place = this.tape.blocks[this.block++];
    if (place === undefined) return false;
    this.queue.length = this.mores.length = this.at = 0;
    // A copy on memory of its own: the cursor's views do not take shared memory.
    const bytes = new Uint8Array(place[1]);
    bytes.set(new Uint8Array(this.tape.bytes, place[0], place[1]));
    if (!this.cursor.load(bytes)) throw new Error(`a block of ${this.tape.name} is damaged in memory`);
    this.cursor.run((event, more) => {
      this.queue.push(kept(event));
      this.mores.push(more);
    });
    return this.queue.length > 0;
  }
}

/** The windows that may be trained on, and those kept back for judging: the last `judgeShare` of each tape by time. */
export interface Split {
  readonly train: ReadonlySet<string>;
  readonly judge: ReadonlySet<string>;
}

/** Splits every tape by time; the window at the border belongs to neither, so that nothing of one is seen in the other. */
export function splitWindows(tapes: readonly TapeEvents[], judgeShare: number): Split {
  const train = new Set<string>();
  const judge = new Set<string>();
  for (const { windows } of tapes) {
    const border = Math.round(windows.length * (1 - judgeShare));
    windows.forEach(({ conditionId }, i) => {
      if (i < border - (judgeShare > 0 ? 1 : 0)) train.add(conditionId);
      else if (i >= border) judge.add(conditionId);
    });
  }
  return { train, judge };
}

/**
 * Chapter `chapter` of row `row`: the rows go round the tapes, each plays every `rows`-th window of one, and other windows
 * when it comes to that tape again.
 */
export function tapeChapter(
  tapes: readonly TapeEvents[],
  split: Split,
  { row, rows, chapter }: { row: number; rows: number; chapter: number },
): Chapter {
  const tape = tapes[(row + chapter) % tapes.length]!;
  const turn = row + Math.floor(chapter / tapes.length);
  const own = new Set(
    tape.windows.filter(({ conditionId }) => split.train.has(conditionId))
      .filter((_, i) => i % rows === turn % rows).map(({ conditionId }) => conditionId),
  );
  return { stream: new TapeStream(tape), accept: (instrument) => own.has(instrument.conditionId) };
}
