/**
 * A venue for the gateway's tests, in memory and on a hand-driven clock: it keeps orders, trades and balances, answers as
 * told (at once, late, never, wrongly) and speaks on a user channel that can lose, double and shuffle.
 */
import { type Outcome, type Side } from "../../../core/market/instrument.ts";
import { takerFee } from "../../../core/market/fees.ts";
import type {
  CancelOutcome,
  LifeInput,
  TradeReport,
  TradeState,
  VenueOrderStatus,
} from "../../../core/orders/lifecycle_types.ts";
import type { WireReply } from "../../../core/orders/lifecycle_reply.ts";
import {
  formatShares,
  type Ms,
  ms,
  notional,
  notionalUp,
  type Price,
  type Shares,
  type Usdc,
} from "../../../core/units.ts";
import type { Clock } from "../../../feeds/clock.ts";
import type { UserFeedHandlers } from "../../../feeds/gateway/types.ts";
import { HttpError } from "../../../feeds/net/http.ts";
import type {
  ListedOrder,
  ListedTrade,
  OrderEntry,
  SubmitCall,
  VenueMode,
} from "../../../feeds/polymarket/order_entry/types.ts";

export const T0 = 1_795_253_700_000;
export const COND = `0x${"c0".repeat(32)}`;
export const UP = "111";
export const DOWN = "222";
export const FEE = { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 0 };

/** Time that moves by hand; sleepers wake when it passes them. */
export class HandClock implements Clock {
  readonly speed = 1;
  private t = T0;
  private sleepers: { at: number; wake: () => void }[] = [];
  now(): Ms {
    return ms(this.t);
  }
  monotonicUs(): number {
    return this.t * 1_000;
  }
  sleep(duration: Ms, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.sleepers.push({ at: this.t + duration, wake: resolve });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
  advance(by: number): void {
    this.t += by;
    const due = this.sleepers.filter(({ at }) => at <= this.t);
    this.sleepers = this.sleepers.filter(({ at }) => at > this.t);
    for (const { wake } of due) wake();
  }
}

/** Everything that is ready to run, runs. */
export async function settle(turns = 30): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
}

/** What becomes of the next submit. */
export type SubmitFate = "told" | "lost" | "never-landed" | "server-error" | "refused" | "held" | "garbled";

export interface VenueOrder {
  readonly hash: string;
  readonly token: string;
  readonly side: Side;
  readonly orderType: string;
  readonly price: Price;
  /** Shares; for market purchases what the spend buys at the price. */
  readonly size: number;
  matched: number;
  status: VenueOrderStatus;
  readonly tradeIds: string[];
  readonly createdAt: number;
}

interface VenueTrade {
  report: TradeReport;
  readonly order: VenueOrder;
  readonly cash: Usdc;
  readonly fee: Usdc;
}

interface Body {
  readonly order: {
    readonly salt: number;
    readonly tokenId: string;
    readonly makerAmount: string;
    readonly takerAmount: string;
    readonly side: "BUY" | "SELL";
  };
  readonly orderType: string;
}

/** The hash that `fakeSigner()` gives an order. */
export const hashOfSalt = (salt: number): string => `0x${salt.toString(16).padStart(64, "0")}`;

const network = (): HttpError => new HttpError("NETWORK", "connection reset");

export class FakeVenue {
  readonly clock = new HandClock();
  readonly orders = new Map<string, VenueOrder>();
  readonly trades = new Map<string, VenueTrade>();
  readonly foreignOrders: ListedOrder[] = [];
  readonly foreignTrades: ListedTrade[] = [];
  /** Settled balances, millionths. */
  cash = 1_000_000_000;
  readonly shares = new Map<string, number>([[UP, 0], [DOWN, 0]]);
  /** Fates of the next submits; then `fallback`. */
  fates: SubmitFate[] = [];
  fallback: SubmitFate = "told";
  /** How much of the next marketable orders matches at once, shares in millionths; then all. */
  matches: number[] = [];
  mode: VenueMode = "normal";
  /** Calls by name, in order. */
  readonly log: string[] = [];
  /** Reads fail while set. */
  readsFail = false;
  cancelsFail = false;
  /** What the user channel has not delivered. */
  outbox: LifeInput[] = [];
  autoDeliver = true;
  feed: UserFeedHandlers | null = null;
  held: (() => void)[] = [];
  private tradeSeq = 0;

  readonly entry: OrderEntry = this.makeEntry();

  /** Says it on the user channel, at once or when `deliver` is called. */
  private say(input: LifeInput): void {
    if (this.autoDeliver) this.feed?.onInput(input);
    else this.outbox.push(input);
  }

  deliver(index = 0): void {
    const [input] = this.outbox.splice(index, 1);
    if (input !== undefined) this.feed?.onInput(input);
  }

