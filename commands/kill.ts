/** `kill`: sets the latch on disk at once, whatever else works, then cancels all orders as far as it can. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { setLatch } from "../feeds/journal/latch.ts";
import { accountData, accountFlags, accountOptions, withAccount } from "./account.ts";
import {
  cancelData,
  cancelExit,
  cancelFlags,
  cancelForMs,
  cancelText,
  cancelWithProgress,
  leavesUnproved,
} from "./cancel_all.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { attach, examples } from "./run.ts";
import { latchData, latchFolder, latchOf, latchText, whoAmI } from "./trading/latches.ts";

/** A reason is one line in a small file and in every message about it. */
const MAX_REASON = 200;

function reasonOf(options: Record<string, unknown>): string {
  const { reason } = options;
  if (reason === undefined) return "by hand";
  const text = String(reason).replace(/\s+/g, " ").trim();
  if (text.length <= MAX_REASON) return text;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot keep a reason of ${text.length} characters: at most ${MAX_REASON}`,
    exit: 2,
  });
}

/** What became of the orders; never throws for what the account or the venue does, because the latch is set already. */
async function cancelBestEffort(
  ctx: CommandContext,
  options: Record<string, unknown>,
): Promise<CommandResult> {
  try {
    return await withAccount(ctx, accountOptions(options), async (account) => {
      const result = await cancelWithProgress(ctx, account, null, cancelForMs(options));
      return {
        data: { ...accountData(account), ...cancelData(result) },
        text: cancelText(result, ctx.color),
        exit: cancelExit(result),
      };
    });
  } catch (error) {
    if (ctx.signal.aborted) ctx.log.warn("stopped while cancelling; the latch stays set");
    const code = error instanceof OperationError ? error.code : "STOPPED";
    const trouble = error instanceof Error ? error.message : String(error);
    ctx.warn({ code: "ORDERS_LEFT", message: `Open orders may be left: ${trouble}` });
    return {
      data: { canceled: [], notCanceled: {}, openAfter: null, trouble, troubleCode: code },
      text:
        `Open orders may be left: ${trouble}\nRun \`poly-edge cancel-all\` as soon as the venue can be reached.`,
      exit: 5,
    };
  }
}

async function kill(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const folder = latchFolder(ctx.dataDir);
  if (options["status"] === true) {
    const { state } = latchOf(ctx.dataDir);
    return { data: { latch: latchData(state) }, text: `latch ${latchText(state)}` };
  }
  const reason = reasonOf(options);
  cancelForMs(options);
  const mark = { code: "KILL", reason, who: whoAmI("kill"), at: ctx.startedAt };
  const latch = await setLatch(folder, mark);
  ctx.print(`latch ${latchText(latch)}`);
  if (options["cancel"] === false) {
    return { data: { latch: latchData(latch) }, text: "Orders were not touched." };
  }
  leavesUnproved(ctx, "kill", { latch: latchData(latch) });
  const orders = await cancelBestEffort(ctx, options);
  return { ...orders, data: { latch: latchData(latch), ...(orders.data as Record<string, unknown>) } };
}

/** Adds `kill`. */
export function register(program: Command): void {
  const command = cancelFlags(accountFlags(
    program.command("kill")
      .description("Stop: set the latch at once (nothing new is sent), then cancel all orders.")
      .option("--reason <text>", "kept with the latch")
      .option("--no-cancel", "set the latch only")
      .option("--status", "show the latch, change nothing"),
  )).addHelpText(
    "after",
    examples(["kill", 'kill --reason "news"', "kill --no-cancel", "kill --status --json"]),
  );
  attach(command, "kill", kill, { proxy: true });
}
