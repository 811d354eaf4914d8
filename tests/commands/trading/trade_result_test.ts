import assert from "node:assert/strict";
import { unsettledCount } from "../../../commands/trading/trade_result.ts";
import { foreignToken, Portfolio } from "../../../core/orders/portfolio.ts";
import type { Ms, Shares, Usdc } from "../../../core/units.ts";

Deno.test("shares of others are no positions of ours that wait for settlement", () => {
  const portfolio = new Portfolio(0 as Usdc);
  const about = {
    conditionId: "0xc0",
    outcome: "up",
    shares: 5_000_000 as Shares,
    cost: 2_500_000 as Usdc,
  } as const;
  const tell = (token: string) =>
    portfolio.applyAccount({
      type: "account",
      tExchange: 0 as Ms,
      tReceive: 0 as Ms,
      cashChange: 0 as Usdc,
      redeemed: 0 as Usdc,
      adopted: [{ token, ...about }],
      reserved: [],
      reason: "start",
    });
  tell(foreignToken("1"));
  assert.equal(unsettledCount(portfolio), 0);
  tell("1");
  assert.equal(unsettledCount(portfolio), 1);
});
