import assert from "node:assert/strict";
import type { Event } from "../../core/events.ts";
import { CLOSE, HOLD, type MarketView, WANT_DOWN, WANT_UP } from "../../core/policy/policy.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { Ms, Price } from "../../core/units.ts";
import {
  at,
  bookEvent,
  bothBooks,
  clock,
  deltaEvent,
  dollars,
  DOWN,
  END,
  type EngineRig,
  engineRig,
  fastPrice,
  filled,
  lots,
  oraclePrice,
  OTHER,
  p,
  planned,
  resolvedEvent,
  scripted,
  START,
  strikeEvent,
  UP,
  windowEvent,
} from "./helpers.ts";

const T = START + 60_000;
const bids = [[0.50, 1000]] as const;
const asks = [[0.51, 1000]] as const;
const market = (t = T - 10): Event[] => [windowEvent(START), ...bothBooks(t, bids, asks)];
const windowOf = (rig: EngineRig, conditionId = "0xc1"): WindowState => rig.engine.windows.get(conditionId)!;
const bests = (rig: EngineRig): number[] => {
  const { up, down } = windowOf(rig);
  return [up.bestBid, up.bestAsk, down.bestBid, down.bestAsk];
};

Deno.test("events about tokens, windows and orders nobody listed are counted and change nothing", () => {
  const rig = engineRig();
  rig.run([
    bookEvent(T, "999", bids, asks),
    deltaEvent(T, "999", [[0, 0.5, 1]]),
    strikeEvent(T, 1, { conditionId: "0xdead" }),
    resolvedEvent(T, "up", "0xdead"),
    { type: "tickSize", token: "999", oldTick: p(0.01), newTick: p(0.001), ...at(T) },
    { type: "bestBidAsk", token: "999", bid: 1, ask: 2, ...at(T) },
    ...filled(T, "o77", "buy", 0.5, 10),
  ]);
  assert.equal(rig.engine.unknownTokens, 9);
  assert.equal(rig.engine.portfolio.cash, dollars(1000));
  assert.equal(rig.engine.windows.size, 0);
});

Deno.test("a tick change drops the book until a snapshot comes, and orders use the new tick", () => {
  const rig = engineRig({ policy: planned([{ from: T + 100, action: WANT_UP }]) });
  rig.run([
    ...market(),
    { type: "tickSize", token: UP, oldTick: p(0.01), newTick: p(0.001), ...at(T) },
    deltaEvent(T + 10, UP, [[0, 0.501, 10], [1, 0.503, 10]], 0.501, 0.503),
  ]);
  assert.deepEqual(bests(rig), [-1, -1, p(0.49), p(0.50)]);
  const [order] = rig.run([bookEvent(T + 100, UP, [[0.501, 1000]], [[0.503, 1000]])]);
  assert.equal(order?.type === "submit" && order.limit, p(0.504));
});

Deno.test("a newer listing does not take back the tick the socket announced", () => {
  const rig = engineRig();
  rig.run([...market(), { type: "tickSize", token: UP, oldTick: p(0.01), newTick: p(0.001), ...at(T) }]);
  rig.run([windowEvent(T + 10, { tradable: false, reason: "closed" })]);
  assert.deepEqual([windowOf(rig).instrument.tick, windowOf(rig).instrument.tradable], [p(0.001), false]);
});

Deno.test("the market feed going down drops every book; deltas alone do not bring one back", () => {
  const rig = engineRig();
  rig.run([
    ...market(),
    { type: "feedState", feed: "polymarket.market", state: "down", detail: "", ...at(T) },
    { type: "feedState", feed: "polymarket.market", state: "live", detail: "", ...at(T + 1) },
    deltaEvent(T + 2, UP, [[0, 0.50, 10], [1, 0.51, 10]], 0.50, 0.51),
  ]);
  assert.deepEqual(bests(rig), [-1, -1, -1, -1]);
  rig.run([...bothBooks(T + 3, bids, asks)]);
  assert.deepEqual(bests(rig), [p(0.50), p(0.51), p(0.49), p(0.50)]);
  rig.run([{ type: "feedState", feed: "binance.spot", state: "down", detail: "", ...at(T + 4) }]);
  assert.equal(windowOf(rig).up.bestBid, p(0.50), "another feed's silence is not the book's");
});

