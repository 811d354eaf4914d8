import assert from "node:assert/strict";
import { NaiveExchange } from "../../../core/exchange/naive.ts";
import { marketPolicy } from "../../../core/policy/market_policy.ts";
import { HOLD, type MarketView, WANT_DOWN, WANT_UP } from "../../../core/policy/policy.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import type { SubmitIntent } from "../../../core/events.ts";
import { ms, price, shares, usdc } from "../../../core/units.ts";

const times = { tExchange: ms(1000), tReceive: ms(1000) };
const instrument = {
  conditionId: "c",
  upToken: "u",
  downToken: "d",
  mirrorOf: "u",
  endMs: 10_000,
} as unknown as Instrument;

const buy: SubmitIntent = {
  ...{ type: "submit", orderId: "o1", conditionId: "c", token: "d", outcome: "down", side: "buy" },
  ...{ orderType: "FAK", postOnly: false, limit: price(7000), size: shares(0), spend: usdc(10_000_000) },
  ...{ bornAt: ms(1000), maxAge: ms(1000) },
};

Deno.test("wishful fills: whole, at once, at the own token's mid, without a fee", () => {
  const exchange = new NaiveExchange();
  exchange.observe({ type: "window", instrument, ...times });
  exchange.observe({ type: "book", token: "u", bids: [4000, 1_000_000], asks: [4400, 1_000_000], ...times });
  exchange.submit(buy, ms(1000));
  const answers = exchange.advance();
  assert.deepEqual(answers.map((answer) => answer.type), ["orderAccepted", "fill", "orderDone"]);
  const fill = answers[1]!;
  assert.ok(fill.type === "fill");
  // Down's mid is 1 - 0.42; ten pUSD buy 17.2413 shares although one share was offered.
  assert.deepEqual([fill.price, fill.size, fill.fee, fill.cash], [5800, 17_241_300, 0, 9_999_954]);
  assert.equal(exchange.advance().length, 0);
});

Deno.test("without two sides there is no mid and nothing is filled", () => {
  const exchange = new NaiveExchange();
  exchange.observe({ type: "window", instrument, ...times });
  exchange.observe({ type: "book", token: "u", bids: [], asks: [4400, 1_000_000], ...times });
  exchange.submit(buy, ms(1000));
  assert.deepEqual(exchange.advance().map((answer) => answer.type), ["orderRejected"]);
});

Deno.test("the market price as a strategy buys the favourite once, not early, not late", () => {
  const policy = marketPolicy();
  const act = (view: Partial<MarketView>) =>
    policy.decide({ side: 0, timeRemaining: 0.5, upMid: 0.6, ...view } as MarketView);
  assert.equal(act({}), WANT_UP);
  assert.equal(act({ upMid: 0.4 }), WANT_DOWN);
  for (const view of [{ side: 1 }, { timeRemaining: 0.9 }, { timeRemaining: 0.1 }, { upMid: NaN }]) {
    assert.equal(act(view), HOLD);
  }
});
