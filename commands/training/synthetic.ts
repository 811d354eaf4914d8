/** The synthetic market as rows of an environment and as windows to judge on. */
import type { Asset, Duration, Instrument } from "../../core/market/instrument.ts";
import { streamSeed } from "../../fixtures/market/hash.ts";
import { MarketStream } from "../../fixtures/market/stream.ts";
import type { Chapter } from "../../models/env/market_row.ts";

export interface SyntheticMarket {
  /** Every market made is one of this family; the same number is the same market. */
  readonly seed: number;
  readonly assets: readonly Asset[];
  readonly duration: Duration;
  readonly lagMs: number;
  readonly signal: number;
  /** Hours of windows in a chapter. */
  readonly hours: number;
  /** Hours of windows in each of the markets that a model is judged on. */
  readonly judgeHours: number;
  /** Taker fee rate in parts per million; default the venue's. */
  readonly feePpm?: number;
}

/** 2026-11-21 08:00 UTC, a boundary of every window length. */
const START_MS = 1_795_248_000_000;
/** Played before the first window counts, so that returns, flows and volatilities are known. */
const WARM_UP_MS = 600_000;
const EVERY_MS = 500;
/** Prices of the past that the process needs before it can begin. */
const HISTORY_HOURS = 5;

/** A chapter whose stream knows the process's own probability. */
export interface SyntheticChapter extends Chapter {
  readonly stream: MarketStream;
}

/** The market number `chapter` of row `row`; `purpose` keeps training and judging apart. */
export function syntheticChapter(
  market: SyntheticMarket,
  purpose: "train" | "judge",
  row: number,
  chapter: number,
): SyntheticChapter {
  const stream = new MarketStream({
    // Seeds of markets are safe integers; half of one leaves room for what the market derives from it.
    seed: streamSeed(market.seed, `${purpose}/${row}/${chapter}`) % 2 ** 50,
    startMs: START_MS,
    assets: [market.assets[row % market.assets.length]!],
    durations: [market.duration],
    lagMs: market.lagMs,
    signal: market.signal,
    historyHours: HISTORY_HOURS,
    spanMs: WARM_UP_MS + market.hours * 3_600_000,
    everyMs: EVERY_MS,
    ...(market.feePpm === undefined ? {} : { feePpm: market.feePpm }),
  });
  return { stream, accept: isWarm };
}

/** Windows that begin before the market has a past are not played. */
const isWarm = (instrument: Instrument): boolean => instrument.startMs >= START_MS + WARM_UP_MS;
