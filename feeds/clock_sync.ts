/**
 * How far this clock is from the venue's, as NTP does it: several questions, the one with the shortest round trip counts,
 * and the answer is taken to be from its middle (exchanges dossier A7). Binance answers milliseconds; the CLOB answers whole
 * seconds, so its answers only bound the offset, and the bounds of several answers are cut with each other.
 */
import type { Ms } from "../core/units.ts";
import { ms } from "../core/units.ts";
import { type BinanceRest, type BinanceVenue, fetchTime } from "./binance/rest.ts";
import type { Clock } from "./clock.ts";
import type { FeedLog } from "./net/feed_context.ts";
import { type HttpClient, HttpError } from "./net/http.ts";
import { fetchClobTime } from "./polymarket/clob_rest.ts";

export interface ClockOffset {
  /** Venue minus our clock, ms; already corrected for on a clock that can be adjusted. */
  readonly clockOffsetMs: number;
  /** Round trip of the question that counted, venue ms. */
  readonly roundTripMs: number;
  /** The offset is right to this many ms. */
  readonly uncertaintyMs: number;
  readonly source: "binance" | "clob";
}

/** One answer: our times around it, and what the venue said. */
export interface ClockSample {
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly serverMs: number;
}

/** Off by more than this beyond the uncertainty is worth a warning. */
export const SKEW_LIMIT_MS = 1000;
const SAMPLES = 5;
const EVERY_MS = 3_600_000;
const SECOND = 1000;

/** Offset by the sample with the shortest round trip; null without one. */
export function offsetOf(samples: readonly ClockSample[]): Omit<ClockOffset, "source"> | null {
  let best: ClockSample | null = null;
  for (const sample of samples) {
    if (best === null || sample.receivedMs - sample.sentMs < best.receivedMs - best.sentMs) best = sample;
  }
  if (best === null) return null;
  const roundTripMs = best.receivedMs - best.sentMs;
  const clockOffsetMs = best.serverMs - (best.sentMs + best.receivedMs) / 2;
  return { clockOffsetMs, roundTripMs, uncertaintyMs: roundTripMs / 2 };
}

/** Bounds of the offset by answers in whole seconds (rounded down); null when they contradict each other. */
export function secondBounds(
  samples: readonly ClockSample[],
): { readonly low: number; readonly high: number } | null {
  let low = -Infinity;
  let high = Infinity;
  for (const { receivedMs, sentMs, serverMs } of samples) {
    low = Math.max(low, serverMs - receivedMs);
    high = Math.min(high, serverMs + SECOND - sentMs);
  }
  return samples.length === 0 || low > high ? null : { low, high };
}

/**
 * The two sources in one: Binance's milliseconds while the CLOB's bounds allow them, else the nearest the CLOB allows, because
 * it is the CLOB that judges our orders. Null when nobody answered.
 */
export function combineOffsets(
  binance: readonly ClockSample[],
  clob: readonly ClockSample[],
): ClockOffset | null {
  const exact = offsetOf(binance);
  const bounds = secondBounds(clob);
  if (bounds === null) return exact === null ? null : { ...exact, source: "binance" };
  const middle = (bounds.low + bounds.high) / 2;
  const half = (bounds.high - bounds.low) / 2;
  const trips = clob.map((sample) => sample.receivedMs - sample.sentMs);
  if (exact === null) {
    return {
      clockOffsetMs: middle,
      roundTripMs: Math.min(...trips),
      uncertaintyMs: half,
      source: "clob",
    };
  }
  const slack = exact.uncertaintyMs;
  if (exact.clockOffsetMs >= bounds.low - slack && exact.clockOffsetMs <= bounds.high + slack) {
    return { ...exact, source: "binance" };
  }
  return { clockOffsetMs: middle, roundTripMs: Math.min(...trips), uncertaintyMs: half, source: "clob" };
}

/** True when the offset is beyond what measuring can explain. */
export const isSkewed = (offset: ClockOffset): boolean =>
  Math.abs(offset.clockOffsetMs) - offset.uncertaintyMs > SKEW_LIMIT_MS;

export interface ClockSyncOptions {
  readonly clock: Clock;
  readonly http: HttpClient;
  readonly rest: BinanceRest;
  readonly clob: string;
  readonly signal: AbortSignal;
  readonly log: FeedLog;
}

async function sample(clock: Clock, ask: () => Promise<Ms>, into: ClockSample[]): Promise<void> {
  const sentMs = clock.now();
  const serverMs = await ask();
  into.push({ sentMs, receivedMs: clock.now(), serverMs });
}

/** Asks both venues several times; null when neither answers. A refused place (futures) is asked once, then spot. */
export async function measureOffset(options: ClockSyncOptions): Promise<ClockOffset | null> {
  const { clob, clock, http, rest, signal } = options;
  const binance: ClockSample[] = [];
  const seconds: ClockSample[] = [];
  const call = { signal, retries: 0, deadlineMs: 3000 };
  const fromClob = async () => {
    for (let i = 0; i < SAMPLES; i++) await sample(clock, () => fetchClobTime(http, clob, call), seconds);
  };
  const fromBinance = async (venue: BinanceVenue) => {
    for (let i = 0; i < SAMPLES; i++) await sample(clock, () => fetchTime(rest, venue, call), binance);
  };
  const quietly = (error: unknown) => {
    signal.throwIfAborted();
    // Whoever cannot pass the proxy reaches nothing at all: better said now than by every feed.
    if (error instanceof HttpError && error.code === "PROXY_FAILED") throw error;
    options.log.debug("a clock does not answer", { message: error instanceof Error ? error.message : "" });
  };
  await Promise.all([
    fromClob().catch(quietly),
    fromBinance("binance-futures").catch(quietly).then(() =>
      binance.length > 0 ? undefined : fromBinance("binance-spot").catch(quietly)
    ),
  ]);
  return combineOffsets(binance, seconds);
}

/** The clock's state, measured at the start and every hour. */
export class ClockSync {
  private task: Promise<void> | null = null;
  private current: ClockOffset | null = null;
  /** Offset in force on an adjustable clock. */
  private applied = 0;

  constructor(
    private readonly options: ClockSyncOptions,
    private readonly onSkew: (offset: ClockOffset) => void,
  ) {}

  /** Newest measurement; null before the first, or when nobody answered. */
  get offset(): ClockOffset | null {
    return this.current;
  }

  /** Measures once and keeps measuring. Throws the signal's reason, or HttpError PROXY_FAILED. */
  async start(): Promise<void> {
    await this.measure();
    this.task ??= this.run();
  }

  /** Resolves when nothing is under way any more; abort the signal first. */
  async closed(): Promise<void> {
    await this.task;
  }

  private async measure(): Promise<void> {
    const { clock } = this.options;
    const found = await measureOffset(this.options);
    if (found === null) return;
    // On a corrected clock only the rest is seen; what is told is the whole.
    const offset = { ...found, clockOffsetMs: this.applied + found.clockOffsetMs };
    this.current = offset;
    if (clock.adjust !== undefined) {
      this.applied = offset.clockOffsetMs;
      clock.adjust(this.applied);
    }
    if (isSkewed(offset)) this.onSkew(offset);
  }

  private async run(): Promise<void> {
    const { clock, signal } = this.options;
    while (!signal.aborted) {
      try {
        await clock.sleep(ms(EVERY_MS), signal);
        await this.measure();
      } catch {
        return;
      }
    }
  }
}
