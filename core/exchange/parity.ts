/**
 * The parity ledger: beside the exchange that orders really go to runs a second one, the exchange model, on the same
 * market events and the same intents. For every order the ledger keeps what the model made of it and what happened, and
 * how the market stood 1, 5 and 30 s after its fills.
 *
 * On paper with the same settings the two are one machine made twice: every row must be equal, and what differs is what
 * was set to differ. In live trading the recorded book has our own fills in it. A fill that we hear of before the model
 * has made its own may already have taken from the model's book: such rows are marked `touched`, and the book that was
 * displayed when the order was sent (`expected`), which nothing of ours can have changed, is the prediction then.
 * Resting orders are displayed to the model as if they were a stranger's, so it queues behind them: errs against us.
 */
import type { ExecutionEvent, FillEvent, Intent, MarketEvent, SubmitIntent } from "../events.ts";
import { ASK, BID, type OrderBook } from "../market/book.ts";
import { takerFee } from "../market/fees.ts";
import type { Instrument } from "../market/instrument.ts";
import type { ExchangePort } from "../session.ts";
import type { Ms } from "../units.ts";
import type { ExchangeModel } from "./exchange_model.ts";
import { addExecution, hasEnded, isOver, newOutcome, type OutcomeState } from "./parity_outcome.ts";
import {
  favour,
  type LevelAfter,
  type Markout,
  MARKOUTS_MS,
  type ParityExpectation,
  type ParityRow,
} from "./parity_row.ts";
import { walkBook } from "./walk.ts";

/** A window's books as the engine has them: the market without the model's own marks. */
export interface ParityMarket {
  readonly instrument: Instrument;
  readonly up: OrderBook;
  readonly down: OrderBook;
}

export interface ParityOptions {
  /** Runs on the same events. Nobody else may use it. */
  readonly model: ExchangeModel;
  /** The books of a window before the event under way; null when it is not known (any more). */
  readonly market: (conditionId: string) => ParityMarket | null;
  /** Market data contains our own orders and fills: true at a venue, false on paper. */
  readonly ownInBook: boolean;
  /** Gets a row when nothing more can come of its order, or at `close()`. */
  readonly onRow: (row: ParityRow) => void;
}

/** Orders whose rows may be open at once; more are counted and not kept. */
const MAX_OPEN = 10_000;
/** When no event came for so long after a look was due, the books say nothing of that time: the feeds were silent. */
const MARKOUT_LATE_MS = 15_000;

interface Sums {
  size: number;
  midSize: number;
  mid: number;
  executableSize: number;
  executable: number;
  waiting: number;
}

interface OpenRow {
  readonly intent: SubmitIntent;
  expected: ParityExpectation;
  readonly model: OutcomeState;
  readonly actual: OutcomeState;
  touched: boolean;
  readonly sums: readonly Sums[];
  level: { price: number; taken: number; before: number; after: (number | null)[]; at: number } | null;
}

interface Look {
  readonly due: number;
  readonly row: OpenRow;
  readonly fill: FillEvent;
}

const BLIND: ParityExpectation = {
  kind: "blind",
  bid: -1,
  ask: -1,
  top: 0,
  size: 0,
  cash: 0,
  fee: 0,
  ahead: 0,
};
const newSums = (): Sums => ({ size: 0, midSize: 0, mid: 0, executableSize: 0, executable: 0, waiting: 0 });

export class ParityLedger {
  private readonly open = new Map<string, OpenRow>();
  /** Looks that are due, per markout; each in order of time because fills are. */
  private readonly looks: Look[][] = MARKOUTS_MS.map(() => []);
  private nextLook = Infinity;
  private last = 0;
  /** Orders beyond what is kept. */
  dropped = 0;

  constructor(private readonly options: ParityOptions) {}

