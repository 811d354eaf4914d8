/** The PolyBolt price socket: authenticate, subscribe, prints to events. Dossier 8.1. */
import type { Asset } from "../../core/market/instrument.ts";
import type { FeedContext } from "../net/feed_context.ts";
import { limitsFor } from "../net/limits.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { type CloseAction, type FrameVerdict, WsSession } from "../net/ws_session.ts";
import {
  decodePolyboltFrame,
  newPolyboltState,
  type PolyboltControl,
  polyboltStream,
  resetSequence,
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

/** 4001: credentials are wrong, repeating does not mend them. 4003: draining. Else backoff. */
export function polyboltCloseAction(code: number, reason: string, random: () => number): CloseAction {
  if (code === 4001) {
    return { kind: "terminal", detail: `AUTH_REFUSED: ${reason === "" ? "closed with 4001" : reason}` };
  }
  if (code === 4003) return { kind: "wait", waitMs: Math.floor(random() * DRAIN_SPREAD_MS) };
  return { kind: "backoff" };
}

export class PolyboltSession {
  private readonly session: WsSession;
  private readonly sink: DecodeSink = newSink();
  private readonly state = newPolyboltState();

  constructor(
    private readonly context: FeedContext,
    private readonly assets: readonly Asset[],
    credentials: ApiCredentials,
  ) {
    const { clock, network, profile, random } = context;
    const watch = new Map<string, number | null>();
    for (const asset of assets) {
      watch.set(polyboltStream("twap60", asset), null);
      watch.set(polyboltStream("spot", asset), null);
    }
    this.session = new WsSession({
      feed: "polymarket.prices",
      url: () => profile.priceSocket,
      clock,
      random,
      openSocket: network.openSocket,
      limits: limitsFor("polymarket.prices", context.limits),
      watch,
      onOpen: (session) => {
        resetSequence(this.state);
        session.send(JSON.stringify({ op: "auth", rid: "a1", auth: credentials }));
      },
      onFrame: (text, tReceive) => {
        context.onFrame("polymarket.prices", text, tReceive);
        const { verdict, control } = decodePolyboltFrame(text, tReceive, this.state, this.sink);
        drain(this.sink, this.session.metrics, context.emit);
        return control === null ? verdict : this.controlled(control, verdict);
      },
      onState: context.onState,
      closeAction: polyboltCloseAction,
    });
  }

  get metrics(): FeedMetrics {
    return this.session.metrics;
  }

  start(): void {
    this.session.start();
  }

  close(): Promise<void> {
    return this.session.close();
  }

  private controlled(control: PolyboltControl, verdict: FrameVerdict): FrameVerdict {
    if (control.kind === "authed") this.subscribe();
    if (control.kind === "error") {
      this.context.log.warn("price socket refuses a request", {
        code: control.code,
        channel: control.channel,
      });
      // The connection stays open after a refused key: nothing would ever come.
      if (control.code === "auth_invalid") this.session.fail(4001, control.code);
      else if (control.code === "auth_unavailable") this.session.fail(4002, control.code);
    }
    return verdict;
  }

  private subscribe(): void {
    const subscriptions = this.assets.flatMap((asset) => {
      const symbol = `${asset}usd`;
      return [
        { channel: TWAP_CHANNEL, filter: { symbol, window_seconds: TWAP_WINDOW_S } },
        // Pinned: the default provider was another one until 2026-10-02.
        { channel: SPOT_CHANNEL, filter: { symbol, provider: "chainlink" } },
      ];
    });
    this.session.send(JSON.stringify({ op: "subscribe", rid: "s1", subscriptions }));
  }
}
