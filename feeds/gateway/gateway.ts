/**
 * The live gateway: `openGateway()` makes it of an open journal, a signer, order entry, user socket and heartbeat. It
 * holds no timer and no clock of its own; `tick()` and `observe()` bring the time.
 */
import { invariant, OperationError } from "../../core/errors.ts";
import type { ExecutionEvent, Intent, MarketEvent, SubmitIntent } from "../../core/events.ts";
import type { Fill } from "../../core/orders/lifecycle_types.ts";
import type { Ms } from "../../core/units.ts";
import { type LatchMark, readLatch, setLatch } from "../journal/latch.ts";
import { holds, lastLatchRow, walletOfPath } from "../journal/latch_rows.ts";
import { resumeState, type WalletState } from "../journal/state.ts";
import { modeForbids } from "../polymarket/order_entry/venue_mode.ts";
import { Asker } from "./asker.ts";
import { BalanceCheck, versionOf } from "./balances.ts";
import { cancelOurs, type Desk, mayRest, noteOver, now, takeTrades, unknownHashes } from "./desk.ts";
import { ForeignWatch } from "./foreign.ts";
import { Keeper } from "./keeper.ts";
import { Markets } from "./markets.ts";
import { Links } from "./links.ts";
import { incomplete, openBooks, unsettledTrades } from "./opening.ts";
import { type Asset, Refresher } from "./refresher.ts";
import { Resync } from "./resync.ts";
import { type Refused, Sender } from "./sender.ts";
import {
  DEFAULT_GATEWAY_TIMING,
  type Gateway,
  type GatewayOptions,
  type GatewayState,
  type GatewayStats,
  type LadderTerms,
  type StartReport,
  type StopReport,
} from "./types.ts";

/** Kept of a stop's time for proving once more that nothing is open, and longest wait for sockets to close; wall ms. */
const PROOF_MS = 10_000;
const CLOSE_MS = 2_000;
/** Windows are forgotten this long after their end; their trades have settled by then. */
const FORGET_MARKET_MS = 6 * 3_600_000;

/**
 * Reads journal and latch and makes a gateway of them; nothing is sent before `start()`. Throws JOURNAL_DAMAGED,
 * JOURNAL_ROW_UNKNOWN and what a failed append throws.
 */
export const openGateway = (options: GatewayOptions): Promise<Gateway> =>
  Promise.resolve().then(() => new LiveGateway(options));

class LiveGateway implements Gateway {
  private readonly desk: Desk;
  private readonly keeper: Keeper;
  private readonly asker: Asker;
  private readonly sender: Sender;
  private readonly resync: Resync;
  private readonly foreign: ForeignWatch;
  private checks: BalanceCheck | null = null;
  private phase: "new" | "starting" | "running" | "stopping" | "stopped" = "new";
  private latch: LatchMark | null;
  /** Stands in the journal and not in the latch file. */
  private readonly untoldLatch: LatchMark | null;
  /** The clearing of what is the journal's last word about the latch. */
  private readonly clearedLatch: LatchMark | null;
  private readonly links: Links;
  private readonly refused = new Map<string, number>();
  private alarms = 0;
  private bug: string | null = null;
  private aborting: Promise<void> | null = null;
  private ending: Promise<StopReport> | null = null;
  private newsDue = false;
  private lastTick = -Infinity;
  private nextLatch = -Infinity;
  private nextForget = -Infinity;
  private nextBalance = -Infinity;
  private checking = false;
  private readonly restartActions;
  private readonly refresher: Refresher;

