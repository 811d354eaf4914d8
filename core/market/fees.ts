/**
 * Taker fee of Polymarket's crypto markets: shares x rate x (p(1-p))^exponent in pUSD, makers free
 * (documentation and live fee schedules of 2026-10; on-chain sample 108 @ 0.36 paid 1.741820).
 * The venue rounds to five decimals; the direction is undocumented, so a fill rounds to nearest (half up) and a
 * reservation rounds up.
 */
import { wholePower } from "../exact_math.ts";
import { type Price, PRICE_SCALE, type Shares, type Usdc } from "../units.ts";
import type { FeeSchedule } from "./instrument.ts";

/** Five decimals, in millionths. */
const FEE_STEP = 10n;

function rawFee(schedule: FeeSchedule, size: Shares, at: Price): { numerator: bigint; divisor: bigint } {
  // shares(1e-6) x rate(1e-6) x [p(1-p)](1e-8)^e, wanted in 1e-6 pUSD.
  const curve = BigInt(at) * BigInt(PRICE_SCALE - at);
  const exponent = BigInt(schedule.exponent);
  return {
    numerator: BigInt(size) * BigInt(schedule.ratePpm) * curve ** exponent,
    divisor: 1_000_000n * 100_000_000n ** exponent,
  };
}

/** Fee charged on a taker fill, pUSD millionths, rounded to five decimals half up. */
export function takerFee(schedule: FeeSchedule, size: Shares, at: Price): Usdc {
  const { numerator, divisor } = rawFee(schedule, size, at);
  const step = divisor * FEE_STEP;
  return Number((numerator * 2n + step) / (step * 2n) * FEE_STEP) as Usdc;
}

/** Upper bound of the fee, for reservations and limits: rounded up to five decimals. */
export function takerFeeUp(schedule: FeeSchedule, size: Shares, at: Price): Usdc {
  const { numerator, divisor } = rawFee(schedule, size, at);
  const step = divisor * FEE_STEP;
  return Number((numerator + step - 1n) / step * FEE_STEP) as Usdc;
}

/** Fee per share as a fraction of one pUSD, a double: for deciding, never for accounts. */
export function feePerShare(schedule: FeeSchedule, at: number): number {
  const p = at / PRICE_SCALE;
  return (schedule.ratePpm / 1_000_000) * wholePower(p * (1 - p), schedule.exponent);
}

/** Highest fee per share between `from` and `to` inclusive: the curve peaks at one half. */
export function worstFeePrice(from: number, to: number): Price {
  const half = PRICE_SCALE / 2;
  if (from <= half && to >= half) return half as Price;
  return (Math.abs(from - half) < Math.abs(to - half) ? from : to) as Price;
}