  /** The exchange, with the ledger listening. Every call reaches both in the same order. */
  tap(exchange: ExchangePort): ExchangePort {
    return {
      observe: (event) => {
        exchange.observe(event);
        this.observe(event);
      },
      advance: (now) => {
        this.advance(now);
        const answers = exchange.advance(now);
        for (const answer of answers) this.happened(answer);
        return answers;
      },
      submit: (intent, now) => {
        this.enter(intent, now);
        exchange.submit(intent, now);
        this.predict(intent, now);
      },
      ...(exchange.submitAll === undefined ? {} : {
        submitAll: (intents: readonly Intent[], now: Ms) => {
          for (const intent of intents) this.enter(intent, now);
          exchange.submitAll?.(intents, now);
          for (const intent of intents) this.predict(intent, now);
        },
      }),
    };
  }

  /** A market event, before the engine has it. Call `advance` to its time first. */
  observe(event: MarketEvent): void {
    if (event.tReceive > this.last) this.last = event.tReceive;
    if (event.tReceive >= this.nextLook) this.look(event.tReceive);
    this.options.model.observe(event);
  }

  /** Lets the model answer up to `now`. */
  advance(now: Ms): void {
    const { model } = this.options;
    for (let answers = model.advance(now); answers.length > 0; answers = model.advance(now)) {
      for (const answer of answers) {
        if (answer.type === "account") continue;
        const row = this.open.get(answer.orderId);
        if (row === undefined) continue;
        addExecution(row.model, answer);
        this.settle(answer.orderId, row);
      }
    }
  }

  /** An intent is being sent; `predict` follows once it is on its way. */
  enter(intent: Intent, now: Ms): void {
    if (intent.type === "cancel") return;
    if (this.open.size >= MAX_OPEN) return void this.dropped++;
    this.open.set(intent.orderId, {
      intent,
      expected: BLIND,
      model: newOutcome(now),
      actual: newOutcome(now),
      touched: false,
      sums: MARKOUTS_MS.map(newSums),
      level: null,
    });
  }

  predict(intent: Intent, now: Ms): void {
    if (intent.type === "submit") {
      const row = this.open.get(intent.orderId);
      if (row !== undefined) row.expected = expectationOf(intent, this.options.market(intent.conditionId));
    }
    this.options.model.submit(intent, now);
  }

  /** Something happened to one of our orders. */
  happened(event: ExecutionEvent): void {
    if (event.type === "account") return;
    const row = this.open.get(event.orderId);
    if (row === undefined) return;
    addExecution(row.actual, event);
    if (event.type === "fill") this.filled(row, event);
    // An order that never was, or was taken away, must not go on resting in the model.
    if (hasEnded(row.actual) && row.actual.of.end !== "filled" && !hasEnded(row.model)) {
      const now = event.tReceive;
      this.options.model.submit({ type: "cancel", orderId: event.orderId, bornAt: now }, now);
    }
    this.settle(event.orderId, row);
  }

  private filled(row: OpenRow, fill: FillEvent): void {
    if (this.options.ownInBook && fill.liquidity === "taker" && mayHaveMet(row, fill)) row.touched = true;
    if (row.level === null && fill.liquidity === "taker") {
      const { kind, bid, ask, top } = row.expected;
      if (kind === "takes" && fill.price === (fill.side === "buy" ? ask : bid)) {
        const after = MARKOUTS_MS.map(() => null);
        row.level = { price: fill.price, taken: fill.size, before: top, after, at: fill.tReceive };
      }
    }
    MARKOUTS_MS.forEach((afterMs, i) => {
      row.sums[i]!.size += fill.size;
      row.sums[i]!.waiting++;
      const due = fill.tReceive + afterMs;
      this.looks[i]!.push({ due, row, fill });
      if (due < this.nextLook) this.nextLook = due;
    });
  }

  private bookOf({ conditionId, outcome }: SubmitIntent): OrderBook | null {
    const market = this.options.market(conditionId);
    return market === null ? null : outcome === "up" ? market.up : market.down;
  }

  /** Takes the markouts that are due: the books still are as they were before the event of `now`. */
  private look(now: number): void {
    this.nextLook = Infinity;
    for (let i = 0; i < this.looks.length; i++) {
      const queue = this.looks[i]!;
      let done = 0;
      for (; done < queue.length && queue[done]!.due <= now; done++) this.mark(queue[done]!, i, now);
      queue.splice(0, done);
      if (queue.length > 0) this.nextLook = Math.min(this.nextLook, queue[0]!.due);
    }
  }

