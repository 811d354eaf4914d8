/**
 * How long a feed may be silent. All in venue milliseconds: a simulated venue at 15x must be judged as strictly as the
 * real one. Values per stream: exchanges dossier E 4 (2026-11-21): depth20 and bookTicker 5 s, aggTrade 30 s, markPrice
 * 5 s, kline 10 s, forceOrder none.
 */
import type { FeedName } from "../../core/events.ts";

export interface FeedLimits {
  /** The handshake must be done by then. */
  readonly connectMs: number;
  /** Every watched stream must have sent its first datum by then, counted from the open socket. */
  readonly firstDatumMs: number;
  /** Default age at which a watched stream is late: no decision should use it. */
  readonly lateMs: number;
  /** How long a feed may stay late until its socket is thrown away and opened again. */
  readonly deadMs: number;
  /** How long a silent socket may take to answer a probe. */
  readonly probeMs: number;
  /** Age at which a healthy socket is renewed, before the venue ends it; null: never. */
  readonly renewMs: number | null;
}

const HOUR = 3_600_000;

/** Defaults per feed. Binance ends every socket after 24 h, so it is renewed at 23 h (exchanges dossier A4). */
export const FEED_LIMITS: Readonly<Record<FeedName, FeedLimits>> = {
  "polymarket.market": {
    connectMs: 10_000,
    firstDatumMs: 10_000,
    lateMs: 10_000,
    deadMs: 20_000,
    probeMs: 3000,
    renewMs: null,
  },
  "polymarket.prices": {
    connectMs: 10_000,
    firstDatumMs: 15_000,
    lateMs: 5000,
    deadMs: 10_000,
    probeMs: 3000,
    renewMs: null,
  },
  "binance.futures.public": {
    connectMs: 10_000,
    firstDatumMs: 15_000,
    lateMs: 5000,
    deadMs: 10_000,
    probeMs: 3000,
    renewMs: 23 * HOUR,
  },
  "binance.futures.market": {
    connectMs: 10_000,
    firstDatumMs: 15_000,
    lateMs: 10_000,
    deadMs: 15_000,
    probeMs: 3000,
    renewMs: 23 * HOUR,
  },
  "binance.spot": {
    connectMs: 10_000,
    firstDatumMs: 15_000,
    lateMs: 10_000,
    deadMs: 15_000,
    probeMs: 3000,
    renewMs: 23 * HOUR,
  },
  "deribit": {
    connectMs: 10_000,
    firstDatumMs: 30_000,
    lateMs: 30_000,
    deadMs: 30_000,
    probeMs: 5000,
    renewMs: null,
  },
};

/** Overrides per feed; what is absent keeps its default. */
export type FeedLimitOverrides = { readonly [F in FeedName]?: Partial<FeedLimits> };

/** The limits in force for one feed. */
export const limitsFor = (feed: FeedName, overrides: FeedLimitOverrides = {}): FeedLimits => ({
  ...FEED_LIMITS[feed],
  ...overrides[feed],
});
