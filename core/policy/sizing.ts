/** How much to stake: fixed pUSD, a fraction of the bankroll, or fractional Kelly. */
import { OperationError } from "../errors.ts";
import { feePerShare } from "../market/fees.ts";
import type { FeeSchedule } from "../market/instrument.ts";
import { MARKET_SIZE_STEP, marketBuyAmounts } from "../market/rounding.ts";
import { type Price, PRICE_SCALE, type Usdc } from "../units.ts";
import type { Policy } from "./policy.ts";

export type Sizing =
  | { readonly mode: "fixed"; readonly amount: Usdc }
  | { readonly mode: "fraction"; readonly fraction: number }
  | { readonly mode: "kelly"; readonly fraction: number };

/** Refuses Kelly for a policy without a probability: its stake would be invented. */
export function checkSizing(sizing: Sizing, policy: Policy): void {
  if (sizing.mode === "kelly" && !policy.statesProbability) {
    throw new OperationError({
      code: "SIZING_INVALID",
      message: `Cannot size "${policy.name}" as kelly: the strategy states no probability`,
      hint: "Use sizing.mode fixed or fraction, or --strategy fair-value.",
      exit: 2,
    });
  }
}

/**
 * Fraction of the bankroll that full Kelly stakes on a share costing `cost` (fee included, 0..1) that pays 1 with
 * `probability`: (q - c) / (1 - c), never below 0.
 */
export const kellyFraction = (probability: number, cost: number): number =>
  cost >= 1 ? 0 : Math.max(0, (probability - cost) / (1 - cost));

/**
 * pUSD to spend on a market BUY at `ask`, fee excluded, floored to cents so that spend and fee stay inside the stake.
 * `probability` is of the side bought; NaN unless the policy states one.
 */
export function stake(
  sizing: Sizing,
  bankroll: Usdc,
  ask: Price,
  fee: FeeSchedule,
  probability: number,
): Usdc {
  const perShare = feePerShare(fee, ask);
  const p = ask / PRICE_SCALE;
  let budget: number;
  switch (sizing.mode) {
    case "fixed":
      budget = sizing.amount;
      break;
    case "fraction":
      budget = Math.floor(bankroll * sizing.fraction);
      break;
    case "kelly":
      budget = Math.floor(bankroll * sizing.fraction * kellyFraction(probability, p + perShare));
      break;
  }
  if (!(budget > 0)) return 0 as Usdc;
  const spend = Math.floor(budget * p / (p + perShare));
  return marketBuyAmounts(spend as Usdc, ask).makerAmount as Usdc;
}

/** Shares a market BUY of `spend` gets at `limit`, in the venue's four decimals. */
export const sharesFor = (spend: Usdc, limit: Price): number =>
  Math.floor(spend * PRICE_SCALE / limit / MARKET_SIZE_STEP) * MARKET_SIZE_STEP;
