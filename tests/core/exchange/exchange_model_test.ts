import assert from "node:assert/strict";
import type { ExecutionEvent, Intent, MarketEvent, SubmitIntent } from "../../../core/events.ts";
import type { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { fixedHold } from "../../../core/exchange/hold.ts";
import { impactModel } from "../../../core/exchange/impact.ts";
import { constantLatency } from "../../../core/exchange/latency.ts";
import type { Ms, Price, Usdc } from "../../../core/units.ts";
import {
  at,
  bookEvent,
  bothBooks,
  deltaEvent,
  dollars,
  DOWN,
  END,
  exchangeModel,
  fillsOf,
  latencyOf,
  lots,
  p,
  resolvedEvent,
  START,
  submit,
  UP,
  windowEvent,
} from "../helpers.ts";

/** Orders are sent at S, arrive at S+50, are matched at S+200, and answered at S+250. */
const S = START + 60_000;

interface Desk {
  readonly exchange: ExchangeModel;
  readonly answers: ExecutionEvent[];
  /** Advances to each event's time, then shows it to the exchange. */
  show(...events: MarketEvent[]): void;
  send(intent: Intent, t?: number): void;
  /** Runs until `t` and returns what was answered since the last call, in short. */
  until(t: number): string[];
}

function desk(events: readonly MarketEvent[], paper: Parameters<typeof exchangeModel>[0] = {}): Desk {
  const exchange = exchangeModel(paper);
  const answers: ExecutionEvent[] = [];
  let told = 0;
  const advance = (t: number) => void answers.push(...exchange.advance(t as Ms));
  const show = (...shown: MarketEvent[]) => {
    for (const event of shown) {
      advance(event.tReceive);
      exchange.observe(event);
    }
  };
  show(...events);
  return {
    exchange,
    answers,
    show,
    send: (intent, t = S) =>
      exchange.submit(intent.type === "submit" ? { ...intent, bornAt: t as Ms } : intent, t as Ms),
    until: (t) => {
      advance(t);
      const fresh = answers.slice(told).map(brief);
      told = answers.length;
      return fresh;
    },
  };
}

const orderOf = (event: ExecutionEvent): string => event.type === "account" ? "account" : event.orderId;
function brief(event: ExecutionEvent): string {
  const when = `+${event.tReceive - S}`;
  switch (event.type) {
    case "orderAccepted":
      return `${when} ${event.orderId} ${event.status}`;
    case "orderRejected":
      return `${when} ${event.orderId} ${event.code}`;
    case "orderDone":
      return `${when} ${event.orderId} ${event.reason}`;
    case "fill":
      return `${when} ${event.orderId} ${event.liquidity} ${event.size / 1e6}@${
        event.price / 1e4
      } fee ${event.fee}`;
    default:
      return event.type;
  }
}

type Rows = readonly (readonly [number, number])[];
const market = (
  bids: Rows,
  asks: Rows,
): MarketEvent[] => [windowEvent(START), ...bothBooks(S - 100, bids, asks)];
const gtc = (changes: Partial<SubmitIntent> = {}): SubmitIntent =>
  submit({ orderType: "GTC", spend: 0 as Usdc, size: lots(10), limit: p(0.50), ...changes });
const sell = (changes: Partial<SubmitIntent> = {}): SubmitIntent =>
  submit({ side: "sell", spend: 0 as Usdc, size: lots(10), limit: p(0.50), ...changes });
const cancel = (orderId: string, t: number): Intent => ({ type: "cancel", orderId, bornAt: t as Ms });

/** A desk that holds 100 Up shares bought at 0.50 without a fee, and whose books are then `bids` and `asks`. */
function holding(bids: Rows, asks: Rows): Desk {
  const d = desk(market([[0.49, 1000]], [[0.50, 1000]]));
  d.send(gtc({ orderId: "h", size: lots(100), limit: p(0.49) }), S - 20_000);
  d.until(S - 15_000);
  d.show(
    { type: "tokenTrade", token: UP, price: p(0.48), size: lots(100), side: "sell", ...at(S - 14_000) },
    ...bothBooks(S - 100, bids, asks),
  );
  d.until(S - 100);
  assert.equal(d.exchange.sharesOf(UP), lots(100));
  assert.equal(d.exchange.cash, dollars(951));
  return d;
}

Deno.test("a market BUY walks the displayed levels, best first, with the fee on top of each fill", () => {
  const d = desk(market([[0.50, 100]], [[0.51, 10], [0.52, 10], [0.53, 100]]));
  d.send(submit({ limit: p(0.52) }));
  assert.deepEqual(d.until(S + 1000), [
    "+250 o1 matched",
    "+250 o1 taker 10@0.51 fee 174930",
    "+250 o1 taker 9.423@0.52 fee 164640",
    "+250 o1 filled",
  ]);
  assert.deepEqual(fillsOf(d.answers).map((fill) => fill.cash), [5_100_000, 4_899_960]);
  assert.equal(d.exchange.cash, 1_000_000_000 - 5_100_000 - 4_899_960 - 174_930 - 164_640);
  assert.equal(d.exchange.sharesOf(UP), 19_423_000);
});

Deno.test("a SELL walks the bids and its fee comes out of the proceeds", () => {
  const d = holding([[0.50, 10], [0.49, 100]], [[0.51, 100]]);
  d.send(sell({ size: lots(19.6), limit: p(0.49) }));
  assert.deepEqual(d.until(S + 1000), [
    "+250 o1 matched",
    "+250 o1 taker 10@0.5 fee 175000",
    "+250 o1 taker 9.6@0.49 fee 167930",
    "+250 o1 filled",
  ]);
  assert.equal(d.exchange.cash, 951_000_000 + 5_000_000 - 175_000 + 4_704_000 - 167_930);
  assert.equal(d.exchange.sharesOf(UP), lots(80.4));
});

Deno.test("a wide spread is paid in full: nobody trades at the mid", () => {
  const d = desk(market([[0.20, 100]], [[0.80, 100]]));
  d.send(submit({ limit: p(0.80), spend: dollars(8) }));
  d.until(S + 1000);
  assert.deepEqual(fillsOf(d.answers).map((fill) => [fill.price, fill.size]), [[p(0.80), lots(10)]]);
});

Deno.test("FAK takes what is there and kills the rest", () => {
  const d = desk(market([[0.50, 100]], [[0.51, 10], [0.52, 100]]));
  d.send(submit());
  assert.deepEqual(d.until(S + 1000), [
    "+250 o1 matched",
    "+250 o1 taker 10@0.51 fee 174930",
    "+250 o1 killed",
  ]);
  assert.equal(d.exchange.openOrders, 0);
});

Deno.test("a displayed size below the venue's four decimals is not bought to the millionth", () => {
  const d = desk(market([[0.50, 100]], [[0.51, 10.000099]]));
  d.send(submit());
  d.until(S + 1000);
  assert.deepEqual(fillsOf(d.answers).map((fill) => fill.size), [10_000_000]);
});

Deno.test("FAK and FOK with nothing at their limit are refused on arrival, without a hold", () => {
  for (const orderType of ["FAK", "FOK"] as const) {
    const d = desk(market([[0.50, 100]], [[0.52, 10]]));
    d.send(submit({ orderType }));
    assert.deepEqual(d.until(S + 1000), ["+100 o1 NO_MATCH"]);
    assert.equal(d.exchange.cash, dollars(1000));
  }
});

Deno.test("FOK fills in full or not at all", () => {
  const few = desk(market([[0.50, 100]], [[0.51, 10], [0.52, 9]]));
  few.send(submit({ orderType: "FOK", limit: p(0.52) }));
  assert.deepEqual(few.until(S + 1000), ["+250 o1 NO_MATCH"]);
  assert.equal(few.exchange.cash, dollars(1000));
  const d = desk(market([[0.50, 100]], [[0.51, 10], [0.52, 9.5]]));
  d.send(submit({ orderType: "FOK", limit: p(0.52) }));
  assert.equal(d.until(S + 1000).at(-1), "+250 o1 filled");
  assert.equal(d.exchange.sharesOf(UP), 19_423_000);
});

Deno.test("the official client's walk for 100 pUSD ends at its expected prices", () => {
  const last = (asks: Rows, orderType: "FAK" | "FOK") => {
    const d = desk(market([[0.10, 1]], asks));
    d.send(submit({ orderType, limit: p(0.5), spend: dollars(100) }));
    d.until(S + 1000);
    return fillsOf(d.answers).at(-1)?.price ?? null;
  };
  assert.equal(last([[0.5, 100], [0.4, 100], [0.3, 100]], "FOK"), p(0.5));
  assert.equal(last([[0.5, 100], [0.4, 200], [0.3, 100]], "FOK"), p(0.4));
  assert.equal(last([[0.5, 100], [0.4, 100]], "FOK"), null);
  assert.equal(last([[0.5, 100], [0.4, 100]], "FAK"), p(0.5));
});

Deno.test("GTC rests, fills as a maker without fee when crossed, and meets a displayed share only once", () => {
  const d = desk(market([[0.49, 100]], [[0.51, 100]]), { impact: impactModel("untilRestated") });
  d.send(gtc());
  assert.deepEqual(d.until(S + 500), ["+100 o1 live"]);
  d.show(deltaEvent(S + 600, UP, [[1, 0.50, 4]]));
  assert.deepEqual(d.until(S + 700), ["+650 o1 maker 4@0.5 fee 0"]);
  d.show(deltaEvent(S + 700, UP, [[0, 0.48, 4]]), deltaEvent(S + 710, UP, [[0, 0.47, 4]], 0.49, 0.50));
  assert.deepEqual(d.until(S + 800), [], "the four shares have been met");
  d.show(deltaEvent(S + 800, UP, [[1, 0.50, 1], [1, 0.49, 2]]));
  assert.deepEqual(d.until(S + 900), [], "a crossed book proves nothing");
  d.show(deltaEvent(S + 900, UP, [[0, 0.49, 0]]));
  assert.deepEqual(d.until(S + 1000), ["+950 o1 maker 3@0.5 fee 0"]);
  assert.equal(d.exchange.cash, dollars(1000 - 3.5));
});

Deno.test("GTC fills when a public trade goes through its price, not when it only touches it", () => {
  const d = desk(market([[0.49, 100]], [[0.51, 100]]));
  d.send(gtc());
  d.until(S + 500);
  const trade = (t: number, price: number, size: number, token = UP): MarketEvent => ({
    type: "tokenTrade",
    token,
    price: p(price),
    size: lots(size),
    side: "sell",
    ...at(t),
  });
  d.show(trade(S + 600, 0.50, 100), trade(S + 610, 0.51, 100), trade(S + 620, 0.10, 100, DOWN));
  assert.deepEqual(d.until(S + 700), []);
  d.show(trade(S + 700, 0.49, 6), trade(S + 710, 0.49, 100));
  assert.deepEqual(d.until(S + 900), [
    "+750 o1 maker 6@0.5 fee 0",
    "+760 o1 maker 4@0.5 fee 0",
    "+760 o1 filled",
  ]);
});

Deno.test("one public trade is not filled twice: two resting orders share its size", () => {
  const d = desk(market([[0.40, 100]], [[0.51, 100]]));
  d.send(gtc());
  d.send(gtc({ orderId: "o2" }));
  d.until(S + 500);
  d.show({ type: "tokenTrade", token: UP, price: p(0.45), size: lots(15), side: "sell", ...at(S + 600) });
  d.until(S + 900);
  assert.deepEqual(fillsOf(d.answers).map((fill) => fill.size), [lots(10), lots(5)]);
});

Deno.test("a marketable GTC takes what is there after the hold and rests with the remainder", () => {
  const d = desk(market([[0.49, 100]], [[0.50, 4], [0.52, 50]]));
  d.send(gtc());
  assert.deepEqual(d.until(S + 500), ["+250 o1 matched", "+250 o1 taker 4@0.5 fee 70000"]);
  assert.equal(d.exchange.openOrders, 1);
  d.show({ type: "tokenTrade", token: UP, price: p(0.49), size: lots(50), side: "sell", ...at(S + 600) });
  assert.deepEqual(d.until(S + 700), ["+650 o1 maker 6@0.5 fee 0", "+650 o1 filled"]);
});

Deno.test("post-only is refused when it would trade, and rests when it would not", () => {
  const d = desk(market([[0.49, 100]], [[0.50, 4]]));
  d.send(gtc({ postOnly: true }));
  d.send(gtc({ postOnly: true, orderId: "o2", limit: p(0.49) }));
  assert.deepEqual(d.until(S + 500), ["+100 o1 POST_ONLY_CROSSES", "+100 o2 live"]);
});

Deno.test("after the hold the order meets the book as it is then: gone, empty-handed; better, a better price", () => {
  const moved = (asks: Rows, intent = submit()) => {
    const d = desk(market([[0.40, 100]], [[0.51, 100]]));
    d.send(intent);
    d.show(...bothBooks(S + 199, [[0.40, 100]], asks));
    return d.until(S + 1000);
  };
  assert.deepEqual(moved([[0.52, 100]]), ["+250 o1 NO_MATCH"]);
  assert.deepEqual(moved([[0.45, 100]]), [
    "+250 o1 matched",
    "+250 o1 taker 22.2222@0.45 fee 385000",
    "+250 o1 filled",
  ]);
  assert.deepEqual(moved([[0.52, 100]], gtc({ limit: p(0.51) })), ["+250 o1 live"], "a GTC rests");
});

Deno.test("the book of the very instant counts only from the next one on: what comes at the match is too late", () => {
  const d = desk(market([[0.40, 100]], [[0.51, 100]]));
  d.send(submit());
  d.show(...bothBooks(S + 200, [[0.40, 100]], [[0.60, 100]]));
  assert.equal(d.until(S + 1000).at(-1), "+250 o1 filled");
});

Deno.test("nothing matches on a book that the feed has lost or that disagrees with the venue", () => {
  const down = desk(market([[0.50, 100]], [[0.51, 100]]));
  down.send(submit());
  down.show({ type: "feedState", feed: "polymarket.market", state: "down", detail: "", ...at(S + 100) });
  assert.deepEqual(down.until(S + 1000), ["+250 o1 NO_MATCH"]);
  const suspect = desk(market([[0.50, 100]], [[0.51, 100]]));
  suspect.send(submit());
  suspect.show(deltaEvent(S + 10, UP, [[0, 0.40, 1]], 0.45, 0.51));
  assert.deepEqual(suspect.until(S + 1000), ["+100 o1 NO_MATCH"]);
});

Deno.test("a cancel during the hold waits for its end: what matches is kept, the rest is cancelled", () => {
  const full = desk(market([[0.49, 100]], [[0.50, 100]]));
  full.send(gtc());
  full.send(cancel("o1", S + 20), S + 20);
  assert.deepEqual(full.until(S + 1000), [
    "+250 o1 matched",
    "+250 o1 taker 10@0.5 fee 175000",
    "+250 o1 filled",
  ]);
  const part = desk(market([[0.49, 100]], [[0.50, 4]]));
  part.send(gtc());
  part.send(cancel("o1", S + 20), S + 20);
  assert.deepEqual(part.until(S + 1000), [
    "+250 o1 matched",
    "+250 o1 taker 4@0.5 fee 70000",
    "+250 o1 cancelled",
  ]);
  const away = desk(market([[0.49, 100]], [[0.50, 4]]));
  away.send(gtc());
  away.send(cancel("o1", S + 20), S + 20);
  away.show(...bothBooks(S + 150, [[0.40, 100]], [[0.60, 100]]));
  assert.deepEqual(away.until(S + 1000), ["+250 o1 live", "+250 o1 cancelled"]);
  for (const d of [full, part, away]) assert.equal(d.exchange.openOrders, 0);
});

Deno.test("a cancel ends a resting order and is silent about one that is not there", () => {
  const d = desk(market([[0.49, 100]], [[0.51, 100]]));
  d.send(gtc());
  d.send(cancel("o1", S + 300), S + 300);
  d.send(cancel("o1", S + 400), S + 400);
  d.send(cancel("never", S + 400), S + 400);
  assert.deepEqual(d.until(S + 1000), ["+100 o1 live", "+400 o1 cancelled"]);
});

Deno.test("a window that ends during the hold refuses the order, and ends what rests", () => {
  const d = desk([windowEvent(START), ...bothBooks(END - 500, [[0.49, 100]], [[0.51, 100]])]);
  d.send(gtc({ orderId: "rest" }), END - 400);
  d.send(submit({ orderId: "held" }), END - 100);
  d.send(submit({ orderId: "late" }), END - 20);
  d.until(END + 1000);
  assert.deepEqual(
    d.answers.map((event) => `${orderOf(event)} ${event.tExchange - END} ${brief(event).split(" ").at(-1)}`),
    [
      "rest -350 live",
      "rest 0 market-closed",
      "late 30 MARKET_CLOSED",
      "held 100 MARKET_CLOSED",
    ],
  );
  assert.equal(d.exchange.cash, dollars(1000));
});

Deno.test("an order for a market nobody listed is refused as closed", () => {
  const d = desk([]);
  d.send(submit());
  assert.deepEqual(d.until(S + 1000), ["+100 o1 MARKET_CLOSED"]);
});

Deno.test("money that another order has reserved cannot be spent twice, not even while both are held", () => {
  const d = desk(market([[0.50, 5000]], [[0.51, 5000]]));
  d.send(submit({ spend: dollars(500) }));
  d.send(submit({ orderId: "o2", spend: dollars(500) }));
  d.send(submit({ orderId: "o3", spend: dollars(430) }));
  const told = d.until(S + 1000);
  assert.ok(told.includes("+100 o2 NOT_ENOUGH_BALANCE"), "500 + 7 % leaves 465");
  assert.ok(told.includes("+250 o1 filled") && told.includes("+250 o3 filled"));
  assert.ok(d.exchange.cash >= 0);
});

Deno.test("shares that are not there or already offered cannot be sold", () => {
  const none = desk(market([[0.50, 100]], [[0.51, 100]]));
  none.send(sell());
  assert.deepEqual(none.until(S + 1000), ["+100 o1 NOT_ENOUGH_BALANCE"]);
  const d = holding([[0.50, 1000]], [[0.51, 1000]]);
  d.send(sell({ orderType: "GTC", size: lots(60), limit: p(0.60) }));
  d.send(sell({ orderId: "o2", size: lots(60) }));
  d.send(sell({ orderId: "o3", size: lots(40) }));
  assert.deepEqual(d.until(S + 1000).map((line) => line.split(" ").slice(1, 3).join(" ")), [
    "o1 live",
    "o2 NOT_ENOUGH_BALANCE",
    "o3 matched",
    "o3 taker",
    "o3 filled",
  ]);
});

Deno.test("the venue's own checks refuse what is off the tick, too small or has too many decimals", () => {
  const refused = (changes: Partial<SubmitIntent>) => {
    const d = desk(market([[0.50, 1000]], [[0.51, 1000]]));
    d.send(submit(changes));
    return d.until(S + 1000).map((line) => line.split(" ")[2])[0];
  };
  const none = { spend: 0 as Usdc };
  assert.equal(refused({ limit: 5150 as Price }), "TICK_SIZE");
  assert.equal(refused({ limit: p(0) }), "TICK_SIZE");
  assert.equal(refused({ limit: p(1) }), "TICK_SIZE");
  assert.equal(refused({ spend: dollars(2.54) }), "SIZE_BELOW_MINIMUM");
  assert.equal(refused({ ...none, orderType: "GTC", size: lots(4.99) }), "SIZE_BELOW_MINIMUM");
  assert.equal(refused({ spend: dollars(10.001) }), "INVALID_AMOUNTS");
  assert.equal(refused({ ...none, orderType: "GTC", size: lots(10.001) }), "INVALID_AMOUNTS");
  assert.equal(refused({ orderType: "GTC" }), "INVALID_AMOUNTS");
  assert.equal(refused({ side: "sell" }), "INVALID_AMOUNTS");
  assert.equal(refused({ spend: dollars(2.55) }), "matched");
});

Deno.test("a finer tick that the venue announces is taken up, and the book waits for its snapshot", () => {
  const d = desk(market([[0.50, 1000]], [[0.51, 1000]]));
  d.show({ type: "tickSize", token: UP, oldTick: p(0.01), newTick: p(0.001), ...at(S - 50) });
  d.send(submit({ limit: p(0.515) }));
  assert.deepEqual(d.until(S + 300), ["+100 o1 NO_MATCH"]);
  d.show(bookEvent(S + 300, UP, [[0.50, 10]], [[0.512, 100]]));
  d.send(submit({ orderId: "o2", limit: p(0.515) }), S + 300);
  assert.equal(d.until(S + 1000)[1]?.split(" ")[3], "19.5312@0.512");
  // 19.5312 x 0.512 = 9.9999744: a buyer pays the millionth, a seller does not get it.
  assert.equal(fillsOf(d.answers)[0]!.cash, 9_999_975);
  d.show(bookEvent(S + 1100, UP, [[0.511, 100]], [[0.512, 100]]));
  d.send(submit({ orderId: "odd", outcome: "up", limit: p(0.512), spend: dollars(2.57) }), S + 1100);
  d.until(S + 2000);
  assert.equal(
    d.exchange.cash,
    1_000_000_000 - fillsOf(d.answers).reduce((sum, fill) => sum + fill.cash + fill.fee, 0),
  );
});

Deno.test("a market without a fee schedule takes no order", () => {
  const d = desk([windowEvent(START, { fee: null }), ...bothBooks(S - 100, [[0.50, 100]], [[0.51, 100]])]);
  d.send(submit());
  assert.deepEqual(d.until(S + 1000), ["+100 o1 FEE_UNKNOWN"]);
});

Deno.test("what we took is gone from both books until the venue states that level again", () => {
  const d = desk(market([[0.50, 100]], [[0.51, 20], [0.55, 100]]), { impact: impactModel("untilRestated") });
  d.send(submit({ outcome: "down", orderId: "d1", limit: p(0.50) }), S - 90);
  d.until(S);
  d.send(submit({ spend: dollars(11) }));
  assert.equal(d.until(S + 300).at(-1), "+250 o1 killed");
  // Up's ask at 0.51 and Down's bid at 0.49 are the same shares.
  d.send(submit({ orderId: "o2" }), S + 300);
  d.send(sell({ orderId: "o3", outcome: "down", size: lots(5), limit: p(0.49) }), S + 300);
  assert.deepEqual(d.until(S + 450), ["+400 o2 NO_MATCH", "+400 o3 NO_MATCH"]);
  // A frame about other levels, whose best prices are the venue's own, changes nothing and breaks nothing.
  d.show(
    deltaEvent(S + 500, UP, [[0, 0.30, 1]], 0.50, 0.51),
    deltaEvent(S + 500, DOWN, [[1, 0.70, 1]], 0.49, 0.50),
  );
  d.send(submit({ orderId: "o4" }), S + 500);
  d.send(submit({ orderId: "o5", limit: p(0.55) }), S + 500);
  assert.deepEqual(d.until(S + 800), [
    "+600 o4 NO_MATCH",
    "+750 o5 matched",
    "+750 o5 taker 18.1818@0.55 fee 315000",
    "+750 o5 filled",
  ]);
  d.show(
    deltaEvent(S + 900, UP, [[1, 0.51, 15]], 0.50, 0.51),
    deltaEvent(S + 900, DOWN, [[0, 0.49, 15]], 0.49, 0.50),
  );
  d.send(submit({ orderId: "o6" }), S + 900);
  assert.deepEqual(d.until(S + 1200), [
    "+1150 o6 matched",
    "+1150 o6 taker 15@0.51 fee 262400",
    "+1150 o6 killed",
  ]);
});

Deno.test("an intent older than its maximum age is not sent", () => {
  const d = desk(market([[0.50, 100]], [[0.51, 100]]));
  d.exchange.submit(submit({ bornAt: S - 1001 as Ms }), S as Ms);
  d.exchange.submit(submit({ orderId: "o2", bornAt: S - 1000 as Ms }), S as Ms);
  assert.deepEqual(d.until(S + 1000)[0], "+50 o1 INTENT_EXPIRED");
  assert.ok(d.exchange.sharesOf(UP) > 0, "at its maximum age it still goes");
});

Deno.test("GTD ends at its time: resting from the start, left over from a match, or late already", () => {
  const gtd = (changes: Partial<SubmitIntent>) =>
    gtc({ orderType: "GTD", expireAt: S + 5000 as Ms, ...changes });
  const rest = desk(market([[0.49, 100]], [[0.51, 100]]));
  rest.send(gtd({}));
  assert.deepEqual(rest.until(S + 9000), ["+100 o1 live", "+5050 o1 expired"]);
  const part = desk(market([[0.49, 100]], [[0.50, 4]]));
  part.send(gtd({}));
  assert.deepEqual(part.until(S + 9000), [
    "+250 o1 matched",
    "+250 o1 taker 4@0.5 fee 70000",
    "+5050 o1 expired",
  ]);
  const late = desk(market([[0.49, 100]], [[0.51, 100]]));
  late.send(gtd({ expireAt: S - 5000 as Ms }));
  assert.deepEqual(late.until(S + 9000), ["+100 o1 live", "+100 o1 expired"]);
  assert.ok(late.answers[1]!.tExchange >= late.answers[0]!.tExchange, "it cannot end before it began");
  for (const d of [rest, part, late]) assert.equal(d.exchange.openOrders, 0);
});

Deno.test("answers about an order stay in order although each draws its own latency", () => {
  const latencies = [300, 200, 100, 1];
  let i = 0;
  const d = desk(market([[0.50, 100]], [[0.51, 10], [0.52, 100]]), {
    responseLatency: latencyOf(() => latencies[i++ % latencies.length]!),
  });
  d.send(submit({ limit: p(0.52) }));
  d.until(S + 2000);
  assert.deepEqual(d.answers.map((event) => event.type), ["orderAccepted", "fill", "fill", "orderDone"]);
});

Deno.test("latencies of zero and fractions of a millisecond still take their turn", () => {
  const zero = constantLatency(0);
  const d = desk(market([[0.50, 100]], [[0.51, 100]]), {
    orderLatency: zero,
    responseLatency: zero,
    hold: fixedHold(0),
  });
  d.send(submit());
  assert.equal(d.until(S).at(-1), "+0 o1 filled");
  const half = desk(market([[0.50, 100]], [[0.51, 100]]), {
    orderLatency: constantLatency(0.4),
    responseLatency: constantLatency(0.4),
  });
  half.send(submit());
  assert.equal(half.until(S + 500).at(-1), "+152 o1 filled");
  assert.equal(half.exchange.nextDue, END);
});

Deno.test("settlement pays the winning shares, forgets the market, and happens once", () => {
  const d = holding([[0.50, 100]], [[0.51, 100]]);
  d.send(submit({ outcome: "down", orderId: "d1" }));
  d.until(S + 1000);
  const cash = d.exchange.cash;
  const down = d.exchange.sharesOf(DOWN);
  assert.ok(down > 0);
  d.show(resolvedEvent(END + 5000, "down"), resolvedEvent(END + 6000, "up"));
  assert.equal(d.exchange.cash, cash + down);
  assert.deepEqual([d.exchange.sharesOf(UP), d.exchange.sharesOf(DOWN)], [0, 0]);
  d.send(submit({ orderId: "late" }), END + 7000);
  d.until(END + 8000);
  assert.equal(d.answers.at(-1)?.type, "orderRejected");
  assert.equal(orderOf(d.answers.at(-1)!), "late");
});

Deno.test("a market that is never resolved is forgotten after an hour unless something is held in it", () => {
  const markets = (d: Desk) => (d.exchange as unknown as { markets: Map<string, unknown> }).markets.size;
  const empty = desk(market([[0.50, 100]], [[0.51, 100]]));
  empty.until(END + 3_599_999);
  assert.equal(markets(empty), 1);
  empty.until(END + 3_600_000);
  assert.equal(markets(empty), 0);
  const held = holding([[0.50, 100]], [[0.51, 100]]);
  held.until(END + 7_200_000);
  assert.equal(markets(held), 1);
  held.show(resolvedEvent(END + 7_300_000, "up"));
  assert.equal(held.exchange.cash, dollars(951 + 100));
});

Deno.test("a recording of one token trades on both: the other book is its mirror", () => {
  const d = desk([
    windowEvent(START, { mirrorOf: "up" }),
    bookEvent(S - 100, UP, [[0.50, 30]], [[0.51, 20]]),
  ]);
  d.send(submit({ outcome: "down", limit: p(0.50) }));
  assert.deepEqual(d.until(S + 300), [
    "+250 o1 matched",
    "+250 o1 taker 20@0.5 fee 350000",
    "+250 o1 filled",
  ]);
  d.show(deltaEvent(S + 400, UP, [[0, 0.50, 0]], -1, 0.51));
  d.send(submit({ outcome: "down", orderId: "o2", limit: p(0.50) }), S + 400);
  assert.deepEqual(d.until(S + 900), ["+500 o2 NO_MATCH"]);
});
