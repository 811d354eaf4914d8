/** Asks a simulated venue who it is and what time it has. */
import { z } from "zod";
import { OperationError } from "../core/errors.ts";
import { type Clock, scaledClock } from "./clock.ts";
import { HttpError } from "./net/http.ts";
import type { Network } from "./net/network.ts";
import { simProfile, type VenueProfile } from "./venue_profile.ts";

const statusSchema = z.object({
  ok: z.literal(true),
  version: z.string(),
  seed: z.number(),
  /** Venue seconds per wall second. */
  speed: z.number().positive(),
  nowMs: z.number(),
  credentials: z.object({ apiKey: z.string(), secret: z.string(), passphrase: z.string() }),
  assets: z.array(z.string()),
  durations: z.array(z.string()),
});

/** What `GET /sim/status` answers; other fields are allowed and not read. The credentials are well-known test values. */
export type SimStatus = z.infer<typeof statusSchema>;

export interface SimVenue {
  readonly profile: VenueProfile;
  readonly clock: Clock;
  readonly status: SimStatus;
}

export interface SimStatusOptions {
  readonly host: string;
  readonly port: number;
  readonly signal?: AbortSignal;
  /** Default: direct. */
  readonly network?: Pick<Network, "fetch" | "fault">;
  /** Injected by tests. */
  readonly fetch?: typeof fetch;
  /** Local monotonic milliseconds. */
  readonly monotonicMs?: () => number;
}

/** Loopback answers in well under this; a slower one is not there. */
const DEADLINE_MS = 3000;

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    return `its status is not that of a simulated venue (${error.issues[0]?.path.join(".")})`;
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return `no answer within ${DEADLINE_MS} ms`;
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * Reads `/sim/status` within 3 s and builds a clock on it: the venue's time at the middle of the round trip, running
 * at its speed. Throws OperationError VENUE_UNREACHABLE (exit 1).
 */
export async function connectSim(options: SimStatusOptions): Promise<SimVenue> {
  const profile = simProfile(options.port, options.host);
  const url = `http://${options.host}:${options.port}/sim/status`;
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  try {
    const sentAt = monotonicMs();
    const ask = options.network?.fetch ?? options.fetch ?? fetch;
    const response = await ask(url, {
      signal: options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]),
      redirect: "error",
    });
    const refused = options.network?.fault?.(response) ?? null;
    if (refused !== null) throw new HttpError("PROXY_FAILED", refused, { status: response.status });
    const body: unknown = await response.json();
    const receivedAt = monotonicMs();
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const status = statusSchema.parse(body);
    const venueNow = status.nowMs + (receivedAt - sentAt) / 2 * status.speed;
    return { profile, clock: scaledClock(venueNow, status.speed, receivedAt), status };
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    if (error instanceof HttpError) throw error;
    const fault = options.network?.fault?.(error) ?? null;
    if (fault !== null) throw new HttpError("PROXY_FAILED", fault, { cause: error });
    throw new OperationError({
      code: "VENUE_UNREACHABLE",
      message: `Cannot use ${options.host}:${options.port} as a simulated venue: ${reasonOf(error)}`,
      hint:
        "Start one with `poly-edge sim` in another terminal, then use `--venue sim` (port 8787) or `--venue sim:PORT`.",
      details: { url },
      cause: error,
    });
  }
}
