/**
 * Logs on stderr and in `--log-file`, and the one place that knows what a secret is. Secrets are removed twice: by the
 * name of the field that carries them, and by their exact value wherever it turns up. A 0x + 64 hex value by itself is
 * not a secret: condition ids and order hashes look the same.
 */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type LogRecord,
} from "@logtape/logtape";
import { redactByField } from "@logtape/redaction";
import { OperationError } from "../core/errors.ts";
import type { Log } from "./command.ts";
import type { LogLevel } from "./config/schema.ts";
import type { TextSink } from "./io.ts";

/** Environment variables that hold secrets. Shown only as "set" or "unset". */
export const SECRET_VARIABLES = [
  "POLY_PRIVATE_KEY",
  "POLY_API_KEY",
  "POLY_API_SECRET",
  "POLY_API_PASSPHRASE",
  "POLY_EDGE_PASSPHRASE",
  "POLY_RELAYER_KEY",
] as const;

const REDACTED = "[REDACTED]";
/** Shorter values would blank out ordinary words. */
const SHORTEST_SECRET = 6;

const SECRET_FIELDS = [
  /private_?key/i,
  /pass_?(phrase|word)/i,
  /secret/i,
  /api_?key/i,
  /^poly_(api_key|passphrase|signature)$/i,
  /mnemonic|seed_?phrase/i,
  /authorization|cookie/i,
  /signature/i,
];

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Builds a function that replaces every exact occurrence of the given secret values (any letter case). */
export function secretFilter(secrets: readonly (string | undefined)[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret === undefined || secret.length < SHORTEST_SECRET) continue;
    forms.add(secret);
    forms.add(JSON.stringify(secret).slice(1, -1));
    forms.add(encodeURIComponent(secret));
    if (/^0x[0-9a-f]{64}$/i.test(secret)) forms.add(secret.slice(2));
  }
  if (forms.size === 0) return (text) => text;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escapeRegExp).join("|"), "gi");
  return (text) => text.replace(pattern, REDACTED);
}

const RANK: Readonly<Record<LogRecord["level"], number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warning: 3,
  error: 4,
  fatal: 5,
};
const THRESHOLD: Readonly<Record<LogLevel, number>> = { debug: 1, info: 2, warn: 3, error: 4, off: 6 };

type Handler = (record: LogRecord) => void;
/** Running commands by number: logtape's configuration is one per process, runs inside one process may be several. */
const handlers = new Map<string, Handler>();
let configured = false;
let runs = 0;

function configureOnce(): void {
  if (configured) return;
  configured = true;
  const dispatch = (record: LogRecord) => handlers.get(record.category[1] ?? "")?.(record);
  configureSync({
    reset: true,
    sinks: {
      runs: redactByField(dispatch, { fieldPatterns: [...SECRET_FIELDS], action: () => REDACTED }),
    },
    loggers: [
      { category: "poly-edge", sinks: ["runs"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
}

function openLogFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { create: true, append: true });
  } catch (error) {
    throw new OperationError({
      code: "LOG_FILE_UNWRITABLE",
      message: `Cannot open ${path} as the log file: ${
        error instanceof Error ? error.message : String(error)
      }`,
      hint: "Name a file in a folder that exists and may be written with --log-file.",
      cause: error,
    });
  }
}

/** Appends lines; after the first failure (a full disk) it says so once on stderr and stops, the run goes on. */
function fileWriter(path: string, stderr: TextSink): { write(line: string): void; close(): void } {
  const file = openLogFile(path);
  const encoder = new TextEncoder();
  let broken = false;
  return {
    write(line) {
      if (broken) return;
      try {
        const bytes = encoder.encode(line);
        for (let sent = 0; sent < bytes.length;) sent += file.writeSync(bytes.subarray(sent));
      } catch (error) {
        broken = true;
        stderr.write(
          `warning LOG_FILE_FAILED: Cannot write ${path} as the log file any more: ${
            error instanceof Error ? error.message : String(error)
          }\n`,
        );
      }
    },
    close: () => file.close(),
  };
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Path of the extra log file (JSON lines); empty: none. */
  readonly file: string;
  /** stderr gets errors only; the file is not affected. */
  readonly quiet: boolean;
  readonly stderr: TextSink;
  readonly redact: (text: string) => string;
}

/** A log that people read on stderr: `12:00:00.000 INF message key=value`. */
export interface OpenLog extends Log {
  close(): void;
}

const lineOf = getTextFormatter({
  timestamp: "time",
  level: "ABBR",
  category: () => "",
  format: ({ timestamp, level, message, record }) => {
    const fields = Object.entries(record.properties)
      .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
    return `${timestamp} ${level} ${message}${fields.join("")}`;
  },
});
const jsonOf = getJsonLinesFormatter({ message: "rendered", properties: "nest:fields" });

/** Opens the log of one run. Throws LOG_FILE_UNWRITABLE when the file cannot be opened. */
export function openLog(options: LogOptions): OpenLog {
  configureOnce();
  const id = String(++runs);
  const threshold = THRESHOLD[options.level];
  const stderrThreshold = options.quiet ? Math.max(threshold, THRESHOLD.error) : threshold;
  // A progress bar may stand on the terminal's line: the log takes the line, the bar draws itself again below.
  const clear = options.stderr.isTerminal ? "\r\x1b[2K" : "";
  const file = options.file === "" ? null : fileWriter(options.file, options.stderr);
  handlers.set(id, (full) => {
    const rank = RANK[full.level];
    const record = { ...full, category: ["poly-edge"] };
    if (rank >= stderrThreshold) options.stderr.write(clear + options.redact(lineOf(record)));
    if (file !== null && rank >= threshold) file.write(options.redact(jsonOf(record)));
  });
  const logger = getLogger(["poly-edge", id]);
  return {
    debug: (message, fields = {}) => logger.debug(message, fields),
    info: (message, fields = {}) => logger.info(message, fields),
    warn: (message, fields = {}) => logger.warn(message, fields),
    error: (message, fields = {}) => logger.error(message, fields),
    close() {
      handlers.delete(id);
      file?.close();
    },
  };
}
