import assert from "node:assert/strict";
import { newLedgers } from "../../../core/orders/ledger.ts";
import { blockedCash, exposureOfLife, isBlocking } from "../../../core/orders/ledger_exposure.ts";
import { applyInput, newOrderLife } from "../../../core/orders/lifecycle.ts";
import { DEFAULT_TIMING } from "../../../core/orders/lifecycle_ask.ts";
import { classifyCancel, classifySubmit } from "../../../core/orders/lifecycle_reply.ts";
import type {
  LifeAction,
  LifeInput,
  OrderTerms,
  SubmitOutcome,
} from "../../../core/orders/lifecycle_types.ts";
import {
  readLookup,
  readOrderEvent,
  readOrderStatus,
  readTrade,
} from "../../../core/orders/lifecycle_wire.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import { DOWN, T0, termsOf, UP } from "./lifecycle_model.ts";

const at = (offset: number) => (T0 + offset) as Ms;

/** An order that was created at T0 and sent at T0 + 10. */
function sentOrder(change: Partial<OrderTerms> = {}) {
  const life = newOrderLife();
  const terms = termsOf(1, change);
  const { hash } = terms;
  const step = (input: LifeInput): readonly LifeAction[] => applyInput(life, input);
  step({ type: "created", at: at(0), terms });
  step({ type: "sent", at: at(10), hash });
  return { life, terms, hash, step, order: () => life.orders.get(hash)! };
}

const reply = (hash: string, outcome: SubmitOutcome, offset = 200): LifeInput => ({
  type: "submitReply",
  at: at(offset),
  hash,
  outcome,
});
const lookup = (hash: string, asked: number, status: string | null, matched = "0"): LifeInput =>
  readLookup(status === null ? null : { id: hash, status, size_matched: matched, associate_trades: [] }, {
    hash,
    askedAt: at(asked),
    at: at(asked + 5),
  })!;
const accepted = {
  success: true,
  errorMsg: "",
  orderID: "0xAB",
  status: "live",
  takingAmount: "",
  makingAmount: "",
};
const submit = (body: unknown, status = 200) => classifySubmit({ status, body }, "0xab", "buy");

Deno.test("a submit is accepted exactly by the venue's rule; anything else that names no order is refused", () => {
  for (const status of ["live", "matched", "delayed"]) {
    assert.equal(submit({ ...accepted, status }).kind, "accepted");
  }
  for (const change of [{ success: false }, { success: "true" }, { orderID: "" }, { errorMsg: undefined }]) {
    assert.notEqual(submit({ ...accepted, ...change }).kind, "accepted");
  }
  // The entry of a batch in post-only mode: success without an order.
  const entry = { errorMsg: "post-only mode: only post-only orders", orderID: "", status: "", success: true };
  assert.deepEqual(submit(entry), { kind: "rejected", code: "POST_ONLY_MODE", message: entry.errorMsg });
  assert.equal(submit({ ...accepted, orderID: "", errorMsg: "" }).kind, "rejected");
});

Deno.test("a reply that names our order without accepting it leaves the outcome unknown", () => {
  assert.equal(submit({ ...accepted, status: "unmatched" }).kind, "unknown");
  assert.deepEqual(submit({ ...accepted, orderID: "0xcd" }), {
    kind: "unknown",
    code: "HASH_MISMATCH",
    message: "the venue calls it 0xcd",
  });
});

Deno.test("matched amounts come from the side that holds shares", () => {
  const body = { ...accepted, status: "matched", makingAmount: "2.8", takingAmount: "5", tradeIDs: ["t"] };
  const buy = classifySubmit({ status: 200, body }, "0xab", "buy");
  const sell = classifySubmit({ status: 200, body }, "0xab", "sell");
  assert.equal(buy.kind === "accepted" && buy.matched, 5_000_000);
  assert.equal(sell.kind === "accepted" && sell.matched, 2_800_000);
  const silent = submit({ ...body, takingAmount: "" });
  assert.equal(silent.kind === "accepted" && silent.matched, null);
});

