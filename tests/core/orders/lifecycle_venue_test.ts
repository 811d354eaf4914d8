/** The order life against the simulated exchange: real frames, lost and doubled; in the end the wallets agree to the millionth. */
import assert from "node:assert/strict";
import { buyCost } from "../../../core/orders/order.ts";
import { heldOf, newLedgers, postFill } from "../../../core/orders/ledger.ts";
import { blockedCash, blockedShares } from "../../../core/orders/ledger_exposure.ts";
import { applyInput, newOrderLife } from "../../../core/orders/lifecycle.ts";
import { classifyCancel, classifySubmit } from "../../../core/orders/lifecycle_reply.ts";
import { isEnded } from "../../../core/orders/lifecycle_table.ts";
import type { LifeInput, OrderTerms } from "../../../core/orders/lifecycle_types.ts";
import { readLookup, readOrderEvent, readTrade } from "../../../core/orders/lifecycle_wire.ts";
import { nextInt, type Random, seededRandom } from "../../../core/random.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import { cancelWhere, CRYPTO_FEES } from "../../../fixtures/exchange/exchange.ts";
import { chainBalance, PUSD } from "../../../fixtures/exchange/ledger.ts";
import type { SubmitResult } from "../../../fixtures/exchange/submit.ts";
import {
  acceptedView,
  orderEvent,
  orderView,
  tradeEvent,
  tradeView,
} from "../../../fixtures/exchange/views.ts";
import { type Pit, pit, type PitOrder } from "../../fixtures/exchange/harness.ts";

const SCENARIOS = 40;
const ACTS = 30;
const CASH = 1_000_000_000;
const SHARES = 500_000_000;

/** As it comes over the wire. */
const wire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function termsOf(p: Pit, order: PitOrder, hash: string, index: number): OrderTerms {
  const type = order.type ?? "GTC";
  const spends = order.side === "buy" && type !== "GTC";
  const amount = order.size * 10_000;
  const base = {
    hash,
    orderId: `o${index}`,
    conditionId: p.listing.conditionId,
    token: order.token === "up" ? p.listing.upToken : p.listing.downToken,
    outcome: order.token,
    side: order.side,
    orderType: type,
    postOnly: false,
    limit: order.price as Price,
    size: (spends ? 0 : amount) as Shares,
    spend: (spends ? amount : 0) as Usdc,
    expiresAtMs: null,
    fee: CRYPTO_FEES,
  };
  return { ...base, costBound: buyCost(base, CRYPTO_FEES) };
}

function randomOrder(random: Random): PitOrder {
  const type = (["GTC", "GTC", "GTC", "FAK", "FOK"] as const)[nextInt(random, 5)]!;
  return {
    who: nextInt(random, 3),
    token: random() < 0.5 ? "up" : "down",
    side: random() < 0.6 ? "buy" : "sell",
    price: (46 + nextInt(random, 9)) * 100,
    size: 500 + nextInt(random, 3_000),
    type,
  };
}

/** One wallet's books. */
function account() {
  const life = newOrderLife();
  const ledgers = newLedgers(CASH as Usdc);
  const alarms: string[] = [];
  const step = (input: LifeInput | null) => {
    assert.ok(input !== null, "every frame of the venue is read");
    for (const action of applyInput(life, input)) {
      if (action.type === "fill") postFill(ledgers, action.fill, action.stage);
      if (action.type === "alarm") alarms.push(`${action.code} ${action.detail}`);
    }
  };
  return { life, ledgers, alarms, step };
}

function replyOf(result: SubmitResult | null, hash: string, order: PitOrder, lost: boolean) {
  if (result === null || lost) return classifySubmit(null, hash, order.side);
  const reply = "status" in result && "order" in result
    ? { status: 200, body: wire(acceptedView(result)) }
    : { status: result.status, body: wire({ error: result.error }) };
  return classifySubmit(reply, hash, order.side);
}

