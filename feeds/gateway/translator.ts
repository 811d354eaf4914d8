/**
 * From orders' lives to the engine's words. Orders of this session become order and fill events: one end each, told when
 * the venue and its trades agree on it. Everything else that moves the account (orders of earlier runs, foreign ones)
 * becomes `account` events, on the careful side: a purchase takes cash at once and gives shares when confirmed, a sale
 * gives cash when confirmed.
 */
import type { AccountEvent, AdoptedPosition, ExecutionEvent } from "../../core/events.ts";
import type { Outcome } from "../../core/market/instrument.ts";
import { heldOf } from "../../core/orders/ledger.ts";
import { blockedShares, sellableShares } from "../../core/orders/ledger_exposure.ts";
import { isImmediate, matchedOf } from "../../core/orders/lifecycle_ask.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import type { Fill, LifeAction, LifeInput } from "../../core/orders/lifecycle_types.ts";
import { foreignToken } from "../../core/orders/portfolio.ts";
import { type Ms, mulDivCeil, notional, PRICE_ONE, type Shares, type Usdc } from "../../core/units.ts";
import type { WalletState } from "../journal/state.ts";
import type { ForeignPosition } from "./types.ts";
import {
  endOf,
  foreignCost,
  isUnfinished,
  reservedCash,
  reservedShares,
  statusOf,
  type ToldStatus,
} from "./words.ts";
import type { ListedOrder } from "../polymarket/order_entry/types.ts";

type FillAction = Extract<LifeAction, { type: "fill" }>;

/** An order of this session as the engine knows it. */
interface Told {
  readonly orderId: string;
  status: ToldStatus;
  ended: boolean;
  /** Fills told and neither final nor undone. */
  readonly pending: Set<string>;
}

/** An order of an earlier run, or one that was put away, as the engine knows its effects. */
interface Outside {
  /** Shares of a sale that the engine was not given. */
  withheld: number;
  /** Shares of its trades that are accounted for. */
  told: number;
  readonly pending: Set<string>;
  /** Put away before: nothing was withheld for it. */
  readonly isReturned?: true;
}

interface Change {
  cash: number;
  redeemed: number;
  readonly adopted: AdoptedPosition[];
  readonly reasons: Set<string>;
}

export interface Beginning {
  readonly at: Ms;
  readonly bankroll: Usdc;
  readonly foreignPositions: readonly ForeignPosition[];
  readonly foreignOrders: readonly ListedOrder[];
}

export class Translator {
  private readonly session = new Map<string, Told>();
  private readonly open = new Set<string>();
  private readonly hashes = new Map<string, string>();
  private readonly outside = new Map<string, Outside>();
  /** Orders that the engine does not hold as open and that may still take money. */
  private readonly blocking = new Set<string>();
  /** Shares by token that the engine was given and that are gone. */
  private readonly phantom = new Map<string, number>();
  private foreignOrders: readonly ListedOrder[] = [];
  private reserved: AccountEvent["reserved"] = [];
  private outbox: ExecutionEvent[] = [];
  private begun = false;

  constructor(
    private readonly wallet: WalletState,
    /** Shares the engine was given and which are gone; it may try to sell them. */
    private readonly onPhantom: (detail: string) => void,
    /** Calls back once what the confirmed fill brought can be relied on. */
    private readonly beforeFinal: (fill: Fill, tell: () => void) => void = (_fill, tell) => tell(),
  ) {}

  /** Orders of this session whose end has not been told. */
  openHashes(): readonly string[] {
    return [...this.open];
  }

  /** Hash of an order of this session by the engine's own id. */
  hashOfOrder(orderId: string): string | undefined {
    return this.hashes.get(orderId);
  }

  get hasNews(): boolean {
    return this.outbox.length > 0;
  }

  drain(): readonly ExecutionEvent[] {
    const events = this.outbox;
    this.outbox = [];
    return events;
  }

  push(event: ExecutionEvent): void {
    this.outbox.push(event);
  }

  /** An order of this session, about to be journalled. */
  adoptOrder(orderId: string, hash: string): void {
    this.hashes.set(orderId, hash);
    this.session.set(hash, { orderId, status: "sent", ended: false, pending: new Set() });
    this.open.add(hash);
  }

  /** Takes `adoptOrder()` back: it was not journalled, and did not leave. */
  disownOrder(orderId: string, hash: string): void {
    this.hashes.delete(orderId);
    this.session.delete(hash);
    this.open.delete(hash);
  }

