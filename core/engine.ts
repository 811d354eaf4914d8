/**
 * The one place where decisions are made. `step(event)` applies an event, asks the policy when its time has come, sends
 * every wish through the gate and returns what may be sent. No I/O, no clock, no chance of its own: the same events give
 * the same intents, whoever produces the events and whoever executes the intents.
 */
import type { EngineTrace } from "./engine_trace.ts";
import type {
  AccountEvent,
  Event,
  ExecutionEvent,
  FeedName,
  FeedState,
  FillEvent,
  Intent,
  MarketEvent,
  OraclePriceEvent,
  SubmitIntent,
} from "./events.ts";
import { AssetState } from "./features/asset_state.ts";
import { learnStrikeBasis } from "./features/fair.ts";
import { MID_SAMPLE_MS, WindowState } from "./features/window_state.ts";
import { compareDecimals } from "./market/exact.ts";
import { type Asset, ASSETS, type Outcome } from "./market/instrument.ts";
import { type Drafting, draftOrder, draftsAt } from "./orders/draft.ts";
import { isOpen, newOrder, type Order } from "./orders/order.ts";
import { Portfolio } from "./orders/portfolio.ts";
import {
  type Action,
  ACTION_NAMES,
  decideTogether,
  HOLD,
  type MarketView,
  type Policy,
} from "./policy/policy.ts";
import { Views } from "./policy/views.ts";
import { checkSizing, type Sizing } from "./policy/sizing.ts";
import { equityOf, exposureOf } from "./risk/exposure.ts";
import { checkSubmit, type Latch, type Refusal, type RiskLimits } from "./risk/gate.ts";
import { aggressiveness, latencyAt, newLatencyState, noteLatency } from "./risk/latency.ts";
import type { Ms, Shares, Usdc } from "./units.ts";

/** Ticks a taker order may pay beyond the best price it saw. */
const DEFAULT_SLIPPAGE_TICKS = 1;
/** A settled window is forgotten this long after its end. */
const FORGET_AFTER_MS = 60_000;
/** A window nobody resolved and in which nothing is held or open is forgotten this long after its end. */
const ABANDON_AFTER_MS = 3_600_000;
/** What a `twap60` print averages; a rule with another length is not decided by it. */
const TWAP_PRINT_SECONDS = 60;

/** One wish of the policy: what became of it. Holds are only counted. */
export interface Decision {
  readonly seq: number;
  readonly t: Ms;
  readonly slug: string;
  readonly action: typeof ACTION_NAMES[number];
  readonly fairUp: number | null;
  readonly intent: SubmitIntent;
  /** null: handed to the gateway. */
  readonly refusal: Refusal | null;
}

export interface EngineOptions {
  readonly policy: Policy;
  readonly sizing: Sizing;
  readonly limits: RiskLimits;
  readonly bankroll: Usdc;
  /**
   * Cash beyond the bankroll, for judging a whole recording at constant stakes: trading goes on when the bankroll is gone
   * (`ruinedAtMs` says when), and a trade's fraction is measured against the initial bankroll. Not part of equity.
   */
  readonly credit?: Usdc;
  readonly orderMaxAgeMs: number;
  /** Overrides the policy's own pace. */
  readonly decideEveryMs?: number;
  readonly slippageTicks?: number;
  /** Called for every wish that is not a hold. */
  readonly onDecision?: (decision: Decision) => void;
  /** Called for every window each time it is decided upon; the view is reused. */
  readonly onView?: (view: MarketView, window: WindowState) => void;
  /** Called once a window is settled, before it is forgotten. */
  readonly onSettled?: (window: WindowState, portfolio: Portfolio) => void;
  /** Told of the places a decision passes; for measuring only. */
  readonly trace?: EngineTrace;
}

interface TokenRef {
  readonly window: WindowState;
  readonly outcome: Outcome;
}

const NO_INTENTS: readonly Intent[] = [];

export class Engine {
  readonly portfolio: Portfolio;
  readonly windows = new Map<string, WindowState>();
  readonly assets = new Map<Asset, AssetState>(ASSETS.map((asset) => [asset, new AssetState()]));
  readonly feeds = new Map<FeedName, FeedState>();
  readonly orders = new Map<string, Order>();
  /** Orders that are over, of windows that are not forgotten. */
  readonly ended = new Map<string, Order>();
  readonly notSent = new Map<string, number>();
  readonly rejected = new Map<string, number>();
  latch: Latch | null = null;
  /** First time a stop limit was hit, also when `limits.stops` is off. */
  firstStop: { readonly code: string; readonly atMs: Ms; readonly equity: Usdc } | null = null;
  stopped = false;
  /** When the bankroll was first gone (only with credit can trading go on after it). */
  ruinedAtMs: Ms | null = null;
  evaluations = 0;
  ordersSent = 0;
  peakEquity: Usdc;
  maxDrawdown: Usdc = 0 as Usdc;
  /** Equity that came or went without this session's orders: neither profit nor loss. */
  external: Usdc = 0 as Usdc;
  /** Events for tokens, windows or orders nobody told us about. */
  unknownTokens = 0;