Deno.test("every documented message has its meaning; what is not known as a refusal is unknown", () => {
  const cases: readonly (readonly [number, string, string])[] = [
    [400, "Invalid order payload", "rejected"],
    [400, "order_version_mismatch", "rejected"],
    [400, "invalid signature", "rejected"],
    [400, "the order owner has to be the owner of the API KEY", "rejected"],
    [400, "the order signer address has to be the address of the API KEY", "rejected"],
    [400, "maker address not allowed, please use the deposit wallet flow", "rejected"],
    [400, "'0xabc' address banned", "rejected"],
    [400, "'0xabc' address in closed only mode", "rejected"],
    [400, "order 0x1 is invalid. Price (0.511) breaks minimum tick size rule: 0.01", "rejected"],
    [400, "order 0x1 is invalid. Size (1.08) lower than the minimum: 5", "rejected"],
    [400, "invalid amount for a marketable BUY order ($0.63), min size: $1", "rejected"],
    [400, "invalid amounts, the buy orders maker amount supports a max accuracy of 4 decimals", "rejected"],
    [400, "not enough balance / allowance", "rejected"],
    [400, "invalid expiration", "rejected"],
    [400, "invalid post-only order: order crosses book", "rejected"],
    [400, "order 0x1 is invalid. Duplicated.", "landed"],
    [400, "order couldn't be fully filled. FOK orders are fully filled or killed.", "killed"],
    [400, "no orders found to match with FAK order. FAK orders are partially filled or killed.", "killed"],
    [400, "the market is not yet ready to process new orders", "rejected"],
    [400, "order match delayed due to market conditions", "unknown"],
    [400, "context canceled", "unknown"],
    [400, "something nobody documented", "unknown"],
    [401, "Unauthorized/Invalid api key", "rejected"],
    [403, "<html>Attention Required! | Cloudflare</html>", "rejected"],
    [404, "No orderbook exists for the requested token id", "rejected"],
    [425, "service not ready", "rejected"],
    [429, "Too Many Requests", "rejected"],
    [500, "order timed out", "rejected"],
    [500, "context deadline exceeded", "unknown"],
    [500, "could not insert order", "unknown"],
    [502, "Bad Gateway", "unknown"],
    [503, "Trading is currently disabled. Check polymarket.com for updates", "rejected"],
    [
      503,
      "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
      "rejected",
    ],
    [503, "upstream connect error", "unknown"],
  ];
  for (const [status, text, kind] of cases) {
    assert.equal(submit({ error: text }, status).kind, kind, `${status} ${text}`);
    assert.equal(submit(text, status).kind, kind, `plain text: ${text}`);
  }
  assert.equal(classifySubmit(null, "0xab", "buy").kind, "unknown");
  assert.equal(submit("<html>ok</html>").kind, "unknown");
});

Deno.test("statuses are read with prefix and with free text behind them", () => {
  assert.deepEqual(readOrderStatus("ORDER_STATUS_LIVE"), { status: "live", reason: "" });
  assert.equal(readOrderStatus("CANCELED_MARKET_RESOLVED")?.reason, "MARKET_RESOLVED");
  assert.deepEqual(readOrderStatus("CANCELED_order couldn't be fully filled."), {
    status: "cancelled",
    reason: "order couldn't be fully filled.",
  });
  assert.equal(readOrderStatus("UNMATCHED")?.status, "unmatched");
  for (const word of ["", "LIVELY", "PENDING"]) assert.equal(readOrderStatus(word), null);
  assert.equal(
    readTrade({ id: "t", status: "TRADE_STATUS_MINED", size: "1", price: "0.5", maker_orders: [] })?.state,
    "mined",
  );
  assert.equal(readTrade({ id: "t", status: "SOON", size: "1", price: "0.5", maker_orders: [] }), null);
  assert.equal(
    readOrderEvent({ id: "0x1", type: "PLACEMENT", status: "LIVE", size_matched: "" }, at(0))?.matched,
    null,
  );
});

Deno.test("submit() keeps the order unknown when the reply is lost, and its budget blocked until the hash was asked for", () => {
  const { life, hash, step, order, terms } = sentOrder();
  const actions = step(reply(hash, classifySubmit(null, hash, "buy")));
  assert.equal(order().state, "unknown");
  assert.deepEqual(actions, [{ type: "askOrder", hash, why: "unknown" }]);
  assert.equal(blockedCash(order()), terms.costBound);
  // Asked too soon, "not found" proves nothing: the request may still be on its way.
  step(lookup(hash, 300, null));
  assert.equal(order().state, "unknown");
  assert.equal(exposureOfLife(terms.conditionId, life, newLedgers(1e9 as Usdc)).inFlight, true);
  step(lookup(hash, 10 + DEFAULT_TIMING.landingMs, null));
  assert.equal(order().state, "rejected");
  assert.equal(order().reason, "ORDER_ABSENT");
  assert.equal(blockedCash(order()), 0);
});

