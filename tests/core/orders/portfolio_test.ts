import assert from "node:assert/strict";
import fc from "fast-check";
import type { FillEvent } from "../../../core/events.ts";
import type { FeeSchedule, Outcome } from "../../../core/market/instrument.ts";
import { takerFee } from "../../../core/market/fees.ts";
import { buyCost, isOpen, newOrder, remainingCost } from "../../../core/orders/order.ts";
import { Portfolio } from "../../../core/orders/portfolio.ts";
import { exposureOf } from "../../../core/risk/exposure.ts";
import {
  type Ms,
  notional,
  notionalUp,
  price,
  type Shares,
  shares,
  type Usdc,
  usdc,
} from "../../../core/units.ts";
import { at, CRYPTO_FEE, dollars, lots, p, START, submit } from "../helpers.ts";

const BANKROLL = dollars(1000);

function fill(side: "buy" | "sell", token: string, size: number, priceUnits: number, fee = 0): FillEvent {
  const up = side === "buy" ? notionalUp : notional;
  return {
    type: "fill",
    orderId: "o",
    fillId: "f",
    token,
    side,
    price: price(priceUnits),
    size: shares(size),
    cash: up(shares(size), price(priceUnits)),
    fee: usdc(fee),
    liquidity: "taker",
    ...at(START),
  };
}
const buy = (size: number, decimal: number, fee = 0) => fill("buy", "w0.up", lots(size), p(decimal), fee);
const sell = (size: number, decimal: number, fee = 0) => fill("sell", "w0.up", lots(size), p(decimal), fee);
const total = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const step = fc.record({
  window: fc.integer({ min: 0, max: 3 }),
  outcome: fc.constantFrom<Outcome>("up", "down"),
  kind: fc.constantFrom("buy", "buy", "sell", "sell all", "settle" as const),
  size: fc.integer({ min: 1, max: 1e9 }),
  price: fc.integer({ min: 1, max: 9999 }),
  fee: fc.integer({ min: 0, max: 1e6 }),
});

/** Buys, sells and settlements on a fresh portfolio; the cash identity is checked after each. */
function play(steps: readonly Step[], ends: readonly boolean[]): Portfolio {
  const portfolio = new Portfolio(BANKROLL);
  for (const s of steps) {
    const window = `w${s.window}`;
    const token = `${window}.${s.outcome}`;
    const held = portfolio.sharesOf(token);
    const size = s.kind === "sell all" ? held : s.kind === "sell" ? Math.min(held, s.size) : s.size;
    if (s.kind === "settle") portfolio.settle(window, s.outcome, START as Ms);
    else if (s.kind === "buy" || held > 0) {
      const side = s.kind === "buy" ? "buy" : "sell";
      portfolio.applyFill(fill(side, token, size, s.price, s.fee), window, s.outcome);
    }
    // At every moment: cash is what was there, plus results, less what the open positions cost.
    const open = total([...portfolio.positions.values()].map((position) => position.cost + position.fees));
    assert.equal(portfolio.cash, BANKROLL + portfolio.realised - open);
  }
  for (const [i, up] of ends.entries()) portfolio.settle(`w${i}`, up ? "up" : "down", START as Ms);
  return portfolio;
}
const ends = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });

Deno.test("the windows' results are the change of cash to the last digit once everything is settled", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), ends, (steps, winners) => {
      const portfolio = play(steps, winners);
      assert.equal(portfolio.positions.size, 0);
      const windows = [...portfolio.windows.values()];
      assert.equal(total(windows.map((window) => window.pnl)), portfolio.cash - BANKROLL);
      assert.equal(portfolio.realised, portfolio.cash - BANKROLL);
      assert.equal(total(windows.map((window) => window.fees)), portfolio.feesPaid);
    }),
    { numRuns: 300 },
  );
});

Deno.test("the trades' results are the change of cash too, where no dust is left behind", () => {
  const whole = step.map((s) => ({ ...s, size: Math.ceil(s.size / 10_000) * 10_000 }));
  fc.assert(
    fc.property(fc.array(whole, { maxLength: 60 }), ends, (steps, winners) => {
      const portfolio = play(steps, winners);
      assert.equal(total(portfolio.trades.map((trade) => trade.pnl)), portfolio.cash - BANKROLL);
    }),
    { numRuns: 200 },
  );
});

