/**
 * What makers may get back: a share of a market's taker fees, split by the fee-equivalent `shares x rate x p(1-p)` of
 * filled maker volume, paid daily in pUSD from one dollar upwards (documentation of 2026-10).
 *
 * Every taker share met a maker share at the same price, so if all maker volume counts, a maker's part is exactly
 * `rebatePpm` of the fee its own fills would have paid as a taker. Assumes that, and that the programme goes on. Errs
 * towards us: an estimate, kept apart from cash and profit.
 */
import { takerFee } from "../market/fees.ts";
import type { FeeSchedule } from "../market/instrument.ts";
import { MICRO, mulDivFloor, type Price, type Shares, type Usdc } from "../units.ts";
import type { Assumption } from "./assumption.ts";

const DAY_MS = 86_400_000;
/** Smallest amount that is paid out, pUSD millionths. */
const LEAST_PAYOUT = MICRO;

/** Estimated rebate of one maker fill, rounded down. */
export const makerRebate = (schedule: FeeSchedule, size: Shares, at: Price): Usdc =>
  mulDivFloor(takerFee(schedule, size, at), schedule.rebatePpm, MICRO) as Usdc;

/** Rebates by UTC day. */
export class RebateEstimate {
  private readonly days = new Map<number, number>();

  add(amount: number, at: number): void {
    const day = Math.floor(at / DAY_MS);
    this.days.set(day, (this.days.get(day) ?? 0) + amount);
  }

  /** Everything earned, whether it would be paid or not. */
  get accrued(): Usdc {
    let total = 0;
    for (const amount of this.days.values()) total += amount;
    return total as Usdc;
  }

  /** What days with at least one dollar add up to. */
  get payable(): Usdc {
    let total = 0;
    for (const amount of this.days.values()) if (amount >= LEAST_PAYOUT) total += amount;
    return total as Usdc;
  }
}

export const DESCRIBE_REBATES: Assumption = {
  unit: "maker rebates",
  name: "estimated apart, never in cash or profit",
  parameters: {},
  errs: "towards us where shown: all maker volume is taken to count",
};
