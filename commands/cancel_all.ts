/** `cancel-all`: cancels everything, or the orders of some assets, then proves that it is gone. */
import type { Command } from "commander";
import type { ExitCode } from "../core/errors.ts";
import type { Asset } from "../core/market/instrument.ts";
import type { Ms } from "../core/units.ts";
import { accountData, accountFlags, accountOptions, type OpenAccount, withAccount } from "./account.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, facts, table } from "./output.ts";
import { parseAssets, parseSpan } from "./parse.ts";
import { attach, examples, leavesBehind } from "./run.ts";
import { CANCEL_FOR, cancelOrders, type CancelResult } from "./trading/cancel_orders.ts";
import { windowNames } from "./trading/window_names.ts";

/** Adds `--for`, which the commands have that cancel until it is proved. */
export const cancelFlags = (command: Command): Command =>
  command.option("--for <time>", "go on this long (venue time) until nothing is open", CANCEL_FOR);

/** What `cancelFlags` read, ms. Throws USAGE (exit 2). */
export const cancelForMs = (options: Record<string, unknown>): Ms =>
  parseSpan(String(options["for"] ?? CANCEL_FOR), "--for");

/** Cancels with progress on stderr; `assets` null means all orders. Throws as `cancelOrders()`. */
export async function cancelWithProgress(
  ctx: CommandContext,
  { entry, http, venue }: OpenAccount,
  assets: readonly Asset[] | null,
  forMs: Ms = parseSpan(CANCEL_FOR, "--for"),
): Promise<CancelResult> {
  const names = windowNames(http, venue.profile.clob, ctx.signal);
  const progress = ctx.progress("cancel");
  try {
    return await cancelOrders({
      entry,
      clock: venue.clock,
      signal: ctx.signal,
      wanted: assets === null ? null : async (conditionId) => {
        const { window } = await names(conditionId);
        return window !== null && assets.includes(window.asset);
      },
      forMs,
      onProgress(doneMs, totalMs, note) {
        const leftS = Math.round((totalMs - doneMs) / 1_000);
        ctx.log.warn("orders are not gone yet", { note, goesOnForS: leftS });
        progress.update(Math.round(doneMs / 1_000), Math.round(totalMs / 1_000), note);
      },
    });
  } finally {
    progress.stop();
  }
}

/** What a stop before the proof says: the command's whole point is not reached. */
export function leavesUnproved(
  ctx: CommandContext,
  command: string,
  data: Readonly<Record<string, unknown>>,
): void {
  leavesBehind(ctx, command, () => ({
    code: "ORDERS_LEFT",
    message: "Stopped before it was proved that the orders are gone: open orders may be left. " +
      "Run: poly-edge cancel-all",
    data: { ...data, openAfter: null },
  }));
}

/** 0 when nothing is left, 5 when something is or it could not be proved. */
export const cancelExit = ({ openAfter }: CancelResult): ExitCode => openAfter === 0 ? 0 : 5;

/** Counts, then each order that is left with the venue's reason. */
export function cancelText(result: CancelResult, color: boolean): string {
  const { canceled, notCanceled, openAfter, trouble } = result;
  const head = facts([
    ["cancelled", countText(canceled.length)],
    ["still open", openAfter === null ? "not known: the list could not be read" : countText(openAfter)],
    ...(trouble === null ? [] : [["trouble", trouble] as const]),
  ], color);
  const rows = Object.entries(notCanceled);
  if (rows.length === 0) return head;
  return `${head}\n\n${table({ head: ["not cancelled", "reason"], rows, color })}`;
}

/** The part of a command's data that says what became of the orders. */
export const cancelData = ({ canceled, notCanceled, openAfter, trouble }: CancelResult) => ({
  canceled,
  notCanceled,
  openAfter,
  ...(trouble === null ? {} : { trouble }),
});

function cancelAll(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const { asset } = options;
  const assets = asset === undefined ? null : parseAssets(String(asset));
  const forMs = cancelForMs(options);
  leavesUnproved(ctx, "cancel-all", {});
  return withAccount(ctx, accountOptions(options), async (account) => {
    const result = await cancelWithProgress(ctx, account, assets, forMs);
    if (result.openAfter !== 0) {
      ctx.warn({
        code: "ORDERS_LEFT",
        message: result.openAfter === null
          ? "The open orders could not be read to the end: it is not proved that they are gone."
          : `${result.openAfter} orders are still open. Run it again, or stop what places them first.`,
      });
    }
    return {
      data: { ...accountData(account), assets: assets ?? "all", ...cancelData(result) },
      text: cancelText(result, ctx.color),
      exit: cancelExit(result),
    };
  });
}

/** Adds `cancel-all`. */
export function register(program: Command): void {
  const command = cancelFlags(accountFlags(
    program.command("cancel-all")
      .description("Cancel every open order of the account, then prove that they are gone.")
      .option("--asset <list>", "only orders of these assets' windows: btc,eth,sol,xrp"),
  )).addHelpText(
    "after",
    examples(["cancel-all", "cancel-all --for 20m", "cancel-all --asset btc,eth --venue sim --json"]),
  );
  attach(command, "cancel-all", cancelAll, { proxy: true });
}
