/** What a feed tells its supervisor. */
import type { FeedName, FeedStateEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { FrameVerdict } from "./frame.ts";
import type { Inbox } from "./inbox.ts";
import type { FeedLimits } from "./limits.ts";
import type { Link } from "./link.ts";

/** What to do after the socket is gone. */
export type CloseAction =
  | { readonly kind: "backoff" }
  | { readonly kind: "wait"; readonly waitMs: number }
  | { readonly kind: "terminal"; readonly detail: string };

/** What REST says of a silent stream. */
export type Silence = "quiet" | "newer" | "unknown";

/** A feed's state; `F` names what is no market-data feed (the user channel). */
export type StateOf<F extends string> = Omit<FeedStateEvent, "feed"> & { readonly feed: F };

export interface SupervisorOptions<F extends string = FeedName> {
  readonly feed: NoInfer<F>;
  readonly url: () => string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly openSocket: (url: string) => WebSocket;
  readonly limits: FeedLimits;
  /** Streams that must flow, with their own age limit (null: the feed's `lateMs`). Others are free to be silent. */
  readonly watch?: ReadonlyMap<string, number | null>;
  /** The socket is open: authenticate, subscribe. */
  readonly onOpen: (link: Link) => void;
  /** Called synchronously per text frame: decode and emit here. Must not throw. */
  readonly onFrame: (text: string, tReceive: Ms, link: Link) => FrameVerdict;
  readonly onState: (event: StateOf<NoInfer<F>>) => void;
  /** A socket of this feed is gone. */
  readonly onGone?: (link: Link) => void;
  /** What these streams gave is void: frozen by REST's word. */
  readonly onVoid?: (streams: readonly string[]) => void;
  /** Frames were left out, this one and those that waited behind it of the book that it changes: that book is void. */
  readonly onLeftOut?: (text: string, tReceive: Ms) => void;
  /** Venue-specific close codes; default: reconnect with backoff. */
  readonly closeAction?: (code: number, reason: string, random: () => number) => CloseAction;
  /** Sent every so often to keep the venue content, beginning after `onOpen`. */
  readonly keepAlive?: { readonly everyMs: number; readonly text: string };
  /** A question that any living socket answers. */
  readonly probe?: string;
  /** Asks for one stream again on an open socket. */
  readonly resubscribe?: (link: Link, stream: string) => void;
  /** Asks REST about streams that have been silent for half their limit. Must not reject. */
  readonly verify?: (streams: readonly string[], link: Link) => Promise<ReadonlyMap<string, Silence>>;
  /** Reads the wait that a busy venue names when it refuses handshakes, ms; null when it names none. Must not reject. */
  readonly retryAfter?: () => Promise<number | null>;
  /** Sockets at once: 2 is a hot spare, whose frames the codec must recognise as duplicates. Default 1. */
  readonly sockets?: 1 | 2;
  /** Frames wait here when we are slow; default: handled at once. */
  readonly inbox?: Inbox;
  /** A frame that may be left out when too many wait. */
  readonly isBook?: (text: string) => boolean;
  /** The stream of a frame that holds its whole book, so that older frames of it need not be looked at; null for others. */
  readonly wholeBookOf?: (text: string) => string | null;
  /** The book that a frame changes and that is void without it; null for others. */
  readonly bookOf?: (text: string) => string | null;
  /**
   * Least wall time before silence costs the socket. A venue clock at 15x would otherwise turn a pause of our own
   * process (garbage collection, a busy machine) into a reconnect.
   */
  readonly wallFloorMs?: number;
}