  private readonly tokens = new Map<string, TokenRef>();
  private readonly decideEveryMs: number;
  private readonly views: Views;
  /** Windows that are decided upon in this step, and what the policy says of each. */
  private readonly due: WindowState[] = [];
  private actions = new Int32Array(8);
  private readonly drafting: Drafting;
  private readonly credit: Usdc;
  private readonly latency = newLatencyState();
  private nextDecision = -Infinity;
  private nextSample = -Infinity;
  private decisionSeq = 0;
  private orderSeq = 0;
  private now = 0;

  constructor(private readonly options: EngineOptions) {
    checkSizing(options.sizing, options.policy);
    this.credit = options.credit ?? 0 as Usdc;
    this.portfolio = new Portfolio((options.bankroll + this.credit) as Usdc);
    this.peakEquity = options.bankroll;
    this.decideEveryMs = options.decideEveryMs ?? options.policy.decideEveryMs;
    this.views = new Views(this.portfolio);
    const slippageTicks = options.slippageTicks ?? DEFAULT_SLIPPAGE_TICKS;
    this.drafting = {
      sizing: options.sizing,
      slippageTicks,
      buySlippageTicks: () =>
        aggressiveness(slippageTicks, latencyAt(this.latency, this.now), options.limits),
      maxAge: options.orderMaxAgeMs as Ms,
      equity: () => this.equity(),
      sharesOf: (token) => this.portfolio.sharesOf(token),
      nextId: () => `o${++this.orderSeq}`,
    };
  }

  /**
   * Applies one event and returns the intents that passed the gate, in order. With `more` another event of the same
   * instant follows (the rest of a frame, the other token's book): nothing is decided on half of it.
   */
  step(event: Event, more = false): readonly Intent[] {
    const now = event.tReceive;
    if (now > this.now) this.now = now;
    if (now >= this.nextSample) {
      for (const window of this.windows.values()) window.sampleMids(now);
      this.nextSample = (Math.floor(now / MID_SAMPLE_MS) + 1) * MID_SAMPLE_MS;
    }
    switch (event.type) {
      case "orderAccepted":
      case "orderRejected":
      case "fill":
      case "orderDone":
      case "orderUnknown":
      case "fillStage":
        this.applyExecution(event);
        return NO_INTENTS;
      case "account":
        this.applyAccount(event);
        return NO_INTENTS;
      case "stop":
        this.stopped = true;
        return this.cancelAll(() => true);
      default:
        this.applyMarket(event);
        this.options.trace?.applied();
    }
    if (more || now < this.nextDecision) return NO_INTENTS;
    this.nextDecision = (Math.floor(now / this.decideEveryMs) + 1) * this.decideEveryMs;
    return this.decideAll();
  }

  /**
   * Shows every running window as the policy would see it now, and decides nothing: for a learner that looks first and is
   * told its action afterwards. The view is reused.
   */
  observe(visit: (view: MarketView, window: WindowState) => void): void {
    for (const window of this.windows.values()) {
      if (!this.isRunning(window)) continue;
      visit(this.views.fill(0, window, this.asset(window.instrument.asset), this.now), window);
    }
  }

  /**
   * What a wish for either side, or the end of a position, would become in every running window now and `ticks` away from it;
   * the ids are empty, and nothing is changed by it. For signing ahead.
   */
  preview(ticks: readonly number[]): SubmitIntent[] {
    const drafting = { ...this.drafting, nextId: () => "" };
    const drafts: SubmitIntent[] = [];
    this.observe((view) => {
      for (const ahead of ticks) drafts.push(...draftsAt(view, ahead, drafting));
    });
    return drafts;
  }

