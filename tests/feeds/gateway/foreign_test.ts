import assert from "node:assert/strict";
import type { Side } from "../../../core/market/instrument.ts";
import type { LifeInput, TradeState } from "../../../core/orders/lifecycle_types.ts";
import { exposureOf } from "../../../core/risk/exposure.ts";
import type { Ms, Price, Shares } from "../../../core/units.ts";
import type { ListedOrder, ListedTrade } from "../../../feeds/polymarket/order_entry/types.ts";
import { COND, type FakeVenue, listedTrade, settle, UP } from "./fake_venue.ts";
import { intent, type Stage, withGateway } from "./stage.ts";

const order = (hash: string, size: number): ListedOrder => ({
  ...{ hash, conditionId: COND, token: UP, side: "buy", status: "LIVE", outcome: "Up", price: 5_000 },
  ...{ originalSize: size, matchedSize: 0, orderType: "GTC", createdAtMs: null, tradeIds: [] },
});

const orderEvent = (venue: FakeVenue, hash: string): LifeInput => ({
  type: "orderEvent",
  at: venue.clock.now(),
  hash,
  event: "placement",
  status: "live",
  matched: 0 as Shares,
  tradeIds: [],
  reason: "",
});

/** Somebody else's trade of Up at 0.50; of its state, on the listing. */
function trade(venue: FakeVenue, id: string, state: TradeState, side: Side, size: number): ListedTrade {
  const report = {
    ...{ id, state, takerHash: "0xaa", token: UP, price: 5_000 as Price, makers: [] },
    ...{ size: size as Shares, matchedAtMs: venue.clock.now() },
  };
  const part = { hash: "0xaa", token: UP, side, size, price: 5_000, liquidity: "taker" } as const;
  const row = { ...listedTrade(report, "up"), parts: [part] };
  const at = venue.foreignTrades.findIndex(({ report: { id: known } }) => known === id);
  if (at < 0) venue.foreignTrades.push(row);
  else venue.foreignTrades[at] = row;
  return row;
}

/** The same, and the user socket tells it. */
function tell(venue: FakeVenue, ...of: [id: string, state: TradeState, side: Side, size: number]): void {
  const { report } = trade(venue, ...of);
  venue.feed?.onInput({ type: "trade", at: venue.clock.now(), trade: report });
}

const theirs = ({ account }: Stage): number => account.portfolio.position(`foreign:${UP}`)?.shares ?? 0;
const exposed = ({ account }: Stage): number => exposureOf(COND, [], account.portfolio).windowExposure;
const count = (venue: FakeVenue, name: string): number => venue.log.filter((call) => call === name).length;

Deno.test("an order of others counts to the limits within a second of its event, and no longer when it is gone", async () => {
  await withGateway(async (stage) => {
    const { venue, account, alarms, pass } = stage;
    venue.foreignOrders.push(order("0xf0", 20_000_000));
    venue.feed?.onInput(orderEvent(venue, "0xf0"));
    await pass(600);
    assert.deepEqual(account.portfolio.reserved, [{ conditionId: COND, cost: 10_000_000 }]);
    assert.equal(exposed(stage), 10_000_000);
    venue.foreignOrders.length = 0;
    await pass(10_000);
    venue.feed?.onInput(orderEvent(venue, "0xf0"));
    await pass(600);
    assert.equal(exposed(stage), 0);
    assert.deepEqual(alarms.map(({ code }) => code), ["FOREIGN_ORDER"]);
  });
});

Deno.test("an order that the listing shows late is found by the last look", async () => {
  await withGateway(async (stage) => {
    const { venue, pass } = stage;
    venue.feed?.onInput(orderEvent(venue, "0xf0"));
    await pass(600);
    venue.foreignOrders.push(order("0xf0", 20_000_000));
    assert.equal(exposed(stage), 0);
    await pass(6_000);
    assert.equal(exposed(stage), 10_000_000);
  });
});

Deno.test("however many events others cause, the open orders are read once a second; none, and nothing is read", async () => {
  await withGateway(async ({ venue, pass }) => {
    const before = count(venue, "openOrders");
    await pass(20_000);
    assert.equal(count(venue, "openOrders"), before);
    for (let i = 0; i < 100; i++) {
      venue.feed?.onInput(orderEvent(venue, `0xf${i}`));
      await pass(100);
    }
    await pass(20_000);
    const reads = count(venue, "openOrders") - before;
    assert.ok(reads >= 8 && reads <= 13, `${reads} in ten seconds`);
  });
});