Deno.test("a delta before the first snapshot is ignored", () => {
  const rig = engineRig();
  rig.run([windowEvent(START), deltaEvent(T, UP, [[0, 0.50, 10], [1, 0.51, 10]], 0.50, 0.51)]);
  assert.deepEqual(bests(rig), [-1, -1, -1, -1]);
  assert.equal(rig.engine.unknownTokens, 0);
});

Deno.test("what the policy sees of a distrusted book is nothing, until the venue agrees again", () => {
  const seen: number[][] = [];
  const rig = engineRig({
    policy: scripted((view) => {
      seen.push([view.upBid, view.upAsk, view.upMid]);
      return HOLD;
    }),
  });
  rig.run([
    ...market(T - 100),
    deltaEvent(T, UP, [[0, 0.49, 5]], 0.48, 0.51),
    deltaEvent(T + 100, UP, [[0, 0.49, 6]], 0.50, 0.51),
    deltaEvent(T + 200, UP, [[0, 0.53, 6]]),
  ]);
  assert.deepEqual(seen.slice(-3), [[-1, -1, NaN], [p(0.50), p(0.51), 0.505], [-1, -1, NaN]]);
});

Deno.test("a bestBidAsk that disagrees is counted and does not decide on trust", () => {
  const rig = engineRig();
  const best = (bid: number, ask: number): Event => ({ type: "bestBidAsk", token: UP, bid, ask, ...at(T) });
  rig.run([...market(), best(p(0.50), p(0.51)), best(p(0.49), p(0.51))]);
  assert.equal(windowOf(rig).up.mismatches, 1);
  assert.ok(windowOf(rig).up.trusted);
});

const twap = (t: number, exact: string, changes = {}): Event => oraclePrice(t, "twap60", exact, changes);

Deno.test("the closing print against the strike, to the eighteenth digit, gives the provisional winner; a tie is Up", () => {
  const strike = strikeEvent(T, 90123.45, { exact: "90123.450000000000000001" });
  const winner = (exact: string, changes = {}) => {
    const rig = engineRig();
    rig.run([...market(), strike, twap(END, exact, changes)]);
    return windowOf(rig).provisionalWinner;
  };
  assert.equal(winner("90123.450000000000000001"), "up");
  assert.equal(winner("90123.450000000000000000"), "down");
  assert.equal(winner("90123.450000000000000002"), "up");
  assert.equal(winner("90123.45"), "down");
  const rig = engineRig();
  rig.run([...market(), strike, twap(END, "90200"), twap(END + 1000, "90000")]);
  assert.equal(windowOf(rig).provisionalWinner, "up", "later prints are another window's");
  assert.equal(winner("90200", { asset: "eth" }), null, "another asset's print");
  assert.equal(winner("90200", { provider: "pyth" }), null, "another oracle's print");
  assert.equal(winner("90200", { kind: "spot" }), null, "a spot print");
  assert.equal(winner("90200", { tExchange: END - 1000 as Ms }), null, "an earlier second");
  assert.equal(winner("9.02e4"), null, "no plain decimal");
});

Deno.test("no provisional winner for a rule or a strike that the print does not speak of", () => {
  const winner = (window: Event, strike: Event) => {
    const rig = engineRig();
    rig.run([window, strike, twap(END, "90200")]);
    return windowOf(rig).provisionalWinner;
  };
  const strike = strikeEvent(T, 90_000);
  assert.equal(winner(windowEvent(START), strike), "up");
  const rule = { kind: "twap", oracle: "chainlink", averagingSeconds: 30, tie: "up" } as const;
  assert.equal(winner(windowEvent(START, { rule }), strike), null);
  assert.equal(winner(windowEvent(START, { rule: { kind: "unknown", text: "" } }), strike), null);
  assert.equal(winner(windowEvent(START), strikeEvent(T, 90_000, { basis: "binance-futures" })), null);
  assert.equal(winner(windowEvent(START), clock(T)), null, "no strike");
});

