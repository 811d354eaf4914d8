/**
 * Engine and simulated exchange in one loop: the exchange is brought to the event's time first, its answers enter the
 * engine before the event does, and what the engine lets through goes back to the exchange. Paper trading, tapes and
 * training run this same loop; they differ in where events come from.
 */
import type { Engine } from "./engine.ts";
import type { Event, ExecutionEvent, Intent, MarketEvent } from "./events.ts";
import { type Ms, ms } from "./units.ts";

/** Where intents go and answers come from: the simulated exchange, or a gateway to the real one. */
export interface ExchangePort {
  /** Sees every market event before the engine does; the event may be overwritten by the next, so nothing of it is kept. */
  observe(event: MarketEvent): void;
  /** Answers that are known at `now`, oldest first; called until there are none. */
  advance(now: Ms): readonly ExecutionEvent[];
  /** Takes an intent. Does not wait for anything: what came of it is told by `advance()`. */
  submit(intent: Intent, now: Ms): void;
  /** Takes what one step gave, in its order, where that is cheaper together than one by one. */
  submitAll?(intents: readonly Intent[], now: Ms): void;
}

export interface SessionHooks {
  /**
   * Every event on its way into the engine, market and execution alike, as the engine will see it and in its order. Keeps
   * a reference at most: it runs before each decision, and nobody changes an event once it was fed.
   */
  readonly onStep?: (event: Event, more: boolean) => void;
  readonly onIntent?: (intent: Intent, now: Ms) => void;
  readonly onExecution?: (event: ExecutionEvent) => void;
}

export class Session {
  private last = 0;
  /** Events whose receive time was before their predecessor's; they are taken at the predecessor's time. */
  outOfOrder = 0;

  constructor(
    readonly engine: Engine,
    readonly exchange: ExchangePort,
    private readonly hooks: SessionHooks = {},
  ) {}

  /** Feeds the events of one instant (a frame, a row of a recording); decides after the last. */
  feedAll(events: readonly MarketEvent[]): void {
    for (let i = 0; i < events.length; i++) this.feed(events[i]!, i + 1 < events.length);
  }

  /**
   * Feeds one market event; `more` when another of the same instant follows. Receive times must not go back; those that
   * do are lifted and counted.
   */
  feed(event: MarketEvent, more = false): void {
    let current = event;
    if (event.tReceive < this.last) {
      this.outOfOrder++;
      current = { ...event, tReceive: ms(this.last) };
    }
    this.last = current.tReceive;
    this.drain(current.tReceive);
    this.exchange.observe(current);
    this.step(current, more);
  }

  /** Lets pending orders and answers run out until `until`; nothing new is decided. */
  finish(until: Ms): void {
    this.drain(until);
    this.last = Math.max(this.last, until);
  }

  private drain(now: Ms): void {
    for (;;) {
      const answers = this.exchange.advance(now);
      if (answers.length === 0) return;
      for (const answer of answers) {
        this.hooks.onExecution?.(answer);
        this.step(answer);
      }
    }
  }

  private step(event: Event, more = false): void {
    this.hooks.onStep?.(event, more);
    const intents = this.engine.step(event, more);
    if (intents.length > 1 && this.exchange.submitAll !== undefined) {
      for (const intent of intents) this.hooks.onIntent?.(intent, event.tReceive);
      return this.exchange.submitAll(intents, event.tReceive);
    }
    for (const intent of intents) {
      this.hooks.onIntent?.(intent, event.tReceive);
      this.exchange.submit(intent, event.tReceive);
    }
  }
}
