/**
 * Ties a command's action to the process: builds its context, runs it, keeps what came of it. `attach()` and
 * `examples()` are what command modules use; `commands/cli.ts` does the parsing and prints the outcome.
 */
import { OperationError } from "../core/errors.ts";
import { ms } from "../core/units.ts";
import type { Terminal } from "../feeds/keys/prompt.ts";
import type { Secret } from "../feeds/keys/secret.ts";
import type { CommandContext, CommandResult, OpenVenue, Warning } from "./command.ts";
import { type FlagValue, loadConfig, type LoadedConfig } from "./config/load.ts";
import type { LogLevel } from "./config/schema.ts";
import type { GlobalOptions } from "./global_options.ts";
import type { Io } from "./io.ts";
import { openLog, SECRET_VARIABLES, secretFilter } from "./logging.ts";
import { openProgress } from "./output.ts";
import { openVenue, parseVenue } from "./venue.ts";

/** What a command does. `args`: positional arguments flattened to strings; `options`: its own options as commander parsed them. */
export type Action = (
  ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
) => Promise<CommandResult>;

export interface AttachOptions {
  /** The command's sockets and HTTP calls obey `config.network.proxy`. Without it `ctx.venue()` refuses a proxy. */
  readonly proxy?: boolean;
  /** Options of the command that are another spelling of a configuration key: `{ asset: "assets" }`. */
  readonly configFlags?: Readonly<Record<string, string>>;
}

/** The part of commander's Command that is needed here; both its plain and its typed flavour fit. */
interface Attachable {
  action(run: (...given: unknown[]) => Promise<void>): unknown;
}

/** The part of a parsed command read at run time. */
interface ParsedCommand {
  readonly parent: ParsedCommand | null;
  opts(): Record<string, unknown>;
}

/** How a run ended. */
export interface Outcome {
  readonly command: string;
  readonly result?: CommandResult;
  readonly error?: unknown;
}

/** What a command leaves behind when it is stopped before it has a result. */
export interface Left {
  readonly code: string;
  /** What may be left, and what to do about it. */
  readonly message: string;
  readonly data: Record<string, unknown>;
}

/** One invocation of the program; found by its root command, because commander passes nothing else through. */
export interface Run {
  readonly io: Io;
  readonly startedAt: number;
  readonly warnings: Warning[];
  /** Warnings beyond the number kept. */
  warningsDropped: number;
  /** Grows as more secrets become known. */
  redact: (text: string) => string;
  logLevel: LogLevel;
  venue: string | null;
  outcome: Outcome | null;
  /** See `leavesBehind()`. */
  left: { readonly command: string; readonly now: () => Left | null } | null;
}

const runs = new WeakMap<object, Run>();
const runOf = new WeakMap<CommandContext, Run>();
const loaded = new WeakMap<
  CommandContext,
  LoadedConfig & { readonly secrets: Record<string, "set" | "unset"> }
>();

/** Makes `run` known to the commands below `program`. */
export const bindRun = (program: object, run: Run): void => void runs.set(program, run);

/** Provenance of the configuration of `ctx`, and which secrets the environment holds. */
export function configOf(
  ctx: CommandContext,
): LoadedConfig & { readonly secrets: Record<string, "set" | "unset"> } {
  const found = loaded.get(ctx);
  if (found === undefined) throw new Error("configOf() wants a context made by the runner");
  return found;
}

/** What commands that handle secrets need of the process; no other command does. */
export interface SecretsDesk {
  readonly env: Io["env"];
  readonly terminal: Terminal | null;
  /** From now on these values are blanked out of everything printed or logged: a second wall behind `Secret`. */
  hide(values: readonly Secret<string>[]): void;
}

/** The secrets desk of a context. */
export function secretsDesk(ctx: CommandContext): SecretsDesk {
  const run = runOf.get(ctx);
  if (run === undefined) throw new Error("secretsDesk() wants a context made by the runner");
  return {
    env: run.io.env,
    terminal: run.io.terminal ?? null,
    hide(values) {
      const [before, filter] = [run.redact, secretFilter(values.map((value) => value.reveal()))];
      run.redact = (text) => filter(before(text));
    },
  };
}

