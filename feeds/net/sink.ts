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
  const last = events[events.length - 1]!;
  if (last.type !== "book" && last.tExchange !== last.tReceive) {
    recordAge(metrics, last.tReceive - last.tExchange);
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

/**
 * A venue's decimal text as a double, NaN for anything else: `Number("")` is 0, `Number(" 1")` is 1 and
 * `Number("0x1")` is 1, none of which a price may be.
 */
export function parseNumber(value: unknown): number {
  if (typeof value !== "string" || value.length === 0 || value.length > 40) return NaN;
  const first = value.charCodeAt(0) === 45 ? value.charCodeAt(1) : value.charCodeAt(0);
  if (!(first >= 48 && first <= 57)) return NaN;
  const last = value.charCodeAt(value.length - 1);
  if (!(last >= 48 && last <= 57)) return NaN;
  const second = value.charCodeAt(1) | 32;
  if (second === 120 || second === 98 || second === 111) return NaN;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : NaN;
}

/** Milliseconds since 1970 that a venue could mean: an integer from 2001 to 2286. */
export const isPlausibleMs = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1e12 && value < 1e13;
