/** What a probe found, as a file: stages, budget, and the latency model that `backtest --latency` uses. */
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import { measuredQuantiles, parseQuantiles } from "../../core/exchange/latency.ts";
import { LEGS } from "../../feeds/probe/legs.ts";
import type { Config } from "../config/schema.ts";
import type { StageNumbers } from "../trading/latency.ts";

export const PROBE_SCHEMA = "poly-edge-probe/1";

const us = z.number().nonnegative();
const numbersSchema = z.strictObject({ p50: us, p95: us, p99: us, max: us, n: z.int().positive() });
const quantilesSchema = z.array(z.string()).min(2).refine((texts) => {
  try {
    return parseQuantiles(texts).length > 1;
  } catch {
    return false;
  }
}, { error: "must be quantiles q:ms that rise from 0 to 1" });

const failureShape = { code: z.string(), message: z.string() };
const addressSchema = z.strictObject({ address: z.string(), family: z.union([z.literal(4), z.literal(6)]) });

const hostSchema = z.strictObject({
  name: z.string(),
  host: z.string(),
  /** Addresses of both families that the name has; none when it is an address. */
  resolved: z.array(addressSchema),
  used: addressSchema.nullable(),
  failure: z.strictObject({ leg: z.enum(LEGS), ...failureShape }).nullable(),
});

const caseSchema = z.strictObject({
  version: z.enum(["HTTP/1.1", "HTTP/2"]),
  state: z.enum(["cold", "warm"]),
  /** Without credentials. */
  proxy: z.string().nullable(),
  /** Up to the failure, if there was one. */
  numbers: numbersSchema.nullable(),
  failure: z.strictObject(failureShape).nullable(),
});

const probeSchema = z.strictObject({
  schema: z.literal(PROBE_SCHEMA),
  at: z.string(),
  /** Name of the host or region, chosen by who ran it. */
  label: z.string(),
  venue: z.string(),
  clockOffsetMs: z.number().nullable(),
  roundTripMs: z.number().nullable(),
  /** Microseconds. */
  stages: z.record(z.string(), numbersSchema),
  /** Empty when the configured way is a proxy. */
  hosts: z.array(hostSchema),
  clients: z.array(caseSchema),
  /** Whether real orders were sent, or their way was put together of its legs. */
  orders: z.boolean(),
  budget: z.strictObject({
    goMs: z.number(),
    noGoMs: z.number(),
    totalP50Ms: z.number(),
    totalP95Ms: z.number(),
    waterfall: z.array(z.strictObject({ stage: z.string(), p50Ms: z.number(), p95Ms: z.number() })),
    /** Stages of the way that were not measured: the figures are too good, so the verdict is never `go`. */
    missing: z.array(z.string()),
  }),
  verdict: z.enum(["go", "marginal", "no-go"]),
  /** Keys of the section `paper`; what was not measured is left as it is there. */
  model: z.strictObject({
    feedLatencyQuantiles: quantilesSchema.optional(),
    orderLatencyQuantiles: quantilesSchema,
    responseLatencyQuantiles: quantilesSchema,
  }),
});
export type ProbeResult = z.infer<typeof probeSchema>;
export type Stages = Readonly<Record<string, StageNumbers>>;

/** Reads a probe's file. Throws LATENCY_FILE_INVALID (exit 2). */
export function readProbe(path: string): ProbeResult {
  let why: string;
  try {
    const parsed = probeSchema.safeParse(JSON.parse(Deno.readTextFileSync(path)));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    why = `${issue?.path.join(".") || "file"}: ${issue?.message}`;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new OperationError({
    code: "LATENCY_FILE_INVALID",
    message: `Cannot read ${path} as a latency probe: ${why}`,
    hint: "`poly-edge latency-probe --out FILE` writes one.",
    exit: 2,
  });
}

/** The configuration with the probe's latencies in place of its own. */
export function withLatency(config: Config, probe: ProbeResult): Config {
  const { feedLatencyQuantiles, ...orders } = probe.model;
  const feed = feedLatencyQuantiles === undefined ? {} : { feedLatencyQuantiles };
  return { ...config, paper: { ...config.paper, ...orders, ...feed } };
}

const texts = (of: StageNumbers): string[] =>
  // A quantile is given once; figures of few samples may coincide, and may not fall.
  measuredQuantiles(of).map(({ q, ms }) => `${q}:${Math.round(ms * 1000) / 1000}`);

const scaled = (of: StageNumbers, factor: number): StageNumbers => ({
  p50: of.p50 * factor,
  p95: of.p95 * factor,
  p99: of.p99 * factor,
  max: of.max * factor,
  n: of.n,
});
const plus = (a: StageNumbers, b: StageNumbers): StageNumbers => ({
  p50: a.p50 + b.p50,
  p95: a.p95 + b.p95,
  p99: a.p99 + b.p99,
  max: a.max + b.max,
  n: Math.min(a.n, b.n),
});
const NOTHING: StageNumbers = { p50: 0, p95: 0, p99: 0, max: 0, n: 1 };

/**
 * The stages an order passes from the tick to its acknowledgement: the age of the book when it reaches us, the signature, the
 * row on disk, the round trip (that of real orders when there were some). Percentiles are added, which errs against us.
 * A stage that was not measured is named as missing. Throws PROBE_INCOMPLETE without any round trip.
 */
export function budgetOf(
  stages: Stages,
  limits: { readonly goMs: number; readonly noGoMs: number },
): Pick<ProbeResult, "budget" | "verdict" | "model"> {
  const trip = stages["order"] ?? stages["clob.keepAlive"] ?? stages["clob.warm"];
  if (trip === undefined) {
    throw new OperationError({
      code: "PROBE_INCOMPLETE",
      message: "Cannot judge the latency: the venue's order host did not answer",
      hint: "Check the network, --proxy and --venue.",
    });
  }
  const feed = stages["feed.polymarket.market"];
  const sign = stages["sign"];
  const journal = stages["journal"];
  const parts = [["feed", feed], ["sign", sign], ["journal", journal], ["round trip", trip]] as const;
  const measured = parts.flatMap(([stage, of]) => of === undefined ? [] : [{ stage, of }]);
  const missing = parts.flatMap(([stage, of]) => of === undefined ? [stage] : []);
  const ms = (value: number) => Math.round(value / 10) / 100;
  const total = measured.reduce((sum, { of }) => plus(sum, of), NOTHING);
  const [totalP50Ms, totalP95Ms] = [ms(total.p50), ms(total.p95)];
  const good = totalP95Ms < limits.goMs && missing.length === 0;
  return {
    budget: {
      goMs: limits.goMs,
      noGoMs: limits.noGoMs,
      totalP50Ms,
      totalP95Ms,
      waterfall: measured.map(({ of, stage }) => ({ stage, p50Ms: ms(of.p50), p95Ms: ms(of.p95) })),
      missing,
    },
    verdict: good ? "go" : totalP95Ms <= limits.noGoMs ? "marginal" : "no-go",
    model: {
      ...(feed === undefined ? {} : { feedLatencyQuantiles: texts(feed) }),
      orderLatencyQuantiles: texts(
        plus(plus(sign ?? NOTHING, journal ?? NOTHING), scaled(trip, 0.5)),
      ),
      responseLatencyQuantiles: texts(scaled(trip, 0.5)),
    },
  };
}
