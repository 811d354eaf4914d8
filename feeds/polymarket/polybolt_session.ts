/** The PolyBolt price socket: authenticate, subscribe, prints to events. Dossier 8.1. */
import { type Asset, ASSETS } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import type { FeedContext } from "../net/feed_context.ts";
import type { FrameVerdict } from "../net/frame.ts";
import { limitsFor } from "../net/limits.ts";
import type { Link } from "../net/link.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { type CloseAction, Supervisor } from "../net/supervisor.ts";
import {
  decodePolyboltFrame,
  newPolyboltState,
  nextConnection,
  type PolyboltControl,
  type PolyboltState,
  polyboltStream,
  SPOT_CHANNEL,
  TWAP_CHANNEL,
  TWAP_WINDOW_S,
} from "./polybolt_codec.ts";

/** CLOB API credentials: any key opens the price socket. Never logged. */
export interface ApiCredentials {
  readonly apiKey: string;
  readonly secret: string;
  readonly passphrase: string;
}

/** The venue drains a server: everybody comes back within ten seconds, not at once. */
const DRAIN_SPREAD_MS = 10_000;
/** We broke a rule of the venue's: coming back soon breaks it again. */
const POLICY_PAUSE_MS = 30_000;

/** 4001: credentials are wrong, repeating does not mend them. 4003: draining. 4008: policy. Else (4002, 1006) backoff. */
export function polyboltCloseAction(code: number, reason: string, random: () => number): CloseAction {
  switch (code) {
    case 4001:
      return { kind: "terminal", detail: `AUTH_REFUSED: ${reason === "" ? "closed with 4001" : reason}` };
    case 4003:
      return { kind: "wait", waitMs: Math.floor(random() * DRAIN_SPREAD_MS) };
    case 4008:
      return { kind: "wait", waitMs: Math.floor(POLICY_PAUSE_MS * (1 + random())) };
    default:
      return { kind: "backoff" };
  }
}

function subscriptionOf(kind: "spot" | "twap60", asset: Asset) {
  const symbol = `${asset}usd`;
  return kind === "twap60"
    ? { channel: TWAP_CHANNEL, filter: { symbol, window_seconds: TWAP_WINDOW_S } }
    // Pinned: the default provider was another one until 2026-10-02.
    : { channel: SPOT_CHANNEL, filter: { symbol, provider: "chainlink" } };
}

const KINDS = ["twap60", "spot"] as const;

export class PolyboltSession {
  private readonly supervisor: Supervisor;
  private readonly sink: DecodeSink = newSink();
  /** Prints known to every connection. */
  private readonly shared = newPolyboltState();
  private readonly states = new Map<number, PolyboltState>();

  constructor(
    private readonly context: FeedContext,
    private readonly assets: readonly Asset[],
    credentials: ApiCredentials,
    sockets: 1 | 2 = 1,
  ) {
    const { clock, network, profile, random } = context;
    const watch = new Map<string, number | null>();
    for (const asset of assets) for (const kind of KINDS) watch.set(polyboltStream(kind, asset), null);
    this.supervisor = new Supervisor({
      feed: "polymarket.prices",
      url: () => profile.priceSocket,
      clock,
      random,
      openSocket: network.openSocket,
      limits: limitsFor("polymarket.prices", context.limits),
      watch,
      onOpen: (link) => {
        this.states.set(link.id, nextConnection(this.shared));
        link.send(JSON.stringify({ op: "auth", rid: "a1", auth: credentials }));
      },
      onFrame: (text, tReceive, link) => this.frame(text, tReceive, link),
      onState: context.onState,
      onGone: (link) => void this.states.delete(link.id),
      closeAction: polyboltCloseAction,
      probe: '{"op":"ping"}',
      resubscribe: (link, stream) => this.resubscribe(link, stream),
      sockets,
      inbox: context.inbox,
      retryAfter: () => context.retryAfter(profile.priceSocket),
    });
  }

  get metrics(): FeedMetrics {
    return this.supervisor.metrics;
  }

  start(): void {
    this.supervisor.start();
  }

  close(): Promise<void> {
    return this.supervisor.close();
  }

  private frame(text: string, tReceive: Ms, link: Link): FrameVerdict {
    this.context.onFrame("polymarket.prices", text, tReceive);
    const state = this.states.get(link.id) ?? this.shared;
    const { verdict, control } = decodePolyboltFrame(text, tReceive, state, this.sink);
    drain(this.sink, this.metrics, this.context.emit);
    if (control !== null) this.controlled(control, link);
    return verdict;
  }

  private controlled(control: PolyboltControl, link: Link): void {
    if (control.kind === "authed") {
      const subscriptions = this.assets.flatMap((asset) => KINDS.map((kind) => subscriptionOf(kind, asset)));
      link.send(JSON.stringify({ op: "subscribe", rid: "s1", subscriptions }));
    }
    if (control.kind !== "error") return;
    this.context.log.warn("price socket refuses a request", { code: control.code, channel: control.channel });
    // The connection stays open after a refused key: nothing would ever come.
    if (control.code === "auth_invalid") this.supervisor.fail(link, 4001, control.code);
    else if (control.code === "auth_unavailable") this.supervisor.fail(link, 4002, control.code);
  }

  /** A new subscription replays about 120 s, so what was missed comes too; prints known already are left out. */
  private resubscribe(link: Link, stream: string): void {
    const [kind, asset] = stream.split(":");
    const known = ASSETS.find((one) => one === asset);
    if (known === undefined || (kind !== "spot" && kind !== "twap60")) return;
    const subscriptions = [subscriptionOf(kind, known)];
    link.send(JSON.stringify({ op: "unsubscribe", rid: "u1", subscriptions }));
    link.send(JSON.stringify({ op: "subscribe", rid: "s2", subscriptions }));
  }
}
