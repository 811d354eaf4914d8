/** `balance`: what the account has, what is held back, what is on its way; `--min` for cron. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { formatUsdc, type Ms, type Usdc } from "../core/units.ts";
import { accountData, accountFlags, accountOptions, type OpenAccount, withAccount } from "./account.ts";
import {
  chainDifference,
  type ChainSide,
  chainSide,
  holdingOnChain,
  warnDifferences,
} from "./cash/chain_side.ts";
import { microText } from "./cash/desk.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, facts, moneyText } from "./output.ts";
import { parseMoney, parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { holdingsOf, ledgerView, type Money, moneyOf, namesOf } from "./trading/holdings.ts";
import { gasText, holdingsTable, moneyData } from "./trading/holdings_view.ts";

/** Trades looked through without `--since`: those that can still be unconfirmed, and the last days' tokens. */
const SINCE = "2d";
/** `--min` needs only what can be unconfirmed. */
const MIN_SINCE_MS = 3_600_000;

const sinceOf = (account: OpenAccount, spanMs: number): { readonly afterMs: Ms } => ({
  afterMs: Math.max(0, account.venue.clock.now() - spanMs) as Ms,
});

async function readMoney(ctx: CommandContext, account: OpenAccount, spanMs: number) {
  const { entry } = account;
  const names = namesOf(ctx, account);
  const [collateral, orders, trades] = await Promise.all([
    entry.collateral(),
    entry.openOrders(),
    entry.trades(sinceOf(account, spanMs)),
  ]);
  const money = await moneyOf(collateral.balance, orders.rows, trades.rows, names);
  return { money, names, trades: trades.rows };
}

/** One line for scripts: everything that a person would want to know at three in the morning. */
function below(money: Money, min: Usdc): OperationError {
  const data = moneyData(money);
  return new OperationError({
    code: "BALANCE_BELOW_MINIMUM",
    message: `free=${data.free} minimum=${formatUsdc(min)} collateral=${data.collateral} ` +
      `reserved=${data.reserved} provisional=${data.provisional.out}`,
    details: { ...data, minimum: formatUsdc(min) },
    exit: 3,
  });
}

async function checkMinimum(ctx: CommandContext, account: OpenAccount, min: Usdc): Promise<CommandResult> {
  const { money } = await readMoney(ctx, account, MIN_SINCE_MS);
  if (money.free < min) throw below(money, min);
  return { data: { ...accountData(account), ...moneyData(money), minimum: formatUsdc(min) } };
}

/** Wallet, venue and chain beside each other. */
function chainFacts(side: ChainSide | null, money: Money): readonly (readonly [string, string])[] {
  if (side === null) return [["on chain", "not known"], ["gas", "not known"]];
  const difference = chainDifference(money.collateral, side.pusd) ?? 0n;
  const flag = difference === 0n
    ? "the same as the venue's"
    : `the venue says ${moneyText(Number(difference))} more`;
  return [
    ["on chain", `${moneyText(Number(side.pusd))} pUSD: ${flag}`],
    ...side.usdce === 0n
      ? []
      : [["USDC.e", `${moneyText(Number(side.usdce))} (wrap makes it pUSD)`] as const],
    ["gas", `${gasText(side.gas)} POL of the key`],
  ];
}

async function show(ctx: CommandContext, account: OpenAccount, since: string): Promise<CommandResult> {
  const { money, names, trades } = await readMoney(ctx, account, parseSpan(since, "--since"));
  const view = ledgerView(ctx, account.account.funder);
  const rows = await holdingsOf(ctx, account, { trades, view, names });
  const side = await chainSide(ctx, account, rows.map(({ token }) => token), "GAS_UNKNOWN");
  warnDifferences(ctx, rows, side, money.collateral);
  const value = rows.reduce((sum, row) => sum + (row.value ?? 0), 0);
  const difference = chainDifference(money.collateral, side?.pusd ?? null);
  const data = {
    ...accountData(account),
    ...moneyData(money),
    gas: side === null ? null : gasText(side.gas),
    chain: side === null ? null : {
      block: side.block,
      collateral: microText(side.pusd),
      usdce: microText(side.usdce),
      difference: microText(difference ?? 0n),
    },
    positionsValue: formatUsdc(value as Usdc),
    positions: rows.map((row) => holdingOnChain(row, side)),
    since,
  };
  const text = facts([
    ["wallet", account.account.funder],
    ["collateral", `${moneyText(money.collateral)} pUSD`],
    ["free", `${moneyText(money.free)} pUSD`],
    ["reserved", `${moneyText(money.reserved)} pUSD in ${countText(money.openOrders)} open orders`],
    ["provisional", `${moneyText(money.provisionalOut)} out, ${moneyText(money.provisionalIn)} in`],
    ["positions", `${moneyText(value)} pUSD at the bid`],
    ...chainFacts(side, money),
  ], ctx.color);
  const list = holdingsTable(rows, ctx.color, side?.shares ?? null);
  return { data, text: rows.length === 0 ? text : `${text}\n\n${list}` };
}

async function balance(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const min = options["min"] === undefined ? null : parseMoney(String(options["min"]), "--min");
  const since = String(options["since"] ?? SINCE);
  parseSpan(since, "--since");
  return await withAccount(
    ctx,
    accountOptions(options),
    (account) => min === null ? show(ctx, account, since) : checkMinimum(ctx, account, min),
  );
}

/** Adds `balance`. */
export function register(program: Command): void {
  const command = accountFlags(
    program.command("balance")
      .description("Collateral, what is free, reserved and not confirmed yet, gas, positions.")
      .option("--min <pUSD>", "say nothing when at least this is free, else one line and exit 3")
      .option("--since <time>", "look for tokens in trades of this long", SINCE),
  ).addHelpText("after", examples(["balance --venue sim", "balance --min 50", "balance --json"]));
  attach(command, "balance", balance, { proxy: true });
}
