/** What every feed's session needs from outside. */
import type { FeedName, FeedStateEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { VenueProfile } from "../venue_profile.ts";
import type { Inbox } from "./inbox.ts";
import type { FeedLimitOverrides } from "./limits.ts";
import type { Network } from "./network.ts";
import type { EmitEvents } from "./sink.ts";

/** Structured log; the command's own log fits. */
export interface FeedLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

export interface FeedContext {
  readonly profile: VenueProfile;
  readonly clock: Clock;
  readonly random: () => number;
  readonly network: Network;
  readonly limits: FeedLimitOverrides;
  readonly log: FeedLog;
  /** Every text frame, before it is decoded. */
  readonly onFrame: (feed: FeedName, raw: string, tReceive: Ms) => void;
  readonly emit: EmitEvents;
  /** Frames of all feeds wait here when we are slow. */
  readonly inbox: Inbox;
  /** The wait that a venue names when it refuses handshakes at this socket URL, ms; null when it names none. Never rejects. */
  readonly retryAfter: (socketUrl: string) => Promise<number | null>;
  readonly onState: (event: FeedStateEvent) => void;
}
