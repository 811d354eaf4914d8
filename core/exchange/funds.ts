/** Whether an order can be paid for: what the account may use, less what open orders may still take. */
import type { SubmitIntent } from "../events.ts";
import { buyCost } from "../orders/order.ts";
import type { Account } from "./account.ts";
import { type ModelMarket, type ModelOrder, openBuyCost, type Problem } from "./order.ts";

/** The venue's check of balance, fee included; null when there is enough. `open` are the orders that came before. */
export function checkFunds(
  account: Account,
  open: Iterable<ModelOrder>,
  intent: SubmitIntent,
  { instrument: { fee } }: ModelMarket,
): Problem | null {
  if (fee === null) return { code: "FEE_UNKNOWN", message: "the market states no fee schedule" };
  const buying = intent.side === "buy";
  const needed = buying ? buyCost(intent, fee) : intent.size;
  let available = buying ? account.spendable : account.sellableOf(intent.token);
  for (const order of open) {
    if (order.intent.side !== intent.side) continue;
    if (buying) available -= openBuyCost(order, fee);
    else if (order.intent.token === intent.token) available -= order.remaining;
  }
  return needed > available
    ? {
      code: "NOT_ENOUGH_BALANCE",
      message: `not enough balance / allowance: balance ${available}, order ${needed}`,
    }
    : null;
}
