/**
 * The exchange that paper trading, backtests and training trade on. It sees the same market events as the engine, keeps
 * its own copy of the books, and answers intents with execution events. What it assumes:
 *
 * - A request takes `orderLatencyMs` to arrive and its answer `responseLatencyMs` to come back.
 * - A marketable order is held `takerHoldMs` (the market's own), cannot be cancelled meanwhile, and is checked again
 *   against the book as it stands then.
 * - Takers walk the displayed book level by level, never the mid; the fee comes on top (BUY) or from the proceeds (SELL).
 *   What we take is gone from the displayed book until the venue states that level again.
 * - A resting order fills only when the market trades through it or quotes at it from the other side: it is always last
 *   in the queue. Makers pay nothing.
 */
import type {
  CancelIntent,
  ExecutionEvent,
  FillEvent,
  Intent,
  MarketEvent,
  OrderDoneEvent,
  SubmitIntent,
} from "../events.ts";
import { ASK, BID, OrderBook } from "../market/book.ts";
import { takerFee } from "../market/fees.ts";
import type { Instrument, Outcome } from "../market/instrument.ts";
import { buyCost } from "../orders/order.ts";
import {
  bookOf,
  dustOf,
  isMarketable,
  openBuyCost,
  type PaperMarket,
  type PaperOrder,
  type Problem,
  sumOf,
  validateTerms,
  walkBook,
} from "./paper_order.ts";
import {
  type Ms,
  notional,
  notionalUp,
  type Price,
  PRICE_ONE,
  PRICE_SCALE,
  type Shares,
  type Usdc,
} from "../units.ts";

export interface PaperOptions {
  readonly bankroll: Usdc;
  /** Latency of one request or answer in ms; called once each, so a recorded histogram can be drawn from. */
  readonly orderLatencyMs: () => number;
  readonly responseLatencyMs: () => number;
  /** Overrides the market's taker hold when not null. */
  readonly takerHoldMs: number | null;
}

/** A market nobody resolved and in which nothing is held or open is forgotten this long after its end. */
const ABANDON_AFTER_MS = 3_600_000;

type Task = (at: Ms) => void;

export class PaperExchange {
  cash: Usdc;
  private readonly shares = new Map<string, number>();
  private readonly markets = new Map<string, PaperMarket>();
  private readonly tokens = new Map<string, { market: PaperMarket; outcome: Outcome }>();
  private readonly orders = new Map<string, PaperOrder>();
  private readonly tasks: { at: number; seq: number; run: Task }[] = [];
  private out: ExecutionEvent[] = [];
  private seq = 0;
  private fillSeq = 0;

  constructor(private readonly options: PaperOptions) {
    this.cash = options.bankroll;
  }

  sharesOf(token: string): number {
    return this.shares.get(token) ?? 0;
  }

  get openOrders(): number {
    return this.orders.size;
  }

  /** Takes an intent that the engine let through at `now`. */
  submit(intent: Intent, now: Ms): void {
    if (intent.type === "cancel") {
      this.schedule(now + this.options.orderLatencyMs(), (at) => this.cancel(intent, at));
      return;
    }
    const arrival = now + this.options.orderLatencyMs();
    if (now - intent.bornAt > intent.maxAge) {
      return this.reject(intent, now, "INTENT_EXPIRED", `intent is ${now - intent.bornAt} ms old`);
    }
    this.schedule(arrival, (at) => this.arrive(intent, at));
  }

  /** Runs everything due up to `now` and returns the answers that have reached us by then, oldest first. */
  advance(now: Ms): ExecutionEvent[] {
    while (this.tasks.length > 0 && this.tasks[0]!.at <= now) {
      const task = this.tasks.shift()!;
      task.run(task.at as Ms);
    }
    const due = this.out;
    this.out = [];
    return due;
  }

  /** Time of the next thing to do, Infinity when idle. */
  get nextDue(): number {
    return this.tasks[0]?.at ?? Infinity;
  }

