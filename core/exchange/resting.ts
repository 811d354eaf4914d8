/** One public trade against resting orders: price, then queue. */
import { floorTo } from "../market/rounding.ts";
import type { Shares } from "../units.ts";
import type { ModelOrder } from "./order.ts";
import type { ExchangeUnits } from "./options.ts";
import { afterTrade, beforeTrade } from "./queue.ts";
import { fillStep } from "./walk.ts";

/** A public trade in terms of Up. */
export interface Print {
  readonly upPrice: number;
  /** Whether the taker met bids for Up; else offers. */
  readonly hitsBids: boolean;
  /** Millionths of a share. */
  readonly size: number;
  /** When we received it, ms. */
  readonly at: number;
}

export interface Met {
  readonly order: ModelOrder;
  readonly size: Shares;
}

const isThrough = ({ terms }: ModelOrder, { upPrice }: Print): boolean =>
  terms.bid ? upPrice < terms.upPrice : upPrice > terms.upPrice;

/**
 * Which resting orders a trade reaches and with how much; moves the queue places of those at its price. `orders` are one
 * market's, in order of priority. The trade's size is shared: orders it went through come first, whatever stood ahead of
 * them, then those at its price behind the others' shares.
 */
export function meetPrint(
  units: Pick<ExchangeUnits, "queue" | "step">,
  orders: readonly ModelOrder[],
  print: Print,
): Met[] {
  const met: Met[] = [];
  let left = print.size;
  const meet = (order: ModelOrder) => {
    const step = fillStep(units.step, order.intent.limit);
    const size = floorTo(Math.min(left, order.remaining), step) as Shares;
    if (size <= 0) return;
    left -= size;
    met.push({ order, size });
  };
  for (const order of orders) {
    if (!isThrough(order, print)) continue;
    if (order.place !== null) order.place.ahead = 0;
    meet(order);
  }
  if (!units.queue.tradesAtPrice) return met;
  const level = orders.filter(({ terms, place }) =>
    place !== null && terms.upPrice === print.upPrice && terms.bid === print.hitsBids
  );
  const explained = level.map(({ place }) => beforeTrade(place!, print.size, print.at));
  let passed = 0;
  for (const order of level) {
    const others = Math.min(left, Math.max(0, order.place!.ahead - passed));
    passed += others;
    left -= others;
    meet(order);
  }
  // What the orders did not take went to others, at the back if not ahead.
  passed += left;
  level.forEach(({ place }, i) => afterTrade(units.queue, place!, print.size, passed, explained[i]!));
  return met;
}
