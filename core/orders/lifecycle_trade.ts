/**
 * Our part of a trade. As taker it is the top of the report; as maker it is found in `maker_orders`, with its own token and
 * price, because a maker may stand on the other token (two purchases mint a pair, two sales merge one).
 */
import { takerFee } from "../market/fees.ts";
import { complement, notional, notionalUp, type Price, type Shares, type Usdc } from "../units.ts";
import type { OrderTerms, TradeLeg, TradeReport } from "./lifecycle_types.ts";

/** What a taker paid or got, and the fee, price level by price level. */
function takerMoney(report: TradeReport, terms: OrderTerms): { readonly cash: Usdc; readonly fee: Usdc } {
  const levels = new Map<Price, number>();
  let sum = 0;
  for (const { token, price, size } of report.makers) {
    const own = token === report.token ? price : complement(price);
    levels.set(own, (levels.get(own) ?? 0) + size);
    sum += size;
  }
  // Makers that do not add up to the trade cannot say what it cost; the top-level price can.
  const parts: readonly (readonly [Price, number])[] = sum === report.size
    ? [...levels]
    : [[report.price, report.size]];
  // Against us where a level does not cost a whole millionth.
  const cashOf = terms.side === "buy" ? notionalUp : notional;
  let cash = 0;
  let fee = 0;
  for (const [price, size] of parts) {
    cash += cashOf(size as Shares, price);
    fee += takerFee(terms.fee, size as Shares, price);
  }
  return { cash: cash as Usdc, fee: fee as Usdc };
}

const legOf = (
  terms: OrderTerms,
  part: Pick<TradeLeg, "price" | "size" | "cash" | "fee" | "liquidity">,
): TradeLeg => ({
  hash: terms.hash,
  conditionId: terms.conditionId,
  token: terms.token,
  outcome: terms.outcome,
  side: terms.side,
  ...part,
});

/** A leg whose token is not the order's: the report and the order contradict each other. */
export interface Mismatch {
  readonly hash: string;
  readonly token: string;
}

/**
 * Legs of the orders that `termsOf` knows. Makers pay no fee while the schedule charges takers only; else the same fee.
 * `mismatches`: parts whose token is not that of our order, left out.
 */
export function legsOf(
  report: TradeReport,
  termsOf: (hash: string) => OrderTerms | undefined,
): { readonly legs: readonly TradeLeg[]; readonly mismatches: readonly Mismatch[] } {
  const legs = new Map<string, TradeLeg>();
  const mismatches: Mismatch[] = [];
  const taker = termsOf(report.takerHash);
  if (taker !== undefined) {
    if (taker.token !== report.token) mismatches.push({ hash: taker.hash, token: report.token });
    else {
      const money = takerMoney(report, taker);
      legs.set(
        taker.hash,
        legOf(taker, { price: report.price, size: report.size, ...money, liquidity: "taker" }),
      );
    }
  }
  for (const { hash, token, price, size } of report.makers) {
    const maker = termsOf(hash);
    if (maker === undefined) continue;
    if (maker.token !== token) {
      mismatches.push({ hash, token });
      continue;
    }
    const cash = maker.side === "buy" ? notionalUp(size, price) : notional(size, price);
    const fee = maker.fee.takerOnly ? 0 as Usdc : takerFee(maker.fee, size, price);
    const before = legs.get(hash);
    // One maker order matched twice in a trade is one fill: the ledgers know trade id and order hash.
    legs.set(
      hash,
      before === undefined ? legOf(maker, { price, size, cash, fee, liquidity: "maker" }) : {
        ...before,
        size: (before.size + size) as Shares,
        cash: (before.cash + cash) as Usdc,
        fee: (before.fee + fee) as Usdc,
      },
    );
  }
  return { legs: [...legs.values()], mismatches };
}

/** Whether two reports of a trade say the same of our part. */
export const sameLegs = (a: readonly TradeLeg[], b: readonly TradeLeg[]): boolean =>
  a.length === b.length &&
  a.every((leg, i) => {
    const other = b[i]!;
    return leg.hash === other.hash && leg.size === other.size && leg.price === other.price &&
      leg.cash === other.cash;
  });