Deno.test("dust that cannot be sold ends the trade, is paid out with the window, and is no trade of its own", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(buy(19.6078, 0.50), "w0", "up");
  portfolio.applyFill(sell(19.60, 0.40), "w0", "up");
  assert.deepEqual([portfolio.trades.length, portfolio.lossStreak], [1, 1]);
  assert.equal(portfolio.sharesOf("w0.up"), 7_800);
  portfolio.settle("w0", "up", START as Ms);
  assert.deepEqual([portfolio.trades.length, portfolio.lossStreak], [1, 1]);
  assert.equal(portfolio.cash, dollars(1000 - 19.6078 * 0.50 + 19.60 * 0.40 + 0.0078));
  assert.equal(portfolio.window("w0").pnl, portfolio.cash - BANKROLL);
});

Deno.test("settling twice, or with the other winner afterwards, changes nothing", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(buy(10, 0.40, 12_000), "w0", "up");
  portfolio.settle("w0", "up", START as Ms);
  const after = structuredClone({ ...portfolio });
  portfolio.settle("w0", "up", START as Ms);
  portfolio.settle("w0", "down", START as Ms);
  assert.deepEqual(structuredClone({ ...portfolio }), after);
  assert.equal(portfolio.cash, dollars(1000 - 4 + 10) - 12_000);
});

Deno.test("settlement pays one pUSD to each winning share and nothing to the others, in its own window only", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(buy(10, 0.40), "w0", "up");
  portfolio.applyFill(fill("buy", "w0.down", lots(20), p(0.50)), "w0", "down");
  portfolio.applyFill(fill("buy", "w1.up", lots(5), p(0.20)), "w1", "up");
  portfolio.settle("w0", "down", START as Ms);
  assert.equal(portfolio.cash, dollars(1000 - 4 - 10 - 1 + 20));
  assert.deepEqual([...portfolio.positions.keys()], ["w1.up"]);
  assert.equal(portfolio.window("w0").pnl, dollars(6));
  assert.equal(portfolio.window("w1").pnl, 0);
});

Deno.test("a partial sale realises its part of cost and fees and leaves the rest", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(buy(10, 0.40, 100_000), "w0", "up");
  portfolio.applyFill(sell(4, 0.60, 30_000), "w0", "up");
  // 2.40 - 0.03 - 1.60 - 0.04
  assert.equal(portfolio.realised, 730_000);
  const position = portfolio.position("w0.up")!;
  assert.deepEqual([position.shares, position.cost, position.fees], [lots(6), dollars(2.40), 60_000]);
  assert.equal(Portfolio.unrealised(position, p(0.50)), dollars(3 - 2.40 - 0.06));
  assert.equal(portfolio.trades.length, 0, "the trade ends when the position is flat");
  portfolio.applyFill(sell(6, 0.10), "w0", "up");
  assert.deepEqual(portfolio.trades.map((trade) => [trade.pnl, trade.settled]), [[
    730_000 + 600_000 - 2_460_000,
    false,
  ]]);
});

Deno.test("volume, fills and fees of a window count both sides of every trade", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(buy(10, 0.40, 100), "w0", "up");
  portfolio.applyFill(sell(10, 0.60, 200), "w0", "up");
  const window = portfolio.window("w0");
  assert.deepEqual([window.fills, window.volume, window.fees], [2, dollars(10), 300]);
});

Deno.test("the loss streak counts losing trades in a row; a trade that breaks even or wins ends it", () => {
  const portfolio = new Portfolio(BANKROLL);
  const streak: number[] = [];
  const trade = (from: number, to: number, fee = 0) => {
    portfolio.applyFill(buy(10, from), "w0", "up");
    portfolio.applyFill(sell(10, to, fee), "w0", "up");
    streak.push(portfolio.lossStreak);
  };
  trade(0.50, 0.40);
  trade(0.50, 0.50, 1);
  trade(0.50, 0.50);
  trade(0.50, 0.10);
  trade(0.50, 0.60);
  assert.deepEqual(streak, [1, 2, 0, 1, 0]);
  portfolio.applyFill(buy(10, 0.50), "w0", "up");
  portfolio.settle("w0", "down", START as Ms);
  assert.equal(portfolio.lossStreak, 1, "settlement counts too");
});

