/** The program: global options, subcommands, and the one place that prints an envelope and chooses an exit code. */
import { type Command, CommanderError } from "commander";
import { type ExitCode, OperationError } from "../core/errors.ts";
import { type GlobalOptions, GLOBALS_WITH_VALUE, newProgram } from "./global_options.ts";
import { type Io, systemIo } from "./io.ts";
import { paint } from "./output.ts";
import { COMMANDS, type Register } from "./registry.ts";
import { bindRun, examples, leftOutcome, type Outcome, type Run, toJson } from "./run.ts";
import { VERSION } from "./version.ts";

const SCHEMA = "poly-edge/1";

/** The command meant by `argv` as far as it can be told, for envelopes of usage errors: "tape import", or "". */
function commandMeant(program: Command, argv: readonly string[]): string {
  const names: string[] = [];
  let at: Command = program;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") break;
    if (word.startsWith("-")) {
      if (GLOBALS_WITH_VALUE.has(word)) i++;
      continue;
    }
    const next = at.commands.find((command) => command.name() === word || command.aliases().includes(word));
    if (next === undefined) break;
    names.push(next.name());
    at = next;
  }
  return names.join(" ");
}

/** Help and version texts are kept back: under `--json` they travel inside the envelope. */
interface Captured {
  help: string;
}

function buildProgram(captured: Captured, commands: readonly Register[]): Command {
  // The typed flavour is the same class at run time; command modules are written against the plain one.
  const program = (newProgram() as unknown as Command)
    .description(
      "Trades Polymarket's short-window crypto markets: discover, stream, paper-trade, record, backtest.",
    )
    .addHelpText(
      "after",
      examples(["discover --venue sim", "trade --paper --venue sim --windows 2", "config show --json"]),
    )
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => void (captured.help += text),
      // Usage errors are printed once, by us; help on a missing subcommand arrives here too.
      writeErr: (text) => void (captured.help += text),
      outputError: () => {},
      getOutHelpWidth: () => 110,
      getErrHelpWidth: () => 110,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  for (const register of commands) register(program);
  return program;
}

/** A word long enough to be a key or a passphrase is not repeated when it stands where no such word belongs. */
const LONGEST_COMMAND = 20;

function usageError(error: CommanderError, command: string): OperationError {
  // Words in a wrong place may be secrets that were meant for another one: they are counted, not shown.
  const shown = error.message.replace(/^error: /, "")
    .replace(/(unknown option '[^'=]*=)[^\n]*'/, "$1...'")
    .replace(/(but got \d+)[\s\S]*$/, "$1")
    .replace(
      /(unknown command )'([^\n]*)'/,
      (whole, lead: string, word: string) => word.length > LONGEST_COMMAND ? `${lead}'...'` : whole,
    );
  const [first = "", ...rest] = shown.split("\n");
  const nearest = rest.join(" ").trim().replace(/^\(|\)$/g, "");
  const see = `See \`poly-edge ${command === "" ? "" : `${command} `}--help\`.`;
  return new OperationError({
    code: "USAGE",
    message: `Cannot read the command line: ${first}`,
    hint: nearest === "" ? see : `${nearest} ${see}`,
    exit: 2,
    cause: error,
  });
}

function commanderOutcome(error: CommanderError, command: string, captured: Captured): Outcome {
  if (error.code === "commander.version") {
    return { command: "version", result: { data: { version: VERSION }, text: captured.help.trimEnd() } };
  }
  if (error.code === "commander.helpDisplayed" || (error.code === "commander.help" && error.exitCode === 0)) {
    return { command: "help", result: { data: { help: captured.help }, text: captured.help.trimEnd() } };
  }
  if (error.code === "commander.help") {
    const missing = new CommanderError(2, "commander.missingCommand", "error: no command given");
    return { command, error: usageError(missing, command) };
  }
  return { command, error: usageError(error, command) };
}

/** Errors that repeat what somebody wrote into the command line, the environment or the configuration. */
const REPEATING = new Set([
  "USAGE",
  "CONFIG_INVALID",
  "CONFIG_NOT_FOUND",
  "CONFIG_UNREADABLE",
  "PROFILE_UNKNOWN",
]);

/** A private key written where something else belongs is not repeated. */
function withoutKeys(error: OperationError): Pick<OperationError, "message" | "hint" | "details"> {
  // Also a key with a digit too few.
  const mask = (text: string) => text.replace(/(0x)?[0-9a-fA-F]{60,}/g, "...");
  const { details, hint, message } = error;
  return {
    message: mask(message),
    hint: hint === undefined ? hint : mask(hint),
    details: JSON.parse(toJson(details), (_, item) => typeof item === "string" ? mask(item) : item),
  };
}

interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

