/** Builders shared by the tests of core/: one five-minute window, its books, and an engine or a whole session on it. */
import { type Decision, Engine, type EngineOptions } from "../../core/engine.ts";
import type {
  BookDeltaEvent,
  BookEvent,
  Event,
  ExecutionEvent,
  FastPriceEvent,
  FastTradeEvent,
  FillEvent,
  Intent,
  MarketEvent,
  OraclePriceEvent,
  ResolvedEvent,
  StrikeEvent,
  SubmitIntent,
  WindowEvent,
} from "../../core/events.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { LatencyModel } from "../../core/exchange/latency.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import type { FeeSchedule, Instrument, Outcome } from "../../core/market/instrument.ts";
import { type Action, HOLD, type MarketView, type Policy } from "../../core/policy/policy.ts";
import { DEFAULT_LIMITS, type RiskLimits } from "../../core/risk/gate.ts";
import { Session } from "../../core/session.ts";
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";

/** 2026-11-21T09:35:00Z, the dossier's example window. */
export const START = 1_795_253_700_000;
export const END = START + 300_000;

export const UP = "111";
export const DOWN = "222";
export const CONDITION = "0xc1";

export const at = (ms: number): { tExchange: Ms; tReceive: Ms } => ({
  tExchange: ms as Ms,
  tReceive: ms as Ms,
});
/** pUSD (or shares) in millionths. */
export const micro = (amount: number): number => Math.round(amount * 1e6);
export const dollars = (amount: number): Usdc => micro(amount) as Usdc;
export const lots = (amount: number): Shares => micro(amount) as Shares;
/** A price from its decimal: p(0.51) is 5100. */
export const p = (decimal: number): Price => Math.round(decimal * 10_000) as Price;

export const CRYPTO_FEE: FeeSchedule = { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 };

export function instrument(changes: Partial<Instrument> = {}): Instrument {
  const startMs = changes.startMs ?? START as Ms;
  return {
    slug: `btc-updown-5m-${startMs / 1000}`,
    asset: "btc",
    duration: "5m",
    conditionId: CONDITION,
    version: "v1",
    upToken: UP,
    downToken: DOWN,
    startMs,
    endMs: (startMs + 300_000) as Ms,
    tick: 100 as Price,
    minSize: lots(5),
    fee: CRYPTO_FEE,
    rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
    negRisk: false,
    takerHoldMs: 150 as Ms,
    tradable: true,
    reason: null,
    mirrorOf: null,
    ...changes,
  };
}

/** Rows `[decimal price, shares]` as flat levels. */
export const levels = (rows: readonly (readonly [number, number])[]): number[] =>
  rows.flatMap(([price, size]) => [p(price), micro(size)]);

type Rows = readonly (readonly [number, number])[];

export const windowEvent = (t: number, changes: Partial<Instrument> = {}): WindowEvent => ({
  type: "window",
  instrument: instrument(changes),
  ...at(t),
});
export const bookEvent = (t: number, token: string, bids: Rows, asks: Rows, tick?: number): BookEvent => ({
  type: "book",
  token,
  bids: levels(bids),
  asks: levels(asks),
  ...(tick === undefined ? {} : { tick: tick as Price }),
  ...at(t),
});
/** Both tokens' books from the Up side: Down is the exact mirror. */
export const bothBooks = (t: number, bids: Rows, asks: Rows, up = UP, down = DOWN): BookEvent[] => {
  const turn = (rows: Rows): Rows => rows.map(([price, size]) => [1 - price, size] as const);
  return [bookEvent(t, up, bids, asks), bookEvent(t, down, turn(asks), turn(bids))];
};
/** Changes `[side 0|1, decimal price, shares]`. */
export const deltaEvent = (
  t: number,
  token: string,
  changes: readonly (readonly [0 | 1, number, number])[],
  bestBid = -1,
  bestAsk = -1,
): BookDeltaEvent => ({
  type: "bookDelta",
  token,
  changes: changes.flatMap(([side, price, size]) => [side, p(price), micro(size)]),
  bestBid: bestBid < 0 ? -1 : p(bestBid),
  bestAsk: bestAsk < 0 ? -1 : p(bestAsk),
  ...at(t),
});
export const resolvedEvent = (t: number, winner: Outcome, conditionId = CONDITION): ResolvedEvent => ({
  type: "resolved",
  conditionId,
  winner,
  source: "venue",
  ...at(t),
});
export const strikeEvent = (t: number, value: number, changes: Partial<StrikeEvent> = {}): StrikeEvent => ({
  type: "strike",
  conditionId: CONDITION,
  value,
  exact: String(value),
  source: "twap-print",
  basis: "chainlink",
  ...at(t),
  ...changes,
});
export const fastPrice = (
  t: number,
  price: number,
  changes: Partial<FastPriceEvent> = {},
): FastPriceEvent => ({
  type: "fastPrice",
  venue: "binance-futures",
  asset: "btc",
  price,
  ...at(t),
  ...changes,
});
export const fastTrade = (
  t: number,
  price: number,
  size: number,
  takerBuys = true,
  changes: Partial<FastTradeEvent> = {},
): FastTradeEvent => ({
  type: "fastTrade",
  venue: "binance-futures",
  asset: "btc",
  price,
  size,
  takerBuys,
  id: -1,
  ...at(t),
  ...changes,
});
export const oraclePrice = (
  t: number,
  kind: "spot" | "twap60",
  exact: string,
  changes: Partial<OraclePriceEvent> = {},
): OraclePriceEvent => ({
  type: "oraclePrice",
  asset: "btc",
  kind,
  provider: "chainlink",
  value: Number(exact),
  exact,
  ...at(t),
  ...changes,
});
export const clock = (t: number): MarketEvent => ({ type: "clock", ...at(t) });