  /** Tells the engine what is there; from now on every input is translated. Returns what it was given. */
  begin(beginning: Beginning): { readonly usableCash: Usdc; readonly adopted: readonly AdoptedPosition[] } {
    const { life, ledgers } = this.wallet;
    // Shares of ended sales whose amounts are not known, which `sellableShares()` does not see.
    const hidden = new Map<string, number>();
    for (const [hash, order] of life.orders) {
      const { token } = order.terms;
      const more = reservedShares(this.wallet, order) - blockedShares(order);
      if (more > 0) hidden.set(token, (hidden.get(token) ?? 0) + more);
      this.outside.set(hash, {
        withheld: reservedShares(this.wallet, order),
        told: order.told,
        pending: new Set(),
      });
      this.noteBlocking(hash);
    }
    for (const [id, { entry, stage }] of ledgers.posted) {
      if (entry.kind !== "fill" || stage !== "provisional") continue;
      this.outside.get(id.slice(id.lastIndexOf("/") + 1))?.pending.add(id);
    }
    const adopted: AdoptedPosition[] = [];
    for (const [token, sums] of ledgers.final.tokens) {
      if (ledgers.winners.has(sums.conditionId)) continue;
      const shares = sellableShares(token, life, ledgers) - (hidden.get(token) ?? 0) as Shares;
      if (shares > 0) adopted.push(this.positionOf(token, shares, sums));
    }
    for (const { token, conditionId, outcome, shares } of beginning.foreignPositions) {
      if (ledgers.winners.has(conditionId)) continue;
      const cost = notional(shares, PRICE_ONE);
      adopted.push({ token: foreignToken(token), conditionId, outcome, shares, cost });
    }
    this.foreignOrders = beginning.foreignOrders;
    this.begun = true;
    const usableCash = (ledgers.final.cash - ledgers.pendingOut) as Usdc;
    this.reserved = this.reservedNow();
    const { at } = beginning;
    // Before refusals that were told while the start went on.
    this.outbox.unshift({
      type: "account",
      tExchange: at,
      tReceive: at,
      cashChange: (usableCash - beginning.bankroll) as Usdc,
      redeemed: 0 as Usdc,
      adopted,
      reserved: this.reserved,
      reason: "start",
    });
    return { usableCash, adopted };
  }

  /** Cash that came or went without any order known to us. */
  transfer(cash: Usdc, at: Ms, reason: string): void {
    const change = newChange();
    change.cash = cash;
    change.reasons.add(reason);
    this.tellChange(change, at);
  }

  /** A payout that the engine has counted was redeemed: it can be spent now. */
  redeem(payout: Usdc, at: Ms): void {
    const change = newChange();
    change.redeemed = payout;
    change.reasons.add("redeemed");
    this.tellChange(change, at);
  }

  /** Open orders of other programs, as listed now. */
  setForeignOrders(orders: readonly ListedOrder[], at: Ms): void {
    this.foreignOrders = orders;
    this.tellChange(newChange(), at);
  }

  /** Shares of others that came or, negative, went. */
  foreignShares({ token, conditionId, outcome, shares }: ForeignPosition, at: Ms): void {
    const worth = notional(Math.abs(shares) as Shares, PRICE_ONE);
    const change = newChange();
    const cost = (shares < 0 ? -worth : worth) as Usdc;
    change.adopted.push({ token: foreignToken(token), conditionId, outcome, shares, cost });
    change.reasons.add("shares of others");
    this.tellChange(change, at);
  }

  /** Translates what an applied input caused. */
  after(input: LifeInput, actions: readonly LifeAction[]): void {
    if (!this.begun) return;
    this.noteReturned(input, actions);
    const hashes = this.hashesOf(input);
    const change = newChange();
    for (const hash of hashes) this.tellStatus(hash, input.at);
    for (const action of actions) if (action.type === "fill") this.tellFill(action, input.at, change);
    for (const hash of hashes) {
      if (this.session.has(hash)) this.tellEnd(hash, input.at);
      else this.release(hash, change);
      this.noteBlocking(hash);
    }
    this.tellChange(change, input.at);
  }

  /** Lets go of orders that the life has forgotten. */
  forget(): void {
    const { orders } = this.wallet.life;
    for (const [hash, told] of this.session) if (told.ended && !orders.has(hash)) this.session.delete(hash);
    for (const [orderId, hash] of this.hashes) if (!this.session.has(hash)) this.hashes.delete(orderId);
    for (const hash of this.outside.keys()) if (!orders.has(hash)) this.outside.delete(hash);
    for (const hash of this.blocking) if (!orders.has(hash)) this.blocking.delete(hash);
  }

