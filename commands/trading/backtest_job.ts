/**
 * One pass over one tape with some of the strategies: what a worker does. A job and its result are plain data, so that
 * they can cross from thread to thread, and results are merged in the order of the jobs, never of their finishing.
 */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import { NaiveExchange } from "../../core/exchange/naive.ts";
import { holdPolicy } from "../../core/policy/baselines.ts";
import type { Usdc } from "../../core/units.ts";
import type { OnEvent } from "../../feeds/tape/cache/cursor.ts";
import { readyCache, replay, type ReplayResult } from "../../feeds/tape/cache/store.ts";
import type { TapeWarning } from "../../feeds/tape/reader.ts";
import type { Config } from "../config/schema.ts";
import { AgedFeed } from "./aged_feed.ts";
import {
  type Exposure,
  ForecastWatcher,
  paperRun,
  type SettledWindow,
  StrategyRun,
  type TradeOutcome,
  type WindowForecast,
  type WindowRegime,
} from "./backtest_run.ts";
import { type ModelRef, type OpenModels, openModels } from "./models.ts";
import { engineOptions, paperOptions } from "./settings.ts";
import { StampCheck, type StampFaults } from "./stamp_check.ts";
import { openWithCodecs } from "./tape_source.ts";
import type { Treatment } from "./treatments.ts";

/** Enough for any recording at constant stakes; not part of equity. */
const CREDIT = 1_000_000_000_000 as Usdc;
/** On a tape whose fast price is one candle a minute, a price is up to two minutes old and known to be. */
export const CANDLE_MAX_AGE_MS = 125_000;

/** A strategy with its parameters: one column of the results. */
export interface Variant {
  readonly name: string;
  readonly strategy: string;
  /** Laid over `strategy.params` of the configuration. */
  readonly params: Config["strategy"]["params"];
  /** Decides in place of the strategy. */
  readonly model?: ModelRef;
  /** What the audit does to it. */
  readonly treatment?: Treatment;
}

interface JobBase {
  readonly path: string;
  /** Folder of caches; null reads the tape itself. */
  readonly cache: string | null;
}
/** Makes sure that there is a cache of the tape. */
export interface CompileJob extends JobBase {
  readonly kind: "compile";
}
/** Runs strategies over the tape. */
export interface RunJob extends JobBase {
  readonly kind: "run";
  /** The cache that compiling gave. */
  readonly ready: string | null;
  readonly config: Config;
  readonly variants: readonly Variant[];
  readonly seed: number;
  readonly stops: boolean;
  /** The tape has candles only. */
  readonly candles: boolean;
  /** Scores the forecasters too: one job of every tape does. */
  readonly watch: boolean;
}
export type Job = CompileJob | RunJob;

/** What one strategy did on one tape. */
export interface VariantResult {
  readonly settled: readonly SettledWindow[];
  readonly trades: readonly TradeOutcome[];
  readonly exposure: Exposure;
  readonly rebates: Usdc;
  readonly fills: number;
  readonly fees: Usdc;
  readonly orders: number;
  readonly unsettled: { readonly positions: number; readonly value: Usdc };
  readonly notSent: readonly (readonly [string, number])[];
  readonly ruinedAtMs: number | null;
  readonly firstStop: { readonly code: string; readonly atMs: number; readonly equity: Usdc } | null;
  readonly bankroll: Usdc;
  readonly decisionHash: string;
  readonly decisions: number;
}

export interface RunResult {
  readonly kind: "run";
  readonly events: number;
  readonly cache: ReplayResult["cache"];
  readonly unknownTokens: number;
  readonly outOfOrder: number;
  readonly variants: readonly VariantResult[];
  readonly forecasts: readonly WindowForecast[];
  readonly regimes: readonly WindowRegime[];
  readonly faults: StampFaults;
  readonly warnings: readonly TapeWarning[];
}
export interface CompileResult {
  readonly kind: "compile";
  /** null: the tape cannot be cached. */
  readonly ready: string | null;
  readonly made: boolean;
}
export type JobResult = RunResult | CompileResult;

export interface JobHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (events: number) => void;
}

const withParams = (config: Config, variant: Variant): Config => ({
  ...config,
  strategy: { ...config.strategy, params: { ...config.strategy.params, ...variant.params } },
});

/** Engine options of one variant. Throws what `engineOptions` throws for a wrong setting. */
export function variantOptions(
  config: Config,
  variant: Variant,
  { seed, stops, models }: { readonly seed: number; readonly stops: boolean; readonly models: OpenModels },
) {
  const model = models.of(variant.model);
  return engineOptions(withParams(config, variant), { strategy: variant.strategy, seed, stops, model });
}

interface Runs {
  readonly runs: readonly StrategyRun[];
  readonly watcher: ForecastWatcher;
  readonly watcherEngine: Engine | null;
  readonly stamps: StampCheck;
  readonly feed: OnEvent;
}

/** Each run its own units: those that draw keep a place in their stream. */
function runOf(config: Config, options: EngineOptions, treatment: Treatment | undefined): StrategyRun {
  if (treatment?.kind === "naive") return new StrategyRun(options, new NaiveExchange());
  const paper = paperOptions(config);
  if (treatment?.kind !== "slow") return paperRun(options, paper);
  const { ms } = treatment;
  const given = paper.orderLatency!;
  return paperRun(options, { ...paper, orderLatency: { ...given, sample: () => given.sample() + ms } });
}

