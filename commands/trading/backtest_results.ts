/** A backtest's outcome as `data`, as text and as the report's model. Everything but speed is the same in every run. */
import { createHash } from "node:crypto";
import { BRIER_FRACTIONS, brierRows, differenceRows, reliability } from "../../core/stats/brier.ts";
import { formatUsdc, type Usdc } from "../../core/units.ts";
import type { CommandContext } from "../command.ts";
import { countText, facts, moneyText, paint, percentText, signedMoneyText, table } from "../output.ts";
import { checkAudit } from "./audit.ts";
import type { BacktestOutcome } from "./backtest.ts";
import type { StrategyTotals } from "./totals.ts";
import { type Figures, figuresOf } from "./figures.ts";
import type { Judged, Judgement, Judgements } from "./judgement.ts";

/** Where the outcomes of the windows come from: `none` are the windows left out. */
interface OutcomeCounts {
  readonly venue: number;
  readonly inferred: number;
  readonly none: number;
}

export function outcomesOf(outcome: BacktestOutcome): OutcomeCounts {
  const windows = outcome.tapes.flatMap((tape) => tape.manifest.windows);
  const count = (source: "venue" | "inferred" | null) =>
    windows.filter((window) => window.outcomeSource === source).length;
  return { venue: count("venue"), inferred: count("inferred"), none: count(null) };
}

export function basisOf(outcome: BacktestOutcome): string {
  const { venue, inferred, none } = outcomesOf(outcome);
  return "executable prices, fees included, per window offered; outcomes: " +
    `${venue} stated by the venue, ${inferred} inferred from last quotes, ${none} windows without one left out`;
}

/** Sums up a strategy over everything it was run on. */
const whole = (outcome: BacktestOutcome, totals: StrategyTotals): Figures =>
  figuresOf({ windows: totals.windows, trades: totals.trades }, outcome.settings.seed);

/**
 * The contract's `data` of `backtest` and `evaluate`. `resultsHash` covers what the tapes and the configuration alone
 * decide: what depends on the trials of other runs stands after it, then speed and memory.
 */
export function backtestData(outcome: BacktestOutcome, judgements: Judgements): Record<string, unknown> {
  const results = resultsOf(outcome, judgements);
  const { trials } = judgements;
  return {
    ...results,
    resultsHash: createHash("sha256").update(JSON.stringify(results)).digest("hex"),
    trials: { count: trials.count, thisRun: trials.thisRun },
    verdicts: judgements.judged.flatMap((judged) => [judged, ...judged.assets].map(verdictData)),
    goNoGo: judgements.judged.map(({ name, go }) => ({ name, ...go })),
    eventsPerSecond: eventsPerSecond(outcome),
    durationMs: Math.round(outcome.durationMs),
    replayMs: Math.round(outcome.replayMs),
    workers: outcome.workers,
    caches: outcome.tapes.map((tape) => tape.cache),
    peakRssBytes: outcome.peakRssBytes,
  };
}

function verdictData({ name, on, verdict, deflated, overfitting }: Judgement): Record<string, unknown> {
  return { name, on, ...verdict, deflatedSharpe: deflated, overfitting };
}

/** Tape events per wall second of replaying, all strategies and workers together; the audit is not counted. */
export const eventsPerSecond = (outcome: BacktestOutcome): number =>
  Math.round(outcome.events / Math.max(0.001, outcome.replayMs / 1000));

function figuresData({ performance, interval, sharpe, fees, fills }: Figures): Record<string, unknown> {
  return {
    windows: performance.windows,
    trades: performance.trades,
    fills,
    pnl: formatUsdc(performance.totalPnl),
    fees: formatUsdc(fees),
    winRate: performance.winRate,
    profitFactor: performance.profitFactor,
    sharpe: performance.sharpePerWindow,
    sharpeCi95: sharpe?.ci95 ?? null,
    maxDrawdown: formatUsdc(performance.maxDrawdown),
    ci95: money2(interval?.ci95 ?? null),
    best20ShareOfProfit: performance.best20ShareOfProfit,
    pnlWithoutBest20: formatUsdc(performance.pnlWithoutBest20),
  };
}

const money2 = (range: readonly [Usdc, Usdc] | null): string[] | null =>
  range === null ? null : range.map((bound) => formatUsdc(bound));
const moneyOrNull = (value: Usdc | null): string | null => value === null ? null : formatUsdc(value);

