/** `cashout`: cancel, wait for fills, merge, redeem, pay to an address, and end when the money is seen there. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import type { MoneyRun } from "../feeds/chain/money_journal.ts";
import { accountData, accountFlags, accountOptions } from "./account.ts";
import { type CashAsset, type CashoutWish, holdingsData, sameWish, wishArgs } from "./cash/cashout_plan.ts";
import { type CashoutReport, runCashout } from "./cash/cashout_run.ts";
import { type CashDesk, cashFlags, microText, withCashDesk } from "./cash/desk.ts";
import { checkContract, checkDestination, confirmFirstUse, parseDestination } from "./cash/destination.ts";
import { leftOver, mergesOf, redeemsOf } from "./cash/harvest.ts";
import { chainHoldings, knownTokens, searchOption } from "./cash/holdings.ts";
import { beginRun, endRun, paidBy, settleOpen } from "./cash/perform.ts";
import { amountOption, confirmPlan, withSteps } from "./cash/simple.ts";
import { leftData, leftTable, stepsData, stepsTable } from "./cash/view.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { facts } from "./output.ts";
import { parseSpan } from "./parse.ts";
import { attach, examples, leavesBehind } from "./run.ts";

/** The same command this soon after its end shows that end: whoever did not see it must not pay twice. */
const REPEAT_MS = 15 * 60_000;