Deno.test("questions are repeated with growing waits until they are answered", () => {
  const { hash, step } = sentOrder();
  step(reply(hash, classifySubmit(null, hash, "buy")));
  const asked: number[] = [];
  for (let t = 200; t < 120_000; t += 100) {
    for (const action of step({ type: "clock", at: at(t) })) if (action.type === "askOrder") asked.push(t);
  }
  assert.deepEqual(asked.slice(0, 5), [2200, 6200, 14_200, 30_200, 60_200]);
});

Deno.test("a duplicate is proof of landing: nothing is sent again, the venue is asked", () => {
  const { hash, step, order } = sentOrder();
  const actions = step(reply(hash, submit({ error: "order 0x1 is invalid. Duplicated." }, 400)));
  assert.equal(order().state, "unknown");
  assert.deepEqual(actions, [{ type: "askOrder", hash, why: "unknown" }]);
  step(lookup(hash, 400, "LIVE"));
  assert.equal(order().state, "live");
});

Deno.test("a sent order whose call never came back becomes unknown by the clock", () => {
  const { step, order } = sentOrder();
  step({ type: "clock", at: at(9_000) });
  assert.equal(order().state, "sent");
  step({ type: "clock", at: at(10_010) });
  assert.equal(order().state, "unknown");
});

Deno.test("after a restart what was on its way is unknown, what rested is asked for, what was dropped stays dropped", () => {
  const life = newOrderLife();
  for (let i = 1; i <= 4; i++) applyInput(life, { type: "created", at: at(0), terms: termsOf(i) });
  const [created, sent, live, dropped] = [1, 2, 3, 4].map((i) => termsOf(i).hash) as [
    string,
    string,
    string,
    string,
  ];
  for (const hash of [sent, live]) applyInput(life, { type: "sent", at: at(1), hash });
  applyInput(life, reply(live, { kind: "accepted", status: "live", matched: 0 as Shares, tradeIds: [] }));
  applyInput(life, { type: "dropped", at: at(2), hash: dropped, code: "INTENT_EXPIRED" });
  const asked = applyInput(life, { type: "restart", at: at(500) }).flatMap((a) =>
    a.type === "askOrder" ? [a.hash] : []
  );
  assert.deepEqual(asked, [created, sent, live]);
  assert.equal(life.orders.get(created)!.state, "unknown");
  assert.equal(life.orders.get(live)!.state, "live");
  assert.equal(life.orders.get(dropped)!.reason, "INTENT_EXPIRED");
});

const event = (hash: string, type: string, status: string, matched: string, offset = 300): LifeInput =>
  readOrderEvent({ id: hash, type, status, size_matched: matched }, at(offset))!;

Deno.test("a resting order called MATCHED is filled only when its amounts say so", () => {
  const { hash, step, order } = sentOrder();
  step(event(hash, "UPDATE", "MATCHED", "25"));
  assert.equal(order().state, "partly-filled");
  step(event(hash, "UPDATE", "MATCHED", "99.995"));
  assert.equal(order().state, "filled", "less than a hundredth of a share cannot rest");
});

Deno.test("shares the venue states as matched stay blocked until trades explain them", () => {
  const { life, hash, step, order, terms } = sentOrder();
  step(event(hash, "UPDATE", "LIVE", "40"));
  step(event(hash, "CANCELLATION", "CANCELED", "40"));
  assert.equal(order().state, "cancelled");
  assert.ok(blockedCash(order()) >= 20_000_000, "40 shares at 0.50 and the fee");
  assert.ok(isBlocking(order()));
  const asks = step({ type: "clock", at: at(5_000) });
  assert.deepEqual(asks, [{ type: "askTrades", hash, conditionId: terms.conditionId, tradeIds: [] }]);
  step({ type: "trade", at: at(5_100), trade: trade(hash, "t1", "40") });
  assert.equal(blockedCash(order()), 0);
  assert.equal(life.orders.open, 0);
});

function trade(hash: string, id: string, size: string, status = "MATCHED", price = "0.5") {
  return readTrade({
    id,
    status,
    size,
    price,
    taker_order_id: hash,
    asset_id: UP,
    maker_orders: [{ order_id: "0xs", matched_amount: size, price, asset_id: UP }],
  })!;
}