/** Holds 40 Up shares bought at 0.51. */
function holding(changes: Parameters<typeof engineRig>[0] = {}): EngineRig {
  const rig = engineRig({ policy: planned([{ from: T, action: WANT_UP }]), ...changes });
  rig.run([...market(), clock(T), ...filled(T + 50, "o1", "buy", 0.51, 40)]);
  return rig;
}

Deno.test("a position is marked at its last executable bid, and at its payout once the winner is known", () => {
  const rig = holding();
  assert.equal(rig.engine.equity(), dollars(1000 - 40 * 0.01));
  rig.run([bookEvent(T + 100, UP, [], asks)]);
  assert.equal(rig.engine.equity(), dollars(1000 - 40 * 0.01), "an empty side keeps the mark");
  rig.run([bookEvent(T + 200, UP, [[0.30, 5]], asks)]);
  assert.equal(rig.engine.equity(), dollars(1000 - 40 * 0.21));
  rig.run([strikeEvent(T + 300, 90_000), twap(END, "90000")]);
  assert.equal(rig.engine.equity(), dollars(1000 + 40 * 0.49));
  rig.run([resolvedEvent(END + 30_000, "down")]);
  assert.equal(rig.engine.equity(), dollars(1000 - 40 * 0.51), "the venue's word replaces ours");
});

Deno.test("a window is settled by the first resolution and by no other", () => {
  let settled = 0;
  const rig = holding({ onSettled: () => void settled++ });
  rig.run([
    resolvedEvent(END + 1000, "up"),
    resolvedEvent(END + 2000, "down"),
    resolvedEvent(END + 3000, "up"),
  ]);
  assert.equal(settled, 1);
  assert.equal(windowOf(rig).winner, "up");
  assert.equal(rig.engine.portfolio.cash, dollars(1000 + 40 * 0.49));
  assert.equal(rig.engine.portfolio.window("0xc1").pnl, dollars(40 * 0.49));
});

Deno.test("a fill whose answer arrives after the resolution is paid out like the others", () => {
  const rig = engineRig({ policy: planned([{ from: T, action: WANT_UP }]) });
  rig.run([...market(), clock(T), resolvedEvent(END + 10, "up"), ...filled(END + 50, "o1", "buy", 0.51, 40)]);
  assert.equal(rig.engine.portfolio.cash, dollars(1000 + 40 * 0.49));
  assert.equal(rig.engine.portfolio.positions.size, 0);
});

Deno.test("a sale whose answer arrives after the resolution is not paid out as well", () => {
  for (const [winner, payout] of [["up", 20], ["down", 0]] as const) {
    const rig = holding({
      policy: planned([{ from: T, action: WANT_UP }, { from: T + 100, action: CLOSE }]),
    });
    const intents = rig.run([...bothBooks(T + 100, bids, asks)]);
    assert.equal(intents.length, 1);
    rig.run([
      resolvedEvent(END + 10, winner),
      ...filled(END + 50, "o2", "sell", 0.60, 20, { fee: dollars(0.33) }),
    ]);
    // 40 bought, 20 of them sold before the end, 20 paid out.
    const expected = dollars(-40 * 0.51 + 20 * 0.60 - 0.33 + payout);
    assert.equal(rig.engine.portfolio.cash, dollars(1000) + expected, winner);
    assert.equal(rig.engine.portfolio.window("0xc1").pnl, expected);
    assert.equal(rig.engine.portfolio.realised, expected);
  }
});

