/**
 * The user channel: our orders and trades as they happen (dossier 7.1, 7.3). Silence is normal here, so a feed that is live
 * proves only that the socket answers; what proves the subscription is a first message, or REST answers that the socket
 * confirms. A wrong credential is not answered at all by every build of the server.
 */
import type { Ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { FeedLog } from "../net/feed_context.ts";
import { CONTROL, type FrameVerdict } from "../net/frame.ts";
import type { FeedLimits } from "../net/limits.ts";
import type { Link } from "../net/link.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import type { Network } from "../net/network.ts";
import { probeRetryAfter } from "../net/http.ts";
import { type CloseAction, Supervisor } from "../net/supervisor.ts";
import type { VenueProfile } from "../venue_profile.ts";
import { ExpectedActivity } from "./expected_activity.ts";
import type { ApiSecrets } from "./signing/login.ts";
import { hashesOf, readUserFrame, type UserInput } from "./user_codec.ts";

export interface UserSessionOptions {
  readonly profile: Pick<VenueProfile, "clobSocket">;
  readonly clock: Clock;
  readonly network: Pick<Network, "openSocket" | "fetch">;
  readonly secrets: ApiSecrets;
  readonly log: FeedLog;
  readonly random: () => number;
  /** Every order and trade message, foreign ones of the same key too, synchronously in the order of arrival. */
  readonly onInput: (input: UserInput) => void;
  /** The socket listens (again), or said something we could not read: ask REST for orders and trades now. */
  readonly onUp: () => void;
  /** It does not listen, or cannot be trusted: what happens from now on may be missed. */
  readonly onDown: (reason: string) => void;
  /** Every text frame before it is read, for a recorder. It may name our orders; it never holds a credential. */
  readonly onFrame?: (raw: string, tReceive: Ms) => void;
  readonly limits?: Partial<FeedLimits>;
  /** How long the socket may stay silent about an order that REST has answered about, venue ms. */
  readonly silentMs?: number;
}

export interface UserSession {
  readonly metrics: FeedMetrics;
  /** A message has come on these credentials: their silence means something. */
  readonly proven: boolean;
  /** Times the socket was found silent although REST had news. */
  readonly silences: number;
  /**
   * REST, or the answer to a submit or cancel, shows that something happened to this order of our key at or after `since`.
   * Unless the socket speaks of it within `silentMs`, it counts as silent: `onDown`, another socket, `onUp`.
   */
  noteActivityExpected(hash: string, since: Ms): void;
  close(): Promise<void>;
}

const PONGS = "pong";
const PING_EVERY_MS = 10_000;
const SILENT_MS = 5000;
/** Private code of ours for `closeAction`; the venue closes with 1000 to 1015 and 4xxx. */
const SILENT_CODE = 3900;
/** Two pings without an answer are late; the official client gives up after 30 s (dossier 7.1). */
const LIMITS: FeedLimits = {
  connectMs: 10_000,
  firstDatumMs: 10_000,
  lateMs: 22_000,
  deadMs: 8000,
  probeMs: 5000,
  renewMs: null,
};
const POLICY_PAUSE_MS = 5000;

/** 1008: the server did not like what we sent; coming back at once says it again. A silent socket is replaced at once. */
export function userCloseAction(code: number, _reason: string, random: () => number): CloseAction {
  if (code === SILENT_CODE) return { kind: "wait", waitMs: 0 };
  return code === 1008
    ? { kind: "wait", waitMs: Math.floor(POLICY_PAUSE_MS * (1 + random())) }
    : { kind: "backoff" };
}

/** Opens the user channel for all markets of the key. Callbacks never come from inside this call. */
export function openUserSession(options: UserSessionOptions): UserSession {
  const session = new Session(options);
  session.start();
  return session;
}

class Session implements UserSession {
  proven = false;
  silences = 0;
  private readonly supervisor: Supervisor<"polymarket.user">;
  private readonly expected: ExpectedActivity;
  /** Sockets whose subscription the server has passed, by a PONG that follows it. */
  private readonly subscribed = new Set<number>();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly stop = new AbortController();
  private up = false;

  constructor(private readonly options: UserSessionOptions) {
    const { clock, network, profile, random } = options;
    const silentMs = options.silentMs ?? SILENT_MS;
    const url = `${profile.clobSocket}/ws/user`;
    this.expected = new ExpectedActivity(silentMs);
    this.supervisor = new Supervisor<"polymarket.user">({
      feed: "polymarket.user",
      url: () => url,
      clock,
      random,
      openSocket: network.openSocket,
      limits: { ...LIMITS, ...options.limits },
      watch: new Map([[PONGS, null]]),
      onOpen: (link) => this.subscribe(link),
      onFrame: (text, at, link) => this.frame(text, at, link),
      onState: ({ state, detail }) => {
        if (state !== "live") this.down(detail);
        else if (this.supervisor.all().some(({ id }) => this.subscribed.has(id))) this.rise();
      },
      onGone: (link) => void this.subscribed.delete(link.id),
      closeAction: userCloseAction,
      // The first one follows the subscription: an earlier PING is answered with close 1008 (nautilus_trader#4864).
      keepAlive: { everyMs: PING_EVERY_MS, text: "PING" },
      probe: "PING",
      retryAfter: () => probeRetryAfter(network, url, this.stop.signal),
    });
    this.timer = setInterval(
      () => this.listen(),
      Math.min(1000, Math.max(20, silentMs / 4 / clock.speed)),
    );
  }

  start(): void {
    this.supervisor.start();
  }

  get metrics(): FeedMetrics {
    return this.supervisor.metrics;
  }

  noteActivityExpected(hash: string, since: Ms): void {
    // What happens while nobody listens is asked for by `onUp`.
    if (this.up) this.expected.expect(hash, since, this.options.clock.now());
  }

  close(): Promise<void> {
    clearInterval(this.timer);
    this.stop.abort(new DOMException("closed", "AbortError"));
    return this.supervisor.close();
  }

  /** Judges silence; called by a timer. */
  private listen(): void {
    const hash = this.expected.overdue(this.options.clock.now());
    if (hash === null) return;
    this.silences++;
    const { proven, silences } = this;
    this.options.log.warn("the user channel is silent about an order that REST knows", {
      hash,
      proven,
      silences,
    });
    const why = proven ? "" : "; it has never said anything: check the API credentials";
    this.down(`SUBSCRIPTION_DEAD: silent about ${hash}${why}`);
    for (const link of this.supervisor.all()) this.supervisor.fail(link, SILENT_CODE, "silent");
  }

  private subscribe(link: Link): void {
    const { apiKey, passphrase, secret } = this.options.secrets;
    const auth = { apiKey: apiKey.reveal(), secret: secret.reveal(), passphrase: passphrase.reveal() };
    link.send(JSON.stringify({ auth, type: "user" }));
    link.send("PING");
  }

  private frame(text: string, at: Ms, link: Link): FrameVerdict {
    this.options.onFrame?.(text, at);
    const read = readUserFrame(text, at);
    const { metrics } = this;
    metrics.ignored += read.ignored;
    if (read.pong) {
      // Answers come in order, so the subscription before it has been read.
      this.subscribed.add(link.id);
      return PONGS;
    }
    for (const input of read.inputs) {
      this.proven = true;
      metrics.events++;
      for (const hash of hashesOf(input)) this.expected.hear(hash, at);
      this.options.onInput(input);
    }
    if (read.unreadable === 0) return CONTROL;
    this.unreadable(text, read.unreadable);
    // One is counted by the supervisor.
    metrics.unrecognised += read.unreadable - 1;
    return null;
  }

  /** Something happened that we cannot read: REST can say what. */
  private unreadable(text: string, count: number): void {
    this.options.log.warn("a message of the user channel cannot be read", { count, length: text.length });
    if (!this.up) return;
    this.down("a message could not be read");
    this.rise();
  }

  private down(reason: string): void {
    this.expected.forget();
    if (!this.up) return;
    this.up = false;
    if (!this.stop.signal.aborted) this.options.onDown(reason);
  }

  private rise(): void {
    if (this.up || this.stop.signal.aborted) return;
    this.up = true;
    this.options.onUp();
  }
}