Deno.test("against the simulated exchange, with frames lost, doubled and late, wallets agree to the millionth", () => {
  let fills = 0;
  let failed = 0;
  for (let seed = 1; seed <= SCENARIOS; seed++) {
    const random = seededRandom(seed);
    const p = pit({ seed, ladder: { bids: [4800, 60, 4700, 200], asks: [5200, 60, 5300, 200] } });
    const accounts = [account(), account(), account()];
    let queue: { who: number; input: LifeInput | null }[] = [];
    const at = () => p.nowMs as Ms;
    const events = p.state.events as {
      -readonly [K in keyof typeof p.state.events]: typeof p.state.events[K];
    };
    events.order = (type, order, nowMs) => {
      const who = p.wallets.indexOf(order.wallet);
      queue.push({ who, input: readOrderEvent(wire(orderEvent(type, order, nowMs)), at()) });
    };
    events.trade = (trade, nowMs) => {
      for (const [who, key] of p.keys.entries()) {
        const frame = tradeEvent(trade, key.address, nowMs);
        if (frame === null) continue;
        const read = readTrade(wire(frame));
        queue.push({ who, input: read && { type: "trade", at: at(), trade: read } });
      }
    };
    /** Delivers what has piled up: some lost, some twice, some later, in any order. */
    const deliver = () => {
      const later: typeof queue = [];
      for (const item of queue.sort(() => random() - 0.5)) {
        const luck = random();
        if (luck < 0.15) continue;
        if (luck < 0.3) later.push(item);
        else for (let n = luck < 0.45 ? 2 : 1; n > 0; n--) accounts[item.who]!.step(item.input);
      }
      queue = later;
    };
    const sent: { who: number; hash: string }[] = [];
    for (let act = 0; act < ACTS; act++) {
      if (random() < 0.2) p.state.settlementFaults.push(random() < 0.5 ? "FAILED" : "RETRYING");
      const order = randomOrder(random);
      const { id, result } = p.place(order);
      const own = accounts[order.who]!;
      own.step({ type: "created", at: at(), terms: termsOf(p, order, id, act) });
      own.step({ type: "sent", at: at(), hash: id });
      sent.push({ who: order.who, hash: id });
      const outcome = replyOf(result, id, order, random() < 0.25);
      queue.push({ who: order.who, input: { type: "submitReply", at: at(), hash: id, outcome } });
      if (random() < 0.2) {
        const target = sent[nextInt(random, sent.length)]!;
        accounts[target.who]!.step({ type: "cancelAsked", at: at(), hash: target.hash });
        const body = wire(cancelWhere(p.state, (open) => open.id === target.hash, p.nowMs));
        const cancelled = classifyCancel(random() < 0.3 ? null : { status: 200, body }, target.hash);
        queue.push({
          who: target.who,
          input: { type: "cancelReply", at: at(), hash: target.hash, outcome: cancelled },
        });
      }
      p.advance(nextInt(random, 2_000));
      deliver();
    }
    p.advance(60_000);
    deliver();
    reconcile(p, accounts, sent);
    for (const [who, own] of accounts.entries()) {
      const wallet = p.wallets[who]!;
      assert.equal(
        own.ledgers.final.cash - CASH,
        chainBalance(wallet, PUSD) - CASH,
        `cash of ${who}, seed ${seed}`,
      );
      assert.equal(own.ledgers.provisional.cash, own.ledgers.final.cash);
      for (const token of [p.listing.upToken, p.listing.downToken]) {
        const sums = own.ledgers.final.tokens.get(token);
        assert.equal(
          sums === undefined ? 0 : heldOf(sums),
          chainBalance(wallet, token) - SHARES,
          `shares of ${who}`,
        );
      }
      fills += own.life.trades.size;
      failed += [...own.life.trades.values()].filter(({ state }) => state === "failed").length;
    }
  }
  assert.ok(fills > 300 && failed > 20, `${fills} fills, ${failed} failed`);
});

/** The venue is asked for every hash and tells every trade; then both sides must agree on every order. */
function reconcile(
  p: Pit,
  accounts: readonly ReturnType<typeof account>[],
  sent: readonly { readonly who: number; readonly hash: string }[],
): void {
  const at = p.nowMs as Ms;
  for (const trade of p.state.trades.values()) {
    for (const [who, key] of p.keys.entries()) {
      const row = tradeView(trade, key.address);
      if (row !== null) accounts[who]!.step({ type: "trade", at, trade: readTrade(wire(row))! });
    }
  }
  for (const { who, hash } of sent) {
    const order = p.state.orders.get(hash);
    const body = order === undefined ? null : wire({ data: [orderView(order)], next_cursor: "LTE=" });
    accounts[who]!.step(readLookup(body, { hash, askedAt: at, at }));
    const tracked = accounts[who]!.life.orders.get(hash)!;
    const open = order?.status === "LIVE";
    const words = `${hash}: ${tracked.state} (${tracked.reason}), the venue has ${order?.status ?? "none"}`;
    assert.equal(isEnded(tracked.state), !open, words);
    assert.equal(tracked.told, order?.matched ?? 0, words);
    assert.equal(tracked.disputed, false, words);
    if (!open) assert.equal(blockedCash(tracked) + blockedShares(tracked), 0, words);
    else if (tracked.terms.side === "buy") assert.ok(blockedCash(tracked) > 0, words);
    if (order?.status === "MATCHED") assert.equal(tracked.state, "filled", words);
    if (order?.status === "CANCELED") assert.equal(tracked.state, "cancelled", words);
  }
  for (const { alarms } of accounts) assert.deepEqual(alarms, []);
}