  constructor(private readonly options: GatewayOptions) {
    const timing = { ...DEFAULT_GATEWAY_TIMING, ...options.timing };
    const { clock, entry, log } = options;
    const alarm = (code: string, detail: string) => this.alarm(code, detail);
    const resumed = resumeState(options.journal, clock.now());
    const latch = readLatch(options.latchFolder);
    const row = lastLatchRow(options.journal.path);
    // Set while its file could not be written: it holds all the same.
    const inJournal = holds(latch, walletOfPath(options.journal.path), row);
    this.latch = latch.set ? latch.mark : inJournal ? row.mark : null;
    this.untoldLatch = !latch.set && inJournal ? row.mark : null;
    this.clearedLatch = !latch.set && row?.set === true && !inJournal ? latch.mark : null;
    this.restartActions = resumed.actions;
    this.refresher = new Refresher(entry, log);
    this.keeper = new Keeper(options.journal, resumed, {
      now: () => clock.now(),
      onActions: (actions) => this.asker.run(actions),
      onAlarm: alarm,
      beforeFinal: (fill, tell) => this.refresher.before(this.assetOf(fill), tell),
      onNews: () => this.tellNews(),
      onForeign: (input) => input.type === "trade" ? this.foreign.trade(input.trade) : this.foreign.order(),
      onBroken: (error) => this.journalBroken(error),
    });
    this.asker = new Asker({
      entry,
      parallel: timing.parallelAsks,
      now: () => clock.now(),
      log,
      take: (input) => this.keeper.take(input),
      takeTrades: (rows) => void takeTrades(this.desk, rows),
      tradesAfter: (hash) =>
        ((this.wallet.life.orders.get(hash)?.createdAtMs ?? clock.now()) - timing.overlapMs) as Ms,
      onBug: (error) => this.onBug(error),
    });
    this.desk = {
      options,
      timing,
      keeper: this.keeper,
      asker: this.asker,
      markets: new Markets(),
      alarm,
      foreignTokens: new Map(),
      foreignShares: new Map(),
      foreignPending: new Map(),
      foreignTold: new Map(),
      overWindows: new Set(),
      onForeignTrade: (row) => this.foreign.listed(row),
    };
    this.foreign = new ForeignWatch(this.desk, (error) => this.onBug(error));
    this.sender = new Sender(this.desk, {
      onBug: (error) => this.onBug(error),
      onTaken: (hash, since) => this.links.expect(hash, since),
    });
    this.resync = new Resync(this.desk, (error) => this.onBug(error));
    this.links = new Links(this.desk, {
      onInput: (input) => this.guard(() => this.keeper.take(input)),
      onBack: (reason) => {
        if (this.phase === "running") this.resync.request(reason);
      },
      onSilent: (at) => this.resync.lostAt(at),
    });
  }

  /** A purchase brings shares, a sale cash. */
  private assetOf({ side, token, conditionId }: Fill): Asset {
    return side === "buy"
      ? { kind: "conditional", token, version: versionOf(this.desk, conditionId) }
      : { kind: "collateral" };
  }

  get wallet(): WalletState {
    return this.keeper.wallet;
  }

  get state(): GatewayState {
    if (this.bug !== null) return "broken";
    if (this.phase === "stopping" || this.phase === "stopped") return this.phase;
    if (this.keeper.broken !== null) return "broken";
    if (this.latch !== null) return "latched";
    if (this.phase !== "running") return "new";
    return this.resync.running ? "resyncing" : "running";
  }

  get stats(): GatewayStats {
    return {
      submitted: this.sender.submitted,
      refused: Object.fromEntries(this.refused),
      acknowledged: this.sender.acknowledged,
      cancelsAsked: this.asker.cancels,
      questions: this.asker.questions,
      failedQuestions: this.asker.failed,
      resyncs: this.resync.done,
      resyncFindings: this.resync.findings,
      inputs: this.keeper.inputs,
      alarms: this.alarms,
      presigned: this.sender.presigned,
    };
  }

  async start(): Promise<StartReport> {
    invariant(this.phase === "new", "a gateway is started once");
    this.phase = "starting";
    await this.settleLatch();
    const unknownBefore = new Set(unknownHashes(this.desk));
    this.asker.run(this.restartActions);
    await this.links.open();
    const settledBefore = new Set(this.wallet.ledgers.winners.keys());
    const report = await openBooks(this.desk, this.latch, unknownBefore);
    // Somebody has given up waiting: what was read since then is nobody's.
    if (this.aborting !== null) throw incomplete("the start was given up");
    this.checks = new BalanceCheck(this.desk, settledBefore);
    this.nextBalance = now(this.desk) + this.desk.timing.balanceEveryMs;
    this.nextForget = now(this.desk) + this.desk.timing.forgetEveryMs;
    this.phase = "running";
    this.foreign.begin();
    this.tellNews();
    return report;
  }

