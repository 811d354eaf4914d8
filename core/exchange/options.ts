/** The exchange model's units, one of each, with their defaults. */
import type { Shares, Usdc } from "../units.ts";
import type { Assumption } from "./assumption.ts";
import { describeEnd, type EndRule } from "./end_of_window.ts";
import { describeHold, type HoldModel, marketHold } from "./hold.ts";
import { describeImpact, type ImpactModel, impactModel } from "./impact.ts";
import { constantLatency, describeLatency, type LatencyModel } from "./latency.ts";
import { describeMint, type PrintRule } from "./mint.ts";
import { describePhases, type Phase } from "./phases.ts";
import { describeQueue, lastInQueue, type QueueModel } from "./queue.ts";
import { DESCRIBE_REBATES } from "./rebates.ts";
import { describeSettlement, instantSettlement, type SettlementModel } from "./settlement.ts";
import { describeWalk, type FillStep } from "./walk.ts";

/** Every unit in force. */
export interface ExchangeUnits {
  /** How long the venue's market data takes to us: our book is that much older than the venue's. Default 0 ms. */
  readonly feedLatency: LatencyModel;
  /** How long a request takes to the venue. Default 50 ms. */
  readonly orderLatency: LatencyModel;
  /** How long its answer takes back. Default 50 ms. */
  readonly responseLatency: LatencyModel;
  /** Default: the market's own. */
  readonly hold: HoldModel;
  /** Default `lastInQueue`. */
  readonly queue: QueueModel;
  /** Default `untilSnapshot`. */
  readonly impact: ImpactModel;
  /** Default `fourDecimals`. */
  readonly step: FillStep;
  /** Default `bothTokens`. */
  readonly prints: PrintRule;
  /** Default instant. */
  readonly settlement: SettlementModel;
  /** Default none. */
  readonly phases: readonly Phase[];
  /** Default `cancelAtEnd`. */
  readonly end: EndRule;
}

export interface ExchangeOptions extends Partial<ExchangeUnits> {
  readonly bankroll: Usdc;
  /** Shares held at the start, by token. */
  readonly holdings?: ReadonlyMap<string, Shares>;
  /** No order is refused for want of money or shares: who owns what is kept elsewhere. Default false. */
  readonly freeFunds?: boolean;
}

/** The options with every default in place. */
export const exchangeUnits = (options: Partial<ExchangeUnits>): ExchangeUnits => ({
  feedLatency: options.feedLatency ?? constantLatency(0),
  orderLatency: options.orderLatency ?? constantLatency(50),
  responseLatency: options.responseLatency ?? constantLatency(50),
  hold: options.hold ?? marketHold(),
  queue: options.queue ?? lastInQueue,
  impact: options.impact ?? impactModel("untilSnapshot"),
  step: options.step ?? "fourDecimals",
  prints: options.prints ?? "bothTokens",
  settlement: options.settlement ?? instantSettlement(),
  phases: options.phases ?? [],
  end: options.end ?? "cancelAtEnd",
});

const FEES: Assumption = {
  unit: "fees",
  name: "the market's schedule, takers only",
  parameters: { decimals: 5, rounding: "nearest, half up" },
  errs: "by at most 0.000005 pUSD a fill: the venue's direction of rounding is not documented",
};

/** Every assumption in force, for reports. */
export const describeUnits = (units: ExchangeUnits): readonly Assumption[] => [
  describeLatency("feed latency", units.feedLatency),
  describeLatency("order latency", units.orderLatency),
  describeLatency("response latency", units.responseLatency),
  describeHold(units.hold),
  describeQueue(units.queue),
  describeWalk(units.step),
  describeImpact(units.impact),
  describeMint(units.prints),
  FEES,
  DESCRIBE_REBATES,
  describePhases(units.phases),
  describeSettlement(units.settlement),
  describeEnd(units.end),
];
