/** `resume`: shows why the latch is set, and clears it when a person says so. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { clearLatch } from "../feeds/journal/latch.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { attach, examples, secretsDesk } from "./run.ts";
import { confirmed } from "./trading/confirm.ts";
import { latchData, latchFolder, latchOf, latchText, whoAmI } from "./trading/latches.ts";

async function resume(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const folder = latchFolder(ctx.dataDir);
  const { file, journals, state: seen } = latchOf(ctx.dataDir);
  const shown = `latch ${latchText(seen)}`;
  if (options["status"] === true || !seen.set) {
    const text = seen.set ? shown : `${shown}\nThere is nothing to clear.`;
    return {
      data: { latch: latchData(seen), cleared: false },
      text: options["status"] === true ? shown : text,
    };
  }
  ctx.print(shown);
  const yes = options["yes"] === true || await confirmed({
    terminal: secretsDesk(ctx).terminal,
    signal: ctx.signal,
    text: "Clearing it lets engines of this data folder trade again.",
    word: "resume",
  });
  ctx.signal.throwIfAborted();
  if (!yes) {
    throw new OperationError({
      code: "NOT_CONFIRMED",
      message: `Cannot clear the latch: nobody confirmed it; it is ${latchText(seen)}`,
      hint: "Read the cause, then add --yes, or type the word asked for.",
      details: { latch: latchData(seen) },
      exit: 3,
    });
  }
  const mark = { code: "RESUME", reason: "", who: whoAmI("resume"), at: ctx.startedAt };
  const after = await clearLatch(folder, mark, file, journals);
  return {
    data: { latch: latchData(after), cleared: true, was: latchData(seen) },
    text: "The latch is clear.",
  };
}

/** Adds `resume`. */
export function register(program: Command): void {
  const command = program.command("resume")
    .description("Show why the latch is set, and clear it after a confirmation.")
    .option("--yes", "clear it without asking")
    .option("--status", "show the latch, change nothing")
    .addHelpText("after", examples(["resume", "resume --yes", "resume --status --json"]));
  attach(command, "resume", resume);
}