  private mark({ due, row, fill }: Look, i: number, now: number): void {
    const sums = row.sums[i]!;
    sums.waiting--;
    const book = now - due > MARKOUT_LATE_MS ? null : this.bookOf(row.intent);
    if (book !== null && book.trusted && !book.crossed) {
      const { bestBid, bestAsk } = book;
      const exit = fill.side === "buy" ? bestBid : bestAsk;
      if (bestBid >= 0 && bestAsk >= 0) {
        sums.midSize += fill.size;
        sums.mid += fill.size * favour(fill, (bestBid + bestAsk) / 2);
      }
      if (exit >= 0) {
        sums.executableSize += fill.size;
        sums.executable += fill.size * favour(fill, exit);
      }
      const { level } = row;
      if (level !== null && level.at === fill.tReceive && level.price === fill.price) {
        level.after[i] = book.sizeAt(fill.side === "buy" ? ASK : BID, fill.price);
      }
    }
    this.settle(row.intent.orderId, row);
  }

  /** Hands the row out once nothing more can come. */
  private settle(orderId: string, row: OpenRow): void {
    if (!isOver(row.actual) || !isOver(row.model)) return;
    if (row.sums.some((sums) => sums.waiting > 0)) return;
    if (this.open.delete(orderId)) this.options.onRow(rowOf(row));
  }

  /** The session is over: rows go out as they are. */
  close(): void {
    for (const row of this.open.values()) this.options.onRow(rowOf(row));
    this.open.clear();
    for (const queue of this.looks) queue.length = 0;
    this.nextLook = Infinity;
  }
}

/** Whether the model's book may have lacked what this fill took: heard, or matched, before the model had matched. */
function mayHaveMet({ model, actual }: OpenRow, fill: FillEvent): boolean {
  if (model.of.takerSize === 0 && !hasEnded(model)) return true;
  const { venueMs } = model.of;
  return venueMs !== null && fill.tExchange - actual.sentAt <= venueMs;
}

function expectationOf(intent: SubmitIntent, market: ParityMarket | null): ParityExpectation {
  const book = market === null ? null : intent.outcome === "up" ? market.up : market.down;
  if (market === null || book === null || !book.trusted || book.crossed) return BLIND;
  const { side, limit, size, spend } = intent;
  const { fee } = market.instrument;
  const walk = walkBook(book, { side, limit, size: spend > 0 ? 0 : size, spend }, "fourDecimals");
  // FOK takes all or nothing.
  const fills = intent.orderType === "FOK" && !walk.satisfied ? [] : walk.fills;
  return {
    kind: walk.fills.length > 0 ? "takes" : "rests",
    bid: book.bestBid,
    ask: book.bestAsk,
    top: side === "buy" ? book.sizeAt(ASK, book.bestAsk) : book.sizeAt(BID, book.bestBid),
    size: fills.length === 0 ? 0 : walk.size,
    cash: fills.length === 0 ? 0 : walk.cash,
    fee: fee === null ? 0 : fills.reduce((sum, part) => sum + takerFee(fee, part.size, part.price), 0),
    ahead: book.sizeAt(side === "buy" ? BID : ASK, limit),
  };
}

function markoutOf(sums: Sums, afterMs: number): Markout {
  return {
    afterMs,
    size: sums.midSize,
    mid: sums.midSize > 0 ? sums.mid / sums.midSize : null,
    executable: sums.executableSize > 0 ? sums.executable / sums.executableSize : null,
  };
}

function rowOf({ intent, expected, model, actual, touched, sums, level }: OpenRow): ParityRow {
  const { orderId, conditionId, outcome, side, orderType, postOnly, limit, size, spend } = intent;
  const shown: LevelAfter | null = level === null
    ? null
    : { price: level.price, taken: level.taken, before: level.before, after: level.after };
  return {
    orderId,
    conditionId,
    outcome,
    side,
    orderType,
    postOnly,
    limit,
    size,
    spend,
    sentAt: actual.sentAt,
    expected,
    model: model.of,
    actual: actual.of,
    touched,
    markouts: sums.map((one, i) => markoutOf(one, MARKOUTS_MS[i]!)),
    level: shown,
  };
}
