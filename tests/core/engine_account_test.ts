import assert from "node:assert/strict";
import type { AccountEvent, MarketEvent } from "../../core/events.ts";
import { foreignToken } from "../../core/orders/portfolio.ts";
import { exposureOf, unrealisedOf } from "../../core/risk/exposure.ts";
import { at, clock, CONDITION, dollars, engineRig, lots, resolvedEvent, START, UP } from "./helpers.ts";

const account = (t: number, changes: Partial<AccountEvent> = {}): AccountEvent => ({
  type: "account",
  cashChange: dollars(0),
  redeemed: dollars(0),
  adopted: [],
  reserved: [],
  reason: "start",
  ...at(t),
  ...changes,
});

Deno.test("what an account holds when a session begins is neither profit nor loss nor drawdown", () => {
  const { engine } = engineRig({ bankroll: dollars(0) });
  engine.step(account(START, {
    cashChange: dollars(100),
    adopted: [{ token: UP, conditionId: CONDITION, outcome: "up", shares: lots(10), cost: dollars(4) }],
  }));
  assert.equal(engine.equity(), dollars(104));
  assert.equal(engine.external, dollars(104));
  assert.equal(engine.peakEquity, dollars(104));
  engine.step(account(START + 1, { cashChange: dollars(-50), reason: "transfer" }));
  assert.equal(engine.equity() - engine.bankroll - engine.external, 0);
  assert.equal(engine.maxDrawdown, 0);
  assert.equal(engine.latch, null);
});

Deno.test("a window that was over before the session began settles what is held of it, once", () => {
  const { engine } = engineRig({ bankroll: dollars(0) });
  engine.step(account(START, {
    adopted: [{ token: "9", conditionId: "0xold", outcome: "down", shares: lots(10), cost: dollars(4) }],
  }));
  const resolved: MarketEvent = resolvedEvent(START + 1, "down", "0xold");
  engine.step(resolved);
  engine.step(resolved);
  engine.step(clock(START + 2));
  assert.equal(engine.portfolio.realised, dollars(6));
  assert.equal(engine.portfolio.unclaimed, dollars(10));
  assert.equal(engine.portfolio.positions.size, 0);
  assert.equal(engine.unknownTokens, 1, "the second one is about nothing that we know");
});

Deno.test("shares of others count to limits, and are no equity, profit, loss or trade, won or lost", () => {
  for (const winner of ["up", "down"] as const) {
    const { engine } = engineRig({ bankroll: dollars(0) });
    const token = foreignToken("9");
    engine.step(account(START, {
      cashChange: dollars(100),
      adopted: [{ token, conditionId: "0xold", outcome: "up", shares: lots(50), cost: dollars(50) }],
    }));
    const { portfolio } = engine;
    assert.equal(exposureOf("0xold", [], portfolio).windowExposure, dollars(50));
    const money = () => [engine.equity(), portfolio.cash, portfolio.unclaimed, portfolio.realised];
    assert.deepEqual(money(), [dollars(100), dollars(100), 0, 0]);
    assert.equal(unrealisedOf(portfolio, engine.windows), 0);
    engine.step(resolvedEvent(START + 1, winner, "0xold"));
    engine.step(clock(START + 2));
    assert.equal(portfolio.positions.size, 0);
    assert.deepEqual(money(), [dollars(100), dollars(100), 0, 0]);
    assert.deepEqual([portfolio.trades.length, portfolio.lossStreak, engine.maxDrawdown], [0, 0, 0]);
    // Its redemption is cash that no order explains.
    engine.step(account(START + 3, { cashChange: dollars(50), reason: "transfer" }));
    assert.equal(engine.equity() - engine.bankroll - engine.external, 0);
  }
});
