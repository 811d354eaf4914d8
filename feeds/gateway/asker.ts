/**
 * Does what orders' lives ask for: questions to the venue, a few at a time and each once at a time, and cancels, all of
 * one turn in one request. A question that fails is not repeated here: the order's own clock asks again.
 */
import type { CancelOutcome, LifeAction, LifeInput } from "../../core/orders/lifecycle_types.ts";
import type { Ms } from "../../core/units.ts";
import type { FeedLog } from "../net/feed_context.ts";
import type { ListedTrade, OrderEntry } from "../polymarket/order_entry/types.ts";

/** Trades asked for one by one; of more the whole market is asked for. */
const MAX_IDS = 5;
/** The most that one DELETE /orders takes. */
const MAX_CANCELS = 1_000;

export interface AskerOptions {
  readonly entry: Pick<OrderEntry, "lookup" | "trades" | "cancel">;
  readonly parallel: number;
  readonly now: () => Ms;
  readonly log: FeedLog;
  readonly take: (input: LifeInput) => void;
  readonly takeTrades: (rows: readonly ListedTrade[]) => void;
  /** Trades of an order are asked for from this time on. */
  readonly tradesAfter: (hash: string) => Ms;
  /** A reply's handling broke an invariant. */
  readonly onBug: (error: unknown) => void;
}

export class Asker {
  questions = 0;
  failed = 0;
  cancels = 0;
  private readonly waiting = new Map<string, () => Promise<void>>();
  private readonly running = new Set<string>();
  private readonly cancelling = new Set<string>();
  private batch: string[] = [];
  private idlers: (() => void)[] = [];
  private cancelIdlers: (() => void)[] = [];
  private busy = 0;
  private cancelsAway = 0;
  private held = false;
  private closed = false;

  constructor(private readonly options: AskerOptions) {}

  run(actions: readonly LifeAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case "askOrder":
          this.enqueue(`order ${action.hash}`, () => this.askOrder(action.hash));
          break;
        case "askTrades":
          this.enqueue(`trades ${action.hash}`, () => this.askTrades(action));
          break;
        case "cancel":
          this.cancel(action.hash);
          break;
        case "fill":
        case "alarm":
          break;
      }
    }
  }

  /** Asks for the order's end; a request that is under way is not doubled. */
  cancel(hash: string): void {
    if (this.closed || this.cancelling.has(hash)) return;
    this.cancelling.add(hash);
    this.cancels++;
    this.options.take({ type: "cancelAsked", at: this.options.now(), hash });
    this.batch.push(hash);
    if (this.batch.length === 1) queueMicrotask(() => this.flush());
  }

  askOrderNow(hash: string): void {
    this.enqueue(`order ${hash}`, () => this.askOrder(hash));
  }

  /** Resolves when nothing is asked or cancelled. */
  idle(): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.idlers.push(resolve));
  }

  /** Resolves when no cancel is under way, whatever is asked. */
  cancelled(): Promise<void> {
    if (this.noCancels()) return Promise.resolve();
    return new Promise((resolve) => this.cancelIdlers.push(resolve));
  }

  /** While held no new question leaves: cancels have the connections to themselves. */
  hold(held: boolean): void {
    this.held = held;
    if (!held) this.next();
  }

  /** Nothing more is asked; what is under way is let go. */
  close(): void {
    this.closed = true;
    this.waiting.clear();
    this.wake();
  }

  private isIdle(): boolean {
    return this.closed || this.busy === 0 && this.waiting.size === 0 && this.batch.length === 0;
  }

  private noCancels(): boolean {
    return this.closed || this.cancelsAway === 0 && this.batch.length === 0;
  }

  private wake(): void {
    if (this.noCancels()) {
      const idlers = this.cancelIdlers;
      this.cancelIdlers = [];
      for (const resolve of idlers) resolve();
    }
    if (!this.isIdle()) return;
    const idlers = this.idlers;
    this.idlers = [];
    for (const resolve of idlers) resolve();
  }

  private flush(): void {
    const hashes = this.batch;
    this.batch = [];
    for (let at = 0; at < hashes.length; at += MAX_CANCELS) {
      void this.sendCancels(hashes.slice(at, at + MAX_CANCELS));
    }
  }

  private async sendCancels(hashes: readonly string[]): Promise<void> {
    this.busy++;
    this.cancelsAway++;
    let outcomes: ReadonlyMap<string, CancelOutcome>;
    try {
      outcomes = await this.options.entry.cancel(hashes);
    } catch (error) {
      this.options.onBug(error);
      outcomes = new Map();
    }
    this.busy--;
    this.cancelsAway--;
    for (const hash of hashes) {
      this.cancelling.delete(hash);
      if (this.closed) continue;
      const outcome = outcomes.get(hash) ?? { kind: "unknown" as const, reason: "not answered" };
      this.guard(() =>
        this.options.take({ type: "cancelReply", at: this.options.now(), hash, outcome: { ...outcome } })
      );
    }
    this.wake();
  }

  private enqueue(key: string, job: () => Promise<void>): void {
    if (this.closed || this.running.has(key) || this.waiting.has(key)) return;
    this.waiting.set(key, job);
    this.next();
  }

  private next(): void {
    if (this.held) return;
    for (const [key, job] of this.waiting) {
      if (this.running.size >= this.options.parallel) return;
      this.waiting.delete(key);
      this.running.add(key);
      void this.perform(key, job);
    }
  }

  private async perform(key: string, job: () => Promise<void>): Promise<void> {
    this.busy++;
    this.questions++;
    try {
      await job();
    } catch (error) {
      this.failed++;
      this.options.log.warn("a question to the venue was not answered", { about: key, error: String(error) });
    }
    this.busy--;
    this.running.delete(key);
    this.next();
    this.wake();
  }

  private async askOrder(hash: string): Promise<void> {
    const answer = await this.options.entry.lookup(hash);
    if (answer === null) throw new Error("no readable answer");
    if (!this.closed) this.guard(() => this.options.take(answer));
  }

  private async askTrades(
    { hash, conditionId, tradeIds }: Extract<LifeAction, { type: "askTrades" }>,
  ): Promise<void> {
    const { entry, takeTrades } = this.options;
    if (tradeIds.length > 0 && tradeIds.length <= MAX_IDS) {
      for (const id of tradeIds) {
        const { rows } = await entry.trades({ id });
        if (!this.closed) this.guard(() => takeTrades(rows));
      }
      return;
    }
    const { rows } = await entry.trades({ conditionId, afterMs: this.options.tradesAfter(hash) });
    if (!this.closed) this.guard(() => takeTrades(rows));
  }

  /** What goes wrong while an answer is applied is a bug of ours, not a question without an answer. */
  private guard(apply: () => void): void {
    try {
      apply();
    } catch (error) {
      this.options.onBug(error);
    }
  }
}
