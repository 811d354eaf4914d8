/** `wrap`: USDC.e of the wallet becomes pUSD, one to one. */
import type { Command } from "commander";
import { accountFlags } from "./account.ts";
import { cashFlags } from "./cash/desk.ts";
import { rampCommand } from "./cash/ramp_command.ts";
import { attach, examples } from "./run.ts";

/** Adds `wrap`. */
export function register(program: Command): void {
  const command = cashFlags(accountFlags(
    program.command("wrap")
      .description("USDC.e of the wallet becomes pUSD, one to one.")
      .option("--amount <dollars>", "how much")
      .option("--all", "everything there is"),
  )).addHelpText("after", examples(["wrap --amount 12.5", "wrap --all --yes --json"]));
  attach(
    command,
    "wrap",
    (ctx, _args, options) => Promise.try(() => rampCommand(ctx, options, "wrap")),
    { proxy: true },
  );
}
