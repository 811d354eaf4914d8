import assert from "node:assert/strict";
import { AssetState } from "../../../core/features/asset_state.ts";
import { fairForWindow, learnStrikeBasis } from "../../../core/features/fair.ts";
import { type Strike, WindowState } from "../../../core/features/window_state.ts";
import { fairUp } from "../../../core/market/fair_value.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import { END, instrument, oraclePrice, START } from "../helpers.ts";

interface Scene {
  readonly asset: AssetState;
  readonly window: WindowState;
}

const strike = (value: number, basis: Strike["basis"] = "chainlink"): Strike => ({
  value,
  exact: `${value}`,
  basis,
});

/** An asset whose futures price swung by 1e-4 every five seconds up to `until`, ending at 100,000. */
function scene(until: number, changes: Partial<Instrument> = {}, ends = 100_000): Scene {
  const asset = new AssetState();
  for (let i = 400; i >= 0; i--) {
    asset.onPrice(
      "binance-futures",
      i % 2 === 0 ? ends : ends * Math.exp(1e-4),
      until - i * 5000,
      until - i * 5000,
    );
  }
  return { asset, window: new WindowState(instrument(changes)) };
}
const VOL = 1e-4 / Math.sqrt(5);

const near = (actual: number, expected: number, tolerance = 1e-6): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

const plain = {
  spot: 100_000,
  ageS: 0,
  volPerSqrtSecond: VOL,
  averagingSeconds: 60,
  fixedMean: NaN,
  fixedSeconds: 0,
};

Deno.test("without strike, price, volatility or basis there is no fair value", () => {
  const now = START + 100_000;
  const s = scene(now);
  assert.equal(fairForWindow(s.asset, s.window, now), NaN, "no strike");
  s.window.strike = strike(100_000);
  assert.equal(fairForWindow(s.asset, s.window, now), NaN, "chainlink strike, basis to futures not known");
  assert.equal(fairForWindow(new AssetState(), s.window, now), NaN, "no price");
  s.window.strike = strike(100_000, "binance-futures");
  assert.ok(fairForWindow(s.asset, s.window, now) > 0.4);
});

Deno.test("a strike of the same source needs no basis, and the price's age counts", () => {
  const s = scene(START + 100_000);
  s.window.strike = strike(99_980, "binance-futures");
  const base = { ...plain, strike: 99_980 };
  near(fairForWindow(s.asset, s.window, START + 100_000), fairUp({ ...base, secondsLeft: 200 }));
  near(fairForWindow(s.asset, s.window, START + 103_000), fairUp({ ...base, secondsLeft: 197, ageS: 3 }));
});

Deno.test("a chainlink strike is compared with the fast price plus the smoothed basis of the same second", () => {
  const now = START + 100_000;
  const s = scene(now);
  s.window.strike = strike(99_980);
  s.asset.onOracle(oraclePrice(now - 2000, "spot", "99970", {}));
  // The futures price of that second was 100,000 x e^0.0001 or 100,000: the ring knows which.
  const basis = 99_970 - s.asset.prices.at((now - 2000) / 1000);
  assert.equal(s.asset.basis, basis);
  near(
    fairForWindow(s.asset, s.window, now),
    fairUp({ ...plain, spot: 100_000 + basis, strike: 99_980, secondsLeft: 200 }),
  );
  s.asset.onOracle(oraclePrice(now - 1000, "spot", "99970"));
  const second = 99_970 - s.asset.prices.at((now - 1000) / 1000);
  near(s.asset.basis, basis + (second - basis) * (1 - 0.5 ** (1 / 60)), 1e-9);
});

Deno.test("pyth prints and prints older than the last are not the settlement oracle's price", () => {
  const asset = new AssetState();
  asset.onOracle(oraclePrice(START, "spot", "5", { provider: "pyth" }));
  assert.equal(asset.oraclePrice, NaN);
  asset.onOracle(oraclePrice(START, "spot", "100"));
  asset.onOracle(oraclePrice(START - 5000, "spot", "90"));
  asset.onOracle(oraclePrice(START, "twap60", "101"));
  asset.onOracle(oraclePrice(START - 5000, "twap60", "91"));
  assert.deepEqual([asset.oraclePrice, asset.twap], [100, 101]);
});

