/** A gateway before a fake venue, with an engine's account behind it. */
import assert from "node:assert/strict";
import type { ExecutionEvent, SubmitIntent, WindowEvent } from "../../../core/events.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import { Portfolio } from "../../../core/orders/portfolio.ts";
import { heldOf } from "../../../core/orders/ledger.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import { openGateway } from "../../../feeds/gateway/gateway.ts";
import type {
  Gateway,
  GatewayAlarm,
  GatewayOptions,
  HeartbeatHandlers,
  OrderLatency,
} from "../../../feeds/gateway/types.ts";
import { type Journal, openJournal } from "../../../feeds/journal/journal.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import type { OrderSigner } from "../../../feeds/polymarket/signing/fast_signer.ts";
import { WALLET, withFolder } from "../journal/journals.ts";
import { COND, DOWN, FakeVenue, FEE, hashOfSalt, settle, T0, UP } from "./fake_venue.ts";

export const INSTRUMENT: Instrument = {
  slug: "btc-updown-5m-1",
  asset: "btc",
  duration: "5m",
  conditionId: COND,
  version: "v1",
  upToken: UP,
  downToken: DOWN,
  startMs: T0 as Ms,
  endMs: (T0 + 300_000) as Ms,
  tick: 100 as Price,
  minSize: 5_000_000 as Shares,
  fee: FEE,
  rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
  negRisk: false,
  takerHoldMs: 150 as Ms,
  tradable: true,
  reason: null,
  mirrorOf: null,
};

/** Hashes follow from the salt; nothing is signed. */
export const fakeSigner = (): OrderSigner => ({
  account: {
    key: "0xf39Fd6e51aad88F6F4ce6aB8827279cfffFb92266",
    funder: "0xf39Fd6e51aad88F6F4ce6aB8827279cfffFb92266",
    signatureType: 0,
    session: false,
  },
  hash: ({ salt }) => hashOfSalt(salt),
  sign: (fields) => ({ fields, hash: hashOfSalt(fields.salt), signature: "0x00" }),
  signDigest: () => "0x00",
  close: () => {},
});

const END = new Set(["orderRejected", "orderDone"]);

/** What an engine would hold after the gateway's events, and whether they keep the rules. */
export class Account {
  readonly events: ExecutionEvent[] = [];
  readonly portfolio = new Portfolio(0 as Usdc);
  readonly ends = new Map<string, ExecutionEvent>();
  readonly fills = new Map<string, "told" | "final" | "undone">();

  apply(event: ExecutionEvent): void {
    if (this.events.length === 0) assert.equal(event.type, "account", "the first event is the account");
    this.events.push(event);
    if (event.type === "account") return this.portfolio.applyAccount(event);
    if (event.type === "fill") {
      assert.ok(!this.fills.has(event.fillId), `${event.fillId} is told once`);
      this.fills.set(event.fillId, event.provisional ? "told" : "final");
      return this.portfolio.applyFill(event, COND, event.token === UP ? "up" : "down");
    }
    if (event.type === "fillStage") {
      assert.equal(this.fills.get(event.fillId), "told", `${event.fillId} moves once`);
      this.fills.set(event.fillId, event.stage);
      if (event.stage === "final") this.portfolio.confirm(event.fillId);
      else this.portfolio.undo(event.fillId);
      return;
    }
    if (!END.has(event.type)) {
      assert.ok(!this.ends.has(event.orderId), `nothing but fills after the end of ${event.orderId}`);
      return;
    }
    assert.ok(!this.ends.has(event.orderId), `${event.orderId} ends once`);
    this.ends.set(event.orderId, event);
  }

  of(type: ExecutionEvent["type"]): ExecutionEvent[] {
    return this.events.filter((event) => event.type === type);
  }
}

export interface Stage {
  readonly venue: FakeVenue;
  readonly gateway: Gateway;
  readonly account: Account;
  readonly alarms: GatewayAlarm[];
  readonly latencies: OrderLatency[];
  readonly journal: Journal;
  readonly heart: HeartbeatHandlers;
  /** Market events the gateway sees: the window. */
  listen(): void;
  /** Time passes in steps of 100 ms, with ticks. */
  pass(ms: number): Promise<void>;
  /** As `pass()`, until the promise settles. */
  during<T>(promise: Promise<T>): Promise<T>;
  /** Takes what the gateway has to tell. */
  pump(): void;
}

