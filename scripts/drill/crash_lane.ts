/** One wallet of the crash drill: trade, be killed, start again, compare, over and over. */
import { Wallet as EthersWallet } from "ethers";
import { windowStart } from "../../core/market/window.ts";
import { ms } from "../../core/units.ts";
import { journalPath } from "../../feeds/journal/journal.ts";
import { openAccount } from "../../fixtures/exchange/accounts.ts";
import type { Wallet } from "../../fixtures/exchange/ledger.ts";
import { hashHex } from "../../fixtures/market/hash.ts";
import { makeListing } from "../../fixtures/market/listing.ts";
import type { RunningVenue } from "../../fixtures/venue/venue.ts";
import { CommandLine } from "./crash_cli.ts";
import type { CrashPlan } from "./crash_plan.ts";
import { bookDifferences, compareWith, countOf, type Differences } from "./crash_truth.ts";
import { trueBook } from "./crash_truth.ts";
import { Child } from "./child.ts";
import type { JournalReader } from "./journal_reader.ts";
import { instrumentOf, type StackAccount } from "./live_stack.ts";
import type { TraderSays, TraderSpec } from "./trader.ts";

/** 10,000 pUSD, as the venue's own test accounts. */
const OPENING = 10_000_000_000;
const START_WITHIN_MS = 120_000;
const MAX_REFUSED_STARTS = 10;
/** Of RECONCILE_INCOMPLETE. */
const SNAPSHOT_REFUSED = "Cannot take the venue's snapshot";
const SETTLE_WITHIN_MS = 90_000;
/** A trade that fails changes the provisional ledger between the trader's word and our look. */
const FAILURE_NEWS_MS = 5_000;

export interface LaneOptions {
  readonly venue: RunningVenue;
  readonly seed: number;
  readonly speed: number;
  /** Number of the lane: its key and its folder follow from it. */
  readonly lane: number;
  readonly folder: string;
  readonly journals: JournalReader;
}

export interface RunOutcome {
  readonly run: number;
  readonly kind: CrashPlan["kind"];
  /** Processes killed in this run. */
  readonly kills: number;
  /** The point was reached before the backstop. */
  readonly onPoint: boolean;
  /** What the venue had of this wallet at the kill: orders open, trades not settled. */
  readonly openAtKill: number;
  readonly unsettledAtKill: number;
  /** Orders whose fate the next start had to find out. */
  readonly unknown: number;
  readonly cancelled: number;
  /** Of the whole journal so far. */
  readonly intents: number;
  readonly orders: number;
  readonly trades: number;
  readonly startMs: number;
  /** Starts that refused to trade because the venue's answers came too late. */
  readonly refusedStarts: number;
  /** Times the heart was not heard while it started: a machine too busy for the speed, not a difference. */
  readonly heartLost: number;
  readonly differences: Differences;
}

interface Killed {
  readonly plan: CrashPlan;
  readonly kills: number;
  readonly onPoint: boolean;
  readonly openAtKill: number;
  readonly unsettledAtKill: number;
}

/** Key number `lane` of a seed; of no use anywhere but on a simulated venue. */
export const keyOf = (seed: number, lane: number): string => `0x${hashHex(seed, `drill key ${lane}`, 32)}`;

export class Lane {
  private readonly account: StackAccount;
  private readonly wallet: Wallet;
  private readonly path: string;
  private commandLine: CommandLine | null = null;
  /** What the venue has said of this wallet's orders. */
  private seen = 0;

  constructor(private readonly options: LaneOptions) {
    const { venue, seed, lane, folder } = options;
    const { state } = venue.exchange;
    const key = keyOf(seed, lane);
    const owner = new EthersWallet(key).address;
    const signatureType = (lane % 4) as 0 | 1 | 2 | 3;
    this.wallet = openAccount(state, { owner, type: signatureType, pusd: OPENING, approved: true });
    const { apiKey, secret, passphrase } = state.credentials.create(owner, "0")!;
    this.account = { key, signatureType, apiKey, secret, passphrase };
    venue.exchange.listeners.order.add((_type, order) => {
      if (order.wallet === this.wallet) this.seen++;
    });
    this.path = journalPath(`${folder}/journal`, this.wallet.address);
  }

  /** Runs the plans one after the other, then a last start that proves the last of them. `onDone` hears each. */
  async run(
    plans: AsyncIterable<CrashPlan> | Iterable<CrashPlan>,
    onDone: (one: RunOutcome) => void,
  ): Promise<void> {
    let before: Killed | null = null;
    for await (const plan of plans) {
      const { child, outcome } = await this.startAndCompare(before, plan);
      if (outcome !== null) onDone(outcome);
      before = await this.crash(child, plan);
    }
    const { child, outcome } = await this.startAndCompare(before, null);
    if (outcome !== null) onDone(outcome);
    child.send("stop");
    await child.heard("stopped", START_WITHIN_MS);
    await child.ended;
  }

