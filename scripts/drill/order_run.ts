/** Runs one case of the fault drill: orders before, during and after the fault, watched all the while, compared at the end. */
import { Wallet as EthersWallet } from "ethers";
import type { SubmitIntent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import { nextInt, seededRandom } from "../../core/random.ts";
import { windowStart } from "../../core/market/window.ts";
import { type Ms, ms, type Price, type Shares, type Usdc } from "../../core/units.ts";
import { type Clock, scaledClock } from "../../feeds/clock.ts";
import { journalPath } from "../../feeds/journal/journal.ts";
import { openAccount } from "../../fixtures/exchange/accounts.ts";
import type { Wallet } from "../../fixtures/exchange/ledger.ts";
import { makeListing } from "../../fixtures/market/listing.ts";
import { type RunningVenue, startVenue } from "../../fixtures/venue/venue.ts";
import { keyOf } from "./crash_lane.ts";
import { compareWith, countOf } from "./crash_truth.ts";
import { readFacts } from "./journal_facts.ts";
import { instrumentOf, type LiveStack, openLiveStack, type StackAccount } from "./live_stack.ts";
import type { OrderCase } from "./order_cases.ts";
import { openFlow } from "./order_flow.ts";
import { OrderWatch } from "./order_watch.ts";
import { isSettled } from "./trader.ts";

const START_MS = Date.UTC(2026, 10, 21, 9, 30);
const OPENING = 10_000_000_000;
const WARM_MS = 4_000;
/** Pause between wishes, wall ms. */
const PAUSE_MS = 25;
const LOOK_MS = 10;
const SETTLE_WITHIN_MS = 150_000;
/** Wall deadline of a submit: venue time runs faster than the wall, and cases should end. */
const SUBMIT_MS = 1_500;

export interface OrderOutcome {
  readonly name: string;
  readonly orders: number;
  readonly accepted: number;
  readonly unknown: number;
  readonly lookups: number;
  readonly fills: number;
  readonly undone: number;
  /** Codes of the case's own refusals that were seen. */
  readonly refused: readonly string[];
  /** Venue ms from the end of the fault to the next order taken; null: none in time. */
  readonly recoveredMs: number | null;
  readonly recoverLimitMs: number;
  readonly verdict: "ok" | "NOT EXERCISED" | "NOT RECOVERED" | "BROKEN";
  readonly notes: readonly string[];
}

interface Scene {
  readonly venue: RunningVenue;
  readonly clock: Clock;
  readonly wallet: Wallet;
  readonly account: StackAccount;
  readonly folder: string;
  readonly seed: number;
}

async function withScene<T>(seed: number, speed: number, act: (scene: Scene) => Promise<T>): Promise<T> {
  const venue = await startVenue({ seed, speed, startMs: START_MS, assets: ["btc"], historyHours: 1 });
  const folder = await Deno.makeTempDir({ prefix: "poly-edge-drill-" });
  try {
    const { state } = venue.exchange;
    const key = keyOf(seed, 0);
    const owner = new EthersWallet(key).address;
    const signatureType = (seed % 4) as 0 | 1 | 2 | 3;
    const wallet = openAccount(state, { owner, type: signatureType, pusd: OPENING, approved: true });
    const { apiKey, secret, passphrase } = state.credentials.create(owner, "0")!;
    const account = { key, signatureType, apiKey, secret, passphrase };
    return await act({ venue, clock: scaledClock(venue.now(), speed), wallet, account, folder, seed });
  } finally {
    await venue.close();
    await Deno.remove(folder, { recursive: true });
  }
}

async function control(venue: RunningVenue, body: Readonly<Record<string, unknown>>): Promise<void> {
  const response = await fetch(`${venue.endpoints.http}/sim/control`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the venue cannot do ${JSON.stringify(body)}: ${text.slice(0, 300)}`);
}

const pause = (wallMs: number): Promise<void> => new Promise((next) => setTimeout(next, wallMs));

/** Trades in one scene; the stack is opened, and what holds is looked at until it is closed. */
class Trading {
  private stack!: LiveStack;
  private wishes!: ReturnType<typeof setInterval>;
  private looks!: ReturnType<typeof setInterval>;
  private wish!: ReturnType<typeof openFlow>;
  private on = false;
  private markets: readonly Instrument[] = [];
  private probes = 0;
  readonly watch: OrderWatch;

  constructor(private readonly scene: Scene, private readonly prefix: string) {
    this.watch = new OrderWatch(() => scene.clock.now());
  }

  get gateway() {
    return this.stack.gateway;
  }

  async open(): Promise<void> {
    const { venue, clock, account, folder, seed, wallet } = this.scene;
    const random = seededRandom(seed);
    const markets = this.markets = (["15m", "4h"] as const).map((duration) => {
      const at = ms(venue.now() + (duration === "15m" ? 400_000 : 1_800_000));
      return instrumentOf(makeListing(seed, "btc", duration, windowStart(duration, at)));
    });
    this.stack = await openLiveStack({
      ...{ port: venue.port, clock, account, folder },
      submitMs: SUBMIT_MS,
      random: (into) => {
        for (let i = 0; i < into.length; i++) into[i] = nextInt(random, 256);
      },
      onEvent: this.watch.onEvent,
      onAlarm: this.watch.onAlarm,
      wrapEntry: this.watch.wrapEntry,
      wrapJournal: this.watch.wrapJournal,
    });
    for (const instrument of markets) {
      const at = clock.now();
      this.gateway.observe({ type: "window", tExchange: at, tReceive: at, instrument });
    }
    try {
      await this.gateway.start();
    } catch (error) {
      await this.gateway.abort("the start failed");
      await this.stack.close();
      throw error;
    }
    const now = () => clock.now();
    this.wish = openFlow({ random, markets, prefix: this.prefix, wallet: () => this.gateway.wallet, now });
    this.looks = setInterval(() => {
      this.gateway.tick();
      this.watch.look(this.gateway.wallet, venue.exchange.state, wallet);
    }, LOOK_MS);
    this.wishes = setInterval(() => this.on && this.send(), PAUSE_MS);
  }

  send(): void {
    const { clock } = this.scene;
    this.gateway.submit(this.wish(), clock.now());
  }

  /** An order whatever is open: for bursts. */
  sendOrder(): SubmitIntent {
    const intent = this.probe();
    this.gateway.submit(intent, this.scene.clock.now());
    return intent;
  }

  /** An order far below the book that the venue has taken; null when it does not within ten venue seconds. */
  async restingOrder(): Promise<string | null> {
    const { clock } = this.scene;
    // The flow would cancel it.
    this.on = false;
    const { orderId } = this.sendOrder();
    const until = clock.now() + 10_000;
    while (clock.now() < until) {
      for (const { state, terms } of this.gateway.wallet.life.orders.values()) {
        if (terms.orderId === orderId && state === "live") return orderId;
      }
      await pause(LOOK_MS);
    }
    return null;
  }

  cancel(orderId: string): void {
    const now = this.scene.clock.now();
    this.gateway.submit({ type: "cancel", orderId, bornAt: now }, now);
  }

  async trade(venueMs: number): Promise<void> {
    this.on = true;
    await this.scene.clock.sleep(ms(venueMs));
  }

  /** Time without wishes. */
  async rest(venueMs: number): Promise<void> {
    this.on = false;
    await this.scene.clock.sleep(ms(venueMs));
  }

  /** No more wishes; what rests is cancelled, and everything settles. */
  async settle(): Promise<void> {
    this.on = false;
    const { clock } = this.scene;
    const until = clock.now() + SETTLE_WITHIN_MS;
    while (!(isSettled(this.gateway.wallet) && this.watch.allFillsEnded) && clock.now() < until) {
      for (const { state, terms } of [...this.gateway.wallet.life.orders.values()]) {
        if (!isEnded(state)) {
          this.gateway.submit({ type: "cancel", orderId: terms.orderId, bornAt: clock.now() }, clock.now());
        }
      }
      await pause(50);
    }
  }

  /** An order that would be harmless; the code with which it is refused, or null. */
  refusal(): string | null {
    const before = new Map(this.watch.refusals);
    const intent = this.probe();
    this.gateway.submit(intent, intent.bornAt);
    for (const event of this.gateway.advance(this.scene.clock.now())) this.watch.onEvent(event);
    for (const [code, count] of this.watch.refusals) if (count > (before.get(code) ?? 0)) return code;
    return null;
  }

  /** An order far below the book, whatever is open. */
  private probe(): SubmitIntent {
    const market = this.markets[0]!;
    return {
      type: "submit",
      orderId: `${this.prefix}-probe-${++this.probes}`,
      conditionId: market.conditionId,
      token: market.upToken,
      outcome: "up",
      side: "buy",
      orderType: "GTC",
      postOnly: true,
      limit: 100 as Price,
      size: 5_000_000 as Shares,
      spend: 0 as Usdc,
      bornAt: this.scene.clock.now(),
      maxAge: 60_000 as Ms,
    };
  }

  async close(stop: boolean): Promise<void> {
    clearInterval(this.wishes);
    if (stop) {
      const { proved, openAfter } = await this.gateway.stop();
      if (!proved || openAfter.length > 0) this.watch.breaks(6, "the stop left orders open");
    }
    clearInterval(this.looks);
    await this.stack.close();
  }
}

interface Found {
  recoveredMs: number | null;
  cancelledByVenue: number;
  readonly notes: string[];
}

async function duringFault(one: OrderCase, scene: Scene, trading: Trading, found: Found): Promise<void> {
  const { venue, clock } = scene;
  const resting = await trading.restingOrder();
  const openBefore = [...venue.exchange.state.open].filter(({ wallet }) => wallet === scene.wallet);
  for (const body of one.controls) await control(venue, body);
  for (let i = 0; i < (one.burst ?? 0); i++) trading.sendOrder();
  const cancelsBefore = trading.gateway.stats.cancelsAsked;
  // Cancels pass whatever the fault is; where the venue is to cancel by itself, the order is left to it.
  if (resting !== null && one.shows.length === 0) trading.cancel(resting);
  if (one.quietMs !== undefined) await trading.rest(one.quietMs);
  await trading.trade(one.holdMs - (one.quietMs ?? 0));
  if (trading.gateway.stats.cancelsAsked === cancelsBefore && one.shows.length === 0) {
    found.notes.push("no cancel was asked for during the fault");
  }
  found.cancelledByVenue = openBefore.filter(({ status }) => status === "CANCELED").length;
  const endMs = clock.now();
  await control(venue, { action: "clear-faults" });
  const until = endMs + one.recoverMs * 1.5;
  while (trading.watch.lastAcceptedMs < endMs && clock.now() < until) await pause(10);
  const at = trading.watch.lastAcceptedMs;
  found.recoveredMs = at < endMs ? null : Math.round(at - endMs);
}

/** The latch: set, it refuses; a new process finds it set. */
async function latched(scene: Scene, trading: Trading): Promise<void> {
  await trading.gateway.trip({ code: "LATCHED", reason: "the drill's end", who: "drill" });
  const first = trading.refusal();
  if (first !== "LATCHED") trading.watch.breaks(6, `a tripped latch answers ${first}`);
  await trading.close(true);
  const again = new Trading(scene, "again");
  await again.open();
  const second = again.refusal();
  if (second !== "LATCHED") trading.watch.breaks(6, `after a restart the latch answers ${second}`);
  await again.close(true);
  trading.watch.broken.push(...again.watch.broken);
}

function shown(one: OrderCase, { watch }: Trading, found: Found): string[] {
  const missing: string[] = [];
  for (const what of one.shows) {
    const count = what === "cancelled by venue"
      ? found.cancelledByVenue
      : what === "lookups"
      ? watch.lookups
      : watch[what];
    if (count === 0) missing.push(`nothing ${what}`);
  }
  if (one.refuses.length > 0 && !one.refuses.some((code) => watch.refusals.has(code))) {
    missing.push(`no order was refused with ${one.refuses.join(" or ")}`);
  }
  return missing;
}

/** Of RECONCILE_INCOMPLETE: on a busy machine the venue's answers may come too late for a start, which is then made again. */
const SNAPSHOT_REFUSED = "Cannot take the venue's snapshot";
const MAX_STARTS = 5;

/** Runs one case on a venue of its own. Never throws: what goes wrong is in the outcome. */
export async function runOrderCase(one: OrderCase, seed: number, speed: number): Promise<OrderOutcome> {
  for (let start = 1;; start++) {
    const found: Found = { recoveredMs: null, cancelledByVenue: 0, notes: [] };
    let trading: Trading | null = null;
    try {
      await withScene(seed, speed, async (scene) => {
        trading = new Trading(scene, "drill");
        await trading.open();
        await play(one, scene, trading, found);
      });
    } catch (error) {
      if (start < MAX_STARTS && String(error).includes(SNAPSHOT_REFUSED)) continue;
      found.notes.push(error instanceof Error ? error.stack ?? error.message : String(error));
    }
    return outcomeOf(one, trading, found);
  }
}

async function play(one: OrderCase, scene: Scene, trading: Trading, found: Found): Promise<void> {
  const { wallet, venue, folder } = scene;
  await trading.trade(WARM_MS);
  await duringFault(one, scene, trading, found);
  await trading.trade(WARM_MS);
  await trading.settle();
  trading.watch.finish(trading.gateway.wallet);
  const path = journalPath(`${folder}/journal`, wallet.address);
  const { differences } = compareWith(venue.exchange.state, wallet, readFacts(path), OPENING);
  if (countOf(differences) > 0) trading.watch.breaks(3, JSON.stringify(differences));
  const failed = [...venue.exchange.state.trades.values()].filter(({ status }) => status === "FAILED");
  const undone = [...trading.watch.fills.values()].filter((stage) => stage === "undone").length;
  if (failed.length > 0 && undone === 0) trading.watch.breaks(5, "failed trades were not undone");
  await latched(scene, trading);
}

function outcomeOf(one: OrderCase, trading: Trading | null, found: Found): OrderOutcome {
  const watch = trading?.watch ?? new OrderWatch(() => 0);
  const missing = trading === null ? ["it did not start"] : shown(one, trading, found);
  const late = found.recoveredMs === null || found.recoveredMs > one.recoverMs;
  const thrown = found.notes.length > 0;
  return {
    name: one.name,
    orders: watch.submits,
    accepted: watch.accepted,
    unknown: watch.unknown,
    lookups: watch.lookups,
    fills: watch.fills.size,
    undone: watch.undone,
    refused: one.refuses.filter((code) => watch.refusals.has(code)),
    recoveredMs: found.recoveredMs,
    recoverLimitMs: one.recoverMs,
    verdict: watch.broken.length > 0 || thrown
      ? "BROKEN"
      : missing.length > 0
      ? "NOT EXERCISED"
      : late
      ? "NOT RECOVERED"
      : "ok",
    notes: [
      ...watch.broken,
      ...missing,
      ...found.notes,
      ...(missing.length + watch.broken.length === 0 && !late && !thrown ? [] : [
        `refusals ${JSON.stringify(Object.fromEntries(watch.refusals))}, alarms ${
          JSON.stringify(Object.fromEntries(watch.alarms))
        }`,
      ]),
    ],
  };
}
