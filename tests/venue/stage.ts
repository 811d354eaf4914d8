/** A venue on a hand-driven clock with official clients that have logged in, and time that runs while they wait. */
import type { ClobClient } from "@polymarket/clob-client-v2";
import type { VenueOptions } from "../../fixtures/venue/venue.ts";
import { walletOf } from "../../fixtures/exchange/wallets.ts";
import { type Loose, type Stage, withVenue } from "../fixtures/venue_client.ts";
import { clientOf } from "./official.ts";
import { privateKeyToAccount } from "viem/accounts";
import { TEST_KEYS } from "./official.ts";

export type KeyIndex = 0 | 1 | 2 | 3;

export interface Market {
  readonly slug: string;
  readonly conditionId: string;
  readonly up: string;
  readonly down: string;
  readonly endMs: number;
}

export interface Floor extends Stage {
  /** A client that has its API key; account n has signature type n. */
  client(key: KeyIndex): Promise<ClobClient>;
  /** The window that runs now. */
  market(): Promise<Market>;
  /** Lets venue time run, 50 ms a turn, until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T>;
  control(body: Record<string, unknown>): Promise<Loose>;
  book(token: string): Promise<{ bids: Level[]; asks: Level[]; bid: number; ask: number }>;
  wallet(key: KeyIndex): string;
}

export interface Level {
  readonly price: string;
  readonly size: string;
}

const owner = (key: KeyIndex): string => privateKeyToAccount(TEST_KEYS[key]).address;

export async function withFloor(
  options: Partial<VenueOptions>,
  act: (floor: Floor) => Promise<void>,
): Promise<void> {
  await withVenue(options, async (stage) => {
    const clients = new Map<KeyIndex, ClobClient>();
    const wallet = (key: KeyIndex) => walletOf(owner(key), key);
    // Past the first seconds of the window, so that its book is under way.
    stage.advance(20_000);
    await act({
      ...stage,
      wallet,
      async client(key) {
        const known = clients.get(key);
        if (known !== undefined) return known;
        const bare = clientOf({ host: stage.http, key, funder: wallet(key) });
        const creds = await bare.createOrDeriveApiKey();
        const client = clientOf({ host: stage.http, key, funder: wallet(key), creds });
        clients.set(key, client);
        return client;
      },
      async market() {
        const startS = Math.floor(stage.now() / 300_000) * 300;
        const slug = `btc-updown-5m-${startS}`;
        const row = await stage.get(`/gamma/markets/slug/${slug}`) as Loose;
        const [up, down] = row.version === "v2" ? row.positionIds : JSON.parse(row.clobTokenIds);
        return { slug, conditionId: row.conditionId, up, down, endMs: (startS + 300) * 1_000 };
      },
      async run(promise) {
        let done = false;
        const settled = promise.finally(() => void (done = true));
        settled.catch(() => {});
        while (!done) {
          const turn = Promise.withResolvers<void>();
          setTimeout(turn.resolve, 1);
          await turn.promise;
          if (!done) stage.advance(50);
        }
        return await settled;
      },
      control: (body) => stage.post("/sim/control", body),
      async book(token) {
        const { bids, asks } = await stage.get(`/book?token_id=${token}`) as Loose;
        return { bids, asks, bid: Number(bids.at(-1)?.price ?? 0), ask: Number(asks.at(-1)?.price ?? 1) };
      },
    });
  });
}
