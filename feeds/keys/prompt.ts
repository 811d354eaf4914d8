/** Secrets from outside: an environment variable, a file descriptor, or a prompt that shows nothing. Never a flag. */
import { readSync } from "node:fs";
import { OperationError } from "../../core/errors.ts";
import { Secret } from "./secret.ts";

/** The terminal a person types at. */
export interface Terminal {
  readonly isTerminal: boolean;
  /** Raw mode: no echo, no line editing, no signals from the keyboard. */
  setRaw(raw: boolean): void;
  /** Bytes typed; null at the end. */
  read(): Promise<Uint8Array | null>;
  /** For prompts; never gets what is typed. */
  write(text: string): void;
}

/** The process's own terminal: stdin for keys, stderr for prompts. */
export function systemTerminal(): Terminal {
  const buffer = new Uint8Array(256);
  const encoder = new TextEncoder();
  return {
    isTerminal: Deno.stdin.isTerminal(),
    setRaw: (raw) => Deno.stdin.setRaw(raw),
    async read() {
      const count = await Deno.stdin.read(buffer);
      if (count === null) return null;
      const typed = buffer.slice(0, count);
      buffer.fill(0);
      return typed;
    },
    write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
  };
}

/** Longest secret line; a passphrase has dozens of characters. */
const MAX_LINE = 4096;

const ENTER = new Set([10, 13]);
const BACKSPACE = new Set([8, 127]);
const INTERRUPT = 3;
const END = 4;
const ERASE_LINE = 21;

function aborted(): OperationError {
  return new OperationError({ code: "ABORTED", message: "Cannot go on: the prompt was left", exit: 1 });
}

/** Applies one typed byte to the line; true when the line is done. */
function typed(line: number[], byte: number): boolean {
  if (ENTER.has(byte) || byte === END) return true;
  if (byte === INTERRUPT) throw aborted();
  if (byte === ERASE_LINE) line.length = 0;
  else if (BACKSPACE.has(byte)) eraseCharacter(line);
  else if (line.length < MAX_LINE) line.push(byte);
  return false;
}

/** UTF-8: the continuation bytes of the last character, then its first. */
function eraseCharacter(line: number[]): void {
  while (line.length > 0 && ((line.at(-1) as number) & 0xc0) === 0x80) line.pop();
  line.pop();
}

/**
 * Asks on stderr and reads one line without showing it. Ctrl-C, a signal or the end of input throw ABORTED. The terminal is
 * always given back as it was.
 */
export async function promptSecret(
  terminal: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<Secret<string>> {
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {});
  const onAbort = () => stopped.reject(aborted());
  if (signal.aborted) throw aborted();
  signal.addEventListener("abort", onAbort, { once: true });
  const line: number[] = [];
  terminal.write(`${question}: `);
  terminal.setRaw(true);
  try {
    for (;;) {
      const bytes = await Promise.race([terminal.read(), stopped.promise]);
      if (bytes === null) throw aborted();
      for (const byte of bytes) {
        if (typed(line, byte)) return new Secret(new TextDecoder().decode(Uint8Array.from(line)));
      }
    }
  } finally {
    line.fill(0);
    signal.removeEventListener("abort", onAbort);
    terminal.setRaw(false);
    terminal.write("\n");
  }
}

function readAll(fd: number): Uint8Array {
  const buffer = new Uint8Array(MAX_LINE);
  let length = 0;
  if (fd === 0) {
    while (length < buffer.length) {
      const count = readSync(0, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return buffer.subarray(0, length);
  }
  const file = Deno.openSync(`/dev/fd/${fd}`);
  try {
    while (length < buffer.length) {
      const count = file.readSync(buffer.subarray(length));
      if (count === null) break;
      length += count;
    }
    return buffer.subarray(0, length);
  } finally {
    file.close();
  }
}

/**
 * The first line of a file descriptor: 0 is stdin; from 3 on an inherited pipe. Throws SECRET_UNREADABLE (exit 2) for a
 * descriptor that cannot be read, is empty, or holds a line longer than 4096 bytes.
 */
export function secretFromFd(fd: number, what: string): Secret<string> {
  const refuse = (reason: string) =>
    new OperationError({
      code: "SECRET_UNREADABLE",
      message: `Cannot read ${what} from file descriptor ${fd}: ${reason}`,
      hint:
        "Give it by a pipe: `... --passphrase-fd 0 < <(pass show hot)`. Through npx only 0 (stdin) arrives.",
      exit: 2,
    });
  let bytes: Uint8Array;
  try {
    bytes = readAll(fd);
  } catch (error) {
    throw refuse(error instanceof Error ? error.name : "it cannot be opened");
  }
  if (bytes.length === MAX_LINE) throw refuse(`it holds ${MAX_LINE} bytes or more`);
  const line = new TextDecoder().decode(bytes).split(/\r?\n/, 1)[0] ?? "";
  bytes.fill(0);
  if (line === "") throw refuse("it is empty");
  return new Secret(line);
}