function strategyData(outcome: BacktestOutcome, totals: StrategyTotals): Record<string, unknown> {
  const figures = whole(outcome, totals);
  return {
    name: totals.name,
    ...figuresData(figures),
    orders: totals.orders,
    // Fees beyond those of `figures` were paid in windows that no outcome settled, whose profit is not counted either.
    unsettled: {
      positions: totals.unsettledPositions,
      value: formatUsdc(totals.unsettledValue),
      fees: formatUsdc((totals.fees - figures.fees) as Usdc),
    },
    firstStop: totals.firstStop === null
      ? null
      : { ...totals.firstStop, pnlBefore: formatUsdc(totals.firstStop.pnlBefore) },
    notSent: Object.fromEntries([...totals.notSent].sort()),
    decisionHashes: totals.decisionHashes,
    ruined: totals.ruined,
    sample: outcome.settings.split.kind === "all" ? "all windows" : "in sample: parameters were chosen on it",
    basis: basisOf(outcome),
  };
}

function judgementData({ name, on, figures, audit, against }: Judgement): Record<string, unknown> {
  checkAudit(audit);
  return {
    name,
    on,
    ...figuresData(figures),
    against: against.map(({ name, difference }) => ({
      baseline: name,
      pnl: moneyOrNull(difference?.total ?? null),
      ci95: money2(difference?.ci95 ?? null),
    })),
    audit: {
      complete: audit.complete,
      rows: audit.rows.map((row) => ({ ...row, pnl: moneyOrNull(row.pnl), ci95: money2(row.ci95) })),
    },
  };
}

function judgedData(judged: Judged): Record<string, unknown> {
  const { exposure, candidate } = judged;
  return {
    ...judgementData(judged),
    pnlByBasis: judged.basis.map(({ basis, pnl }) => ({ basis, pnl: moneyOrNull(pnl) })),
    exposure: {
      peak: formatUsdc(exposure.peak),
      mean: formatUsdc(meanExposure(exposure)),
      timeInMarket: exposure.totalMs === 0 ? 0 : exposure.heldMs / exposure.totalMs,
    },
    breakdown: judged.breakdown.map((row) => ({
      ...row,
      pnl: formatUsdc(row.pnl),
      fees: formatUsdc(row.fees),
      ci95: money2(row.ci95),
    })),
    choices: candidate.among < 2 ? [] : candidate.picks.map(({ fold, chosen, inSample }) => ({
      fold: fold.name,
      kind: fold.kind,
      chosen: chosen.name,
      among: candidate.among,
      trainWindows: fold.train.length,
      testWindows: fold.test.length,
      inSamplePnl: moneyOrNull((inSample?.pnl ?? null) as Usdc | null),
      outOfSamplePnl: formatUsdc(
        fold.test.reduce((sum, i) => sum + chosen.windows[i]!.pnl, 0) as Usdc,
      ),
    })),
    assets: judged.assets.map(judgementData),
  };
}

export const meanExposure = ({ costMs, totalMs }: Judged["exposure"]): Usdc =>
  Math.round(totalMs === 0 ? 0 : costMs / totalMs) as Usdc;

function resultsOf(
  outcome: BacktestOutcome,
  { judged, baselines, forecasts }: Judgements,
): Record<string, unknown> {
  return {
    strategies: outcome.strategies.map((totals) => strategyData(outcome, totals)),
    judged: judged.map(judgedData),
    baselines: baselines.map(({ name, figures }) => ({ name, ...figuresData(figures) })),
    outcomes: outcomesOf(outcome),
    brier: {
      fractions: BRIER_FRACTIONS,
      market: brierRows(forecasts.market),
      fairValue: brierRows(forecasts.model),
      difference: differenceRows(forecasts.difference),
      reliability: BRIER_FRACTIONS.map((fraction, index) => ({
        fraction,
        market: reliability(forecasts.market, index),
        fairValue: reliability(forecasts.model, index),
      })),
    },
    lookAhead: outcome.faults,
    tapes: outcome.tapes.map((tape) => ({
      path: tape.name,
      layout: tape.manifest.layout,
      windows: tape.manifest.windows.length,
      events: tape.events,
      from: tape.manifest.from,
      to: tape.manifest.to,
      absent: tape.manifest.absent,
      unrecognised: tape.manifest.unrecognised,
      unknownTokens: tape.unknownTokens,
      outOfOrder: tape.outOfOrder,
    })),
    events: outcome.events,
    interrupted: outcome.interrupted,
  };
}

