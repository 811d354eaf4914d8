/** Everything that is said about each candidate, from one place, so that `data`, text, page and CSV cannot disagree. */
import { type Overfitting, overfitting } from "../../core/stats/overfitting.ts";
import type { Deflated } from "../../core/stats/sharpe_inference.ts";
import type { BootstrapInterval } from "../../core/stats/bootstrap.ts";
import { parseQuantiles, quantileAt } from "../../core/exchange/latency.ts";
import { parseDecimal, type Usdc } from "../../core/units.ts";
import type { Config } from "../config/schema.ts";
import { type Audit, auditOf, checkAudit } from "./audit.ts";
import type { BacktestOutcome } from "./backtest.ts";
import type { TapeWindow } from "./totals.ts";
import { addForecasts, type Exposure, type Forecasts, newForecasts } from "./backtest_run.ts";
import { breakdownOf, type GroupRow } from "./breakdown.ts";
import { differenceOf, type Figures, figuresOf } from "./figures.ts";
import { type GoPage, goPage } from "./go_criteria.ts";
import { type Candidate, headlinePicks, type Pick, type Sample, sampleOf } from "./splits.ts";
import type { Trials } from "./trials.ts";
import { deflatedOf, type Verdict, verdictOf } from "./verdict.ts";

/** One way to count the money. */
export interface BasisRow {
  readonly basis: string;
  readonly pnl: Usdc | null;
}

/** A candidate on one set of windows. */
export interface Judgement {
  readonly name: string;
  /** `all windows`, `out of sample`, or the name of a held-out part. */
  readonly on: string;
  readonly sample: Sample;
  readonly figures: Figures;
  readonly audit: Audit;
  readonly deflated: Deflated | null;
  readonly against: readonly { readonly name: string; readonly difference: BootstrapInterval | null }[];
  readonly overfitting: Overfitting | null;
  readonly verdict: Verdict;
}

/** A candidate's headline, and what belongs to it alone. */
export interface Judged extends Judgement {
  readonly candidate: Candidate;
  readonly exposure: Exposure;
  readonly basis: readonly BasisRow[];
  readonly breakdown: readonly GroupRow[];
  readonly go: GoPage;
  /** The same for each asset that was held out. */
  readonly assets: readonly Judgement[];
}

export interface BaselineFigures {
  readonly name: string;
  readonly figures: Figures;
  readonly sample: Sample;
}

export interface Judgements {
  readonly judged: readonly Judged[];
  /** hold, market price and random on the same windows. */
  readonly baselines: readonly BaselineFigures[];
  /** On the windows that are judged. */
  readonly forecasts: Forecasts;
  readonly trials: Trials;
}

const keyOf = ({ tape, slug }: { tape: number; slug: string }): string => `${tape}/${slug}`;

function judgement(
  outcome: BacktestOutcome,
  trials: Trials,
  candidate: Candidate,
  { on, picks }: { readonly on: string; readonly picks: readonly Pick[] },
): Judgement {
  const { seed } = outcome.settings;
  const sample = sampleOf(picks, (chosen) => chosen);
  const figures = figuresOf(sample, seed);
  const audit = auditOf(outcome, candidate, picks);
  checkAudit(audit);
  const deflated = deflatedOf(figures, trials.count, trials.sharpes);
  const against = outcome.baselines.filter((baseline) => baseline.name !== candidate.name).map((
    baseline,
  ) => ({
    name: baseline.name,
    difference: differenceOf(sample, sampleOf(picks, () => baseline), seed),
  }));
  const order = candidate.variants[0]!.windows.map((_, i) => i)
    .sort((a, b) => candidate.variants[0]!.windows[a]!.endMs - candidate.variants[0]!.windows[b]!.endMs);
  const fitted = candidate.among < 2
    ? null
    : overfitting(candidate.variants.map((totals) => order.map((i) => totals.windows[i]!.pnl)));
  const verdict = verdictOf({ figures, audit, deflated, against, overfitting: fitted });
  return {
    name: candidate.name,
    on,
    sample,
    figures,
    audit,
    deflated,
    against,
    overfitting: fitted,
    verdict,
  };
}

