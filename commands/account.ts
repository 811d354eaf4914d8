/** The account a command speaks for, opened: key, wallet, API credentials and order entry, closed together. */
import type { Command } from "commander";
import { SIGNER_TIERS } from "../core/orders/buckets.ts";
import { type HttpClient, httpClient } from "../feeds/net/http.ts";
import { type Network, openNetwork } from "../feeds/net/network.ts";
import { openOrderEntry } from "../feeds/polymarket/order_entry/order_entry.ts";
import type { OrderEntry } from "../feeds/polymarket/order_entry/types.ts";
import { l2Signer } from "../feeds/polymarket/signing/login.ts";
import { type PolygonReads, polygonReads } from "../feeds/chain/polygon_reads.ts";
import { asVenueError } from "../feeds/venue_error.ts";
import { type AccountOptions, identify, type Identity } from "./account_choice.ts";
import type { CommandContext, OpenVenue } from "./command.ts";
import { parseCount } from "./parse.ts";
import { asRefusal } from "./trading/cancel_orders.ts";

export interface OpenAccount extends Identity {
  readonly entry: OrderEntry;
  readonly venue: OpenVenue;
  readonly network: Network;
  /** Public reads. */
  readonly http: HttpClient;
  readonly polygon: PolygonReads;
  close(): Promise<void>;
}

export interface OpenAccountOptions extends Partial<AccountOptions> {
  /** Orders a cancel-all would have to reach now; keeps that many cancels in the budget. Default none. */
  readonly openOrders?: () => number;
  /** Wall ms between uses of idle connections; null (default): never, for commands that end soon. */
  readonly keepAliveMs?: number | null;
  readonly onMode?: Parameters<typeof openOrderEntry>[0]["onMode"];
  /** Connections kept open for orders; default three. */
  readonly connections?: number;
  /** Calls end when the command is told to stop (default). Without it the caller still has orders to cancel then. */
  readonly closeOnAbort?: boolean;
}

/** Polygon endpoints of a command: `network.polygonRpc`, else the venue's. */
export const polygonUrls = (ctx: CommandContext, venue: OpenVenue): readonly string[] =>
  ctx.config.network.polygonRpc === "" ? venue.profile.polygon : [ctx.config.network.polygonRpc];

/**
 * Opens the account of a command; the caller closes it. Throws what `identify()` throws, VENUE_UNREACHABLE, AUTH_REFUSED. With
 * POLY_API_* and an address nothing is asked of the venue here and no key is unlocked.
 */
export async function openAccount(
  ctx: CommandContext,
  options: OpenAccountOptions = {},
): Promise<OpenAccount> {
  const venue = await ctx.venue();
  const { clock, profile } = venue;
  const network = openNetwork(ctx.config.network.proxy);
  // Jitter of retries only; no decision depends on it.
  const random = Math.random;
  const http = httpClient({ network, clock, random });
  try {
    const { key = null, passphraseFd = null, unlock = false } = options;
    const identity = await identify(ctx, { key, passphraseFd, unlock }, { venue, http });
    const { account, secrets } = identity;
    const entry = openOrderEntry({
      profile,
      clock,
      random,
      log: ctx.log,
      signer: l2Signer(account.key, secrets),
      signatureType: account.signatureType,
      openOrders: options.openOrders ?? (() => 0),
      proxy: ctx.config.network.proxy,
      keepAliveMs: options.keepAliveMs ?? null,
      limits: SIGNER_TIERS[ctx.config.account.tier],
      ...(options.connections === undefined ? {} : { connections: options.connections }),
      ...(options.onMode === undefined ? {} : { onMode: options.onMode }),
    });
    const polygon = polygonReads({ http, urls: polygonUrls(ctx, venue), signal: ctx.signal });
    const stop = () => void entry.close();
    if (options.closeOnAbort ?? true) ctx.signal.addEventListener("abort", stop, { once: true });
    return {
      ...identity,
      entry,
      venue,
      network,
      http,
      polygon,
      async close() {
        ctx.signal.removeEventListener("abort", stop);
        await entry.close();
        network.close();
      },
    };
  } catch (error) {
    network.close();
    throw asVenueError(error, profile);
  }
}

/**
 * Runs `work` with the account of a command and closes it. A venue that cannot be reached and a refused login are told as
 * such; a signal that came meanwhile is the reason whatever broke.
 */
export async function withAccount<T>(
  ctx: CommandContext,
  options: OpenAccountOptions,
  work: (account: OpenAccount) => Promise<T>,
): Promise<T> {
  const account = await openAccount(ctx, options);
  try {
    return await work(account);
  } catch (error) {
    if (ctx.signal.aborted) throw ctx.signal.reason;
    throw asRefusal(asVenueError(error, account.venue.profile));
  } finally {
    await account.close();
  }
}

/** Adds `--key` and `--passphrase-fd`, which every command that speaks for an account has. */
export const accountFlags = (command: Command): Command =>
  command
    .option("--key <name>", "keystore to use; without it POLY_PRIVATE_KEY when set, else account.key")
    .option("--passphrase-fd <n>", "read the keystore's passphrase from this file descriptor (0 is stdin)");

/** What `accountFlags` read. Throws USAGE (exit 2). */
export function accountOptions(
  options: Record<string, unknown>,
): { readonly key: string | null; readonly passphraseFd: number | null } {
  const { key, passphraseFd } = options;
  return {
    key: typeof key === "string" ? key : null,
    passphraseFd: passphraseFd === undefined
      ? null
      : parseCount(String(passphraseFd), "--passphrase-fd", 0, 255),
  };
}

/** The wallet as commands print it. */
export const accountData = ({ account, login }: Identity) => ({
  wallet: account.funder,
  key: account.key,
  signatureType: account.signatureType,
  login,
});
