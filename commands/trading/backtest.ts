/** A backtest: every strategy over every tape, the tapes over the cores, the results in the order of the tapes. */
import { invariant } from "../../core/errors.ts";
import type { Manifest } from "../../feeds/tape/format.ts";
import type { CommandContext } from "../command.ts";
import { countText, percentText } from "../output.ts";
import {
  CANDLE_MAX_AGE_MS,
  type CompileResult,
  type Job,
  type JobResult,
  type RunResult,
  type Variant,
  variantOptions,
} from "./backtest_job.ts";
import { runJobs } from "./backtest_pool.ts";
import type { WindowForecast, WindowRegime } from "./backtest_run.ts";
import { openModels } from "./models.ts";
import { describeSizing, MARKET, sizingOf } from "./settings.ts";
import { type Candidate, candidatesOf, chosenVariants, type Split } from "./splits.ts";
import { addFaults, NO_FAULTS, type StampFaults } from "./stamp_check.ts";
import { openWithCodecs } from "./tape_source.ts";
import { collect, newTotals, type StrategyTotals } from "./totals.ts";
import { TREATMENT_NAMES, type TreatmentName, TREATMENTS } from "./treatments.ts";

export { CANDLE_MAX_AGE_MS };

/** Below this many events times strategies a second thread costs more than it brings. */
const WORTH_WORKERS = 500_000;

export interface BacktestSettings {
  readonly variants: readonly Variant[];
  readonly seed: number;
  readonly stops: boolean;
  /** Threads; null: as many as there are cores, if the work is worth it. */
  readonly workers: number | null;
  /** Folder of caches; null reads the tapes themselves. */
  readonly cache: string | null;
  /** On which windows strategies are judged, and on which their parameters are chosen. */
  readonly split: Split;
}

export interface TapeOutcome {
  readonly name: string;
  readonly manifest: Manifest;
  readonly events: number;
  readonly unknownTokens: number;
  readonly outOfOrder: number;
  readonly fastPerMinute: boolean;
  /** Whether the events came from a cache: not part of the results, which are the same either way. */
  readonly cache: RunResult["cache"];
}

/** The names of the yardsticks that stand beside every result. */
export const BASELINES = ["hold", MARKET, "random"] as const;

/** Each audited variant's changed runs. */
export type Treated = ReadonlyMap<string, Readonly<Record<TreatmentName, StrategyTotals>>>;

export interface BacktestOutcome {
  readonly settings: BacktestSettings;
  /** What was asked for. */
  readonly strategies: readonly StrategyTotals[];
  readonly baselines: readonly StrategyTotals[];
  /** What is judged: of variants of a strategy the one that was chosen without seeing the windows it is judged on. */
  readonly candidates: readonly Candidate[];
  /** null: an interrupt came before the audit was through, so nothing may be concluded. */
  readonly treated: Treated | null;
  readonly tapes: readonly TapeOutcome[];
  readonly forecasts: readonly (WindowForecast & { readonly tape: number })[];
  readonly regimes: readonly (WindowRegime & { readonly tape: number })[];
  readonly faults: StampFaults;
  readonly events: number;
  /** Of everything, and of replaying alone. */
  readonly durationMs: number;
  readonly replayMs: number;
  readonly workers: number;
  readonly peakRssBytes: number;
  readonly interrupted: boolean;
  readonly sizing: string;
}

export const candleWarning = (name: string): string =>
  `${name}: the fast price is one candle a minute; its age limit is raised to ${CANDLE_MAX_AGE_MS} ms and the fair value ` +
  "widens by that age.";

/** A tape has ticks of the fast market, or only closed candles joined in by time. */
export function hasOnlyCandles(manifest: Manifest): boolean {
  const ticks = ["fastPrice", "fastTrade", "fastTop", "fastBook"].some((type) =>
    (manifest.counts[type] ?? 0) > 0
  );
  const raw = Object.keys(manifest.counts).some((type) => type.startsWith("raw:binance"));
  return !ticks && !raw && (manifest.counts["fastBar"] ?? 0) > 0;
}