Deno.test("a maker's fill is found in maker_orders at its own token and price, not at the top of the trade", () => {
  const { step, hash } = sentOrder({ token: DOWN, outcome: "down", limit: 4000 as Price });
  const report = readTrade({
    id: "t1",
    status: "MATCHED",
    taker_order_id: "0xother",
    asset_id: UP,
    size: "30",
    price: "0.6",
    maker_orders: [
      { order_id: "0xs", matched_amount: "10", price: "0.6", asset_id: UP },
      {
        order_id: hash.toUpperCase().replace("0X", "0x"),
        matched_amount: "20",
        price: "0.4",
        asset_id: DOWN,
      },
    ],
  })!;
  const [action] = step({ type: "trade", at: at(300), trade: report });
  assert.equal(action?.type, "fill");
  const { fill } = action as Extract<LifeAction, { type: "fill" }>;
  assert.deepEqual(
    [fill.token, fill.price, fill.size, fill.cash, fill.fee, fill.liquidity],
    [DOWN, 4000, 20_000_000, 8_000_000, 0, "maker"],
  );
});

Deno.test("a taker pays what its makers gave, level by level, also across the other token, and the fee", () => {
  const { step, hash } = sentOrder({ limit: 6000 as Price });
  const report = readTrade({
    id: "t1",
    status: "MINED",
    taker_order_id: hash,
    asset_id: UP,
    size: "100",
    price: "0.555555",
    maker_orders: [
      { order_id: "0xs", matched_amount: "50", price: "0.5", asset_id: UP },
      { order_id: "0xr", matched_amount: "50", price: "0.4", asset_id: DOWN },
    ],
  })!;
  const [action] = step({ type: "trade", at: at(300), trade: report });
  const { fill } = action as Extract<LifeAction, { type: "fill" }>;
  assert.equal(fill.cash, 25_000_000 + 30_000_000);
  assert.equal(fill.fee, 875_000 + 840_000);
  assert.equal(fill.liquidity, "taker");
});

Deno.test("a trade is counted once by its id; FAILED undoes it; CONFIRMED then FAILED alarms and changes nothing", () => {
  const { step, hash } = sentOrder();
  const tell = (id: string, status: string) =>
    step({ type: "trade", at: at(300), trade: trade(hash, id, "10", status) });
  const stages = (actions: readonly LifeAction[]) =>
    actions.flatMap((a) => a.type === "fill" ? [a.stage] : []);
  assert.deepEqual(stages(tell("t1", "MINED")), ["provisional"]);
  for (const late of ["MATCHED", "MINED", "RETRYING"]) assert.deepEqual(tell("t1", late), []);
  assert.deepEqual(stages(tell("t1", "FAILED")), ["undone"]);
  assert.deepEqual(stages(tell("t2", "CONFIRMED")), ["final"]);
  for (const [id, other] of [["t1", "CONFIRMED"], ["t2", "FAILED"]] as const) {
    const actions = tell(id, other);
    assert.deepEqual(actions.map((a) => a.type === "alarm" && a.code), ["TRADE_CONTRADICTED"]);
  }
});

Deno.test("a trade with other amounts under a known id alarms and is not counted again", () => {
  const { step, hash, order } = sentOrder();
  step({ type: "trade", at: at(300), trade: trade(hash, "t1", "10") });
  const actions = step({ type: "trade", at: at(310), trade: trade(hash, "t1", "12") });
  assert.deepEqual(actions.map((a) => a.type === "alarm" && a.code), ["TRADE_CHANGED"]);
  assert.equal(order().told, 10_000_000);
});

Deno.test("a trade that stays unconfirmed is asked for by its id", () => {
  const { step, hash } = sentOrder();
  step({ type: "trade", at: at(300), trade: trade(hash, "t1", "100") });
  const asks = step({ type: "clock", at: at(10_300) }).filter((a) => a.type === "askTrades");
  assert.deepEqual(asks.map((a) => a.tradeIds), [["t1"]]);
  step({ type: "trade", at: at(10_400), trade: trade(hash, "t1", "100", "CONFIRMED") });
  assert.deepEqual(step({ type: "clock", at: at(99_000) }), []);
});