  /** Starts the trader, waits until it has reconciled and everything has settled, and compares. */
  private async startAndCompare(
    before: Killed | null,
    next: CrashPlan | null,
  ): Promise<{ child: Child<TraderSays>; outcome: RunOutcome | null }> {
    const began = performance.now();
    // A crash at the start belongs to a start of its own, see `crash`.
    const plan = next === null || next.phase === "start" ? null : next;
    const { child, started, refusedStarts } = await this.start(plan, next?.run ?? -1);
    const startMs = performance.now() - began;
    const { venue } = this.options;
    const { state } = venue.exchange;
    const expected = trueBook(state, this.wallet, OPENING, (status) => status !== "FAILED");
    const early = this.recentFailure() ? [] : bookDifferences("at once", started.provisional, expected);
    const settled = await child.heard("settled", SETTLE_WITHIN_MS);
    if (before === null) return { child, outcome: null };
    const compared = compareWith(state, this.wallet, await this.options.journals.read(this.path), OPENING);
    const { differences } = compared;
    differences.ledger.push(...early, ...bookDifferences("in memory", settled.final, settled.provisional));
    const alarms = settled.alarms.filter((text) => !text.startsWith("HEARTBEAT_LOST"));
    differences.ledger.push(...alarms);
    return {
      child,
      outcome: {
        run: before.plan.run,
        kind: before.plan.kind,
        kills: before.kills,
        onPoint: before.onPoint,
        openAtKill: before.openAtKill,
        unsettledAtKill: before.unsettledAtKill,
        unknown: started.report.unknownResolved + started.report.unknown.length,
        cancelled: started.report.cancelled.length,
        intents: compared.intents,
        orders: compared.orders,
        trades: compared.trades,
        startMs: Math.round(startMs),
        refusedStarts,
        heartLost: settled.alarms.length - alarms.length,
        differences,
      },
    };
  }

  /** Starts until it may trade: a start that cannot take the venue's snapshot in time refuses, and is made again. */
  private async start(plan: CrashPlan | null, run: number) {
    for (let refusedStarts = 0;; refusedStarts++) {
      const child = this.spawn(plan, run);
      try {
        return { child, started: await child.heard("started", START_WITHIN_MS), refusedStarts };
      } catch (error) {
        if (refusedStarts >= MAX_REFUSED_STARTS || !String(error).includes(SNAPSHOT_REFUSED)) throw error;
        await child.ended;
      }
    }
  }

  private recentFailure(): boolean {
    const { venue } = this.options;
    const since = venue.now() - FAILURE_NEWS_MS;
    for (const { status, updateMs } of venue.exchange.state.trades.values()) {
      if (status === "FAILED" && updateMs >= since) return true;
    }
    return false;
  }

  private spawn(plan: CrashPlan | null, run: number): Child<TraderSays> {
    const { venue, seed, speed, folder } = this.options;
    const spec: TraderSpec = {
      port: venue.port,
      speed,
      venueMs: venue.now(),
      wallMs: Date.now(),
      folder,
      account: this.account,
      markets: (["15m", "4h"] as const).map((duration) => {
        // Late in a window there is nothing left to trade.
        const at = ms(venue.now() + (duration === "15m" ? 180_000 : 1_800_000));
        return instrumentOf(makeListing(seed, "btc", duration, windowStart(duration, at)));
      }),
      prefix: `r${run}`,
      plan: plan ?? { phase: "trade", point: null, seed: 1 + run },
    };
    const child = new Child<TraderSays>(new URL("./trader.ts", import.meta.url).pathname);
    child.send(JSON.stringify(spec));
    return child;
  }

  /** Lets the trader trade and die as planned. */
  private async crash(child: Child<TraderSays>, plan: CrashPlan): Promise<Killed> {
    const { state } = this.options.venue.exchange;
    if (plan.settlement !== null) state.settlementFaults.push(plan.settlement, plan.settlement);
    if (plan.kind === "command line") return await this.crashCommandLine(child, plan);
    child.send("trade");
    await child.heard("trading", START_WITHIN_MS);
    if (plan.phase === "start") {
      await child.diesWithin(plan.tradeMs);
      const first = this.atKill(plan, 2, false);
      // Killed once more while it finds out what became of the first time.
      const again = this.spawn(plan, plan.run);
      const onPoint = await again.diesWithin(plan.killMs);
      return { ...first, onPoint };
    }
    if (plan.phase === "stop") {
      await new Promise((next) => setTimeout(next, plan.tradeMs));
      child.send("stop");
    }
    const onPoint = await child.diesWithin(plan.killMs);
    return this.atKill(plan, 1, onPoint);
  }

  private async crashCommandLine(child: Child<TraderSays>, plan: CrashPlan): Promise<Killed> {
    child.send("stop");
    await child.heard("stopped", START_WITHIN_MS);
    await child.ended;
    const { venue, folder, seed } = this.options;
    this.commandLine ??= await CommandLine.arm({ port: venue.port, folder, account: this.account });
    const kills = plan.twice ? 2 : 1;
    let onPoint = true;
    for (let i = 0; i < kills; i++) {
      onPoint = await this.commandLine.killAfterFirstOrder(plan, () => this.seen, seed) && onPoint;
    }
    return this.atKill(plan, kills, onPoint);
  }

  private atKill(plan: CrashPlan, kills: number, onPoint: boolean): Killed {
    const { state } = this.options.venue.exchange;
    const openAtKill = [...state.open].filter(({ wallet }) => wallet === this.wallet).length;
    let unsettledAtKill = 0;
    for (const { status, movement } of state.trades.values()) {
      if (status === "CONFIRMED" || status === "FAILED") continue;
      if (movement.legs.some(({ wallet }) => wallet === this.wallet)) unsettledAtKill++;
    }
    return { plan, kills, onPoint, openAtKill, unsettledAtKill };
  }
}

export const isWhole = (one: RunOutcome): boolean => countOf(one.differences) === 0;
