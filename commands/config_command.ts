/** `poly-edge config show` and `config path`: what the configuration is and where each value came from. */
import type { Command } from "commander";
import type { CommandContext, CommandResult } from "./command.ts";
import { type Origin, withoutCredentials } from "./config/load.ts";
import { facts, paint, table } from "./output.ts";
import { attach, configOf, examples } from "./run.ts";

/** Adds `config` to the program. */
export function register(program: Command): void {
  const config = program.command("config").description(
    "show the configuration and where each value came from",
  ).addHelpText("after", examples(["config show", "config path"]));
  attach(
    config.command("show")
      .description("every key, its value, and the flag, variable, profile or file that set it")
      .addHelpText(
        "after",
        examples([
          "config show",
          "config show --profile small --json",
          "config show --set risk.maxBookAgeMs=3000",
        ]),
      ),
    "config show",
    show,
  );
  attach(
    config.command("path")
      .description("the configuration file in use, the places looked at, the data folder")
      .addHelpText("after", examples(["config path", "config path --json"])),
    "config path",
    path,
  );
}

const originText = (origin: Origin): string =>
  origin.source === "default" ? "default" : `${origin.source}: ${origin.name}`;

const shownValue = (key: string, value: unknown): unknown =>
  key === "network.proxy" ? withoutCredentials(value) : value;

function show(ctx: CommandContext): Promise<CommandResult> {
  const { values, origins, file, profile, dataDir, secrets } = configOf(ctx);
  const rows = [...values].map(([key, value]) => {
    const origin = origins.get(key) ?? { source: "default", name: "" };
    return { key, value: shownValue(key, value), source: origin.source, from: origin.name };
  });
  const pen = paint(ctx.color);
  const settings = table({
    head: ["key", "value", "from"],
    rows: rows.map(({ key, value, source, from }) => {
      const where = originText({ source, name: from });
      return [
        key,
        typeof value === "string"
          ? (value === "" ? '""' : value)
          : Array.isArray(value)
          ? value.join(",")
          : String(value),
        source === "default" ? pen.dim(where) : where,
      ];
    }),
    color: ctx.color,
  });
  const rest = facts([
    ["file", file ?? "none"],
    ["profile", profile ?? "none"],
    ["data folder", dataDir],
    ...Object.entries(secrets).map(([name, state]) => [name, state] as const),
  ], ctx.color);
  return Promise.resolve({
    data: { file, profile, dataDir, values: rows, secrets },
    text: `${settings}\n\n${rest}`,
  });
}

function path(ctx: CommandContext): Promise<CommandResult> {
  const { file, searched, dataDir } = configOf(ctx);
  const text = facts([
    ["file", file ?? "none"],
    ...searched.map((place) => ["looked at", place] as const),
    ["data folder", dataDir],
  ], ctx.color);
  return Promise.resolve({ data: { file, searched, dataDir }, text });
}
