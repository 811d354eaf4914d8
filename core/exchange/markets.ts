/** The windows the model knows: their books as recorded, with our own fills' marks on them. */
import type { MarketEvent } from "../events.ts";
import { ASK, BID, OrderBook } from "../market/book.ts";
import type { Instrument, Outcome } from "../market/instrument.ts";
import { PRICE_SCALE } from "../units.ts";
import { ImpactMarks, type ImpactModel } from "./impact.ts";
import { PrintMemory, type UpTerms } from "./mint.ts";
import type { ModelMarket } from "./order.ts";

export type BookMarketEvent = Extract<MarketEvent, { type: "book" | "bookDelta" | "tickSize" }>;

export interface TokenRef {
  readonly market: ModelMarket;
  readonly outcome: Outcome;
}

export class Markets {
  private readonly byCondition = new Map<string, ModelMarket>();
  private readonly byToken = new Map<string, TokenRef>();

  get size(): number {
    return this.byCondition.size;
  }

  market(conditionId: string): ModelMarket | undefined {
    return this.byCondition.get(conditionId);
  }

  token(token: string): TokenRef | undefined {
    return this.byToken.get(token);
  }

  /** Takes a listing; returns the market when it is new. A newer listing never takes back a tick that was announced. */
  list(instrument: Instrument): ModelMarket | null {
    const known = this.byCondition.get(instrument.conditionId);
    if (known !== undefined) {
      known.instrument = { ...instrument, tick: known.instrument.tick };
      return null;
    }
    const market: ModelMarket = {
      instrument,
      up: new OrderBook(),
      down: new OrderBook(),
      upMarks: new ImpactMarks(),
      downMarks: new ImpactMarks(),
      prints: new PrintMemory(),
      bookStamp: -Infinity,
      closed: false,
    };
    this.byCondition.set(instrument.conditionId, market);
    this.byToken.set(instrument.upToken, { market, outcome: "up" });
    this.byToken.set(instrument.downToken, { market, outcome: "down" });
    return market;
  }

  forget({ instrument }: ModelMarket): void {
    this.byCondition.delete(instrument.conditionId);
    this.byToken.delete(instrument.upToken);
    this.byToken.delete(instrument.downToken);
  }

  /** The feed is down: no book is known any more. */
  dropBooks(): void {
    for (const { up, down, upMarks, downMarks } of this.byCondition.values()) {
      up.clear();
      down.clear();
      upMarks.clear();
      downMarks.clear();
    }
  }
}

/** Applies a frame to its token's book, and to the other one where that is only its mirror. Allocates nothing. */
export function applyBook({ market, outcome }: TokenRef, event: BookMarketEvent, impact: ImpactModel): void {
  const onUp = outcome === "up";
  const own = onUp ? market.up : market.down;
  const marks = onUp ? market.upMarks : market.downMarks;
  const mirror = market.instrument.mirrorOf !== null;
  const other = onUp ? market.down : market.up;
  const otherMarks = onUp ? market.downMarks : market.upMarks;
  if (event.type === "tickSize") {
    market.instrument = { ...market.instrument, tick: event.newTick };
    own.clear();
    marks.clear();
    if (mirror) other.clear();
    if (mirror) otherMarks.clear();
    return;
  }
  const stamp = event.tExchange;
  if (stamp > market.bookStamp) market.bookStamp = stamp;
  if (event.type === "book") {
    if (event.tick !== undefined) market.instrument = { ...market.instrument, tick: event.tick };
    own.replace(event.bids, event.asks);
    marks.afterSnapshot(impact, own, stamp);
    if (mirror) other.replace(event.bids, event.asks, true);
    if (mirror) otherMarks.afterSnapshot(impact, other, stamp);
  } else {
    own.applyDelta(event.changes, event.bestBid, event.bestAsk);
    marks.afterDelta(impact, own, event.changes, stamp);
    if (mirror) other.applyDelta(event.changes, event.bestBid, event.bestAsk, true);
    if (mirror) otherMarks.afterDelta(impact, other, event.changes, stamp, true);
  }
}

/** What a taker with these terms took leaves both books: an ask for Up at p is a bid for Down at 1-p. */
export function consume(market: ModelMarket, { bid, upPrice }: UpTerms, size: number): void {
  const { up, down, upMarks, downMarks, bookStamp } = market;
  upMarks.take(up, bid ? ASK : BID, upPrice, size, bookStamp);
  downMarks.take(down, bid ? BID : ASK, PRICE_SCALE - upPrice, size, bookStamp);
}
