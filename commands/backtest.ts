/** `poly-edge backtest`: strategies over recordings, with the engine and the exchange of paper trading. */
import type { Command } from "commander";
import { POLICY_NAMES } from "../core/policy/registry.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { readProbe, withLatency } from "./probe/result.ts";
import { attach, examples } from "./run.ts";
import { backtestCommand } from "./trading/backtest_command.ts";
import { withExchangeModel } from "./trading/exchange_model_file.ts";

const DEFAULT_SEED = 42;
/** Blocks of time of a sweep: the first only chooses, each of the others is judged with what all before it chose. */
const BLOCKS = 5;

/** Adds `backtest` to the program. */
export function register(program: Command): void {
  attach(
    program.command("backtest")
      .description("run strategies over tapes or recordings and report what they would have earned")
      .argument("<tapes...>", "tapes, folders of tapes, or recordings (imported on the fly)")
      .option(
        "--strategy <list>",
        `strategies, separated by commas (${
          POLICY_NAMES.join(", ")
        }), or all (default: all; none with --model)`,
      )
      .option("--model <list>", "models to judge, separated by commas, see docs/models.md")
      .option("--report <file>", "write the HTML report here")
      .option("--csv <folder>", "write the figures as CSV files into this folder")
      .option("--seed <n>", "seed of strategies that draw and of the bootstrap", String(DEFAULT_SEED))
      .option("--size <pUSD>", "stake of one trade (sizing.usdc)")
      .option(
        "--sweep <list>",
        "values of strategy parameters to try, each with each, chosen on the past and judged after it (walk-forward): " +
          "minEdge=0.01:0.05:0.01,decideEveryMs=100,500",
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
          "backtest tapes --strategy fair-value --sweep minEdge=0.01:0.05:0.01 --csv figures",
          "backtest ../recordings/btc5m-books --set paper.orderLatencyMs=250",
        ]),
      ),
    "backtest",
    backtest,
    { configFlags: { size: "sizing.usdc" } },
  );
}

async function backtest(
  given: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const textOf = (name: string): string | null => {
    const value = options[name];
    return typeof value === "string" ? value : null;
  };
  const file = textOf("latency");
  const latency = file === null ? null : { file, probe: readProbe(file) };
  const measured = latency === null ? given.config : withLatency(given.config, latency.probe);
  const exchangeModel = textOf("exchangeModel");
  const config = await withExchangeModel(measured, exchangeModel);
  return await backtestCommand(
    { ...given, config },
    args,
    options,
    options["sweep"] === undefined ? { kind: "all" } : { kind: "walkForward", blocks: BLOCKS },
    { latency, exchangeModel },
  );
}
