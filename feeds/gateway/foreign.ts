/**
 * What others do with the same account while we trade: an order or a trade that is not ours is read up at once, and counts to
 * limits from then on. Reads are few and spaced, however much others do; what the venue shows late is looked at again.
 */
import { OperationError } from "../../core/errors.ts";
import { heldOf } from "../../core/orders/ledger.ts";
import { knowsOrder } from "../../core/orders/lifecycle_past.ts";
import { hashOf } from "../../core/orders/lifecycle_reply.ts";
import { stageOf } from "../../core/orders/lifecycle_table.ts";
import type { TradeReport, TradeState } from "../../core/orders/lifecycle_types.ts";
import { type Ms, ms } from "../../core/units.ts";
import type { ListedTrade } from "../polymarket/order_entry/types.ts";
import { isQuiet, versionOf } from "./balances.ts";
import { type Desk, noteForeignTokens, now, tellForeign } from "./desk.ts";

/** Least time between two listings of the open orders, and the last look after the last event. */
const ORDERS_GAP_MS = 1_000;
const ORDERS_AGAIN_MS = 5_000;
/** A trade is looked at this long after it was first heard of, until it is confirmed or failed. */
const LOOKS_MS: readonly number[] = [0, 3_000, 10_000, 30_000, 60_000];
/** Trades followed at a time, and their states that are remembered, so that a listing is no news. */
const MAX_FOLLOWED = 100;
const MAX_KNOWN = 10_000;
/** Trades asked for one by one in a turn; of more a listing is asked for. */
const MAX_IDS = 5;
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 10_000;

interface Followed {
  readonly heardMs: Ms;
  readonly matchedMs: Ms;
  looks: number;
  dueMs: number;
  /** Shares that its purchases bring once it is confirmed, by token. */
  readonly pending: Map<string, number>;
  tokens: readonly string[];
  settled: boolean;
}

export class ForeignWatch {
  /** Readings of orders, trades and balances that others' doings caused. */
  reads = 0;
  private readonly known = new Map<string, TradeState>();
  private readonly followed = new Map<string, Followed>();
  private ordersDue = Infinity;
  private ordersLast = Infinity;
  private ordersAtMs = -Infinity;
  private pauseUntil = -Infinity;
  private wait = FIRST_WAIT_MS;
  private busy = false;
  private phase: "before" | "watching" | "closed" = "before";

  constructor(private readonly desk: Desk, private readonly onBug: (error: unknown) => void) {}

  /** From here on what is heard is news; what was listed before has been taken in by the start. */
  begin(): void {
    this.phase = "watching";
  }

  close(): void {
    this.phase = "closed";
  }

  /** The user socket speaks of an order that is not ours. */
  order(): void {
    if (this.phase !== "watching") return;
    const at = now(this.desk);
    this.ordersDue = Math.min(this.ordersDue, Math.max(at, this.ordersAtMs + ORDERS_GAP_MS));
    this.ordersLast = at + ORDERS_AGAIN_MS;
  }

  /** A trade of no order of ours was told, by the socket or in a listing. */
  trade(report: TradeReport): void {
    if (this.phase === "closed" || !this.isNews(report.id, report.state)) return;
    if (this.phase === "watching") this.follow(report).dueMs = now(this.desk);
  }

  /** As `trade()`, with what a listing says of it. */
  listed(row: ListedTrade): void {
    const { report, parts } = row;
    if (this.phase === "closed") return;
    if (this.isNews(report.id, report.state) && this.phase === "watching") this.follow(report);
    const followed = this.followed.get(report.id);
    if (followed === undefined) return;
    const stage = stageOf(report.state);
    followed.settled = stage !== "provisional";
    followed.tokens = parts.length > 0
      ? [...new Set(parts.map(({ token }) => token))]
      : [...new Set([report.token, ...report.makers.map(({ token }) => token)])];
    // What is settled lies in the wallet, and counts as on its way until its balance was read.
    if (stage === "final") return;
    const before = [...followed.pending.keys()];
    followed.pending.clear();
    for (const { side, size, token } of parts) {
      if (side !== "buy" || stage === "undone") continue;
      followed.pending.set(token, (followed.pending.get(token) ?? 0) + size);
    }
    this.tellPending([...before, ...followed.pending.keys()]);
  }

  /** Reads what is due; called a few times a second. */
  tick(at: Ms): void {
    if (this.busy || this.phase !== "watching" || at < this.pauseUntil) return;
    const due = [...this.followed].filter(([, { dueMs }]) => dueMs <= at);
    const orders = this.ordersDue <= at || this.ordersLast <= at;
    if (!orders && due.length === 0) return;
    this.busy = true;
    void this.work(orders, due).finally(() => void (this.busy = false));
  }

  private isNews(id: string, state: TradeState): boolean {
    if (this.known.get(id) === state) return false;
    this.known.delete(id);
    this.known.set(id, state);
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
    return true;
  }