Deno.test("settled windows are forgotten a minute after their end, unresolved ones after an hour, held ones never", () => {
  const rig = holding();
  const unresolved = { ...OTHER, conditionId: "0xc3", upToken: "555", downToken: "666" };
  rig.run([
    windowEvent(T, OTHER),
    windowEvent(T, unresolved),
    resolvedEvent(END + 1000, "up", OTHER.conditionId),
  ]);
  const known = (t: number) => {
    rig.run([clock(t)]);
    return [...rig.engine.windows.keys()];
  };
  assert.deepEqual(known(END + 59_999), ["0xc1", "0xc2", "0xc3"]);
  assert.deepEqual(known(END + 60_000), ["0xc1", "0xc3"]);
  assert.deepEqual(known(END + 3_599_999), ["0xc1", "0xc3"]);
  assert.deepEqual(known(END + 3_600_000), ["0xc1"]);
  assert.deepEqual(known(END + 36_000_000), ["0xc1"]);
  rig.run([bookEvent(END + 36_000_000, OTHER.upToken, bids, asks)]);
  assert.equal(rig.engine.unknownTokens, 1, "the forgotten window's tokens are forgotten too");
  rig.run([resolvedEvent(END + 36_000_100, "up")]);
  assert.deepEqual(known(END + 36_000_200), []);
  assert.equal(rig.engine.portfolio.cash, dollars(1000 + 40 * 0.49));
});

Deno.test("a window with an order under way is not forgotten, and the order's fill still finds it", () => {
  const rig = engineRig({ policy: planned([{ from: T, action: WANT_UP }]) });
  rig.run([...market(), clock(T), resolvedEvent(END + 1000, "up"), clock(END + 600_000)]);
  assert.equal(rig.engine.windows.size, 1);
  rig.run([...filled(END + 600_100, "o1", "buy", 0.51, 40), clock(END + 600_200)]);
  assert.equal(rig.engine.portfolio.cash, dollars(1000 + 40 * 0.49));
  assert.equal(rig.engine.windows.size, 0);
});

Deno.test("drawdown is measured from the highest equity seen", () => {
  const rig = holding();
  rig.run([...bothBooks(T + 200, [[0.91, 10]], [[0.92, 10]]), clock(T + 300)]);
  assert.equal(rig.engine.peakEquity, dollars(1000 + 40 * 0.40));
  rig.run([...bothBooks(T + 400, [[0.41, 10]], [[0.42, 10]]), clock(T + 500)]);
  assert.equal(rig.engine.maxDrawdown, dollars(40 * 0.50));
});

Deno.test("a hundred windows leave nothing behind", () => {
  const rig = engineRig({ policy: scripted(() => WANT_UP) });
  for (let i = 0; i < 100; i++) {
    const start = START + i * 400_000;
    const ids = { startMs: start as Ms, conditionId: `0x${i}`, upToken: `u${i}`, downToken: `d${i}` };
    rig.run([
      windowEvent(start, ids),
      ...bothBooks(start + 1000, bids, asks, ids.upToken, ids.downToken),
      clock(start + 1100),
      resolvedEvent(start + 330_000, "up", ids.conditionId),
    ]);
    for (const orderId of [...rig.engine.orders.keys()]) {
      rig.run([{ type: "orderRejected", orderId, code: "NO_MATCH", message: "", ...at(start + 330_100) }]);
    }
  }
  rig.run([clock(START + 101 * 400_000)]);
  const tokens = (rig.engine as unknown as { tokens: Map<string, unknown> }).tokens;
  assert.ok(rig.engine.windows.size <= 1 && tokens.size <= 2 && rig.engine.orders.size === 0);
  assert.ok(rig.engine.rejected.get("NO_MATCH")! >= 100);
});

Deno.test("wishes become orders: flat opens, the same side is nothing, the other side and close only sell", () => {
  const orders = (...actions: (typeof WANT_UP | typeof WANT_DOWN | typeof CLOSE)[]) => {
    const rig = holding({
      policy: planned([
        { from: T, action: WANT_UP },
        ...actions.map((action, i) => ({ from: T + 100 + i, action })),
      ]),
    });
    return rig.run([...bothBooks(T + 100, bids, asks)]);
  };
  assert.deepEqual(orders(WANT_UP), []);
  for (const action of [WANT_DOWN, CLOSE] as const) {
    const [order] = orders(action);
    assert.ok(order?.type === "submit");
    assert.deepEqual([order.side, order.outcome, order.size, order.spend, order.limit, order.orderType], [
      "sell",
      "up",
      lots(40),
      0,
      p(0.49),
      "FAK",
    ]);
  }
  const flat = engineRig({ policy: planned([{ from: T, action: CLOSE }]) });
  assert.deepEqual(flat.run([...market(), clock(T)]), []);
});

