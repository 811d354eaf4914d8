/**
 * The flattery audit of a result: what is left of it when each of the usual flatteries is taken away, and whether anything
 * may be claimed. Every row of AUDIT_ROWS is always there; `checkAudit` trips where one is missing, so that no report can
 * be made without.
 */
import { invariant } from "../../core/errors.ts";
import { shuffleOutcomes, type ShuffleResult } from "../../core/stats/shuffle.ts";
import { seededRandom } from "../../core/random.ts";
import type { Usdc } from "../../core/units.ts";
import type { BacktestOutcome } from "./backtest.ts";
import type { StrategyTotals } from "./totals.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { type Candidate, headlinePicks, type Pick, type Sample, sampleOf } from "./splits.ts";
import { faultCount } from "./stamp_check.ts";
import { policyNeedsFast } from "./settings.ts";
import type { TreatmentName } from "./treatments.ts";

export const AUDIT_ROWS = [
  "aged100ms",
  "aged1s",
  "aged5s",
  "aged60s",
  "midPrices",
  "feesOff",
  "outcomesShuffled",
  "slow250ms",
  "lookAhead",
] as const;
export type AuditRowName = typeof AUDIT_ROWS[number];

/** `removes`: the row takes the result away. `informs`: it says how much, and decides nothing. */
export type Finding = "stands" | "removes" | "informs" | "none";

export interface AuditRow {
  readonly name: AuditRowName;
  readonly what: string;
  /** Result under the treatment and its interval; null where the row is not an amount. */
  readonly pnl: Usdc | null;
  readonly ci95: readonly [Usdc, Usdc] | null;
  readonly finding: Finding;
  readonly detail: string;
}

export const WHAT: Readonly<Record<AuditRowName, string>> = {
  aged100ms: "fast feed aged by 0.1 s",
  aged1s: "fast feed aged by 1 s",
  aged5s: "fast feed aged by 5 s",
  aged60s: "fast feed aged by 60 s",
  midPrices: "mid prices, no fee, no delay",
  feesOff: "the same fills without fees",
  outcomesShuffled: "outcomes shuffled",
  slow250ms: "every request 250 ms later",
  lookAhead: "look-ahead",
};

export interface Audit {
  readonly candidate: string;
  readonly complete: boolean;
  readonly rows: readonly AuditRow[];
  readonly shuffle: ShuffleResult | null;
  /** Result of wishful fills; null when the audit is not complete or nothing was traded. */
  readonly naivePnl: Usdc | null;
}

/** Trips unless every row is there, once and in order. */
export function checkAudit(audit: Rows): void {
  const names = audit.rows.map((row) => row.name);
  invariant(
    names.length === AUDIT_ROWS.length && AUDIT_ROWS.every((name, i) => names[i] === name),
    `the audit of ${audit.candidate} must have the rows ${AUDIT_ROWS.join(", ")}, it has ${names.join(", ")}`,
  );
}
type Rows = { readonly candidate: string; readonly rows: readonly { readonly name: string }[] };

type Cell = Omit<AuditRow, "name" | "what">;

const amount = (figures: Figures, finding: Finding, detail: string): Cell => ({
  pnl: figures.performance.totalPnl,
  ci95: figures.interval?.ci95 ?? null,
  finding,
  detail,
});

const nothing = (detail: string): Cell => ({ pnl: null, ci95: null, finding: "none", detail });

const aboveZero = (figures: Figures): boolean => (figures.interval?.ci95[0] ?? 0) > 0;

const NO_PROFIT = "there is no profit to take away";

/** A result must outlive what every live session has: a little delay. */
function mustStand(base: Figures, figures: Figures): Cell {
  if (base.performance.totalPnl <= 0) return amount(figures, "informs", NO_PROFIT);
  return aboveZero(figures)
    ? amount(figures, "stands", "its interval stays above zero")
    : amount(figures, "removes", "its interval is not above zero");
}

/** What was bought on the fast price must not be worth as much a minute later: then it is not the fast price that pays. */
function oldest(base: Figures, figures: Figures, needsFast: boolean): Cell {
  if (!needsFast) return amount(figures, "informs", "the strategy does not ask for the fast feed");
  if (base.performance.totalPnl <= 0) return amount(figures, "informs", NO_PROFIT);
  return figures.performance.totalPnl >= base.performance.totalPnl
    ? amount(figures, "removes", "the profit does not come from the fast feed it is said to come from")
    : amount(figures, "stands", "an old feed earns less");
}

