/**
 * One row of the market environment: one engine, one simulated exchange and one stream of events, stopped at each decision
 * to be told the action. The engine, its gate, the sizer and the exchange are those of paper trading; nothing of them is
 * done again here. An episode is a window; a stream is a chapter with an engine and an exchange of its own.
 */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import { invariant } from "../../core/errors.ts";
import type { ExecutionEvent, MarketEvent } from "../../core/events.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { type Action, HOLD, type MarketView } from "../../core/policy/policy.ts";
import { Session } from "../../core/session.ts";
import { type Ms, type Usdc } from "../../core/units.ts";
import { writeView } from "./observation.ts";
import { PositionPrices, type RewardName, SHAPED_UNREALISED, shapedBonus } from "./reward.ts";

/** Market events, oldest first, each good until the next call. */
export interface EventStream {
  /** null at the end. */
  next(): MarketEvent | null;
  /** Whether more events of the same instant follow the one given last. */
  readonly more: boolean;
}

/** One stream from its beginning to its end, and which of its windows are episodes. */
export interface Chapter {
  readonly stream: EventStream;
  readonly accept: (instrument: Instrument) => boolean;
}

/** What a row is made with; the same options give the same row. */
export interface RowOptions {
  /** Engine without its policy: the row is the policy. */
  readonly engine: Omit<EngineOptions, "policy" | "onSettled" | "onDecision" | "onView">;
  /** Made anew for every chapter. */
  readonly exchange: () => ExchangeOptions;
  readonly decideEveryMs: number;
  readonly reward: RewardName;
  /** Money of one trade, the unit of rewards. */
  readonly stake: Usdc;
  /** 18 or 24, see `observation.ts`. */
  readonly obsSize: number;
  /** A chapter by number; there is always another (a source begins again when it has no more). */
  readonly open: (chapter: number) => Chapter;
}

export interface RowSnapshot {
  readonly chapter: number;
  /** Base64, one byte a decision of this chapter. */
  readonly actions: string;
}

/** An unresolved window is given up this long after its end. */
const ABANDON_AFTER_MS = 3_600_000;
/** Chapters without a single decision before the source is called useless. */
const MAX_EMPTY_CHAPTERS = 1_000;

type End = "running" | "terminated" | "truncated";

/** A chapter with its engine. */
interface Play extends Chapter {
  readonly engine: Engine;
  readonly session: Session;
}

export class MarketRow {
  /** First observation of the step to come. */
  readonly observation: Float32Array;
  /** Of an episode that was cut off. */
  readonly finalObservation: Float32Array;
  reward = 0;
  end: End = "running";
  private chapter = 0;
  private actions: number[] = [];
  private play!: Play;
  private readonly prices = new PositionPrices();
  private active: Instrument | null = null;
  private pending: Action = HOLD;
  private bonus = 0;
  private booked = 0;
  private now = 0;
  private nextDecision = -Infinity;
  private upMid = NaN;

  constructor(private readonly options: RowOptions) {
    this.observation = new Float32Array(options.obsSize);
    this.finalObservation = new Float32Array(options.obsSize);
  }

  /** Number of the chapter that is being played. */
  get chapterNumber(): number {
    return this.chapter;
  }

  /** Begins with chapter `chapter` and plays up to its first decision. */
  reset(chapter = 0): void {
    this.chapter = chapter;
    this.begin();
    this.playOn();
  }

  /** Acts, and plays up to the next decision; fills `reward`, `end` and the observations. */
  step(action: Action): void {
    this.actions.push(action);
    this.end = "running";
    this.reward = 0;
    this.pending = action;
    this.clock();
    this.pending = HOLD;
    this.playOn();
  }

  snapshot(): RowSnapshot {
    return { chapter: this.chapter, actions: Uint8Array.from(this.actions).toBase64() };
  }

  /** The chapter is played again with the actions of then: the same state to the last bit. */
  restore({ chapter, actions }: RowSnapshot): void {
    const bytes = Uint8Array.fromBase64(actions);
    this.reset(chapter);
    for (const action of bytes) {
      invariant(this.chapter === chapter, "a chapter ends where it ended before");
      this.step(action as Action);
    }
  }

