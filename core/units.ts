/**
 * Integer money. Prices of outcome tokens are 1/10000 pUSD (so a tick of 0.0001 is 1), shares and pUSD are
 * millionths (the token's own six decimals), time is integer milliseconds since the Unix epoch.
 * All are plain numbers with a brand; every value stays below 2^53 and is checked where it is made.
 * Reference prices of the fast markets (BTC in dollars) are ordinary doubles: they decide, they never settle.
 */
import { OperationError } from "./errors.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Outcome-token price in 1/10000 pUSD: 0..10000. */
export type Price = Branded<"Price">;
/** Shares in millionths. */
export type Shares = Branded<"Shares">;
/** pUSD in millionths. May be negative (PnL). */
export type Usdc = Branded<"Usdc">;
/** Milliseconds since the Unix epoch, or a duration in milliseconds. */
export type Ms = Branded<"Ms">;

export const PRICE_SCALE = 10_000;
export const MICRO = 1_000_000;
/** Price of a winning share. */
export const PRICE_ONE: Price = PRICE_SCALE as Price;

function checked(value: number, what: string, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new OperationError({
      code: "AMOUNT_INVALID",
      message: `Cannot use ${value} as ${what}: must be an integer from ${min} to ${max}`,
    });
  }
  return value;
}

/** Checks and brands a price. Throws AMOUNT_INVALID outside 0..10000 or when not an integer. */
export const price = (value: number): Price => checked(value, "a price in 1/10000", 0, PRICE_SCALE) as Price;
/** Checks and brands a share count in millionths. Throws AMOUNT_INVALID when negative or unsafe. */
export const shares = (value: number): Shares =>
  checked(value, "shares in millionths", 0, Number.MAX_SAFE_INTEGER) as Shares;
/** Checks and brands a pUSD amount in millionths; may be negative. */
export const usdc = (value: number): Usdc =>
  checked(value, "pUSD in millionths", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) as Usdc;
/** Checks and brands milliseconds. */
export const ms = (value: number): Ms =>
  checked(value, "milliseconds", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) as Ms;

/** 1 - p: the same level seen from the other outcome's book. */
export const complement = (p: Price): Price => (PRICE_SCALE - p) as Price;

/**
 * Parses a plain decimal ("0.51", "12", "-3.5") to an integer with `decimals` digits after the point.
 * Digits beyond `decimals` must be zero unless `lenient`, where they are cut off (towards zero).
 * Returns NaN for anything else (empty text, exponents, signs in the middle, unsafe magnitude), so codecs can
 * count a bad frame without an exception. Allocation-free.
 */
export function parseDecimal(text: string, decimals: number, lenient = false): number {
  const length = text.length;
  let index = 0;
  let sign = 1;
  if (length > 0 && text.charCodeAt(0) === 45) {
    sign = -1;
    index = 1;
  }
  if (index >= length) return NaN;
  let value = 0;
  let digits = 0;
  let fraction = -1;
  for (; index < length; index++) {
    const c = text.charCodeAt(index);
    if (c === 46) {
      if (fraction >= 0) return NaN;
      fraction = 0;
      continue;
    }
    const d = c - 48;
    if (d < 0 || d > 9) return NaN;
    digits++;
    if (fraction >= 0) {
      if (fraction >= decimals) {
        if (d !== 0 && !lenient) return NaN;
        continue;
      }
      fraction++;
    }
    value = value * 10 + d;
    if (value > Number.MAX_SAFE_INTEGER) return NaN;
  }
  if (digits === 0) return NaN;
  for (let f = fraction < 0 ? 0 : fraction; f < decimals; f++) value *= 10;
  if (value > Number.MAX_SAFE_INTEGER) return NaN;
  return value === 0 ? 0 : sign * value;
}

/** Integer with `decimals` implied digits to a decimal string: formatDecimal(12500000, 6) is "12.500000". */
export function formatDecimal(value: number, decimals: number): string {
  const negative = value < 0;
  const digits = Math.abs(value).toFixed(0).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const rest = decimals > 0 ? `.${digits.slice(digits.length - decimals)}` : "";
  return `${negative ? "-" : ""}${whole}${rest}`;
}

/** pUSD for JSON and people: six decimals. */
export const formatUsdc = (value: Usdc): string => formatDecimal(value, 6);
/** Shares for JSON and people: six decimals. */
export const formatShares = (value: Shares): string => formatDecimal(value, 6);
/** Token price, shortest form the venue accepts: "0.5", "0.51", "0.001". */
export function formatPrice(value: Price): string {
  const text = formatDecimal(value, 4).replace(/0+$/, "");
  return text.endsWith(".") ? text.slice(0, -1) : text;
}

/** Floors `numerator * factor / divisor` exactly, for non-negative operands whose product may pass 2^53. */
export function mulDivFloor(numerator: number, factor: number, divisor: number): number {
  const product = numerator * factor;
  if (product <= Number.MAX_SAFE_INTEGER) return Math.floor(product / divisor);
  return Number(BigInt(numerator) * BigInt(factor) / BigInt(divisor));
}

/** As `mulDivFloor`, rounded up. */
export function mulDivCeil(numerator: number, factor: number, divisor: number): number {
  const product = numerator * factor;
  if (product <= Number.MAX_SAFE_INTEGER) return Math.ceil(product / divisor);
  const d = BigInt(divisor);
  return Number((BigInt(numerator) * BigInt(factor) + d - 1n) / d);
}

/** shares x price in pUSD millionths, rounded down (exact whenever shares are whole hundredths). */
export const notional = (size: Shares, at: Price): Usdc => mulDivFloor(size, at, PRICE_SCALE) as Usdc;
/** shares x price, rounded up: what a buyer must be able to pay. */
export const notionalUp = (size: Shares, at: Price): Usdc => mulDivCeil(size, at, PRICE_SCALE) as Usdc;
