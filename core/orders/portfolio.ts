/**
 * What is owned: cash, positions at cost, realised profit by window. All in integer millionths, so that the sum of the
 * windows' results equals the change of cash to the last digit once everything is settled.
 */
import type { AccountEvent, AdoptedPosition, FillEvent } from "../events.ts";
import type { Outcome } from "../market/instrument.ts";
import { SIZE_STEP } from "../market/rounding.ts";
import { type Ms, mulDivFloor, type Price, PRICE_ONE, type Shares, type Usdc } from "../units.ts";
import { notional } from "../units.ts";

export interface Position {
  readonly token: string;
  readonly conditionId: string;
  readonly outcome: Outcome;
  shares: Shares;
  /** Paid for the shares still held, without fees. */
  cost: Usdc;
  /** Fees paid on the shares still held. */
  fees: Usdc;
  /** Profit of this position's sales since it was last flat. */
  sold: Usdc;
  /** A trade is under way; false when only dust below the smallest sale is left of the last one. */
  open: boolean;
}

/** One position from flat to flat (or to settlement). */
export interface TradeResult {
  readonly conditionId: string;
  readonly outcome: Outcome;
  readonly closedAtMs: Ms;
  /** After fees. */
  readonly pnl: Usdc;
  readonly settled: boolean;
}

export interface WindowResult {
  readonly conditionId: string;
  /** Realised, after fees. */
  pnl: Usdc;
  fees: Usdc;
  fills: number;
  volume: Usdc;
}

const FOREIGN = "foreign:";
/** Token under which a position of others is told: it counts to limits, and is neither sold nor part of equity or profit. */
export const foreignToken = (token: string): string => `${FOREIGN}${token}`;
/** Whether a position is of others, see `foreignToken()`. */
export const isForeign = (token: string): boolean => token.startsWith(FOREIGN);

const add = (a: Usdc, b: number): Usdc => (a + b) as Usdc;

/** A sale that is matched and not confirmed. */
export interface PendingSale {
  readonly conditionId: string;
  /** Cost with fees of the shares that were sold. */
  readonly cost: Usdc;
  readonly proceeds: Usdc;
}

/** What moved a window's account, in order: kept until the window is forgotten, so that any of it can be taken back. */
type Entry =
  | { readonly kind: "fill"; readonly fill: FillEvent; readonly outcome: Outcome }
  | { readonly kind: "late"; readonly fill: FillEvent; readonly outcome: Outcome; readonly winner: Outcome }
  | { readonly kind: "adopted"; readonly position: AdoptedPosition }
  | { readonly kind: "settled"; readonly winner: Outcome; readonly at: Ms };

interface Pending {
  readonly conditionId: string;
  readonly token: string;
  /** Shares of a BUY that are not settled. */
  readonly bought: Shares;
  /** Of a SELL: what the shares had cost, and what they bring. */
  cost: Usdc;
  readonly proceeds: Usdc;
  readonly sells: boolean;
}

export class Portfolio {
  cash: Usdc;
  realised: Usdc = 0 as Usdc;
  feesPaid: Usdc = 0 as Usdc;
  readonly positions = new Map<string, Position>();
  readonly windows = new Map<string, WindowResult>();
  readonly trades: TradeResult[] = [];
  /** Losing trades in a row, newest last. */
  lossStreak = 0;
  /** pUSD blocked by orders that are not this session's. */
  reserved: AccountEvent["reserved"] = [];
  /**
   * Payouts that are in `cash` and cannot be spent yet. On paper a payout is money at once; a real account, which its first
   * `account` event proves, has to redeem it.
   */
  unclaimed: Usdc = 0 as Usdc;
  private isReal = false;
  private readonly claims = new Map<string, Usdc>();
  private readonly entries = new Map<string, Entry[]>();
  private readonly pending = new Map<string, Pending>();
  /** Cash that each window's entries moved. */
  private readonly flows = new Map<string, Usdc>();
  private replaying = false;

  constructor(readonly initialCash: Usdc) {
    this.cash = initialCash;
  }

  position(token: string): Position | undefined {
    return this.positions.get(token);
  }

  sharesOf(token: string): Shares {
    return this.positions.get(token)?.shares ?? 0 as Shares;
  }

  /** The window's result so far; made on first use. */
  window(conditionId: string): WindowResult {
    let result = this.windows.get(conditionId);
    if (result === undefined) {
      result = { conditionId, pnl: 0 as Usdc, fees: 0 as Usdc, fills: 0, volume: 0 as Usdc };
      this.windows.set(conditionId, result);
    }
    return result;
  }

  holdsIn(conditionId: string): boolean {
    for (const position of this.positions.values()) if (position.conditionId === conditionId) return true;
    return false;
  }

  /** Shares of a token that are settled: what the venue lets be sold. */
  sellableOf(token: string): Shares {
    let unsettled = 0;
    for (const pending of this.pending.values()) if (pending.token === token) unsettled += pending.bought;
    return Math.max(0, this.sharesOf(token) - unsettled) as Shares;
  }