interface OpenedTape {
  readonly path: string;
  readonly name: string;
  readonly manifest: Manifest;
  readonly candles: boolean;
}

/** One bar for all workers: how far everything is, and each job that is under way. */
function progressOf(ctx: CommandContext, label: string, names: readonly string[], totals: readonly number[]) {
  const progress = ctx.progress(label);
  const total = totals.reduce((sum, events) => sum + events, 0);
  const done = totals.map(() => 0);
  let peakRssBytes = 0;
  return {
    update(index: number, events: number): void {
      // A tape holds more events than lines where frames were recorded raw.
      done[index] = totals[index] === 0 ? 0 : Math.min(events, totals[index]!);
      const running = done.flatMap((count, i) =>
        count > 0 && count < totals[i]! ? [`${names[i]} ${percentText(count / totals[i]!, 0)}`] : []
      );
      const sum = done.reduce((all, count) => all + count, 0);
      progress.update(sum, total, `${countText(sum)} events ${running.join(", ")}`);
      peakRssBytes = Math.max(peakRssBytes, Deno.memoryUsage().rss);
    },
    stop: () => progress.stop(),
    peak: () => Math.max(peakRssBytes, Deno.memoryUsage().rss),
  };
}

/** A tape larger than a thread's fair share is passed over by several threads, each with some of the strategies. */
function split(tape: OpenedTape, variants: readonly Variant[], workers: number, share: number): Variant[][] {
  const parts = tape.manifest.events > share ? Math.min(workers, variants.length) : 1;
  return Array.from({ length: parts }, (_, part) => variants.filter((_, i) => i % parts === part));
}

function workersFor(settings: BacktestSettings, events: number): number {
  if (settings.workers !== null) return settings.workers;
  return events * settings.variants.length < WORTH_WORKERS ? 1 : navigator.hardwareConcurrency;
}

interface Pass {
  readonly jobs: readonly Job[];
  readonly weights: readonly number[];
  readonly names: readonly string[];
  readonly label: string;
  readonly workers: number;
}

async function pass(ctx: CommandContext, of: Pass): Promise<{ results: (JobResult | null)[]; peak: number }> {
  const progress = progressOf(ctx, of.label, of.names, of.weights);
  try {
    const results = await runJobs(of.jobs, {
      workers: of.workers,
      weights: of.weights,
      signal: ctx.signal,
      onProgress: (index, events) => progress.update(index, events),
    });
    return { results, peak: progress.peak() };
  } finally {
    progress.stop();
  }
}

async function openTapes(
  ctx: CommandContext,
  tapes: readonly { readonly path: string; readonly name: string }[],
): Promise<OpenedTape[]> {
  const opened: OpenedTape[] = [];
  for (const { path, name } of tapes) {
    const { manifest } = await openWithCodecs(path);
    const candles = hasOnlyCandles(manifest);
    if (candles) ctx.warn({ code: "FAST_PRICE_PER_MINUTE", message: candleWarning(name) });
    opened.push({ path, name, manifest, candles });
  }
  return opened;
}

/** Caches of all tapes, compiled where there are none; null for a tape that is read as it is. */
async function prepare(
  ctx: CommandContext,
  tapes: readonly OpenedTape[],
  settings: BacktestSettings,
  workers: number,
): Promise<{ caches: (CompileResult | null)[]; peak: number }> {
  const { cache } = settings;
  if (cache === null) return { caches: tapes.map(() => null), peak: 0 };
  const { results, peak } = await pass(ctx, {
    label: "compile",
    workers,
    jobs: tapes.map(({ path }) => ({ kind: "compile", path, cache })),
    weights: tapes.map((tape) => tape.manifest.events),
    names: tapes.map((tape) => tape.name),
  });
  return { caches: results.map((result) => result?.kind === "compile" ? result : null), peak };
}

