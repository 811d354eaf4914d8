/** A backtest's outcome as `data`, as text and as the report's model. Everything but speed is the same in every run. */
import { createHash } from "node:crypto";
import {
  BRIER_FRACTIONS,
  brierRows,
  type BrierScore,
  differenceRows,
  reliability,
} from "../../core/stats/brier.ts";
import { assumptionValue } from "../../core/exchange/assumption.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import { type BootstrapInterval, bootstrapWindows } from "../../core/stats/bootstrap.ts";
import { type Performance, summarise } from "../../core/stats/performance.ts";
import { seededRandom } from "../../core/random.ts";
import { formatUsdc, type Ms, type Usdc } from "../../core/units.ts";
import type { CommandContext } from "../command.ts";
import {
  countText,
  facts,
  isoTime,
  moneyText,
  paint,
  percentText,
  signedMoneyText,
  table,
} from "../output.ts";
import type { BacktestReport, ForecasterScore } from "../report/model.ts";
import { VERSION } from "../version.ts";
import type { BacktestOutcome, StrategyTotals } from "./backtest.ts";
import { gateMeaning } from "./meanings.ts";
import { paperOptions } from "./settings.ts";

/** Where the outcomes of the windows come from: `none` are the windows left out. */
interface OutcomeCounts {
  readonly venue: number;
  readonly inferred: number;
  readonly none: number;
}

function outcomesOf(outcome: BacktestOutcome): OutcomeCounts {
  const windows = outcome.tapes.flatMap((tape) => tape.manifest.windows);
  const count = (source: "venue" | "inferred" | null) =>
    windows.filter((window) => window.outcomeSource === source).length;
  return { venue: count("venue"), inferred: count("inferred"), none: count(null) };
}

function basisOf(outcome: BacktestOutcome): string {
  const { venue, inferred, none } = outcomesOf(outcome);
  return "executable prices, fees included, per window offered; outcomes: " +
    `${venue} stated by the venue, ${inferred} inferred from last quotes, ${none} windows without one left out`;
}

interface Judged {
  readonly totals: StrategyTotals;
  readonly performance: Performance;
  readonly interval: BootstrapInterval | null;
}

function judge(outcome: BacktestOutcome): Judged[] {
  return outcome.strategies.map((totals) => {
    const pnl = totals.windows.map((window) => window.pnl);
    return {
      totals,
      performance: summarise(pnl, totals.tradePnl),
      interval: bootstrapWindows(pnl, seededRandom(outcome.settings.seed)),
    };
  });
}

/** The contract's `data` of `backtest`. Speed and memory come after the hash of everything that repeats exactly. */
export function backtestData(outcome: BacktestOutcome): Record<string, unknown> {
  const results = resultsOf(outcome);
  return {
    ...results,
    resultsHash: createHash("sha256").update(JSON.stringify(results)).digest("hex"),
    eventsPerSecond: eventsPerSecond(outcome),
    durationMs: Math.round(outcome.durationMs),
    replayMs: Math.round(outcome.replayMs),
    workers: outcome.workers,
    caches: outcome.tapes.map((tape) => tape.cache),
    peakRssBytes: outcome.peakRssBytes,
  };
}

/** Tape events per wall second of replaying, all strategies and workers together. */
export const eventsPerSecond = (outcome: BacktestOutcome): number =>
  Math.round(outcome.events / Math.max(0.001, outcome.replayMs / 1000));