  private applyMarket(event: MarketEvent): void {
    switch (event.type) {
      case "book":
      case "bookDelta":
      case "tickSize":
      case "bestBidAsk":
        return this.applyBook(event);
      case "fastTrade":
        return this.asset(event.asset).onTrade(event);
      case "fastTop":
        return this.asset(event.asset).onTop(event);
      case "fastBook":
        return this.asset(event.asset).onBook(event);
      case "fastPrice":
        return this.asset(event.asset).onPrice(event.venue, event.price, event.tReceive, event.tExchange);
      case "fastBar":
        return this.asset(event.asset).onBar(event);
      case "oraclePrice":
        this.asset(event.asset).onOracle(event);
        return this.readProvisional(event);
      case "volatility":
        this.asset(event.asset).impliedVol = event.value;
        return;
      case "window":
        return this.applyWindow(event);
      case "strike": {
        const window = this.windows.get(event.conditionId);
        if (window === undefined) return void this.unknownTokens++;
        window.strike = { value: event.value, exact: event.exact, basis: event.basis };
        return learnStrikeBasis(this.asset(window.instrument.asset), window);
      }
      case "resolved":
        return this.applyResolved(event);
      case "latency":
        if (noteLatency(this.latency, event, this.options.limits) && this.options.limits.stops) {
          this.latch ??= "LATENCY_LATCH";
        }
        return;
      case "feedState":
        this.feeds.set(event.feed, event.state);
        if (event.feed === "polymarket.market" && event.state === "down") this.dropBooks();
        return;
    }
  }

  private asset(asset: Asset): AssetState {
    return this.assets.get(asset)!;
  }

  private applyWindow(event: Extract<MarketEvent, { type: "window" }>): void {
    const { instrument } = event;
    const known = this.windows.get(instrument.conditionId);
    if (known !== undefined) {
      // A listing never takes back a finer tick that the socket announced; the book keeps its own.
      known.instrument = { ...instrument, tick: known.instrument.tick };
      return;
    }
    const window = new WindowState(instrument);
    this.windows.set(instrument.conditionId, window);
    this.tokens.set(instrument.upToken, { window, outcome: "up" });
    this.tokens.set(instrument.downToken, { window, outcome: "down" });
  }

  private applyBook(
    event: Extract<MarketEvent, { type: "book" | "bookDelta" | "tickSize" | "bestBidAsk" }>,
  ): void {
    const ref = this.tokens.get(event.token);
    if (ref === undefined) return void this.unknownTokens++;
    const { window, outcome } = ref;
    const mirror = window.instrument.mirrorOf !== null;
    const own = window.book(outcome);
    const other = window.book(outcome === "up" ? "down" : "up");
    switch (event.type) {
      case "book":
        if (event.tick !== undefined) window.instrument = { ...window.instrument, tick: event.tick };
        own.replace(event.bids, event.asks);
        if (mirror) other.replace(event.bids, event.asks, true);
        break;
      case "bookDelta":
        own.applyDelta(event.changes, event.bestBid, event.bestAsk);
        if (mirror) other.applyDelta(event.changes, event.bestBid, event.bestAsk, true);
        break;
      case "tickSize":
        window.instrument = { ...window.instrument, tick: event.newTick };
        own.clear();
        if (mirror) other.clear();
        return;
      case "bestBidAsk":
        // A separate frame than the delta it follows: a difference is counted, the delta's own check decides on trust.
        if (own.hasSnapshot && (event.bid !== own.bestBid || event.ask !== own.bestAsk)) own.mismatches++;
        break;
    }
    if (mirror || outcome === "up") window.upBookAtMs = event.tReceive;
    if (mirror || outcome === "down") window.downBookAtMs = event.tReceive;
    if (event.tExchange > window.bookExchangeMs) window.bookExchangeMs = event.tExchange;
    this.remember(window, outcome);
    if (mirror) this.remember(window, outcome === "up" ? "down" : "up");
  }

  /** Only a book that may be decided on marks a position: one false quote would move the peak that drawdown is measured from. */
  private remember(window: WindowState, outcome: Outcome): void {
    const book = window.book(outcome);
    if (book.bestBid < 0 || !book.trusted || book.crossed) return;
    if (outcome === "up") window.upMark = book.bestBid;
    else window.downMark = book.bestBid;
  }

  private dropBooks(): void {
    for (const window of this.windows.values()) {
      window.up.clear();
      window.down.clear();
    }
  }

  /** The TWAP print of the closing second against the strike, to the last digit: known before the venue speaks. */
  private readProvisional(event: OraclePriceEvent): void {
    if (event.kind !== "twap60") return;
    for (const window of this.windows.values()) {
      const { instrument, strike } = window;
      if (instrument.asset !== event.asset || instrument.endMs !== event.tExchange) continue;
      const { rule } = instrument;
      if (strike === null || strike.basis !== "chainlink" || rule.kind !== "twap") continue;
      if (rule.oracle !== event.provider || rule.averagingSeconds !== TWAP_PRINT_SECONDS) continue;
      const order = compareDecimals(event.exact, strike.exact);
      if (!Number.isNaN(order)) window.provisionalWinner = order >= 0 ? "up" : "down";
    }
  }

