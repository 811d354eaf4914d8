/**
 * The exchange of wishful thinking, for the audit of reports only: every order is filled at once, whole, at the mid,
 * without a fee. It is what most paper records are made with; the distance between its result and the real model's says
 * how much of a profit the venue would keep.
 */
import type { ExecutionEvent, FillEvent, Intent, MarketEvent, SubmitIntent } from "../events.ts";
import { floorTo, MARKET_SIZE_STEP } from "../market/rounding.ts";
import type { ExchangePort } from "../session.ts";
import { type Ms, mulDivFloor, notional, type Price, PRICE_SCALE, type Shares, type Usdc } from "../units.ts";
import { impactModel } from "./impact.ts";
import { applyBook, Markets } from "./markets.ts";

const NOTHING: readonly ExecutionEvent[] = [];

export class NaiveExchange implements ExchangePort {
  private readonly markets = new Markets();
  private readonly impact = impactModel("untilSnapshot");
  private out: ExecutionEvent[] = [];
  private fills = 0;

  observe(event: MarketEvent): void {
    switch (event.type) {
      case "window":
        this.markets.list(event.instrument);
        return;
      case "book":
      case "bookDelta":
      case "tickSize": {
        const ref = this.markets.token(event.token);
        if (ref !== undefined) applyBook(ref, event, this.impact);
        return;
      }
      case "resolved": {
        const market = this.markets.market(event.conditionId);
        if (market !== undefined) this.markets.forget(market);
        return;
      }
      case "feedState":
        if (event.feed === "polymarket.market" && event.state === "down") this.markets.dropBooks();
        return;
    }
  }

  advance(): readonly ExecutionEvent[] {
    if (this.out.length === 0) return NOTHING;
    const answers = this.out;
    this.out = [];
    return answers;
  }

  submit(intent: Intent, now: Ms): void {
    // Nothing ever rests here, so there is nothing to cancel.
    if (intent.type === "submit") this.fill(intent, now);
  }

  private fill(intent: SubmitIntent, now: Ms): void {
    const { orderId, side, token } = intent;
    const times = { tExchange: now, tReceive: now };
    const at = this.midOf(intent);
    const size = at === null ? 0 : floorTo(
      intent.spend > 0 ? mulDivFloor(intent.spend, PRICE_SCALE, at) : intent.size,
      MARKET_SIZE_STEP,
    );
    if (at === null || size <= 0) {
      const message = "there is no mid to dream of";
      this.out.push({ type: "orderRejected", orderId, code: "NO_MATCH", message, ...times });
      return;
    }
    this.out.push(
      { type: "orderAccepted", orderId, status: "matched", ...times },
      {
        type: "fill",
        ...{ orderId, fillId: `n${++this.fills}`, token, side, price: at, size: size as Shares },
        ...{ cash: notional(size as Shares, at), fee: 0 as Usdc, liquidity: "taker", ...times },
      } satisfies FillEvent,
      { type: "orderDone", orderId, reason: "filled", ...times },
    );
  }

  /** Middle of the own token's best prices, to a ten-thousandth; null without two sides. */
  private midOf({ conditionId, outcome }: SubmitIntent): Price | null {
    const market = this.markets.market(conditionId);
    if (market === undefined) return null;
    const book = outcome === "up" ? market.up : market.down;
    if (book.bestBid < 0 || book.bestAsk < 0 || !book.trusted) return null;
    const mid = Math.round((book.bestBid + book.bestAsk) / 2);
    return mid > 0 && mid < PRICE_SCALE ? mid as Price : null;
  }
}