  private follow({ id, matchedAtMs }: TradeReport): Followed {
    const at = now(this.desk);
    let followed = this.followed.get(id);
    if (followed === undefined) {
      const about = { heardMs: at, matchedMs: matchedAtMs ?? at, looks: 0, dueMs: at };
      this.followed.set(id, followed = { ...about, pending: new Map(), tokens: [], settled: false });
      if (this.followed.size > MAX_FOLLOWED) this.letGo(this.followed.keys().next().value!);
    }
    return followed;
  }

  private letGo(id: string): void {
    const tokens = [...this.followed.get(id)?.pending.keys() ?? []];
    this.followed.delete(id);
    this.tellPending(tokens);
  }

  /** What is on its way counts like what is there. */
  private tellPending(tokens: Iterable<string>): void {
    const { foreignPending } = this.desk;
    for (const token of new Set(tokens)) {
      let sum = 0;
      for (const { pending } of this.followed.values()) sum += pending.get(token) ?? 0;
      if (sum === 0) foreignPending.delete(token);
      else foreignPending.set(token, sum);
      tellForeign(this.desk, token);
    }
  }

  private async work(orders: boolean, due: readonly (readonly [string, Followed])[]): Promise<void> {
    try {
      if (orders) await this.readOrders();
      if (due.length > 0) await this.readTrades(due);
      this.wait = FIRST_WAIT_MS;
    } catch (error) {
      if (!(error instanceof OperationError)) return this.onBug(error);
      this.desk.options.log.warn("what others do cannot be read yet", { error: error.message });
      this.pauseUntil = now(this.desk) + this.wait;
      this.wait = Math.min(MAX_WAIT_MS, this.wait * 2);
    }
  }

  private async readOrders(): Promise<void> {
    const { desk } = this;
    const at = now(desk);
    // Events from now on are of a later state than the listing's.
    const last = this.ordersLast <= at ? Infinity : this.ordersLast;
    this.ordersDue = this.ordersLast = Infinity;
    this.ordersAtMs = at;
    this.reads++;
    try {
      const { rows } = await desk.options.entry.openOrders();
      const { life } = desk.keeper.wallet;
      if (this.phase !== "watching") return;
      desk.keeper.setForeignOrders(rows.filter(({ hash }) => !knowsOrder(life, hashOf(hash))));
      this.ordersLast = Math.min(this.ordersLast, last);
    } catch (error) {
      this.ordersDue = at;
      throw error;
    }
  }

  private async readTrades(due: readonly (readonly [string, Followed])[]): Promise<void> {
    const { desk } = this;
    const { entry } = desk.options;
    this.reads++;
    const ids = due.filter(([, { settled }]) => !settled).map(([id]) => id);
    if (ids.length <= MAX_IDS) {
      for (const id of ids) this.takeRows((await entry.trades({ id })).rows, ids);
    } else {
      const from = Math.min(...due.map(([, { matchedMs }]) => matchedMs)) - desk.timing.overlapMs;
      this.takeRows((await entry.trades({ afterMs: ms(from) })).rows, ids);
    }
    const tokens = new Set(due.flatMap(([, followed]) => followed.tokens));
    for (const token of tokens) await this.readToken(token);
    const at = now(desk);
    for (const [id, followed] of due) {
      const next = LOOKS_MS[++followed.looks];
      if (next === undefined) this.letGo(id);
      else followed.dueMs = Math.max(at, followed.heardMs + next);
    }
  }

  private takeRows(rows: readonly ListedTrade[], ids: readonly string[]): void {
    for (const row of rows) {
      if (!ids.includes(row.report.id)) continue;
      noteForeignTokens(this.desk, row);
      this.listed(row);
    }
  }

  /** What of a token lies in the wallet beyond our own. The venue is told to look first: its copy of the chain trails. */
  private async readToken(token: string): Promise<void> {
    const { desk } = this;
    const facts = desk.foreignTokens.get(token);
    if (facts === undefined || this.phase !== "watching") return;
    const { entry } = desk.options;
    const version = versionOf(desk, facts.conditionId);
    this.reads++;
    await entry.refreshBalance({ kind: "conditional", token, version });
    const { balance } = await entry.conditional(token, version);
    if (this.phase !== "watching") return;
    const sums = desk.keeper.wallet.ledgers.final.tokens.get(token);
    const theirs = Math.max(0, balance - (sums === undefined ? 0 : Math.max(0, heldOf(sums))));
    const known = desk.foreignShares.get(token) ?? 0;
    // While trades of ours in it settle, the balance belongs to another moment than the ledger: never less than was known.
    const shares = isQuiet(desk, token) ? theirs : Math.max(known, theirs);
    for (const followed of this.followed.values()) if (followed.settled) followed.pending.delete(token);
    if (shares !== known) {
      desk.foreignShares.set(token, shares);
      desk.keeper.note("note", { type: "foreign-shares", token, shares });
    }
    this.tellPending([token]);
  }
}
