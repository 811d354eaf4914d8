/** The options every command has. They may stand before or after the command's name. */
import { Command, Option } from "@commander-js/extra-typings";
import { VERSION } from "./version.ts";

const append = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

/** A program with the global options and no commands; typed, so that `GlobalOptions` follows from what is declared. */
export const newProgram = () =>
  new Command("poly-edge")
    .option("--json", "print exactly one JSON envelope on stdout")
    .option("--config <file>", "configuration file (TOML; default ./poly-edge.toml, then the user's folder)")
    .option("--profile <name>", "use the [profile.NAME] table of the configuration file")
    .option("--data <dir>", "data folder: journal, tapes, latches, models")
    .option("--venue <name>", "polymarket, sim, sim:PORT or http://host:port")
    .option(
      "--set <key=value>",
      "set one configuration key, e.g. risk.maxBookAgeMs=3000 (repeatable)",
      append,
    )
    .addOption(
      new Option("--log-level <level>", "least severe log line to show")
        .choices(["debug", "info", "warn", "error", "off"] as const),
    )
    .option("--log-file <file>", "also write the log to this file, as JSON lines")
    .option("--quiet", "no progress, no log below errors on stderr")
    .option("--proxy <url>", "http://host:port or socks5://host:port, for sockets and HTTP alike")
    .option("--no-color", "no colour, also on a terminal (NO_COLOR does the same)")
    .version(VERSION, "--version", "print the version");

/** The global options as parsed. */
export type GlobalOptions = ReturnType<ReturnType<typeof newProgram>["opts"]>;

/** Those that take a value, so that `--venue sim discover` is not read as the command `sim`. */
export const GLOBALS_WITH_VALUE: ReadonlySet<string> = new Set(
  newProgram().options.filter((option) => option.required).map((option) => option.long ?? ""),
);