Deno.test("an order that was refused and is seen alive blocks its budget again, is cancelled, and settles by the venue's word", () => {
  const { step, hash, order, terms } = sentOrder();
  step(reply(hash, { kind: "rejected", code: "ORDER_TIMED_OUT", message: "order timed out" }));
  assert.equal(blockedCash(order()), 0);
  const seen = step(event(hash, "PLACEMENT", "LIVE", "0"));
  assert.deepEqual(seen.map((a) => a.type), ["alarm", "askOrder"]);
  assert.equal(order().state, "rejected");
  assert.equal(blockedCash(order()), terms.costBound);
  assert.deepEqual(step(lookup(hash, 400, "LIVE")).filter((a) => a.type === "cancel"), [{
    type: "cancel",
    hash,
  }]);
  step({ type: "cancelReply", at: at(500), hash, outcome: { kind: "cancelled" } });
  assert.equal(order().disputed, false);
  assert.equal(blockedCash(order()), 0);
});

Deno.test("cancel answers: only a success and the two plain reasons settle; the rest asks the venue", () => {
  const cancelling = () => {
    const made = sentOrder();
    made.step(event(made.hash, "PLACEMENT", "LIVE", "0"));
    made.step({ type: "cancelAsked", at: at(400), hash: made.hash });
    assert.equal(made.order().state, "cancelling");
    return made;
  };
  const body = (reason: string, hash: string) => ({ canceled: [], not_canceled: { [hash]: reason } });
  const told = (reason: string) => {
    const made = cancelling();
    const outcome = classifyCancel({ status: 200, body: body(reason, made.hash) }, made.hash);
    const actions = made.step({ type: "cancelReply", at: at(500), hash: made.hash, outcome });
    return { state: made.order().state, asks: actions.some((a) => a.type === "askOrder") };
  };
  assert.deepEqual(told("Order already canceled"), { state: "cancelled", asks: false });
  assert.deepEqual(told("Order already matched"), { state: "filled", asks: true });
  assert.deepEqual(told("Order not found or already canceled"), { state: "cancelling", asks: true });
  const lost = cancelling();
  lost.step({ type: "cancelReply", at: at(500), hash: lost.hash, outcome: classifyCancel(null, lost.hash) });
  assert.equal(lost.order().state, "cancelling");
  // Still there: the cancel is asked for again.
  assert.deepEqual(lost.step(lookup(lost.hash, 600, "LIVE"))[0], { type: "cancel", hash: lost.hash });
  lost.step(event(lost.hash, "CANCELLATION", "CANCELED", "0", 700));
  assert.equal(lost.order().state, "cancelled");
});

Deno.test("a GTD order past its time is asked for, and expired only by the venue's word", () => {
  const { step, hash, order } = sentOrder({ orderType: "GTD", expiresAtMs: at(5_000) });
  step(event(hash, "PLACEMENT", "LIVE", "0"));
  assert.deepEqual(step({ type: "clock", at: at(4_999) }), []);
  assert.deepEqual(step({ type: "clock", at: at(5_000) }), [{ type: "askOrder", hash, why: "expiry" }]);
  assert.equal(order().state, "live");
  step(lookup(hash, 5_100, "CANCELED"));
  assert.equal(order().state, "expired");
});

Deno.test("a listing that lacks an open order asks for it; one that holds an ended or foreign order says so", () => {
  const { step, hash, order } = sentOrder();
  step(event(hash, "PLACEMENT", "LIVE", "0"));
  const asks = step({ type: "openOrders", at: at(600), askedAt: at(500), hashes: [] });
  assert.deepEqual(asks, [{ type: "askOrder", hash, why: "stale" }]);
  step(lookup(hash, 700, "CANCELED"));
  const actions = step({ type: "openOrders", at: at(900), askedAt: at(800), hashes: [hash, "0xforeign"] });
  assert.deepEqual(actions.flatMap((a) => a.type === "alarm" ? [a.code] : []), [
    "REJECTED_BUT_ALIVE",
    "FOREIGN_ORDER",
  ]);
  assert.ok(actions.some((a) => a.type === "cancel"));
  assert.ok(order().disputed);
});

Deno.test("a FAK order that got a part and lost the rest ends, whichever is told first", () => {
  for (const order of [["UPDATE", "CANCELLATION"], ["CANCELLATION", "UPDATE"]]) {
    const made = sentOrder({ orderType: "FAK", size: 0 as Shares, spend: 50_000_000 as Usdc });
    for (const type of order) {
      made.step(event(made.hash, type!, type === "UPDATE" ? "MATCHED" : "CANCELED", "40"));
    }
    assert.equal(made.order().state, "cancelled");
  }
});