  private sayOrder(order: VenueOrder, event: "placement" | "update" | "cancellation"): void {
    this.say({
      type: "orderEvent",
      at: this.clock.now(),
      hash: order.hash,
      event,
      status: order.status,
      matched: order.matched as Shares,
      tradeIds: [...order.tradeIds],
      reason: "",
    });
  }

  /** Part of a resting order, or of an immediate one, trades. */
  match(order: VenueOrder, size: number, liquidity: "taker" | "maker" = "maker"): VenueTrade {
    const id = `t${++this.tradeSeq}`;
    const at = this.clock.now();
    order.matched += size;
    order.tradeIds.push(id);
    const { token, price, hash } = order;
    const part = (own: string) => ({ hash: own, token, price, size: size as Shares });
    const report: TradeReport = {
      id,
      state: "matched",
      takerHash: liquidity === "taker" ? hash : "0xfeed",
      token,
      price,
      size: size as Shares,
      makers: [part(liquidity === "taker" ? "0xfeed" : hash)],
      matchedAtMs: at,
    };
    const cash = (order.side === "buy" ? notionalUp : notional)(size as Shares, price);
    const fee = liquidity === "taker" ? takerFee(FEE, size as Shares, price) : 0 as Usdc;
    const trade: VenueTrade = { report, order, cash, fee };
    this.trades.set(id, trade);
    this.say({ type: "trade", at, trade: report });
    if (order.matched >= order.size && order.status === "live") order.status = "matched";
    this.sayOrder(order, "update");
    return trade;
  }

  /** A trade goes on; confirmed ones move the balances. */
  move(id: string, state: TradeState): void {
    const trade = this.trades.get(id)!;
    if (["confirmed", "failed"].includes(trade.report.state)) return;
    trade.report = { ...trade.report, state };
    if (state === "confirmed") {
      const { order, cash, fee, report } = trade;
      const sign = order.side === "buy" ? 1 : -1;
      this.cash -= sign * cash + fee;
      this.shares.set(order.token, (this.shares.get(order.token) ?? 0) + sign * report.size);
    }
    this.say({ type: "trade", at: this.clock.now(), trade: trade.report });
  }

  /** Every trade becomes money. */
  confirmAll(): void {
    for (const id of this.trades.keys()) this.move(id, "confirmed");
  }

  end(order: VenueOrder): void {
    if (order.status !== "live" && order.status !== "delayed") return;
    order.status = "cancelled";
    this.sayOrder(order, "cancellation");
  }

  openHashes(): string[] {
    return [...this.orders.values()].filter(({ status }) => status === "live").map(({ hash }) => hash);
  }

  private land({ order, orderType }: Body): VenueOrder {
    const side = order.side === "BUY" ? "buy" : "sell";
    const [maker, taker] = [Number(order.makerAmount), Number(order.takerAmount)];
    const size = side === "buy" ? taker : maker;
    const cash = side === "buy" ? maker : taker;
    const placed: VenueOrder = {
      hash: hashOfSalt(order.salt),
      token: order.tokenId,
      side,
      orderType,
      price: Math.round(cash / size * 100) * 100 as Price,
      size,
      matched: 0,
      status: "live",
      tradeIds: [],
      createdAt: this.clock.now(),
    };
    this.orders.set(placed.hash, placed);
    if (orderType !== "FAK" && orderType !== "FOK") this.sayOrder(placed, "placement");
    else {
      const part = Math.min(size, this.matches.shift() ?? size);
      placed.status = part > 0 ? "matched" : "cancelled";
      if (part > 0) this.match(placed, part, "taker");
      if (part < size) {
        placed.status = "cancelled";
        this.sayOrder(placed, "cancellation");
      }
    }
    return placed;
  }

  private replyOf(order: VenueOrder): WireReply {
    const immediate = order.orderType === "FAK" || order.orderType === "FOK";
    if (immediate && order.matched === 0) {
      return {
        status: 400,
        body: { error: "no orders found to match with FAK order. FAK orders are partially filled or killed" },
      };
    }
    const shares = order.matched === 0 ? "" : formatShares(order.matched as Shares);
    return {
      status: 200,
      body: {
        success: true,
        errorMsg: "",
        orderID: order.hash,
        status: immediate ? "matched" : "live",
        takingAmount: order.side === "buy" ? shares : "1",
        makingAmount: order.side === "buy" ? "1" : shares,
        tradeIDs: immediate ? [...order.tradeIds] : [],
      },
    };
  }

