import assert from "node:assert/strict";
import { AUDIT_ROWS, auditOf, checkAudit } from "../../../commands/trading/audit.ts";
import type { BacktestOutcome } from "../../../commands/trading/backtest.ts";
import type { StrategyTotals } from "../../../commands/trading/totals.ts";
import { differenceOf, figuresOf } from "../../../commands/trading/figures.ts";
import { goPage } from "../../../commands/trading/go_criteria.ts";
import { sampleOf } from "../../../commands/trading/splits.ts";
import { deflatedOf, verdictOf } from "../../../commands/trading/verdict.ts";
import { usdc } from "../../../core/units.ts";
import { outcomeOf, totalsOf } from "./totals.ts";

/** A steady winner: 60 windows of about one pUSD each. */
const winner = (scale = 1, strategy = "mean-revert"): StrategyTotals =>
  totalsOf(
    "s",
    Array.from({ length: 60 }, (_, i) => Math.round(scale * (1_000_000 + (i % 5) * 400_000))),
    strategy,
  );

function judged(outcome: BacktestOutcome, trials = 1) {
  const candidate = outcome.candidates[0]!;
  const sample = sampleOf(candidate.picks, (chosen) => chosen);
  const figures = figuresOf(sample, 1);
  const audit = auditOf(outcome, candidate);
  const against = outcome.baselines.map((baseline) => ({
    name: baseline.name,
    difference: differenceOf(sample, sampleOf(candidate.picks, () => baseline), 1),
  }));
  const deflated = deflatedOf(figures, trials, []);
  return {
    audit,
    figures,
    sample,
    verdict: verdictOf({ figures, audit, deflated, against, overfitting: null }),
  };
}

const codes = (outcome: BacktestOutcome, trials = 1): string[] =>
  judged(outcome, trials).verdict.reasons.map((reason) => reason.code);
const found = (outcome: BacktestOutcome, name: string) =>
  judged(outcome).audit.rows.find((row) => row.name === name)?.finding;

Deno.test("a steady winner that nothing takes away is the only thing that may be claimed", () => {
  const { audit, verdict } = judged(outcomeOf(winner()));
  assert.deepEqual(audit.rows.map((row) => row.name), [...AUDIT_ROWS]);
  assert.deepEqual([verdict.claim, verdict.reasons], ["edge", []]);
});

Deno.test("each removing row of the audit removes the claim by itself", () => {
  const loser = winner(-1);
  const base = winner();
  const cases: [string, BacktestOutcome][] = [
    ["slow250ms", outcomeOf(base, { slow250ms: loser })],
    ["aged100ms", outcomeOf(base, { aged100ms: loser })],
    ["lookAhead", outcomeOf(base, { again: { ...base, decisionHashes: ["another"] } })],
    ["lookAhead", { ...outcomeOf(base), faults: { ...outcomeOf(base).faults, barsBeforeClose: 1 } }],
    ["aged60s", outcomeOf(winner(1, "fair-value"))],
  ];
  for (const [name, outcome] of cases) {
    assert.equal(found(outcome, name), "removes", name);
    assert.deepEqual([judged(outcome).verdict.claim, codes(outcome)], ["none", ["AUDIT_REMOVES"]], name);
  }
});

Deno.test("a profit that shuffled outcomes earn as well does not come from the outcome", () => {
  const blind = winner();
  // Both sides are held alike: who wins changes nothing.
  const windows = blind.windows.map((window) => ({ ...window, upShares: window.downShares }));
  const outcome = outcomeOf({ ...blind, windows });
  assert.equal(found(outcome, "outcomesShuffled"), "removes");
  assert.equal(judged(outcome).verdict.claim, "none");
});

Deno.test("an interval around zero, many trials, a loss: each is a reason of its own", () => {
  const mixed = totalsOf("s", Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 2_100_000 : -2_000_000)));
  assert.ok(codes(outcomeOf(mixed)).includes("INTERVAL_HAS_ZERO"));
  assert.deepEqual(codes(outcomeOf(winner(-1))), ["LOSS"]);
  const weak = totalsOf("s", Array.from({ length: 60 }, (_, i) => (i % 5) * 1_000_000 - 1_400_000));
  assert.ok(!codes(outcomeOf(weak), 1).includes("DEFLATED"));
  assert.ok(codes(outcomeOf(weak), 500).includes("DEFLATED"));
});

Deno.test("without a finished audit there is no verdict", () => {
  const outcome = { ...outcomeOf(winner()), treated: null };
  assert.deepEqual([judged(outcome).verdict.claim, codes(outcome)], ["undecided", ["AUDIT_INCOMPLETE"]]);
});

Deno.test("an audit that lacks a row is a bug wherever it is shown", () => {
  const { audit } = judged(outcomeOf(winner()));
  for (let i = 0; i < AUDIT_ROWS.length; i++) {
    assert.throws(() => checkAudit({ ...audit, rows: audit.rows.toSpliced(i, 1) }), /must have the rows/);
  }
  checkAudit(audit);
});

Deno.test("go needs every criterion met; what a backtest cannot measure is not met", () => {
  const { figures, sample, verdict, audit } = judged(outcomeOf(winner()));
  const page = (naivePnl: number | null, bankroll = 1000) =>
    goPage({
      ...{ figures, windows: sample.windows, verdict, assumedLatencyMsP95: 50 },
      naivePnl: naivePnl === null ? null : usdc(naivePnl),
      bankroll: usdc(bankroll * 1e6),
    });
  const state = (name: string, of = page(audit.naivePnl)) =>
    of.criteria.find((criterion) => criterion.name.includes(name))?.state;
  assert.equal(page(audit.naivePnl).go, false);
  assert.equal(state("audit"), "met");
  assert.equal(state("result at mids"), "met");
  assert.equal(state("result at mids", page(10 * figures.performance.totalPnl)), "not met");
  assert.equal(state("result at mids", page(-1)), "not met");
  assert.equal(state("latency"), "not measured");
  assert.equal(state("live trades"), "not measured");
  assert.equal(state("Sharpe"), "not measured", "five hours have no yearly ratio");
  assert.equal(state("trades"), "not met", "60 trades are no 100");
  assert.equal(state("drawdown"), "met");
});
