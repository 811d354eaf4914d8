/** The shape that approve, merge, redeem, wrap and unwrap share: settle what is open, plan, ask, do, read again. */
import { OperationError } from "../../core/errors.ts";
import { parseDecimal } from "../../core/units.ts";
import type { MoneyRun } from "../../feeds/chain/money_journal.ts";
import { accountData, accountOptions } from "../account.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { secretsDesk } from "../run.ts";
import { confirmed } from "../trading/confirm.ts";
import { type CashDesk, polText, withCashDesk } from "./desk.ts";
import { beginRun, endRun, settleOpen } from "./perform.ts";
import { stepsData, stepsTable } from "./view.ts";

/** What a command is about to do. */
export interface Plan {
  /** For people, shown before the question. */
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** There is nothing to do. */
  readonly empty: boolean;
  /** Does it. What it returns is added to the command's data. */
  readonly act: (run: MoneyRun) => Promise<Readonly<Record<string, unknown>>>;
}

export interface SimpleCommand {
  readonly name: string;
  /** Must not run beside an engine of the wallet. */
  readonly alone: boolean;
  readonly plan: (desk: CashDesk) => Promise<Plan>;
  /** Tokens whose balance the venue should read again; pUSD always is. */
  readonly after?: (desk: CashDesk) => Promise<void>;
}

/** A cash-out that has not ended would count the money of this command as its own. */
function refuseOpenCashout(desk: CashDesk): void {
  const open = [...desk.journal.runs.values()].find(({ command, ended }) =>
    command === "cashout" && ended === null
  );
  if (open === undefined) return;
  throw new OperationError({
    code: "CASHOUT_UNFINISHED",
    message: `Cannot do this now: a cash-out to ${String(open.args["to"])} has not ended`,
    hint:
      "Run that `poly-edge cashout` again: it goes on where it stopped; or end it with `cashout --abandon`.",
    details: { ...open.args },
    exit: 3,
  });
}

/** Asks unless `--yes`. Throws NOT_CONFIRMED (exit 3). */
export async function confirmPlan(
  ctx: CommandContext,
  options: Record<string, unknown>,
  text: string,
  word: string,
): Promise<void> {
  if (options["yes"] === true) return;
  const yes = await confirmed({
    terminal: secretsDesk(ctx).terminal,
    signal: ctx.signal,
    text: ctx.json ? text : "",
    word,
  });
  ctx.signal.throwIfAborted();
  if (yes) return;
  throw new OperationError({
    code: "NOT_CONFIRMED",
    message: `Cannot go on with ${word}: nobody confirmed it`,
    hint: "Read what it would do (--dry-run shows it), then add --yes.",
    exit: 3,
  });
}

/** Lets the venue read the wallet's pUSD again. Its trouble changes nothing about what was done. */
export async function refreshVenue(desk: CashDesk): Promise<void> {
  try {
    await desk.open.entry.refreshBalance({ kind: "collateral" });
  } catch (error) {
    desk.ctx.signal.throwIfAborted();
    desk.ctx.log.warn("the venue was not told to read the balance again", { error: String(error) });
  }
}

/** Gas that a run has cost the key. */
export function gasOf(desk: CashDesk, run: MoneyRun): string {
  const spent = desk.journal.operationsOf(run.id).reduce(
    (sum, { intent, landing }) =>
      intent.kind === "eoa" && landing !== null
        ? sum + BigInt(landing.gasUsed ?? "0") * BigInt(landing.gasPrice ?? "0")
        : sum,
    0n,
  );
  return polText(spent);
}

/** Steps in an error, so that a failed command tells what it has done all the same. */
export function withSteps(error: unknown, desk: CashDesk, run: MoneyRun): unknown {
  if (!(error instanceof OperationError)) return error;
  const { cause, code, details, exit, hint, message } = error;
  return new OperationError({
    code,
    message,
    exit,
    ...(hint === undefined ? {} : { hint }),
    details: { ...details, steps: stepsData(desk, run) },
    ...(cause === undefined ? {} : { cause }),
  });
}

async function run(
  desk: CashDesk,
  command: SimpleCommand,
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const { ctx } = desk;
  const dry = options["dryRun"] === true;
  if (!dry) {
    await settleOpen(desk);
    refuseOpenCashout(desk);
  }
  const plan = await command.plan(desk);
  const head = { ...accountData(desk.open), ...plan.data };
  if (dry || plan.empty) {
    return { data: { ...head, dryRun: dry, steps: [], done: plan.empty }, text: plan.text };
  }
  if (options["yes"] !== true) ctx.print(plan.text);
  await confirmPlan(ctx, options, plan.text, command.name);
  const begun = beginRun(desk, command.name, plan.data);
  try {
    const more = await plan.act(begun);
    await refreshVenue(desk);
    await command.after?.(desk);
    endRun(desk, begun.id, { done: true });
    const steps = stepsData(desk, begun);
    return {
      data: { ...head, ...more, dryRun: false, steps, gas: gasOf(desk, begun), done: true },
      text: `${plan.text}\n\n${stepsTable(steps, ctx.color)}`,
    };
  } catch (error) {
    // What is under way is found by its operation; the run itself has nothing more to do.
    if (!ctx.signal.aborted) endRun(desk, begun.id, { done: false });
    throw withSteps(error, desk, begun);
  }
}

/** Runs a money command with its account opened. */
export function runSimple(
  ctx: CommandContext,
  options: Record<string, unknown>,
  command: SimpleCommand,
): Promise<CommandResult> {
  return withCashDesk(
    ctx,
    { ...accountOptions(options), alone: command.alone },
    (desk) => run(desk, command, options),
  );
}

/** `--amount` in millionths, or null for `--all`. Exactly one of them. Throws USAGE (exit 2). */
export function amountOption(options: Record<string, unknown>): bigint | null {
  const { all, amount } = options;
  if ((amount === undefined) === (all !== true)) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot tell how much is meant: give --amount or --all, current value is ${
        amount === undefined ? "neither" : "both"
      }`,
      hint: "For example: --amount 12.5",
      exit: 2,
    });
  }
  if (amount === undefined) return null;
  const value = parseDecimal(String(amount).trim(), 6);
  if (!(value > 0)) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read --amount as an amount above zero: current value is ${String(amount)}`,
      hint: "At most six digits after the point, for example: --amount 12.5",
      exit: 2,
    });
  }
  return BigInt(value);
}
