/**
 * Fits parameters of the exchange model to parity ledgers. Every fit says on how many samples it rests; below what it
 * needs, or where the ledger cannot tell, the configured value is kept and the reason is said.
 */
import { IMPACT_NAMES, type ImpactName } from "../../core/exchange/impact.ts";
import type { ParityRow } from "../../core/exchange/parity_row.ts";
import { QUEUE_NAMES, type QueueName } from "../../core/exchange/queue.ts";
import { quantile } from "../../core/stats/bootstrap.ts";
import { wilsonInterval } from "../../core/stats/ratio_interval.ts";
import type { Config } from "../config/schema.ts";
import type { Fit, MeasuredPaper } from "./exchange_model_file.ts";
import { type LatencyEvidence, latencyEvidence } from "./parity_latency.ts";

/** A resting order under each queue model: how much of it would have been filled, 0..1, and how much was. */
export interface QueueTrial {
  readonly actual: number;
  readonly predicted: Readonly<Record<QueueName, number>>;
}

export interface Evidence {
  /** Rows of all sessions. */
  readonly rows: readonly ParityRow[];
  /** Rows of sessions at a venue, whose market data has our own fills in it. */
  readonly liveRows: readonly ParityRow[];
  readonly queue: readonly QueueTrial[];
}

export interface FitResult {
  readonly paper: MeasuredPaper;
  readonly fits: readonly Fit[];
}

/** Samples below which nothing is fitted. */
export const NEEDED = {
  latency: 30,
  hold: 20,
  queue: 20,
  settlementTime: 20,
  /** With none undone among so many the rate is below 4 %. */
  settlementRate: 100,
  impact: 20,
} as const;
/** Log likelihood by which another queue model must lead: more than one order in a few dozen can bring. */
export const QUEUE_LEAD = 5;
const GRID = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1] as const;

type Part = { readonly paper: MeasuredPaper; readonly fit: Fit };

const kept = (name: string, samples: number, needed: number, value: string, note?: string): Part => ({
  paper: {},
  fit: {
    name,
    status: "kept",
    samples,
    needed,
    value,
    note: note ?? `too few samples: ${samples} of ${needed}; the configured value stays`,
  },
});
const fitted = (paper: MeasuredPaper, fit: Omit<Fit, "status">): Part => ({
  paper,
  fit: { ...fit, status: "fitted" },
});

/** Quantiles of spans in ms as `q:ms` texts, to a tenth. */
export function quantileTexts(spans: readonly number[]): string[] {
  const sorted = Float64Array.from(spans, (span) => Math.max(0, span)).sort();
  return GRID.map((q) => `${q}:${Math.round(quantile(sorted, q) * 10) / 10}`);
}

const middle = (spans: readonly number[]): number => quantile(Float64Array.from(spans).sort(), 0.5);

function latencies({ order, response, how }: LatencyEvidence): Part[] {
  const one = (
    name: string,
    key: "orderLatencyQuantiles" | "responseLatencyQuantiles",
    spans: readonly number[],
  ) => {
    if (spans.length < NEEDED.latency) return kept(name, spans.length, NEEDED.latency, "as configured");
    const texts = quantileTexts(spans);
    return fitted({ [key]: texts }, {
      name,
      samples: spans.length,
      needed: NEEDED.latency,
      value: `median ${Math.round(middle(spans))} ms, ${texts.join(" ")}`,
      note: how,
    });
  };
  return [
    one("order latency", "orderLatencyQuantiles", order),
    one("response latency", "responseLatencyQuantiles", response),
  ];
}

function hold({ holds, holdNote }: LatencyEvidence, configured: number): Part {
  const value = `${configured} ms`;
  if (holdNote !== null) return kept("taker hold", holds.length, NEEDED.hold, value, holdNote);
  if (holds.length < NEEDED.hold) return kept("taker hold", holds.length, NEEDED.hold, value);
  const ms = Math.max(0, Math.round(middle(holds)));
  return fitted({ takerHoldMs: ms }, {
    name: "taker hold",
    samples: holds.length,
    needed: NEEDED.hold,
    value: `${ms} ms`,
    note: "median of marketable orders' answers beyond the latency of orders that were not held",
  });
}

/** Logarithm of the gamma function for x > 0 (Lanczos, g = 7, n = 9). */
function lnGamma(x: number): number {
  const c = [
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
  ];
  const t = x + 6.5;
  let sum = c[0]!;
  for (let i = 1; i < c.length; i++) sum += c[i]! / (x + i - 1);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}
const lnBeta = (a: number, b: number): number => lnGamma(a) + lnGamma(b) - lnGamma(a + b);

/**
 * Log likelihood of what happened under a queue model that errs in a share of orders, that share being unknown and
 * probably small: Beta(1, 9) before the orders were seen. An order filled in part errs in part.
 */
export function queueLikelihood(trials: readonly QueueTrial[], name: QueueName): number {
  const wrong = trials.reduce((sum, { actual, predicted }) => sum + Math.abs(predicted[name] - actual), 0);
  return lnBeta(1 + wrong, 9 + trials.length - wrong) - lnBeta(1, 9);
}

