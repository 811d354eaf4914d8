/**
 * What is owned: cash, positions at cost, realised profit by window. All in integer millionths, so that the sum of the
 * windows' results equals the change of cash to the last digit once everything is settled.
 */
import type { FillEvent } from "../events.ts";
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

const add = (a: Usdc, b: number): Usdc => (a + b) as Usdc;

export class Portfolio {
  cash: Usdc;
  realised: Usdc = 0 as Usdc;
  feesPaid: Usdc = 0 as Usdc;
  readonly positions = new Map<string, Position>();
  readonly windows = new Map<string, WindowResult>();
  readonly trades: TradeResult[] = [];
  /** Losing trades in a row, newest last. */
  lossStreak = 0;

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

  private count(fill: FillEvent, conditionId: string): WindowResult {
    const window = this.window(conditionId);
    window.fills++;
    window.fees = add(window.fees, fill.fee);
    window.volume = add(window.volume, fill.cash);
    this.feesPaid = add(this.feesPaid, fill.fee);
    return window;
  }

  /**
   * A fill that was made before its window was resolved and told after it. The venue has paid out what was bought and
   * not what was sold; our settlement, which did not know of it, is put right in cash and in the window's result.
   */
  applyLateFill(fill: FillEvent, conditionId: string, outcome: Outcome, winner: Outcome): void {
    const window = this.count(fill, conditionId);
    const payout = outcome === winner ? notional(fill.size, PRICE_ONE) : 0;
    const pnl = (fill.side === "buy" ? payout - fill.cash : fill.cash - payout) - fill.fee;
    this.cash = add(this.cash, pnl);
    window.pnl = add(window.pnl, pnl);
    this.realised = add(this.realised, pnl);
  }

  applyFill(fill: FillEvent, conditionId: string, outcome: Outcome): void {
    const window = this.count(fill, conditionId);
    let position = this.positions.get(fill.token);
    if (position === undefined) {
      position = {
        token: fill.token,
        conditionId,
        outcome,
        shares: 0 as Shares,
        cost: 0 as Usdc,
        fees: 0 as Usdc,
        sold: 0 as Usdc,
        open: false,
      };
      this.positions.set(fill.token, position);
    }
    if (fill.side === "buy") {
      this.cash = add(this.cash, -fill.cash - fill.fee);
      position.shares = (position.shares + fill.size) as Shares;
      position.cost = add(position.cost, fill.cash);
      position.fees = add(position.fees, fill.fee);
      position.open = true;
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
    // A market BUY gets four decimals of shares and a SELL gives two: what cannot be sold must not keep a trade open.
    if (position.shares < SIZE_STEP) this.endTrade(position, fill.tReceive, false);
    if (position.shares === 0) this.positions.delete(position.token);
  }

  /** Pays out a window: winning shares are worth one pUSD, the others nothing. Idempotent. */
  settle(conditionId: string, winner: Outcome, at: Ms): void {
    for (const position of [...this.positions.values()]) {
      if (position.conditionId !== conditionId) continue;
      const payout = position.outcome === winner ? notional(position.shares, PRICE_ONE) : 0;
      this.cash = add(this.cash, payout);
      this.realise(position, this.window(conditionId), payout - position.cost - position.fees);
      this.endTrade(position, at, true);
      this.positions.delete(position.token);
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
