/** What the model's account owns and what of it may be used: cash, shares, and matches that are not settled. */
import type { FillEvent } from "../events.ts";
import { notional, PRICE_ONE, type Shares, type Usdc } from "../units.ts";

const add = (map: Map<string, number>, key: string, change: number): void => {
  const next = (map.get(key) ?? 0) + change;
  if (next === 0) map.delete(key);
  else map.set(key, next);
};

export class Account {
  private readonly shares: Map<string, number>;
  /** Bought and not settled: cannot be sold. */
  private readonly unsettledShares = new Map<string, number>();
  /** Proceeds of sales that are not settled: cannot be spent. */
  private unsettledCash = 0;

  constructor(public cash: Usdc, holdings: ReadonlyMap<string, Shares> = new Map()) {
    this.shares = new Map(holdings);
  }

  sharesOf(token: string): number {
    return this.shares.get(token) ?? 0;
  }

  /** Shares that may be sold, open orders aside. */
  sellableOf(token: string): number {
    return this.sharesOf(token) - (this.unsettledShares.get(token) ?? 0);
  }

  /** Cash that may be spent, open orders aside. */
  get spendable(): number {
    return this.cash - this.unsettledCash;
  }

  apply(fill: FillEvent): void {
    this.move(fill, 1);
    if (fill.provisional) this.hold(fill, 1);
  }

  /** The fill became money. */
  confirm(fill: FillEvent): void {
    this.hold(fill, -1);
  }

  /** The fill never was. */
  undo(fill: FillEvent): void {
    this.hold(fill, -1);
    this.move(fill, -1);
  }

  /** Winning shares are worth one pUSD, the others nothing. */
  payOut(winner: string, loser: string): void {
    this.cash = (this.cash + notional(this.sharesOf(winner) as Shares, PRICE_ONE)) as Usdc;
    this.shares.delete(winner);
    this.shares.delete(loser);
  }

  private move({ side, cash, fee, size, token }: FillEvent, sign: 1 | -1): void {
    const change = (side === "buy" ? -cash : cash) - fee;
    this.cash = (this.cash + sign * change) as Usdc;
    add(this.shares, token, sign * (side === "buy" ? size : -size));
  }

  private hold({ side, cash, fee, size, token }: FillEvent, sign: 1 | -1): void {
    if (side === "buy") add(this.unsettledShares, token, sign * size);
    else this.unsettledCash += sign * (cash - fee);
  }
}
