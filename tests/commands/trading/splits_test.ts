import assert from "node:assert/strict";
import {
  candidatesOf,
  foldsOf,
  headlinePicks,
  sampleOf,
  type Split,
} from "../../../commands/trading/splits.ts";
import { totalsOf, windowOf } from "./totals.ts";

const windows = Array.from({ length: 20 }, (_, i) => windowOf(i, 0));
const walk: Split = { kind: "walkForward", blocks: 5 };

Deno.test("walk-forward: every block after the first is judged once, by what ended before it began", () => {
  const folds = foldsOf(windows, walk);
  assert.deepEqual(folds.map((fold) => fold.test), [
    [4, 5, 6, 7],
    [8, 9, 10, 11],
    [12, 13, 14, 15],
    [16, 17, 18, 19],
  ]);
  for (const { train, test } of folds) {
    const from = Math.min(...test.map((i) => windows[i]!.startMs));
    assert.ok(train.length > 0 && train.every((i) => windows[i]!.endMs <= from));
  }
});

Deno.test("a longer window that still runs when the judging begins chooses nothing", () => {
  const long = { ...windowOf(3, 0), endMs: windowOf(5, 0).endMs + 1 };
  const folds = foldsOf([...windows.slice(0, 3), long, ...windows.slice(4)], walk);
  assert.ok(!folds[0]!.train.includes(3));
});

Deno.test("held-out assets are chosen on the other assets' earlier windows only", () => {
  const mixed = windows.map((window, i) => ({
    ...window,
    asset: i % 2 === 0 ? "btc" as const : "eth" as const,
  }));
  const folds = foldsOf(mixed, { kind: "heldOut", share: 0.4 });
  assert.deepEqual(folds.map(({ kind, name }) => kind === "asset" ? name : kind), ["time", "btc", "eth"]);
  const [time, btc] = folds;
  assert.equal(time!.test.length, 8);
  assert.ok(btc!.train.every((i) => mixed[i]!.asset === "eth" && i < 12));
  assert.ok(btc!.test.every((i) => mixed[i]!.asset === "btc" && i >= 12));
  assert.equal(
    foldsOf(windows, { kind: "heldOut", share: 0.4 }).length,
    1,
    "one asset is not held out from itself",
  );
});

Deno.test("the headline is what the past's best made of the future, not the best of both", () => {
  // `early` is the best up to window 9 and loses afterwards; `late` the other way round.
  const early = totalsOf("s early", windows.map((_, i) => (i < 10 ? 3 : -3) + (i % 2)), "s");
  const late = totalsOf("s late", windows.map((_, i) => (i < 10 ? -3 : 3) + (i % 2)), "s");
  const [candidate] = candidatesOf([early, late], { kind: "heldOut", share: 0.5 });
  assert.equal(candidate!.picks[0]!.chosen.name, "s early");
  const sample = sampleOf(headlinePicks(candidate!), (chosen) => chosen);
  assert.equal(sample.windows.reduce((sum, window) => sum + window.pnl, 0), 10 * -3 + 5);
  assert.equal(sample.trades.length, 10);
  assert.equal(candidate!.picks[0]!.inSample!.pnl, 10 * 3 + 5);
});

Deno.test("too few windows to split are judged on nothing, and nothing chooses", () => {
  assert.deepEqual(foldsOf([], walk), []);
  assert.deepEqual(foldsOf(windows.slice(0, 1), { kind: "heldOut", share: 0.4 }), []);
});