  /** Makes latch file and journal say the same. */
  private async settleLatch(): Promise<void> {
    if (this.clearedLatch !== null) this.keeper.note("latch", { ...this.clearedLatch, set: false });
    if (this.untoldLatch !== null) await this.writeLatch(this.untoldLatch);
  }

  private async writeLatch(mark: LatchMark): Promise<void> {
    try {
      await setLatch(this.options.latchFolder, mark);
    } catch (error) {
      this.alarm(error instanceof OperationError ? error.code : "LATCH_WRITE_FAILED", String(error));
    }
  }

  observe(event: MarketEvent): void {
    const token = this.desk.markets.observe(event);
    if (token !== null) this.sender.dropLadder(token);
    if (event.type === "resolved" && event.source === "venue") {
      this.keeper.resolved(event.conditionId, event.winner);
      noteOver(this.desk, event.conditionId);
    }
    if (event.type === "clock") this.tick();
  }

  advance(_now: Ms): readonly ExecutionEvent[] {
    return this.keeper.translator.drain();
  }

  submit(intent: Intent, _now: Ms): void {
    if (intent.type === "cancel") {
      const hash = this.keeper.translator.hashOfOrder(intent.orderId);
      const order = hash === undefined ? undefined : this.wallet.life.orders.get(hash);
      if (order !== undefined && mayRest(order)) this.asker.cancel(order.terms.hash);
      return;
    }
    const refused = this.refusal(intent.postOnly) ?? this.sender.send(intent);
    if (refused !== null) this.refuse(intent, refused);
  }

  submitAll(intents: readonly Intent[], at: Ms): void {
    const orders: SubmitIntent[] = [];
    for (const intent of intents) {
      const refused = intent.type === "cancel" ? null : this.refusal(intent.postOnly);
      if (intent.type === "cancel") this.submit(intent, at);
      else if (refused !== null) this.refuse(intent, refused);
      else orders.push(intent);
    }
    const answers = this.sender.sendAll(orders);
    for (const [i, refused] of answers.entries()) if (refused !== null) this.refuse(orders[i]!, refused);
  }

  private refuse({ orderId }: SubmitIntent, refused: Refused): void {
    this.refused.set(refused.code, (this.refused.get(refused.code) ?? 0) + 1);
    const at = now(this.desk);
    const about = { tExchange: at, tReceive: at, orderId };
    this.keeper.translator.push({ type: "orderRejected", ...about, ...refused });
    this.tellNews();
  }

  refusal(postOnly = false): Refused | null {
    if (this.keeper.broken !== null) return { code: "JOURNAL_BROKEN", message: this.keeper.broken.message };
    if (this.bug !== null) return { code: "GATEWAY_BROKEN", message: this.bug };
    if (this.phase === "new" || this.phase === "starting") {
      return { code: "NOT_STARTED", message: "the start is not finished" };
    }
    if (this.phase !== "running") return { code: "STOPPED", message: "the gateway stops" };
    if (this.latch !== null) return { code: "LATCHED", message: `${this.latch.code}: ${this.latch.reason}` };
    const unheard = this.links.refusal();
    if (unheard !== null) return unheard;
    if (this.resync.running) return { code: "RESYNCING", message: "orders and trades are being read again" };
    return modeForbids(this.options.entry.mode, postOnly);
  }

  cancelWindow(conditionId: string): void {
    for (const order of this.wallet.life.orders.values()) {
      if (order.terms.conditionId === conditionId && mayRest(order)) this.asker.cancel(order.terms.hash);
    }
  }

  prepare(wanted: readonly LadderTerms[], most: number): number {
    return this.sender.prepare(wanted, most);
  }

