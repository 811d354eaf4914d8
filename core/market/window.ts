/**
 * Window arithmetic and slugs. A window is named by its start: `{asset}-updown-{5m|15m|4h}-{startUnix}`, start a
 * multiple of the length, UTC (venue practice recorded 2026-09/10; the format itself is undocumented).
 */
import { type Ms, ms } from "../units.ts";
import { type Asset, ASSETS, type Duration, DURATIONS } from "./instrument.ts";

const LENGTH_S: Readonly<Record<Duration, number>> = { "5m": 300, "15m": 900, "4h": 14_400 };

/** Length of a window in milliseconds. */
export const windowLengthMs = (duration: Duration): Ms => ms(LENGTH_S[duration] * 1000);

/** Start of the window that contains `now` (a window contains its start, not its end). */
export function windowStart(duration: Duration, now: Ms): Ms {
  const length = LENGTH_S[duration] * 1000;
  return ms(Math.floor(now / length) * length);
}

/** Slug of the window that starts at `start`. */
export const windowSlug = (asset: Asset, duration: Duration, start: Ms): string =>
  `${asset}-updown-${duration}-${Math.floor(start / 1000)}`;

export interface ParsedSlug {
  readonly asset: Asset;
  readonly duration: Duration;
  readonly startMs: Ms;
  readonly endMs: Ms;
}

/** Reads a timestamp slug; null for anything else, including starts off the grid. */
export function parseSlug(slug: string): ParsedSlug | null {
  const match = /^([a-z]+)-updown-(5m|15m|4h)-(0|[1-9]\d{0,11})$/.exec(slug);
  if (match === null) return null;
  const asset = ASSETS.find((a) => a === match[1]);
  const duration = DURATIONS.find((d) => d === match[2]);
  const startS = Number(match[3]);
  if (asset === undefined || duration === undefined || startS % LENGTH_S[duration] !== 0) return null;
  return { asset, duration, startMs: ms(startS * 1000), endMs: ms((startS + LENGTH_S[duration]) * 1000) };
}

/** The current window's start and the `next` following ones, ascending. */
export function upcomingStarts(duration: Duration, now: Ms, next: number): Ms[] {
  const first = windowStart(duration, now);
  const length = windowLengthMs(duration);
  return Array.from({ length: next + 1 }, (_, i) => ms(first + i * length));
}
