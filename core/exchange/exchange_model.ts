/**
 * The exchange that paper trading, backtests and training trade on. It sees the same market events as the engine, keeps
 * its own copy of the books, and answers intents with execution events. It is put together from small units, each of
 * which states what it assumes and which way it errs: latency, hold, queue, walk, impact, mint, rebates, phases,
 * settlement, end_of_window (this folder). `describe()` lists those in force; docs/exchange_model.md helps to choose.
 *
 * Time: everything runs in the time of the events we receive. The venue is `feedLatency` ahead of them, so a request of
 * `now` meets the book that we receive at now + order latency + feed latency; `tExchange` of an answer is venue time.
 *
 * Our own orders are in no recorded book: they never meet each other.
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
import { ASK, BID } from "../market/book.ts";
import { takerFee } from "../market/fees.ts";
import type { Instrument, Outcome } from "../market/instrument.ts";
import { SIZE_STEP } from "../market/rounding.ts";
import type { ExchangePort } from "../session.ts";
import { type Ms, type Price, type Shares, type Usdc } from "../units.ts";
import { Account } from "./account.ts";
import type { Assumption } from "./assumption.ts";
import { ABANDON_AFTER_MS } from "./end_of_window.ts";
import { checkFunds } from "./funds.ts";
import { applyBook, type BookMarketEvent, consume, Markets } from "./markets.ts";
import { upTerms } from "./mint.ts";
import { describeUnits, type ExchangeOptions, type ExchangeUnits, exchangeUnits } from "./options.ts";
import {
  bookOf,
  byPriority,
  isMarketable,
  isMarketOrder,
  type ModelMarket,
  type ModelOrder,
  type Problem,
  validateMarketable,
  validateTerms,
  wantOf,
} from "./order.ts";
import { phaseAt } from "./phases.ts";
import { enterQueue, levelStated } from "./queue.ts";
import { Provisional } from "./provisional.ts";
import { makerRebate, RebateEstimate } from "./rebates.ts";
import { meetPrint, quotesMet } from "./resting.ts";
import { Schedule } from "./schedule.ts";
import type { Fate } from "./settlement.ts";
import { cashOf, fillStep, walkBook } from "./walk.ts";

/** One execution: where, how much, when, and what settlement will make of it. */
interface Execution {
  readonly price: Price;
  readonly size: Shares;
  readonly at: Ms;
  readonly liquidity: "taker" | "maker";
  readonly fate: Fate | null;
}

/** Nothing to tell is the usual answer: it costs nothing. */
const NO_ANSWERS: readonly ExecutionEvent[] = [];
const RESTARTING: Problem = { code: "ENGINE_RESTART", message: "the matching engine restarts" };

export class ExchangeModel implements ExchangePort {
  readonly units: ExchangeUnits;
  private readonly account: Account;
  private readonly rebates = new RebateEstimate();
  private readonly markets = new Markets();
  private readonly orders = new Map<string, ModelOrder>();
  private readonly provisional: Provisional;
  private readonly schedule = new Schedule();
  private out: ExecutionEvent[] = [];
  private seq = 0;
  private fillSeq = 0;
  /** The time that tasks and events have reached. */
  private now = -Infinity;
  private readonly freeFunds: boolean;

  constructor(options: ExchangeOptions) {
    this.freeFunds = options.freeFunds === true;
    this.units = exchangeUnits(options);
    this.account = new Account(options.bankroll, options.holdings);
    this.provisional = new Provisional(this.account, this.rebates);
  }

  /** Every assumption in force, for reports. */
  describe(): readonly Assumption[] {
    return describeUnits(this.units);
  }

  /** All cash, that of unsettled sales included. */
  get cash(): Usdc {
    return this.account.cash;
  }

  sharesOf(token: string): number {
    return this.account.sharesOf(token);
  }

  get openOrders(): number {
    return this.orders.size;
  }

  /** Fills that are neither final nor undone. */
  get unsettledFills(): number {
    return this.provisional.size;
  }