interface Over {
  readonly tapes: readonly OpenedTape[];
  readonly caches: readonly (CompileResult | null)[];
  readonly workers: number;
  readonly settings: BacktestSettings;
}

/** All variants over all tapes, in parts that cores can share. */
async function replayAll(
  ctx: CommandContext,
  { tapes, caches, workers, settings }: Over,
  { label, variants, watch }: {
    readonly label: string;
    readonly variants: readonly Variant[];
    readonly watch: boolean;
  },
): Promise<{ done: Done[]; peak: number; ms: number }> {
  const { seed, stops, cache } = settings;
  const events = tapes.reduce((sum, tape) => sum + tape.manifest.events, 0);
  const jobs = tapes.flatMap((tape, at) =>
    split(tape, variants, workers, events / workers).map((part, index) => ({
      tape: at,
      part,
      job: {
        kind: "run",
        ...{ path: tape.path, candles: tape.candles, cache, ready: caches[at]?.ready ?? null },
        ...{ config: ctx.config, variants: part, seed, stops, watch: watch && index === 0 },
      } satisfies Job,
    }))
  );
  const from = performance.now();
  const { results, peak } = await pass(ctx, {
    label,
    workers,
    jobs: jobs.map(({ job }) => job),
    weights: jobs.map(({ tape }) => tapes[tape]!.manifest.events),
    names: jobs.map(({ tape, part }) =>
      part.length === variants.length ? tapes[tape]!.name : `${tapes[tape]!.name} (${part.length})`
    ),
  });
  const done = jobs.map(({ tape, part }, i) => ({ tape, part, result: results[i]! }));
  return { done, peak, ms: performance.now() - from };
}

/** Runs all strategies over all tapes. An interrupt ends the loop; what was read so far is reported as such. */
export async function runBacktest(
  ctx: CommandContext,
  paths: readonly { readonly path: string; readonly name: string }[],
  settings: BacktestSettings,
): Promise<BacktestOutcome> {
  const { seed, stops } = settings;
  const missing = BASELINES.filter((name) => !settings.variants.some((variant) => variant.name === name));
  const variants = [
    ...settings.variants,
    ...missing.map((name): Variant => ({ name, strategy: name, params: {} })),
  ];
  // Made once before anything is read, so that a wrong setting is told at once.
  const models = await openModels(variants.map((variant) => variant.model));
  try {
    for (const variant of variants) variantOptions(ctx.config, variant, { seed, stops, models });
  } finally {
    models.close();
  }
  const startedAt = performance.now();
  const tapes = await openTapes(ctx, paths);
  const events = tapes.reduce((sum, tape) => sum + tape.manifest.events, 0);
  const workers = workersFor(settings, events);
  const { caches, peak: compilePeak } = await prepare(ctx, tapes, settings, workers);
  const over = { tapes, caches, workers, settings };
  const first = await replayAll(ctx, over, { label: "replay", variants, watch: true });
  const { totals, ...merged } = merge(ctx, { tapes, variants, caches }, first.done);
  const strategies = totals.slice(0, settings.variants.length);
  const candidates = candidatesOf(strategies, settings.split);
  const treated = await audit(ctx, over, chosenVariants(candidates));
  return {
    settings,
    ...merged,
    strategies,
    baselines: BASELINES.map((name) => totals.find((total) => total.name === name)!),
    candidates,
    treated,
    workers,
    durationMs: performance.now() - startedAt,
    replayMs: first.ms,
    peakRssBytes: Math.max(compilePeak, first.peak, Deno.memoryUsage().rss),
    interrupted: ctx.signal.aborted,
    sizing: describeSizing(sizingOf(ctx.config)),
  };
}

