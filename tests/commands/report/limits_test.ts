import assert from "node:assert/strict";
import { ms, usdc } from "../../../core/units.ts";
import { figureLimits } from "../../../commands/report/limits.ts";
import { emptyBacktest, strategyOf } from "./models.ts";

const has = (lines: readonly string[], text: string) => lines.some((line) => line.includes(text));

Deno.test("figureLimits() says that an interval around zero cannot be told from luck, and only then", () => {
  const strategy = strategyOf("s", [1_000_000, -2_000_000]);
  const around = { ...strategy, ci95: [usdc(-1), usdc(1)] as const };
  const above = { ...strategy, ci95: [usdc(1), usdc(2)] as const };
  assert.ok(has(figureLimits({ ...emptyBacktest, strategies: [around] }), "cannot be told from luck"));
  assert.ok(!has(figureLimits({ ...emptyBacktest, strategies: [above] }), "cannot be told from luck"));
});

Deno.test("figureLimits() says what is left without the 20 best trades when they carry the profit", () => {
  const pnl = [
    ...Array.from({ length: 20 }, () => 9_000_000),
    ...Array.from({ length: 20 }, () => -1_000_000),
  ];
  assert.ok(
    has(
      figureLimits({ ...emptyBacktest, strategies: [strategyOf("s", pnl)] }),
      "without them the result is −20.00",
    ),
  );
});

Deno.test("figureLimits() says that a strategy without a trade shows nothing", () => {
  assert.ok(has(figureLimits({ ...emptyBacktest, strategies: [strategyOf("s", [0, 0])] }), "made no trade"));
});

Deno.test("figureLimits() counts how often luck alone would show among several strategies", () => {
  const strategies = ["a", "b", "c"].map((name) => strategyOf(name, [1]));
  // 1 - 0.95^3 = 0.1426
  assert.ok(has(figureLimits({ ...emptyBacktest, strategies }), "with a chance of 14 %"));
});

Deno.test("figureLimits() names absent inputs once and the age of the newest recording", () => {
  const tape = {
    tape: "t",
    layout: "l",
    windows: 1,
    events: 1,
    fromMs: null,
    toMs: ms((emptyBacktest.generatedAt ?? 0) - 10 * 86_400_000),
    absent: ["fast book"],
  };
  const lines = figureLimits({
    ...emptyBacktest,
    tapes: [tape, { ...tape, absent: ["depth", "fast book"] }],
  });
  assert.ok(has(lines, "lack: depth, fast book."));
  assert.ok(has(lines, "ended 10 days before"));
});
