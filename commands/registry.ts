/** The only list of subcommands. A command that is not here does not exist. */
import type { Command } from "commander";
import { register as config } from "./config_command.ts";
import { register as tape } from "./tape.ts";

/** Adds one subcommand, with its options and help, to the program. */
export type Register = (program: Command) => void;

/** In the order of `poly-edge --help`. */
export const COMMANDS: readonly Register[] = [
  tape,
  config,
];
