/**
 * What a row is rewarded with, in stakes (1 is the money of one trade), booked in the step in which it happens.
 *
 * | name | reward of a step |
 * |---|---|
 * | `share` | realised profit of the shares sold or settled in the step, fees included (default) |
 * | `equity` | change of cash and of what the position would fetch at the bid: sums up to the same over a window, earlier |
 * | `probability` | phases 2 and 3 of the seeds: (exit - entry price) per trade, every trade one stake, no fees |
 * | `shaped` | phase 1 of the seeds: a tenth of the unrealised change, less costs of trading, plus a bonus for following the momentum |
 *
 * The last two are the seeds' accounts and as wrong as theirs: whatever the exchange charged, a trade enters and leaves at
 * the mid, and what is held to the end leaves at the last mid, not at 1 or 0. They are here to show what comes of that.
 */
import type { FillEvent } from "../../core/events.ts";
import type { Outcome } from "../../core/market/instrument.ts";
import { type Action, HOLD, type MarketView, WANT_UP } from "../../core/policy/policy.ts";
import { PRICE_SCALE } from "../../core/units.ts";

export const REWARDS = ["share", "equity", "probability", "shaped"] as const;
export type RewardName = typeof REWARDS[number];

/**
 * Phase 1 of the seeds with their trades of half of 5 dollars: a tenth of a move of the price times 2.5 dollars, and their
 * terms per trade with a size multiplier of one half.
 */
const SHAPED = {
  unrealised: 0.25,
  trade: 0.001,
  spread: 0.5,
  momentum: 0.002,
  size: 0.0005,
  against: -0.001,
};
/** The momentum of phase 1 looks at the Up mid; below this it has no sign. */
const MOMENTUM_FLOOR = 1e-9;

/** A row's position in price units, as the seeds count it: every trade is one stake, whatever its shares cost. */
export class PositionPrices {
  /** Sum of (exit - entry) of everything closed. */
  closed = 0;
  private up = true;
  private shares = 0;
  private cash = 0;

  clear(): void {
    this.closed = this.shares = this.cash = 0;
  }

  /** `outcome` is the token of the fill, `upMid` the last Up mid; without one the fill's own price counts. */
  fill({ side, size, cash }: FillEvent, outcome: Outcome, upMid: number): void {
    const mid = outcome === "up" ? upMid : 1 - upMid;
    const price = Number.isNaN(mid) ? cash / size : mid;
    if (side === "sell") return this.close(size, price);
    this.up = outcome === "up";
    this.shares += size;
    this.cash += size * price;
  }

  /** The window ended at a last Up mid: what is left leaves there. */
  settle(upMid: number): void {
    if (this.shares > 0 && !Number.isNaN(upMid)) this.close(this.shares, this.up ? upMid : 1 - upMid);
    this.shares = this.cash = 0;
  }

  /** (price now - entry) of what is open at an Up mid; 0 without a position or a mid. */
  open(upMid: number): number {
    if (this.shares <= 0 || Number.isNaN(upMid)) return 0;
    return (this.up ? upMid : 1 - upMid) - this.cash / this.shares;
  }

  private close(size: number, price: number): void {
    if (this.shares <= 0) return;
    const part = Math.min(1, size / this.shares);
    this.closed += (price - this.cash / this.shares) * part;
    this.shares -= this.shares * part;
    this.cash -= this.cash * part;
  }
}

/** What phase 1 adds for the action itself, at the moment of acting. Only acts that open or close a trade count. */
export function shapedBonus(view: MarketView, action: Action): number {
  if (action === HOLD) return 0;
  const opens = view.side === 0;
  const closes = !opens && (action === WANT_UP ? 1 : -1) !== view.side;
  if (!opens && !closes) return 0;
  let bonus = -SHAPED.trade;
  if (!opens) return bonus;
  const spread = (view.upAsk - view.upBid) / PRICE_SCALE;
  if (view.upAsk >= 0 && view.upBid >= 0) bonus -= SHAPED.spread * spread;
  const momentum = Number.isNaN(view.velocity) ? 0 : view.velocity;
  if (Math.abs(momentum) <= MOMENTUM_FLOOR) return bonus;
  const agrees = (action === WANT_UP) === (momentum > 0);
  return bonus + (agrees ? SHAPED.momentum + SHAPED.size : SHAPED.against);
}

export const SHAPED_UNREALISED = SHAPED.unrealised;
