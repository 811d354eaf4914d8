/** Walking the book, price improvement, fees, order types, dust, hold and latency. */
import { fixedHold } from "../../../../core/exchange/hold.ts";
import { constantLatency } from "../../../../core/exchange/latency.ts";
import { book, buys, delta, rests, type Scenario, sells, tickChange, trade } from "./scenario.ts";

/** Sent at 0, arrives at 50, matched at 200 unless a scenario says otherwise. */
export const TAKING: readonly Scenario[] = [
  {
    name: "a market BUY walks two levels and pays each level's own price",
    steps: [book(-10, [[0.50, 100]], [[0.51, 10], [0.52, 10], [0.53, 100]]), buys(0, "o1", 10, 0.52)],
    fills: [
      // 10 x 0.51 = 5.10; 10 x 0.017493 = 0.17493
      ["o1", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 200],
      // 4.90 / 0.52 = 9.42307.. -> 9.4230; x 0.52 = 4.89996; x 0.017472 = 0.164638656 -> 0.16464
      ["o1", "taker", 0.52, 9_423_000, 4_899_960, 164_640, 200],
    ],
    ends: ["o1 filled"],
    // 1000 - 5.10 - 0.17493 - 4.89996 - 0.16464
    cash: 989_660_470,
  },
  {
    name: "a limit BUY gets every better price up to its limit",
    steps: [book(-10, [[0.49, 1]], [[0.50, 4], [0.52, 3], [0.54, 10]]), rests(0, "o1", ["buy", 10, 0.55])],
    fills: [
      // 4 x 0.50; 4 x 0.0175
      ["o1", "taker", 0.50, 4_000_000, 2_000_000, 70_000, 200],
      // 3 x 0.52; 3 x 0.017472 = 0.052416 -> 0.05242
      ["o1", "taker", 0.52, 3_000_000, 1_560_000, 52_420, 200],
      // 3 x 0.54; 3 x 0.017388 = 0.052164 -> 0.05216
      ["o1", "taker", 0.54, 3_000_000, 1_620_000, 52_160, 200],
    ],
    ends: ["o1 filled"],
  },
  {
    name: "a SELL walks the bids down and its fee comes out of the proceeds",
    steps: [book(-10, [[0.49, 10], [0.48, 10], [0.47, 10]], [[0.51, 9]]), sells(0, "o1", 25, 0.47)],
    fills: [
      ["o1", "taker", 0.49, 10_000_000, 4_900_000, 174_930, 200],
      // 10 x 0.07 x 0.2496 = 0.17472
      ["o1", "taker", 0.48, 10_000_000, 4_800_000, 174_720, 200],
      // 5 x 0.07 x 0.2491 = 0.087185 -> half up 0.08719
      ["o1", "taker", 0.47, 5_000_000, 2_350_000, 87_190, 200],
    ],
    // 1000 + 4.90 + 4.80 + 2.35 - 0.17493 - 0.17472 - 0.08719
    cash: 1_011_613_160,
  },
  {
    name: "fees near the edges: 5 at 0.97, 100 at 0.99, 100 at 0.30, 21.04 at 0.57",
    steps: [
      book(-10, [[0.96, 9]], [[0.97, 5]]),
      buys(0, "o1", 4.85, 0.97, { orderType: "FOK" }),
      book(300, [[0.98, 9]], [[0.99, 100]]),
      buys(400, "o2", 99, 0.99),
      book(700, [[0.29, 9]], [[0.30, 100]]),
      buys(800, "o3", 30, 0.30),
      book(1100, [[0.57, 50]], [[0.58, 9]]),
      sells(1200, "o4", 21.04, 0.57),
    ],
    fills: [
      // 5 x 0.07 x 0.0291 = 0.010185 -> 0.01019
      ["o1", "taker", 0.97, 5_000_000, 4_850_000, 10_190, 200],
      // 100 x 0.07 x 0.0099 = 0.0693
      ["o2", "taker", 0.99, 100_000_000, 99_000_000, 69_300, 600],
      // 100 x 0.07 x 0.21 = 1.47
      ["o3", "taker", 0.30, 100_000_000, 30_000_000, 1_470_000, 1000],
      // 21.04 x 0.57 = 11.9928; 21.04 x 0.07 x 0.2451 = 0.36098328 -> 0.36098
      ["o4", "taker", 0.57, 21_040_000, 11_992_800, 360_980, 1400],
    ],
  },
  {
    name: "FAK takes what is there and kills the rest; FOK takes all of it; nothing there is NO_MATCH",
    steps: [
      book(-10, [[0.50, 12], [0.49, 8]], [[0.51, 10], [0.53, 100]]),
      buys(0, "o1", 10, 0.52),
      sells(300, "o2", 20, 0.49, { orderType: "FOK" }),
      sells(600, "o3", 20, 0.49, { orderType: "FOK" }),
    ],
    fills: [
      ["o1", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 200],
      // 12 x 0.50 = 6; 12 x 0.0175 = 0.21
      ["o2", "taker", 0.50, 12_000_000, 6_000_000, 210_000, 500],
      // 8 x 0.49 = 3.92; 8 x 0.017493 = 0.139944 -> 0.13994
      ["o2", "taker", 0.49, 8_000_000, 3_920_000, 139_940, 500],
    ],
    ends: ["o1 killed", "o2 filled", "o3 NO_MATCH"],
  },
  {
    name: "a partly filled GTC rests with the remainder and fills it as a maker without fee",
    steps: [
      book(-10, [[0.48, 9]], [[0.50, 4], [0.52, 50]]),
      rests(0, "o1", ["buy", 10, 0.50]),
      trade(600, "sell", 0.49, 50),
    ],
    fills: [
      ["o1", "taker", 0.50, 4_000_000, 2_000_000, 70_000, 200],
      // 6 x 0.50
      ["o1", "maker", 0.50, 6_000_000, 3_000_000, 0, 600],
    ],
    // 1000 - 2 - 0.07 - 3
    cash: 994_930_000,
  },
  {
    name: "dust: less than a hundredth of a share is not left to rest",
    steps: [book(-10, [[0.50, 9]], [[0.51, 9.995]]), rests(0, "o1", ["buy", 10, 0.51])],
    // 9.995 x 0.51 = 5.09745; 9.995 x 0.017493 = 0.174842535 -> 0.17484
    fills: [["o1", "taker", 0.51, 9_995_000, 5_097_450, 174_840, 200]],
    ends: ["o1 filled"],
  },
  {
    name: "dust: a displayed size is taken to the fourth decimal",
    steps: [book(-10, [[0.50, 9]], [[0.51, 10.000099]]), buys(0, "o1", 10, 0.51)],
    fills: [["o1", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 200]],
    ends: ["o1 killed"],
  },
  {
    name: "dust: a spend that leaves less than another ten-thousandth of a share is spent",
    steps: [book(-10, [[0.50, 9]], [[0.51, 9.9999]]), buys(0, "o1", 5.10, 0.52)],
    // 9.9999 x 0.51 = 5.099949: 0.000051 left, 0.0001 at 0.52 costs 0.000052; 9.9999 x 0.017493 = 0.17492825.. -> 0.17493
    fills: [["o1", "taker", 0.51, 9_999_900, 5_099_949, 174_930, 200]],
    ends: ["o1 filled"],
  },
  {
    name: "dust: with whole cash a fill is as fine as its price allows",
    units: { step: "wholeCash" },
    steps: [book(-10, [[0.50, 9]], [[0.51, 10], [0.52, 10]]), buys(0, "o1", 10, 0.52)],
    fills: [
      ["o1", "taker", 0.51, 10_000_000, 5_100_000, 174_930, 200],
      // 4.90 / 0.52 = 9.4230769..; 0.52 = 13/25 needs steps of 25 -> 9.423075; x 0.52 = 4.899999;
      // x 0.017472 = 0.1646399664 -> 0.16464
      ["o1", "taker", 0.52, 9_423_075, 4_899_999, 164_640, 200],
    ],
    ends: ["o1 filled"],
  },
  {
    name: "hold: the book after it counts, here a better one",
    steps: [
      book(-10, [[0.40, 9]], [[0.51, 100]]),
      buys(0, "o1", 10, 0.51),
      book(199, [[0.40, 9]], [[0.45, 100]]),
    ],
    // 10 / 0.45 = 22.2222..; x 0.45 = 9.99999; 22.2222 x 0.017325 = 0.384999615 -> 0.385
    fills: [["o1", "taker", 0.45, 22_222_200, 9_999_990, 385_000, 200]],
    ends: ["o1 filled"],
  },
  {
    name: "hold: what no longer matches rests as a GTC and is killed as a FAK",
    steps: [
      book(-10, [[0.40, 9]], [[0.51, 100]]),
      rests(0, "o1", ["buy", 10, 0.51]),
      buys(0, "o2", 10, 0.51),
      book(199, [[0.40, 9]], [[0.53, 100]]),
      trade(600, "sell", 0.50, 10),
    ],
    // 10 x 0.51 as a maker
    fills: [["o1", "maker", 0.51, 10_000_000, 5_100_000, 0, 600]],
    ends: ["o2 NO_MATCH", "o1 filled"],
  },
  {
    name: "latency: a request meets the book that we get order and feed latency later, stamped in venue time",
    units: { orderLatency: constantLatency(100), feedLatency: constantLatency(40) },
    steps: [
      book(-10, [[0.40, 9]], [[0.50, 100]]),
      buys(0, "o1", 10, 0.51),
      // At the venue this book stands at 240; the order is matched there at 100 + 150 = 250.
      book(280, [[0.40, 9]], [[0.51, 100]]),
    ],
    // 10 / 0.51 = 19.60784.. -> 19.6078; x 0.51 = 9.999978; x 0.017493 = 0.3429992.. -> 0.343
    fills: [["o1", "taker", 0.51, 19_607_800, 9_999_978, 343_000, 250]],
  },
  {
    name: "no latency and no hold: matched in the instant it was sent",
    units: { orderLatency: constantLatency(0), responseLatency: constantLatency(0), hold: fixedHold(0) },
    steps: [book(-10, [[0.40, 9]], [[0.50, 100]]), buys(0, "o1", 10, 0.50)],
    fills: [["o1", "taker", 0.50, 20_000_000, 10_000_000, 350_000, 0]],
  },
  {
    name: "tick change: the finer price fills after the fresh snapshot, cash and fee to the millionth",
    steps: [
      book(-10, [[0.95, 9]], [[0.96, 100]]),
      tickChange(100, 0.01, 0.001),
      book(200, [[0.95, 9]], [[0.961, 100]]),
      buys(300, "o1", 10, 0.961),
      delta(600, [1, 0.961, 0], [1, 0.965, 50]),
      buys(700, "o2", 9.65, 0.965),
    ],
    fills: [
      // 10 / 0.961 = 10.405827.. -> 10.4058; x 0.961 = 9.9999738 -> up 9.999974;
      // 10.4058 x 0.07 x 0.961 x 0.039 = 10.4058 x 0.00262353 = 0.0272999.. -> 0.0273
      ["o1", "taker", 0.961, 10_405_800, 9_999_974, 27_300, 500],
      // 10 x 0.965; 10 x 0.07 x 0.965 x 0.035 = 0.0236425 -> 0.02364
      ["o2", "taker", 0.965, 10_000_000, 9_650_000, 23_640, 900],
    ],
  },
  {
    name: "tick change: an order at the finest tick pays a fee of three hundred-thousandths",
    steps: [
      tickChange(-20, 0.01, 0.0001),
      book(-10, [[0.0001, 500]], [[0.0002, 9]]),
      sells(0, "o1", 5, 0.0001),
    ],
    // 5 x 0.0001 = 0.0005; 5 x 0.07 x 0.0001 x 0.9999 = 0.0000349965 -> 0.00003
    fills: [["o1", "taker", 0.0001, 5_000_000, 500, 30, 200]],
  },
];
