/** A backtest's outcome as the model of its page. It holds no speed and no time of day: the same tapes, the same file. */
import { assumptionValue } from "../../core/exchange/assumption.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import {
  BRIER_FRACTIONS,
  brierRows,
  type BrierScore,
  differenceRows,
  reliability,
} from "../../core/stats/brier.ts";
import { type Ms, parseDecimal, type Usdc } from "../../core/units.ts";
import type { CommandContext } from "../command.ts";
import { isoTime } from "../output.ts";
import type { BacktestReport, Claims, Evidence, ForecasterScore, StrategyResult } from "../report/model.ts";
import { VERSION } from "../version.ts";
import type { BacktestOutcome } from "./backtest.ts";
import type { StrategyTotals } from "./totals.ts";
import { basisOf, meanExposure, outcomesOf } from "./backtest_results.ts";
import type { BaselineFigures, Judged, Judgement, Judgements } from "./judgement.ts";
import { gateMeaning } from "./meanings.ts";
import { paperOptions } from "./settings.ts";

function assumptions(ctx: CommandContext, outcome: BacktestOutcome): { name: string; value: string }[] {
  const { paper, risk } = ctx.config;
  const exchangeUnits = new ExchangeModel(paperOptions(ctx.config)).describe();
  return [
    ...exchangeUnits.map((unit) => ({
      name: unit.unit,
      value: `${assumptionValue(unit)}; errs ${unit.errs}`,
    })),
    { name: "fee schedule", value: "0.07 x p x (1-p) per share for takers, today's on every date" },
    { name: "sizing", value: outcome.sizing },
    { name: "bankroll", value: `${paper.bankrollUsdc} pUSD, anew for each tape` },
    { name: "signal age", value: `at most ${risk.maxSignalAgeMs} ms since the newest input` },
    { name: "stops", value: outcome.settings.stops ? "applied" : "noted, not applied" },
    { name: "outcome", value: "by the outcome in the recording; windows without one are not counted" },
    {
      name: "bankroll gone",
      value: outcome.settings.stops ? "ends trading" : "constant stakes go on; noted per strategy",
    },
  ];
}

/** What this run in particular cannot show. */
function ownLimits(outcome: BacktestOutcome): string[] {
  const lines: string[] = [];
  const { inferred, none } = outcomesOf(outcome);
  if (inferred + none > 0) {
    lines.push(
      `${inferred} outcomes are inferred from a window's last quotes and ${none} windows had no clear last quote and are ` +
        "left out: close calls are missing more often than clear ones, which flatters every forecaster.",
    );
  }
  for (const { name, ruined } of outcome.strategies) {
    if (ruined === null) continue;
    lines.push(
      `${name} had lost its bankroll on ${ruined.tape} at ${
        isoTime(ruined.atMs)
      }; what follows there is at constant stakes ` +
        "on credit that nobody would have given.",
    );
  }
  if (outcome.tapes.some((tape) => tape.fastPerMinute)) {
    lines.push("On tapes with one candle a minute the fair value works with a price up to two minutes old.");
  }
  return lines;
}

const forecaster = (name: string, score: BrierScore): ForecasterScore => ({
  name,
  rows: brierRows(score),
  reliability: BRIER_FRACTIONS.map((_, index) => reliability(score, index)),
});

const evidenceOf = ({ on, verdict, audit, deflated, against }: Judgement): Evidence => ({
  ...{ on, verdict, deflated, audit: { complete: audit.complete, rows: audit.rows } },
  against: against.map(({ name, difference }) => ({
    name,
    pnl: difference?.total ?? null,
    ci95: difference?.ci95 ?? null,
  })),
});

