/** `balance`: what the account has, what is held back, what is on its way; `--min` for cron. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { formatUsdc, type Ms, type Usdc } from "../core/units.ts";
import { accountData, accountFlags, accountOptions, type OpenAccount, withAccount } from "./account.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, facts, moneyText } from "./output.ts";
import { parseMoney, parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { holdingsOf, ledgerView, type Money, moneyOf, namesOf } from "./trading/holdings.ts";
import { gasText, holdingData, holdingsTable, moneyData } from "./trading/holdings_view.ts";

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

/** POL of the key, which pays for its transactions; null with a warning where Polygon cannot be read. */
async function readGas(ctx: CommandContext, { account, polygon }: OpenAccount): Promise<bigint | null> {
  try {
    return await polygon.gas(account.key);
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.warn({
      code: "GAS_UNKNOWN",
      message: `POL of ${account.key} could not be read: ${error instanceof Error ? error.message : error}`,
    });
    return null;
  }
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

async function show(ctx: CommandContext, account: OpenAccount, since: string): Promise<CommandResult> {
  const [gas, { money, names, trades }] = await Promise.all([
    readGas(ctx, account),
    readMoney(ctx, account, parseSpan(since, "--since")),
  ]);
  const view = ledgerView(ctx, account.account.funder);
  const rows = await holdingsOf(ctx, account, { trades, view, names });
  const value = rows.reduce((sum, row) => sum + (row.value ?? 0), 0);
  const data = {
    ...accountData(account),
    ...moneyData(money),
    gas: gas === null ? null : gasText(gas),
    positionsValue: formatUsdc(value as Usdc),
    positions: rows.map(holdingData),
    since,
  };
  const text = facts([
    ["wallet", account.account.funder],
    ["collateral", `${moneyText(money.collateral)} pUSD`],
    ["free", `${moneyText(money.free)} pUSD`],
    ["reserved", `${moneyText(money.reserved)} pUSD in ${countText(money.openOrders)} open orders`],
    ["provisional", `${moneyText(money.provisionalOut)} out, ${moneyText(money.provisionalIn)} in`],
    ["positions", `${moneyText(value)} pUSD at the bid`],
    ["gas", gas === null ? "not known" : `${gasText(gas)} POL of the key`],
  ], ctx.color);
  return { data, text: rows.length === 0 ? text : `${text}\n\n${holdingsTable(rows, ctx.color)}` };
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