let salts = 1;

/** Makes a gateway over `folder`; not started. */
export async function opened(
  folder: string,
  venue: FakeVenue,
  change: Partial<GatewayOptions> = {},
): Promise<Stage> {
  const alarms: GatewayAlarm[] = [];
  const latencies: OrderLatency[] = [];
  const account = new Account();
  const journal = openJournal({
    folder: `${folder}/journal`,
    wallet: WALLET,
    owner: { pid: Deno.pid, startedAtMs: T0 },
  });
  let heart: HeartbeatHandlers | null = null;
  const gateway = await openGateway({
    signer: fakeSigner(),
    apiKey: secret("key"),
    entry: venue.entry,
    openUserFeed: (handlers) => {
      venue.feed = handlers;
      handlers.onUp();
      return { close: () => void (venue.feed = null) };
    },
    openHeartbeat: (handlers) => {
      heart = handlers;
      handlers.onAlive();
      return { close: () => {} };
    },
    journal,
    latchFolder: `${folder}/latches`,
    clock: venue.clock,
    salt: () => salts++,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    onReady: () => pump(),
    onAlarm: (alarm) => void alarms.push(alarm),
    onLatency: (latency) => void latencies.push(latency),
    ...change,
  });
  const pump = () => {
    for (;;) {
      const events = gateway.advance(venue.clock.now());
      if (events.length === 0) return;
      for (const event of events) account.apply(event);
    }
  };
  const pass = async (ms: number) => {
    for (let t = 0; t < ms; t += 100) {
      venue.clock.advance(100);
      gateway.tick();
      await settle();
    }
    pump();
  };
  return {
    venue,
    gateway,
    account,
    alarms,
    latencies,
    journal,
    get heart() {
      return heart!;
    },
    listen() {
      const at = venue.clock.now();
      const event: WindowEvent = { type: "window", tExchange: at, tReceive: at, instrument: INSTRUMENT };
      gateway.observe(event);
    },
    pass,
    async during(promise) {
      let done = false;
      const settled = promise.finally(() => void (done = true));
      settled.catch(() => {});
      for (let i = 0; i < 2_000 && !done; i++) {
        await settle();
        if (!done) await pass(100);
      }
      assert.ok(done, "it ends within 200 s of the venue's time");
      return await settled;
    },
    pump,
  };
}

/** A started gateway over a new journal, and stopped in the end. */
export async function withGateway(
  act: (stage: Stage) => Promise<void>,
  change: Partial<GatewayOptions> = {},
  prepare: (venue: FakeVenue) => void = () => {},
): Promise<void> {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    prepare(venue);
    const stage = await opened(folder, venue, change);
    await stage.during(stage.gateway.start());
    stage.listen();
    stage.pump();
    try {
      await act(stage);
    } finally {
      venue.readsFail = false;
      venue.confirmAll();
      if (!["stopped", "broken"].includes(stage.gateway.state)) await stage.during(stage.gateway.stop());
    }
  });
}

let orders = 0;
/** A market BUY of 10 shares of Up at 0.50. */
export function intent(venue: FakeVenue, change: Partial<SubmitIntent> = {}): SubmitIntent {
  return {
    type: "submit",
    orderId: `o${++orders}`,
    conditionId: COND,
    token: UP,
    outcome: "up",
    side: "buy",
    orderType: "FAK",
    postOnly: false,
    limit: 5_000 as Price,
    size: 0 as Shares,
    spend: 5_000_000 as Usdc,
    bornAt: venue.clock.now(),
    maxAge: 1_000 as Ms,
    ...change,
  };
}
/** A resting BUY of 10 shares at 0.50. */
export const resting = (venue: FakeVenue, change: Partial<SubmitIntent> = {}): SubmitIntent =>
  intent(venue, { orderType: "GTC", size: 10_000_000 as Shares, spend: 0 as Usdc, ...change });

/** What the engine holds is what the provisional ledger says. */
export function assertAgrees({ gateway, account }: Stage): void {
  const { provisional } = gateway.wallet.ledgers;
  assert.equal(account.portfolio.cash, provisional.cash, "cash");
  for (const [token, sums] of provisional.tokens) {
    assert.equal(account.portfolio.sharesOf(token), heldOf(sums), `shares of ${token}`);
  }
}