function claimsOf(judged: Judged): Claims {
  const { exposure, candidate } = judged;
  return {
    ...evidenceOf(judged),
    sharpeCi95: judged.figures.sharpe?.ci95 ?? null,
    overfitting: judged.overfitting,
    basis: judged.basis.map(({ basis, pnl }) => ({ name: basis, pnl, ci95: null })),
    exposure: {
      peak: exposure.peak,
      mean: meanExposure(exposure),
      timeInMarket: exposure.totalMs === 0 ? 0 : exposure.heldMs / exposure.totalMs,
    },
    breakdown: judged.breakdown,
    go: judged.go,
    choices: candidate.among < 2 ? [] : candidate.picks.map(({ fold, chosen, inSample }) => ({
      fold: fold.name,
      chosen: chosen.name,
      among: candidate.among,
      trainWindows: fold.train.length,
      testWindows: fold.test.length,
      inSample: (inSample?.pnl ?? null) as Usdc | null,
      outOfSample: fold.test.reduce((sum, i) => sum + chosen.windows[i]!.pnl, 0) as Usdc,
    })),
    assets: judged.assets.map((asset) => ({
      ...evidenceOf(asset),
      windows: asset.figures.performance.windows,
      trades: asset.figures.performance.trades,
      pnl: asset.figures.performance.totalPnl,
      ci95: asset.figures.interval?.ci95 ?? null,
    })),
  };
}

function resultOf(
  ctx: CommandContext,
  outcome: BacktestOutcome,
  of: Judged | BaselineFigures,
  totals: StrategyTotals | null,
): StrategyResult {
  const { name, figures, sample } = of;
  const claims = "candidate" in of ? claimsOf(of) : null;
  const notSent = totals?.notSent ?? new Map<string, number>();
  return {
    name,
    claims,
    note: claims === null ? "baseline" : outcome.sizing,
    performance: figures.performance,
    fees: figures.fees,
    fills: figures.fills,
    ci95: figures.interval?.ci95 ?? null,
    basis: basisOf(outcome),
    windowEndMs: sample.windows.map((window) => window.endMs),
    windowPnl: sample.windows.map((window) => window.pnl),
    bankroll: parseDecimal(ctx.config.paper.bankrollUsdc, 6) as Usdc,
    notSent: [...notSent].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([code, count]) => ({ code, count, meaning: gateMeaning(code) })),
    firstStop: totals === null || totals.firstStop === null
      ? null
      : { ...totals.firstStop, atMs: totals.firstStop.atMs as Ms },
  };
}

/** Strategies as they are judged, then the baselines that are not among them. */
function resultsOf(ctx: CommandContext, outcome: BacktestOutcome, judgements: Judgements): StrategyResult[] {
  const { judged, baselines } = judgements;
  const only = (one: Judged) => one.candidate.variants.length === 1 ? one.candidate.variants[0]! : null;
  const names = judged.map(({ name }) => name);
  return [
    ...judged.map((one) => resultOf(ctx, outcome, one, only(one))),
    ...baselines.filter(({ name }) => !names.includes(name)).map((one) =>
      resultOf(ctx, outcome, one, outcome.baselines.find((totals) => totals.name === one.name)!)
    ),
  ];
}

const TITLES = { all: "", walkForward: ", walk-forward", heldOut: ", held-out windows" } as const;

export function backtestReport(
  ctx: CommandContext,
  outcome: BacktestOutcome,
  judgements: Judgements,
): BacktestReport {
  const { forecasts, judged, trials } = judgements;
  const { split, seed } = outcome.settings;
  return {
    kind: "backtest",
    generatedAt: null,
    version: VERSION,
    venue: "recordings",
    basis: basisOf(outcome),
    warnings: outcome.treated === null
      ? [{ code: "AUDIT_INCOMPLETE", message: "The audit was interrupted: nothing here may be claimed." }]
      : [],
    title: `${judged.length} ${
      judged.length === 1 ? "strategy" : "strategies"
    } over ${outcome.tapes.length} tapes${TITLES[split.kind]}`,
    strategies: resultsOf(ctx, outcome, judgements),
    forecasters: [forecaster("market mid", forecasts.market), forecaster("fair value", forecasts.model)],
    comparison: { a: "market mid", b: "fair value", rows: differenceRows(forecasts.difference) },
    tapes: outcome.tapes.map((tape) => ({
      tape: tape.name,
      layout: tape.manifest.layout,
      windows: tape.manifest.windows.length,
      events: tape.events,
      fromMs: tape.manifest.from as Ms | null,
      toMs: tape.manifest.to as Ms | null,
      absent: tape.manifest.absent,
    })),
    assumptions: assumptions(ctx, outcome),
    limits: ownLimits(outcome),
    events: outcome.events,
    seed,
    trials: { count: trials.count, thisRun: trials.thisRun },
  };
}
