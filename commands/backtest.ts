/** `poly-edge backtest`: strategies over recordings, with the engine and the exchange of paper trading. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { POLICY_NAMES } from "../core/policy/registry.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { parseCount } from "./parse.ts";
import { renderReport } from "./report/report.ts";
import { writeReport } from "./report/write.ts";
import { attach, examples } from "./run.ts";
import { type BacktestOutcome, runBacktest } from "./trading/backtest.ts";
import { backtestData, backtestReport, backtestText, eventsPerSecond } from "./trading/backtest_results.ts";
import { resolveTapes } from "./trading/tape_paths.ts";

const DEFAULT_SEED = 42;

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
      .option("--stops", "let drawdown and losing streaks stop a strategy, as in live trading")
      .addHelpText(
        "after",
        examples([
          "backtest tapes/btc5m --strategy fair-value,momentum --report backtest.html",
          "backtest tapes --strategy all --json",
          "backtest ../recordings/btc5m-books --set paper.orderLatencyMs=250",
        ]),
      ),
    "backtest",
    backtest,
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
  ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const settings = {
    strategies: strategiesOf(String(options["strategy"])),
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
    strategies: settings.strategies.length,
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