/** A submit intent on the Up token; a FAK BUY of 10 pUSD at 0.51 or better unless changed. */
export const submit = (changes: Partial<SubmitIntent> = {}): SubmitIntent => {
  const outcome = changes.outcome ?? "up";
  return {
    type: "submit",
    orderId: "o1",
    conditionId: CONDITION,
    token: outcome === "up" ? UP : DOWN,
    outcome,
    side: "buy",
    orderType: "FAK",
    postOnly: false,
    limit: p(0.51),
    size: 0 as Shares,
    spend: dollars(10),
    bornAt: START as Ms,
    maxAge: 1000 as Ms,
    ...changes,
  };
};

/** A policy that does what the function says, on the book alone, every 100 ms. */
export const scripted = (decide: (view: MarketView) => Action, changes: Partial<Policy> = {}): Policy => ({
  name: "scripted",
  needs: { fast: false, oracle: false, strike: false },
  decideEveryMs: 100,
  statesProbability: false,
  decide,
  ...changes,
});

export const limits = (changes: Partial<RiskLimits> = {}): RiskLimits => ({ ...DEFAULT_LIMITS, ...changes });

/** Wide limits: nothing is refused for money. */
export const WIDE: RiskLimits = limits({
  maxPositionPerMarket: dollars(1e6),
  maxTotalExposure: dollars(1e6),
  maxTradeFraction: 1,
  maxDrawdownFraction: 1,
  maxConsecutiveLosses: 1_000_000,
});

export interface EngineRig {
  readonly engine: Engine;
  readonly decisions: Decision[];
  /** Steps every event and returns all intents. */
  run(events: readonly Event[]): Intent[];
}

export function engineRig(changes: Partial<EngineOptions> = {}): EngineRig {
  const decisions: Decision[] = [];
  const engine = new Engine({
    policy: scripted(() => HOLD),
    sizing: { mode: "fixed", amount: dollars(25) },
    limits: DEFAULT_LIMITS,
    bankroll: dollars(1000),
    orderMaxAgeMs: 1000,
    onDecision: (decision) => void decisions.push(structuredClone(decision)),
    ...changes,
  });
  return { engine, decisions, run: (events) => events.flatMap((event) => [...engine.step(event)]) };
}

export interface SessionRig extends EngineRig {
  readonly exchange: ExchangeModel;
  readonly session: Session;
  readonly executions: ExecutionEvent[];
  readonly intents: Intent[];
  feed(events: readonly MarketEvent[]): void;
}

export function sessionRig(
  engine: Partial<EngineOptions> = {},
  paper: Partial<ExchangeOptions> = {},
): SessionRig {
  const rig = engineRig(engine);
  const exchange = exchangeModel({ bankroll: engine.bankroll ?? dollars(1000), ...paper });
  const executions: ExecutionEvent[] = [];
  const intents: Intent[] = [];
  const session = new Session(rig.engine, exchange, {
    onExecution: (event) => void executions.push(event),
    onIntent: (intent) => void intents.push(intent),
  });
  return {
    ...rig,
    exchange,
    session,
    executions,
    intents,
    feed: (events) => events.forEach((event) => session.feed(event)),
  };
}

/** 50 ms there and back, the market's own hold, and every other unit as it is by default. */
export const exchangeModel = (changes: Partial<ExchangeOptions> = {}): ExchangeModel =>
  new ExchangeModel({ bankroll: dollars(1000), ...changes });

/** A latency that a function makes up. */
export const latencyOf = (sample: () => number): LatencyModel => ({
  sample,
  name: "made up",
  parameters: {},
});

export const fillsOf = (events: readonly ExecutionEvent[]): FillEvent[] =>
  events.filter((event): event is FillEvent => event.type === "fill");

/** A second window, of ETH, at the same time. */
export const OTHER = {
  conditionId: "0xc2",
  upToken: "333",
  downToken: "444",
  asset: "eth",
  slug: `eth-updown-5m-${START / 1000}`,
} as const;

export interface Wish {
  /** The first decision at or after this time acts on it, once. */
  readonly from: number;
  readonly action: Action;
  readonly conditionId?: string;
}

/** A policy that has each wish once, when its time has come. */
export function planned(wishes: readonly Wish[], changes: Partial<Policy> = {}): Policy {
  const left = [...wishes];
  return scripted((view) => {
    const i = left.findIndex((wish) =>
      view.now >= wish.from && (wish.conditionId ?? CONDITION) === view.instrument.conditionId
    );
    return i < 0 ? HOLD : left.splice(i, 1)[0]!.action;
  }, changes);
}

let fillIds = 0;
/** The exchange's answers to an order that is filled at one price and then done. */
export function filled(
  t: number,
  orderId: string,
  side: "buy" | "sell",
  price: number,
  size: number,
  changes: Partial<FillEvent> = {},
): ExecutionEvent[] {
  const fill: FillEvent = {
    type: "fill",
    orderId,
    fillId: `t${++fillIds}`,
    token: UP,
    side,
    price: p(price),
    size: lots(size),
    cash: dollars(price * size),
    fee: 0 as Usdc,
    liquidity: "taker",
    ...at(t),
    ...changes,
  };
  return [
    { type: "orderAccepted", orderId, status: "matched", ...at(t) },
    fill,
    { type: "orderDone", orderId, reason: "filled", ...at(t) },
  ];
}