  private hashesOf(input: LifeInput): readonly string[] {
    switch (input.type) {
      case "trade":
        return this.wallet.life.trades.get(input.trade.id)?.legs.map(({ hash }) => hash) ?? [];
      case "openOrders":
        return [...new Set([...this.open, ...input.hashes.filter((hash) => this.known(hash))])];
      case "restart":
      case "clock":
        return [...this.open];
      case "created":
        return [];
      default:
        return this.known(input.hash) ? [input.hash] : [];
    }
  }

  /**
   * Orders that were put away and came back: the engine has let go of them as well, so that what they move is told as
   * account. As far as it knows they had the trades before this input.
   */
  private noteReturned(input: LifeInput, actions: readonly LifeAction[]): void {
    const sizes = new Map<string, number>();
    if (input.type === "openOrders") { for (const hash of input.hashes) sizes.set(hash, 0); }
    else if ("hash" in input) sizes.set(input.hash, 0);
    for (const action of actions) {
      if (action.type !== "fill") continue;
      const { hash, size } = action.fill;
      sizes.set(hash, (sizes.get(hash) ?? 0) + size);
    }
    for (const [hash, size] of sizes) {
      const order = this.wallet.life.orders.get(hash);
      if (order?.wasPutAway !== true || this.known(hash)) continue;
      this.outside.set(hash, { withheld: 0, told: order.told - size, pending: new Set(), isReturned: true });
    }
  }

  private known(hash: string): boolean {
    return this.session.has(hash) || this.outside.has(hash);
  }

  private noteBlocking(hash: string): void {
    const order = this.wallet.life.orders.get(hash);
    if (order !== undefined && !this.open.has(hash) && isUnfinished(this.wallet, order)) {
      this.blocking.add(hash);
    } else this.blocking.delete(hash);
  }

  private tellStatus(hash: string, at: Ms): void {
    const told = this.session.get(hash);
    const order = this.wallet.life.orders.get(hash);
    if (told === undefined || order === undefined || told.ended) return;
    const status = statusOf(order, told.status);
    if (status === told.status || status === "sent") return;
    told.status = status;
    const about = { tExchange: at, tReceive: at, orderId: told.orderId };
    if (status === "unknown") this.outbox.push({ type: "orderUnknown", ...about, reason: "no clear answer" });
    else this.outbox.push({ type: "orderAccepted", ...about, status });
  }

  private tellEnd(hash: string, at: Ms): void {
    const told = this.session.get(hash)!;
    const order = this.wallet.life.orders.get(hash);
    if (order === undefined || told.ended) return;
    if (!isEnded(order.state) || isUnfinished(this.wallet, order)) return;
    told.ended = true;
    this.open.delete(hash);
    const about = { tExchange: at, tReceive: at, orderId: told.orderId };
    const reason = order.reason ?? order.state;
    const killed = order.state === "cancelled" && isImmediate(order.terms) && matchedOf(order) === 0;
    if (order.state === "rejected" || killed && told.status !== "live" && /^[A-Z_]+$/.test(reason)) {
      this.outbox.push({ type: "orderRejected", ...about, code: reason, message: reason });
      return;
    }
    this.outbox.push({ type: "orderDone", ...about, reason: endOf(order) });
  }

  private tellFill({ fill, stage }: FillAction, at: Ms, change: Change): void {
    const told = this.session.get(fill.hash);
    if (told === undefined) return this.outsideFill(fill, stage, change);
    const about = { tExchange: fill.at, tReceive: at, orderId: told.orderId, fillId: fill.id };
    const isNew = !told.pending.has(fill.id);
    // Failed before it was ever told: nothing to take back.
    if (isNew && stage === "undone") return;
    if (isNew) {
      const { token, side, price, size, cash, fee, liquidity } = fill;
      const provisional = stage === "provisional" ? { provisional: true } as const : {};
      this.outbox.push({
        type: "fill",
        ...about,
        token,
        side,
        price,
        size,
        cash,
        fee,
        liquidity,
        ...provisional,
      });
    }
    if (stage === "provisional") told.pending.add(fill.id);
    else if (told.pending.delete(fill.id)) {
      if (stage === "undone") this.outbox.push({ type: "fillStage", ...about, stage });
      else this.beforeFinal(fill, () => this.outbox.push({ type: "fillStage", ...about, stage: "final" }));
    }
  }

