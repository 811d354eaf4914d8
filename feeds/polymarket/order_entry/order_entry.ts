/** Order entry and private reads of one account over its own connections. See `types.ts` for what each call promises. */
import type { SignerLimits } from "../../../core/orders/buckets.ts";
import type { Usdc } from "../../../core/units.ts";
import type { Clock } from "../../clock.ts";
import type { FeedLog } from "../../net/feed_context.ts";
import { openDirectPool } from "../../net/direct/pool.ts";
import type { Transport } from "../../net/direct/types.ts";
import { USER_AGENT } from "../../net/http.ts";
import { type Network, openNetwork } from "../../net/network.ts";
import type { VenueProfile } from "../../venue_profile.ts";
import type { L2Signer } from "../signing/login.ts";
import { cancelHashes, cancelWide } from "./cancels.ts";
import { fetchTransport } from "./fetch_transport.ts";
import { Gauge } from "./gauge.ts";
import { readPages } from "./paging.ts";
import {
  readApiKeys,
  readBalance,
  readClosedOnly,
  readHeartbeat,
  readListedOrder,
  readListedTrade,
} from "./read_codec.ts";
import {
  lookupOrder,
  readAnswer,
  readAs,
  readBody,
  type ReadDesk,
  type ReadRequest,
  valueOf,
} from "./reads.ts";
import type {
  EntryRefusal,
  HeartbeatAnswer,
  OrderEntry,
  OrderOptions,
  PreparedOrder,
  SubmitCall,
  VenueModeState,
} from "./types.ts";
import { bodyOf, openWire, replyOf, type Wire, type WireEnd, type WireRequest } from "./wire.ts";

export interface OrderEntryOptions {
  readonly profile: Pick<VenueProfile, "clob">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: FeedLog;
  /** `l2Signer(address, credentials)`. */
  readonly signer: L2Signer;
  /** Of the account: balances are asked by it. */
  readonly signatureType: 0 | 1 | 2 | 3;
  /** Orders that a cancel-all would have to cancel now: so many tokens are kept for it. */
  readonly openOrders: () => number;
  /** Proxy of the pool that is opened here; ignored with `network`. Requests go over `fetch` then, which is slower. */
  readonly proxy?: string | null;
  /** Sends over this network's `fetch`; it stays open. Default: connections of its own, closed with this. */
  readonly network?: Network;
  /** PEM, beside the roots of the system; of connections of its own without a proxy. */
  readonly caCerts?: readonly string[];
  /** Connections kept open. */
  readonly connections?: number;
  /** Pause after which idle connections are used, wall ms; null: never. */
  readonly keepAliveMs?: number | null;
  /** Deadlines, wall ms: of a submit, a cancel, one attempt of a read, a heartbeat. */
  readonly deadlines?: {
    readonly submitMs?: number;
    readonly cancelMs?: number;
    readonly readMs?: number;
    readonly beatMs?: number;
  };
  /** Extra attempts of a read; requests that change something are never repeated. */
  readonly retries?: number;
  readonly limits?: SignerLimits;
  readonly onMode?: (state: VenueModeState) => void;
}

const DEFAULT_CONNECTIONS = 3;
const DEFAULT_KEEP_ALIVE_MS = 15_000;
/** 5,000 open orders: the venue's budgets allow no more. */
const MAX_ORDER_PAGES = 50;
const MAX_TRADE_PAGES = 500;
/** A page of 100 trades with their makers stays far below. */
const MAX_BYTES = 4_000_000;
/** A beat is due every five seconds of venue time; an answer after four is as good as none. */
const BEAT_DEADLINE_MS = 4000;
const MIN_BEAT_DEADLINE_MS = 750;

type Reads = Pick<
  OrderEntry,
  | "lookup"
  | "openOrders"
  | "trades"
  | "collateral"
  | "conditional"
  | "refreshBalance"
  | "closedOnly"
  | "apiKeys"
>;

