/** The DVOL session: heartbeats switched on, one subscribe call for all channels, its answer checked. Exchanges dossier C. */
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import type { FeedContext } from "../net/feed_context.ts";
import type { FrameVerdict } from "../net/frame.ts";
import { limitsFor } from "../net/limits.ts";
import type { Link } from "../net/link.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { Supervisor } from "../net/supervisor.ts";
import {
  decodeDeribitFrame,
  type DeribitControl,
  DVOL_ASSETS,
  dvolChannel,
  HEARTBEAT_STREAM,
  newDeribitState,
} from "./codec.ts";

const HEARTBEAT_S = 30;
const HEARTBEAT_ID = 1;
const SUBSCRIBE_ID = 2;
const TEST_ID = 3;
const AGAIN_ID = 4;
const MIN_INDEX_AGE_MS = 60_000;
/** Over the limit the session is ended, so nothing is gained by coming back at once (codes: exchanges dossier C). */
const TOO_MANY_REQUESTS = 10028;

const call = (id: number, method: string, params: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params });

/** Assets of ours that have an index. */
export const dvolAssets = (assets: readonly Asset[]) => DVOL_ASSETS.filter((asset) => assets.includes(asset));

export class DeribitSession {
  private readonly supervisor: Supervisor;
  private readonly sink: DecodeSink = newSink();
  private readonly state = newDeribitState();
  private readonly channels: readonly string[];
  private scaleTold = false;

  constructor(private readonly context: FeedContext, assets: readonly Asset[], sockets: 1 | 2 = 1) {
    const { clock, network, profile, random } = context;
    this.channels = dvolAssets(assets).map(dvolChannel);
    const limits = limitsFor("deribit", context.limits);
    this.supervisor = new Supervisor({
      feed: "deribit",
      url: () => profile.deribitSocket,
      clock,
      random,
      openSocket: network.openSocket,
      limits,
      // Heartbeats may not pause: two missed ones are too many. The index is pushed about once a second, by hearsay, so its
      // limit is generous, but an index that stays away for a minute is not the index of now.
      watch: new Map([
        [HEARTBEAT_STREAM, Math.max(limits.lateMs, 2.5 * HEARTBEAT_S * 1000)],
        ...this.channels.map((channel) => [channel, Math.max(limits.lateMs, MIN_INDEX_AGE_MS)] as const),
      ]),
      onOpen: (link) => {
        link.send(call(HEARTBEAT_ID, "public/set_heartbeat", { interval: HEARTBEAT_S }));
        // One call for all channels: a subscribe costs 3000 of 30,000 credits.
        link.send(call(SUBSCRIBE_ID, "public/subscribe", { channels: this.channels }));
      },
      onFrame: (text, tReceive, link) => this.frame(text, tReceive, link),
      onState: context.onState,
      probe: call(TEST_ID, "public/test", {}),
      resubscribe: (link, channel) => {
        if (channel === HEARTBEAT_STREAM) return;
        link.send(call(AGAIN_ID, "public/unsubscribe", { channels: [channel] }));
        link.send(call(AGAIN_ID, "public/subscribe", { channels: [channel] }));
      },
      sockets,
      retryAfter: () => context.retryAfter(profile.deribitSocket),
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

  /** Never through the inbox: a test request that waits behind other frames costs the session. */
  private frame(text: string, tReceive: Ms, link: Link): FrameVerdict {
    const { control, scaled, verdict } = decodeDeribitFrame(text, tReceive, this.state, this.sink);
    if (control?.kind === "testRequest") link.send(call(TEST_ID, "public/test", {}));
    const events = this.sink.events;
    this.sink.events = [];
    drain(this.sink, this.metrics, this.context.emit);
    this.context.inbox.push({
      book: false,
      run: () => {
        this.context.onFrame("deribit", text, tReceive);
        this.sink.events.push(...events);
        drain(this.sink, this.metrics, this.context.emit);
      },
    });
    if (scaled && !this.scaleTold) {
      this.scaleTold = true;
      this.context.log.warn("a volatility index comes as a fraction; taken times 100", {});
    }
    if (control !== null) this.controlled(control, link);
    return verdict;
  }

  private controlled(control: DeribitControl, link: Link): void {
    if (control.kind === "reply" && control.id === SUBSCRIBE_ID) {
      const accepted: readonly unknown[] = Array.isArray(control.result) ? control.result : [];
      const missing = this.channels.filter((channel) => !accepted.includes(channel));
      // What is not in the answer was refused without a word.
      if (missing.length === 0) return;
      this.context.log.warn("channels were refused", { missing: missing.join(",") });
      for (const channel of missing) this.supervisor.unwatch(channel);
      if (missing.length === this.channels.length) this.supervisor.fail(link, 0, "every channel was refused");
    }
    if (control.kind !== "error") return;
    this.context.log.warn("deribit refuses a request", { code: control.code, message: control.message });
    if (control.code === TOO_MANY_REQUESTS || control.id === SUBSCRIBE_ID || control.id === HEARTBEAT_ID) {
      this.supervisor.fail(link, 0, `error ${control.code}: ${control.message}`);
    }
  }
}
