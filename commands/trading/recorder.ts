/** Keeps what a trading session did: decisions, fills, windows, series; turns it into `data` and into the report. */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import type {
  Event,
  ExecutionEvent,
  FillEvent,
  FillStageEvent,
  Intent,
  MarketEvent,
} from "../../core/events.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { Instrument, Outcome } from "../../core/market/instrument.ts";
import { isForeign } from "../../core/orders/portfolio.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { type ExchangePort, Session } from "../../core/session.ts";
import { formatPrice, formatShares, formatUsdc, type Ms, type Price, type Usdc } from "../../core/units.ts";
import type { FillRow, WindowRow } from "../report/model.ts";
import type { OrderLatency } from "../../feeds/gateway/types.ts";
import { DecisionLog, type NotedDecision } from "./decision_log.ts";
import { FrameTrace } from "./frame_trace.ts";
import { LatencyRecorder } from "./latency.ts";
import { ParityBook, type ParitySettings } from "./parity_book.ts";
import { OrderLog } from "./order_stamps.ts";
import type { TradeObserver } from "./observer.ts";
import { SeriesRecorder } from "./series.ts";

const MAX_FILLS = 100_000;
const STALE_CODES = ["SIGNAL_TOO_OLD", "INTENT_EXPIRED", "SIGNAL_STALE_AT_WIRE"] as const;

interface WindowRecord {
  readonly instrument: Instrument;
  strike: string | null;
  outcome: Outcome | null;
  outcomeSource: string | null;
  seen: boolean;
}

export interface RecorderOptions {
  readonly engine: EngineOptions;
  /** The simulated exchange, or the gateway to the real one. */
  readonly exchange: ExchangePort;
  readonly monotonicUs: () => number;
  /** Gets each decision's line once the frame that led to it is through. */
  readonly writeDecision?: (line: string) => void;
  readonly onSettled?: (slug: string) => void;
  /** Gets everything that enters the engine and leaves it, in order. */
  readonly record?: StepRecord;
  /** False: no stage is stamped. Default true. */
  readonly instrument?: boolean;
  /** Counts for metrics and the dashboard. */
  readonly observer?: TradeObserver;
  /** Predicts every order beside its exchange. */
  readonly parity?: ParitySettings;
}

/** The record of a session, as the engine's loop sees it. */
export interface StepRecord {
  step(event: Event, more: boolean): void;
  decision(noted: NotedDecision): void;
  intent(intent: Intent): void;
}

/** One session: engine, simulated exchange and everything the result is made of. */
export class SessionRecorder {
  readonly engine: Engine;
  readonly session: Session;
  readonly decisions: DecisionLog;
  readonly parity: ParityBook | null;
  readonly latency = new LatencyRecorder();
  readonly orderLog: OrderLog;
  readonly series = new SeriesRecorder();
  readonly fills: FillRow[] = [];
  fillCount = 0;
  /** Fills that the venue took back. */
  undoneCount = 0;
  private readonly provisional = new Map<string, number>();
  events = 0;
  firstEventMs: number | null = null;
  lastEventMs = 0;
  private readonly windows = new Map<string, WindowRecord>();
  private readonly trace: FrameTrace | null;

  /** What decides. */
  get policy(): Policy {
    return this.options.engine.policy;
  }

  constructor(private readonly options: RecorderOptions) {
    const { monotonicUs } = options;
    this.trace = options.instrument === false ? null : new FrameTrace(this.latency, monotonicUs);
    this.orderLog = new OrderLog(this.latency, monotonicUs);
    this.decisions = new DecisionLog(options.writeDecision);
    this.engine = new Engine({
      ...options.engine,
      ...(this.trace === null ? {} : { trace: this.trace }),
      onDecision: (decision) => {
        const noted = this.decisions.note(decision);
        options.record?.decision(noted);
        options.observer?.decision(decision);
      },
      onView: (view, window) => {
        const record = this.windows.get(window.instrument.conditionId);
        if (record !== undefined) record.seen = true;
        this.series.view(view, window);
        options.observer?.view(view, window);
      },
      onSettled: (window) => this.settled(window),
    });
    const { record } = options;
    const { engine } = this;
    this.parity = options.parity === undefined
      ? null
      : new ParityBook(options.parity, (conditionId) => engine.windows.get(conditionId) ?? null);
    this.session = new Session(engine, this.parity?.ledger.tap(options.exchange) ?? options.exchange, {
      ...(record === undefined ? {} : { onStep: (event, more) => record.step(event, more) }),
      onIntent: (intent, now) => {
        record?.intent(intent);
        this.intent(intent, now);
      },
      onExecution: (event) => this.execution(event),
    });
  }