Deno.test("a reading that fails is made again, with pauses", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, pass } = stage;
    venue.foreignOrders.push(order("0xf0", 20_000_000));
    venue.feed?.onInput(orderEvent(venue, "0xf0"));
    venue.readsFail = true;
    await pass(20_000);
    assert.equal(gateway.state, "running");
    const tries = count(venue, "openOrders");
    assert.ok(tries < 10, `${tries} tries in 20 s`);
    venue.readsFail = false;
    await pass(11_000);
    assert.equal(exposed(stage), 10_000_000);
  });
});

Deno.test("a purchase of others counts from its match on, once; a failed one no longer", async () => {
  await withGateway(async (stage) => {
    const { venue, alarms, pass } = stage;
    tell(venue, "f1", "matched", "buy", 8_000_000);
    await pass(600);
    assert.deepEqual([theirs(stage), exposed(stage)], [8_000_000, 8_000_000]);
    venue.shares.set(UP, 8_000_000);
    tell(venue, "f1", "confirmed", "buy", 8_000_000);
    await pass(600);
    assert.equal(theirs(stage), 8_000_000, "not twice");
    tell(venue, "f2", "matched", "buy", 5_000_000);
    await pass(600);
    assert.equal(theirs(stage), 13_000_000);
    tell(venue, "f2", "failed", "buy", 5_000_000);
    await pass(600);
    assert.equal(theirs(stage), 8_000_000);
    await pass(100_000);
    assert.equal(theirs(stage), 8_000_000);
    assert.deepEqual(new Set(alarms.map(({ code }) => code)), new Set(["FOREIGN_TRADE"]));
  });
});

Deno.test("shares that others sell no longer count; what the venue's balance shows late is found", async () => {
  await withGateway(async (stage) => {
    const { venue, pass } = stage;
    venue.shares.set(UP, 8_000_000);
    tell(venue, "f1", "confirmed", "buy", 8_000_000);
    await pass(600);
    tell(venue, "f2", "confirmed", "sell", 8_000_000);
    await pass(1_000);
    assert.equal(theirs(stage), 8_000_000, "the balance trails");
    venue.shares.set(UP, 0);
    await pass(3_000);
    assert.deepEqual([theirs(stage), exposed(stage)], [0, 0]);
    assert.equal(stage.account.portfolio.position(`foreign:${UP}`), undefined);
  });
});

Deno.test("our own shares beside theirs are not counted as theirs, also while ours settle", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account, pass, alarms } = stage;
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    tell(venue, "f1", "matched", "buy", 4_000_000);
    await pass(1_000);
    assert.equal(theirs(stage), 4_000_000);
    venue.confirmAll();
    venue.shares.set(UP, venue.shares.get(UP)! + 4_000_000);
    tell(venue, "f1", "confirmed", "buy", 4_000_000);
    await pass(120_000);
    assert.deepEqual([account.portfolio.sharesOf(UP), theirs(stage)], [10_000_000, 4_000_000]);
    assert.deepEqual(new Set(alarms.map(({ code }) => code)), new Set(["FOREIGN_TRADE"]));
  });
});

Deno.test("of a window that is resolved nothing of others is told any more", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account, pass } = stage;
    tell(venue, "f1", "matched", "buy", 8_000_000);
    await pass(600);
    const about = { tExchange: venue.clock.now(), tReceive: venue.clock.now() as Ms };
    gateway.observe({ type: "resolved", ...about, conditionId: COND, winner: "up", source: "venue" });
    const told = account.events.length;
    venue.shares.set(UP, 8_000_000);
    tell(venue, "f1", "confirmed", "buy", 8_000_000);
    await pass(70_000);
    assert.equal(account.events.length, told);
  });
});

Deno.test("hundreds of trades of others are followed in few requests, and what a resync lists again is no news", async () => {
  await withGateway(async (stage) => {
    const { venue, pass, heart } = stage;
    for (let i = 0; i < 300; i++) tell(venue, `f${i}`, "confirmed", "buy", 1_000_000);
    venue.shares.set(UP, 300_000_000);
    await pass(1_000);
    assert.equal(theirs(stage), 300_000_000);
    await pass(100_000);
    const calls = venue.log.length;
    assert.ok(count(venue, "trades") < 20, `${count(venue, "trades")} listings`);
    heart.onLost("silent");
    heart.onAlive();
    await pass(2_000);
    assert.ok(venue.log.length - calls <= 6, venue.log.slice(calls).join());
    assert.equal(theirs(stage), 300_000_000);
  });
});