function wishOf(options: Record<string, unknown>): CashoutWish {
  const { all, amount, asset, to } = options;
  if (asset !== "usdc.e" && asset !== "pusd") {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read --asset as what is to arrive: current value is ${String(asset)}`,
      hint: "usdc.e (the usual) or pusd",
      exit: 2,
    });
  }
  if (typeof to !== "string") {
    throw new OperationError({
      code: "USAGE",
      message: "Cannot cash out to nowhere: --to is missing",
      hint: "For example: cashout --to 0x... --amount 100",
      exit: 2,
    });
  }
  const everything = amount === undefined && all === undefined;
  return {
    to: parseDestination(to),
    amount: amountOption(everything ? { all: true } : options),
    asset: asset satisfies CashAsset,
    search: searchOption(options),
  };
}

const cashouts = (desk: CashDesk): MoneyRun[] =>
  [...desk.journal.runs.values()].filter(({ command }) => command === "cashout");

/** A run that was cut off; another wish must wait for it. Throws CASHOUT_UNFINISHED (exit 3). */
function unfinished(desk: CashDesk, wish: CashoutWish): MoneyRun | null {
  const open = cashouts(desk).findLast(({ ended }) => ended === null) ?? null;
  if (open === null || sameWish(open, wish)) return open;
  throw new OperationError({
    code: "CASHOUT_UNFINISHED",
    message: `Cannot begin another cash-out: one of ${open.args["amount"]} ${open.args["asset"]} to ${
      open.args["to"]
    } has not ended`,
    hint: "Run that command again: it goes on where it stopped. Or end it with `cashout --abandon`.",
    details: { ...open.args },
    exit: 3,
  });
}

/** The end of the same command a moment ago, for amounts that would otherwise be paid again. */
function justEnded(desk: CashDesk, wish: CashoutWish): MoneyRun | null {
  if (wish.amount === null) return null;
  const last = cashouts(desk).at(-1);
  if (last === undefined || last.ended === null || !sameWish(last, wish)) return null;
  const isFresh = desk.clock.now() - last.ended.atMs < REPEAT_MS;
  return isFresh && paidBy(desk, last.id) !== null ? last : null;
}

async function dryRun(desk: CashDesk, wish: CashoutWish): Promise<CommandResult> {
  const { ctx, open } = desk;
  const [orders, holdings] = await Promise.all([
    open.entry.openOrders(),
    knownTokens(desk, wish.search).then((known) => chainHoldings(desk, known)),
  ]);
  const items = [...mergesOf(holdings), ...redeemsOf(holdings)];
  const gained = items.reduce((sum, { brings }) => sum + brings, 0n);
  const amount = wish.amount ?? holdings.pusd + gained;
  const steps = [
    { step: "cancel", title: `cancel ${orders.rows.length} open orders` },
    { step: "settle", title: "wait for matched trades to settle" },
    ...items.map(({ brings, kind, window }) => ({
      step: kind,
      title: `${kind} ${window.slug}: ${microText(brings)} pUSD`,
    })),
    {
      step: wish.asset === "pusd" ? "transfer" : "unwrap",
      title: `${wish.asset === "pusd" ? "transfer" : "unwrap"} ${microText(amount)} to ${wish.to}`,
    },
    { step: "see", title: `see ${wish.asset === "pusd" ? "pUSD" : "USDC.e"} arrive there` },
  ].map((step) => ({ ...step, state: "planned" }));
  const left = leftOver(holdings).filter(({ reason }) => reason !== "NOT_REDEEMED");
  return {
    data: {
      ...accountData(open),
      ...wishArgs(wish),
      dryRun: true,
      steps,
      before: holdingsData(holdings),
      after: null,
      payable: microText(holdings.pusd + gained),
      enough: amount <= holdings.pusd + gained,
      left: leftData(left),
    },
    text: `${steps.map(({ title }, at) => `${at + 1}. ${title}`).join("\n")}\n\n${
      leftTable(left, ctx.color)
    }`,
  };
}

function resultOf(desk: CashDesk, run: MoneyRun, report: CashoutReport, resumed: boolean): CommandResult {
  const { ctx } = desk;
  const steps = stepsData(desk, run);
  const data = {
    ...accountData(desk.open),
    ...report.data,
    dryRun: false,
    resumed,
    steps,
    left: leftData(report.left),
  };
  const head = facts([
    ["paid", `${microText(report.paid)} to ${String(run.args["to"])}`],
    ["arrived", report.payment === null ? "nothing was there to pay" : "seen at the destination"],
    ["gas", `${String(report.data["gas"])} POL`],
  ], ctx.color);
  return {
    data,
    text: `${stepsTable(steps, ctx.color)}\n\n${head}\n\n${leftTable(report.left, ctx.color)}`,
    exit: report.partial ? 5 : 0,
  };
}

const OPEN = {
  code: "CASHOUT_OPEN",
  message: "The cash-out has not ended. Run the same command again: it goes on and pays nothing twice.",
} as const;

/** Carries a run on to its end. A run without anything under way ends with its failure, so that another may begin. */
async function carryOn(
  desk: CashDesk,
  run: MoneyRun,
  wish: CashoutWish,
  resumed: boolean,
): Promise<CommandResult> {
  const steps = () => stepsData(desk, run);
  leavesBehind(desk.ctx, "cashout", () => ({ ...OPEN, data: { ...run.args, steps: steps() } }));
  try {
    const report = await runCashout(desk, run, wish);
    const result = resultOf(desk, run, report, resumed);
    endRun(desk, run.id, { paid: microText(report.paid), data: result.data, exit: result.exit ?? 0 });
    return result;
  } catch (error) {
    if (desk.ctx.signal.aborted) desk.ctx.warn(OPEN);
    if (desk.ctx.signal.aborted || !(error instanceof OperationError)) throw error;
    const operations = desk.journal.operationsOf(run.id);
    const isOpen = operations.some(({ fate, payment }) =>
      fate === null || payment !== null && fate === "landed"
    );
    if (!isOpen) endRun(desk, run.id, { paid: "0.000000", error: error.code });
    throw withSteps(error, desk, run);
  }
}

/** Ends an unfinished run after bringing what is under way to its end. */
async function abandon(desk: CashDesk): Promise<CommandResult> {
  await settleOpen(desk);
  const open = cashouts(desk).filter(({ ended }) => ended === null);
  const ended = open.map((run) => {
    const paid = microText(BigInt(paidBy(desk, run.id)?.payment?.amount ?? "0"));
    const one = { ...run.args, paid, steps: stepsData(desk, run) };
    // The same command soon afterwards shows this, should it have paid.
    const data = { ...accountData(desk.open), ...one, dryRun: false, abandoned: true, left: [] };
    endRun(desk, run.id, { paid, abandoned: true, data, exit: 0 });
    return one;
  });
  return {
    data: {
      ...accountData(desk.open),
      abandoned: ended,
      steps: ended.flatMap(({ steps }) => steps),
      left: [],
    },
    text: ended.length === 0
      ? "no cash-out was open"
      : ended.map((one) => `ended; it had paid ${one.paid}`).join("\n"),
  };
}

/** What is under way, from the journal alone: nothing is asked, sent or waited for. */
function statusOf(desk: CashDesk): CommandResult {
  const open = cashouts(desk).filter(({ ended }) => ended === null);
  const rows = open.map((run) => ({ ...run.args, steps: stepsData(desk, run) }));
  const { color } = desk.ctx;
  return {
    data: { ...accountData(desk.open), open: rows, steps: rows.flatMap(({ steps }) => steps), left: [] },
    text: rows.length === 0 ? "no cash-out is open" : [
      ...open.map(({ args, id }, at) =>
        `${args["amount"]} ${args["asset"]} to ${args["to"]} (${id})\n${stepsTable(rows[at]!.steps, color)}`
      ),
      "The same `cashout` again goes on with it and pays nothing twice; `--wait 30m` waits longer.",
    ].join("\n\n"),
    exit: rows.length === 0 ? 0 : 5,
  };
}

/** The desk with the longest wait for one transaction that was asked for. Throws USAGE (exit 2). */
function patient(desk: CashDesk, wait: unknown): CashDesk {
  if (wait === undefined) return desk;
  return { ...desk, limits: { ...desk.limits, giveUpMs: parseSpan(String(wait), "--wait") } };
}

async function cashout(
  ctx: CommandContext,
  options: Record<string, unknown>,
  wish: CashoutWish | null,
): Promise<CommandResult> {
  const status = options["status"] === true;
  if (options["wait"] !== undefined) parseSpan(String(options["wait"]), "--wait");
  return await withCashDesk(ctx, { ...accountOptions(options), alone: !status }, async (opened) => {
    const desk = patient(opened, options["wait"]);
    if (status) return statusOf(desk);
    if (wish === null) return await abandon(desk);
    checkDestination(ctx, wish.to, desk.account.funder);
    const open = unfinished(desk, wish);
    if (open !== null && options["dryRun"] !== true) {
      ctx.warn({
        code: "CASHOUT_RESUMED",
        message: "A cash-out that was cut off goes on; nothing is paid twice.",
      });
      return await carryOn(desk, open, wish, true);
    }
    const ended = options["again"] === true || options["dryRun"] === true ? null : justEnded(desk, wish);
    if (ended !== null) {
      ctx.warn({
        code: "CASHOUT_REPEATED",
        message:
          "This very cash-out ended a moment ago; its result is shown and nothing was paid. --again pays again.",
      });
      const { data, exit } = ended.ended?.result as { data: Record<string, unknown>; exit: 0 | 5 };
      return {
        data: { ...data, paid: ended.ended?.result["paid"], repeated: true },
        text: stepsTable(stepsData(desk, ended), ctx.color),
        exit,
      };
    }
    await checkContract(desk, wish.to, options["contract"] === true);
    if (options["dryRun"] === true) return await dryRun(desk, wish);
    await settleOpen(desk);
    await confirmFirstUse(desk, wish.to, options["firstUse"] === true);
    if (options["yes"] !== true) {
      const plan = await dryRun(desk, wish);
      ctx.print(plan.text ?? "");
      await confirmPlan(ctx, options, plan.text ?? "", "cashout");
    }
    return await carryOn(desk, beginRun(desk, "cashout", wishArgs(wish)), wish, false);
  });
}

/** Adds `cashout`. */
export function register(program: Command): void {
  const command = cashFlags(accountFlags(
    program.command("cashout")
      .description(
        "Cancel, merge, redeem and pay to an address; ends when the money is seen there. Goes on after a crash.",
      )
      .option("--to <address>", "where to, with its checksum")
      .option("--amount <pUSD>", "how much; without it everything that is free")
      .option("--all", "everything that is free")
      .option("--asset <name>", "what arrives: usdc.e or pusd", "usdc.e")
      .option("--since <time>", "look for shares in trades of this long", "30d")
      .option("--condition <ids>", "look for shares in these windows too, traded or not")
      .option("--first-use", "this destination is meant, although it was never paid before")
      .option("--contract", "this destination is meant, although it is a contract")
      .option("--again", "pay the same amount again right after a payment of it")
      .option("--wait <time>", "longest wait for one transaction (venue time); default chain.giveUpMs")
      .option("--status", "show what is under way; asks and sends nothing")
      .option("--abandon", "end a cash-out that was cut off, after settling what is under way"),
  )).addHelpText(
    "after",
    examples([
      "cashout --to 0x... --dry-run",
      "cashout --to 0x... --amount 100",
      "cashout --to 0x... --all --yes",
      "cashout --status",
    ]),
  );
  attach(
    command,
    "cashout",
    (ctx, _args, options) =>
      Promise.try(() =>
        cashout(
          ctx,
          options,
          options["abandon"] === true || options["status"] === true ? null : wishOf(options),
        )
      ),
    { proxy: true },
  );
}
