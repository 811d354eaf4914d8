/** What a command gets and what it gives back. `main.ts` and `commands/run.ts` do the rest: envelope, exit code, signals. */
import type { ExitCode } from "../core/errors.ts";
import type { Ms } from "../core/units.ts";
import type { Clock } from "../feeds/clock.ts";
import type { ApiCredentials } from "../feeds/polymarket/polybolt_session.ts";
import type { VenueProfile } from "../feeds/venue_profile.ts";
import type { Config } from "./config/schema.ts";

export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** Progress on stderr; does nothing under `--quiet` or when stderr is no terminal (then a line every few seconds at most). */
export interface Progress {
  update(done: number, total: number, note: string): void;
  stop(): void;
}

/** Structured log on stderr (or `--log-file`), redacted. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** A venue that can be spoken to. */
export interface OpenVenue {
  readonly profile: VenueProfile;
  readonly clock: Clock;
  /** API credentials from the environment (a simulated venue states its own, well known); null without. */
  readonly credentials: ApiCredentials | null;
}

export interface CommandContext {
  /** `--json`: stdout belongs to the envelope and to `record()`. */
  readonly json: boolean;
  readonly quiet: boolean;
  /** stdout is a terminal and colour is wanted. */
  readonly color: boolean;
  /** stdout is a terminal, so a view may update in place. */
  readonly interactive: boolean;
  readonly config: Config;
  readonly dataDir: string;
  readonly log: Log;
  /** Aborted by the first SIGINT or SIGTERM, or by the caller in tests. */
  readonly signal: AbortSignal;
  readonly startedAt: Ms;
  /** Resolves the venue named by `--venue` (for `sim` asks its status endpoint). Throws OperationError when it cannot. */
  venue(): Promise<OpenVenue>;
  /** One NDJSON record on stdout under `--json`; nothing otherwise. */
  record(value: unknown): void;
  /** Text for people on stdout; nothing under `--json`. */
  print(text: string): void;
  progress(label: string): Progress;
  warn(warning: Warning): void;
}

export interface CommandResult {
  /** The envelope's `data`. */
  readonly data: unknown;
  /** What people read instead, printed at the end. */
  readonly text?: string;
  readonly exit?: ExitCode;
}
