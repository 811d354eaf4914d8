/**
 * One pass over one tape with some of the strategies: what a worker does. A job and its result are plain data, so that
 * they can cross from thread to thread, and results are merged in the order of the jobs, never of their finishing.
 */
import { Engine } from "../../core/engine.ts";
import { holdPolicy } from "../../core/policy/baselines.ts";
import type { Usdc } from "../../core/units.ts";
import type { OnEvent } from "../../feeds/tape/cache/cursor.ts";
import { readyCache, replay, type ReplayResult } from "../../feeds/tape/cache/store.ts";
import type { TapeWarning } from "../../feeds/tape/reader.ts";
import type { Config } from "../config/schema.ts";
import { ForecastWatcher, type SettledWindow, StrategyRun, type WindowForecast } from "./backtest_run.ts";
import { engineOptions, paperOptions } from "./settings.ts";
import { openWithCodecs } from "./tape_source.ts";

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
  readonly tradePnl: readonly Usdc[];
  readonly fills: number;
  readonly fees: Usdc;
  readonly orders: number;
  readonly unsettled: { readonly positions: number; readonly value: Usdc };
  readonly notSent: readonly (readonly [string, number])[];
  readonly ruinedAtMs: number | null;
  readonly firstStop: { readonly code: string; readonly atMs: number; readonly equity: Usdc } | null;
  readonly bankroll: Usdc;
  readonly decisionHash: string;
}

export interface RunResult {
  readonly kind: "run";
  readonly events: number;
  readonly cache: ReplayResult["cache"];
  readonly unknownTokens: number;
  readonly outOfOrder: number;
  readonly variants: readonly VariantResult[];
  readonly forecasts: readonly WindowForecast[];
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
export function variantOptions(config: Config, variant: Variant, seed: number, stops: boolean) {
  return engineOptions(withParams(config, variant), { strategy: variant.strategy, seed, stops });
}

interface Runs {
  readonly runs: readonly StrategyRun[];
  readonly watcher: ForecastWatcher;
  readonly watcherEngine: Engine | null;
}

function openRuns(job: RunJob): Runs {
  const optionsOf = (variant: Variant) => {
    const options = variantOptions(job.config, variant, job.seed, job.stops);
    const { limits } = options;
    const maxFastAgeMs = job.candles ? Math.max(limits.maxFastAgeMs, CANDLE_MAX_AGE_MS) : limits.maxFastAgeMs;
    // Constant stakes go on when the bankroll is gone, so that every window counts; stakes that follow it cannot.
    const credit = job.stops || options.sizing.mode !== "fixed" ? 0 as Usdc : CREDIT;
    return { ...options, limits: { ...limits, maxFastAgeMs }, credit };
  };
  const watcher = new ForecastWatcher();
  const hold: Variant = { name: "hold", strategy: "hold", params: {} };
  return {
    // Each run its own units: those that draw keep a place in their stream.
    runs: job.variants.map((variant) => new StrategyRun(optionsOf(variant), paperOptions(job.config))),
    watcher,
    watcherEngine: !job.watch ? null : new Engine({
      ...optionsOf(hold),
      policy: holdPolicy(),
      onView: (view) => watcher.view(view),
      onSettled: (window) => watcher.settled(window),
    }),
  };
}

/** Every run takes the event in turn: one pass, however many strategies. */
function feeder({ runs, watcherEngine }: Runs): OnEvent {
  return (event, more) => {
    if (watcherEngine !== null) watcherEngine.step(event, more);
    for (let i = 0; i < runs.length; i++) runs[i]!.event(event, more);
  };
}

function resultOf(run: StrategyRun): VariantResult {
  run.finish();
  const { engine } = run;
  const stop = engine.firstStop;
  return {
    settled: run.settled,
    tradePnl: engine.portfolio.trades.map((trade) => trade.pnl),
    fills: run.fills,
    fees: engine.portfolio.feesPaid,
    orders: engine.ordersSent,
    unsettled: run.unsettled(),
    notSent: [...engine.notSent, ...engine.rejected],
    ruinedAtMs: engine.ruinedAtMs,
    firstStop: stop === null ? null : { code: stop.code, atMs: stop.atMs, equity: stop.equity },
    bankroll: engine.bankroll,
    decisionHash: run.decisions.hash,
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
  const tape = await openWithCodecs(job.path);
  let opened = openRuns(job);
  let events = 0;
  let cache: RunResult["cache"] = "none";
  try {
    const pass = await replay(
      tape,
      () => feeder(opened = openRuns(job)),
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
  const { runs, watcher, watcherEngine } = opened;
  return {
    kind: "run",
    events,
    cache,
    unknownTokens: watcherEngine?.unknownTokens ?? 0,
    outOfOrder: runs[0]?.session.outOfOrder ?? 0,
    variants: runs.map(resultOf),
    forecasts: watcher.forecasts,
    warnings: tape.warnings,
  };
}

/** Does a job in this thread. Throws the reader's errors; an interrupted run gives what it had, a compilation throws. */
export const runJob = (job: Job, hooks: JobHooks): Promise<JobResult> =>
  job.kind === "compile" ? compile(job, hooks) : run(job, hooks);
