/**
 * Amounts and rounding of the venue, in integers (client tables of 2026-07, documentation of 2026-10).
 * price / size / amount decimals by tick; a market BUY is floored to cents and its shares to four decimals whatever the
 * tick, because the venue refuses a fifth.
 */
import { mulDivCeil, mulDivFloor, type Price, PRICE_SCALE, type Shares, type Usdc } from "../units.ts";
import type { Side } from "./instrument.ts";

export interface RoundingRule {
  readonly price: number;
  readonly size: number;
  readonly amount: number;
}

const RULES: ReadonlyMap<number, RoundingRule> = new Map([
  [1000, { price: 1, size: 2, amount: 3 }],
  [100, { price: 2, size: 2, amount: 4 }],
  [50, { price: 3, size: 2, amount: 5 }],
  [25, { price: 4, size: 2, amount: 6 }],
  [10, { price: 3, size: 2, amount: 5 }],
  [1, { price: 4, size: 2, amount: 6 }],
]);

/** Decimals for a tick in 1/10000, or null for a tick the venue does not have. */
export const roundingRule = (tick: Price): RoundingRule | null => RULES.get(tick) ?? null;

/** Two decimals of shares, or cents, in millionths. */
export const SIZE_STEP = 10_000;
/** Four decimals of shares: the finest a market order may ask for or receive. */
export const MARKET_SIZE_STEP = 100;

export const floorTo = (value: number, step: number): number => Math.floor(value / step) * step;

/** On the grid and inside tick..1-tick. */
export const isValidPrice = (at: number, tick: Price): boolean =>
  Number.isInteger(at) && at % tick === 0 && at >= tick && at <= PRICE_SCALE - tick;

/** Nearest valid price at or below `at` (clamped into tick..1-tick). */
export const floorToTick = (at: number, tick: Price): Price =>
  Math.min(PRICE_SCALE - tick, Math.max(tick, Math.floor(at / tick) * tick)) as Price;
/** Nearest valid price at or above `at` (clamped into tick..1-tick). */
export const ceilToTick = (at: number, tick: Price): Price =>
  Math.min(PRICE_SCALE - tick, Math.max(tick, Math.ceil(at / tick) * tick)) as Price;

/** What goes on the wire: base units (millionths) given and wanted. */
export interface OrderAmounts {
  readonly makerAmount: number;
  readonly takerAmount: number;
}

/** Limit order: shares floored to two decimals, the pUSD side exact on the grid. */
export function limitAmounts(side: Side, at: Price, size: Shares): OrderAmounts {
  const lots = floorTo(size, SIZE_STEP);
  const cash = mulDivFloor(lots, at, PRICE_SCALE);
  return side === "buy" ? { makerAmount: cash, takerAmount: lots } : { makerAmount: lots, takerAmount: cash };
}

/** Market BUY: spends `spend` floored to cents; shares wanted floored (or, to protect the price cap, raised) to four decimals. */
export function marketBuyAmounts(spend: Usdc, at: Price, protect = false): OrderAmounts {
  const makerAmount = floorTo(spend, SIZE_STEP);
  const wanted = protect
    ? mulDivCeil(makerAmount, PRICE_SCALE, at)
    : mulDivFloor(makerAmount, PRICE_SCALE, at);
  const takerAmount = protect
    ? Math.ceil(wanted / MARKET_SIZE_STEP) * MARKET_SIZE_STEP
    : floorTo(wanted, MARKET_SIZE_STEP);
  return { makerAmount, takerAmount };
}

/** Market SELL: shares floored to two decimals, pUSD wanted floored to four. */
export function marketSellAmounts(size: Shares, at: Price): OrderAmounts {
  const makerAmount = floorTo(size, SIZE_STEP);
  return { makerAmount, takerAmount: floorTo(mulDivFloor(makerAmount, at, PRICE_SCALE), MARKET_SIZE_STEP) };
}
