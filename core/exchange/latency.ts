/**
 * How long things take between us and the venue: a request on its way there (order), its answer on its way back
 * (response), and the market data we decide on (feed).
 *
 * Assumes that every message draws its time independently of the market and of its neighbours. Errs towards us in bursts:
 * in real life the slow messages come together, and when prices move. A constant errs towards us more than a histogram,
 * because the slow tail is where a taker's price has gone.
 */
import { OperationError } from "../errors.ts";
import type { Random } from "../random.ts";
import type { Assumption } from "./assumption.ts";

export interface LatencyModel {
  /** Milliseconds of the next message, zero or more, may be fractional. */
  sample(): number;
  readonly name: string;
  readonly parameters: Assumption["parameters"];
}

const ERRS: Readonly<Record<string, string>> = {
  constant: "towards us: no slow tail",
  histogram: "towards us in bursts: draws are independent of the market",
};

/** Every message takes `ms`. */
export const constantLatency = (ms: number): LatencyModel => ({
  sample: () => ms,
  name: "constant",
  parameters: { ms },
});

/** A quantile of a recorded latency: the share `q` (0..1) of messages took at most `ms`. */
export interface Quantile {
  readonly q: number;
  readonly ms: number;
}

/** A bucket of a recorded histogram: `count` messages took at most `toMs` and more than the bucket before. */
export interface Bucket {
  readonly toMs: number;
  readonly count: number;
}

function invalid(what: string, current: unknown): OperationError {
  return new OperationError({
    code: "LATENCY_INVALID",
    message: `Cannot use a latency histogram as given: ${what}, current value is ${JSON.stringify(current)}`,
    hint:
      "Quantiles rise from 0 to 1 and their milliseconds never fall, for example 0:20 0.5:45 0.99:180 1:400.",
    exit: 2,
  });
}

/** Checks quantiles: at least two, `q` rising from 0 to 1, `ms` not falling. Throws LATENCY_INVALID. */
export function checkQuantiles(quantiles: readonly Quantile[]): readonly Quantile[] {
  if (quantiles.length < 2) throw invalid("fewer than two quantiles", quantiles);
  if (quantiles[0]!.q !== 0 || quantiles.at(-1)!.q !== 1) {
    throw invalid("it must reach from 0 to 1", quantiles);
  }
  for (let i = 0; i < quantiles.length; i++) {
    const { q, ms } = quantiles[i]!;
    if (!Number.isFinite(ms) || ms < 0) throw invalid("milliseconds must be zero or more", ms);
    const before = quantiles[i - 1];
    if (before !== undefined && !(q > before.q)) throw invalid("quantiles must rise", q);
    if (before !== undefined && ms < before.ms) throw invalid("milliseconds must not fall", ms);
  }
  return quantiles;
}

/** Reads `q:ms` texts, the form of the configuration ("0.5:45"). Throws LATENCY_INVALID. */
export function parseQuantiles(texts: readonly string[]): readonly Quantile[] {
  return checkQuantiles(texts.map((text) => {
    const match = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(text.trim());
    if (match === null) throw invalid("each entry is q:ms", text);
    return { q: Number(match[1]), ms: Number(match[2]) };
  }));
}

/** Cumulated quantiles of counted buckets, the first starting at `fromMs`. Throws LATENCY_INVALID. */
export function quantilesOf(buckets: readonly Bucket[], fromMs = 0): readonly Quantile[] {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  if (!(total > 0)) throw invalid("the buckets are empty", buckets);
  const quantiles: Quantile[] = [{ q: 0, ms: fromMs }];
  let seen = 0;
  for (const { toMs, count } of buckets) {
    if (!Number.isInteger(count) || count < 0) throw invalid("counts must be whole numbers", count);
    if (count === 0) continue;
    seen += count;
    quantiles.push({ q: seen === total ? 1 : seen / total, ms: toMs });
  }
  return checkQuantiles(quantiles);
}

/** Value of a uniform number under quantiles, linear between them. */
export function quantileAt(quantiles: readonly Quantile[], u: number): number {
  let i = 1;
  while (i < quantiles.length - 1 && quantiles[i]!.q < u) i++;
  const low = quantiles[i - 1]!;
  const high = quantiles[i]!;
  return low.ms + (high.ms - low.ms) * Math.min(1, Math.max(0, (u - low.q) / (high.q - low.q)));
}

/** Draws from a recorded distribution, linear between its quantiles. One draw of `random` a message. */
export function histogramLatency(quantiles: readonly Quantile[], random: Random): LatencyModel {
  checkQuantiles(quantiles);
  return {
    sample: () => quantileAt(quantiles, random()),
    name: "histogram",
    parameters: { quantiles: quantiles.map(({ q, ms }) => `${q}:${ms}`).join(" ") },
  };
}

/** A stage as a latency measurement states it, in microseconds. */
export interface MeasuredStage {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Quantiles of a measured stage. What lies below the median was not reported and counts as the median, so the result errs
 * against us.
 */
export function measuredQuantiles({ p50, p95, p99, max }: MeasuredStage): readonly Quantile[] {
  return checkQuantiles([[0, p50], [0.5, p50], [0.95, p95], [0.99, p99], [1, max]]
    .map(([q, us]) => ({ q: q!, ms: us! / 1000 })));
}

export const describeLatency = (unit: string, model: LatencyModel): Assumption => ({
  unit,
  name: model.name,
  parameters: model.parameters,
  errs: unit === "feed latency" && model.name === "constant" && model.parameters.ms === 0
    ? "towards us: the venue's book is as old as ours"
    : ERRS[model.name] ?? "as the given model does",
});