/**
 * From now on a stop before there is a result ends with exit 5 and with what `now()` says; null: nothing is left, exit 0. A
 * second signal, which ends the process at once, says the same.
 */
export function leavesBehind(ctx: CommandContext, command: string, now: () => Left | null): void {
  const run = runOf.get(ctx);
  if (run !== undefined) run.left = { command, now };
}

/** How a run ends that is stopped while something is left; null when nothing is, as far as it was told. */
export function leftOutcome(run: Run): Outcome | null {
  const left = run.left?.now() ?? null;
  if (run.left === null || left === null) return null;
  const { code, data, message } = left;
  const isTold = run.warnings.some((warning) => warning.code === code && warning.message === message);
  if (!isTold) run.warnings.push({ code, message });
  return { command: run.left.command, result: { data: { stopped: true, ...data }, exit: 5 } };
}

/** Examples for `.addHelpText("after", examples([...]))`, each without the program's name. */
export const examples = (lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ poly-edge ${line}`).join("\n")}\n`;

function rootOf(command: ParsedCommand): ParsedCommand {
  let at = command;
  while (at.parent !== null) at = at.parent;
  return at;
}

function flatten(given: readonly unknown[]): string[] {
  return given.flatMap((value) =>
    Array.isArray(value) ? value.map(String) : value === undefined ? [] : [String(value)]
  );
}

const GLOBAL_FLAGS: readonly (readonly [option: keyof GlobalOptions, path: string, flag: string])[] = [
  ["venue", "venue", "--venue"],
  ["data", "data", "--data"],
  ["logLevel", "log.level", "--log-level"],
  ["logFile", "log.file", "--log-file"],
  ["proxy", "network.proxy", "--proxy"],
];

function setFlag(text: string): FlagValue {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read --set as key=value: current value is ${text}`,
      hint: "For example: --set risk.maxBookAgeMs=3000",
      exit: 2,
    });
  }
  return {
    path: text.slice(0, at).trim(),
    text: text.slice(at + 1),
    flag: `--set ${text.slice(0, at).trim()}`,
  };
}

/** Flags in rising precedence: --set, the global options, the command's own options. */
function flagsOf(
  globals: GlobalOptions,
  options: Record<string, unknown>,
  configFlags: Readonly<Record<string, string>>,
): FlagValue[] {
  const sets = (globals.set ?? []).map(setFlag);
  const global = GLOBAL_FLAGS.flatMap(([option, path, flag]) => {
    const value = globals[option];
    return typeof value === "string" ? [{ path, text: value, flag }] : [];
  });
  const own = Object.entries(configFlags).flatMap(([option, path]) => {
    const value = options[option];
    if (value === undefined) return [];
    const flag = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return [{ path, text: String(value), flag }];
  });
  return [...sets, ...global, ...own];
}

/** The password of a proxy URL as it was written and as a URL spells it: either may turn up in a message. */
function proxyPasswords(proxy: string): (string | undefined)[] {
  const written = /\/\/[^/@]*?:([^@]*)@/.exec(proxy)?.[1];
  return [written, URL.canParse(proxy) ? new URL(proxy).password : undefined].map((text) =>
    text === "" ? undefined : text
  );
}

/** The venue of a context, asked once. */
function venueOpener(run: Run, config: LoadedConfig["config"], signal: AbortSignal, proxy: boolean) {
  let pending: Promise<OpenVenue> | null = null;
  return (): Promise<OpenVenue> => {
    if (config.network.proxy !== "" && !proxy) {
      return Promise.reject(
        new OperationError({
          code: "PROXY_UNSUPPORTED",
          message: `Cannot use a proxy for this command: current value of network.proxy is ${
            run.redact(config.network.proxy)
          }`,
          hint:
            "This command does not speak through a proxy yet. Run it without --proxy (and network.proxy).",
          exit: 2,
        }),
      );
    }
    const open = async () =>
      await openVenue(parseVenue(config.venue, run.io.env), signal, run.io.env, config.network.proxy);
    pending ??= open();
    return pending;
  };
}

interface Opened {
  readonly ctx: CommandContext;
  close(): void;
}

function openContext(
  run: Run,
  globals: GlobalOptions,
  options: Record<string, unknown>,
  attach: AttachOptions,
): Opened {
  const { io } = run;
  const loadedConfig = loadConfig({
    ...(globals.config === undefined ? {} : { file: globals.config }),
    ...(globals.profile === undefined ? {} : { profile: globals.profile }),
    flags: flagsOf(globals, options, attach.configFlags ?? {}),
    env: io.env,
  });
  const { config } = loadedConfig;
  run.venue = config.venue;
  run.logLevel = config.log.level;
  const secretValues = SECRET_VARIABLES.map((name) => io.env(name));
  run.redact = secretFilter([...secretValues, ...proxyPasswords(config.network.proxy)]);
  const json = globals.json === true;
  const quiet = globals.quiet === true;
  const color = !json && io.stdout.isTerminal && globals.color !== false &&
    io.env("NO_COLOR") === undefined;
  const log = openLog({ ...config.log, quiet, stderr: io.stderr, redact: (text) => run.redact(text) });
  const ctx: CommandContext = {
    json,
    quiet,
    color,
    interactive: !json && io.stdout.isTerminal,
    config,
    dataDir: loadedConfig.dataDir,
    log,
    signal: io.signal,
    startedAt: ms(run.startedAt),
    venue: venueOpener(run, config, io.signal, attach.proxy === true),
    record: (value) => {
      if (json) io.stdout.write(run.redact(`${toJson(value)}\n`));
    },
    print: (text) => {
      if (!json) io.stdout.write(run.redact(`${text}\n`));
    },
    progress: (label) => openProgress(label, { quiet, stderr: io.stderr }),
    warn: (warning) => addWarning(run, warning),
  };
  const secrets = Object.fromEntries(
    SECRET_VARIABLES.map((name, at) => [name, secretValues[at] === undefined ? "unset" : "set"] as const),
  );
  loaded.set(ctx, { ...loadedConfig, secrets });
  runOf.set(ctx, run);
  return { ctx, close: log.close };
}

/** More warnings than this say nothing new; they are only counted. */
const MAX_WARNINGS = 200;

function addWarning(run: Run, warning: Warning): void {
  if (run.warnings.length < MAX_WARNINGS) run.warnings.push(warning);
  else run.warningsDropped++;
}

/** JSON on one line; bigints as decimal strings. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, item) => typeof item === "bigint" ? item.toString() : item) ?? "null";

/** True for the rejection that an abort of `signal` causes. */
function isStop(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof DOMException && error.name === "AbortError") ||
    (error instanceof OperationError && error.code === "ABORTED");
}

/** How long a command may take to cancel and flush after a bug surfaced elsewhere. */
const GRACE_MS = 3000;

/** The action, or the first bug that surfaced outside its promise. */
async function guarded(io: Io, work: Promise<CommandResult>): Promise<CommandResult> {
  if (io.fatal === undefined) return await work;
  try {
    return await Promise.race([work, io.fatal]);
  } catch (error) {
    // The command itself has failed, or it is given a moment to leave things whole.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => timer = setTimeout(resolve, GRACE_MS));
    await Promise.race([work.then(() => {}, () => {}), grace]);
    clearTimeout(timer);
    throw error;
  }
}

/**
 * Makes `action` what `command` does. `name` is the command's name in envelopes ("tape import"). The context is built
 * from the global options, wherever they stood on the command line.
 */
export function attach(command: Attachable, name: string, action: Action, options: AttachOptions = {}): void {
  command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as ParsedCommand;
    const root = rootOf(self);
    const run = runs.get(root);
    if (run === undefined) throw new Error("the command was run without bindRun()");
    const own = self.opts();
    let opened: Opened | null = null;
    try {
      opened = openContext(run, root.opts() as GlobalOptions, own, options);
      const result = await guarded(run.io, action(opened.ctx, flatten(given.slice(0, -2)), own));
      run.outcome = { command: name, result };
    } catch (error) {
      if (isStop(error, run.io.signal)) {
        run.warnings.push({ code: "STOPPED", message: "The command was stopped before it had a result." });
        run.outcome = leftOutcome(run) ?? { command: name, result: { data: { stopped: true } } };
      } else run.outcome = { command: name, error };
    } finally {
      opened?.close();
    }
  });
}
