/** `poly-edge backtest`: strategies over recordings, with the engine and the exchange of paper trading. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { POLICY_NAMES } from "../core/policy/registry.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { cacheFolder } from "../feeds/tape/cache/store.ts";
import { parseCount } from "./parse.ts";
import { withLatency } from "./probe/result.ts";
import { renderReport } from "./report/report.ts";
import { writeReport } from "./report/write.ts";
import { attach, examples } from "./run.ts";
import { type BacktestOutcome, runBacktest } from "./trading/backtest.ts";
import { backtestData, backtestReport, backtestText, eventsPerSecond } from "./trading/backtest_results.ts";
import { variantsOf } from "./trading/backtest_variants.ts";
import { withExchangeModel } from "./trading/exchange_model_file.ts";
import { resolveTapes } from "./trading/tape_paths.ts";

const DEFAULT_SEED = 42;
const MAX_WORKERS = 64;

/** The command under the latencies of `--latency`. */
const withProbe = (ctx: CommandContext, { latency }: Record<string, unknown>): CommandContext =>
  typeof latency === "string" ? { ...ctx, config: withLatency(ctx.config, latency) } : ctx;

/** Adds `backtest` to the program. */
export function register(program: Command): void {
  attach(
    program.command("backtest")
      .description("run strategies over tapes or recordings and report what they would have earned")
      .argument("<tapes...>", "tapes, folders of tapes, or recordings (imported on the fly)")
      .option(
        "--strategy <list>",
        `strategies, separated by commas (${POLICY_NAMES.join(", ")}), or all`,
        "all",
      )
      .option("--report <file>", "write the HTML report here")
      .option("--seed <n>", "seed of strategies that draw and of the bootstrap", String(DEFAULT_SEED))
      .option("--size <pUSD>", "stake of one trade (sizing.usdc)")
      .option(
        "--sweep <list>",
        "values of strategy parameters to try, each with each: minEdge=0.01,0.02;decideEveryMs=100,500",
      )
      .option("--exchange-model <file>", "measured parameters of `calibrate`, in place of those of `paper`")
      .option("--workers <n>", "threads to spread the tapes over (default: one a core, if it is worth it)")
      .option("--no-cache", "read the tapes themselves instead of their compiled caches")
      .option("--latency <file>", "latencies that latency-probe measured, in place of those of paper")
      .option("--stops", "let drawdown and losing streaks stop a strategy, as in live trading")
      .addHelpText(
        "after",
        examples([
          "backtest tapes/btc5m --strategy fair-value,momentum --report backtest.html",
          "backtest tapes --strategy all --json",
          "backtest tapes --strategy fair-value --sweep minEdge=0.01,0.02,0.03",
          "backtest ../recordings/btc5m-books --set paper.orderLatencyMs=250",
        ]),
      ),
    "backtest",
    (ctx, args, options) => backtest(withProbe(ctx, options), args, options),
    { configFlags: { size: "sizing.usdc" } },
  );
}

function strategiesOf(text: string): string[] {
  const names = text === "all"
    ? [...POLICY_NAMES]
    : text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.find((name) => !POLICY_NAMES.includes(name));
  if (names.length === 0 || unknown !== undefined) {
    throw new OperationError({
      code: "STRATEGY_UNKNOWN",
      message: `Cannot use "${unknown ?? text}" as strategy: known are ${POLICY_NAMES.join(", ")}`,
      hint: "Pass some of them to --strategy, separated by commas, or all.",
      exit: 2,
    });
  }
  return [...new Set(names)];
}

async function backtest(
  given: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const model = options["exchangeModel"];
  const config = await withExchangeModel(given.config, typeof model === "string" ? model : null);
  const ctx: CommandContext = { ...given, config };
  const sweep = options["sweep"];
  const workers = options["workers"];
  const settings = {
    variants: variantsOf(
      strategiesOf(String(options["strategy"])),
      typeof sweep === "string" ? sweep : null,
    ),
    workers: typeof workers === "string" ? parseCount(workers, "--workers", 1, MAX_WORKERS) : null,
    cache: options["cache"] === false ? null : cacheFolder(ctx.dataDir),
    seed: parseCount(String(options["seed"]), "--seed", 0, Number.MAX_SAFE_INTEGER),
    stops: options["stops"] === true,
  };
  const resolved = await resolveTapes(ctx, args);
  let outcome: BacktestOutcome;
  try {
    outcome = await runBacktest(ctx, resolved.tapes, settings);
  } finally {
    await resolved.cleanUp();
  }
  if (!settings.stops) {
    ctx.warn({
      code: "STOPS_OFF",
      message:
        "Drawdown and losing-streak stops were only noted (firstStop), and constant stakes went on after the bankroll was " +
        "gone (ruined), so that the whole tape is judged. --stops applies both.",
    });
  }
  ctx.log.info("tapes read", {
    events: outcome.events,
    eventsPerSecond: eventsPerSecond(outcome),
    strategies: settings.variants.length,
    workers: outcome.workers,
    caches: outcome.tapes.map((tape) => tape.cache).join(","),
    peakRssBytes: outcome.peakRssBytes,
  });
  const report = typeof options["report"] === "string" ? options["report"] : null;
  if (report !== null) await writeReport(report, renderReport(backtestReport(ctx, outcome)));
  return {
    data: { ...backtestData(outcome), report },
    text: backtestText(ctx, outcome, report),
    ...(outcome.interrupted ? { exit: 5 as const } : {}),
  };
}