/** A second reading of the tapes with every treatment of every chosen variant; null when it was interrupted. */
async function audit(ctx: CommandContext, over: Over, chosen: readonly Variant[]): Promise<Treated | null> {
  const treated = chosen.flatMap((variant) =>
    TREATMENT_NAMES.map((name) => ({
      variant,
      name,
      run: { ...variant, name: `${variant.name} / ${name}`, treatment: TREATMENTS[name] } satisfies Variant,
    }))
  );
  if (treated.length === 0) return new Map();
  const variants = treated.map(({ run }) => run);
  const { done } = await replayAll(ctx, over, { label: "audit", variants, watch: false });
  if (ctx.signal.aborted || done.some(({ result }) => result === null)) return null;
  const { totals } = mergeRuns(over.tapes, variants, done);
  return new Map(chosen.map((variant) => {
    const own = treated.flatMap((entry, i) =>
      entry.variant === variant ? [[entry.name, totals[i]!] as const] : []
    );
    return [variant.name, Object.fromEntries(own) as Record<TreatmentName, StrategyTotals>];
  }));
}

interface Done {
  readonly tape: number;
  readonly part: readonly Variant[];
  readonly result: JobResult | null;
}

type Whole = { readonly at: number; readonly first: RunResult; readonly results: readonly RunResult[] };

/** Totals tape by tape and strategy by strategy, as if one thread had done everything. */
function mergeRuns(
  tapes: readonly OpenedTape[],
  variants: readonly Variant[],
  done: readonly Done[],
): { totals: StrategyTotals[]; whole: Whole[] } {
  const totals = variants.map(newTotals);
  const whole: Whole[] = [];
  for (const [at, { name }] of tapes.entries()) {
    const parts = done.filter(({ tape }) => tape === at);
    // An interrupt came before all of its strategies were through: then it counts for none.
    if (!parts.every(({ result }) => result?.kind === "run")) continue;
    const runs = parts.map(({ part, result }) => ({ part, result: result as RunResult }));
    for (const [index, variant] of variants.entries()) {
      const own = runs.find(({ part }) => part.includes(variant))!;
      collect(whole.length, name, totals[index]!, own.result.variants[own.part.indexOf(variant)]!);
    }
    whole.push({ at, first: runs[0]!.result, results: runs.map(({ result }) => result) });
  }
  const counts = new Set(totals.map((total) => total.windows.length));
  invariant(counts.size < 2, "every strategy is offered the same windows");
  return { totals, whole };
}

function merge(
  ctx: CommandContext,
  { tapes, variants, caches }: {
    readonly tapes: readonly OpenedTape[];
    readonly variants: readonly Variant[];
    readonly caches: readonly (CompileResult | null)[];
  },
  done: readonly Done[],
): Pick<BacktestOutcome, "tapes" | "forecasts" | "regimes" | "faults" | "events"> & {
  readonly totals: readonly StrategyTotals[];
} {
  const { totals, whole } = mergeRuns(tapes, variants, done);
  for (const { first } of whole) for (const warning of first.warnings) ctx.warn(warning);
  return {
    totals,
    forecasts: whole.flatMap(({ results }, tape) =>
      results.flatMap((result) => result.forecasts.map((forecast) => ({ ...forecast, tape })))
    ),
    regimes: whole.flatMap(({ results }, tape) =>
      results.flatMap((result) => result.regimes.map((regime) => ({ ...regime, tape })))
    ),
    faults: whole.flatMap(({ results }) => results.map((result) => result.faults))
      .reduce(addFaults, NO_FAULTS),
    events: whole.reduce((sum, { first }) => sum + first.events, 0),
    tapes: whole.map(({ at, first }): TapeOutcome => ({
      name: tapes[at]!.name,
      manifest: tapes[at]!.manifest,
      events: first.events,
      cache: caches[at]?.made === true ? "made" : first.cache,
      unknownTokens: first.unknownTokens,
      outOfOrder: first.outOfOrder,
      fastPerMinute: tapes[at]!.candles,
    })),
  };
}