function openReads(desk: ReadDesk, signatureType: number): Reads {
  const { clock } = desk;
  const now = () => clock.now();
  const page = (path: string, query: ReadRequest["query"]) => (cursor: string) =>
    readBody(desk, { path, query: { ...query, next_cursor: cursor }, data: true });
  const assetQuery = (token: string, version: "v1" | "v2") => ({
    asset_type: version === "v2" ? "CONDITIONAL-V2" : "CONDITIONAL",
    token_id: token,
    signature_type: String(signatureType),
  });
  const cash = { asset_type: "COLLATERAL", signature_type: String(signatureType) };
  return {
    lookup: (hash) => lookupOrder(desk, hash),
    openOrders: (filter = {}) =>
      readPages({
        what: "open orders",
        now,
        maxPages: MAX_ORDER_PAGES,
        fetchPage: page("/data/orders", { market: filter.conditionId }),
        readRow: readListedOrder,
        keyOf: ({ hash }) => hash,
      }),
    trades: ({ conditionId, id, afterMs }) =>
      readPages({
        what: "trades",
        now,
        maxPages: MAX_TRADE_PAGES,
        fetchPage: page("/data/trades", {
          market: conditionId,
          id,
          // Whole seconds; whether the bound itself belongs to it is not documented.
          after: afterMs === undefined ? undefined : String(Math.max(0, Math.floor(afterMs / 1000) - 1)),
        }),
        readRow: readListedTrade,
        keyOf: ({ report }) => report.id,
      }),
    collateral: async () => {
      const read = await readAs(desk, { path: "/balance-allowance", query: cash }, readBalance);
      return { ...read, balance: read.balance as Usdc };
    },
    conditional: (token, version) =>
      readAs(desk, { path: "/balance-allowance", query: assetQuery(token, version) }, readBalance),
    async refreshBalance(of) {
      const query = of.kind === "collateral" ? cash : assetQuery(of.token, of.version);
      // The body may be empty: it is not read.
      await readBody(desk, { path: "/balance-allowance/update", query });
    },
    async closedOnly() {
      const path = "/auth/ban-status/closed-only";
      const answer = await readAnswer(desk, { path });
      if (answer.status === 404) return null;
      return valueOf(answer, path, (text) => readClosedOnly(bodyOf(text)));
    },
    apiKeys: () => readAs(desk, { path: "/auth/api-keys" }, readApiKeys),
  };
}

async function beat(wire: Wire, gauge: Gauge, id: string, deadlineMs: number): Promise<HeartbeatAnswer> {
  const body = JSON.stringify({ heartbeat_id: id });
  const end = await wire.start({ method: "POST", path: "/v1/heartbeats", body, deadlineMs }).end;
  // A wrong id is the protocol's own correction.
  gauge.observe("read", end);
  return end.ok
    ? readHeartbeat(end.status, bodyOf(end.text))
    : { kind: "failed", message: end.error.message };
}

interface Warmth {
  warm(): Promise<number>;
  /** A request of the account left: its connection is warm. */
  used(): void;
  stop(): void;
}

/** Opens connections and keeps them open by asking for the venue's time. */
function keepWarm(wire: Wire, transport: Transport, options: OrderEntryOptions): Warmth {
  const { clock, log } = options;
  const everyMs = options.keepAliveMs === undefined ? DEFAULT_KEEP_ALIVE_MS : options.keepAliveMs;
  const connections = options.connections ?? DEFAULT_CONNECTIONS;
  const deadlineMs = options.deadlines?.readMs ?? 5000;
  const time = { method: "GET", path: "/time", signed: false, deadlineMs } as const;
  const answered = (end: WireEnd) => end.ok && end.status === 200;
  let usedUs = clock.monotonicUs();
  let stopped = false;
  let busy = false;
  // As many requests at once as connections are wanted: each opens its own.
  const warm = async () => {
    usedUs = clock.monotonicUs();
    const count = Math.max(connections, transport.idle?.() ?? 0);
    const ends = await Promise.all(Array.from({ length: count }, () => wire.start(time).end));
    return ends.filter(answered).length;
  };
  /** One after the other, so that an order always finds the rest of them idle. */
  const refresh = async (untilUs: number) => {
    let lost = 0;
    for (let left = transport.idle?.(untilUs) ?? 0; left > 0 && !stopped; left--) {
      if (!answered(await wire.start({ ...time, on: "oldest" }).end)) lost++;
    }
    return lost;
  };
  const keep = async (idleMs: number) => {
    const untilUs = clock.monotonicUs() - idleMs * 1000;
    if (transport.idle === undefined) return usedUs > untilUs ? 0 : connections - await warm();
    transport.fill?.();
    return await refresh(untilUs);
  };
  const timer = everyMs === null ? undefined : setInterval(async () => {
    if (busy) return;
    busy = true;
    const lost = await keep(everyMs / 2);
    busy = false;
    if (lost > 0 && !stopped) log.debug("idle connections lost", { lost, connections });
  }, everyMs);
  const stop = () => {
    stopped = true;
    clearInterval(timer);
  };
  return { warm, used: () => void (usedUs = clock.monotonicUs()), stop };
}

