/**
 * Hand-worked scenarios as data: what is shown and sent, and every fill that must come of it, in exact millionths. The
 * arithmetic stands beside each fill. Fee per share: 0.07 x p x (1-p), rounded to five decimals a fill, half up.
 */
import type { ExecutionEvent, Intent, MarketEvent, SubmitIntent } from "../../../../core/events.ts";
import { ExchangeModel } from "../../../../core/exchange/exchange_model.ts";
import type { ExchangeOptions } from "../../../../core/exchange/options.ts";
import type { Side } from "../../../../core/market/instrument.ts";
import type { Ms, Price, Shares, Usdc } from "../../../../core/units.ts";
import {
  at,
  bothBooks,
  deltaEvent,
  dollars,
  DOWN,
  lots,
  p,
  START,
  submit,
  UP,
  windowEvent,
} from "../../helpers.ts";

/** Offsets are milliseconds from here, one minute into the window. The window ends at +240000. */
export const T = START + 60_000;

export type Rows = readonly (readonly [price: number, shares: number])[];

/** One thing that happens at an offset. */
export type Step =
  | { readonly t: number; readonly show: (t: number) => readonly MarketEvent[] }
  | { readonly t: number; readonly send: Intent };

/** `[order, liquidity, price, size, cash, fee, offset of the match]`: decimal price, the rest in millionths. */
export type FillRow = readonly [string, "taker" | "maker", number, number, number, number, number];

export interface Scenario {
  readonly name: string;
  readonly units?: Partial<ExchangeOptions>;
  /** A recording that kept one token. */
  readonly mirrorOf?: "up";
  readonly steps: readonly Step[];
  readonly fills: readonly FillRow[];
  /** Ends of orders in the order of their telling: `o1 filled`, `o2 NO_MATCH`. */
  readonly ends?: readonly string[];
  /** Cash at the end, millionths. Every scenario begins with 1000 pUSD and 100 shares of each token. */
  readonly cash?: number;
}

/** Both tokens' books from the Up side. */
export const book = (t: number, bids: Rows, asks: Rows): Step => ({
  t,
  show: (now) => bothBooks(now, bids, asks),
});
/** Changes of Up `[0 bid | 1 ask, price, total]`, told on both tokens. */
export const delta = (t: number, ...changes: readonly (readonly [0 | 1, number, number])[]): Step => ({
  t,
  show: (now) => [
    deltaEvent(now, UP, changes),
    deltaEvent(
      now,
      DOWN,
      changes.map(([side, price, size]) => [side === 0 ? 1 : 0, 1 - price, size] as const),
    ),
  ],
});
/** A public trade; `side` is the taker's. */
export const trade = (t: number, side: Side, price: number, size: number, token = UP): Step => ({
  t,
  show: (now) => [{ type: "tokenTrade", token, price: p(price), size: lots(size), side, ...at(now) }],
});
/** The tick of both tokens changes; their books wait for a snapshot. */
export const tickChange = (t: number, from: number, to: number): Step => ({
  t,
  show: (now) =>
    [UP, DOWN].map((token) => ({ type: "tickSize", token, oldTick: p(from), newTick: p(to), ...at(now) })),
});
export const show = (t: number, event: (now: number) => MarketEvent): Step => ({
  t,
  show: (now) => [event(now)],
});

const order = (t: number, orderId: string, changes: Partial<SubmitIntent>): Step => ({
  t,
  send: submit({ orderId, bornAt: (T + t) as Ms, ...changes }),
});
/** Market BUY that spends. */
export const buys = (
  t: number,
  id: string,
  spend: number,
  limit: number,
  more: Partial<SubmitIntent> = {},
): Step => order(t, id, { spend: dollars(spend), limit: p(limit), ...more });
/** Market SELL. */
export const sells = (
  t: number,
  id: string,
  size: number,
  limit: number,
  more: Partial<SubmitIntent> = {},
): Step => order(t, id, { side: "sell", spend: 0 as Usdc, size: lots(size), limit: p(limit), ...more });
/** GTC order. */
export const rests = (
  t: number,
  id: string,
  [side, size, limit]: readonly [Side, number, number],
  more: Partial<SubmitIntent> = {},
): Step =>
  order(t, id, { side, orderType: "GTC", spend: 0 as Usdc, size: lots(size), limit: p(limit), ...more });
export const cancels = (t: number, orderId: string): Step => ({
  t,
  send: { type: "cancel", orderId, bornAt: (T + t) as Ms },
});

export interface Outcome {
  readonly model: ExchangeModel;
  readonly answers: readonly ExecutionEvent[];
}

/** Plays a scenario to half an hour after its window. */
export function play({ units = {}, steps, mirrorOf }: Scenario): Outcome {
  const holdings = new Map([[UP, lots(100) as Shares], [DOWN, lots(100) as Shares]]);
  const model = new ExchangeModel({ bankroll: dollars(1000), holdings, ...units });
  const answers: ExecutionEvent[] = [];
  const window = windowEvent(T - 60_000, mirrorOf === undefined ? {} : { mirrorOf });
  model.observe(window);
  for (const step of [...steps].sort((a, b) => a.t - b.t)) {
    const now = (T + step.t) as Ms;
    answers.push(...model.advance(now));
    if ("send" in step) model.submit(step.send, now);
    else for (const event of step.show(now)) model.observe(event);
  }
  answers.push(...model.advance((T + 1_800_000) as Ms));
  return { model, answers };
}

export const fillRows = (answers: readonly ExecutionEvent[]): FillRow[] =>
  answers.flatMap((event): FillRow[] =>
    event.type === "fill"
      ? [[
        event.orderId,
        event.liquidity,
        (event.price as Price) / 10_000,
        event.size,
        event.cash,
        event.fee,
        event.tExchange - T,
      ]]
      : []
  );

export const endRows = (answers: readonly ExecutionEvent[]): string[] =>
  answers.flatMap((event) =>
    event.type === "orderDone"
      ? [`${event.orderId} ${event.reason}`]
      : event.type === "orderRejected"
      ? [`${event.orderId} ${event.code}`]
      : []
  );
