/** `poly-edge dashboard`: the page of a recorded session, or of one that is being recorded, by its folder. */
import { join } from "node:path";
import { readdir } from "node:fs/promises";
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { isSession } from "../feeds/session/reader.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { allowHostFlag, exposeFlag, MONITOR_FLAGS, trainingFlag } from "./dashboard/options.ts";
import { facts } from "./output.ts";
import { attach, examples } from "./run.ts";

const DEFAULT_ADDRESS = ":5050";

/** Adds `dashboard` to the program. */
export function register(program: Command): void {
  const { expose, allowHost, training } = MONITOR_FLAGS as Record<string, string>;
  attach(
    program.command("dashboard")
      .description("a page in the browser for a recorded or running session")
      .argument("[session]", "a session's folder or name (default: the newest)")
      .option("--listen <address>", `address of the page (default ${DEFAULT_ADDRESS}, loopback)`)
      .addOption(exposeFlag())
      .addOption(allowHostFlag())
      .addOption(trainingFlag())
      .addHelpText(
        "after",
        examples([
          "dashboard",
          "dashboard paper-20261121T093000Z-4f2a --listen :8080",
          "trade --paper --venue sim --dashboard",
        ]),
      ),
    "dashboard",
    dashboard,
    {
      configFlags: {
        listen: "monitor.dashboard",
        expose: expose!,
        allowHost: allowHost!,
        training: training!,
      },
    },
  );
}

/** Folder of the session that is meant. Throws NOT_A_SESSION. */
async function folderOf(ctx: CommandContext, given: string | undefined): Promise<string> {
  const all = join(ctx.dataDir, "sessions");
  if (given !== undefined) {
    for (const folder of [given, join(all, given)]) if (await isSession(folder)) return folder;
  } else {
    const names = await readdir(all).catch(() => [] as string[]);
    // A name is the mode and then the time of the start.
    const newest = names.sort((a, b) => a.replace(/^\w+-/, "") < b.replace(/^\w+-/, "") ? 1 : -1);
    for (const name of newest) if (await isSession(join(all, name))) return join(all, name);
  }
  throw new OperationError({
    code: "NOT_A_SESSION",
    message: `Cannot show ${given ?? `the newest session of ${all}`} as a session: there is none`,
    hint: "Run `poly-edge trade --paper --venue sim --dashboard`, or name a folder below <data>/sessions.",
    exit: 1,
  });
}

async function dashboard(ctx: CommandContext, args: string[]): Promise<CommandResult> {
  const folder = await folderOf(ctx, args[0]);
  // Only here: servers and libraries would slow the start of every other command.
  const { showSession } = await import("./dashboard/session_show.ts");
  const shown = await showSession(ctx, folder, DEFAULT_ADDRESS, (url, port) => {
    ctx.record({ listening: "dashboard", url, port });
    ctx.print(facts([["dashboard", url], ["session", folder], ["stop with", "Ctrl-C"]], ctx.color));
  });
  return { data: shown, text: `Stopped after ${shown.events} events of ${shown.session}.` };
}
