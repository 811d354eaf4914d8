/** What must hold at every moment of live trading, watched from both sides: the gateway's wallet and the venue's own books. */
import type { ExecutionEvent } from "../../core/events.ts";
import { tradeStateOf } from "../../core/orders/lifecycle_past.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import type { TrackedTrade } from "../../core/orders/lifecycle_types.ts";
import { reservedCash, reservedShares } from "../../feeds/gateway/words.ts";
import type { WalletState } from "../../feeds/journal/state.ts";
import type { Journal } from "../../feeds/journal/journal.ts";
import type { OrderEntry } from "../../feeds/polymarket/order_entry/types.ts";
import { PUSD, type Wallet } from "../../fixtures/exchange/ledger.ts";
import { isBuy } from "../../fixtures/exchange/order.ts";
import { type ExchangeState, reservation } from "../../fixtures/exchange/state.ts";

const MAX_NOTES = 5;

/** Numbers and broken promises of one case. */
export class OrderWatch {
  readonly broken: string[] = [];
  readonly refusals = new Map<string, number>();
  readonly alarms = new Map<string, number>();
  submits = 0;
  lookups = 0;
  accepted = 0;
  delayed = 0;
  unknown = 0;
  undone = 0;
  /** Fills told as provisional, and what they became. */
  readonly fills = new Map<string, "told" | "final" | "undone">();
  lastAcceptedMs = -Infinity;
  private intents = 0;
  private readonly bodies = new Set<string>();
  private readonly asked = new Set<string>();
  private readonly wereUnknown = new Set<string>();
  private readonly seen = new Map<string, TrackedTrade>();

  constructor(private readonly now: () => number) {}

  breaks(promise: 3 | 4 | 5 | 6, what: string): void {
    if (this.broken.length < MAX_NOTES) this.broken.push(`promise ${promise}: ${what}`);
  }

  readonly wrapJournal = (journal: Journal): void => {
    const append = journal.append.bind(journal);
    journal.append = (kind, body, t) => {
      const row = append(kind, body, t);
      if (kind === "intent") this.intents++;
      return row;
    };
  };

  readonly wrapEntry = (entry: OrderEntry): OrderEntry => ({
    ...entry,
    get mode() {
      return entry.mode;
    },
    submit: (body, options) => {
      this.submits++;
      if (this.intents < this.submits) this.breaks(3, "bytes left before their intent was on disk");
      if (this.bodies.has(body)) this.breaks(3, "the same order was sent twice");
      this.bodies.add(body);
      return entry.submit(body, options);
    },
    lookup: (hash) => {
      this.lookups++;
      this.asked.add(hash);
      return entry.lookup(hash);
    },
  });

  readonly onAlarm = (code: string): void => void this.alarms.set(code, (this.alarms.get(code) ?? 0) + 1);

  readonly onEvent = (event: ExecutionEvent): void => {
    switch (event.type) {
      case "orderAccepted":
        this.accepted++;
        if (event.status === "delayed") this.delayed++;
        this.lastAcceptedMs = this.now();
        return;
      case "orderRejected":
        this.refusals.set(event.code, (this.refusals.get(event.code) ?? 0) + 1);
        return;
      case "orderUnknown":
        this.unknown++;
        return;
      case "fill":
        if (this.fills.has(event.fillId)) this.breaks(5, `${event.fillId} was told twice`);
        this.fills.set(event.fillId, event.provisional === true ? "told" : "final");
        return;
      case "fillStage":
        if (this.fills.get(event.fillId) !== "told") this.breaks(5, `${event.fillId} moved twice`);
        this.fills.set(event.fillId, event.stage);
        if (event.stage === "undone") this.undone++;
        return;
      default:
        return;
    }
  };

  /** Looks at both sides now. */
  look(ours: WalletState, state: ExchangeState, wallet: Wallet): void {
    this.lookAtUnknown(ours);
    const free = ours.ledgers.provisional.cash -
      [...ours.life.orders.values()].reduce((sum, order) => sum + reservedCash(ours, order), 0);
    const real = this.realFree(ours, state, wallet);
    if (free > real) this.breaks(6, `we count ${free - real} more free cash than the venue would give`);
    const { final } = ours.ledgers;
    let confirmed = ours.ledgers.initialCash as number;
    // Trades that are put away stay counted.
    for (const trade of ours.life.trades.values()) this.seen.set(trade.id, trade);
    for (const { state: stage, legs } of this.seen.values()) {
      if (stage !== "confirmed") continue;
      for (const { side, cash, fee } of legs) confirmed += (side === "buy" ? -cash : cash) - fee;
    }
    if (final.cash !== confirmed) this.breaks(5, `final cash ${final.cash}, confirmed ${confirmed}`);
  }

  /** An unknown order keeps its whole budget, and is not given up before the venue was asked or spoke of it. */
  private lookAtUnknown(ours: WalletState): void {
    for (const [hash, order] of ours.life.orders) {
      if (order.state === "unknown") {
        this.wereUnknown.add(hash);
        const blocked = order.terms.side === "buy"
          ? reservedCash(ours, order) === Math.max(0, order.terms.costBound - order.toldCash)
          : reservedShares(ours, order) === Math.max(0, order.terms.size - order.told);
        if (!blocked) this.breaks(4, `${hash} is unknown and its budget is free`);
      } else if (order.state === "rejected" && this.wereUnknown.has(hash) && !this.asked.has(hash)) {
        this.breaks(4, `${hash} was given up although nobody asked for it`);
      }
    }
  }

  /** Free cash by the venue's own books; sales that failed count until we could have heard of it. */
  private realFree(ours: WalletState, state: ExchangeState, wallet: Wallet): number {
    let cash = ours.ledgers.initialCash as number;
    for (const { id, status, movement } of state.trades.values()) {
      const told = tradeStateOf(ours.life, id);
      const undone = status === "FAILED" && (told === undefined || told === "failed");
      if (undone) continue;
      for (const leg of movement.legs) if (leg.wallet === wallet && leg.asset === PUSD) cash += leg.delta;
    }
    for (const order of state.open) {
      if (order.wallet === wallet && isBuy(order)) cash -= reservation(order).amount;
    }
    return cash;
  }

  /** Every fill has become money or nothing. */
  get allFillsEnded(): boolean {
    return this.fills.values().every((stage) => stage !== "told");
  }

  /** At the end: every fill has become money or nothing, and every order has ended. */
  finish(ours: WalletState): void {
    for (const [id, stage] of this.fills) if (stage === "told") this.breaks(5, `${id} has no end`);
    for (const { state, terms } of ours.life.orders.values()) {
      if (!isEnded(state)) this.breaks(3, `${terms.hash} is ${state} at the end`);
    }
  }
}
