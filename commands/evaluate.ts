/** `poly-edge evaluate`: strategies judged on windows that had no part in choosing them, by time and by asset. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { POLICY_NAMES } from "../core/policy/registry.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { attach, examples } from "./run.ts";
import { backtestCommand } from "./trading/backtest_command.ts";

const DEFAULT_SEED = 42;
const DEFAULT_SHARE = 0.4;

/** Adds `evaluate` to the program. */
export function register(program: Command): void {
  attach(
    program.command("evaluate")
      .description(
        "judge strategies on the last windows, and on each asset, with parameters chosen on earlier ones",
      )
      .argument("<tapes...>", "tapes, folders of tapes, or recordings (imported on the fly)")
      .option(
        "--strategy <list>",
        `strategies, separated by commas (${
          POLICY_NAMES.join(", ")
        }), or all (default: all; none with --model)`,
      )
      .option("--model <list>", "models to judge, separated by commas, see docs/models.md")
      .option("--held-out <share>", "share of the windows, the last ones, to judge on", String(DEFAULT_SHARE))
      .option(
        "--sweep <list>",
        "values of strategy parameters to choose among on the earlier windows: minEdge=0.01:0.05:0.01",
      )
      .option("--report <file>", "write the HTML report here")
      .option("--csv <folder>", "write the figures as CSV files into this folder")
      .option("--seed <n>", "seed of strategies that draw and of the bootstrap", String(DEFAULT_SEED))
      .option("--size <pUSD>", "stake of one trade (sizing.usdc)")
      .option("--workers <n>", "threads to spread the tapes over (default: one a core, if it is worth it)")
      .option("--no-cache", "read the tapes themselves instead of their compiled caches")
      .option("--stops", "let drawdown and losing streaks stop a strategy, as in live trading")
      .addHelpText(
        "after",
        examples([
          "evaluate tapes --strategy fair-value,momentum --report evaluation.html",
          "evaluate tapes --strategy fair-value --sweep minEdge=0.01:0.05:0.01 --held-out 0.5",
        ]),
      ),
    "evaluate",
    evaluate,
    { configFlags: { size: "sizing.usdc" } },
  );
}

function shareOf(text: string): number {
  const share = text.trim() === "" ? NaN : Number(text);
  if (share > 0 && share < 1) return share;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot use ${text} as --held-out: it must be a share between 0 and 1`,
    hint: "For example: --held-out 0.4",
    exit: 2,
  });
}

const evaluate = (
  ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> =>
  backtestCommand(ctx, args, options, { kind: "heldOut", share: shareOf(String(options["heldOut"])) });
