import assert from "node:assert/strict";
import fc from "fast-check";
import { ASSETS, type Duration, DURATIONS } from "../../../core/market/instrument.ts";
import {
  parseSlug,
  upcomingStarts,
  windowLengthMs,
  windowSlug,
  windowStart,
} from "../../../core/market/window.ts";
import { ms } from "../../../core/units.ts";

const NOW = ms(Date.UTC(2026, 10, 21, 9, 36, 45));

Deno.test("the dossier's clock example gives its starts for 5m, 15m and 4h", () => {
  assert.equal(NOW, 1_795_253_805_000);
  assert.equal(windowStart("5m", NOW), 1_795_253_700_000);
  assert.equal(windowStart("15m", NOW), 1_795_253_400_000);
  assert.equal(windowStart("4h", NOW), 1_795_248_000_000);
  assert.equal(windowSlug("btc", "5m", windowStart("5m", NOW)), "btc-updown-5m-1795253700");
  assert.equal(windowSlug("btc", "15m", windowStart("15m", NOW)), "btc-updown-15m-1795253400");
  assert.deepEqual(upcomingStarts("5m", NOW, 1), [1_795_253_700_000, 1_795_254_000_000]);
});

Deno.test("parseSlug() reads a real 4h slug with its start and end", () => {
  assert.deepEqual(parseSlug("btc-updown-4h-1779940800"), {
    asset: "btc",
    duration: "4h",
    startMs: Date.UTC(2026, 4, 28, 4),
    endMs: Date.UTC(2026, 4, 28, 8),
  });
});

Deno.test("a window contains its start and not its end", () => {
  for (const duration of DURATIONS) {
    const start = windowStart(duration, NOW);
    const length = windowLengthMs(duration);
    assert.equal(windowStart(duration, start), start);
    assert.equal(windowStart(duration, ms(start + length - 1)), start);
    assert.equal(windowStart(duration, ms(start + length)), start + length);
  }
});

Deno.test("every slug of a start on the grid reads back as that window", () => {
  const duration = fc.constantFrom<Duration>(...DURATIONS);
  fc.assert(
    fc.property(fc.constantFrom(...ASSETS), duration, fc.integer({ min: 0, max: 400_000 }), (asset, d, n) => {
      const start = ms(n * windowLengthMs(d));
      const parsed = parseSlug(windowSlug(asset, d, start));
      assert.deepEqual(parsed, { asset, duration: d, startMs: start, endMs: start + windowLengthMs(d) });
    }),
  );
});

Deno.test("parseSlug() refuses starts off the grid, foreign assets and lengths, and other spellings", () => {
  const wrong = [
    "",
    "btc-updown-5m-1795253701",
    "btc-updown-15m-1795253700",
    "btc-updown-4h-1795253400",
    "btc-updown-1h-1795251600",
    "doge-updown-5m-1795253700",
    "BTC-updown-5m-1795253700",
    "btc-updown-5m-",
    "btc-updown-5m--300",
    "btc-updown-5m-1795253700.0",
    "btc-updown-5m-1795253700 ",
    "btc-updown-5m-1795253700\n",
    "btc-updown-5m-01795253700",
    "btc-updown-5m-9999999999900",
    "bitcoin-up-or-down-on-september-19-2026",
    "xbtc-updown-5m-1795253700-x",
  ];
  for (const slug of wrong) assert.equal(parseSlug(slug), null, JSON.stringify(slug));
});

Deno.test("upcoming starts are the current window and the next ones without a gap", () => {
  const starts = upcomingStarts("15m", NOW, 4);
  assert.equal(starts.length, 5);
  assert.equal(starts[0], windowStart("15m", NOW));
  for (let i = 1; i < starts.length; i++) assert.equal(starts[i]! - starts[i - 1]!, 900_000);
});