const FIGURE_HEAD = [
  "windows",
  "trades",
  "pnl",
  "95 % interval",
  "fees",
  "win rate",
  "sharpe",
  "max drawdown",
];

function figureCells(ctx: CommandContext, { performance, interval, fees }: Figures): (string | number)[] {
  const pen = paint(ctx.color);
  const pnl = signedMoneyText(performance.totalPnl);
  return [
    performance.windows,
    countText(performance.trades),
    performance.totalPnl < 0 ? pen.red(pnl) : pnl,
    interval === null ? "-" : `${signedMoneyText(interval.ci95[0])} .. ${signedMoneyText(interval.ci95[1])}`,
    moneyText(fees),
    performance.winRate === null ? "-" : percentText(performance.winRate),
    performance.sharpePerWindow === null ? "-" : performance.sharpePerWindow.toFixed(3),
    moneyText(performance.maxDrawdown),
  ];
}

function auditText(ctx: CommandContext, judgements: Judgements): string {
  const rows = judgements.judged.filter(({ figures }) => figures.fills > 0).map((
    { name, figures, audit },
  ) => [
    name,
    signedMoneyText(figures.performance.totalPnl),
    ...audit.rows.map((row) =>
      (row.pnl === null ? row.finding : signedMoneyText(row.pnl)) + (row.finding === "removes" ? " !" : "")
    ),
  ]);
  if (rows.length === 0) return "audit: no trade was made in a judged window, so there is nothing to audit";
  return table({
    head: [
      ...["audit", "as measured", "fast +0.1 s", "+1 s", "+5 s", "+60 s", "at mids", "no fees"],
      ...["shuffled", "+250 ms", "look-ahead"],
    ],
    align: ["left", ...Array.from({ length: 10 }, () => "right" as const)],
    color: ctx.color,
    rows,
  });
}

function brierText(ctx: CommandContext, { forecasts }: Judgements): string {
  const market = brierRows(forecasts.market);
  const model = brierRows(forecasts.model);
  const difference = differenceRows(forecasts.difference);
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? "-" : value.toFixed(4);
  return table({
    head: ["Brier at", "market mid", "n", "fair value", "n", "difference", "+/-"],
    align: ["left", "right", "right", "right", "right", "right", "right"],
    color: ctx.color,
    rows: BRIER_FRACTIONS.map((fraction, i) => [
      `${fraction * 100} % of the window`,
      number(market[i]?.brier),
      market[i]?.n ?? 0,
      number(model[i]?.brier),
      model[i]?.n ?? 0,
      number(difference[i]?.mean),
      number(difference[i]?.standardError),
    ]),
  });
}

/** The tables for people: results beside the baselines, the audit, the verdicts. */
export function backtestText(
  ctx: CommandContext,
  outcome: BacktestOutcome,
  judgements: Judgements,
  written: readonly (readonly [string, string])[],
): string {
  const pen = paint(ctx.color);
  const { judged, baselines, trials } = judgements;
  const shown = judged.map(({ name }) => name);
  const results = table({
    head: ["strategy", "judged on", ...FIGURE_HEAD],
    align: ["left", "left", ...FIGURE_HEAD.map(() => "right" as const)],
    color: ctx.color,
    rows: [
      ...judged.flatMap((one) => [one, ...one.assets]).map(({ name, on, figures }) => [
        ...[name, on],
        ...figureCells(ctx, figures),
      ]),
      ...baselines.filter(({ name }) => !shown.includes(name)).map(({ name, figures }) => [
        ...[name, "baseline"],
        ...figureCells(ctx, figures),
      ]),
    ],
  });
  const verdicts = judged.map(({ name, verdict }) =>
    `${pen.bold(name)}: ${verdict.claim === "edge" ? verdict.text : pen.yellow(verdict.text)}`
  );
  return [
    results,
    auditText(ctx, judgements),
    verdicts.join("\n"),
    brierText(ctx, judgements),
    pen.dim(`basis: ${basisOf(outcome)}`),
    facts([
      ["tapes", outcome.tapes.map((tape) => tape.name).join(", ")],
      ["events", countText(outcome.events)],
      ["trials", `${trials.count} on these tapes, ${trials.thisRun} of them in this run`],
      ...written,
    ], ctx.color),
  ].join("\n\n");
}