function errorBody(
  error: unknown,
  debug: boolean,
): { body: ErrorBody; exit: ExitCode; stack: string | null } {
  if (error instanceof OperationError) {
    const { code, exit } = error;
    const { message, hint, details } = REPEATING.has(code) ? withoutKeys(error) : error;
    // A failure whose author left the exit at 0 is a failure all the same.
    return {
      body: { code, message, ...(hint === undefined ? {} : { hint }), details },
      exit: exit || 1,
      stack: null,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Deno.errors.NotCapable) {
    const hint = "The permission set `cli` of deno.json lists the hosts and variables poly-edge may use.";
    return { body: { code: "NOT_PERMITTED", message, hint, details: {} }, exit: 2, stack: null };
  }
  const body = {
    code: "INTERNAL",
    message: message === "" ? "an unnamed error" : message,
    hint: "This is a fault of poly-edge. Run again with --log-level debug for the stack, and report it.",
    details: error instanceof Error ? { name: error.name } : {},
  };
  return { body, exit: 1, stack: debug && error instanceof Error ? error.stack ?? null : null };
}

function metaOf(run: Run): Record<string, unknown> {
  return {
    version: VERSION,
    ...(run.venue === null ? {} : { venue: run.venue }),
    startedAt: new Date(run.startedAt).toISOString(),
    durationMs: Math.max(0, Date.now() - run.startedAt),
  };
}

function printWarnings(run: Run): void {
  for (const { code, message } of run.warnings) {
    run.io.stderr.write(run.redact(`warning ${code}: ${message}\n`));
  }
}

function printFailure(
  run: Run,
  outcome: Outcome,
  { json, color, quiet }: { readonly json: boolean; readonly color: boolean; readonly quiet: boolean },
): ExitCode {
  const { body, exit, stack } = errorBody(outcome.error, run.logLevel === "debug");
  if (json) {
    const warnings = run.warnings.length > 0 ? { warnings: run.warnings } : {};
    const envelope = {
      schema: SCHEMA,
      command: outcome.command,
      ok: false,
      error: body,
      ...warnings,
      meta: metaOf(run),
    };
    run.io.stdout.write(run.redact(`${toJson(envelope)}\n`));
  } else {
    // What was found out before it failed, orders that may be open for example, is not lost with the result.
    if (!quiet) printWarnings(run);
    const pen = paint(color);
    const hint = body.hint === undefined ? "" : `${pen.dim("hint:")} ${body.hint}\n`;
    run.io.stderr.write(run.redact(`${pen.red("error")} ${body.code}: ${body.message}\n${hint}`));
  }
  if (stack !== null) run.io.stderr.write(run.redact(`${stack}\n`));
  return exit;
}

function printSuccess(run: Run, outcome: Outcome, json: boolean, quiet: boolean): ExitCode {
  const { data, text, exit } = outcome.result ?? { data: {} };
  if (json) {
    const envelope = { schema: SCHEMA, command: outcome.command, ok: true, data, warnings: run.warnings };
    run.io.stdout.write(run.redact(`${toJson({ ...envelope, meta: metaOf(run) })}\n`));
  } else if (text !== undefined && text !== "") run.io.stdout.write(run.redact(`${text}\n`));
  if (!json && !quiet) printWarnings(run);
  return exit ?? 0;
}

function printOutcome(
  run: Run,
  outcome: Outcome,
  globals: Record<string, unknown>,
  argv: readonly string[],
): ExitCode {
  const before = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  const json = globals.json === true || before.includes("--json");
  const quiet = globals.quiet === true;
  const color = run.io.stderr.isTerminal && globals.color !== false &&
    run.io.env("NO_COLOR") === undefined;
  try {
    return outcome.error === undefined
      ? printSuccess(run, outcome, json, quiet)
      : printFailure(run, outcome, { json, color, quiet });
  } catch (error) {
    // stdout cannot be written (a full disk): the error is all that is left to say, on stderr.
    try {
      printFailure(run, { command: outcome.command, error }, { json: false, color, quiet: true });
    } catch {
      // stderr is gone as well; the exit code still tells.
    }
    return 1;
  }
}

/**
 * Runs one command line and returns the exit code; never throws, never exits by itself. `argv` without the program's
 * name. Without `io` it is the real process, with its signals. `commands` is replaced only by tests of the runner.
 */
export async function main(
  argv: string[],
  io?: Io,
  commands: readonly Register[] = COMMANDS,
): Promise<number> {
  const own = io ?? systemIo();
  const run: Run = {
    io: own,
    startedAt: Date.now(),
    warnings: [],
    warningsDropped: 0,
    redact: (text) => text,
    logLevel: "info",
    venue: null,
    outcome: null,
    left: null,
  };
  const captured: Captured = { help: "" };
  const program = buildProgram(captured, commands);
  bindRun(program, run);
  own.onHurry?.(() => {
    const outcome = leftOutcome(run);
    return outcome === null ? null : printOutcome(run, outcome, program.opts<GlobalOptions>(), argv);
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    run.outcome ??= { command: "", error: new Error("no command ran") };
  } catch (error) {
    const meant = commandMeant(program, argv);
    run.outcome = error instanceof CommanderError
      ? commanderOutcome(error, meant, captured)
      : { command: meant, error };
  }
  if (run.warningsDropped > 0) {
    run.warnings.push({
      code: "WARNINGS_DROPPED",
      message: `${run.warningsDropped} more warnings were dropped.`,
    });
  }
  const exit = printOutcome(run, run.outcome, program.opts<GlobalOptions>(), argv);
  if (io === undefined) own.close?.();
  return exit;
}
