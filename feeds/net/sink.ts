/** Where codecs put what they understood, and count what they did not. */
import type { MarketEvent } from "../../core/events.ts";
import { type FeedMetrics, recordAge } from "./metrics.ts";

export interface DecodeSink {
  /** Decoded events in frame order. */
  events: MarketEvent[];
  unrecognised: number;
  ignored: number;
  gaps: number;
  dropped: number;
  duplicates: number;
}

export const newSink = (): DecodeSink => ({
  events: [],
  unrecognised: 0,
  ignored: 0,
  gaps: 0,
  dropped: 0,
  duplicates: 0,
});

/** Callers of decoded events: synchronous, once per frame, with an array of their own. */
export type EmitEvents = (events: readonly MarketEvent[]) => void;

/**
 * Empties the sink after a frame: counters into the feed's metrics, the age of the newest message, then the events to
 * `emit`. Snapshots are left out of the ages: theirs is the age of the last change, not of the message.
 */
export function drain(sink: DecodeSink, metrics: FeedMetrics, emit: EmitEvents): void {
  metrics.unrecognised += sink.unrecognised;
  metrics.ignored += sink.ignored;
  metrics.gaps += sink.gaps;
  metrics.dropped += sink.dropped;
  metrics.duplicates += sink.duplicates;
  sink.unrecognised =
    sink.ignored =
    sink.gaps =
    sink.dropped =
    sink.duplicates =
      0;
  const events = sink.events;
  if (events.length === 0) return;
  sink.events = [];
  metrics.events += events.length;
  const last = events[events.length - 1]!;
  if (last.type !== "book" && last.tExchange !== last.tReceive) {
    metrics.newestAgeMs = last.tReceive - last.tExchange;
    recordAge(metrics, metrics.newestAgeMs);
  }
  emit(events);
}

/** A JSON object, as far as `typeof` can tell. */
export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `JSON.parse` that answers undefined for anything that is not JSON; a frame never throws. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const POWERS_OF_TEN = Array.from({ length: 16 }, (_, power) => 10 ** power);

/** What `readNumber` read last. A typed slot, because a double returned from a call is boxed on the heap, 80 times a frame. */
export const NUMBER = new Float64Array(1);

/**
 * Reads a venue's plain decimal text into `NUMBER[0]`: the same double as `Number(text)`. False, and NaN in the slot, for
 * anything else, also for what `Number` would take: "", " 1", "0x1", "1e5", ".5". Up to 15 digits the digits and the power
 * of ten are exact doubles, so that one division rounds correctly (Clinger 1990); longer texts take the slow way.
 */
export function readNumber(value: unknown): boolean {
  NUMBER[0] = NaN;
  if (typeof value !== "string") return false;
  const { length } = value;
  if (length === 0 || length > 40) return false;
  const negative = value.charCodeAt(0) === 45;
  let digits = 0;
  let point = -1;
  let integer = 0;
  for (let i = negative ? 1 : 0; i < length; i++) {
    const c = value.charCodeAt(i);
    if (c === 46) {
      // A point stands between digits, once.
      if (point >= 0 || digits === 0 || i === length - 1) return false;
      point = digits;
      continue;
    }
    if (c < 48 || c > 57) return false;
    digits++;
    integer = integer * 10 + (c - 48);
  }
  if (digits === 0) return false;
  if (digits > 15) NUMBER[0] = Number(value);
  else {
    const magnitude = point < 0 ? integer : integer / POWERS_OF_TEN[digits - point]!;
    NUMBER[0] = negative ? -magnitude : magnitude;
  }
  return true;
}

/** As `readNumber`, as a value: NaN for anything that is no plain decimal. */
export function parseNumber(value: unknown): number {
  readNumber(value);
  return NUMBER[0]!;
}

/** Milliseconds since 1970 that a venue could mean: an integer from 2001 to 2286. */
export const isPlausibleMs = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1e12 && value < 1e13;
