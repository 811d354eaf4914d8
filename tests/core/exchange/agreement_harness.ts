/** The simulated venue and the exchange model on one market: the same orders, books and public trades at the same times. */
import assert from "node:assert/strict";
import type { ExecutionEvent, MarketEvent, SubmitIntent } from "../../../core/events.ts";
import { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { fixedHold } from "../../../core/exchange/hold.ts";
import { impactModel } from "../../../core/exchange/impact.ts";
import { constantLatency } from "../../../core/exchange/latency.ts";
import type { ExchangeOptions } from "../../../core/exchange/options.ts";
import { riskAverse } from "../../../core/exchange/queue.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import { cancelOrder } from "../../../fixtures/exchange/cancel.ts";
import type { Ladder } from "../../../fixtures/market/ladder.ts";
import { type Pit, pit, type PitOrder } from "../../fixtures/exchange/harness.ts";
import { at, fillsOf, instrument } from "../helpers.ts";

/** The model as the venue's own rules have it: same step, no latency, marks that end when a level is stated anew. */
export const VENUE_UNITS: Partial<ExchangeOptions> = {
  orderLatency: constantLatency(0),
  responseLatency: constantLatency(0),
  hold: fixedHold(150),
  queue: riskAverse,
  impact: impactModel("untilRestated"),
  step: "wholeCash",
};

/** A public trade of the background: side and price in terms of Up, hundredths of a share. */
export interface PublicTrade {
  readonly side: "buy" | "sell";
  readonly price: number;
  readonly size: number;
  /** On which token the model is told of it. */
  readonly told: "up" | "down" | "both";
}

export interface Pair {
  readonly pit: Pit;
  readonly model: ExchangeModel;
  readonly answers: ExecutionEvent[];
  /** Ids of our orders at the venue, by index; null when it refused one outright. */
  readonly ids: (string | null)[];
  send(order: PitOrder): void;
  /** Cancels when the venue has it on its book. */
  cancel(index: number): void;
  advance(byMs: number): void;
  /** One market step of 100 ms. */
  step(change?: { ladder?: Ladder; trades?: readonly PublicTrade[] }): void;
}

const LADDER_UNIT = 10_000;

/** Levels that differ, as changes of a delta in terms of Up: `[side, price, total, ...]`. */
function changesOf(before: Ladder, after: Ladder): number[] {
  const changes: number[] = [];
  for (const [side, old, fresh] of [[0, before.bids, after.bids], [1, before.asks, after.asks]] as const) {
    const totals = new Map<number, number>();
    for (let i = 0; i < old.length; i += 2) totals.set(old[i]!, 0);
    for (let i = 0; i < fresh.length; i += 2) totals.set(fresh[i]!, fresh[i + 1]! * LADDER_UNIT);
    for (let i = 0; i < old.length; i += 2) {
      if (totals.get(old[i]!) === old[i + 1]! * LADDER_UNIT) totals.delete(old[i]!);
    }
    for (const [price, total] of totals) changes.push(side, price, total);
  }
  return changes;
}

const mirrored = (changes: readonly number[]): number[] => {
  const out: number[] = [];
  for (let i = 0; i < changes.length; i += 3) {
    out.push(1 - changes[i]!, 10_000 - changes[i + 1]!, changes[i + 2]!);
  }
  return out;
};

export function pair(ladder: Ladder, units: Partial<ExchangeOptions> = {}): Pair {
  const p = pit({ ladder });
  const { listing } = p;
  const holdings = new Map([[listing.upToken, 1_500_000_000 as Shares], [
    listing.downToken,
    1_500_000_000 as Shares,
  ]]);
  const model = new ExchangeModel({ bankroll: 3_000_000_000 as Usdc, holdings, ...VENUE_UNITS, ...units });
  const answers: ExecutionEvent[] = [];
  const ids: (string | null)[] = [];
  const show = (event: MarketEvent) => {
    answers.push(...model.advance(event.tReceive));
    model.observe(event);
  };
  const run = () => void answers.push(...model.advance(p.nowMs as Ms));
  const { slug, conditionId, upToken, downToken, startMs, endMs } = listing;
  show({
    type: "window",
    instrument: instrument({ slug, conditionId, upToken, downToken, startMs, endMs }),
    ...at(p.nowMs),
  });
  for (const [token, flip] of [[upToken, false], [downToken, true]] as const) {
    const side = (levels: readonly number[]) =>
      levels.map((value, i) => i % 2 === 0 ? (flip ? 10_000 - value : value) : value * LADDER_UNIT);
    const [bids, asks] = flip ? [ladder.asks, ladder.bids] : [ladder.bids, ladder.asks];
    show({ type: "book", token, bids: side(bids), asks: side(asks), ...at(p.nowMs) });
  }
  return {
    pit: p,
    model,
    answers,
    ids,
    send(order) {
      run();
      const intent = intentOf(p, order, ids.length);
      model.submit(intent, p.nowMs as Ms);
      const { id, result } = p.send(order);
      ids.push(result !== null && "error" in result && result.orderId === "" ? null : id);
      run();
    },
    cancel(index) {
      const id = ids[index];
      const order = id === undefined || id === null ? undefined : p.order(id);
      if (order?.status !== "LIVE") return;
      assert.equal(cancelOrder(p.state, order, p.nowMs), null);
      model.submit({ type: "cancel", orderId: `o${index}`, bornAt: p.nowMs as Ms }, p.nowMs as Ms);
      run();
    },
    advance(byMs) {
      p.advance(byMs);
      run();
    },
    step({ ladder: next, trades = [] } = {}) {
      // Holds that end before the step still meet the old ladder.
      p.advance(100);
      run();
      p.nowMs -= 100;
      const before = p.ladder;
      p.step({
        ...(next === undefined ? {} : { ladder: next }),
        trades: trades.map(({ side, price, size }) => ({ timeMs: p.nowMs as Ms, price, size, side })),
      });
      const changes = changesOf(before, p.ladder);
      if (changes.length > 0) {
        const event = { type: "bookDelta", bestBid: -1, bestAsk: -1, ...at(p.nowMs) } as const;
        show({ ...event, token: upToken, changes });
        show({ ...event, token: downToken, changes: mirrored(changes) });
      }
      for (const { side, price, size, told } of trades) {
        const event = { type: "tokenTrade", size: size * LADDER_UNIT as Shares, ...at(p.nowMs) } as const;
        if (told !== "down") show({ ...event, token: upToken, price: price as Price, side });
        if (told !== "up") {
          const other = side === "buy" ? "sell" : "buy";
          show({ ...event, token: downToken, price: 10_000 - price as Price, side: other });
        }
      }
      run();
    },
  };
}

function intentOf(
  p: Pit,
  { token, side, price, size, type = "GTC", postOnly = false }: PitOrder,
  index: number,
): SubmitIntent {
  const spends = side === "buy" && (type === "FAK" || type === "FOK");
  return {
    type: "submit",
    orderId: `o${index}`,
    conditionId: p.listing.conditionId,
    token: token === "up" ? p.listing.upToken : p.listing.downToken,
    outcome: token,
    side,
    orderType: type,
    postOnly,
    limit: price as Price,
    size: (spends ? 0 : size * 10_000) as Shares,
    spend: (spends ? size * 10_000 : 0) as Usdc,
    bornAt: p.nowMs as Ms,
    maxAge: 1_000 as Ms,
  };
}

/** One match of an order: when, at what price, as what, and the exact amounts. */
export type MatchRow = `${string} ${"taker" | "maker"} ${string}`;

const row = (order: string, time: number, liquidity: string, price: number) =>
  `${order} ${time} ${liquidity} ${price}`;

type Sums = Map<string, { size: number; cash: number; fee: number }>;

function addTo(sums: Sums, key: string, size: number, cash: number, fee: number): void {
  const sum = sums.get(key) ?? { size: 0, cash: 0, fee: 0 };
  sums.set(key, { size: sum.size + size, cash: sum.cash + cash, fee: sum.fee + fee });
}

/** The venue's matches of our orders, by order, time, side of the match and price. */
export function venueMatches({ pit: p, ids }: Pair): Sums {
  const sums: Sums = new Map();
  const names = new Map(ids.map((id, i) => [id, `o${i}`]));
  for (const trade of p.state.trades.values()) {
    for (
      const [party, liquidity] of [
        [trade.taker, "taker"],
        ...trade.makers.map((maker) => [maker, "maker"] as const),
      ] as const
    ) {
      if (party.order === null) continue;
      const fee = liquidity === "taker" ? trade.movement.fee : 0;
      const cash = party.size * party.price / 10_000;
      addTo(
        sums,
        row(names.get(party.orderId)!, trade.matchMs, liquidity, party.price),
        party.size,
        cash,
        fee,
      );
    }
  }
  return sums;
}

/** The model's fills in the same form. */
export function modelMatches({ answers }: Pair): Sums {
  const sums: Sums = new Map();
  for (const { orderId, tExchange, liquidity, price, size, cash, fee } of fillsOf(answers)) {
    addTo(sums, row(orderId, tExchange, liquidity, price), size, cash, fee);
  }
  return sums;
}

/** Which orders are over, and how much of each was filled. */
export function endings(pair: Pair): { venue: Record<string, string>; model: Record<string, string> } {
  const venue: Record<string, string> = {};
  const model: Record<string, string> = {};
  pair.ids.forEach((id, i) => {
    const order = id === null ? null : pair.pit.order(id);
    const open = order !== null && ["LIVE", "HELD"].includes(order.status);
    venue[`o${i}`] = `${open ? "open" : "over"} ${order?.matched ?? 0}`;
    const mine = pair.answers.filter((event) => "orderId" in event && event.orderId === `o${i}`);
    const over = mine.some(({ type }) => type === "orderDone" || type === "orderRejected");
    model[`o${i}`] = `${over ? "over" : "open"} ${fillsOf(mine).reduce((sum, { size }) => sum + size, 0)}`;
  });
  return { venue, model };
}
