import assert from "node:assert/strict";
import type { FastBarEvent, FastBookEvent, FastVenue, Levels } from "../../../core/events.ts";
import { AssetState } from "../../../core/features/asset_state.ts";
import { computeFeatures, FEATURE_NAMES, newFeatureVector } from "../../../core/features/vector.ts";
import { WindowState } from "../../../core/features/window_state.ts";
import type { Ms } from "../../../core/units.ts";
import { at, fastTrade, instrument, levels, START } from "../helpers.ts";

interface Scene {
  readonly asset: AssetState;
  readonly window: WindowState;
  side: number;
  pnl: number;
}
const scene = (): Scene => ({
  asset: new AssetState(),
  window: new WindowState(instrument()),
  side: 0,
  pnl: 0,
});

type Name = typeof FEATURE_NAMES[number];

/** The value of one input, after checking that `present` says the same as NaN. */
function feature(s: Scene, name: Name, now: number): number {
  const vector = newFeatureVector();
  computeFeatures(vector, s.asset, s.window, { side: s.side, pnlUsdc: s.pnl }, now);
  for (let i = 0; i < FEATURE_NAMES.length; i++) {
    assert.equal(vector.present[i], Number.isNaN(vector.values[i]) ? 0 : 1, FEATURE_NAMES[i]);
  }
  return vector.values[FEATURE_NAMES.indexOf(name)]!;
}