function basisOf(outcome: BacktestOutcome, base: Judgement, candidate: Candidate): BasisRow[] {
  const { figures, sample, audit } = base;
  const pnl = figures.performance.totalPnl;
  const chosen = [...new Set(candidate.picks.map((pick) => pick.chosen))];
  const whole = outcome.settings.split.kind === "all";
  const sum = (of: (totals: Candidate["variants"][number]) => number) =>
    whole ? chosen.reduce((total, totals) => total + of(totals), 0) as Usdc : null;
  const bySource = (source: string) =>
    sample.windows.filter((window) =>
      outcome.tapes[window.tape]?.manifest.windows.find((one) => one.slug === window.slug)?.outcomeSource ===
        source
    ).reduce((total, window) => total + window.pnl, 0) as Usdc;
  return [
    { basis: "mid prices, no fee, no delay (not achievable)", pnl: audit.naivePnl },
    { basis: "executable prices, before fees", pnl: (pnl + figures.fees) as Usdc },
    { basis: "executable prices, after fees: the headline", pnl },
    { basis: "of it in windows whose outcome the venue stated", pnl: bySource("venue") },
    { basis: "of it in windows whose outcome is inferred", pnl: bySource("inferred") },
    { basis: "maker rebates, estimated, outside of the headline", pnl: sum((totals) => totals.rebates) },
    {
      basis: "positions without an outcome, at the last bid, outside of the headline",
      pnl: sum((totals) => totals.unsettledValue),
    },
  ];
}

function exposureOf(candidate: Candidate): Exposure {
  const all = [...new Set(candidate.picks.map((pick) => pick.chosen))].flatMap((totals) => totals.exposures);
  return all.reduce((a, b) => ({
    peak: Math.max(a.peak, b.peak) as Usdc,
    costMs: a.costMs + b.costMs,
    heldMs: a.heldMs + b.heldMs,
    totalMs: a.totalMs + b.totalMs,
  }), { peak: 0 as Usdc, costMs: 0, heldMs: 0, totalMs: 0 });
}

/** The slowest 5 % of orders under the configuration, an assumption of the model. */
export function assumedLatencyMsP95({ paper }: Config): number {
  const { orderLatencyMs, orderLatencyQuantiles } = paper;
  return orderLatencyQuantiles.length === 0
    ? orderLatencyMs
    : quantileAt(parseQuantiles(orderLatencyQuantiles), 0.95);
}

function forecastsOf(outcome: BacktestOutcome, windows: readonly TapeWindow[]): Forecasts {
  const keys = new Set(windows.map(keyOf));
  const forecasts = newForecasts();
  addForecasts(forecasts, outcome.forecasts.filter((forecast) => keys.has(keyOf(forecast))));
  return forecasts;
}

const HEADLINE = {
  all: "all windows",
  walkForward: "out of sample",
  heldOut: "held-out time",
} as const;

/** Judges every candidate. */
export function judgeAll(outcome: BacktestOutcome, config: Config, trials: Trials): Judgements {
  const { split, seed } = outcome.settings;
  const breakdown = breakdownOf(outcome);
  const bankroll = parseDecimal(config.paper.bankrollUsdc, 6) as Usdc;
  const judged = outcome.candidates.map((candidate): Judged => {
    const base = judgement(outcome, trials, candidate, {
      on: HEADLINE[split.kind],
      picks: headlinePicks(candidate),
    });
    return {
      ...base,
      candidate,
      exposure: exposureOf(candidate),
      basis: basisOf(outcome, base, candidate),
      breakdown: breakdown(base.sample.windows),
      go: goPage({
        ...{ figures: base.figures, windows: base.sample.windows, naivePnl: base.audit.naivePnl, bankroll },
        ...{ verdict: base.verdict, assumedLatencyMsP95: assumedLatencyMsP95(config) },
      }),
      assets: candidate.picks.filter(({ fold }) => fold.kind === "asset").map((pick) =>
        judgement(outcome, trials, candidate, { on: `held-out asset ${pick.fold.name}`, picks: [pick] })
      ),
    };
  });
  const picks = outcome.candidates[0] === undefined ? [] : headlinePicks(outcome.candidates[0]);
  return {
    judged,
    baselines: outcome.baselines.map((totals) => {
      const sample = sampleOf(picks, () => totals);
      return { name: totals.name, sample, figures: figuresOf(sample, seed) };
    }),
    forecasts: forecastsOf(outcome, sampleOf(picks, () => outcome.baselines[0]!).windows),
    trials,
  };
}