  pendingSales(): PendingSale[] {
    const sales: PendingSale[] = [];
    for (const pending of this.pending.values()) if (pending.sells) sales.push(pending);
    return sales;
  }

  applyFill(fill: FillEvent, conditionId: string, outcome: Outcome): void {
    this.apply(conditionId, { kind: "fill", fill, outcome });
  }

  /**
   * A fill that was made before its window was resolved and told after it. The venue has paid out what was bought and
   * not what was sold; our settlement, which did not know of it, is put right in cash and in the window's result.
   */
  applyLateFill(fill: FillEvent, conditionId: string, outcome: Outcome, winner: Outcome): void {
    this.apply(conditionId, { kind: "late", fill, outcome, winner });
  }

  /** Pays out a window: winning shares are worth one pUSD, the others nothing. Idempotent. */
  settle(conditionId: string, winner: Outcome, at: Ms): void {
    const settled = this.entries.get(conditionId)?.some((entry) => entry.kind === "settled") ?? false;
    if (this.holdsIn(conditionId) || !settled) this.apply(conditionId, { kind: "settled", winner, at });
  }

  /** Money and shares that came or went without an order of this session. */
  applyAccount(event: AccountEvent): void {
    this.isReal = true;
    this.cash = add(this.cash, event.cashChange);
    this.unclaimed = Math.max(0, this.unclaimed - event.redeemed) as Usdc;
    this.reserved = event.reserved;
    for (const position of event.adopted) this.apply(position.conditionId, { kind: "adopted", position });
  }

  /** The fill is money now. Unknown ids are ignored. */
  confirm(fillId: string): void {
    this.pending.delete(fillId);
  }

  /** Takes a fill back: the window's account is what it would be had the fill never been. Unknown ids are ignored. */
  undo(fillId: string): void {
    for (const [conditionId, entries] of this.entries) {
      const at = entries.findIndex((entry) =>
        (entry.kind === "fill" || entry.kind === "late") && entry.fill.fillId === fillId
      );
      if (at < 0) continue;
      this.pending.delete(fillId);
      const kept = entries.toSpliced(at, 1);
      this.clear(conditionId);
      this.replaying = true;
      for (const entry of kept) this.apply(conditionId, entry);
      this.replaying = false;
      this.trades.sort((a, b) => a.closedAtMs - b.closedAtMs);
      const lastWin = this.trades.findLastIndex((trade) => trade.pnl >= 0);
      this.lossStreak = this.trades.length - 1 - lastWin;
      return;
    }
  }

  /** Nothing more can happen in the window: its fills can no longer be taken back. */
  forget(conditionId: string): void {
    this.entries.delete(conditionId);
    this.flows.delete(conditionId);
    this.claims.delete(conditionId);
    for (const [id, pending] of this.pending) {
      if (pending.conditionId === conditionId) this.pending.delete(id);
    }
  }

  /** Takes all of a window's entries out again. */
  private clear(conditionId: string): void {
    const result = this.window(conditionId);
    this.cash = add(this.cash, -(this.flows.get(conditionId) ?? 0));
    this.realised = add(this.realised, -result.pnl);
    this.feesPaid = add(this.feesPaid, -result.fees);
    this.windows.delete(conditionId);
    this.flows.delete(conditionId);
    this.entries.delete(conditionId);
    this.unclaimed = Math.max(0, this.unclaimed - (this.claims.get(conditionId) ?? 0)) as Usdc;
    this.claims.delete(conditionId);
    for (const position of [...this.positions.values()]) {
      if (position.conditionId === conditionId) this.positions.delete(position.token);
    }
    const trades = this.trades.filter((trade) => trade.conditionId !== conditionId);
    this.trades.length = 0;
    this.trades.push(...trades);
  }

  private apply(conditionId: string, entry: Entry): void {
    let entries = this.entries.get(conditionId);
    if (entries === undefined) this.entries.set(conditionId, entries = []);
    entries.push(entry);
    const before = this.cash;
    switch (entry.kind) {
      case "fill":
        this.fill(entry.fill, conditionId, entry.outcome);
        break;
      case "late":
        this.lateFill(entry.fill, conditionId, entry.outcome, entry.winner);
        break;
      case "adopted":
        this.adopt(entry.position);
        break;
      case "settled":
        this.payOut(conditionId, entry.winner, entry.at);
        break;
    }
    this.flows.set(conditionId, add(this.flows.get(conditionId) ?? 0 as Usdc, this.cash - before));
  }

  private count(fill: FillEvent, conditionId: string): WindowResult {
    const window = this.window(conditionId);
    window.fills++;
    window.fees = add(window.fees, fill.fee);
    window.volume = add(window.volume, fill.cash);
    this.feesPaid = add(this.feesPaid, fill.fee);
    return window;
  }

  private positionFor(token: string, conditionId: string, outcome: Outcome): Position {
    let position = this.positions.get(token);
    if (position === undefined) {
      position = {
        token,
        conditionId,
        outcome,
        shares: 0 as Shares,
        cost: 0 as Usdc,
        fees: 0 as Usdc,
        sold: 0 as Usdc,
        open: false,
      };
      this.positions.set(token, position);
    }
    return position;
  }

