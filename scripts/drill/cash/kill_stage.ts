/** A simulated venue that runs by itself, and one of its accounts before and after a cash-out in another process. */
import { computeAddress } from "ethers";
import { openOrderEntry } from "../../../feeds/polymarket/order_entry/order_entry.ts";
import { l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { scaledClock } from "../../../feeds/clock.ts";
import { PUSD as CASH } from "../../../fixtures/exchange/ledger.ts";
import { makeListing } from "../../../fixtures/market/listing.ts";
import { type RunningVenue, startVenue } from "../../../fixtures/venue/venue.ts";
import { windowStart } from "../../../core/market/window.ts";
import { ms } from "../../../core/units.ts";
import { poly, type Ran } from "../../../tests/cli/harness.ts";
import { clientOf, TEST_KEYS } from "../../../tests/venue/official.ts";
import { bodyOf, signOrder } from "../../../tests/venue/raw.ts";
import type { Ask, Parties } from "./books.ts";
import type { KillPlan, KillPoint } from "./kill_plan.ts";

const START_MS = Date.UTC(2026, 10, 21, 9, 30);
/** Venue seconds a second: a block every tenth of a second. */
const SPEED = 20;
export const FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7";

export interface KillStage {
  readonly venue: RunningVenue;
  readonly ask: Ask;
  readonly parties: Parties;
  readonly conditionId: string;
  /** Exchange ledger of the account: what the venue believes of each asset, millionths. */
  ledger(asset: "cash" | "up" | "down"): bigint;
  credit(asset: string, amount: string): Promise<void>;
  /** Places a resting purchase; returns when it is open. */
  rest(): Promise<void>;
  openOrders(): number;
  /** The program in this process. */
  inside(argv: readonly string[], data: string): Promise<Ran>;
  /** The program in another process, which kills itself at the point (null: never). */
  child(argv: readonly string[], data: string, point: KillPoint | null): Promise<ChildEnd>;
}

export interface ChildEnd {
  /** 137 when it was killed. */
  readonly code: number;
  readonly errors: string;
}

const script = new URL("./kill_child.ts", import.meta.url).pathname;
const CHILD_WITHIN_MS = 180_000;

/** On a busy machine a child takes its time; what it may take is not what is measured. */
const PATIENT = ["--set", "chain.maxBlockAgeMs=86400000", "--set", "chain.giveUpMs=3600000"];

async function runChild(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  point: KillPoint | null,
): Promise<ChildEnd> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-prompt", "--no-check", script, JSON.stringify(point), ...args],
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(CHILD_WITHIN_MS),
  });
  // The runtime says 128 and the signal's number; a child that took too long ends otherwise.
  const { code, stderr, stdout } = await process.output();
  const text = new TextDecoder();
  return { code, errors: text.decode(stderr) + text.decode(stdout) };
}

interface Account {
  readonly key: KillPlan["key"];
  readonly wallet: string;
}

async function resting(venue: RunningVenue, { key }: Account, token: string): Promise<void> {
  const host = venue.endpoints.http;
  const { creds } = await loggedIn(host, key);
  const entry = openOrderEntry({
    profile: { clob: host },
    clock: scaledClock(venue.now(), SPEED),
    random: Math.random,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    signer: l2Signer(computeAddress(TEST_KEYS[key]), {
      apiKey: secret(creds.key),
      secret: secret(creds.secret),
      passphrase: secret(creds.passphrase),
    }),
    signatureType: key,
    openOrders: () => 0,
    keepAliveMs: null,
  });
  try {
    const signed = signOrder({ key, token, maker: "100000", taker: "10000000" });
    const call = entry.submit(JSON.stringify(bodyOf(signed, { owner: creds.key })), { postOnly: false });
    if (!call.sent) throw new Error("the resting order was not sent");
    const { reply } = await call.reply;
    if (reply?.status !== 200) throw new Error(`the resting order was refused: ${JSON.stringify(reply)}`);
  } finally {
    await entry.close();
  }
}

interface Login {
  readonly creds: { readonly key: string; readonly secret: string; readonly passphrase: string };
}

async function loggedIn(host: string, key: KillPlan["key"]): Promise<Login> {
  const creds = await clientOf({ host, key }).createOrDeriveApiKey();
  return { creds };
}

/** Opens a venue for one account, runs `work`, closes everything. */
export async function withKillStage<T>(
  key: KillPlan["key"],
  seed: number,
  work: (stage: KillStage) => Promise<T>,
): Promise<T> {
  const venue = await startVenue({
    seed,
    speed: SPEED,
    startMs: START_MS,
    assets: ["btc"],
    durations: ["4h"],
    historyHours: 1,
  });
  try {
    const { state } = venue.exchange;
    const owner = computeAddress(TEST_KEYS[key]);
    const wallet = [...state.wallets.values()].find((one) => one.owner === owner && one.type === key);
    if (wallet === undefined) throw new Error(`there is no account ${key}`);
    const listing = makeListing(seed, "btc", "4h", windowStart("4h", ms(venue.now())));
    let asked = 0;
    const ask: Ask = async (method, ...params) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: ++asked, method, params });
      const response = await fetch(venue.endpoints.polygonRpc, { method: "POST", body });
      const answer = await response.json() as { readonly result?: unknown; readonly error?: unknown };
      if (answer.error !== undefined) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
      return answer.result;
    };
    const env = { POLY_PRIVATE_KEY: TEST_KEYS[key], POLY_SIGNATURE_TYPE: String(key) };
    const globals = (data: string) => ["--venue", venue.endpoints.http, "--data", data, ...PATIENT];
    const noConfig = new URL("../../../tests/cli/empty.toml", import.meta.url).pathname;
    await ask("eth_blockNumber");
    const { upToken: up, downToken: down } = listing;
    return await work({
      venue,
      ask,
      parties: { wallet: wallet.address, owner, destination: FRIEND, up, down },
      conditionId: listing.conditionId,
      ledger: (asset) => BigInt(wallet.chain.get(asset === "cash" ? CASH : asset === "up" ? up : down) ?? 0),
      async credit(asset, amount) {
        const body = JSON.stringify({ action: "credit", account: key, asset, amount });
        const response = await fetch(`${venue.endpoints.http}/sim/control`, { method: "POST", body });
        if (!response.ok) throw new Error(`credit: ${await response.text()}`);
        await response.body?.cancel();
      },
      rest: () => resting(venue, { key, wallet: wallet.address }, up),
      openOrders: () => [...state.open].filter((order) => order.wallet === wallet).length,
      inside: (argv, data) => poly([...argv, ...globals(data)], { env }),
      child: (argv, data, point) => runChild([...argv, ...globals(data), "--config", noConfig], env, point),
    });
  } finally {
    await venue.close();
  }
}