Deno.test("buying Down pays Down's own ask and one tick of slippage, from its own book", () => {
  const rig = engineRig({ policy: planned([{ from: T, action: WANT_DOWN }]) });
  const [order] = rig.run([...market(), clock(T)]);
  assert.ok(order?.type === "submit");
  assert.deepEqual([order.token, order.outcome, order.side, order.limit, order.spend], [
    DOWN,
    "down",
    "buy",
    p(0.51),
    dollars(24.15),
  ]);
  assert.deepEqual([order.bornAt, order.maxAge], [T, 1000]);
});

Deno.test("Kelly stakes on the probability of the side it buys, and nothing on one that has none", () => {
  const spend = (action: typeof WANT_UP | typeof WANT_DOWN, probabilityUp: number) => {
    const wish = planned([{ from: T, action }]);
    const policy = scripted((view) => {
      view.probabilityUp = probabilityUp;
      return wish.decide(view);
    }, { statesProbability: true });
    const rig = engineRig({ policy, sizing: { mode: "kelly", fraction: 0.25 } });
    rig.run([...market(), clock(T)]);
    return rig.decisions[0]!.intent.spend / 1e6;
  };
  // Down costs 0.50 + 0.0175: a quarter of (0.6 - 0.5175) / 0.4825 of 1000, less its fee.
  assert.equal(spend(WANT_DOWN, 0.4), Math.floor(250 * (0.6 - 0.5175) / 0.4825 / 1.035 * 100) / 100);
  assert.equal(spend(WANT_DOWN, 0.6), 0);
  const cost = 0.51 + 0.07 * 0.51 * 0.49;
  assert.equal(spend(WANT_UP, 0.6), Math.floor(250 * (0.6 - cost) / (1 - cost) * 0.51 / cost * 100) / 100);
  assert.equal(spend(WANT_UP, NaN), 0);
});

Deno.test("slippage never leaves the grid, and a sale is of whole hundredths", () => {
  const edge = engineRig({ policy: planned([{ from: T, action: WANT_UP }]), slippageTicks: 3 });
  const [buy] = edge.run([windowEvent(START), ...bothBooks(T - 10, [[0.97, 100]], [[0.98, 100]]), clock(T)]);
  assert.equal(buy?.type === "submit" && buy.limit, p(0.99));
  const rig = engineRig({
    policy: planned([{ from: T, action: WANT_UP }, { from: T + 100, action: CLOSE }]),
  });
  rig.run([...market(), clock(T), ...filled(T + 50, "o1", "buy", 0.51, 19.6078)]);
  const [sale] = rig.run([...bothBooks(T + 100, [[0.01, 100]], [[0.02, 100]])]);
  assert.ok(sale?.type === "submit");
  assert.deepEqual([sale.size, sale.limit], [lots(19.60), p(0.01)]);
});

Deno.test("what is too small to sell is no position: the policy is flat and may open again", () => {
  const sides: number[] = [];
  const rig = engineRig({
    policy: scripted((view) => {
      if (view.now < T) return HOLD;
      return sides.push(view.side) === 1 ? WANT_UP : HOLD;
    }),
  });
  rig.run([...market(), clock(T), ...filled(T + 50, "o1", "buy", 0.51, 4.99), clock(T + 100)]);
  assert.deepEqual(sides, [0, 0]);
  assert.equal(rig.engine.portfolio.sharesOf(UP), lots(4.99));
});

Deno.test("decisions fall on the time grid, once an instant, and not on half of a frame", () => {
  const times: number[] = [];
  const rig = engineRig({
    policy: scripted((view) => {
      times.push(view.now - T);
      return HOLD;
    }),
    decideEveryMs: 500,
  });
  rig.run([windowEvent(T), clock(T + 1), clock(T + 499), clock(T + 730), clock(T + 740), clock(T + 1000)]);
  assert.deepEqual(times, [0, 730, 1000]);
  rig.engine.step(bookEvent(T + 1500, UP, bids, asks), true);
  assert.equal(times.length, 3, "the other token's book is still to come");
  rig.engine.step(bookEvent(T + 1500, DOWN, asks, bids));
  assert.deepEqual(times.slice(3), [1500]);
});