  private applyResolved(event: Extract<MarketEvent, { type: "resolved" }>): void {
    const window = this.windows.get(event.conditionId);
    if (window === undefined) {
      // A position of before this session, in a window that was over when it began.
      if (!this.portfolio.holdsIn(event.conditionId)) return void this.unknownTokens++;
      this.portfolio.settle(event.conditionId, event.winner, event.tReceive);
      return this.updateStops();
    }
    if (window.winner !== null) return;
    window.winner = event.winner;
    this.portfolio.settle(event.conditionId, event.winner, event.tReceive);
    this.options.onSettled?.(window, this.portfolio);
    this.updateStops();
  }

  private applyExecution(event: Exclude<ExecutionEvent, AccountEvent>): void {
    if (event.type === "fillStage") {
      if (event.stage === "final") this.portfolio.confirm(event.fillId);
      else this.portfolio.undo(event.fillId);
      return this.updateStops();
    }
    const order = this.orders.get(event.orderId) ?? this.ended.get(event.orderId);
    if (order === undefined) return void this.unknownTokens++;
    switch (event.type) {
      case "orderUnknown":
        if (isOpen(order)) order.state = "unknown";
        return;
      case "orderAccepted":
        if (isOpen(order)) order.state = event.status === "delayed" ? "held" : "live";
        return;
      case "orderRejected":
        order.state = "rejected";
        order.reason = event.code;
        bump(isStale(event.code) ? this.notSent : this.rejected, event.code);
        return this.end(order);
      case "fill":
        return this.applyFill(order, event);
      case "orderDone":
        order.state = "done";
        order.reason = event.reason;
        return this.end(order);
    }
  }

  /** Kept until its window is forgotten: a fill may be told after the end of its order. */
  private end(order: Order): void {
    const { orderId } = order.intent;
    if (this.orders.delete(orderId)) this.ended.set(orderId, order);
  }

  /** What this session's orders do not explain moves equity and its peak alike: it is neither profit nor loss. */
  private applyAccount(event: AccountEvent): void {
    const before = this.equity();
    this.portfolio.applyAccount(event);
    const change = this.equity() - before;
    this.external = (this.external + change) as Usdc;
    this.peakEquity = (this.peakEquity + change) as Usdc;
  }

  private applyFill(order: Order, event: FillEvent): void {
    order.filledSize = (order.filledSize + event.size) as Shares;
    order.filledCash = (order.filledCash + event.cash) as Usdc;
    order.fee = (order.fee + event.fee) as Usdc;
    const { conditionId, outcome } = order.intent;
    const winner = this.windows.get(conditionId)?.winner ?? null;
    if (winner === null) this.portfolio.applyFill(event, conditionId, outcome);
    else this.portfolio.applyLateFill(event, conditionId, outcome, winner);
    this.updateStops();
  }

  private decideAll(): readonly Intent[] {
    let intents: Intent[] | null = null;
    this.updateStops();
    this.due.length = 0;
    for (const window of this.windows.values()) {
      const { endMs } = window.instrument;
      if (this.now >= endMs + FORGET_AFTER_MS && this.isOver(window)) {
        this.forget(window);
        continue;
      }
      if (!this.isRunning(window)) continue;
      if (endMs - this.now < this.options.limits.blackoutBeforeEndMs) {
        const { conditionId } = window.instrument;
        const cancels = this.cancelAll((order) =>
          order.intent.conditionId === conditionId && order.state === "live"
        );
        if (cancels.length > 0) (intents ??= []).push(...cancels);
      }
      this.due.push(window);
    }
    if (this.due.length > 0) intents = this.decide(intents);
    return intents ?? NO_INTENTS;
  }

  private isRunning(window: WindowState): boolean {
    const { startMs, endMs } = window.instrument;
    return this.now >= startMs && this.now < endMs && window.winner === null;
  }

  /** Nothing can happen in a window any more: resolved, or long ended, with nothing held and nothing open. */
  private isOver(window: WindowState): boolean {
    const { conditionId, upToken, downToken, endMs } = window.instrument;
    if (window.winner === null && this.now < endMs + ABANDON_AFTER_MS) return false;
    if (this.portfolio.sharesOf(upToken) > 0 || this.portfolio.sharesOf(downToken) > 0) return false;
    for (const order of this.orders.values()) if (order.intent.conditionId === conditionId) return false;
    return true;
  }