function shuffleCell(base: Figures, shuffle: ShuffleResult | null): Cell {
  if (shuffle === null) return nothing("nothing was held to a settlement");
  const p = `${(shuffle.p * 100).toFixed(1)} % of ${shuffle.shuffles} deals do as well as the truth`;
  return {
    pnl: Math.round(shuffle.mean) as Usdc,
    ci95: [Math.round(shuffle.range95[0]) as Usdc, Math.round(shuffle.range95[1]) as Usdc],
    finding: base.performance.totalPnl <= 0 ? "informs" : shuffle.p <= 0.05 ? "stands" : "removes",
    detail: `${p}; ${shuffle.held} windows were held to the end`,
  };
}

function lookAheadCell(outcome: BacktestOutcome, picks: readonly Pick[], again: Totals): Cell {
  const faults = faultCount(outcome.faults);
  let decisions = 0;
  let differ = 0;
  for (const chosen of new Set(picks.map((pick) => pick.chosen))) {
    const other = again(chosen);
    decisions += chosen.decisions;
    differ += chosen.decisionHashes.filter((hash, i) => hash !== other.decisionHashes[i]).length;
  }
  return {
    ...nothing(
      `${decisions} decisions made again, each before the next event was read: ${
        differ === 0 ? "all the same" : `${differ} tapes differ`
      }; ${faults} events told before they could be known`,
    ),
    finding: differ === 0 && faults === 0 ? "stands" : "removes",
  };
}

type Totals = (chosen: StrategyTotals) => StrategyTotals;

/** Fees paid on the same fills are given back: nothing is decided anew. */
const withoutFees = (sample: Sample): Sample => ({
  ...sample,
  windows: sample.windows.map((window) => ({ ...window, pnl: (window.pnl + window.fees) as Usdc })),
});

function shuffled(outcome: BacktestOutcome, sample: Sample): ShuffleResult | null {
  return shuffleOutcomes(
    sample.windows.map((window) => ({
      group: `${window.tape}/${window.asset}/${window.duration}`,
      pnl: window.pnl,
      upShares: window.upShares,
      downShares: window.downShares,
      up: window.up,
    })),
    seededRandom(outcome.settings.seed),
  );
}

const rowsOf = (cell: (name: AuditRowName) => Cell): AuditRow[] =>
  AUDIT_ROWS.map((name) => ({ name, what: WHAT[name], ...cell(name) }));

/** The audit of a candidate on the windows it is judged on, or on those of given folds. */
export function auditOf(
  outcome: BacktestOutcome,
  candidate: Candidate,
  picks: readonly Pick[] = headlinePicks(candidate),
): Audit {
  const { treated, settings } = outcome;
  const common = { candidate: candidate.name, shuffle: null, naivePnl: null };
  if (treated === null) {
    return { ...common, complete: false, rows: rowsOf(() => nothing("interrupted before it was done")) };
  }
  if (picks.every(({ chosen }) => chosen.fills === 0)) {
    return { ...common, complete: true, rows: rowsOf(() => nothing("no trade: nothing to audit")) };
  }
  const under = (name: TreatmentName): Totals => (chosen) => treated.get(chosen.name)?.[name] ?? chosen;
  const figures = (name: TreatmentName) => figuresOf(sampleOf(picks, under(name)), settings.seed);
  const sample = sampleOf(picks, (chosen) => chosen);
  const base = figuresOf(sample, settings.seed);
  const shuffle = shuffled(outcome, sample);
  const naive = figures("naive");
  const needsFast = picks.some(({ chosen: { variant } }) =>
    variant.model !== undefined || policyNeedsFast(variant.strategy, settings.seed)
  );
  const cells: Record<AuditRowName, () => Cell> = {
    aged100ms: () => mustStand(base, figures("aged100ms")),
    aged1s: () => amount(figures("aged1s"), "informs", "how fast the profit fades"),
    aged5s: () => amount(figures("aged5s"), "informs", "how fast the profit fades"),
    aged60s: () => oldest(base, figures("aged60s"), needsFast),
    midPrices: () => amount(naive, "informs", "what a paper record at mids would have shown"),
    feesOff: () =>
      amount(figuresOf(withoutFees(sample), settings.seed), "informs", "what the venue's fees take"),
    outcomesShuffled: () => shuffleCell(base, shuffle),
    slow250ms: () => mustStand(base, figures("slow250ms")),
    lookAhead: () => lookAheadCell(outcome, picks, under("again")),
  };
  return {
    ...common,
    complete: true,
    rows: rowsOf((name) => cells[name]()),
    shuffle,
    naivePnl: naive.performance.totalPnl,
  };
}