  private adopt({ token, conditionId, outcome, shares, cost }: AdoptedPosition): void {
    const position = this.positionFor(token, conditionId, outcome);
    position.shares = (position.shares + shares) as Shares;
    position.cost = add(position.cost, cost);
    position.open = true;
    // Shares of others come and go; of a window that was let go there is nothing to take from.
    if (position.shares <= 0 && isForeign(token)) this.positions.delete(token);
  }

  private lateFill(fill: FillEvent, conditionId: string, outcome: Outcome, winner: Outcome): void {
    const window = this.count(fill, conditionId);
    const payout = outcome === winner ? notional(fill.size, PRICE_ONE) : 0;
    const pnl = (fill.side === "buy" ? payout - fill.cash : fill.cash - payout) - fill.fee;
    if (fill.side === "buy") this.claim(conditionId, payout);
    this.cash = add(this.cash, pnl);
    window.pnl = add(window.pnl, pnl);
    this.realised = add(this.realised, pnl);
  }

  private fill(fill: FillEvent, conditionId: string, outcome: Outcome): void {
    const window = this.count(fill, conditionId);
    const position = this.positionFor(fill.token, conditionId, outcome);
    if (fill.side === "buy") {
      this.cash = add(this.cash, -fill.cash - fill.fee);
      position.shares = (position.shares + fill.size) as Shares;
      position.cost = add(position.cost, fill.cash);
      position.fees = add(position.fees, fill.fee);
      position.open = true;
      if (fill.provisional) this.hold(fill, conditionId, 0 as Usdc);
      return;
    }
    this.cash = add(this.cash, fill.cash - fill.fee);
    const size = Math.min(fill.size, position.shares);
    const cost = mulDivFloor(position.cost, size, Math.max(1, position.shares));
    const fees = mulDivFloor(position.fees, size, Math.max(1, position.shares));
    this.realise(position, window, fill.cash - fill.fee - cost - fees);
    position.shares = (position.shares - size) as Shares;
    position.cost = add(position.cost, -cost);
    position.fees = add(position.fees, -fees);
    if (fill.provisional) this.hold(fill, conditionId, (cost + fees) as Usdc);
    // A market BUY gets four decimals of shares and a SELL gives two: what cannot be sold must not keep a trade open.
    if (position.shares < SIZE_STEP) this.endTrade(position, fill.tReceive, false);
    if (position.shares === 0) this.positions.delete(position.token);
  }

  /** Remembers a fill that is not confirmed; one that was confirmed meanwhile is not held again when entries are replayed. */
  private hold(fill: FillEvent, conditionId: string, cost: Usdc): void {
    const known = this.pending.get(fill.fillId);
    if (known !== undefined) {
      known.cost = cost;
      return;
    }
    if (this.replaying) return;
    const sells = fill.side === "sell";
    this.pending.set(fill.fillId, {
      conditionId,
      token: fill.token,
      bought: sells ? 0 as Shares : fill.size,
      cost,
      proceeds: (sells ? fill.cash - fill.fee : 0) as Usdc,
      sells,
    });
  }

  private claim(conditionId: string, payout: number): void {
    if (!this.isReal || payout <= 0) return;
    this.unclaimed = add(this.unclaimed, payout);
    this.claims.set(conditionId, add(this.claims.get(conditionId) ?? 0 as Usdc, payout));
  }

  private payOut(conditionId: string, winner: Outcome, at: Ms): void {
    for (const position of [...this.positions.values()]) {
      if (position.conditionId !== conditionId) continue;
      this.positions.delete(position.token);
      // Its payout is not counted: the cash arrives as a transfer, if it is ever redeemed here.
      if (isForeign(position.token)) continue;
      const payout = position.outcome === winner ? notional(position.shares, PRICE_ONE) : 0;
      this.cash = add(this.cash, payout);
      this.claim(conditionId, payout);
      this.realise(position, this.window(conditionId), payout - position.cost - position.fees);
      this.endTrade(position, at, true);
    }
  }

  private realise(position: Position, window: WindowResult, pnl: number): void {
    position.sold = add(position.sold, pnl);
    window.pnl = add(window.pnl, pnl);
    this.realised = add(this.realised, pnl);
  }

  private endTrade(position: Position, at: Ms, settled: boolean): void {
    if (!position.open) return;
    this.trades.push({
      conditionId: position.conditionId,
      outcome: position.outcome,
      closedAtMs: at,
      pnl: position.sold,
      settled,
    });
    this.lossStreak = position.sold < 0 ? this.lossStreak + 1 : 0;
    position.sold = 0 as Usdc;
    position.open = false;
  }

  /** Value of a position at a price, minus what it cost with fees. */
  static unrealised(position: Position, at: Price): Usdc {
    return (notional(position.shares, at) - position.cost - position.fees) as Usdc;
  }
}
