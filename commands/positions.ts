/** `positions`: what is held in each window, by our ledger and by the venue, and what it would bring. */
import type { Command } from "commander";
import { formatUsdc, type Ms, type Usdc } from "../core/units.ts";
import { accountData, accountFlags, accountOptions, type OpenAccount, withAccount } from "./account.ts";
import { chainSide, differingOnChain, holdingOnChain, warnDifferences } from "./cash/chain_side.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { moneyText } from "./output.ts";
import { parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { type Holding, holdingsOf, ledgerView, namesOf } from "./trading/holdings.ts";
import { holdingsTable } from "./trading/holdings_view.ts";

const SINCE = "7d";

const sum = (rows: readonly Holding[], of: (row: Holding) => number | null): number =>
  rows.reduce((total, row) => total + (of(row) ?? 0), 0);

async function show(ctx: CommandContext, account: OpenAccount, since: string): Promise<CommandResult> {
  const afterMs = Math.max(0, account.venue.clock.now() - parseSpan(since, "--since")) as Ms;
  const { rows: trades } = await account.entry.trades({ afterMs });
  const view = ledgerView(ctx, account.account.funder);
  const rows = await holdingsOf(ctx, account, { trades, view, names: namesOf(ctx, account) });
  const side = await chainSide(ctx, account, rows.map(({ token }) => token), "CHAIN_UNKNOWN");
  warnDifferences(ctx, rows, side, null);
  const onChain = differingOnChain(rows, side).length;
  const claims = rows.filter(({ state }) => state === "claimable");
  const differing = rows.filter(({ difference }) => difference !== null && difference !== 0);
  if (view === null) {
    ctx.warn({
      code: "JOURNAL_ABSENT",
      message:
        `There is no journal of ${account.account.funder} in this data folder: only the venue's side is shown.`,
    });
  }
  const totals = {
    value: formatUsdc(sum(rows, ({ value }) => value) as Usdc),
    cost: formatUsdc(sum(rows, ({ cost }) => cost) as Usdc),
    claimable: formatUsdc(sum(claims, ({ value }) => value) as Usdc),
  };
  const summary = [
    `worth ${moneyText(sum(rows, ({ value }) => value))} pUSD at the bid`,
    claims.length === 0 ? "" : `${moneyText(sum(claims, ({ value }) => value))} pUSD to redeem`,
    differing.length === 0
      ? ""
      : `${differing.length} differ from the journal (trades on their way explain some)`,
    onChain === 0 ? "" : `${onChain} differ from the chain`,
  ].filter((part) => part !== "").join(", ");
  const list = holdingsTable(rows, ctx.color, side?.shares ?? null);
  return {
    data: {
      ...accountData(account),
      positions: rows.map((row) => holdingOnChain(row, side)),
      totals,
      differing: differing.length,
      differingOnChain: side === null ? null : onChain,
      journal: view !== null,
      since,
    },
    text: rows.length === 0 ? list : `${list}\n\n${summary}`,
  };
}

function positions(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const since = String(options["since"] ?? SINCE);
  parseSpan(since, "--since");
  return withAccount(ctx, accountOptions(options), (account) => show(ctx, account, since));
}

/** Adds `positions`. */
export function register(program: Command): void {
  const command = accountFlags(
    program.command("positions")
      .description(
        "Held per window and outcome: journal beside venue, cost, bid, value, what can be redeemed.",
      )
      .option("--since <time>", "look for tokens in trades of this long", SINCE),
  ).addHelpText("after", examples(["positions --venue sim", "positions --since 30d --json"]));
  attach(command, "positions", (ctx, args, options) => Promise.try(() => positions(ctx, args, options)), {
    proxy: true,
  });
}