function resultsOf(outcome: BacktestOutcome): Record<string, unknown> {
  return {
    strategies: judge(outcome).map(({ totals, performance, interval }) => ({
      name: totals.name,
      windows: performance.windows,
      trades: performance.trades,
      fills: totals.fills,
      orders: totals.orders,
      pnl: formatUsdc(performance.totalPnl),
      fees: formatUsdc(totals.fees),
      winRate: performance.winRate,
      profitFactor: performance.profitFactor,
      sharpe: performance.sharpePerWindow,
      maxDrawdown: formatUsdc(performance.maxDrawdown),
      ci95: interval === null ? null : interval.ci95.map((bound) => formatUsdc(bound)),
      best20ShareOfProfit: performance.best20ShareOfProfit,
      pnlWithoutBest20: formatUsdc(performance.pnlWithoutBest20),
      unsettled: { positions: totals.unsettledPositions, value: formatUsdc(totals.unsettledValue) },
      firstStop: totals.firstStop === null
        ? null
        : { ...totals.firstStop, pnlBefore: formatUsdc(totals.firstStop.pnlBefore) },
      notSent: Object.fromEntries([...totals.notSent].sort()),
      decisionHashes: totals.decisionHashes,
      ruined: totals.ruined,
      basis: basisOf(outcome),
    })),
    outcomes: outcomesOf(outcome),
    brier: {
      fractions: BRIER_FRACTIONS,
      market: brierRows(outcome.forecasts.market),
      fairValue: brierRows(outcome.forecasts.model),
      difference: differenceRows(outcome.forecasts.difference),
    },
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

/** The model of the HTML report. It holds no speed and no time of day: the same tapes give the same file. */
export function backtestReport(ctx: CommandContext, outcome: BacktestOutcome): BacktestReport {
  return {
    kind: "backtest",
    generatedAt: null,
    version: VERSION,
    venue: "recordings",
    basis: basisOf(outcome),
    warnings: [],
    title: `${outcome.strategies.length} strategies over ${outcome.tapes.length} tapes`,
    strategies: judge(outcome).map(({ totals, performance, interval }) => ({
      name: totals.name,
      note: outcome.sizing,
      performance,
      fees: totals.fees,
      fills: totals.fills,
      ci95: interval === null ? null : interval.ci95,
      basis: basisOf(outcome),
      windowEndMs: totals.windows.map((window) => window.endMs),
      windowPnl: totals.windows.map((window) => window.pnl),
      bankroll: Math.round(Number(ctx.config.paper.bankrollUsdc) * 1e6) as Usdc,
      notSent: [...totals.notSent].sort((a, b) => b[1] - a[1])
        .map(([code, count]) => ({ code, count, meaning: gateMeaning(code) })),
      firstStop: totals.firstStop === null
        ? null
        : { ...totals.firstStop, atMs: totals.firstStop.atMs as Ms },
    })),
    forecasters: [
      forecaster("market mid", outcome.forecasts.market),
      forecaster("fair value", outcome.forecasts.model),
    ],
    comparison: { a: "market mid", b: "fair value", rows: differenceRows(outcome.forecasts.difference) },
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
    seed: outcome.settings.seed,
  };
}

/** The table for people. */
export function backtestText(ctx: CommandContext, outcome: BacktestOutcome, report: string | null): string {
  const pen = paint(ctx.color);
  const judged = judge(outcome);
  const strategies = table({
    head: [
      "strategy",
      "windows",
      "trades",
      "pnl",
      "fees",
      "win rate",
      "sharpe/window",
      "max drawdown",
      "95 % interval",
    ],
    align: ["left", "right", "right", "right", "right", "right", "right", "right", "right"],
    color: ctx.color,
    rows: judged.map(({ totals, performance, interval }) => [
      totals.name,
      performance.windows,
      countText(performance.trades),
      performance.totalPnl < 0
        ? pen.red(signedMoneyText(performance.totalPnl))
        : signedMoneyText(performance.totalPnl),
      moneyText(totals.fees),
      performance.winRate === null ? "-" : percentText(performance.winRate),
      performance.sharpePerWindow === null ? "-" : performance.sharpePerWindow.toFixed(3),
      moneyText(performance.maxDrawdown),
      interval === null
        ? "-"
        : `${signedMoneyText(interval.ci95[0])} .. ${signedMoneyText(interval.ci95[1])}`,
    ]),
  });
  const market = brierRows(outcome.forecasts.market);
  const model = brierRows(outcome.forecasts.model);
  const difference = differenceRows(outcome.forecasts.difference);
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? "-" : value.toFixed(4);
  const brier = table({
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
  return [
    strategies,
    brier,
    pen.dim(`basis: ${basisOf(outcome)}`),
    facts([
      ["tapes", outcome.tapes.map((tape) => tape.name).join(", ")],
      ["events", countText(outcome.events)],
      ...(report === null ? [] : [["report", report] as const]),
    ], ctx.color),
  ].join("\n\n");
}