function openRuns(job: RunJob, models: OpenModels): Runs {
  const optionsOf = (variant: Variant) => {
    const options = variantOptions(job.config, variant, { seed: job.seed, stops: job.stops, models });
    const { limits } = options;
    const maxFastAgeMs = job.candles ? Math.max(limits.maxFastAgeMs, CANDLE_MAX_AGE_MS) : limits.maxFastAgeMs;
    // Constant stakes go on when the bankroll is gone, so that every window counts; stakes that follow it cannot.
    const credit = job.stops || options.sizing.mode !== "fixed" ? 0 as Usdc : CREDIT;
    return { ...options, limits: { ...limits, maxFastAgeMs }, credit };
  };
  const watcher = new ForecastWatcher();
  const hold: Variant = { name: "hold", strategy: "hold", params: {} };
  const watcherEngine: Engine | null = !job.watch ? null : new Engine({
    ...optionsOf(hold),
    policy: holdPolicy(),
    onView: (view) => watcher.view(view, watcherEngine!.assets.get(view.instrument.asset)!),
    onSettled: (window) => watcher.settled(window),
  });
  const runs = job.variants.map((variant) => runOf(job.config, optionsOf(variant), variant.treatment));
  const stamps = new StampCheck();
  const feeds = feedsOf(runs, job.variants);
  return {
    ...{ runs, watcher, watcherEngine, stamps },
    feed: (event, more) => {
      if (watcherEngine !== null) {
        watcherEngine.step(event, more);
        stamps.event(event);
      }
      for (let i = 0; i < feeds.length; i++) feeds[i]!(event, more);
    },
  };
}

/** Every run takes the event in turn: one pass, however many strategies. Runs of one age share what is held back. */
function feedsOf(runs: readonly StrategyRun[], variants: readonly Variant[]): OnEvent[] {
  const feeds: OnEvent[] = [];
  const byAge = new Map<number, StrategyRun[]>();
  for (const [i, run] of runs.entries()) {
    const treatment = variants[i]!.treatment;
    if (treatment?.kind !== "aged") {
      feeds.push((event, more) => run.event(event, more));
      continue;
    }
    const together = byAge.get(treatment.ms);
    if (together === undefined) byAge.set(treatment.ms, [run]);
    else together.push(run);
  }
  for (const [ms, together] of byAge) {
    const aged = new AgedFeed(ms, (event, more) => together.forEach((run) => run.event(event, more)));
    feeds.push((event, more) => aged.event(event, more));
  }
  return feeds;
}

function resultOf(run: StrategyRun): VariantResult {
  run.finish();
  const { engine } = run;
  const stop = engine.firstStop;
  return {
    settled: run.settled,
    trades: run.trades(),
    exposure: run.exposure(),
    rebates: run.rebates(),
    fills: run.fills,
    fees: engine.portfolio.feesPaid,
    orders: engine.ordersSent,
    unsettled: run.unsettled(),
    notSent: [...engine.notSent, ...engine.rejected],
    ruinedAtMs: engine.ruinedAtMs,
    firstStop: stop === null ? null : { code: stop.code, atMs: stop.atMs, equity: stop.equity },
    bankroll: engine.bankroll,
    decisionHash: run.decisions.hash,
    decisions: run.decisions.count,
  };
}

async function compile(job: CompileJob, hooks: JobHooks): Promise<CompileResult> {
  const tape = await openWithCodecs(job.path);
  const ready = await readyCache(tape, {
    cache: job.cache,
    signal: hooks.signal,
    onProgress: hooks.onProgress,
  });
  return { kind: "compile", ready: ready?.file.path ?? null, made: ready?.made ?? false };
}

async function run(job: RunJob, hooks: JobHooks): Promise<RunResult> {
  const models = await openModels(job.variants.map((variant) => variant.model));
  try {
    return await runWith(job, hooks, models);
  } finally {
    models.close();
  }
}

async function runWith(job: RunJob, hooks: JobHooks, models: OpenModels): Promise<RunResult> {
  const tape = await openWithCodecs(job.path);
  let opened = openRuns(job, models);
  let events = 0;
  let cache: RunResult["cache"] = "none";
  try {
    const pass = await replay(
      tape,
      () => (opened = openRuns(job, models)).feed,
      {
        cache: job.cache,
        ...(job.ready === null ? {} : { ready: job.ready }),
        signal: hooks.signal,
        onProgress: (done) => hooks.onProgress(events = done),
      },
    );
    events = pass.events;
    cache = pass.cache;
  } catch (error) {
    // What was read before an interrupt is reported as such.
    if (!hooks.signal.aborted) throw error;
  }
  const { runs, watcher, watcherEngine, stamps } = opened;
  return {
    kind: "run",
    events,
    cache,
    unknownTokens: watcherEngine?.unknownTokens ?? 0,
    outOfOrder: runs[0]?.session.outOfOrder ?? 0,
    variants: runs.map(resultOf),
    forecasts: watcher.forecasts,
    regimes: watcher.regimes,
    faults: stamps.faults,
    warnings: tape.warnings,
  };
}

/** Does a job in this thread. Throws the reader's errors; an interrupted run gives what it had, a compilation throws. */
export const runJob = (job: Job, hooks: JobHooks): Promise<JobResult> =>
  job.kind === "compile" ? compile(job, hooks) : run(job, hooks);
