/** May anything be claimed? An edge is claimed only when nothing below speaks against it; else the reasons are listed. */
import type { BootstrapInterval } from "../../core/stats/bootstrap.ts";
import type { Overfitting } from "../../core/stats/overfitting.ts";
import { deflate, type Deflated } from "../../core/stats/sharpe_inference.ts";
import type { Audit } from "./audit.ts";
import type { Figures } from "./figures.ts";

/** A chance of being above the benchmark that counts as evidence. */
const CONFIDENCE = 0.95;

export interface Reason {
  readonly code: string;
  readonly text: string;
}

export interface Verdict {
  /** `edge`: nothing speaks against it. `none`: a loss, or something does. `undecided`: interrupted, or nothing was traded. */
  readonly claim: "edge" | "none" | "undecided";
  readonly text: string;
  readonly reasons: readonly Reason[];
}

export interface Evidence {
  readonly figures: Figures;
  readonly audit: Audit;
  readonly deflated: Deflated | null;
  /** How much more it earned than each baseline on the same windows. */
  readonly against: readonly { readonly name: string; readonly difference: BootstrapInterval | null }[];
  /** null without a sweep, or where a sweep is too small to ask. */
  readonly overfitting: Overfitting | null;
}

/** Trials that are counted deflate the ratio; null below three settlements or without spread. */
export const deflatedOf = (figures: Figures, trials: number, sharpes: readonly number[]): Deflated | null =>
  figures.sharpe === null ? null : deflate(figures.sharpe, Math.max(1, trials), sharpes);

function reasonsOf({ figures, audit, deflated, against, overfitting }: Evidence): Reason[] {
  const { performance, interval } = figures;
  const reasons: Reason[] = [];
  const say = (code: string, text: string) => reasons.push({ code, text });
  if (performance.totalPnl <= 0) say("LOSS", "it lost money or earned nothing");
  if (interval === null) say("TOO_FEW_WINDOWS", "there are too few windows for an interval");
  else if (interval.ci95[0] <= 0 && performance.totalPnl > 0) {
    say("INTERVAL_HAS_ZERO", "the 95 % interval of its result contains zero");
  }
  if (performance.totalPnl > 0 && (deflated === null || deflated.dsr < CONFIDENCE)) {
    say(
      "DEFLATED",
      deflated === null
        ? "there is no Sharpe ratio to deflate"
        : `after ${deflated.trials} trials the chance of a Sharpe ratio above luck's best is ${
          (deflated.dsr * 100).toFixed(0)
        } %, below ${CONFIDENCE * 100} %`,
    );
  }
  for (const { name, difference } of against) {
    if (performance.totalPnl > 0 && (difference === null || difference.ci95[0] <= 0)) {
      say("NO_BETTER_THAN_BASELINE", `it is not clearly better than ${name} on the same windows`);
    }
  }
  for (const row of audit.rows) {
    if (row.finding === "removes" && performance.totalPnl > 0) {
      say("AUDIT_REMOVES", `${row.what}: ${row.detail}`);
    }
  }
  for (const row of audit.rows) {
    if (row.name === "lookAhead" && row.finding === "removes" && performance.totalPnl <= 0) {
      say("AUDIT_REMOVES", `${row.what}: ${row.detail}`);
    }
  }
  if (overfitting !== null && overfitting.probability > 0.5 && performance.totalPnl > 0) {
    say("OVERFITTED", "the best of the past is more often than not below the median afterwards");
  }
  return reasons;
}

/** The verdict, whose text never says more than the evidence does. */
export function verdictOf(evidence: Evidence): Verdict {
  const { audit, figures } = evidence;
  if (!audit.complete) {
    const reasons = [{ code: "AUDIT_INCOMPLETE", text: "the audit was interrupted" }];
    return { claim: "undecided", text: "No verdict: the audit was interrupted.", reasons };
  }
  if (figures.performance.windows === 0) {
    const reasons = [{ code: "TOO_FEW_WINDOWS", text: "there is no window to judge it on" }];
    return { claim: "undecided", text: "No verdict: there is no window to judge it on.", reasons };
  }
  if (figures.performance.trades === 0 && figures.fills === 0) {
    const reasons = [{ code: "NO_TRADES", text: "it made no trade" }];
    return { claim: "undecided", text: "It made no trade: nothing is shown either way.", reasons };
  }
  const reasons = reasonsOf(evidence);
  if (reasons.length === 0) {
    const text = "Its result survives the audit on these windows. That is evidence, not a promise.";
    return { claim: "edge", text, reasons };
  }
  return {
    claim: "none",
    text: `No edge shown: ${reasons.map((reason) => reason.text).join("; ")}.`,
    reasons,
  };
}