  tick(): void {
    const at = now(this.desk);
    const { timing } = this.desk;
    if (at - this.lastTick < timing.tickMs || this.phase === "new" || this.phase === "stopped") return;
    this.lastTick = at;
    this.keeper.take({ type: "clock", at });
    if (this.phase !== "running") return;
    this.foreign.tick(at);
    if (at >= this.nextLatch) {
      this.nextLatch = at + timing.latchEveryMs;
      this.readLatchFile();
    }
    if (at >= this.nextForget) {
      this.nextForget = at + timing.forgetEveryMs;
      this.keeper.forget();
      this.desk.markets.forget((at - FORGET_MARKET_MS) as Ms);
    }
    if (at >= this.nextBalance && !this.checking) {
      this.nextBalance = at + timing.balanceEveryMs;
      void this.checkBalances();
    }
  }

  async trip(reason: Pick<LatchMark, "code" | "reason" | "who">): Promise<void> {
    const mark: LatchMark = { ...reason, at: now(this.desk) };
    const first = this.latch === null;
    if (first) {
      this.latch = mark;
      this.cancelOpen();
      this.keeper.note("latch", { ...mark, set: true });
    }
    await this.writeLatch(mark);
    if (!first || this.phase !== "running") return;
    const { open, proved } = await this.cancelOurs();
    if (!proved && !this.isOver()) this.alarm("CANCEL_UNPROVED", `${open.length} orders may still be open`);
  }

  stop(): Promise<StopReport> {
    return this.ending ??= this.stopInTime();
  }

  private readonly isOver = (): boolean => this.phase === "stopped";

  private cancelOurs(): ReturnType<typeof cancelOurs> {
    return cancelOurs(this.desk, () => this.sender.awaited, this.isOver);
  }

  /** Wall ms as ms of the clock. */
  private span(wallMs: number): Ms {
    return Math.ceil(wallMs * this.options.clock.speed) as Ms;
  }

  /** True when `ms` of the wall passed before `work` ended. Rejects as `work` does. */
  private async outlasts(work: Promise<unknown>, wallMs: number): Promise<boolean> {
    const timer = new AbortController();
    const late = this.options.clock.sleep(this.span(wallMs), timer.signal).then(() => true, () => false);
    try {
      return await Promise.race([work.then(() => false), late]);
    } finally {
      timer.abort();
    }
  }

  private async stopInTime(): Promise<StopReport> {
    const { stopMs } = this.desk.timing;
    const work = this.windUp((now(this.desk) + this.span(stopMs - Math.min(PROOF_MS, stopMs / 2))) as Ms);
    if (!await this.outlasts(work, stopMs)) return await work;
    work.catch((error: unknown) => this.options.log.warn("the stop failed", { error: String(error) }));
    const report = this.reportOf(this.restingHashes(), false);
    this.alarm("STOP_LATE", `the venue has not answered for ${stopMs} ms: nothing is proved`);
    this.noteStop(report);
    await this.close();
    return report;
  }

  private async windUp(settleUntil: Ms): Promise<StopReport> {
    // Whoever is told that it stopped closes the connection that the cancel-all leaves by.
    if (this.aborting !== null) await this.aborting;
    if (this.phase === "stopped") return this.reportOf(this.restingHashes(), false);
    const started = this.phase === "running";
    this.phase = "stopping";
    this.resync.close();
    this.foreign.close();
    this.asker.hold(true);
    const cancelled = started ? await this.cancelOurs() : { open: [], proved: false };
    this.asker.hold(false);
    if (started) await this.settle(settleUntil);
    // An order that landed after the proof was found by a question: the proof has to be made again.
    const { open, proved } = cancelled.proved && this.restingHashes().length > 0
      ? await this.cancelOurs()
      : cancelled;
    const report = this.reportOf(open, proved);
    if (this.isOver()) return report;
    this.refresher.close();
    this.noteStop(report);
    await this.aborting;
    await this.close();
    return report;
  }

  private noteStop({ openAfter, proved, unknown, unsettled }: StopReport): void {
    this.keeper.note("note", {
      type: "stop",
      proved,
      open: openAfter.length,
      unsettled: unsettled.length,
      unknown: unknown.length,
    });
  }

