/** Runs the program inside the test process and catches what it writes. */
import { fileURLToPath } from "node:url";
import type { Io } from "../../commands/io.ts";
import type { Terminal } from "../../feeds/keys/prompt.ts";
import { main } from "../../commands/cli.ts";
import type { Register } from "../../commands/registry.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The last line of stdout as JSON; null when it is none. */
  readonly envelope: Envelope | null;
}

export interface Envelope {
  readonly schema: string;
  readonly command: string;
  readonly ok: boolean;
  readonly data?: Record<string, unknown>;
  readonly error?: { code: string; message: string; hint?: string; details: Record<string, unknown> };
  readonly warnings?: { code: string; message: string }[];
  readonly meta: { version: string; venue?: string; startedAt: string; durationMs: number };
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Somebody to ask; none unless given. */
  readonly terminal?: Terminal;
  readonly commands?: readonly Register[];
  /** Called instead of keeping stdout's text. */
  readonly stdout?: (text: string) => void;
}

/** An empty file, so that a poly-edge.toml in the working folder does not change a test. */
const NO_CONFIG = fileURLToPath(new URL("./empty.toml", import.meta.url));

/** The repository's root folder, with a trailing slash. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function envelopeOf(out: string): Envelope | null {
  const last = out.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(last) as Envelope;
  } catch {
    return null;
  }
}

/** Runs `poly-edge ...argv` with only the given environment (and POLY_EDGE_CONFIG naming an empty file). */
export async function poly(argv: string[], options: RunOptions = {}): Promise<Ran> {
  const env: Record<string, string> = { HOME: "/home/tester", POLY_EDGE_CONFIG: NO_CONFIG, ...options.env };
  let out = "";
  let err = "";
  const io: Io = {
    stdout: { isTerminal: false, write: options.stdout ?? ((text) => void (out += text)) },
    stderr: { isTerminal: false, write: (text) => void (err += text) },
    env: (name) => env[name] === "" ? undefined : env[name],
    signal: options.signal ?? new AbortController().signal,
    ...(options.terminal === undefined ? {} : { terminal: options.terminal }),
  };
  const code = await (options.commands === undefined ? main(argv, io) : main(argv, io, options.commands));
  return { code, out, err, envelope: envelopeOf(out) };
}

/** A temporary file with `text`, removed after `use`. */
export async function withFile(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".toml" });
  try {
    await Deno.writeTextFile(path, text);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}
