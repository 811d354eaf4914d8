/** How well a socket is, from what it has shown: pure, so that every case can be tested without a socket. */
import type { FeedLimits } from "./limits.ts";
import type { Link, StreamClock } from "./link.ts";

export type LinkTimes = Pick<
  Link,
  | "openedMs"
  | "openedWallMs"
  | "startedMs"
  | "startedWallMs"
  | "lastFrameMs"
  | "probedMs"
  | "probedWallMs"
  | "lateSinceMs"
  | "lateSinceWallMs"
  | "streams"
  | "wasComplete"
>;

export interface Assessment {
  /** `dead`: end it now. `replace`: other streams still flow, so keep it until a successor has data. */
  readonly verdict: "fine" | "late" | "dead" | "replace";
  /** With its prefix word; empty when fine. */
  readonly detail: string;
  /** Ask the socket for a sign of life. */
  readonly probe: boolean;
  /** Streams without news for half their limit. */
  readonly silent: readonly string[];
  /** Ask for this stream again. */
  readonly resubscribe: string | null;
}

const FINE: Assessment = { verdict: "fine", detail: "", probe: false, silent: [], resubscribe: null };

/** Age that counts: of the last datum, or of REST's word that there is none. */
const ageOf = (clock: StreamClock, now: number): number => now - Math.max(clock.sinceMs, clock.verifiedMs);

const limitOf = (clock: StreamClock, limits: FeedLimits): number =>
  clock.seen ? clock.limitMs : limits.firstDatumMs;

function dead(detail: string): Assessment {
  return { ...FINE, verdict: "dead", detail };
}

/**
 * Judges one socket at `now`. Writes `lateSinceMs` and `lateSinceWallMs` of `link`, which remember since when it is late.
 * No verdict costs the socket before `wallFloorMs` of wall time.
 */
export function assess(
  link: LinkTimes & { lateSinceMs: number; lateSinceWallMs: number },
  now: number,
  wallMs: number,
  limits: FeedLimits,
  wallFloorMs: number,
): Assessment {
  if (link.openedMs === 0) {
    const over = now - link.startedMs > limits.connectMs && wallMs - link.startedWallMs > wallFloorMs;
    return over ? dead(`SOCKET_DEAD: no handshake within ${limits.connectMs} ms`) : FINE;
  }
  const silent: string[] = [];
  let worst: { stream: string; clock: StreamClock } | null = null;
  let shortest = limits.lateMs;
  let flowing = 0;
  let missing: string | null = null;
  for (const [stream, clock] of link.streams) {
    const age = ageOf(clock, now);
    const limit = limitOf(clock, limits);
    shortest = Math.min(shortest, clock.limitMs);
    if (age > limit / 2) silent.push(stream);
    if (clock.seen && now - clock.sinceMs <= clock.limitMs) flowing++;
    if (!clock.seen && age > limit / 2) missing ??= stream;
    if (age > limit && worst === null) worst = { stream, clock };
  }
  const answered = link.lastFrameMs >= link.probedMs;
  const probe = answered && now - link.lastFrameMs > shortest / 2;
  if (!answered && now - link.probedMs > limits.probeMs && wallMs - link.probedWallMs > wallFloorMs) {
    return dead(`SOCKET_DEAD: no frame and no answer for ${limits.probeMs} ms`);
  }
  const waiting = { ...FINE, probe, silent, resubscribe: flowing > 0 ? missing : null };
  if (worst === null) {
    link.lateSinceMs = 0;
    return waiting;
  }
  const { stream, clock } = worst;
  if (!clock.seen) {
    if (wallMs - link.openedWallMs <= wallFloorMs) return waiting;
    const detail = `SUBSCRIPTION_DEAD: no first datum of ${stream} within ${limits.firstDatumMs} ms`;
    // A stream added to a socket that has been whole is no reason to lose the others.
    return flowing > 0 && link.wasComplete ? { ...waiting, verdict: "replace", detail } : dead(detail);
  }
  if (link.lateSinceMs === 0) {
    link.lateSinceMs = now;
    link.lateSinceWallMs = wallMs;
  }
  const base = { probe, silent, resubscribe: stream };
  if (now - link.lateSinceMs < limits.deadMs || wallMs - link.lateSinceWallMs < wallFloorMs) {
    return { ...base, verdict: "late", detail: `FEED_LATE: no data of ${stream}` };
  }
  const detail = `SUBSCRIPTION_DEAD: no data of ${stream} for too long, though the socket answers`;
  return { ...base, verdict: flowing > 0 ? "replace" : "dead", detail };
}

/**
 * The first stream that no open socket has fresh, as a state's detail; null when there is none. A new socket's patience for
 * its first datum counts only while no other socket has shown the stream.
 */
export function lateStream(open: readonly LinkTimes[], now: number, limits: FeedLimits): string | null {
  for (const stream of open[0]?.streams.keys() ?? []) {
    const clocks = open.flatMap((link) => link.streams.get(stream) ?? []);
    const seen = clocks.some((clock) => clock.seen);
    const fresh = clocks.some((clock) =>
      (clock.seen || !seen) && now - Math.max(clock.newsMs, clock.verifiedMs) <= limitOf(clock, limits)
    );
    if (fresh) continue;
    const limit = seen ? clocks[0]!.limitMs : limits.firstDatumMs;
    return `FEED_LATE: no ${seen ? "data" : "first datum"} of ${stream} within ${limit} ms`;
  }
  return null;
}

/** Watched streams that are fresh by REST's word only, on every open socket. */
export function quietStreams(open: readonly LinkTimes[], now: number): number {
  const first = open[0];
  if (first === undefined) return 0;
  let quiet = 0;
  for (const stream of first.streams.keys()) {
    const isQuiet = open.every((link) => {
      const clock = link.streams.get(stream);
      return clock === undefined || (clock.verifiedMs > clock.sinceMs && now - clock.sinceMs > clock.limitMs);
    });
    if (isQuiet) quiet++;
  }
  return quiet;
}

/** Stamps this far ahead are no rounding and no jitter. */
const MAX_AHEAD_MS = 2000;

/** Data may flow and be old, or from a clock that is not ours: a state's detail, null when all is well. */
export function misdated(newestAgeMs: number | null, lateMs: number): string | null {
  if (newestAgeMs === null) return null;
  if (newestAgeMs > lateMs) return `FEED_LATE: data is more than ${lateMs} ms old when it comes`;
  if (newestAgeMs >= -MAX_AHEAD_MS) return null;
  return `CLOCK_SKEW: data is stamped more than ${MAX_AHEAD_MS} ms ahead of our clock`;
}
