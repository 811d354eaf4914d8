/** The legacy price socket's session: no authentication, text pings, planned renewal because it is known to stall. Dossier 8.2. */
import type { Asset } from "../../core/market/instrument.ts";
import type { FeedContext } from "../net/feed_context.ts";
import { limitsFor } from "../net/limits.ts";
import type { FeedMetrics } from "../net/metrics.ts";
import { type DecodeSink, drain, newSink } from "../net/sink.ts";
import { Supervisor } from "../net/supervisor.ts";
import { newPolyboltState, polyboltStream } from "./polybolt_codec.ts";
import { decodeRtdsFrame, rtdsSubscriptions } from "./rtds_codec.ts";

const PING_EVERY_MS = 5000;
const RENEW_MS = 3_600_000;

/** Serves the feed `polymarket.prices` in place of PolyBolt. */
export class RtdsSession {
  private readonly supervisor: Supervisor;
  private readonly sink: DecodeSink = newSink();
  private readonly state = newPolyboltState();

  constructor(context: FeedContext, assets: readonly Asset[], sockets: 1 | 2 = 1) {
    const { clock, network, profile, random } = context;
    const watch = new Map<string, number | null>();
    for (const asset of assets) {
      watch.set(polyboltStream("twap60", asset), null);
      watch.set(polyboltStream("spot", asset), null);
    }
    this.supervisor = new Supervisor({
      feed: "polymarket.prices",
      url: () => profile.legacyPriceSocket,
      clock,
      random,
      openSocket: network.openSocket,
      limits: { ...limitsFor("polymarket.prices", context.limits), renewMs: RENEW_MS },
      watch,
      onOpen: (link) => {
        for (const text of rtdsSubscriptions(assets)) link.send(text);
      },
      onFrame: (text, tReceive) => {
        context.onFrame("polymarket.prices", text, tReceive);
        const verdict = decodeRtdsFrame(text, tReceive, this.state, this.sink);
        drain(this.sink, this.metrics, context.emit);
        return verdict;
      },
      onState: context.onState,
      keepAlive: { everyMs: PING_EVERY_MS, text: "PING" },
      probe: "PING",
      sockets,
      inbox: context.inbox,
      retryAfter: () => context.retryAfter(profile.legacyPriceSocket),
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
}