  private outsideFill(fill: Fill, stage: FillAction["stage"], change: Change): void {
    const outside = this.outside.get(fill.hash);
    if (outside === undefined) return;
    const wasTold = outside.pending.has(fill.id);
    if (stage === "provisional") outside.pending.add(fill.id);
    else outside.pending.delete(fill.id);
    const out = fill.cash + fill.fee;
    change.reasons.add("an order of an earlier run");
    if (fill.side === "buy") {
      if (stage === "undone") change.cash += wasTold ? out : 0;
      else if (!wasTold) change.cash -= out;
      if (stage === "final") this.adopt(fill, fill.size, change, out as Usdc);
      return;
    }
    if (stage === "final") change.cash += fill.cash - fill.fee;
    else if (stage === "undone") this.adopt(fill, fill.size, change);
  }

  /** Shares of an earlier run's sale that it will not take any more are the engine's to sell. */
  private release(hash: string, change: Change): void {
    const outside = this.outside.get(hash);
    const order = this.wallet.life.orders.get(hash);
    if (outside === undefined || order === undefined || order.terms.side === "buy") return;
    const blocked = outside.isReturned === true ? 0 : reservedShares(this.wallet, order);
    const released = outside.withheld - blocked - (order.told - outside.told);
    outside.withheld = blocked;
    outside.told = order.told;
    const { token } = order.terms;
    if (released > 0) {
      change.reasons.add("an order of an earlier run");
      this.adopt(order.terms, released, change);
    } else if (released < 0) {
      this.phantom.set(token, (this.phantom.get(token) ?? 0) - released);
      this.onPhantom(`${-released} millionths of a share of ${token} were sold by ${hash} after its end`);
    }
  }

  private adopt(
    of: { readonly token: string; readonly conditionId: string; readonly outcome: Outcome },
    size: number,
    change: Change,
    cost?: Usdc,
  ): void {
    const { token, conditionId, outcome } = of;
    const owed = Math.min(size, this.phantom.get(token) ?? 0);
    if (owed > 0) this.phantom.set(token, this.phantom.get(token)! - owed);
    const shares = (size - owed) as Shares;
    if (shares === 0) return;
    const winner = this.wallet.ledgers.winners.get(conditionId);
    // The engine has settled the window: what belongs to it now is its payout.
    if (winner !== undefined) change.cash += winner === outcome ? notional(shares, PRICE_ONE) : 0;
    else if (cost !== undefined && owed === 0) {
      change.adopted.push({ token, conditionId, outcome, shares, cost });
    } else change.adopted.push(this.positionOf(token, shares, of));
  }

  /** A position at its average cost with fees. */
  private positionOf(
    token: string,
    shares: Shares,
    { conditionId, outcome }: { readonly conditionId: string; readonly outcome: Outcome },
  ): AdoptedPosition {
    const sums = this.wallet.ledgers.provisional.tokens.get(token);
    const cost = sums === undefined || sums.bought <= 0 || heldOf(sums) < 0
      ? notional(shares, PRICE_ONE)
      : mulDivCeil(sums.cost + sums.buyFees, Math.min(shares, sums.bought), sums.bought) as Usdc;
    return { token, conditionId, outcome, shares, cost };
  }

  private reservedNow(): AccountEvent["reserved"] {
    const sums = new Map<string, number>();
    const add = (conditionId: string, cost: number) => {
      if (cost > 0) sums.set(conditionId, (sums.get(conditionId) ?? 0) + cost);
    };
    for (const hash of this.blocking) {
      const order = this.wallet.life.orders.get(hash);
      if (order !== undefined) add(order.terms.conditionId, reservedCash(this.wallet, order));
    }
    for (const order of this.foreignOrders) add(order.conditionId, foreignCost(order));
    return [...sums].map(([conditionId, cost]) => ({ conditionId, cost: cost as Usdc }));
  }

  private tellChange({ cash, redeemed, adopted, reasons }: Change, at: Ms): void {
    const reserved = this.reservedNow();
    const same = reserved.length === this.reserved.length &&
      reserved.every(({ conditionId, cost }, i) =>
        this.reserved[i]!.conditionId === conditionId && this.reserved[i]!.cost === cost
      );
    if (cash === 0 && redeemed === 0 && adopted.length === 0 && same) return;
    this.reserved = reserved;
    this.outbox.push({
      type: "account",
      tExchange: at,
      tReceive: at,
      cashChange: cash as Usdc,
      redeemed: redeemed as Usdc,
      adopted,
      reserved,
      reason: [...reasons].join(", ") || "orders of others",
    });
  }
}

const newChange = (): Change => ({ cash: 0, redeemed: 0, adopted: [], reasons: new Set() });