  /** Maker rebates as an estimate: in no cash and in no profit. `payable` leaves out days below one pUSD. */
  get rebateEstimate(): { readonly accrued: Usdc; readonly payable: Usdc } {
    const { accrued, payable } = this.rebates;
    return { accrued, payable };
  }

  /** Time of the next thing to do, Infinity when idle. */
  get nextDue(): number {
    return this.schedule.nextDue;
  }

  /** Takes an intent that the engine let through at `now`. */
  submit(intent: Intent, now: Ms): void {
    const lagMs = this.units.feedLatency.sample();
    const arrival = now + this.units.orderLatency.sample() + lagMs;
    if (intent.type === "cancel") {
      this.schedule.add(arrival, (at) => this.run(at, () => this.cancel(intent, at, lagMs)));
      return;
    }
    if (now - intent.bornAt > intent.maxAge) {
      const problem = { code: "INTENT_EXPIRED", message: `intent is ${now - intent.bornAt} ms old` };
      return this.reject(intent, now, problem);
    }
    this.schedule.add(arrival, (at) => this.run(at, () => this.arrive(intent, at, lagMs)));
  }

  /** Runs everything due up to `now` and returns the answers that have reached us by then, oldest first. */
  advance(now: Ms): readonly ExecutionEvent[] {
    this.schedule.runUntil(now);
    if (now > this.now) this.now = now;
    if (this.out.length === 0) return NO_ANSWERS;
    const due = this.out;
    this.out = [];
    return due;
  }

  private run(at: number, task: () => void): void {
    if (at > this.now) this.now = at;
    task();
  }

  /** Applies a market event to the exchange's own books. Call `advance` to the event's time first. */
  observe(event: MarketEvent): void {
    if (event.tReceive > this.now) this.now = event.tReceive;
    switch (event.type) {
      case "window":
        return this.observeWindow(event.instrument);
      case "book":
      case "bookDelta":
      case "tickSize":
        return this.observeBook(event);
      case "tokenTrade":
        return this.observeTrade(event);
      case "resolved": {
        const market = this.markets.market(event.conditionId);
        if (market !== undefined) this.resolve(market, event.winner, event.tReceive);
        return;
      }
      case "feedState":
        if (event.feed === "polymarket.market" && event.state === "down") {
          this.markets.dropBooks();
        }
        return;
    }
  }

  private observeWindow(instrument: Instrument): void {
    const market = this.markets.list(instrument);
    if (market === null) return;
    const end = instrument.endMs + this.units.feedLatency.sample();
    this.schedule.add(end, (at) => this.run(at, () => this.close(market, at)));
  }

  private observeBook(event: BookMarketEvent): void {
    const ref = this.markets.token(event.token);
    if (ref === undefined) return;
    applyBook(ref, event, this.units.impact);
    if (this.orders.size === 0 || event.type === "tickSize") return;
    const { market, outcome } = ref;
    const token = market.instrument.mirrorOf !== null ? null : event.token;
    this.restate(market, token, event.type === "book", event.tExchange);
    if (this.units.queue.quotesReach) this.crossResting(market, outcome, event.tReceive);
  }

  /** Tells the queue places of a token's resting orders (null: both tokens') what their levels show now. */
  private restate(market: ModelMarket, token: string | null, anew: boolean, at: Ms): void {
    for (const order of this.orders.values()) {
      if (order.market !== market || order.place === null) continue;
      if (token !== null && order.intent.token !== token) continue;
      const book = bookOf(order);
      if (!book.trusted) continue;
      const total = book.sizeAt(order.intent.side === "buy" ? BID : ASK, order.intent.limit);
      if (total !== order.place.shown || anew) levelStated(this.units.queue, order.place, total, at, anew);
    }
  }

  /** An answer leaves the exchange at `tExchange` and is read by us one response latency later, in order for an order. */
  private answer(event: ExecutionEvent, order: ModelOrder | null): void {
    const due = Math.max(this.now, event.tExchange + this.units.responseLatency.sample());
    const at = order === null ? due : Math.max(due, order.answeredAt);
    if (order !== null) order.answeredAt = at;
    this.schedule.add(at, (then) => void this.out.push({ ...event, tReceive: then }));
  }

