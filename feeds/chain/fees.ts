/** EIP-1559 fees under a cap. All amounts in wei a unit of gas. */
import { OperationError } from "../../core/errors.ts";
import { type Head, quantity, type Rpc } from "./rpc.ts";

export const GWEI = 10n ** 9n;

export interface FeeLimits {
  /** Most a unit of gas may cost. */
  readonly cap: bigint;
  /** Below this tip Polygon's nodes keep no transaction (some 25 to 30 gwei). */
  readonly minTip: bigint;
}

export interface Fees {
  readonly maxFee: bigint;
  readonly tip: bigint;
}

const larger = (a: bigint, b: bigint): bigint => a > b ? a : b;
const smaller = (a: bigint, b: bigint): bigint => a < b ? a : b;
/** A whole number of gwei for people. */
export const gweiText = (wei: bigint): string => (Number(wei) / 1e9).toFixed(1).replace(/\.0$/, "");

/** Fees from the base fee and the tip that is asked for. Throws GAS_PRICE_HIGH (exit 3) when a block costs more than the cap. */
export function feesFor(baseFee: bigint, suggestedTip: bigint, limits: FeeLimits): Fees {
  const tip = larger(suggestedTip, limits.minTip);
  const least = baseFee + limits.minTip;
  if (least > limits.cap) {
    throw new OperationError({
      code: "GAS_PRICE_HIGH",
      message: `Cannot send at this price of gas: ${gweiText(least)} gwei, the cap is ${
        gweiText(limits.cap)
      }`,
      hint: "Wait, or raise chain.maxFeeGwei. Nothing was signed.",
      details: { leastGwei: gweiText(least), capGwei: gweiText(limits.cap) },
      exit: 3,
    });
  }
  const maxFee = smaller(2n * baseFee + tip, limits.cap);
  return { maxFee, tip: smaller(tip, maxFee) };
}

/** Reads the market. Throws as `feesFor` and `Rpc.ask`. */
export async function currentFees(rpc: Rpc, heads: readonly Head[], limits: FeeLimits): Promise<Fees> {
  const tip = quantity(await rpc.ask("eth_maxPriorityFeePerGas", []).catch(() => null)) ?? 0n;
  const base = heads.reduce((most, { baseFee }) => larger(most, baseFee), 0n);
  // A host that asks for an absurd tip must not empty the wallet.
  return feesFor(base, smaller(tip, limits.minTip * 4n), limits);
}

/** Nodes want a tenth more for a replacement. */
const BUMP = 1125n;

/** Fees of a replacement, at least an eighth more and what the market wants; null when the cap leaves no room. */
export function bumped(old: Fees, market: Fees, limits: FeeLimits): Fees | null {
  const raise = (value: bigint) => (value * BUMP + 999n) / 1000n;
  const tip = larger(raise(old.tip), market.tip);
  const maxFee = larger(larger(raise(old.maxFee), market.maxFee), tip);
  if (maxFee <= limits.cap) return { maxFee, tip };
  const allowed = { maxFee: limits.cap, tip: raise(old.tip) };
  return limits.cap * 10n >= old.maxFee * 11n && allowed.tip <= allowed.maxFee ? allowed : null;
}