  /** Applies a market event to the exchange's own books. Call `advance` to the event's time first. */
  observe(event: MarketEvent): void {
    switch (event.type) {
      case "window":
        return this.observeWindow(event.instrument);
      case "book":
      case "bookDelta":
      case "tickSize":
        return this.observeBook(event);
      case "tokenTrade": {
        const ref = this.tokens.get(event.token);
        if (ref !== undefined) {
          this.tradeThrough(ref.market, event.token, event.price, event.size, event.tReceive);
        }
        return;
      }
      case "resolved": {
        const market = this.markets.get(event.conditionId);
        if (market !== undefined) this.settle(market, event.winner, event.tReceive);
        return;
      }
      case "feedState":
        if (event.feed === "polymarket.market" && event.state === "down") {
          for (const market of this.markets.values()) {
            market.up.clear();
            market.down.clear();
          }
        }
        return;
    }
  }

  private observeWindow(instrument: Instrument): void {
    const known = this.markets.get(instrument.conditionId);
    if (known !== undefined) {
      known.instrument = { ...instrument, tick: known.instrument.tick };
      return;
    }
    const market = { instrument, up: new OrderBook(), down: new OrderBook(), closed: false };
    this.markets.set(instrument.conditionId, market);
    this.tokens.set(instrument.upToken, { market, outcome: "up" });
    this.tokens.set(instrument.downToken, { market, outcome: "down" });
    this.schedule(instrument.endMs, (at) => this.close(market, at));
  }

  private observeBook(event: Extract<MarketEvent, { type: "book" | "bookDelta" | "tickSize" }>): void {
    const ref = this.tokens.get(event.token);
    if (ref === undefined) return;
    const { market, outcome } = ref;
    const own = outcome === "up" ? market.up : market.down;
    const other = outcome === "up" ? market.down : market.up;
    const mirror = market.instrument.mirrorOf !== null;
    if (event.type === "tickSize") {
      market.instrument = { ...market.instrument, tick: event.newTick };
      own.clear();
      if (mirror) other.clear();
      return;
    }
    if (event.type === "book") {
      if (event.tick !== undefined) market.instrument = { ...market.instrument, tick: event.tick };
      own.replace(event.bids, event.asks);
      if (mirror) other.replace(event.bids, event.asks, true);
    } else {
      own.applyDelta(event.changes, event.bestBid, event.bestAsk);
      if (mirror) other.applyDelta(event.changes, event.bestBid, event.bestAsk, true);
    }
    if (this.orders.size > 0) this.crossResting(market, event.tReceive);
  }

  private schedule(at: number, run: Task): void {
    const task = { at: Math.ceil(at), seq: this.seq++, run };
    let i = this.tasks.length;
    while (i > 0 && this.tasks[i - 1]!.at > task.at) i--;
    this.tasks.splice(i, 0, task);
  }

  /** An answer leaves the exchange at `tExchange` and is read by us one response latency later, in order for an order. */
  private answer(event: ExecutionEvent, order: PaperOrder | null): void {
    const due = event.tExchange + this.options.responseLatencyMs();
    const at = order === null ? due : Math.max(due, order.answeredAt);
    if (order !== null) order.answeredAt = at;
    this.schedule(at, (then) => {
      this.out.push({ ...event, tReceive: then });
    });
  }