Deno.test("what a market BUY may cost bounds its notional and fee at every price up to its limit", () => {
  const schedule = fc.record<FeeSchedule>({
    ratePpm: fc.integer({ min: 0, max: 250_000 }),
    exponent: fc.integer({ min: 1, max: 3 }),
    takerOnly: fc.constant(true),
    rebatePpm: fc.constant(0),
  });
  const spend = fc.integer({ min: 100, max: 1e6 }).map((cents) => usdc(cents * 10_000));
  const prices = fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(fc.property(schedule, spend, prices, (fee, amount, [limit, where]) => {
    const intent = submit({ spend: amount, limit: price(limit) });
    const at = price(Math.max(1, Math.round(limit * where)));
    const size = Math.floor(amount * 10_000 / at / 100) * 100 as Shares;
    // Half of 0.00001 is the fee's own rounding.
    assert.ok(notionalUp(size, at) + takerFee(fee, size, at) <= buyCost(intent, fee) + 5);
  }));
});

Deno.test("what a limit BUY may cost bounds it at every better price; post-only pays no fee; a SELL costs nothing", () => {
  const prices = fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), prices, (hundredths, [limit, where]) => {
    const size = shares(hundredths * 10_000);
    const intent = submit({ orderType: "GTC", spend: 0 as Usdc, size, limit: price(limit) });
    const at = price(Math.max(1, Math.round(limit * where)));
    assert.ok(notionalUp(size, at) + takerFee(CRYPTO_FEE, size, at) <= buyCost(intent, CRYPTO_FEE));
    assert.equal(buyCost({ ...intent, postOnly: true }, CRYPTO_FEE), notionalUp(size, price(limit)));
    assert.equal(buyCost({ ...intent, side: "sell" }, CRYPTO_FEE), 0);
  }));
});

Deno.test("an order reserves what is left of its bound, and nothing once it is over", () => {
  const order = newOrder(submit({ spend: dollars(10) }), CRYPTO_FEE, START as Ms);
  assert.ok(isOpen(order));
  assert.equal(remainingCost(order), dollars(10.7));
  order.filledCash = dollars(4);
  order.fee = dollars(0.14);
  assert.equal(remainingCost(order), dollars(6.56));
  for (const state of ["held", "live"] as const) {
    order.state = state;
    assert.equal(remainingCost(order), dollars(6.56));
  }
  for (const state of ["done", "rejected"] as const) {
    order.state = state;
    assert.deepEqual([isOpen(order), remainingCost(order)], [false, 0]);
  }
});

const tagged = (id: string, of: FillEvent, provisional = true): FillEvent => ({
  ...of,
  fillId: id,
  ...(provisional ? { provisional: true as const } : {}),
});

/** Everything a person can see of it. */
const seen = (portfolio: Portfolio) => ({
  cash: portfolio.cash,
  realised: portfolio.realised,
  fees: portfolio.feesPaid,
  positions: [...portfolio.positions.values()].sort((a, b) => a.token < b.token ? -1 : 1),
  windows: [...portfolio.windows.values()].filter((window) => window.fills > 0 || window.pnl !== 0)
    .sort((a, b) => a.conditionId < b.conditionId ? -1 : 1),
  streak: portfolio.lossStreak,
  pending: portfolio.pendingSales(),
});