  abort(reason: string): Promise<void> {
    return this.aborting ??= this.abandon(reason);
  }

  private async abandon(reason: string): Promise<void> {
    if (this.phase === "stopped") return;
    const traded = this.phase === "running" || this.phase === "stopping";
    this.phase = "stopping";
    this.bug ??= reason;
    this.resync.close();
    this.foreign.close();
    this.refresher.close();
    try {
      if (traded) await this.options.entry.cancelAll();
      // A start that failed has sent nothing; what others have on this key is theirs.
      else await this.cancelKnown();
    } catch (error) {
      this.options.log.warn("cancel-all failed while aborting", { error: String(error) });
    }
    try {
      this.keeper.note("note", { type: "abort", reason });
    } catch (error) {
      this.options.log.warn("the abort could not be noted", { error: String(error) });
    }
    await this.close();
  }

  /** Waits for matched trades to become money or not, as long as that is worth waiting for. */
  private async settle(atMost: Ms): Promise<void> {
    const { timing, options } = this.desk;
    const until = Math.min(now(this.desk) + timing.settleMs, atMost);
    while (unsettledTrades(this.desk).length > 0 || unknownHashes(this.desk).length > 0) {
      if (now(this.desk) >= until || this.isOver()) return;
      this.keeper.take({ type: "clock", at: now(this.desk) });
      await this.outlasts(this.asker.idle(), Math.max(0, until - now(this.desk)) / options.clock.speed);
      await options.clock.sleep(timing.roundMs as Ms);
    }
  }

  private async close(): Promise<void> {
    this.phase = "stopped";
    this.asker.close();
    this.keeper.close();
    if (await this.outlasts(this.links.close(), CLOSE_MS)) this.options.log.warn("a socket does not close");
    this.options.journal.close();
  }

  private restingHashes(): string[] {
    return [...this.wallet.life.orders.values()].filter(mayRest).map(({ terms }) => terms.hash);
  }

  private reportOf(openAfter: readonly string[], proved: boolean): StopReport {
    return {
      openAfter,
      proved,
      unsettled: unsettledTrades(this.desk),
      unknown: unknownHashes(this.desk),
    };
  }

  private async cancelKnown(): Promise<void> {
    const hashes = this.restingHashes();
    if (hashes.length > 0) await this.options.entry.cancel(hashes);
  }

  private cancelOpen(): void {
    for (const hash of this.restingHashes()) this.asker.cancel(hash);
  }

  private readLatchFile(): void {
    if (this.latch !== null) return;
    const { set, mark } = readLatch(this.options.latchFolder);
    if (!set || mark === null) return;
    this.alarm("LATCHED", `${mark.who} set the latch: ${mark.code}, ${mark.reason}`);
    void this.trip(mark);
  }

  private async checkBalances(): Promise<void> {
    this.checking = true;
    try {
      await this.checks!.run();
    } catch (error) {
      this.onBug(error);
    }
    this.checking = false;
  }

  private journalBroken(error: OperationError): void {
    this.alarm("JOURNAL_BROKEN", error.message);
    this.cancelOpen();
  }

  private alarm(code: string, detail: string): void {
    this.alarms++;
    this.options.log.warn("alarm", { code, detail });
    this.options.onAlarm({ code, detail, at: this.options.clock.now() });
  }

  private guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.onBug(error);
    }
  }

  /** An assumption of ours is broken: stop safely. */
  private onBug(error: unknown): void {
    if (this.bug !== null || this.phase === "stopped") return;
    this.bug = error instanceof Error ? error.message : String(error);
    this.alarm("GATEWAY_BROKEN", this.bug);
    void this.abort(this.bug);
  }

  /** Never inside a call of the port: the session may be in the middle of a step. */
  private tellNews(): void {
    if (this.newsDue) return;
    this.newsDue = true;
    queueMicrotask(() => {
      this.newsDue = false;
      if (this.keeper.translator.hasNews) this.guard(() => this.options.onReady());
    });
  }
}
