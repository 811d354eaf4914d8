/**
 * The live stack of `trade --live` without a command around it: signer, order entry, user socket, heartbeat, journal and
 * gateway, opened for one account before a simulated venue. Drills put their own hands between its parts.
 */
import type { ExecutionEvent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { SIGNER_TIERS, type SignerTier } from "../../core/orders/buckets.ts";
import type { Ms, Price, Shares } from "../../core/units.ts";
import type { Clock } from "../../feeds/clock.ts";
import { openGateway } from "../../feeds/gateway/gateway.ts";
import type { Gateway, GatewayTiming, OrderLatency } from "../../feeds/gateway/types.ts";
import { type Journal, openJournal } from "../../feeds/journal/journal.ts";
import { parseKey } from "../../feeds/keys/keystore.ts";
import { secret } from "../../feeds/keys/secret.ts";
import type { FeedLog } from "../../feeds/net/feed_context.ts";
import { type Network, openNetwork } from "../../feeds/net/network.ts";
import { openHeartbeat } from "../../feeds/polymarket/order_entry/heartbeat.ts";
import { openOrderEntry } from "../../feeds/polymarket/order_entry/order_entry.ts";
import type { OrderEntry } from "../../feeds/polymarket/order_entry/types.ts";
import { accountOf, openSigner } from "../../feeds/polymarket/signing/account.ts";
import type { Curve } from "../../feeds/polymarket/signing/curve.ts";
import { type ApiSecrets, l2Signer } from "../../feeds/polymarket/signing/login.ts";
import { type FillRandom, saltSource } from "../../feeds/polymarket/signing/order.ts";
import { openUserSession } from "../../feeds/polymarket/user_session.ts";
import { simProfile } from "../../feeds/venue_profile.ts";
import type { Listing } from "../../fixtures/market/listing.ts";

/** What names an account of the simulated venue to another process. */
export interface StackAccount {
  /** Private key of a test account, 0x and 64 hex digits. */
  readonly key: string;
  readonly signatureType: 0 | 1 | 2 | 3;
  readonly apiKey: string;
  readonly secret: string;
  readonly passphrase: string;
}

export interface StackOptions {
  readonly port: number;
  readonly clock: Clock;
  readonly account: StackAccount;
  /** Journal and latches lie here, as in the data folder of the commands. */
  readonly folder: string;
  /** Fills salts; the same values twice give the same hash twice. */
  readonly random: FillRandom;
  readonly log?: FeedLog;
  readonly timing?: Partial<GatewayTiming>;
  /** The budget the stack keeps; standard unless said otherwise. */
  readonly tier?: SignerTier;
  /** Deadline of a submit, wall ms. */
  readonly submitMs?: number;
  readonly onEvent?: (event: ExecutionEvent) => void;
  /** The gateway has news for a session, which takes them by itself; in place of `onEvent`. */
  readonly onReady?: () => void;
  readonly onAlarm?: (code: string, detail: string) => void;
  readonly onLatency?: (latency: OrderLatency) => void;
  readonly wrapEntry?: (entry: OrderEntry) => OrderEntry;
  readonly wrapJournal?: (journal: Journal) => void;
  /** Orders leave by this one's fetch, and it is closed with the stack. */
  readonly network?: Network;
  /** Connections kept open for orders. */
  readonly connections?: number;
  /** Signs; opened here when absent. */
  readonly curve?: Curve;
}

export interface LiveStack {
  readonly gateway: Gateway;
  readonly journal: Journal;
  readonly entry: OrderEntry;
  /** Address that holds the funds. */
  readonly funder: string;
  /** Ends everything that still runs; call `gateway.stop()` first for a proper end. */
  close(): Promise<void>;
}

const SILENT: FeedLog = { debug: () => {}, info: () => {}, warn: () => {} };

export const cryptoRandom: FillRandom = (into) => void crypto.getRandomValues(into);

/** A listing of the simulated market as the feeds would tell it. `fee` as the venue charges it. */
export function instrumentOf(listing: Listing, tick = 100): Instrument {
  const { slug, asset, duration, conditionId, version, upToken, downToken, startMs, endMs } = listing;
  return {
    ...{ slug, asset, duration, conditionId, version, upToken, downToken, startMs, endMs },
    tick: tick as Price,
    minSize: 5_000_000 as Shares,
    fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 },
    rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
    negRisk: false,
    takerHoldMs: 150 as Ms,
    tradable: true,
    reason: null,
    mirrorOf: null,
  };
}

/** Opens everything; nothing is sent before `gateway.start()`. Throws what the journal, the signer and the gateway throw. */
export async function openLiveStack(options: StackOptions): Promise<LiveStack> {
  const { clock, folder, random, log = SILENT } = options;
  const { key, signatureType, apiKey, secret: apiSecret, passphrase } = options.account;
  const profile = simProfile(options.port);
  const secrets: ApiSecrets = {
    apiKey: secret(apiKey),
    secret: secret(apiSecret),
    passphrase: secret(passphrase),
  };
  const pair = parseKey(secret(key), "a drill's account");
  const account = accountOf({ key: pair.address, signatureType: String(signatureType) });
  const signer = await openSigner({
    ...{ account, key: pair.key, random: cryptoRandom },
    ...(options.curve === undefined ? {} : { curve: options.curve }),
  });
  const network = openNetwork();
  let gateway: Gateway | null = null;
  const own = openOrderEntry({
    profile,
    clock,
    random: Math.random,
    log,
    signer: l2Signer(pair.address, secrets),
    signatureType,
    openOrders: () => gateway === null ? 0 : gateway.wallet.life.orders.open,
    keepAliveMs: null,
    ...(options.tier === undefined ? {} : { limits: SIGNER_TIERS[options.tier] }),
    ...(options.network === undefined ? {} : { network: options.network }),
    ...(options.connections === undefined ? {} : { connections: options.connections }),
    ...(options.submitMs === undefined ? {} : { deadlines: { submitMs: options.submitMs } }),
  });
  const entry = options.wrapEntry?.(own) ?? own;
  const journal = openJournal({
    folder: `${folder}/journal`,
    wallet: account.funder,
    owner: { pid: Deno.pid, startedAtMs: Date.now() },
  });
  options.wrapJournal?.(journal);
  const closers: (() => unknown)[] = [];
  const opened = gateway = await openGateway({
    signer,
    apiKey: secrets.apiKey,
    entry,
    openHeartbeat: (handlers) => {
      const heart = openHeartbeat({ clock, entry, log, ...handlers });
      closers.push(() => heart.close());
      return heart;
    },
    openUserFeed: (handlers) => {
      const session = openUserSession({
        profile,
        clock,
        network,
        secrets,
        log,
        random: Math.random,
        ...handlers,
      });
      closers.push(() => session.close());
      return session;
    },
    journal,
    latchFolder: `${folder}/latches`,
    clock,
    salt: saltSource(random),
    log,
    onReady: () => {
      if (options.onReady !== undefined) return options.onReady();
      if (gateway === null) return;
      for (const event of gateway.advance(clock.now())) options.onEvent?.(event);
    },
    onAlarm: ({ code, detail }) => options.onAlarm?.(code, detail),
    ...(options.onLatency === undefined ? {} : { onLatency: options.onLatency }),
    ...(options.timing === undefined ? {} : { timing: options.timing }),
  });
  return {
    gateway: opened,
    journal,
    entry,
    funder: account.funder,
    async close() {
      journal.close();
      for (const close of closers) await close();
      await own.close();
      signer.close();
      network.close();
      options.network?.close();
    },
  };
}