const near = (actual: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

const price = (s: Scene, t: number, value: number, venue: FastVenue = "binance-futures"): void =>
  s.asset.onPrice(venue, value, t, t);

const fastBook = (
  t: number,
  bids: Levels,
  asks: Levels,
  venue: FastVenue = "binance-futures",
): FastBookEvent => ({
  type: "fastBook",
  venue,
  asset: "btc",
  bids,
  asks,
  ...at(t),
});

const bar = (closeMs: number, close: number, closed = true, tReceive = closeMs): FastBarEvent => ({
  type: "fastBar",
  venue: "binance-futures",
  asset: "btc",
  openMs: (closeMs - 59_999) as Ms,
  closeMs: closeMs as Ms,
  open: close,
  high: close,
  low: close,
  close,
  volume: 1,
  closed,
  tExchange: closeMs as Ms,
  tReceive: tReceive as Ms,
});

Deno.test("the vector has the seeds' eighteen inputs in their order", () => {
  assert.equal(
    FEATURE_NAMES.join(" "),
    "returns_1m returns_5m returns_10m ob_imbalance_l1 ob_imbalance_l5 trade_flow cvd_accel spread_pct " +
      "trade_intensity large_trade_flag vol_5m vol_expansion has_position position_side position_pnl " +
      "time_remaining vol_regime trend_regime",
  );
});

Deno.test("with nothing known only the position and the clock are present, everything else is NaN", () => {
  const s = scene();
  const vector = newFeatureVector();
  assert.deepEqual([...vector.present], Array(18).fill(0));
  computeFeatures(vector, s.asset, s.window, { side: 0, pnlUsdc: 0 }, START + 60_000);
  const present = FEATURE_NAMES.filter((_, i) => vector.present[i] === 1);
  assert.deepEqual(present, ["has_position", "position_side", "position_pnl", "time_remaining"]);
  for (const [i, name] of FEATURE_NAMES.entries()) {
    if (!(present as string[]).includes(name)) assert.equal(vector.values[i], NaN, name);
  }
});

Deno.test("a vector that was filled forgets an input that has become absent", () => {
  const s = scene();
  const vector = newFeatureVector();
  s.window.up.replace(levels([[0.50, 1]]), levels([[0.51, 1]]));
  computeFeatures(vector, s.asset, s.window, { side: 0, pnlUsdc: 0 }, START);
  assert.equal(vector.present[7], 1);
  s.window.up.clear();
  computeFeatures(vector, s.asset, s.window, { side: 0, pnlUsdc: 0 }, START);
  assert.equal(vector.present[7], 0);
  assert.equal(vector.values[7], NaN);
});

Deno.test("returns over 1, 5 and 10 minutes are times 50 and clipped; too little history is absence", () => {
  const s = scene();
  price(s, START - 600_000, 100_000);
  price(s, START - 300_000, 100_500);
  price(s, START - 60_000, 99_900);
  price(s, START, 101_000);
  near(feature(s, "returns_1m", START), 50 * (101_000 / 99_900 - 1));
  near(feature(s, "returns_5m", START), 50 * (101_000 / 100_500 - 1));
  near(feature(s, "returns_10m", START), 50 * (101_000 / 100_000 - 1));
  price(s, START + 500, 105_000);
  assert.equal(feature(s, "returns_1m", START + 500), 1);
  price(s, START + 900, 95_000);
  assert.equal(feature(s, "returns_1m", START + 900), -1);

  const young = scene();
  price(young, START - 59_000, 100_000);
  price(young, START, 101_000);
  assert.equal(feature(young, "returns_1m", START), NaN);
  near(feature(young, "returns_1m", START + 1000), 50 * 0.01);
});

Deno.test("bars fill the history before the first tick: the close holds from its own close time", () => {
  const s = scene();
  for (let m = 61; m >= 1; m--) {
    s.asset.onBar(bar(START - m * 60_000 - 1, 100_000 + m, true, START - 500));
  }
  price(s, START + 100, 100_400);
  near(feature(s, "returns_1m", START + 100), 50 * (100_400 / 100_001 - 1), 1e-9);
  near(feature(s, "returns_5m", START + 100), 50 * (100_400 / 100_005 - 1), 1e-9);
  near(feature(s, "returns_10m", START + 100), 50 * (100_400 / 100_010 - 1), 1e-9);
  assert.ok(!Number.isNaN(feature(s, "vol_regime", START + 100)));
  assert.ok(!Number.isNaN(s.asset.volPerSqrtSecond()));
  assert.ok(
    !Number.isNaN(feature(s, "vol_expansion", START + 100)),
    "a minute's bar stands for twelve samples",
  );
});

Deno.test("a closed bar that arrives after a newer price does not rewrite the past, a forming one counts as now", () => {
  const s = scene();
  price(s, START + 5_000, 100_100);
  s.asset.onBar(bar(START - 1, 99_000, true, START + 6_000));
  assert.equal(s.asset.price, 100_100);
  s.asset.onBar(bar(START + 59_999, 100_200, false, START + 7_000));
  assert.equal(s.asset.price, 100_200);
  assert.equal(s.asset.priceAtMs, START + 7_000);
});

Deno.test("imbalances come from the futures book: best level and best five, in any order of the array", () => {
  const s = scene();
  const bids = [100, 3, 99, 1, 98, 1, 97, 1, 96, 1, 95, 50];
  const asks = [101, 1, 102, 2, 103, 2, 104, 2, 105, 2, 106, 70];
  s.asset.onBook(fastBook(START, bids, asks));
  near(feature(s, "ob_imbalance_l1", START), (3 - 1) / (3 + 1));
  near(feature(s, "ob_imbalance_l5", START), (7 - 9) / (7 + 9));
  assert.equal(s.asset.price, 100.5);
  const turned = (rows: number[]) =>
    Array.from(
      { length: rows.length / 2 },
      (_, i) => rows.slice(rows.length - 2 * i - 2, rows.length - 2 * i),
    ).flat();
  const t = scene();
  t.asset.onBook(fastBook(START, turned(bids), turned(asks)));
  near(feature(t, "ob_imbalance_l1", START), 0.5);
  near(feature(t, "ob_imbalance_l5", START), -2 / 16);
  assert.equal(t.asset.price, 100.5);
});

Deno.test("another venue's book or a book with an empty side gives no imbalance", () => {
  const s = scene();
  s.asset.onBook(fastBook(START, [100, 3], [101, 1], "binance-spot"));
  assert.equal(feature(s, "ob_imbalance_l1", START), NaN);
  s.asset.onBook(fastBook(START, [100, 3], []));
  assert.equal(feature(s, "ob_imbalance_l5", START), NaN);
  assert.equal(s.asset.price, 100.5);
});

Deno.test("trade_flow is the decayed taker balance of futures dollars: 0.9 remains after a minute", () => {
  const s = scene();
  s.asset.onTrade(fastTrade(START, 100, 3, true));
  near(feature(s, "trade_flow", START), 1);
  s.asset.onTrade(fastTrade(START, 100, 1, false));
  near(feature(s, "trade_flow", START), 0.5);
  s.asset.onTrade(fastTrade(START + 60_000, 100, 2, false));
  near(feature(s, "trade_flow", START + 60_000), (300 * 0.9 - (100 * 0.9 + 200)) / (400 * 0.9 + 200), 1e-12);
  s.asset.onTrade(fastTrade(START + 60_000, 100, 1000, true, { venue: "binance-spot" }));
  near(feature(s, "trade_flow", START + 60_000), (270 - 290) / 560, 1e-12);
});

Deno.test("cvd_accel is the dollar balance of the last half second, in tenths of a million", () => {
  const s = scene();
  s.asset.onTrade(fastTrade(START, 100_000, 0.2, true));
  near(feature(s, "cvd_accel", START), 10 * 20_000 / 1e6);
  s.asset.onTrade(fastTrade(START + 300, 100_000, 0.5, false));
  near(feature(s, "cvd_accel", START + 300), 10 * (20_000 - 50_000) / 1e6);
  near(feature(s, "cvd_accel", START + 599), 10 * -30_000 / 1e6);
  near(feature(s, "cvd_accel", START + 600), 10 * -50_000 / 1e6);
  near(feature(s, "cvd_accel", START + 899), 10 * -50_000 / 1e6);
  near(feature(s, "cvd_accel", START + 900), 0);
  s.asset.onTrade(fastTrade(START + 60_000, 100_000, 5, true));
  assert.equal(feature(s, "cvd_accel", START + 60_000), 1);
});

Deno.test("spread_pct is the Up spread over the Up mid, times 20, clipped at one", () => {
  const s = scene();
  s.window.up.replace(levels([[0.50, 1]]), levels([[0.51, 1]]));
  near(feature(s, "spread_pct", START), 20 * 0.01 / 0.505);
  s.window.up.replace(levels([[0.40, 1]]), levels([[0.60, 1]]));
  assert.equal(feature(s, "spread_pct", START), 1);
  s.window.up.replace(levels([[0.001, 1]]), levels([[0.0013, 1]]));
  near(feature(s, "spread_pct", START), 20 * 0.0003 / 0.01, 1e-12);
});

Deno.test("a book with one side, a crossed book and a distrusted book have no spread and no mid", () => {
  const s = scene();
  s.window.up.replace(levels([[0.50, 1]]), []);
  assert.equal(feature(s, "spread_pct", START), NaN);
  assert.equal(s.window.upMid, NaN);
  s.window.up.replace([], levels([[0.50, 1]]));
  assert.equal(feature(s, "spread_pct", START), NaN);
  s.window.up.replace(levels([[0.52, 1]]), levels([[0.51, 1]]));
  assert.equal(feature(s, "spread_pct", START), NaN);
  s.window.up.replace(levels([[0.50, 1]]), levels([[0.51, 1]]));
  s.window.up.applyDelta([0, 4000, 1], 4900, 5100);
  assert.equal(feature(s, "spread_pct", START), NaN);
});

Deno.test("trade_intensity counts the futures trades of ten seconds", () => {
  const s = scene();
  for (let i = 0; i < 15; i++) s.asset.onTrade(fastTrade(START + i * 100, 100, 1));
  near(feature(s, "trade_intensity", START + 1_500), 0.15);
  near(feature(s, "trade_intensity", START + 9_999), 0.15);
  near(feature(s, "trade_intensity", START + 10_000), 0.05, 1e-12);
  near(feature(s, "trade_intensity", START + 11_000), 0);
  for (let i = 0; i < 300; i++) s.asset.onTrade(fastTrade(START + 12_000, 100, 1));
  assert.equal(feature(s, "trade_intensity", START + 12_000), 1);
  near(feature(s, "trade_intensity", START + 3_600_000), 0);
});

Deno.test("large_trade_flag: above three medians of the last hundred trades, fading to 0.7 each five seconds", () => {
  const s = scene();
  for (let i = 0; i < 19; i++) s.asset.onTrade(fastTrade(START, 100, 1));
  assert.equal(feature(s, "large_trade_flag", START), NaN, "nineteen trades have no median yet");
  s.asset.onTrade(fastTrade(START, 100, 500));
  assert.equal(feature(s, "large_trade_flag", START), 0, "the twentieth is measured against nothing");
  s.asset.onTrade(fastTrade(START, 100, 3));
  assert.equal(feature(s, "large_trade_flag", START), 0, "exactly three medians is not more");
  s.asset.onTrade(fastTrade(START, 100, 3.01));
  assert.equal(feature(s, "large_trade_flag", START), 1);
  near(feature(s, "large_trade_flag", START + 5_000), 0.7, 1e-12);
  near(feature(s, "large_trade_flag", START + 60_000), 0.7 ** 12, 1e-12);
  s.asset.onTrade(fastTrade(START + 60_000, 100, 10));
  assert.equal(feature(s, "large_trade_flag", START + 60_000), 1, "and is set anew");
});

Deno.test("the median follows the last hundred trades only, also while they are replaced one by one", () => {
  const s = scene();
  const values = Array.from({ length: 257 }, (_, i) => 1 + ((i * 7919) % 101));
  let lastFlag = -Infinity;
  for (const [i, value] of values.entries()) {
    const t = START + i * 1000;
    const memory = values.slice(Math.max(0, i - 100), i).sort((a, b) => a - b);
    const half = memory.length >> 1;
    const median = memory.length % 2 === 1 ? memory[half]! : (memory[half - 1]! + memory[half]!) / 2;
    if (memory.length >= 20 && value > 3 * median) lastFlag = t;
    s.asset.onTrade(fastTrade(t, 1, value));
    if (i < 19) continue;
    const expected = lastFlag === -Infinity ? 0 : 0.7 ** ((t - lastFlag) / 5000);
    near(feature(s, "large_trade_flag", t), expected, 1e-9);
  }
  // A hundred trades a hundred times larger: their own size is ordinary afterwards.
  for (let i = 0; i < 100; i++) s.asset.onTrade(fastTrade(START + 400_000, 1, 10_000));
  s.asset.onTrade(fastTrade(START + 3_600_000, 1, 20_000));
  near(feature(s, "large_trade_flag", START + 3_600_000), 0, 1e-6);
});

/** Holds the Up book at each mid for a while, sampled on the half-second grid. */
function holdMids(s: Scene, from: number, mids: readonly [number, number][]): number {
  let t = from;
  for (const [mid, ms] of mids) {
    s.window.sampleMids(t);
    s.window.up.replace(levels([[mid - 0.01, 1]]), levels([[mid + 0.01, 1]]));
    t += ms;
    s.window.sampleMids(t);
  }
  return t;
}

Deno.test("vol_5m is the deviation of the Up mid over five minutes of time, absent below half a minute of mids", () => {
  const s = scene();
  s.window.up.replace(levels([[0.49, 1]]), levels([[0.51, 1]]));
  s.window.sampleMids(START);
  s.window.sampleMids(START + 29_000);
  assert.equal(feature(s, "vol_5m", START + 29_000), NaN, "59 samples");
  s.window.sampleMids(START + 29_500);
  assert.equal(feature(s, "vol_5m", START + 29_500), 0, "60 samples of the same mid");

  const two = scene();
  two.window.sampleMids(START - 500);
  const half = holdMids(two, START - 500, [[0.48, 150_000], [0.52, 150_000]]);
  near(feature(two, "vol_5m", half), 20 * 0.02, 1e-9);
  // A minute later the oldest minute has left: 180 samples at 0.48 and 420 at 0.52.
  const later = holdMids(two, half, [[0.52, 60_000]]);
  const mean = (180 * 0.48 + 420 * 0.52) / 600;
  const variance = (180 * (0.48 - mean) ** 2 + 420 * (0.52 - mean) ** 2) / 600;
  near(feature(two, "vol_5m", later), 20 * Math.sqrt(variance), 1e-9);
  const end = holdMids(two, later, [[0.52, 300_000]]);
  near(feature(two, "vol_5m", end), 0, 1e-9);
});

Deno.test("vol_5m counts time, not ticks: a thousand updates inside one half second weigh one sample", () => {
  const s = scene();
  const t = holdMids(s, START, [[0.50, 60_000]]);
  for (let i = 0; i < 1000; i++) {
    s.window.sampleMids(t + 1);
    s.window.up.replace(levels([[0.20 + (i % 50) / 100, 1]]), levels([[0.30 + (i % 50) / 100, 1]]));
  }
  near(feature(s, "vol_5m", t + 1), 0, 1e-9);
  s.window.sampleMids(t + 500);
  // 120 samples at 0.50 and one at the last mid, 0.74.
  near(feature(s, "vol_5m", t + 500), 20 * 0.24 * Math.sqrt(120) / 121, 1e-9);
});

Deno.test("moments without a readable Up book are no samples", () => {
  const s = scene();
  let t = holdMids(s, START, [[0.48, 60_000]]);
  s.window.up.replace(levels([[0.30, 1]]), []);
  s.window.sampleMids(t += 60_000);
  s.window.up.replace(levels([[0.90, 1]]), levels([[0.10, 1]]));
  s.window.sampleMids(t += 60_000);
  near(feature(s, "vol_5m", t), 0, 1e-9);
  s.window.sampleMids(t += 300_000);
  assert.equal(feature(s, "vol_5m", t), NaN, "all mids have left");
});

Deno.test("velocity over five samples looks two seconds back and is exact at a three cent move anywhere", () => {
  for (const from of [0.30, 0.40, 0.47, 0.50, 0.60, 0.85]) {
    const s = scene();
    const t = holdMids(s, START, [[from, 2000]]);
    assert.equal(s.window.velocity(5), NaN);
    holdMids(s, t, [[from + 0.03, 500]]);
    assert.equal(s.window.velocity(5), 0.03, `from ${from}`);
    holdMids(s, t + 500, [[from + 0.03, 1500]]);
    assert.equal(s.window.velocity(5), 0.03);
    holdMids(s, t + 2000, [[from + 0.03, 500]]);
    assert.equal(s.window.velocity(5), 0);
  }
});

/** Prices every five seconds whose log returns have the given size and alternate in sign. */
function swing(s: Scene, from: number, steps: number, size: number): number {
  let t = from;
  for (let i = 0; i < steps; i++) {
    t += 5000;
    price(s, t, s.asset.price * Math.exp(i % 2 === 0 ? size : -size));
  }
  return t;
}

Deno.test("vol_expansion compares five minutes with the hour at hand, from ten minutes on", () => {
  const s = scene();
  price(s, START, 100_000);
  let t = swing(s, START, 119, 1e-4);
  assert.equal(feature(s, "vol_expansion", t), NaN);
  t = swing(s, t, 1, 1e-4);
  near(feature(s, "vol_expansion", t), 0, 1e-9);
  t = swing(s, t, 60, 2e-4);
  // 120 squares of 1e-8 and 60 of 4e-8.
  near(feature(s, "vol_expansion", t), 2e-4 / Math.sqrt((120 * 1e-8 + 60 * 4e-8) / 180) - 1, 1e-9);
  t = swing(s, t, 720, 1e-4);
  near(feature(s, "vol_expansion", t), 0, 1e-9);
  t = swing(s, t, 60, 1e-3);
  assert.equal(feature(s, "vol_expansion", t), 1);
  t = swing(s, t, 60, 0);
  assert.equal(feature(s, "vol_expansion", t), -1);
});

Deno.test("running volatility sums stay right over many turns of their buffer", () => {
  const s = scene();
  price(s, START, 100_000);
  const sizes: number[] = [];
  let t = START;
  for (let i = 0; i < 2000; i++) {
    const size = 1e-4 * (1 + (i * 37) % 11);
    t = swing(s, t, 1, size);
    sizes.push(size * size);
  }
  const rms = (n: number) => Math.sqrt(sizes.slice(-n).reduce((a, b) => a + b, 0) / n);
  near(feature(s, "vol_expansion", t), rms(60) / rms(720) - 1, 1e-9);
});

Deno.test("a constant price has no volatility to compare", () => {
  const s = scene();
  price(s, START, 100_000);
  const t = swing(s, START, 200, 0);
  assert.equal(feature(s, "vol_expansion", t), NaN);
  assert.equal(s.asset.volPerSqrtSecond(), 0);
});

Deno.test("volPerSqrtSecond is the root of squares per second, and unknown before two minutes", () => {
  const s = scene();
  price(s, START, 100_000);
  const t = swing(s, START, 20, 1e-4);
  assert.equal(s.asset.volPerSqrtSecond(), NaN);
  swing(s, t, 200, 1e-4);
  near(s.asset.volPerSqrtSecond(), 1e-4 / Math.sqrt(5), 1e-9);
});

Deno.test("the position's inputs are its side, whether there is one, and its result over 50 pUSD clipped", () => {
  const s = scene();
  s.side = 1;
  s.pnl = -12.5;
  assert.deepEqual(
    (["has_position", "position_side", "position_pnl"] as const).map((name) => feature(s, name, START)),
    [1, 1, -0.25],
  );
  s.side = -1;
  s.pnl = 80;
  assert.deepEqual(
    (["has_position", "position_side", "position_pnl"] as const).map((name) => feature(s, name, START)),
    [1, -1, 1],
  );
  s.pnl = -80;
  assert.equal(feature(s, "position_pnl", START), -1);
});

Deno.test("time_remaining is the fraction of the window that is left, clamped to it", () => {
  const s = scene();
  assert.deepEqual(
    [-1, 0, 75, 300, 400].map((left) => feature(s, "time_remaining", START + 300_000 - left * 1000)),
    [
      0,
      0,
      0.25,
      1,
      1,
    ],
  );
});

Deno.test("vol_regime is 1 above one percent an hour, from the 59 one-minute returns and not before", () => {
  const minutes = (size: number, count: number): Scene => {
    const s = scene();
    for (let m = 0; m <= count; m++) {
      price(s, START + m * 60_000, m % 2 === 0 ? 100_000 : 100_000 * (1 + size));
    }
    return s;
  };
  // Alternating returns of +x and about -x have a deviation of x; x sqrt(60) = 0.01 at x = 0.00129.
  assert.equal(feature(minutes(0.00125, 60), "vol_regime", START + 3_600_000), 0);
  assert.equal(feature(minutes(0.00133, 60), "vol_regime", START + 3_600_000), 1);
  assert.equal(feature(minutes(0.00133, 58), "vol_regime", START + 58 * 60_000), NaN);
});

Deno.test("trend_regime is 1 when the hour moved by more than half a percent, in either direction", () => {
  const moved = (by: number): number => {
    const s = scene();
    price(s, START, 100_000);
    price(s, START + 3_600_000, 100_000 * (1 + by));
    return feature(s, "trend_regime", START + 3_600_000);
  };
  assert.deepEqual([0.0049, 0.0051, -0.0049, -0.0051].map(moved), [0, 1, 0, 1]);
  const s = scene();
  price(s, START + 1000, 100_000);
  assert.equal(feature(s, "trend_regime", START + 3_600_000), NaN);
});

Deno.test("a better source replaces the price for good and starts its history anew", () => {
  const s = scene();
  price(s, START - 60_000, 100_000, "bybit");
  price(s, START - 60_000, 100_500, "coinbase");
  assert.equal(s.asset.price, 100_000, "an equal source does not take over");
  price(s, START, 90_000);
  assert.equal(s.asset.source, "binance-futures");
  assert.equal(feature(s, "returns_1m", START), NaN, "no return across two venues");
  price(s, START + 1000, 50_000, "binance-spot");
  assert.equal(s.asset.price, 90_000);
});

Deno.test("a top with one empty side is no price", () => {
  const s = scene();
  const top = {
    type: "fastTop",
    venue: "binance-futures",
    asset: "btc",
    bidSize: 1,
    askSize: 1,
    ...at(START),
  } as const;
  s.asset.onTop({ ...top, bid: 0, ask: 100 });
  s.asset.onTop({ ...top, bid: 100, ask: NaN });
  assert.equal(s.asset.price, NaN);
  s.asset.onTop({ ...top, bid: 99, ask: 101 });
  assert.equal(s.asset.price, 100);
});

Deno.test("a trade that comes late belongs to the flow and is not the price", () => {
  const asset = new AssetState();
  asset.onTrade(fastTrade(START, 100, 1, true));
  asset.onTrade({ ...fastTrade(START + 50, 90, 3, false), tExchange: (START - 500) as Ms });
  assert.equal(asset.price, 100);
  assert.ok(asset.tradeFlow() < 0, "the sale counts in the flow");
});
