/** Mint and merge, impact of our own fills, phases, settlement, end of the window. */
import { impactModel } from "../../../../core/exchange/impact.ts";
import { constantLatency } from "../../../../core/exchange/latency.ts";
import { restartAt } from "../../../../core/exchange/phases.ts";
import { riskAverse } from "../../../../core/exchange/queue.ts";
import { delayedSettlement } from "../../../../core/exchange/settlement.ts";
import type { Ms } from "../../../../core/units.ts";
import { bookEvent, DOWN, resolvedEvent, UP } from "../../helpers.ts";
import { book, buys, delta, rests, type Scenario, sells, show, T, trade } from "./scenario.ts";

const END = 240_000;
const settles = (failureRate: number, ms = 4_000) =>
  delayedSettlement({ time: constantLatency(ms), failureRate, random: () => 0.5 });
const resolved = (t: number, winner: "up" | "down") => show(t, (now) => resolvedEvent(now, winner));

export const MARKET: readonly Scenario[] = [
  {
    name: "mint: shares taken on Up are gone from Down's mirror",
    steps: [
      book(-10, [[0.50, 9]], [[0.51, 20], [0.55, 100]]),
      buys(0, "o1", 10.20, 0.51),
      sells(300, "o2", 5, 0.49, { outcome: "down", token: DOWN }),
      sells(600, "o3", 5, 0.45, { outcome: "down", token: DOWN }),
    ],
    fills: [
      // 20 x 0.51; 20 x 0.017493
      ["o1", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 200],
      // Down's bid at 0.45 is Up's offer at 0.55: 5 x 0.45; 5 x 0.017325 = 0.086625 -> half up 0.08663
      ["o3", "taker", 0.45, 5_000_000, 2_250_000, 86_630, 800],
    ],
    ends: ["o1 filled", "o2 NO_MATCH", "o3 filled"],
  },
  {
    name: "mint: a recording of one token trades the other as its mirror",
    mirrorOf: "up",
    steps: [
      show(-10, (now) => bookEvent(now, UP, [[0.50, 30]], [[0.51, 20]])),
      buys(0, "o1", 10, 0.50, { outcome: "down", token: DOWN }),
      sells(300, "o2", 10, 0.50), // 20 of Up's 30 bids were Down's offers
    ],
    fills: [
      ["o1", "taker", 0.50, 20_000_000, 10_000_000, 350_000, 200],
      ["o2", "taker", 0.50, 10_000_000, 5_000_000, 175_000, 500],
    ],
  },
  {
    name: "mint: a pair bought as a taker costs its fees and the spread, and pays one dollar",
    steps: [
      book(-10, [[0.49, 50]], [[0.50, 50]]),
      rests(0, "o1", ["buy", 10, 0.50]),
      rests(0, "o2", ["buy", 10, 0.51], { outcome: "down", token: DOWN }),
      resolved(END + 20_000, "down"),
    ],
    fills: [
      ["o1", "taker", 0.50, 10_000_000, 5_000_000, 175_000, 200],
      ["o2", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 200],
    ],
    // 1000 - 5 - 0.175 - 5.10 - 0.17493 + 110 of Down
    cash: 1_099_550_070,
  },
  {
    name:
      "mint: what a resting order met on Up's frame is not there again on Down's frame of the same moment",
    steps: [
      book(-10, [[0.49, 9]], [[0.52, 20]]),
      rests(0, "o1", ["buy", 10, 0.50]),
      book(200, [[0.48, 9]], [[0.50, 6], [0.52, 20]]),
      sells(300, "o2", 5, 0.50, { outcome: "down", token: DOWN }),
    ],
    // 6 x 0.50; Down's bid at 0.50 was these 6
    fills: [["o1", "maker", 0.50, 6_000_000, 3_000_000, 0, 200]],
    ends: ["o2 NO_MATCH", "o1 market-closed"],
  },
  {
    name: "impact: a delta does not give back what we took",
    steps: [
      book(-10, [[0.50, 9]], [[0.51, 20]]),
      buys(0, "o1", 10.20, 0.51),
      delta(300, [1, 0.51, 15]), // 5 of the 20 left: the 15 are ours
      buys(400, "o2", 10, 0.51),
      delta(700, [1, 0.51, 30]), // 15 of the 30 are new
      buys(800, "o3", 10, 0.51),
    ],
    fills: [
      ["o1", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 200],
      // 15 x 0.51; 15 x 0.017493 = 0.262395 -> half up 0.2624
      ["o3", "taker", 0.51, 15_000_000, 7_650_000, 262_400, 1000],
    ],
    ends: ["o1 filled", "o2 NO_MATCH", "o3 killed"],
  },
  {
    name: "impact: a snapshot gives all of it back",
    steps: [
      book(-10, [[0.50, 9]], [[0.51, 20]]),
      buys(0, "o1", 10.20, 0.51),
      book(300, [[0.50, 9]], [[0.51, 20]]),
      buys(400, "o2", 10.20, 0.51),
    ],
    fills: [
      ["o1", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 200],
      ["o2", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 600],
    ],
  },
  {
    name: "impact, persistent: a snapshot is only one more statement",
    units: { impact: impactModel("persistent") },
    steps: [
      book(-10, [[0.50, 9]], [[0.51, 20]]),
      buys(0, "o1", 10.20, 0.51),
      book(300, [[0.50, 9]], [[0.51, 30]]),
      buys(400, "o2", 10.20, 0.51),
    ],
    fills: [
      ["o1", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 200],
      // 30 - 20 = 10
      ["o2", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 600],
    ],
  },
  {
    name: "impact, until restated: any frame about the level gives it back",
    units: { impact: impactModel("untilRestated") },
    steps: [
      book(-10, [[0.50, 9]], [[0.51, 20]]),
      buys(0, "o1", 10.20, 0.51),
      delta(300, [1, 0.51, 15]),
      buys(400, "o2", 10, 0.51),
    ],
    fills: [
      ["o1", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 200],
      ["o2", "taker", 0.51, 15_000_000, 7_650_000, 262_400, 600],
    ],
  },
  {
    name: "phases: nothing in a restart, then only what is post-only, then everything",
    units: { phases: restartAt((T + 1_000) as Ms), queue: riskAverse },
    steps: [
      book(-10, [[0.49, 5]], [[0.51, 20]]),
      rests(0, "o1", ["buy", 10, 0.50], { postOnly: true }),
      buys(2_000, "o2", 10, 0.51),
      trade(3_000, "sell", 0.49, 7), // matched by nobody
      buys(92_000, "o3", 10, 0.51),
      rests(93_000, "o4", ["buy", 10, 0.48], { postOnly: true }),
      trade(94_000, "sell", 0.49, 7),
      // 1000 + 90000 + 120000: open again
      buys(211_000, "o5", 5.10, 0.51),
    ],
    fills: [
      // 7 x 0.50
      ["o1", "maker", 0.50, 7_000_000, 3_500_000, 0, 94_000],
      ["o5", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 211_200],
    ],
    ends: ["o2 ENGINE_RESTART", "o3 POST_ONLY_MODE", "o5 filled", "o1 market-closed", "o4 market-closed"],
  },
  {
    name: "settlement: bought shares can be sold once they are final, and no sooner",
    units: { settlement: settles(0) },
    steps: [
      book(-10, [[0.50, 500]], [[0.51, 500]]),
      buys(0, "o1", 51, 0.51), // 100 shares, final at 4200
      sells(1_000, "o2", 150, 0.50), // 100 are settled
      sells(5_000, "o3", 150, 0.50),
    ],
    fills: [
      // 100 x 0.51; 100 x 0.017493 = 1.7493
      ["o1", "taker", 0.51, 100_000_000, 51_000_000, 1_749_300, 200],
      // 150 x 0.50; 150 x 0.0175 = 2.625
      ["o3", "taker", 0.50, 150_000_000, 75_000_000, 2_625_000, 5_200],
    ],
    ends: ["o1 filled", "o2 NOT_ENOUGH_BALANCE", "o3 filled"],
    // 1000 - 51 - 1.7493 + 75 - 2.625
    cash: 1_019_625_700,
  },
  {
    name: "settlement: an undone fill leaves nothing behind",
    units: { settlement: settles(1) },
    steps: [
      book(-10, [[0.50, 500]], [[0.51, 500]]),
      buys(0, "o1", 51, 0.51),
      sells(6_000, "o2", 101, 0.50), // the 100 never came
      resolved(END + 20_000, "up"),
    ],
    fills: [["o1", "taker", 0.51, 100_000_000, 51_000_000, 1_749_300, 200]],
    ends: ["o1 filled", "o2 NOT_ENOUGH_BALANCE"],
    // 1000 + the 100 of Up it began with
    cash: 1_100_000_000,
  },
  {
    name: "settlement: what is open when the window resolves is decided before the payout",
    units: { settlement: settles(0, 60_000) },
    steps: [
      book(-10, [[0.50, 500]], [[0.51, 500]]),
      buys(230_000, "o1", 51, 0.51),
      resolved(END + 20_000, "up"),
    ],
    fills: [["o1", "taker", 0.51, 100_000_000, 51_000_000, 1_749_300, 230_200]],
    // 1000 - 51 - 1.7493 + 200
    cash: 1_147_250_700,
  },
  {
    name: "settlement: shares that never come are not paid out, however late that is known",
    units: { settlement: settles(1, 60_000) },
    steps: [
      book(-10, [[0.50, 500]], [[0.51, 500]]),
      buys(230_000, "o1", 51, 0.51),
      resolved(END + 20_000, "up"),
    ],
    fills: [["o1", "taker", 0.51, 100_000_000, 51_000_000, 1_749_300, 230_200]],
    // 1000 + the 100 of Up it began with
    cash: 1_100_000_000,
  },
  {
    name: "end of window: what rests is cancelled, what is held is refused, winners are paid",
    steps: [
      book(-10, [[0.49, 5]], [[0.51, 100]]),
      buys(0, "o1", 10.20, 0.51),
      rests(1_000, "o2", ["buy", 10, 0.49]),
      buys(END - 100, "o3", 10, 0.51), // its hold ends at END + 100
      trade(END + 1_000, "sell", 0.40, 50),
      buys(END + 2_000, "o4", 10, 0.51),
      resolved(END + 20_000, "up"),
    ],
    fills: [["o1", "taker", 0.51, 20_000_000, 10_200_000, 349_860, 200]],
    ends: ["o1 filled", "o2 market-closed", "o3 MARKET_CLOSED", "o4 MARKET_CLOSED"],
    // 1000 - 10.20 - 0.34986 + 120
    cash: 1_109_450_140,
  },
  {
    name: "end of window, until resolved: what rests can be picked off when the outcome is known",
    units: { end: "restUntilResolved" },
    steps: [
      book(-10, [[0.49, 5]], [[0.51, 100]]),
      rests(0, "o1", ["buy", 10, 0.49]),
      rests(0, "o2", ["buy", 10, 0.48]),
      trade(END + 1_000, "sell", 0.05, 15),
      resolved(END + 20_000, "down"),
    ],
    fills: [
      ["o1", "maker", 0.49, 10_000_000, 4_900_000, 0, END + 1_000],
      ["o2", "maker", 0.48, 5_000_000, 2_400_000, 0, END + 1_000],
    ],
    ends: ["o1 filled", "o2 market-closed"],
    // 1000 - 4.90 - 2.40 + 100 of Down
    cash: 1_092_700_000,
  },
];