  private reject(intent: SubmitIntent, at: Ms, code: string, message: string): void {
    const event = { type: "orderRejected", orderId: intent.orderId, code, message } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, null);
  }

  private accepted(order: PaperOrder, at: Ms, status: "live" | "matched"): void {
    const event = { type: "orderAccepted", orderId: order.intent.orderId, status } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, order);
  }

  private done(order: PaperOrder, at: Ms, reason: OrderDoneEvent["reason"]): void {
    this.orders.delete(order.intent.orderId);
    const event = { type: "orderDone", orderId: order.intent.orderId, reason } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, order);
  }

  /** The venue's own checks, in its order: market, price, size, money, post-only. */
  private arrive(intent: SubmitIntent, at: Ms): void {
    const market = this.markets.get(intent.conditionId);
    if (market === undefined || market.closed || at >= market.instrument.endMs) {
      return this.reject(intent, at, "MARKET_CLOSED", "the market is closed");
    }
    const problem = validateTerms(intent, market.instrument) ?? this.checkFunds(intent, market);
    if (problem !== null) return this.reject(intent, at, problem.code, problem.message);
    const order: PaperOrder = {
      intent,
      market,
      state: "live",
      remaining: intent.spend > 0 ? intent.spend : intent.size,
      filled: 0,
      cancelRequested: false,
      answeredAt: -Infinity,
    };
    const marketable = isMarketable(order);
    if (marketable && intent.postOnly) {
      return this.reject(intent, at, "POST_ONLY_CROSSES", "invalid post-only order: order crosses book");
    }
    if (!marketable) return this.rest(order, at);
    this.orders.set(intent.orderId, order);
    order.state = "held";
    const hold = this.options.takerHoldMs ?? market.instrument.takerHoldMs;
    this.schedule(at + hold, (then) => this.match(order, then));
  }

  private checkFunds(intent: SubmitIntent, market: PaperMarket): Problem | null {
    const { fee } = market.instrument;
    if (fee === null) return { code: "FEE_UNKNOWN", message: "the market states no fee schedule" };
    let available: number;
    let needed: number;
    if (intent.side === "buy") {
      needed = buyCost(intent, fee);
      available = this.cash -
        this.reserved((order) => order.intent.side === "buy", (order) => openBuyCost(order, fee));
    } else {
      needed = intent.size;
      available = this.sharesOf(intent.token) -
        this.reserved(
          (order) => order.intent.token === intent.token && order.intent.side === "sell",
          (order) => order.remaining,
        );
    }
    return needed > available
      ? {
        code: "NOT_ENOUGH_BALANCE",
        message: `not enough balance / allowance: balance ${available}, order ${needed}`,
      }
      : null;
  }

  private reserved(match: (order: PaperOrder) => boolean, amount: (order: PaperOrder) => number): number {
    let total = 0;
    for (const order of this.orders.values()) if (match(order)) total += amount(order);
    return total;
  }

  /** Not marketable (any more): GTC and GTD rest, the others are killed. */
  private rest(order: PaperOrder, at: Ms): void {
    const { intent } = order;
    if (intent.orderType === "FAK" || intent.orderType === "FOK") {
      this.orders.delete(intent.orderId);
      const text = intent.orderType === "FAK"
        ? "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
        : "order couldn't be fully filled. FOK orders are fully filled or killed.";
      return this.reject(intent, at, "NO_MATCH", text);
    }
    this.accepted(order, at, "live");
    this.keep(order, at);
  }

  /** Puts what is left of a GTC or GTD order on the book. */
  private keep(order: PaperOrder, at: Ms): void {
    const { intent } = order;
    order.state = "live";
    this.orders.set(intent.orderId, order);
    if (order.cancelRequested) return this.done(order, at, "cancelled");
    if (intent.orderType === "GTD" && intent.expireAt !== undefined) {
      this.schedule(Math.max(at, intent.expireAt), (then) => {
        if (this.orders.has(intent.orderId)) this.done(order, then, "expired");
      });
    }
  }

  /** The hold is over: everything is checked again, then the order walks the book. */
  private match(order: PaperOrder, at: Ms): void {
    const { intent, market } = order;
    if (!this.orders.has(intent.orderId)) return;
    this.orders.delete(intent.orderId);
    if (market.closed || at >= market.instrument.endMs) {
      return this.reject(intent, at, "MARKET_CLOSED", "the market closed during the hold");
    }
    const funds = this.checkFunds(intent, market);
    if (funds !== null) return this.reject(intent, at, funds.code, funds.message);
    if (!isMarketable(order)) return this.rest(order, at);
    const fills = walkBook(order);
    const complete = order.remaining - sumOf(fills, intent.spend > 0) <= dustOf(intent);
    if (intent.orderType === "FOK" && !complete) return this.rest(order, at);
    if (fills.length === 0) return this.rest(order, at);
    this.accepted(order, at, "matched");
    for (const fill of fills) {
      this.consume(order, fill.price, fill.size);
      this.execute(order, fill.price, fill.size, at, "taker");
    }
    if (complete) return this.done(order, at, "filled");
    if (intent.orderType === "FAK") return this.done(order, at, "killed");
    this.keep(order, at);
  }

  private execute(order: PaperOrder, at: Price, size: Shares, time: Ms, liquidity: "taker" | "maker"): void {
    const { intent, market } = order;
    const buying = intent.side === "buy";
    const cash = buying ? notionalUp(size, at) : notional(size, at);
    const fee = liquidity === "taker" ? takerFee(market.instrument.fee!, size, at) : 0 as Usdc;
    this.cash = (this.cash + (buying ? -cash : cash) - fee) as Usdc;
    this.shares.set(intent.token, this.sharesOf(intent.token) + (buying ? size : -size));
    order.remaining -= intent.spend > 0 ? cash : size;
    order.filled += size;
    const fill: FillEvent = {
      type: "fill",
      orderId: intent.orderId,
      fillId: `f${++this.fillSeq}`,
      token: intent.token,
      side: intent.side,
      price: at,
      size,
      cash,
      fee,
      liquidity,
      tExchange: time,
      tReceive: time,
    };
    this.answer(fill, order);
  }

  /** Our fill's mark on both books: a bid for Up at p is an ask for Down at 1-p. */
  private consume(order: PaperOrder, at: number, size: number): void {
    const side = order.intent.side === "buy" ? ASK : BID;
    const own = bookOf(order);
    const other = order.intent.outcome === "up" ? order.market.down : order.market.up;
    own.consume(side, at, size);
    other.consume(side === ASK ? BID : ASK, PRICE_SCALE - at, size);
  }

  /** The market quotes at or through a resting order: it has been reached. What we meet is met once, like a taker's. */
  private crossResting(market: PaperMarket, at: Ms): void {
    for (const order of [...this.orders.values()]) {
      if (order.market !== market || order.state !== "live") continue;
      const book = bookOf(order);
      const buying = order.intent.side === "buy";
      while (order.remaining > 0 && isMarketable(order)) {
        const level = buying ? book.bestAsk : book.bestBid;
        const size = Math.min(order.remaining, book.sizeAt(buying ? ASK : BID, level));
        this.consume(order, level, size);
        this.fillResting(order, size, at);
      }
    }
  }

  /** A public trade beyond our price would have met us first. */
  private tradeThrough(market: PaperMarket, token: string, at: Price, size: Shares, time: Ms): void {
    let left: number = size;
    for (const order of [...this.orders.values()]) {
      if (order.market !== market || order.state !== "live" || order.intent.token !== token) continue;
      const through = order.intent.side === "buy" ? at < order.intent.limit : at > order.intent.limit;
      if (!through || left <= 0) continue;
      const taken = Math.min(order.remaining, left);
      left -= taken;
      this.fillResting(order, taken, time);
    }
  }

  private fillResting(order: PaperOrder, size: number, at: Ms): void {
    if (size <= 0) return;
    this.execute(order, order.intent.limit, size as Shares, at, "maker");
    if (order.remaining <= 0) this.done(order, at, "filled");
  }

  private cancel(intent: CancelIntent, at: Ms): void {
    const order = this.orders.get(intent.orderId);
    if (order === undefined) return;
    if (order.state === "held") {
      order.cancelRequested = true;
      return;
    }
    this.done(order, at, "cancelled");
  }

  private close(market: PaperMarket, at: Ms): void {
    const { conditionId } = market.instrument;
    if (!market.closed) this.schedule(at + ABANDON_AFTER_MS, () => this.abandon(conditionId));
    market.closed = true;
    for (const order of [...this.orders.values()]) {
      if (order.market === market && order.state === "live") this.done(order, at, "market-closed");
    }
  }

  private settle(market: PaperMarket, winner: Outcome, at: Ms): void {
    this.close(market, at);
    const { instrument } = market;
    const token = winner === "up" ? instrument.upToken : instrument.downToken;
    this.cash = (this.cash + notional(this.sharesOf(token) as Shares, PRICE_ONE)) as Usdc;
    for (const id of [instrument.upToken, instrument.downToken]) {
      this.shares.delete(id);
      this.tokens.delete(id);
    }
    this.markets.delete(instrument.conditionId);
  }

  private abandon(conditionId: string): void {
    const market = this.markets.get(conditionId);
    if (market === undefined) return;
    const { upToken, downToken } = market.instrument;
    if (this.sharesOf(upToken) > 0 || this.sharesOf(downToken) > 0) return;
    this.markets.delete(conditionId);
    this.tokens.delete(upToken);
    this.tokens.delete(downToken);
  }
}