  private forget(window: WindowState): void {
    const { conditionId } = window.instrument;
    this.windows.delete(conditionId);
    this.portfolio.forget(conditionId);
    for (const [id, order] of this.ended) if (order.intent.conditionId === conditionId) this.ended.delete(id);
    this.tokens.delete(window.instrument.upToken);
    this.tokens.delete(window.instrument.downToken);
  }

  /** Looks at every window of `due`, asks the policy, and sends what it wants through the gate. */
  private decide(intents: Intent[] | null): Intent[] | null {
    const { due, views } = this;
    const { trace } = this.options;
    this.evaluations += due.length;
    if (this.actions.length < due.length) this.actions = new Int32Array(2 * due.length);
    for (let i = 0; i < due.length; i++) {
      const window = due[i]!;
      views.fill(i, window, this.asset(window.instrument.asset), this.now);
      trace?.features(window);
    }
    decideTogether(this.options.policy, views.all, due.length, this.actions);
    for (let i = 0; i < due.length; i++) {
      const window = due[i]!;
      trace?.policy(window);
      const view = views.all[i]!;
      this.options.onView?.(view, window);
      const intent = this.wish(this.actions[i] as Action, view, window);
      if (intent !== null) (intents ??= []).push(intent);
    }
    return intents;
  }

  private wish(action: Action, view: MarketView, window: WindowState): SubmitIntent | null {
    const { trace } = this.options;
    if (action === HOLD) return null;
    const draft = draftOrder(action, view, this.drafting);
    if (draft === null) return null;
    const refusal = this.gate(draft, window, this.asset(window.instrument.asset));
    trace?.gated(window);
    this.options.onDecision?.({
      seq: this.decisionSeq++,
      t: this.now as Ms,
      slug: window.instrument.slug,
      action: ACTION_NAMES[action],
      fairUp: Number.isNaN(view.fairUp) ? null : view.fairUp,
      intent: draft,
      refusal,
    });
    if (refusal !== null) {
      bump(this.notSent, refusal.code);
      return null;
    }
    this.ordersSent++;
    this.orders.set(draft.orderId, newOrder(draft, window.instrument.fee!, this.now as Ms));
    return draft;
  }

  private gate(intent: SubmitIntent, window: WindowState, asset: AssetState): Refusal | null {
    return checkSubmit(intent, {
      now: this.now,
      limits: this.options.limits,
      needs: this.options.policy.needs,
      window,
      asset,
      feeds: this.feeds,
      stopped: this.stopped,
      latch: this.latch,
      latencyMs: latencyAt(this.latency, this.now),
      tradeBase: this.credit > 0 ? this.options.bankroll : this.equity(),
      sellable: this.portfolio.sellableOf(intent.token),
      ...exposureOf(intent.conditionId, this.orders.values(), this.portfolio),
    });
  }

  /** What the session began with. */
  get bankroll(): Usdc {
    return this.options.bankroll;
  }

  /** Cash plus what positions would fetch at the last executable bid (or their payout once we know the winner). */
  equity(): Usdc {
    return (equityOf(this.portfolio, this.windows) - this.credit) as Usdc;
  }

  private updateStops(): void {
    const equity = this.equity();
    if (equity > this.peakEquity) this.peakEquity = equity;
    if (equity <= 0) this.ruinedAtMs ??= this.now as Ms;
    const drawdown = (this.peakEquity - equity) as Usdc;
    if (drawdown > this.maxDrawdown) this.maxDrawdown = drawdown;
    const { limits } = this.options;
    const code = drawdown > this.peakEquity * limits.maxDrawdownFraction
      ? "DRAWDOWN_LATCH"
      : this.portfolio.lossStreak >= limits.maxConsecutiveLosses
      ? "LOSS_STREAK_LATCH"
      : null;
    if (code === null) return;
    this.firstStop ??= { code, atMs: this.now as Ms, equity };
    if (limits.stops) this.latch ??= code;
  }

  private cancelAll(match: (order: Order) => boolean): Intent[] {
    const cancels: Intent[] = [];
    for (const order of this.orders.values()) {
      if (match(order)) {
        cancels.push({ type: "cancel", orderId: order.intent.orderId, bornAt: this.now as Ms });
      }
    }
    return cancels;
  }
}

/** Too old to be sent when its turn came: never at the venue. */
export const isStale = (code: string): boolean =>
  code === "INTENT_EXPIRED" || code === "SIGNAL_STALE_AT_WIRE";

function bump(counts: Map<string, number>, code: string): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}
