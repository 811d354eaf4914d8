/**
 * Orders signed before they are wanted: one for each price of a ladder, so that sending costs a map look-up. Each may be
 * taken once. A ladder is of one token, side, type, amount and tick; asked for another tick or amount it drops all it has.
 */
import type { Ms, Price } from "../../../core/units.ts";
import type { ExchangeDomain } from "./contracts.ts";
import type { OrderSigner } from "./fast_signer.ts";
import { buildOrder, type OrderTerms, type SignedOrder } from "./order.ts";

export interface LadderOptions {
  readonly signer: OrderSigner;
  readonly domain: ExchangeDomain;
  readonly tick: Price;
  /** Everything but the price. */
  readonly terms: Omit<OrderTerms, "limit">;
  readonly prices: readonly Price[];
  readonly salt: () => number;
  readonly timestampMs: Ms;
}

export interface Ladder {
  /** Orders that are left. */
  readonly size: number;
  /**
   * The order signed for these terms, which then is gone; null when there is none. Another tick, size or spend than the
   * ladder was signed for drops the whole ladder: what was signed would be refused, or be of the wrong amount.
   */
  take(terms: OrderTerms, tick: Price): SignedOrder | null;
  /** Forgets every order: nothing signed here can be sent any more. */
  drop(): void;
}

/** Most prices of one ladder: both sides of every cent. */
export const MAX_RUNGS = 200;

/** Signs one order a price, at most MAX_RUNGS of them. Throws ORDER_INVALID for a price off the tick. */
export function signLadder(options: LadderOptions): Ladder {
  const { signer, domain, tick, terms } = options;
  const orders = new Map<Price, SignedOrder>();
  for (const limit of options.prices.slice(0, MAX_RUNGS)) {
    const stamp = { salt: options.salt(), timestampMs: options.timestampMs };
    orders.set(limit, signer.sign(buildOrder({ ...terms, limit }, tick, signer.account, stamp), domain));
  }
  return {
    get size() {
      return orders.size;
    },
    take(wanted, wantedTick) {
      const sameKind = wanted.token === terms.token && wanted.side === terms.side &&
        wanted.orderType === terms.orderType && wanted.protectPrice === terms.protectPrice;
      if (!sameKind) return null;
      if (wantedTick !== tick || wanted.size !== terms.size || wanted.spend !== terms.spend) {
        orders.clear();
        return null;
      }
      const order = orders.get(wanted.limit) ?? null;
      orders.delete(wanted.limit);
      return order;
    },
    drop: () => orders.clear(),
  };
}