  private reject(intent: SubmitIntent, at: Ms, { code, message }: Problem): void {
    const event = { type: "orderRejected", orderId: intent.orderId, code, message } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, null);
  }

  private accepted(order: ModelOrder, at: Ms, status: "live" | "matched"): void {
    const event = { type: "orderAccepted", orderId: order.intent.orderId, status } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, order);
  }

  private done(order: ModelOrder, at: Ms, reason: OrderDoneEvent["reason"]): void {
    this.orders.delete(order.intent.orderId);
    order.place = null;
    const event = { type: "orderDone", orderId: order.intent.orderId, reason } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, order);
  }

  /** The venue's own checks, in its order: phase, market, price, size, money, post-only, worth. `at` is our time. */
  private arrive(intent: SubmitIntent, at: Ms, lagMs: number): void {
    const venueAt = (at - lagMs) as Ms;
    const phase = phaseAt(this.units.phases, venueAt);
    if (phase === "restart") return this.reject(intent, venueAt, RESTARTING);
    const market = this.markets.market(intent.conditionId);
    if (market === undefined || market.closed || venueAt >= market.instrument.endMs) {
      return this.reject(intent, venueAt, { code: "MARKET_CLOSED", message: "the market is closed" });
    }
    const problem = validateTerms(intent, market.instrument) ??
      this.fundsProblem(intent, market);
    if (problem !== null) return this.reject(intent, venueAt, problem);
    if (phase === "postOnly" && !intent.postOnly) {
      const message = "only post-only orders are taken at the moment";
      return this.reject(intent, venueAt, { code: "POST_ONLY_MODE", message });
    }
    const order: ModelOrder = {
      intent,
      market,
      terms: upTerms(intent.side, intent.outcome, intent.limit),
      lagMs,
      state: "live",
      remaining: intent.spend > 0 ? intent.spend : intent.size,
      cancelRequested: false,
      answeredAt: -Infinity,
      seq: 0,
      place: null,
    };
    const marketable = isMarketable(order);
    if (marketable && intent.postOnly) {
      const message = "invalid post-only order: order crosses book";
      return this.reject(intent, venueAt, { code: "POST_ONLY_CROSSES", message });
    }
    const small = marketable || isMarketOrder(intent) ? validateMarketable(intent) : null;
    if (small !== null) return this.reject(intent, venueAt, small);
    if (!marketable) return this.rest(order, venueAt);
    this.orders.set(intent.orderId, order);
    order.state = "held";
    this.schedule.add(
      at + this.units.hold.holdMs(market.instrument),
      (then) => this.run(then, () => this.match(order, (then - lagMs) as Ms)),
    );
  }

  private fundsProblem(intent: SubmitIntent, market: ModelMarket): Problem | null {
    const problem = checkFunds(this.account, this.orders.values(), intent, market);
    return this.freeFunds && problem?.code === "NOT_ENOUGH_BALANCE" ? null : problem;
  }

  /** Not marketable (any more): GTC and GTD rest, the others are killed. Times are the venue's from here on. */
  private rest(order: ModelOrder, at: Ms): void {
    const { intent } = order;
    if (isMarketOrder(intent)) {
      this.orders.delete(intent.orderId);
      const message = intent.orderType === "FAK"
        ? "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
        : "order couldn't be fully filled. FOK orders are fully filled or killed.";
      return this.reject(intent, at, { code: "NO_MATCH", message });
    }
    this.accepted(order, at, "live");
    this.keep(order, at);
  }

  /** Puts what is left of a GTC or GTD order on the book. */
  private keep(order: ModelOrder, at: Ms): void {
    const { intent } = order;
    order.state = "live";
    order.seq = ++this.seq;
    this.orders.set(intent.orderId, order);
    if (order.cancelRequested) return this.done(order, at, "cancelled");
    const book = bookOf(order);
    order.place = enterQueue(book.sizeAt(intent.side === "buy" ? BID : ASK, intent.limit), book.trusted);
    if (intent.orderType === "GTD" && intent.expireAt !== undefined) {
      this.schedule.add(
        Math.max(at, intent.expireAt) + order.lagMs,
        (then) =>
          this.run(then, () => {
            if (this.orders.get(intent.orderId) === order) {
              this.done(order, (then - order.lagMs) as Ms, "expired");
            }
          }),
      );
    }
  }

  /** The hold is over: everything is checked again, then the order walks the book. */
  private match(order: ModelOrder, at: Ms): void {
    const { intent, market } = order;
    if (this.orders.get(intent.orderId) !== order) return;
    this.orders.delete(intent.orderId);
    if (phaseAt(this.units.phases, at) === "restart") return this.reject(intent, at, RESTARTING);
    if (market.closed || at >= market.instrument.endMs) {
      const message = "the market closed during the hold";
      return this.reject(intent, at, { code: "MARKET_CLOSED", message });
    }
    const funds = this.fundsProblem(intent, market);
    if (funds !== null) return this.reject(intent, at, funds);
    if (!isMarketable(order)) return this.rest(order, at);
    const { fills, satisfied } = walkBook(bookOf(order), wantOf(order), this.units.step);
    if (fills.length === 0 || (intent.orderType === "FOK" && !satisfied)) return this.rest(order, at);
    this.accepted(order, at, "matched");
    const fate = this.units.settlement.next();
    for (const { price, size } of fills) {
      consume(market, upTerms(intent.side, intent.outcome, price), size);
      this.execute(order, { price, size, at, liquidity: "taker", fate });
    }
    // What is below a hundredth of a share is not left to rest.
    if (satisfied || (intent.spend === 0 && order.remaining < SIZE_STEP)) {
      return this.done(order, at, "filled");
    }
    if (isMarketOrder(intent)) return this.done(order, at, "killed");
    this.keep(order, at);
  }

  private execute(order: ModelOrder, { price, size, at, liquidity, fate }: Execution): void {
    const { intent, market } = order;
    const schedule = market.instrument.fee!;
    const cash = cashOf(intent.side, size, price);
    order.remaining -= intent.spend > 0 ? cash : size;
    const fill: FillEvent = {
      type: "fill",
      orderId: intent.orderId,
      fillId: `f${++this.fillSeq}`,
      token: intent.token,
      side: intent.side,
      price,
      size,
      cash,
      fee: liquidity === "taker" ? takerFee(schedule, size, price) : 0 as Usdc,
      liquidity,
      ...(fate === null ? {} : { provisional: true as const }),
      tExchange: at,
      tReceive: at,
    };
    this.account.apply(fill);
    const rebate = liquidity === "maker" ? makerRebate(schedule, size, price) : 0;
    if (rebate > 0) this.rebates.add(rebate, at);
    this.answer(fill, order);
    if (fate === null) return;
    this.provisional.add({ order, fill, fails: fate.fails, rebate });
    this.schedule.add(
      at + order.lagMs + fate.afterMs,
      (then) => this.run(then, () => this.decide(fill.fillId, (then - order.lagMs) as Ms)),
    );
  }

  /** Settlement has spoken about a provisional fill. */
  private decide(fillId: string, at: Ms): void {
    const decided = this.provisional.decide(fillId);
    if (decided === null) return;
    const { order, stage } = decided;
    const event = { type: "fillStage", orderId: order.intent.orderId, fillId, stage } as const;
    this.answer({ ...event, tExchange: at, tReceive: at }, order);
  }

  private resting(market: ModelMarket): ModelOrder[] {
    const orders: ModelOrder[] = [];
    for (const order of this.orders.values()) {
      if (order.market === market && order.state === "live") orders.push(order);
    }
    return orders.sort(byPriority);
  }

  /**
   * The market quotes at or through a resting order: it has been reached. What we meet is met once, like a taker's.
   * Orders of both tokens are judged by the book that was just stated, so that the better price has its turn first.
   */
  private crossResting(market: ModelMarket, outcome: Outcome, at: Ms): void {
    const book = outcome === "up" ? market.up : market.down;
    if (!book.trusted || book.crossed) return;
    const orders = this.resting(market);
    if (orders.length === 0 || phaseAt(this.units.phases, at) === "restart") return;
    for (const order of orders) {
      let reached = 0;
      for (const { upPrice, size } of quotesMet(this.units.step, book, outcome, order)) {
        consume(market, { bid: order.terms.bid, upPrice }, size);
        reached += size;
      }
      if (reached > 0) this.fillResting(order, reached as Shares, at);
    }
  }

  /** A public trade meets resting orders of both tokens in price and queue. */
  private observeTrade(event: Extract<MarketEvent, { type: "tokenTrade" }>): void {
    const ref = this.markets.token(event.token);
    if (ref === undefined || this.orders.size === 0) return;
    const { market, outcome } = ref;
    const own = this.units.prints === "ownToken";
    const orders = this.resting(market).filter((order) => !own || order.intent.outcome === outcome);
    if (orders.length === 0 || phaseAt(this.units.phases, event.tReceive) === "restart") return;
    // A taker who sells Up, or buys Down, has met bids.
    const taker = upTerms(event.side, outcome, event.price);
    if (!own && market.prints.isTwin(outcome, taker.upPrice, event.size, event.tExchange)) return;
    const print = { upPrice: taker.upPrice, hitsBids: !taker.bid, size: event.size, at: event.tExchange };
    const met = meetPrint(this.units, orders, print);
    for (const { order, size } of met) this.fillResting(order, size, event.tReceive);
  }

  /** A maker's fill at its own price. `at` is our time; the venue's is one feed latency before. */
  private fillResting(order: ModelOrder, size: Shares, at: Ms): void {
    const venueAt = (at - order.lagMs) as Ms;
    const fate = this.units.settlement.next();
    this.execute(order, { price: order.intent.limit, size, at: venueAt, liquidity: "maker", fate });
    if (order.remaining < fillStep(this.units.step, order.intent.limit)) this.done(order, venueAt, "filled");
  }

  private cancel(intent: CancelIntent, at: Ms, lagMs: number): void {
    const venueAt = (at - lagMs) as Ms;
    const order = this.orders.get(intent.orderId);
    if (order === undefined || phaseAt(this.units.phases, venueAt) === "restart") return;
    if (order.state === "held") {
      order.cancelRequested = true;
      return;
    }
    this.done(order, venueAt, "cancelled");
  }

  private close(market: ModelMarket, at: Ms): void {
    const { conditionId } = market.instrument;
    if (!market.closed) {
      this.schedule.add(at + ABANDON_AFTER_MS, (then) => this.run(then, () => this.abandon(conditionId)));
    }
    market.closed = true;
    if (this.units.end === "cancelAtEnd") this.closeOrders(market, at);
  }

  private closeOrders(market: ModelMarket, at: Ms): void {
    for (const order of [...this.orders.values()]) {
      if (order.market !== market || order.state !== "live") continue;
      this.done(order, (at - order.lagMs) as Ms, "market-closed");
    }
  }

  private resolve(market: ModelMarket, winner: Outcome, at: Ms): void {
    this.close(market, at);
    this.closeOrders(market, at);
    const { upToken, downToken } = market.instrument;
    for (const fillId of this.provisional.of(market)) this.decide(fillId, at);
    this.account.payOut(winner === "up" ? upToken : downToken, winner === "up" ? downToken : upToken);
    this.markets.forget(market);
  }

  private abandon(conditionId: string): void {
    const market = this.markets.market(conditionId);
    if (market === undefined) return;
    const { upToken, downToken } = market.instrument;
    if (this.account.sharesOf(upToken) > 0 || this.account.sharesOf(downToken) > 0) return;
    this.closeOrders(market, this.now as Ms);
    this.markets.forget(market);
  }
}