Deno.test("a strike teaches the basis where no oracle is seen: strike minus the fast average before the start", () => {
  const s = scene(START - 60_000);
  for (let i = -59; i <= 0; i++) {
    s.asset.onPrice("binance-futures", i < -29 ? 99_900 : 100_100, START + i * 1000, START + i * 1000);
  }
  s.window.strike = strike(99_967);
  learnStrikeBasis(s.asset, s.window);
  near(s.asset.strikeBasis.get("chainlink")!, 99_967 - 100_000, 1e-9);
  s.window.strike = strike(99_977);
  learnStrikeBasis(s.asset, s.window);
  near(s.asset.strikeBasis.get("chainlink")!, -33 + 0.3 * 10, 1e-9);
  assert.ok(!Number.isNaN(fairForWindow(s.asset, s.window, START + 1000)));

  const same = scene(START);
  same.window.strike = strike(100_000, "binance-futures");
  learnStrikeBasis(same.asset, same.window);
  assert.equal(same.asset.strikeBasis.size, 0);
});

Deno.test("in the last sixty seconds the printed part is the oracle's, second by second", () => {
  const now = END - 20_000;
  const s = scene(now);
  // Prints of the seconds END-70 .. END-22 (two seconds late): only those after END-60 count, 38 of them.
  for (let t = END - 70_000; t <= END - 22_000; t += 1000) {
    s.asset.onOracle(oraclePrice(t, "spot", t <= END - 60_000 ? "100010" : "100020"));
  }
  const spot = 100_000 + s.asset.basis;
  s.window.strike = strike((38 * 100_020 + 22 * spot) / 60 + 1);
  const known = {
    spot,
    strike: s.window.strike.value,
    secondsLeft: 20,
    fixedMean: 100_020,
    fixedSeconds: 38,
  };
  const expected = fairUp({ ...plain, ...known, volPerSqrtSecond: s.asset.volPerSqrtSecond() });
  assert.ok(expected > 0.2 && expected < 0.5, `${expected}`);
  near(fairForWindow(s.asset, s.window, now), expected, 1e-9);
});

Deno.test("without oracle prints the fast market stands in for the printed part, basis included", () => {
  const now = END - 15_000;
  const s = scene(END - 61_000);
  for (let t = END - 60_000; t <= now; t += 1000) s.asset.onPrice("binance-futures", 100_030, t, t);
  s.asset.strikeBasis.set("chainlink", -20);
  s.window.strike = strike(100_010);
  const volPerSqrtSecond = s.asset.volPerSqrtSecond();
  near(
    fairForWindow(s.asset, s.window, now),
    fairUp({
      ...plain,
      spot: 100_010,
      strike: 100_010,
      secondsLeft: 15,
      volPerSqrtSecond,
      fixedMean: 100_010,
      fixedSeconds: 45,
    }),
  );
});

Deno.test("a spot rule has no printed part, and after the end only the sign is left", () => {
  const rule = { kind: "spot", oracle: "chainlink", tie: "up" } as const;
  const s = scene(END - 10_000, { rule });
  s.window.strike = strike(99_990, "binance-futures");
  const base = { ...plain, strike: 99_990, averagingSeconds: 0 };
  near(fairForWindow(s.asset, s.window, END - 10_000), fairUp({ ...base, secondsLeft: 10 }));
  const ended = scene(END);
  ended.window.strike = strike(99_990, "binance-futures");
  assert.equal(fairForWindow(ended.asset, ended.window, END), 1);
});

Deno.test("without a fast price the oracle's own print is the spot, with its age", () => {
  const s = scene(START);
  s.window.strike = strike(100_000);
  const bare = new AssetState();
  bare.onOracle(oraclePrice(START, "spot", "100000"));
  assert.equal(fairForWindow(bare, s.window, START + 1000), NaN, "it has no volatility of its own");
});