function queue(trials: readonly QueueTrial[], configured: QueueName): Part {
  const n = trials.length;
  if (n < NEEDED.queue) return kept("queue", n, NEEDED.queue, configured);
  const scores = QUEUE_NAMES.map((name) => ({ name, score: queueLikelihood(trials, name) }));
  const note = `log likelihood ${scores.map(({ name, score }) => `${name} ${score.toFixed(1)}`).join(", ")}`;
  // Equal scores: the earlier of the list, and those that err against us stand before `proportional`.
  const best = scores.reduce((a, b) => b.score > a.score ? b : a);
  const own = scores.find(({ name }) => name === configured)!;
  if (best.score - own.score < QUEUE_LEAD) {
    return best.name === own.name || best.score === own.score
      ? fitted({ queue: configured }, {
        name: "queue",
        samples: n,
        needed: NEEDED.queue,
        value: configured,
        note,
      })
      : kept("queue", n, NEEDED.queue, configured, `${note}: no other leads by ${QUEUE_LEAD}`);
  }
  return fitted({ queue: best.name }, {
    name: "queue",
    samples: n,
    needed: NEEDED.queue,
    value: best.name,
    note,
  });
}

function settlement(rows: readonly ParityRow[], { paper }: Pick<Config, "paper">): Part[] {
  const spans = rows.flatMap((row) => row.actual.settleMs);
  const undone = rows.reduce((sum, row) => sum + row.actual.undone, 0);
  const matches = undone + rows.reduce((sum, row) => sum + row.actual.settled, 0);
  const [low, high] = wilsonInterval(undone, matches);
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
  const range = `95 % interval ${percent(low)} to ${percent(high)}`;
  const rateName = "settlement failure rate";
  return [
    spans.length < NEEDED.settlementTime
      ? kept("settlement time", spans.length, NEEDED.settlementTime, `${paper.settlementMs} ms`)
      : fitted({ settlementMs: Math.round(middle(spans)) }, {
        name: "settlement time",
        samples: spans.length,
        needed: NEEDED.settlementTime,
        value: `${Math.round(middle(spans))} ms`,
        note: "median from match to decision",
      }),
    matches < NEEDED.settlementRate
      ? kept(
        rateName,
        matches,
        NEEDED.settlementRate,
        percent(paper.settlementFailureRate),
        `too few samples: ${undone} of ${matches} undone, ${range}; the configured value stays`,
      )
      : fitted({ settlementFailureRate: undone / matches }, {
        name: rateName,
        samples: matches,
        needed: NEEDED.settlementRate,
        value: percent(undone / matches),
        note: `${undone} of ${matches} undone, ${range} (Wilson)`,
      }),
  ];
}

/** Share of what we took that was displayed again at each markout; null where nobody looked. */
function refills({ level }: ParityRow): (number | null)[] {
  if (level === null || level.before <= 0) return [];
  const { taken, before, after } = level;
  const left = Math.max(0, before - taken);
  return after.map((shown) =>
    shown === null ? null : Math.min(1, Math.max(0, shown - left) / Math.min(taken, before))
  );
}

function impact(rows: readonly ParityRow[], live: number, configured: ImpactName): Part {
  const seen = rows.map(refills).filter((shares) =>
    shares.length > 0 && shares.every((share) => share !== null)
  );
  const n = seen.length;
  if (live === 0) {
    const note = "recorded books never met our fills: only sessions at a venue tell what becomes of a level";
    return kept("impact", 0, NEEDED.impact, configured, note);
  }
  if (n < NEEDED.impact) return kept("impact", n, NEEDED.impact, configured);
  const means = [0, 1, 2].map((i) => seen.reduce((sum, shares) => sum + (shares[i] ?? 0), 0) / n);
  const name: ImpactName = means[0]! >= 0.5
    ? "untilRestated"
    : means[2]! >= 0.5
    ? "untilSnapshot"
    : "persistent";
  const [s1, s5, s30] = means.map((mean) => `${Math.round(mean * 100)} %`);
  return fitted({ impact: IMPACT_NAMES.find((one) => one === name)! }, {
    name: "impact",
    samples: n,
    needed: NEEDED.impact,
    value: name,
    note: `of what we took ${s1} was back after 1 s, ${s5} after 5 s, ${s30} after 30 s`,
  });
}

/** Fits everything that the evidence supports; `config` has the values that are kept otherwise. */
export function fitExchangeModel(evidence: Evidence, config: Pick<Config, "paper">): FitResult {
  const { rows, liveRows } = evidence;
  const delays = latencyEvidence(rows, config.paper.takerHoldMs);
  const parts = [
    ...latencies(delays),
    hold(delays, config.paper.takerHoldMs),
    queue(evidence.queue, config.paper.queue),
    impact(liveRows, liveRows.length, config.paper.impact),
    ...settlement(rows, config),
  ];
  return {
    paper: Object.assign({}, ...parts.map((part) => part.paper)) as MeasuredPaper,
    fits: parts.map((part) => part.fit),
  };
}
