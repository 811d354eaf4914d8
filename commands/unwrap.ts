/** `unwrap`: pUSD of the wallet becomes USDC.e in the same wallet, one to one. */
import type { Command } from "commander";
import { accountFlags } from "./account.ts";
import { cashFlags } from "./cash/desk.ts";
import { rampCommand } from "./cash/ramp_command.ts";
import { attach, examples } from "./run.ts";

/** Adds `unwrap`. */
export function register(program: Command): void {
  const command = cashFlags(accountFlags(
    program.command("unwrap")
      .description("pUSD of the wallet becomes USDC.e in the same wallet, one to one.")
      .option("--amount <dollars>", "how much")
      .option("--all", "everything there is"),
  )).addHelpText("after", examples(["unwrap --amount 12.5", "unwrap --all --yes --json"]));
  attach(
    command,
    "unwrap",
    (ctx, _args, options) => Promise.try(() => rampCommand(ctx, options, "unwrap")),
    { proxy: true },
  );
}