Deno.test("an undone fill leaves the portfolio as if it had never been, whatever came after it", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), fc.nat(), ends, (steps, pick, winners) => {
      const fills = steps.filter((s) => s.kind === "buy" || s.kind === "sell" || s.kind === "sell all");
      fc.pre(fills.length > 0);
      const gone = fills[pick % fills.length];
      const [undone, never] = [new Portfolio(BANKROLL), new Portfolio(BANKROLL)];
      steps.forEach((s, i) => {
        const window = `w${s.window}`;
        if (s.kind === "settle") {
          for (const portfolio of [undone, never]) portfolio.settle(window, s.outcome, (START + i) as Ms);
          return;
        }
        const side = s.kind === "buy" ? "buy" : "sell";
        const event = {
          ...tagged(`f${i}`, fill(side, `${window}.${s.outcome}`, s.size, s.price, s.fee)),
          ...at(START + i),
        };
        undone.applyFill(event, window, s.outcome);
        if (s !== gone) never.applyFill(event, window, s.outcome);
      });
      undone.undo(`f${steps.indexOf(gone!)}`);
      assert.deepEqual(seen(undone), seen(never));
      winners.forEach((up, i) => {
        for (const portfolio of [undone, never]) {
          portfolio.settle(`w${i}`, up ? "up" : "down", (START + 99) as Ms);
        }
      });
      assert.deepEqual(seen(undone), seen(never));
    }),
  );
});

Deno.test("matched shares may be sold once they are confirmed, and a sale is at stake until it is", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(tagged("b", buy(10, 0.40)), "w0", "up");
  assert.equal(portfolio.sharesOf("w0.up"), lots(10));
  assert.equal(portfolio.sellableOf("w0.up"), 0);
  portfolio.confirm("b");
  assert.equal(portfolio.sellableOf("w0.up"), lots(10));
  portfolio.applyFill(tagged("s", sell(10, 0.50)), "w0", "up");
  assert.deepEqual(portfolio.pendingSales().map(({ cost, proceeds }) => [cost, proceeds]), [[
    dollars(4),
    dollars(5),
  ]]);
  portfolio.confirm("s");
  assert.deepEqual(portfolio.pendingSales(), []);
});

Deno.test("a fill that was undone twice, or never told, changes nothing", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyFill(tagged("b", buy(10, 0.40)), "w0", "up");
  portfolio.undo("b");
  const before = seen(portfolio);
  portfolio.undo("b");
  portfolio.undo("other");
  assert.deepEqual(seen(portfolio), before);
  assert.equal(portfolio.cash, BANKROLL);
});

Deno.test("what an account brings along is neither profit nor loss until it is sold or settled", () => {
  const portfolio = new Portfolio(BANKROLL);
  portfolio.applyAccount({
    type: "account",
    cashChange: dollars(50),
    adopted: [{
      token: "w0.up",
      conditionId: "w0",
      outcome: "up",
      shares: lots(10) as Shares,
      cost: dollars(6),
    }],
    redeemed: dollars(0),
    reserved: [{ conditionId: "w1", cost: dollars(7) }],
    reason: "start",
    ...at(START),
  });
  assert.equal(portfolio.cash, BANKROLL + dollars(50));
  assert.equal(portfolio.realised, 0);
  assert.equal(portfolio.sellableOf("w0.up"), lots(10));
  portfolio.settle("w0", "up", START as Ms);
  assert.equal(portfolio.realised, dollars(4));
});

Deno.test("a real account's payout counts as cash and cannot be spent until it is redeemed", () => {
  const account = (redeemed: Usdc) => ({
    type: "account" as const,
    cashChange: dollars(0),
    adopted: [],
    redeemed,
    reserved: [],
    reason: "",
    ...at(START),
  });
  const [real, paper] = [new Portfolio(BANKROLL), new Portfolio(BANKROLL)];
  real.applyAccount(account(dollars(0)));
  for (const portfolio of [real, paper]) {
    portfolio.applyFill(tagged("b", buy(10, 0.40)), "w0", "up");
    portfolio.settle("w0", "up", START as Ms);
    assert.equal(portfolio.cash, BANKROLL + dollars(6));
  }
  assert.equal(paper.unclaimed, 0);
  assert.equal(real.unclaimed, dollars(10));
  assert.equal(exposureOf("w1", [], real).freeCash, BANKROLL - dollars(4));
  real.undo("b");
  assert.equal(real.unclaimed, 0);
  real.applyFill(buy(10, 0.40), "w1", "up");
  real.settle("w1", "up", START as Ms);
  real.applyAccount(account(dollars(10)));
  assert.equal(real.unclaimed, 0);
  assert.equal(exposureOf("w1", [], real).freeCash, BANKROLL + dollars(6));
});