const HEADERS = { accept: "application/json", "user-agent": USER_AGENT };

/** Our own connections where they lead straight to the venue; `fetch` through a proxy or over a given network. */
function openTransport(
  options: OrderEntryOptions,
): { readonly transport: Transport; readonly close: () => void } {
  const { caCerts = [], clock, connections = DEFAULT_CONNECTIONS, profile, proxy, random } = options;
  const common = {
    base: profile.clob,
    headers: HEADERS,
    maxBytes: MAX_BYTES,
    monotonicUs: () => clock.monotonicUs(),
  };
  // One more than is kept warm: a read beside the orders does not cost them a connection.
  const maxIdle = connections + 1;
  if (options.network === undefined && (proxy === undefined || proxy === null || proxy === "")) {
    const transport = openDirectPool({ ...common, random, connections, maxIdle, caCerts });
    return { transport, close: () => {} };
  }
  const network = options.network ?? openNetwork(proxy ?? null, { maxIdlePerHost: maxIdle });
  const close = () => options.network === undefined ? network.close() : undefined;
  return { transport: fetchTransport({ ...common, network }), close };
}

/** Opens the connections' pool and the account's desk. `close()` ends what is under way as ABORTED. */
export function openOrderEntry(options: OrderEntryOptions): OrderEntry {
  const { clock, random, signer } = options;
  const { transport, close } = openTransport(options);
  const wire = openWire({ transport, clock, signer });
  const gauge = new Gauge(options);
  const stop = new AbortController();
  const { submitMs = 5000, cancelMs = 5000, readMs = 5000 } = options.deadlines ?? {};
  const retries = options.retries ?? 2;
  const reads = openReads(
    { wire, gauge, clock, random, deadlineMs: readMs, retries, stop: stop.signal },
    options.signatureType,
  );
  const cancels = { wire, gauge, deadlineMs: cancelMs };
  const beatMs = options.deadlines?.beatMs ?? Math.max(MIN_BEAT_DEADLINE_MS, BEAT_DEADLINE_MS / clock.speed);
  const warmth = keepWarm(wire, transport, options);

  const requestOf = (body: string, isLate?: () => boolean): WireRequest => ({
    ...{ method: "POST", path: "/order", body },
    deadlineMs: submitMs,
    ...(isLate === undefined ? {} : { isLate }),
  });
  /** Takes the budget of one order. */
  const refusalOf = ({ before, postOnly }: OrderOptions): EntryRefusal | null =>
    stop.signal.aborted
      ? { code: "ORDER_ENTRY_CLOSED", message: "Cannot send an order: order entry is closed" }
      : gauge.takeOrder(postOnly, before);
  const submit = (body: string, options: OrderOptions, prepared?: PreparedOrder): SubmitCall => {
    const ready = prepared?.body === body ? prepared : null;
    const refusal = ready === null ? refusalOf(options) : null;
    if (refusal !== null) return { sent: false, ...refusal };
    // One of another body is somebody's mistake, and is not sent.
    const request = ready === null ? requestOf(body, options.isLate) : ready.request as WireRequest;
    const { end } = wire.start(request);
    warmth.used();
    const reply = end.then((ended) => {
      gauge.observe("orders", ended);
      return { reply: replyOf(ended), stamps: ended.stamps };
    });
    return { sent: true, reply };
  };

  return {
    get mode() {
      return gauge.mode();
    },
    submit: (body, options) => submit(body, options, options.prepared),
    prepare: (body, options) =>
      refusalOf(options) ?? { body, request: wire.prepare(requestOf(body, options.isLate)) },
    rehearse(body) {
      gauge.rehearse();
      wire.prepare(requestOf(body));
    },
    cancel(hashes) {
      warmth.used();
      return cancelHashes(cancels, hashes);
    },
    cancelAll: () => cancelWide(cancels, "cancelAll", ""),
    cancelMarket: (conditionId) =>
      cancelWide(cancels, "cancelMarket", JSON.stringify({ market: conditionId })),
    ...reads,
    heartbeat: (id) => beat(wire, gauge, id, beatMs),
    warm: warmth.warm,
    health: () => gauge.read(),
    async close() {
      if (stop.signal.aborted) return;
      stop.abort(new DOMException("closed", "AbortError"));
      warmth.stop();
      wire.close();
      await transport.close();
      close();
    },
  };
}
