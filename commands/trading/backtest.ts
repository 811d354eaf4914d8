/** The loop of a backtest: every strategy over every tape, in one pass per tape. */
import { holdPolicy } from "../../core/policy/baselines.ts";
import { Engine } from "../../core/engine.ts";
import type { Manifest } from "../../feeds/tape/format.ts";
import type { CommandContext } from "../command.ts";
import { countText } from "../output.ts";
import {
  type Forecasts,
  ForecastWatcher,
  newForecasts,
  type SettledWindow,
  StrategyRun,
} from "./backtest_run.ts";
import { describeSizing, engineOptions, paperOptions, sizingOf } from "./settings.ts";
import { openWithCodecs, readFrames } from "./tape_source.ts";
import type { Usdc } from "../../core/units.ts";

/** Enough for any recording at constant stakes; not part of equity. */
const CREDIT = 1_000_000_000_000 as Usdc;

/** On a tape whose fast price is one candle a minute, a price is up to two minutes old and known to be. */
export const CANDLE_MAX_AGE_MS = 125_000;

export interface BacktestSettings {
  readonly strategies: readonly string[];
  readonly seed: number;
  readonly stops: boolean;
}

export interface StrategyTotals {
  readonly name: string;
  readonly windows: SettledWindow[];
  readonly tradePnl: Usdc[];
  fills: number;
  fees: Usdc;
  orders: number;
  unsettledPositions: number;
  unsettledValue: Usdc;
  readonly notSent: Map<string, number>;
  /** When the bankroll of a tape was first gone, and on which tape. */
  ruined: { tape: string; atMs: number } | null;
  firstStop: { code: string; atMs: number; windowsBefore: number; pnlBefore: Usdc } | null;
  /** One hash per tape, in order. */
  readonly decisionHashes: string[];
}

export interface TapeOutcome {
  readonly name: string;
  readonly manifest: Manifest;
  readonly events: number;
  readonly unknownTokens: number;
  readonly outOfOrder: number;
  readonly fastPerMinute: boolean;
}

export interface BacktestOutcome {
  readonly settings: BacktestSettings;
  readonly strategies: readonly StrategyTotals[];
  readonly tapes: readonly TapeOutcome[];
  readonly forecasts: Forecasts;
  readonly events: number;
  readonly durationMs: number;
  readonly peakRssBytes: number;
  readonly interrupted: boolean;
  readonly sizing: string;
}

const newTotals = (name: string): StrategyTotals => ({
  name,
  windows: [],
  tradePnl: [],
  fills: 0,
  fees: 0 as Usdc,
  orders: 0,
  unsettledPositions: 0,
  unsettledValue: 0 as Usdc,
  notSent: new Map(),
  ruined: null,
  firstStop: null,
  decisionHashes: [],
});

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

interface TapeRuns {
  readonly runs: readonly StrategyRun[];
  readonly watcherEngine: Engine;
}

function openRuns(
  ctx: CommandContext,
  settings: BacktestSettings,
  candles: boolean,
  forecasts: Forecasts,
): TapeRuns {
  const paper = paperOptions(ctx.config);
  const optionsOf = (strategy: string) => {
    const options = engineOptions(ctx.config, { strategy, seed: settings.seed, stops: settings.stops });
    const { limits } = options;
    const maxFastAgeMs = candles ? Math.max(limits.maxFastAgeMs, CANDLE_MAX_AGE_MS) : limits.maxFastAgeMs;
    // Constant stakes go on when the bankroll is gone, so that every window counts; stakes that follow it cannot.
    const credit = settings.stops || options.sizing.mode !== "fixed" ? 0 as Usdc : CREDIT;
    return { ...options, limits: { ...limits, maxFastAgeMs }, credit };
  };
  const runs = settings.strategies.map((strategy) => new StrategyRun(optionsOf(strategy), paper));
  const watcher = new ForecastWatcher(forecasts);
  const watcherEngine = new Engine({
    ...optionsOf("hold"),
    policy: holdPolicy(),
    onView: (view) => watcher.view(view),
    onSettled: (window) => watcher.settled(window),
  });
  return { runs, watcherEngine };
}

