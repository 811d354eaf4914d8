/** `merge`: one Up and one Down of a window become one pUSD, at any time before it resolves. */
import type { Command } from "commander";
import { accountFlags } from "./account.ts";
import { cashFlags, microText } from "./cash/desk.ts";
import { harvest, mergesOf } from "./cash/harvest.ts";
import { harvestCommand } from "./cash/harvest_command.ts";
import { attach, examples } from "./run.ts";

/** Adds `merge`. */
export function register(program: Command): void {
  const command = cashFlags(accountFlags(
    program.command("merge")
      .description("Turn complete sets (one Up and one Down) back into pUSD.")
      .option("--window <slug>", "only this window")
      .option("--condition <ids>", "look for shares in these windows too, traded or not")
      .option("--since <time>", "look for shares in trades of this long", "7d"),
  )).addHelpText(
    "after",
    examples(["merge --dry-run", "merge --yes", "merge --window btc-updown-5m-1795253400"]),
  );
  attach(
    command,
    "merge",
    (ctx, _args, options) =>
      harvestCommand(ctx, options, {
        name: "merge",
        alone: true,
        itemsOf: mergesOf,
        act: harvest,
        text: (items) =>
          `${items.length} windows with complete sets: ${
            microText(items.reduce((sum, { brings }) => sum + brings, 0n))
          } pUSD`,
      }),
    { proxy: true },
  );
}