  private submit(text: string): SubmitCall {
    this.log.push("submit");
    const fate = this.fates.shift() ?? this.fallback;
    const body = JSON.parse(text) as Body;
    const stamps = { startUs: 1, writtenUs: 2, doneUs: 3 };
    const answer = (reply: WireReply | null): SubmitCall => ({
      sent: true,
      reply: Promise.resolve({ reply, stamps }),
    });
    switch (fate) {
      case "told":
        return answer(this.replyOf(this.land(body)));
      case "lost":
        this.land(body);
        return answer(null);
      case "garbled":
        this.land(body);
        return answer({ status: 200, body: "<html>" });
      case "never-landed":
        return answer(null);
      case "server-error":
        return answer({ status: 500, body: { error: "internal" } });
      case "refused":
        return answer({ status: 400, body: { error: "not enough balance / allowance" } });
      case "held": {
        const order = this.land(body);
        const { promise, resolve } = Promise.withResolvers<
          { reply: WireReply | null; stamps: typeof stamps }
        >();
        this.held.push(() => resolve({ reply: this.replyOf(order), stamps }));
        return { sent: true, reply: promise };
      }
    }
  }

  private listed(order: VenueOrder): ListedOrder {
    const { hash, token, side, status, size, matched, price, orderType, tradeIds } = order;
    return {
      hash,
      conditionId: COND,
      token,
      side,
      status,
      originalSize: size,
      matchedSize: matched,
      price,
      outcome: token === UP ? "Up" : "Down",
      orderType,
      createdAtMs: order.createdAt as Ms,
      tradeIds: [...tradeIds],
    };
  }

  private makeEntry(): OrderEntry {
    const read = <T>(name: string, value: () => T): Promise<T> => {
      this.log.push(name);
      return this.readsFail ? Promise.reject(network()) : Promise.resolve().then(value);
    };
    const modeNow = () => this.mode;
    return {
      get mode() {
        return { mode: modeNow(), until: null, reason: modeNow() };
      },
      submit: (body) => this.submit(body),
      cancel: (hashes) => {
        this.log.push(`cancel ${hashes.length}`);
        const outcomes = new Map<string, CancelOutcome>();
        for (const hash of hashes) {
          const order = this.orders.get(hash);
          if (this.cancelsFail) outcomes.set(hash, { kind: "unknown", reason: "no response" });
          else if (order === undefined) outcomes.set(hash, { kind: "refused", reason: "Order not found" });
          else if (order.status !== "live") {
            const reason = order.status === "matched" ? "Order already matched" : "Order already canceled";
            outcomes.set(hash, { kind: "refused", reason });
          } else {
            this.end(order);
            outcomes.set(hash, { kind: "cancelled" });
          }
        }
        return Promise.resolve(outcomes);
      },
      cancelAll: () =>
        read("cancelAll", () => {
          const canceled = [...this.openHashes(), ...this.foreignOrders.map(({ hash }) => hash)];
          for (const order of this.orders.values()) this.end(order);
          this.foreignOrders.length = 0;
          return { canceled, notCanceled: {} };
        }),
      cancelMarket: () => read("cancelMarket", () => ({ canceled: [], notCanceled: {} })),
      lookup: (hash) => {
        this.log.push("lookup");
        const askedAt = this.clock.now();
        if (this.readsFail) return Promise.resolve(null);
        const order = this.orders.get(hash);
        const found = order === undefined ? null : {
          status: order.status,
          matched: order.matched as Shares,
          tradeIds: [...order.tradeIds],
        };
        return Promise.resolve({ type: "lookup", at: this.clock.now(), askedAt, hash, found });
      },
      openOrders: () =>
        read("openOrders", () => ({
          askedAt: this.clock.now(),
          rows: [
            ...[...this.orders.values()].filter(({ status }) => status === "live").map((o) => this.listed(o)),
            ...this.foreignOrders,
          ],
        })),
      trades: ({ id, afterMs }) =>
        read("trades", () => ({
          askedAt: this.clock.now(),
          rows: [
            ...[...this.trades.values()].filter(({ report }) =>
              (id === undefined || report.id === id) && (report.matchedAtMs ?? 0) >= (afterMs ?? 0)
            ).map(({ report }) => listedTrade(report, report.token === UP ? "up" : "down")),
            ...this.foreignTrades.filter(({ report }) => id === undefined || report.id === id),
          ],
        })),
      collateral: () => read("collateral", () => ({ balance: this.cash as Usdc, allowances: {} })),
      conditional: (token) =>
        read("conditional", () => ({ balance: this.shares.get(token) ?? 0, allowances: {} })),
      refreshBalance: () => read("refresh", () => {}),
      heartbeat: () => Promise.resolve({ kind: "ok", id: "1" }),
      closedOnly: () => Promise.resolve(false),
      apiKeys: () => Promise.resolve(["key"]),
      warm: () => Promise.resolve(1),
      health: () => ({ errorsLastMinute: 0, latencyP50Ms: null, latencyP95Ms: null }),
      close: () => Promise.resolve(),
    };
  }
}

export const listedTrade = (report: TradeReport, outcome: Outcome): ListedTrade => ({
  report,
  conditionId: COND,
  outcome,
  transactionHash: "",
  traderSide: "unknown",
  parts: [],
});
