/**
 * The 18 inputs of the policy, in the seeds' order and scaling (phase 5), with their faults mended: flow and imbalance
 * from the futures book, volatilities over the time they name, flags that fade with time, and absence marked.
 *
 * An input that cannot be computed is NaN in `values` and 0 in `present`: never silently zero. A policy that needs a
 * number there must say which one it takes.
 *
 * | # | name | input | range |
 * |---|---|---|---|
 * | 0 | returns_1m | clip(50 x fast return over 60 s) | -1..1 |
 * | 1 | returns_5m | clip(50 x over 300 s) | -1..1 |
 * | 2 | returns_10m | clip(50 x over 600 s) | -1..1 |
 * | 3 | ob_imbalance_l1 | (b-a)/(b+a), best level of the futures book | -1..1 |
 * | 4 | ob_imbalance_l5 | same, best five levels | -1..1 |
 * | 5 | trade_flow | (B-S)/(B+S), futures taker dollars, half-life 6.6 min | -1..1 |
 * | 6 | cvd_accel | clip(10 x CVD change over 0.5 s / 10^6) | -1..1 |
 * | 7 | spread_pct | clip(20 x (ask-bid)/max(0.01, mid)) of the Up book | 0..1 |
 * | 8 | trade_intensity | clip(futures trades a second over 10 s / 10) | 0..1 |
 * | 9 | large_trade_flag | 1 at a trade > 3 x median of 100, x 0.7 each 5 s | 0..1 |
 * | 10 | vol_5m | clip(20 x standard deviation of the Up mid over 5 min) | 0..1 |
 * | 11 | vol_expansion | clip(realised volatility 5 min / 60 min - 1) | -1..1 |
 * | 12 | has_position | 0 or 1 | 0..1 |
 * | 13 | position_side | Up +1, Down -1, none 0 | -1..1 |
 * | 14 | position_pnl | clip(unrealised pUSD at the executable bid / 50) | -1..1 |
 * | 15 | time_remaining | time left / window length | 0..1 |
 * | 16 | vol_regime | 1 when an hour's volatility > 1 % | 0..1 |
 * | 17 | trend_regime | 1 when the hour's move > 0.5 % | 0..1 |
 */
import { PRICE_SCALE } from "../units.ts";
import type { AssetState } from "./asset_state.ts";
import type { WindowState } from "./window_state.ts";

export const FEATURE_NAMES = [
  "returns_1m",
  "returns_5m",
  "returns_10m",
  "ob_imbalance_l1",
  "ob_imbalance_l5",
  "trade_flow",
  "cvd_accel",
  "spread_pct",
  "trade_intensity",
  "large_trade_flag",
  "vol_5m",
  "vol_expansion",
  "has_position",
  "position_side",
  "position_pnl",
  "time_remaining",
  "vol_regime",
  "trend_regime",
] as const;
export const FEATURE_COUNT = FEATURE_NAMES.length;

/** What the portfolio contributes. `side` +1 Up, -1 Down, 0 none; `pnlUsdc` in pUSD (a double). */
export interface PositionInput {
  side: number;
  pnlUsdc: number;
}

export interface FeatureVector {
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export const newFeatureVector = (): FeatureVector => ({
  values: new Float64Array(FEATURE_COUNT).fill(NaN),
  present: new Uint8Array(FEATURE_COUNT),
});

/** An imbalance says something about the next seconds only; an older one is absent. */
const BOOK_FRESH_MS = 5_000;

const clip = (x: number): number => x > 1 ? 1 : x < -1 ? -1 : x;

/**
 * The instant being computed. A double handed to a function that is not inlined is boxed on the heap, so it travels in
 * here, and each group below is small enough that what it calls is inlined into it.
 */
const instant = new Float64Array(1);

function putReturns(values: Float64Array, asset: AssetState): void {
  const second = Math.floor(instant[0]! / 1000);
  const { price, prices } = asset;
  values[0] = clip(50 * (price / prices.at(second - 60) - 1));
  values[1] = clip(50 * (price / prices.at(second - 300) - 1));
  values[2] = clip(50 * (price / prices.at(second - 600) - 1));
  const trend = price / prices.at(second - 3600) - 1;
  values[17] = Number.isNaN(trend) ? NaN : Math.abs(trend) > 0.005 ? 1 : 0;
}

function putFlow(values: Float64Array, asset: AssetState): void {
  const bookFresh = instant[0]! - asset.bookAtMs <= BOOK_FRESH_MS;
  values[3] = bookFresh ? asset.imbalanceL1 : NaN;
  values[4] = bookFresh ? asset.imbalanceL5 : NaN;
  values[5] = asset.tradeFlow();
  values[6] = clip(10 * asset.cvdChange(instant[0]!) / 1e6);
}

function putActivity(values: Float64Array, asset: AssetState): void {
  values[8] = clip(asset.tradeIntensity(instant[0]!) / 10);
  values[9] = asset.largeTradeFlag(instant[0]!);
  values[11] = clip(asset.volExpansion());
}

function putRegime(values: Float64Array, asset: AssetState): void {
  const hourly = asset.hourlyVol(instant[0]!);
  values[16] = Number.isNaN(hourly) ? NaN : hourly > 0.01 ? 1 : 0;
}

function putBook(values: Float64Array, window: WindowState): void {
  const book = window.up;
  const readable = book.trusted && !book.crossed && book.bestBid >= 0 && book.bestAsk >= 0;
  const mid = (book.bestBid + book.bestAsk) / (2 * PRICE_SCALE);
  values[7] = readable ? clip(20 * (book.bestAsk - book.bestBid) / PRICE_SCALE / Math.max(0.01, mid)) : NaN;
  values[10] = clip(20 * window.midDeviation());
  const { startMs, endMs } = window.instrument;
  values[15] = Math.min(1, Math.max(0, (endMs - instant[0]!) / (endMs - startMs)));
}

function putPosition(values: Float64Array, position: PositionInput): void {
  values[12] = position.side === 0 ? 0 : 1;
  values[13] = position.side;
  values[14] = clip(position.pnlUsdc / 50);
}

/** Fills `vector` for one window at `now` (venue ms). Allocates nothing of its own. */
export function computeFeatures(
  vector: FeatureVector,
  asset: AssetState,
  window: WindowState,
  position: PositionInput,
  now: number,
): void {
  instant[0] = now;
  const { values, present } = vector;
  putReturns(values, asset);
  putFlow(values, asset);
  putActivity(values, asset);
  putRegime(values, asset);
  putBook(values, window);
  putPosition(values, position);
  for (let i = 0; i < FEATURE_COUNT; i++) present[i] = Number.isNaN(values[i]!) ? 0 : 1;
}
