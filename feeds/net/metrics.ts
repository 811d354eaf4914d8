/** What a feed did since it was opened. */
import * as hdr from "hdr-histogram-js";
import type { FeedState } from "../../core/events.ts";

export interface FeedMetrics {
  state: FeedState;
  /** Why the state is what it is. */
  detail: string;
  frames: number;
  /** Characters received; equal to bytes for the ASCII these venues send. */
  bytes: number;
  /** Venue ms from opening to the first datum of every watched stream; null before. */
  firstDatumMs: number | null;
  /** Messages that a sequence or id jump proves to be missing. */
  gaps: number;
  /** Messages the venue says it dropped because we were slow. */
  dropped: number;
  /** Book frames that we left out ourselves, because too many waited. */
  shed: number;
  /** Events handed on. */
  events: number;
  /** Venue ms of the newest datum; null before the first. */
  lastDatumMs: number | null;
  /** tReceive - tExchange of the newest message with a time of its own; null before the first. */
  newestAgeMs: number | null;
  /** Nothing comes, and REST agrees that there is nothing. */
  quiet: boolean;
  /** Messages received twice and left out. */
  duplicates: number;
  reconnects: number;
  /** Planned renewals, not counted as reconnects. */
  renewals: number;
  unrecognised: number;
  /** Recognised and of no use to us: other symbols, global announcements, acknowledgements. */
  ignored: number;
  readonly openedMs: number;
  /** tReceive - tExchange in venue ms, where the source stamps its messages. */
  readonly ages: hdr.Histogram;
}

const MAX_AGE_MS = 3_600_000;

export function newFeedMetrics(openedMs: number): FeedMetrics {
  return {
    state: "connecting",
    detail: "",
    frames: 0,
    bytes: 0,
    firstDatumMs: null,
    gaps: 0,
    dropped: 0,
    shed: 0,
    events: 0,
    lastDatumMs: null,
    newestAgeMs: null,
    quiet: false,
    duplicates: 0,
    reconnects: 0,
    renewals: 0,
    unrecognised: 0,
    ignored: 0,
    openedMs,
    ages: hdr.build({
      bitBucketSize: 32,
      highestTrackableValue: MAX_AGE_MS,
      numberOfSignificantValueDigits: 2,
    }),
  };
}

/** Records one age; negative ones (clocks apart) count as 0, absurd ones as one hour. */
export function recordAge(metrics: FeedMetrics, ageMs: number): void {
  metrics.ages.recordValue(ageMs <= 0 ? 0 : ageMs >= MAX_AGE_MS ? MAX_AGE_MS : Math.floor(ageMs));
}

export interface FeedSummary {
  readonly state: FeedState;
  readonly detail: string;
  readonly frames: number;
  readonly perSecond: number;
  readonly firstDatumMs: number | null;
  /** Nulls when no message carried a time of its own. */
  readonly ageMs: { readonly p50: number | null; readonly p99: number | null };
  readonly bytes: number;
  readonly gaps: number;
  readonly dropped: number;
  readonly shed: number;
  /** Age of the newest datum, venue ms; null before the first. */
  readonly dataAgeMs: number | null;
  readonly quiet: boolean;
  readonly duplicates: number;
  readonly reconnects: number;
  readonly renewals: number;
  readonly unrecognised: number;
  readonly ignored: number;
}

/** Numbers for people and programs; `perSecond` is per venue second. */
export function summarise(metrics: FeedMetrics, nowMs: number): FeedSummary {
  const { ages, events: __, lastDatumMs, newestAgeMs: _, openedMs, ...rest } = metrics;
  const seconds = Math.max(0.001, (nowMs - openedMs) / 1000);
  return {
    ...rest,
    dataAgeMs: lastDatumMs === null ? null : Math.max(0, nowMs - lastDatumMs),
    perSecond: Math.round(metrics.frames / seconds * 100) / 100,
    ageMs: ages.totalCount === 0
      ? { p50: null, p99: null }
      : { p50: ages.getValueAtPercentile(50), p99: ages.getValueAtPercentile(99) },
  };
}
