import assert from "node:assert/strict";
import {
  addForecast,
  addPair,
  brierRows,
  createBrier,
  createDifference,
  differenceRows,
  reliability,
} from "../../../core/stats/brier.ts";
import { forecastAt, observe, openTrack } from "../../../core/stats/forecast_track.ts";

const near = (actual: number | null | undefined, expected: number) =>
  assert.ok(
    typeof actual === "number" && Math.abs(actual - expected) < 1e-12,
    `${actual} is not ${expected}`,
  );

Deno.test("brierRows() gives mean and standard error worked out by hand", () => {
  const score = createBrier();
  addForecast(score, 1, 0.8, true); // 0.04
  addForecast(score, 1, 0.6, false); // 0.36
  addForecast(score, 1, 0.5, true); // 0.25
  const [at20, at50] = brierRows(score);
  assert.deepEqual(at20, { fraction: 0.2, n: 0, brier: null, standardError: null });
  assert.equal(at50?.n, 3);
  near(at50?.brier, 0.65 / 3);
  // Distances from 0.216667: -0.176667, 0.143333, 0.033333; squares 0.031211 + 0.020544 + 0.001111 = 0.052867.
  near(at50?.standardError, Math.sqrt((0.0016 + 0.1296 + 0.0625 - 3 * (0.65 / 3) ** 2) / 2 / 3));
  assert.equal(at50?.standardError?.toFixed(6), "0.093868");
});

Deno.test("brierRows() has no standard error from one window", () => {
  const score = createBrier();
  addForecast(score, 0, 0.5, false);
  assert.deepEqual(brierRows(score)[0], { fraction: 0.2, n: 1, brier: 0.25, standardError: null });
});

Deno.test("reliability() counts a forecast of 1 in the last bin and 0.1 in the second", () => {
  const score = createBrier();
  addForecast(score, 2, 1, true);
  addForecast(score, 2, 0.95, false);
  addForecast(score, 2, 0.1, false);
  const bins = reliability(score, 2);
  assert.equal(bins.length, 10);
  assert.deepEqual(bins[9], { from: 0.9, to: 1, n: 2, meanForecast: 0.975, observed: 0.5 });
  assert.deepEqual(bins[1], { from: 0.1, to: 0.2, n: 1, meanForecast: 0.1, observed: 0 });
  assert.deepEqual(bins[0], { from: 0, to: 0.1, n: 0, meanForecast: null, observed: null });
});

Deno.test("addForecast() trips on a number that is no probability", () => {
  for (const forecast of [1.01, -0.1, NaN]) {
    assert.throws(() => addForecast(createBrier(), 0, forecast, true), /probability/);
  }
});

Deno.test("differenceRows() is negative where the second forecaster is nearer to what happened", () => {
  const difference = createDifference();
  addPair(difference, 0, { a: 0.5, b: 0.7, up: true }); // 0.09 - 0.25 = -0.16
  addPair(difference, 0, { a: 0.5, b: 0.6, up: false }); // 0.36 - 0.25 = 0.11
  const row = differenceRows(difference)[0];
  near(row?.mean, -0.025);
  near(row?.standardError, Math.sqrt(((-0.16 + 0.025) ** 2 + (0.11 + 0.025) ** 2) / 2));
});

Deno.test("forecastAt() takes the last forecast known at the moment, never a later one", () => {
  const track = openTrack(1_000_000, 1_300_000);
  observe(track, 1_055_000, 0.4);
  observe(track, 1_060_000, 0.45); // exactly at 20 %
  observe(track, 1_060_001, 0.99);
  assert.equal(forecastAt(track, 0), 0.45);
});

Deno.test("forecastAt() is null when the last forecast is too old, or came before the window", () => {
  const track = openTrack(1_000_000, 1_300_000, 10_000);
  observe(track, 999_999, 0.4);
  assert.equal(forecastAt(track, 0), null);
  observe(track, 1_139_999, 0.6);
  assert.equal(forecastAt(track, 1), null);
  observe(track, 1_140_000, 0.6);
  assert.equal(forecastAt(track, 1), 0.6);
});

Deno.test("observe() lets the last good forecast stand when the next one is no probability", () => {
  const track = openTrack(0, 300_000);
  observe(track, 59_000, 0.3);
  observe(track, 59_500, NaN);
  assert.equal(forecastAt(track, 0), 0.3);
});
