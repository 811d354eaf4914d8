/** `poly-edge tape cache`: what the compiled caches of tapes take, and how to be rid of them. */
import type { Command } from "commander";
import { basename } from "node:path";
import { cacheFolder, clearCaches, listCaches } from "../feeds/tape/cache/store.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { bytesText, countText, isoTime, table } from "./output.ts";
import { attach, examples } from "./run.ts";

/** Adds `tape cache list` and `tape cache clear` below `tape`. */
export function registerTapeCache(tape: Command): void {
  const cache = tape.command("cache").description("compiled caches of tapes: list, clear")
    .addHelpText("after", examples(["tape cache list", "tape cache clear --stale"]));
  attach(
    cache.command("list")
      .description("the caches `backtest` made: of which tape, how large, last used when")
      .addHelpText("after", examples(["tape cache list", "tape cache list --json"])),
    "tape cache list",
    listAction,
  );
  attach(
    cache.command("clear")
      .description("remove caches; they are made again when needed")
      .option("--stale", "only those that this version of the program would not use")
      .addHelpText("after", examples(["tape cache clear", "tape cache clear --stale"])),
    "tape cache clear",
    clearAction,
  );
}

async function listAction(ctx: CommandContext): Promise<CommandResult> {
  const folder = cacheFolder(ctx.dataDir);
  const caches = (await listCaches(folder)).map(({ path, tape, events, bytes, usedMs, current }) => ({
    file: basename(path),
    ...{ tape, events, bytes, current },
    used: isoTime(usedMs),
  }));
  const bytes = caches.reduce((sum, cache) => sum + cache.bytes, 0);
  const rows = caches.map(({ file, tape, events, bytes, current, used }) => [
    file.slice(0, 12),
    tape ?? "damaged or unfinished",
    countText(events),
    bytesText(bytes),
    used.slice(0, 19),
    current ? "current" : "stale",
  ]);
  return {
    data: { folder, bytes, caches },
    text: caches.length === 0 ? `no caches in ${folder}` : table({
      head: ["cache", "tape", "events", "size", "last used", "state"],
      align: ["left", "left", "right", "right", "left", "left"],
      rows,
      color: ctx.color,
    }),
  };
}

async function clearAction(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const folder = cacheFolder(ctx.dataDir);
  const { files, bytes } = await clearCaches(folder, options["stale"] === true);
  return { data: { folder, files, bytes }, text: `${files} caches removed, ${bytesText(bytes)} freed` };
}