Deno.test("the policy sees both books, the clock, the velocity and the fair value of the moment", () => {
  const seen: Partial<MarketView>[] = [];
  const rig = engineRig({
    policy: scripted((view) => {
      const { upBid, upAsk, downBid, downAsk, timeRemaining, velocity, fairUp, probabilityUp } = view;
      seen.push({ upBid, upAsk, downBid, downAsk, timeRemaining, velocity, fairUp, probabilityUp });
      view.probabilityUp = 0.9;
      return HOLD;
    }, { decideEveryMs: 500 }),
  });
  const fast: Event[] = [];
  for (let t = T - 600_000; t <= T - 5000; t += 5000) {
    fast.push(fastPrice(t, t % 10_000 === 0 ? 100_000 : 100_010));
  }
  rig.run([...fast, windowEvent(T - 2500), strikeEvent(T - 2500, 90_000, { basis: "binance-futures" })]);
  rig.run([...bothBooks(T - 2400, bids, asks)]);
  for (let t = T - 2000; t <= T; t += 500) rig.run([clock(t)]);
  rig.run([...bothBooks(T + 100, [[0.54, 10]], [[0.55, 10]]), clock(T + 500)]);
  const last = seen.at(-1)!;
  assert.deepEqual(last, {
    upBid: p(0.54),
    upAsk: p(0.55),
    downBid: p(0.45),
    downAsk: p(0.46),
    timeRemaining: (END - T - 500) / 300_000,
    velocity: 0.04,
    fairUp: 1,
    probabilityUp: NaN,
  });
  rig.run([clock(T + 1000), clock(T + 1500), clock(T + 2000), clock(T + 2500)]);
  assert.deepEqual(
    seen.slice(-4).map((view) => view.velocity),
    [0.04, 0.04, 0.04, 0],
    "it looks back two seconds",
  );
});

Deno.test("a recording of one token gives both books, each with its mark", () => {
  const rig = engineRig();
  rig.run([windowEvent(START, { mirrorOf: "up" }), bookEvent(T, UP, [[0.60, 7]], [[0.63, 9]])]);
  assert.deepEqual(bests(rig), [p(0.60), p(0.63), p(0.37), p(0.40)]);
  assert.deepEqual([windowOf(rig).upMark, windowOf(rig).downMark], [p(0.60), p(0.37)]);
  rig.run([deltaEvent(T + 10, UP, [[1, 0.63, 0], [1, 0.64, 3]], 0.60, 0.64)]);
  assert.deepEqual(bests(rig), [p(0.60), p(0.64), p(0.36), p(0.40)]);
  assert.ok(windowOf(rig).up.trusted && windowOf(rig).down.trusted);
  assert.equal(windowOf(rig).bookAtMs, T + 10);
});

Deno.test("an order that is rejected frees its window and its money; INTENT_EXPIRED counts as not sent", () => {
  const rig = engineRig({
    policy: planned([0, 100, 200].map((d) => ({ from: T + d, action: WANT_UP } as const))),
  });
  rig.run([...market(), clock(T)]);
  rig.run([{ type: "orderRejected", orderId: "o1", code: "NO_MATCH", message: "", ...at(T + 50) }]);
  assert.equal(rig.run([clock(T + 100)]).length, 1);
  rig.run([{ type: "orderRejected", orderId: "o2", code: "INTENT_EXPIRED", message: "", ...at(T + 150) }]);
  assert.deepEqual([[...rig.engine.rejected], [...rig.engine.notSent]], [[["NO_MATCH", 1]], [[
    "INTENT_EXPIRED",
    1,
  ]]]);
  assert.equal(rig.engine.orders.size, 0);
});

Deno.test("a book snapshot that states a tick sets it", () => {
  const rig = engineRig();
  rig.run([windowEvent(START), bookEvent(T, UP, bids, asks, 10)]);
  assert.equal(windowOf(rig).instrument.tick, 10 as Price);
});
