/**
 * The process as a value: where text goes, where the environment comes from, what stops a run. `main.ts` uses
 * `systemIo()`; tests pass their own and read what was written.
 */
import process from "node:process";
import { OperationError } from "../core/errors.ts";
import { systemTerminal, type Terminal } from "../feeds/keys/prompt.ts";

export interface TextSink {
  /** Writes all of `text` or throws OperationError OUTPUT_WRITE_FAILED. Silent once the reader has gone. */
  write(text: string): void;
  readonly isTerminal: boolean;
}

export interface Io {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** One environment variable; empty text counts as unset. */
  readonly env: (name: string) => string | undefined;
  /** Where a person can be asked for a secret; absent: nobody can. */
  readonly terminal?: Terminal;
  /** Aborted by the first SIGINT or SIGTERM, by a reader of stdout that went away, by a fault outside the command. */
  readonly signal: AbortSignal;
  /** Rejects when a bug surfaced outside the command's own promise. Never resolves. */
  readonly fatal?: Promise<never>;
  /** What the second SIGINT or SIGTERM says before it ends the process: prints it and returns the exit code; null: 130. */
  readonly onHurry?: (say: () => number | null) => void;
  /** Removes the signal listeners. */
  readonly close?: () => void;
}

/** The part of Deno.stdout that is needed here. */
export interface SyncWriter {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** How long a full pipe may stay full before we give up on its reader. */
const FULL_PIPE_LIMIT_MS = 30_000;

function waitForReader(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}

/**
 * Synchronous, so that an envelope is whole before the process leaves. A pipe that npx has made non-blocking answers
 * "would block" when it is full; that is waited out, with a limit.
 */
export function sinkOver(writer: SyncWriter, name: string, onBrokenPipe: () => void): TextSink {
  const encoder = new TextEncoder();
  let gone = false;
  return {
    isTerminal: writer.isTerminal(),
    write(text) {
      if (gone) return;
      const bytes = encoder.encode(text);
      let sent = 0;
      let fullSince = 0;
      while (sent < bytes.length) {
        try {
          sent += writer.writeSync(bytes.subarray(sent));
          fullSince = 0;
        } catch (error) {
          if (error instanceof Deno.errors.BrokenPipe) {
            gone = true;
            onBrokenPipe();
            return;
          }
          if (error instanceof Deno.errors.WouldBlock) {
            if (fullSince === 0) fullSince = performance.now();
            if (performance.now() - fullSince < FULL_PIPE_LIMIT_MS) {
              waitForReader();
              continue;
            }
          }
          gone = true;
          throw new OperationError({
            code: "OUTPUT_WRITE_FAILED",
            message: `Cannot write the output as text to ${name}: ${
              error instanceof Error ? error.message : String(error)
            }`,
            hint: "Check the free space and the reader of this output.",
            cause: error,
          });
        }
      }
    },
  };
}

function environment(name: string): string | undefined {
  const value = Deno.env.get(name);
  return value === "" ? undefined : value;
}

/** The real process. The second SIGINT or SIGTERM leaves at once: with 130, or as `onHurry` has it. */
export function systemIo(): Io {
  const controller = new AbortController();
  const stop = (reason: string) => {
    if (!controller.signal.aborted) controller.abort(new DOMException(reason, "AbortError"));
  };
  let signals = 0;
  let hurried: () => number | null = () => null;
  const onSignal = (name: string) => () => {
    signals++;
    if (signals > 1) Deno.exit(hurried() ?? 130);
    stop(`stopped by ${name}`);
  };
  const listeners: [Deno.Signal, () => void][] = [["SIGINT", onSignal("SIGINT")]];
  if (Deno.build.os !== "windows") listeners.push(["SIGTERM", onSignal("SIGTERM")]);
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);

  const { promise: fatal, reject } = Promise.withResolvers<never>();
  fatal.catch(() => {});
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reject(event.reason);
    stop("a fault inside the program");
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reject(event.error);
    stop("a fault inside the program");
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);

  return {
    stdout: sinkOver(Deno.stdout, "stdout", () => stop("the reader of stdout has gone")),
    stderr: sinkOver(Deno.stderr, "stderr", () => {}),
    env: environment,
    terminal: systemTerminal(),
    signal: controller.signal,
    fatal,
    onHurry: (say) => void (hurried = say),
    close() {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
      globalThis.removeEventListener("unhandledrejection", onRejection);
      globalThis.removeEventListener("error", onError);
    },
  };
}

/** The terminal stream the progress bar draws on. */
export const terminalStderr = (): NodeJS.WritableStream => process.stderr;