  private begin(): void {
    this.actions = [];
    this.prices.clear();
    this.active = null;
    this.upMid = NaN;
    this.now = 0;
    this.nextDecision = -Infinity;
    this.play = this.openChapter();
    this.booked = this.value();
  }

  private openChapter(): Play {
    const { options } = this;
    const engine = new Engine({
      ...options.engine,
      decideEveryMs: options.decideEveryMs,
      policy: {
        name: "learner",
        needs: { fast: true, oracle: false, strike: false },
        decideEveryMs: options.decideEveryMs,
        statesProbability: false,
        decide: (view) => this.decide(view),
      },
      onSettled: (window) => this.settled(window),
    });
    const bankroll = (options.engine.bankroll + (options.engine.credit ?? 0)) as Usdc;
    const exchange = new ExchangeModel({ ...options.exchange(), bankroll });
    const session = new Session(engine, exchange, { onExecution: (event) => this.execution(event) });
    return { ...options.open(this.chapter), engine, session };
  }

  private decide(view: MarketView): Action {
    if (view.instrument.conditionId !== this.active?.conditionId) return HOLD;
    if (this.options.reward === "shaped") this.bonus += shapedBonus(view, this.pending);
    return this.pending;
  }

  private execution(event: ExecutionEvent): void {
    if (event.type !== "fill") return;
    const { orders, ended } = this.play.engine;
    const outcome = (orders.get(event.orderId) ?? ended.get(event.orderId))?.intent.outcome;
    if (outcome !== undefined) this.prices.fill(event, outcome, this.upMid);
  }

  private settled(window: WindowState): void {
    if (window.instrument.conditionId !== this.active?.conditionId) return;
    this.prices.settle(this.upMid);
    this.end = "terminated";
    this.active = null;
  }

  /** Lets the engine decide on what it has heard, at the time of the last event. */
  private clock(): void {
    const t = this.now as Ms;
    this.nextDecision = (Math.floor(t / this.options.decideEveryMs) + 1) * this.options.decideEveryMs;
    this.play.session.feed({ type: "clock", tExchange: t, tReceive: t });
  }

  /** Plays up to the next decision of an accepted window, over the ends of windows and chapters. */
  private playOn(): void {
    for (let empty = 0; empty < MAX_EMPTY_CHAPTERS;) {
      const event = this.play.stream.next();
      if (event === null) {
        this.cut();
        this.book();
        this.chapter++;
        this.begin();
        empty++;
        continue;
      }
      // Nothing is decided on the way: the engine is told that more follows until the row lets it decide.
      this.play.session.feed(event, true);
      if (event.tReceive > this.now) this.now = event.tReceive;
      if (this.play.stream.more || this.now < this.nextDecision) continue;
      if (this.look()) return this.book();
      this.clock();
    }
    invariant(false, "a source of chapters without a window that can be decided upon");
  }

  /** Whether there is something to decide; then the observation is written. */
  private look(): boolean {
    if (this.active !== null && this.now > this.active.endMs + ABANDON_AFTER_MS) this.cut();
    let found = false;
    this.play.engine.observe((view, { instrument }) => {
      if (found) return;
      if (this.active === null && this.play.accept(instrument)) this.active = instrument;
      if (this.active?.conditionId !== instrument.conditionId) return;
      found = true;
      if (!Number.isNaN(view.upMid)) this.upMid = view.upMid;
      writeView(view, this.options.obsSize, this.observation, 0);
    });
    return found;
  }

  /** The window under way ends without an outcome. */
  private cut(): void {
    if (this.active === null) return;
    this.end = "truncated";
    this.finalObservation.set(this.observation);
    this.active = null;
  }

  /** Adds to the reward what has come since it was last asked. */
  private book(): void {
    const value = this.value();
    this.reward += value - this.booked + this.bonus;
    this.bonus = 0;
    this.booked = value;
  }

  /** The sum whose differences are the rewards, in stakes. */
  private value(): number {
    const { engine } = this.play;
    const { reward, stake } = this.options;
    switch (reward) {
      case "share":
        return engine.portfolio.realised / stake;
      case "equity":
        return (engine.equity() - engine.bankroll) / stake;
      case "probability":
        return this.prices.closed;
      case "shaped":
        return SHAPED_UNREALISED * (this.prices.closed + this.prices.open(this.upMid));
    }
  }
}
