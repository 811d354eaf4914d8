/** Queue position, public trades on either token, quotes of the other side, rebates. */
import { lastInQueue, proportional, riskAverse, tradeThroughOnly } from "../../../../core/exchange/queue.ts";
import { DOWN } from "../../helpers.ts";
import { book, cancels, delta, rests, type Scenario, tickChange, trade } from "./scenario.ts";

/** Orders are on the book at 50: whatever happens from 100 on finds them there. */
const MARKET = book(-10, [[0.49, 100], [0.48, 50]], [[0.52, 100]]);

export const RESTING: readonly Scenario[] = [
  {
    name: "risk-averse: trades at the price serve the 100 ahead, then us",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      trade(100, "sell", 0.49, 60), // 40 ahead
      delta(110, [0, 0.49, 40]), // the same 60
      trade(200, "sell", 0.49, 45), // 40 to others, 5 to us
      trade(300, "sell", 0.49, 20), // 5 are left to fill
    ],
    fills: [
      // 5 x 0.49
      ["o1", "maker", 0.49, 5_000_000, 2_450_000, 0, 200],
      ["o1", "maker", 0.49, 5_000_000, 2_450_000, 0, 300],
    ],
    cash: 995_100_000,
  },
  {
    name: "risk-averse: a cancel moves us only as far as the displayed total forces it",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(100, [0, 0.49, 30]), // at most 30 can be ahead
      trade(300, "sell", 0.49, 35), // 30 to others, 5 to us
    ],
    fills: [["o1", "maker", 0.49, 5_000_000, 2_450_000, 0, 300]],
  },
  {
    name: "risk-averse: those who came later cancel first",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(100, [0, 0.49, 200]),
      delta(200, [0, 0.49, 100]), // all of the fall is behind us: 100 ahead
      trade(400, "sell", 0.49, 100),
      trade(500, "sell", 0.49, 3),
    ],
    fills: [["o1", "maker", 0.49, 3_000_000, 1_470_000, 0, 500]],
  },
  {
    name: "proportional: a cancel of half the level takes half of those ahead",
    units: { queue: proportional },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(100, [0, 0.49, 200]),
      delta(200, [0, 0.49, 100]), // 100 - 100 x 100 / 200 = 50 ahead
      trade(400, "sell", 0.49, 54), // 4 to us
    ],
    fills: [["o1", "maker", 0.49, 4_000_000, 1_960_000, 0, 400]],
  },
  {
    name: "proportional: the part of a fall that a trade explains is no cancel",
    units: { queue: proportional },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(100, [0, 0.49, 120]), // 20 behind us
      trade(200, "sell", 0.49, 20), // 80 ahead
      // A fall of 50: 20 traded, 30 of 100 cancelled; 80 - 30 x 80 / 100 = 56 ahead.
      delta(300, [0, 0.49, 70]),
      trade(400, "sell", 0.49, 60), // 4 to us
    ],
    fills: [["o1", "maker", 0.49, 4_000_000, 1_960_000, 0, 400]],
  },
  {
    name: "a level told before its trade is counted once",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(200, [0, 0.49, 40]),
      trade(200, "sell", 0.49, 60), // the same 60: 40 ahead, not none
      trade(300, "sell", 0.49, 45), // 5 to us
    ],
    fills: [["o1", "maker", 0.49, 5_000_000, 2_450_000, 0, 300]],
  },
  {
    name: "two orders of ours at one price wait behind the same others",
    units: { queue: riskAverse },
    steps: [
      book(-10, [[0.49, 20]], [[0.52, 100]]),
      rests(0, "o1", ["buy", 10, 0.49]), // 20 ahead
      delta(100, [0, 0.49, 50]),
      rests(100, "o2", ["buy", 10, 0.49]), // 50 ahead
      trade(300, "sell", 0.49, 75), // 20 others, 10 o1, 30 others, 15 left for o2's 10
    ],
    fills: [
      ["o1", "maker", 0.49, 10_000_000, 4_900_000, 0, 300],
      ["o2", "maker", 0.49, 10_000_000, 4_900_000, 0, 300],
    ],
    ends: ["o1 filled", "o2 filled"],
  },
  {
    name: "last in queue: no trade at the price, but one beyond it, and a quote from the other side",
    units: { queue: lastInQueue },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      trade(100, "sell", 0.49, 500),
      trade(200, "sell", 0.48, 6),
      delta(300, [0, 0.49, 0], [1, 0.49, 3]),
    ],
    fills: [
      // 6 x 0.49
      ["o1", "maker", 0.49, 6_000_000, 2_940_000, 0, 200],
      // 3 x 0.49
      ["o1", "maker", 0.49, 3_000_000, 1_470_000, 0, 300],
    ],
    ends: ["o1 market-closed"],
  },
  {
    name: "trade-through only: quotes prove nothing, trades at the price neither",
    units: { queue: tradeThroughOnly },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      trade(100, "sell", 0.49, 500),
      delta(200, [0, 0.49, 0], [1, 0.49, 30]),
      trade(300, "sell", 0.48, 10),
    ],
    fills: [["o1", "maker", 0.49, 10_000_000, 4_900_000, 0, 300]],
  },
  {
    name: "a quote at our price is met once, at our price, level by level",
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(200, [0, 0.49, 0], [0, 0.48, 0], [1, 0.47, 2], [1, 0.49, 4]),
      delta(300, [0, 0.40, 5]),
    ],
    // 2 offered at 0.47 and 4 at 0.49 meet our bid, which stood there first: 6 x 0.49
    fills: [["o1", "maker", 0.49, 6_000_000, 2_940_000, 0, 200]],
  },
  {
    name: "a SELL of Down is a bid for Up: a trade on Up reaches it",
    steps: [
      MARKET,
      rests(0, "o1", ["sell", 10, 0.51], { outcome: "down", token: DOWN }),
      trade(200, "sell", 0.48, 4),
    ],
    // 4 x 0.51
    fills: [["o1", "maker", 0.51, 4_000_000, 2_040_000, 0, 200]],
  },
  {
    name: "a trade told on both tokens is one trade; one told on Down alone is one too",
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      trade(200, "sell", 0.48, 4),
      trade(200, "buy", 0.52, 4, DOWN),
      trade(300, "buy", 0.52, 3, DOWN),
    ],
    fills: [
      // 4 x 0.49, 3 x 0.49
      ["o1", "maker", 0.49, 4_000_000, 1_960_000, 0, 200],
      ["o1", "maker", 0.49, 3_000_000, 1_470_000, 0, 300],
    ],
  },
  {
    name: "with ownToken a trade on the other token does not count",
    units: { prints: "ownToken" },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      trade(200, "buy", 0.52, 3, DOWN),
      trade(300, "sell", 0.48, 4),
    ],
    fills: [["o1", "maker", 0.49, 4_000_000, 1_960_000, 0, 300]],
  },
  {
    name: "the better of our prices has its turn first, whatever came first",
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.47]),
      rests(1, "o2", ["buy", 10, 0.48]),
      trade(200, "sell", 0.46, 12),
    ],
    fills: [
      // 10 x 0.48, then 2 x 0.47
      ["o2", "maker", 0.48, 10_000_000, 4_800_000, 0, 200],
      ["o1", "maker", 0.47, 2_000_000, 940_000, 0, 200],
    ],
  },
  {
    name: "what was filled before a cancel stays filled",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["sell", 10, 0.52]), // 100 ahead
      trade(100, "buy", 0.52, 102),
      cancels(200, "o1"),
      trade(300, "buy", 0.53, 50),
    ],
    // 2 x 0.52
    fills: [["o1", "maker", 0.52, 2_000_000, 1_040_000, 0, 100]],
    ends: ["o1 cancelled"],
    cash: 1_001_040_000,
  },
  {
    name: "a resting order survives a tick change and waits for the fresh book",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      tickChange(100, 0.01, 0.001),
      book(200, [[0.49, 8]], [[0.50, 9]]), // 8 left of those ahead
      trade(400, "sell", 0.49, 9),
    ],
    fills: [["o1", "maker", 0.49, 1_000_000, 490_000, 0, 400]],
  },
  {
    name: "who was traded through has nobody ahead any more",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]), // 100 ahead
      trade(100, "sell", 0.48, 4), // they must have gone: 4 for us
      trade(200, "sell", 0.49, 5),
    ],
    fills: [
      ["o1", "maker", 0.49, 4_000_000, 1_960_000, 0, 100],
      ["o1", "maker", 0.49, 5_000_000, 2_450_000, 0, 200],
    ],
  },
  {
    name: "proportional: a trade explains one fall, not the next",
    units: { queue: proportional },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(100, [0, 0.49, 200]), // 100 ahead, 100 behind
      trade(200, "sell", 0.49, 20), // 80 ahead
      delta(300, [0, 0.49, 180]), // that trade
      delta(400, [0, 0.49, 90]), // 90 of 180 cancelled: 80 - 40 = 40 ahead
      trade(500, "sell", 0.49, 43),
    ],
    fills: [["o1", "maker", 0.49, 3_000_000, 1_470_000, 0, 500]],
  },
  {
    name: "proportional: a fall told before its trade is not explained a second time",
    units: { queue: proportional },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(100, [0, 0.49, 200]), // 100 ahead, 100 behind
      delta(200, [0, 0.49, 160]),
      trade(200, "sell", 0.49, 40), // the same 40: 60 ahead of 160
      delta(300, [0, 0.49, 80]), // 80 of 160 cancelled: 60 - 30 = 30 ahead
      trade(400, "sell", 0.49, 32),
    ],
    fills: [["o1", "maker", 0.49, 2_000_000, 980_000, 0, 400]],
  },
  {
    name: "a fall that others have made good since is no trade's",
    units: { queue: riskAverse },
    steps: [
      MARKET,
      rests(0, "o1", ["buy", 10, 0.49]),
      delta(200, [0, 0.49, 40]), // 40 ahead
      delta(210, [0, 0.49, 90]), // 50 more behind us
      trade(220, "sell", 0.49, 45), // 40 to others, 5 to us
    ],
    fills: [["o1", "maker", 0.49, 5_000_000, 2_450_000, 0, 220]],
  },
];