function collect(tape: string, totals: readonly StrategyTotals[], runs: readonly StrategyRun[]): void {
  for (const [index, run] of runs.entries()) {
    run.finish();
    const total = totals[index]!;
    const { engine } = run;
    if (engine.ruinedAtMs !== null) total.ruined ??= { tape, atMs: engine.ruinedAtMs };
    const stop = engine.firstStop;
    if (stop !== null && total.firstStop === null) {
      total.firstStop = {
        code: stop.code,
        atMs: stop.atMs,
        windowsBefore: total.windows.length +
          run.settled.filter((window) => window.endMs <= stop.atMs).length,
        pnlBefore: (total.windows.reduce((sum, window) => sum + window.pnl, 0) +
          stop.equity - engine.bankroll) as Usdc,
      };
    }
    total.windows.push(...run.settled);
    total.tradePnl.push(...engine.portfolio.trades.map((trade) => trade.pnl));
    total.fills += run.fills;
    total.fees = (total.fees + engine.portfolio.feesPaid) as Usdc;
    total.orders += engine.ordersSent;
    const unsettled = run.unsettled();
    total.unsettledPositions += unsettled.positions;
    total.unsettledValue = (total.unsettledValue + unsettled.value) as Usdc;
    for (const counts of [engine.notSent, engine.rejected]) {
      for (const [code, count] of counts) total.notSent.set(code, (total.notSent.get(code) ?? 0) + count);
    }
    total.decisionHashes.push(run.decisions.hash);
  }
}

/** Runs all strategies over all tapes. An interrupt ends the loop; what was read so far is reported as such. */
export async function runBacktest(
  ctx: CommandContext,
  tapes: readonly { readonly path: string; readonly name: string }[],
  settings: BacktestSettings,
): Promise<BacktestOutcome> {
  // Made once before anything is read, so that a wrong setting is told at once.
  for (const strategy of settings.strategies) engineOptions(ctx.config, { ...settings, strategy });
  const totals = settings.strategies.map(newTotals);
  const outcomes: TapeOutcome[] = [];
  const forecasts = newForecasts();
  const startedAt = performance.now();
  let events = 0;
  let peakRssBytes = 0;
  for (const { path, name } of tapes) {
    if (ctx.signal.aborted) break;
    const tape = await openWithCodecs(path);
    const candles = hasOnlyCandles(tape.manifest);
    if (candles) {
      ctx.warn({
        code: "FAST_PRICE_PER_MINUTE",
        message: candleWarning(name),
      });
    }
    const { runs, watcherEngine } = openRuns(ctx, settings, candles, forecasts);
    const progress = ctx.progress(name);
    let read = 0;
    try {
      read = await readFrames(
        tape,
        (frame) => {
          for (let i = 0; i < frame.length; i++) watcherEngine.step(frame[i]!, i + 1 < frame.length);
          for (const run of runs) run.frame(frame);
        },
        (count) => {
          read = count;
          progress.update(count, tape.manifest.events, `${countText(events + count)} events`);
          peakRssBytes = Math.max(peakRssBytes, Deno.memoryUsage().rss);
        },
        ctx.signal,
      );
    } catch (error) {
      if (!ctx.signal.aborted) throw error;
    } finally {
      progress.stop();
    }
    collect(name, totals, runs);
    events += read;
    for (const warning of tape.warnings) ctx.warn(warning);
    outcomes.push({
      name,
      manifest: tape.manifest,
      events: read,
      unknownTokens: watcherEngine.unknownTokens,
      outOfOrder: runs[0]?.session.outOfOrder ?? 0,
      fastPerMinute: candles,
    });
  }
  return {
    settings,
    strategies: totals,
    tapes: outcomes,
    forecasts,
    events,
    durationMs: performance.now() - startedAt,
    peakRssBytes,
    interrupted: ctx.signal.aborted,
    sizing: describeSizing(sizingOf(ctx.config)),
  };
}
