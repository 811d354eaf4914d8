import assert from "node:assert/strict";
import type { AccountEvent, MarketEvent } from "../../core/events.ts";
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
