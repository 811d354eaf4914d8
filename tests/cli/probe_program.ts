/** A program with commands made for the tests of the runner; `process_test.ts` runs it as a process of its own. */
import type { Command } from "commander";
import { main } from "../../commands/cli.ts";
import type { CommandContext, CommandResult } from "../../commands/command.ts";
import type { Register } from "../../commands/registry.ts";
import { type Action, attach, leavesBehind } from "../../commands/run.ts";

/** A command `probe [words...] [--size <n>]` that does `action`. */
export const probe =
  (action: Action, options: Parameters<typeof attach>[3] = {}): Register => (program: Command) =>
    attach(program.command("probe").argument("[words...]").option("--size <n>"), "probe", action, options);

/** Waits for the signal, then reports how it was stopped. */
async function wait(ctx: CommandContext): Promise<CommandResult> {
  ctx.record({ ready: true });
  ctx.print("ready");
  const alive = setInterval(() => {}, 1000);
  await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
  clearInterval(alive);
  return { data: { stopped: String(ctx.signal.reason.message) }, text: "stopped cleanly" };
}

/** Never stops by itself: only a second signal ends it. */
async function stubborn(ctx: CommandContext): Promise<CommandResult> {
  ctx.print("ready");
  ctx.signal.addEventListener("abort", () => ctx.print("heard"));
  return await new Promise(() => setInterval(() => {}, 1000));
}

/** As `stubborn`, and something is left when it is ended. */
async function untidy(ctx: CommandContext): Promise<CommandResult> {
  leavesBehind(
    ctx,
    "untidy",
    () => ({ code: "ORDERS_LEFT", message: "Two orders may be open.", data: { openAfter: 2 } }),
  );
  ctx.record({ ready: true });
  return await stubborn(ctx);
}

/** Writes until told to stop. */
async function flood(ctx: CommandContext): Promise<CommandResult> {
  let lines = 0;
  for (; !ctx.signal.aborted && lines < 1_000_000; lines++) {
    ctx.print("x".repeat(1000));
    if (lines % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { data: { lines }, exit: lines < 1_000_000 ? 0 : 5 };
}

/** A bug outside the command's own promise. */
async function stray(ctx: CommandContext): Promise<CommandResult> {
  queueMicrotask(() => void Promise.reject(new TypeError("lost promise")));
  const alive = setInterval(() => {}, 1000);
  await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
  clearInterval(alive);
  return { data: {} };
}

const actions: Readonly<Record<string, Action>> = { wait, stubborn, untidy, flood, stray };

if (import.meta.main) {
  const register: Register = (program) => {
    for (const [name, action] of Object.entries(actions)) attach(program.command(name), name, action);
  };
  Deno.exit(await main(Deno.args, undefined, [register]));
}