  /**
   * Feeds the events of one frame. `receivedUs` is when the socket's callback began, `handledUs` when its turn to be decoded
   * came (monotonic); NaN when the events had no frame of their own.
   */
  frame(events: readonly MarketEvent[], receivedUs = NaN, handledUs = receivedUs): void {
    const { trace } = this;
    trace?.begin(receivedUs, handledUs, events[0]);
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      this.note(event);
      trace?.event(event);
      this.session.feed(event, i + 1 < events.length);
      trace?.stepped();
    }
    if (events.length > 0) this.series.addEquity(this.lastEventMs, this.engine.equity());
    this.decisions.flush();
    this.latency.settle();
    this.parity?.flush();
  }

  /** The gateway's stamps of an order. */
  wire(latency: OrderLatency): void {
    if (this.trace !== null) this.orderLog.wire(latency);
  }

  private note(event: MarketEvent): void {
    this.events++;
    this.firstEventMs ??= event.tReceive;
    if (event.tReceive > this.lastEventMs) this.lastEventMs = event.tReceive;
    if (event.type === "window") {
      const { instrument } = event;
      if (!this.windows.has(instrument.conditionId)) {
        this.windows.set(instrument.conditionId, {
          instrument,
          strike: null,
          outcome: null,
          outcomeSource: null,
          seen: false,
        });
      }
    } else if (event.type === "strike") {
      const record = this.windows.get(event.conditionId);
      if (record !== undefined) record.strike = event.exact;
    } else if (event.type === "resolved") {
      const record = this.windows.get(event.conditionId);
      if (record !== undefined) {
        record.outcome = event.winner;
        record.outcomeSource = event.source;
      }
    }
  }

  private settled(window: WindowState): void {
    const { slug } = window.instrument;
    this.series.note(
      slug,
      `${
        window.strike === null ? "strike not known" : `strike ${window.strike.value}`
      }, ended ${window.winner}`,
    );
    this.series.addEquity(this.lastEventMs, this.engine.equity(), true);
    this.options.observer?.settled(window);
    this.options.onSettled?.(slug);
  }

  private intent(intent: Intent, now: Ms): void {
    this.options.observer?.intent(intent);
    const { trace } = this;
    if (intent.type !== "submit" || trace === null) return;
    const instrument = this.windows.get(intent.conditionId)?.instrument;
    if (instrument === undefined) return;
    const series = trace.seriesOfInstrument(instrument);
    this.orderLog.sent(intent, now, trace, { instrument, series });
  }

  private execution(event: ExecutionEvent): void {
    this.options.observer?.execution(event, this.engine);
    if (this.trace !== null) this.orderLog.answer(event);
    if (event.type === "fill") this.fill(event);
    else if (event.type === "fillStage") this.fillStage(event);
  }

  private fill(event: FillEvent): void {
    this.fillCount++;
    const order = this.engine.orders.get(event.orderId) ?? this.engine.ended.get(event.orderId);
    const record = order === undefined ? undefined : this.windows.get(order.intent.conditionId);
    if (order === undefined || record === undefined || this.fills.length >= MAX_FILLS) return;
    this.series.fill(record.instrument.slug);
    this.fills.push({
      tMs: event.tExchange,
      slug: record.instrument.slug,
      outcome: order.intent.outcome,
      side: event.side,
      price: event.price,
      size: event.size,
      fee: event.fee,
      liquidity: event.liquidity,
      // Paper money is as final as it gets: nothing can undo it.
      status: event.provisional ? "provisional" : "confirmed",
    });
    if (event.provisional) this.provisional.set(event.fillId, this.fills.length - 1);
  }

  private fillStage(event: FillStageEvent): void {
    const at = this.provisional.get(event.fillId);
    if (at === undefined) return;
    this.provisional.delete(event.fillId);
    this.fills[at] = { ...this.fills[at]!, status: event.stage === "final" ? "confirmed" : "failed" };
    if (event.stage === "undone") this.undoneCount++;
  }

  /** Takes what the exchange has to say at `now`, between two frames. */
  pump(now: Ms): void {
    this.session.finish(now);
  }

  /** Fills that are matched and neither confirmed nor failed. */
  get unsettledFills(): number {
    return this.provisional.size;
  }

  /** Windows the session looked at or traded, in order of their start. */
  windowRows(): WindowRow[] {
    const rows: { startMs: number; row: WindowRow }[] = [];
    for (const record of this.windows.values()) {
      const result = this.engine.portfolio.windows.get(record.instrument.conditionId);
      if (!record.seen && result === undefined) continue;
      rows.push({
        startMs: record.instrument.startMs,
        row: {
          slug: record.instrument.slug,
          strike: record.strike,
          outcome: record.outcome,
          fills: result?.fills ?? 0,
          fees: result?.fees ?? 0 as Usdc,
          pnl: result?.pnl ?? 0 as Usdc,
          settled: record.outcome !== null,
        },
      });
    }
    return rows.sort((a, b) => a.startMs - b.startMs || (a.row.slug < b.row.slug ? -1 : 1)).map(({ row }) =>
      row
    );
  }

  /** Windows looked at that are settled. */
  settledCount(): number {
    return this.windowRows().filter((row) => row.settled).length;
  }

  /** Tokens whose book disagrees with the venue's stated best prices: their books want to be read again. */
  suspectTokens(): string[] {
    const tokens: string[] = [];
    for (const { instrument, up, down, winner } of this.engine.windows.values()) {
      if (winner !== null) continue;
      if (up.suspect) tokens.push(instrument.upToken);
      if (down.suspect) tokens.push(instrument.downToken);
    }
    return tokens;
  }

  slugOf(conditionId: string): string {
    return this.windows.get(conditionId)?.instrument.slug ?? conditionId;
  }

  /** Realised so far, and the same with open positions at their executable value. */
  pnl(): { final: Usdc; provisional: Usdc } {
    const { portfolio } = this.engine;
    return {
      final: portfolio.realised,
      provisional: (this.engine.equity() - this.engine.bankroll - this.engine.external) as Usdc,
    };
  }

  /** Wishes that were given up because what caused them was too old: at the gate, at the gateway, at the wire. */
  staleSignals(): { readonly dropped: number; readonly wishes: number; readonly rate: number } {
    const { notSent } = this.engine;
    const dropped = STALE_CODES.reduce((sum, code) => sum + (notSent.get(code) ?? 0), 0);
    const wishes = this.decisions.count;
    return { dropped, wishes, rate: wishes === 0 ? 0 : Math.round(dropped / wishes * 10_000) / 10_000 };
  }

  /** The contract's `data` of `trade`. Money as decimal strings. */
  data(session: string): Record<string, unknown> {
    const { engine } = this;
    const pnl = this.pnl();
    return {
      session,
      orders: engine.ordersSent,
      fills: this.fillCount,
      undoneFills: this.undoneCount,
      unsettledFills: this.unsettledFills,
      trades: engine.portfolio.trades.length,
      fees: formatUsdc(engine.portfolio.feesPaid),
      pnl: { provisional: formatUsdc(pnl.provisional), final: formatUsdc(pnl.final) },
      positions: [...engine.portfolio.positions.values()].map((position) => ({
        slug: this.slugOf(position.conditionId),
        outcome: position.outcome,
        // Of others on this account: counts to limits, and is no part of equity or profit.
        foreign: isForeign(position.token),
        shares: formatShares(position.shares),
        cost: formatUsdc(position.cost),
        averagePrice: formatPrice(Math.round(position.cost * 10_000 / Math.max(1, position.shares)) as Price),
      })),
      notSent: Object.fromEntries([...engine.notSent].sort()),
      staleSignals: this.staleSignals(),
      rejected: Object.fromEntries([...engine.rejected].sort()),
      windows: this.windowRows().map((row) => ({
        ...row,
        fees: formatUsdc(row.fees),
        pnl: formatUsdc(row.pnl),
      })),
      decisions: engine.evaluations,
      wishes: this.decisions.count,
      decisionsHash: this.decisions.hash,
      latencyUs: this.latency.numbers(),
      maxDrawdown: formatUsdc(engine.maxDrawdown),
      latch: engine.latch,
      events: this.events,
      outOfOrder: this.session.outOfOrder,
      unknownTokens: engine.unknownTokens,
      ...(this.parity === null ? {} : { parity: this.parity.summary() }),
    };
  }
}
