/** `redeem`: winning shares of resolved windows become pUSD. */
import type { Command } from "commander";
import { accountFlags } from "./account.ts";
import { cashFlags, microText } from "./cash/desk.ts";
import { harvest, redeemsOf } from "./cash/harvest.ts";
import { harvestCommand } from "./cash/harvest_command.ts";
import { attach, examples } from "./run.ts";

/** Adds `redeem`. */
export function register(program: Command): void {
  const command = cashFlags(accountFlags(
    program.command("redeem")
      .description(
        "Turn the shares of all resolved windows into pUSD, by adapter or Router as each window wants.",
      )
      .option("--window <slug>", "only this window")
      .option("--condition <ids>", "look for shares in these windows too, traded or not")
      .option("--since <time>", "look for shares in trades of this long", "30d"),
  )).addHelpText("after", examples(["redeem --dry-run", "redeem --yes"]));
  attach(
    command,
    "redeem",
    (ctx, _args, options) =>
      harvestCommand(ctx, options, {
        name: "redeem",
        alone: false,
        itemsOf: redeemsOf,
        act: harvest,
        text: (items) =>
          `${items.length} resolved windows: ${
            microText(items.reduce((sum, { brings }) => sum + brings, 0n))
          } pUSD`,
      }),
    { proxy: true },
  );
}
