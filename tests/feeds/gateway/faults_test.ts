import assert from "node:assert/strict";
import type { OrderDoneEvent, ResolvedEvent } from "../../../core/events.ts";
import { heldOf } from "../../../core/orders/ledger.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import { COND, settle, UP } from "./fake_venue.ts";
import { assertAgrees, intent, resting, type Stage, withGateway } from "./stage.ts";

const codes = ({ alarms }: Stage) => alarms.map(({ code }) => code);
const refusedWith = (stage: Stage, code: string) => {
  stage.gateway.submit(intent(stage.venue), stage.venue.clock.now());
  assert.ok((stage.gateway.stats.refused[code] ?? 0) > 0, `refused with ${code}`);
};

Deno.test("what the user socket missed is found by the resync; meanwhile nothing new is sent", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account, journal } = stage;
    const order = resting(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    const feed = venue.feed!;
    feed.onDown("closed by the venue");
    refusedWith(stage, "USER_FEED_DOWN");
    venue.feed = null;
    const [placed] = venue.orders.values();
    venue.match(placed!, 4_000_000);
    venue.end(placed!);
    venue.feed = feed;
    feed.onUp();
    assert.equal(gateway.state, "resyncing");
    refusedWith(stage, "RESYNCING");
    await stage.during(settle());
    await stage.pass(3_000);
    assert.equal(gateway.state, "running");
    assert.equal((account.ends.get(order.orderId) as OrderDoneEvent).reason, "cancelled");
    assert.equal(account.of("fill").length, 1);
    assertAgrees(stage);
    assert.ok(gateway.stats.resyncFindings >= 2);
    const note = [...journal.rows()].find(({ body }) => body.includes('"type":"resync"'));
    assert.ok(note?.body.includes("user socket"));
  });
});

Deno.test("a resync that cannot be made is tried again until it is", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway } = stage;
    venue.readsFail = true;
    venue.feed!.onDown("gone");
    venue.feed!.onUp();
    await stage.pass(5_000);
    refusedWith(stage, "RESYNCING");
    venue.readsFail = false;
    await stage.pass(10_000);
    assert.equal(gateway.refusal(), null);
    assert.equal(gateway.stats.resyncs, 1);
  });
});

Deno.test("a lost heartbeat alarms and refuses; once back, orders the venue cancelled are found", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    const order = resting(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    stage.heart.onLost("no beat was taken for 10 s");
    refusedWith(stage, "HEARTBEAT_LOST");
    assert.deepEqual(codes(stage), ["HEARTBEAT_LOST"]);
    venue.autoDeliver = false;
    venue.end([...venue.orders.values()][0]!);
    stage.heart.onAlive();
    await stage.pass(2_000);
    assert.equal(gateway.refusal(), null);
    assert.equal((account.ends.get(order.orderId) as OrderDoneEvent).reason, "cancelled");
  });
});

Deno.test("shares that do not add up alarm only after everything settled and twice the same", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway } = stage;
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    venue.confirmAll();
    await settle();
    venue.shares.set(UP, 9_000_000);
    await stage.pass(25_000);
    assert.deepEqual(codes(stage), []);
    await stage.pass(66_000);
    assert.deepEqual(codes(stage), ["POSITION_MISMATCH"]);
    await stage.pass(60_000);
    assert.deepEqual(codes(stage), ["POSITION_MISMATCH"], "once");
  });
});

Deno.test("cash that no order explains is posted and told to the engine as its own kind", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    venue.cash += 25_000_000;
    await stage.pass(91_000);
    assert.equal(account.portfolio.cash, 1_025_000_000);
    assert.equal(gateway.wallet.ledgers.final.cash, 1_025_000_000);
    const last = account.events.at(-1)!;
    assert.ok(last.type === "account" && last.reason === "transfer");
    await stage.pass(60_000);
    assert.equal(account.events.at(-1), last, "once");
  });
});

Deno.test("a winner becomes a claim, and its redemption cash without telling the engine twice", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    venue.confirmAll();
    await settle();
    const at = venue.clock.now();
    const resolved: ResolvedEvent = {
      type: "resolved",
      tExchange: at,
      tReceive: at,
      conditionId: COND,
      winner: "up",
      source: "venue",
    };
    gateway.observe(resolved);
    gateway.observe(resolved);
    account.portfolio.settle(COND, "up", at);
    const events = account.events.length;
    venue.shares.set(UP, 0);
    venue.cash += 10_000_000;
    assert.equal(account.portfolio.unclaimed, 10_000_000);
    await stage.pass(91_000);
    const [redeemed, ...more] = account.events.slice(events);
    assert.ok(redeemed?.type === "account" && redeemed.cashChange === 0 && redeemed.redeemed === 10_000_000);
    assert.deepEqual(more, []);
    assert.equal(gateway.wallet.ledgers.final.cash, venue.cash);
    assert.equal(account.portfolio.cash, venue.cash);
    assert.equal(account.portfolio.unclaimed, 0);
    assert.deepEqual(codes(stage), []);
    gateway.observe({ ...resolved, winner: "down" });
    assert.deepEqual(codes(stage), ["WINNER_CONTRADICTED"]);
  });
});

Deno.test("orders and trades of others are told once and stay out of the journal", async () => {
  await withGateway((stage) => {
    const { venue, journal } = stage;
    const rows = journal.lastSeq;
    const at = venue.clock.now();
    const trade = {
      ...{ id: "ft", takerHash: "0xaa", token: UP, price: 5_000 as never, makers: [], matchedAtMs: at },
      size: 30_000_000 as Shares,
    };
    for (const state of ["matched", "confirmed"] as const) {
      venue.feed!.onInput({ type: "trade", at, trade: { ...trade, state } });
      venue.feed!.onInput({
        ...{ type: "orderEvent", at, hash: "0xaa", event: "update", status: "live", matched: null },
        ...{ tradeIds: [], reason: "" },
      });
    }
    assert.deepEqual(codes(stage), ["FOREIGN_TRADE", "FOREIGN_ORDER"]);
    assert.equal(journal.lastSeq, rows);
    return Promise.resolve();
  });
});

Deno.test("a rejected order that is seen alive is blocked again, cancelled, and its fills still count", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    venue.autoDeliver = false;
    const landed = venue.entry.submit;
    (venue.entry as { submit: typeof landed }).submit = (body, options) => {
      landed(body, options);
      const stamps = { startUs: 1, writtenUs: 2, doneUs: 3 };
      const reply = { status: 400, body: { error: "not enough balance / allowance" } };
      return { sent: true, reply: Promise.resolve({ reply, stamps }) };
    };
    const order = resting(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    assert.ok(account.ends.has(order.orderId));
    venue.autoDeliver = true;
    venue.match([...venue.orders.values()][0]!, 2_000_000);
    await stage.pass(5_000);
    assert.ok(codes(stage).includes("REJECTED_BUT_ALIVE"));
    assert.deepEqual(venue.openHashes(), []);
    assert.equal(account.of("fill").length, 1);
    assert.deepEqual(account.portfolio.reserved, [], "free again after the end");
    const blocked = account.of("account").some((e) => e.type === "account" && e.reserved.length > 0);
    assert.ok(blocked, "blocked while it was alive");
    assertAgrees(stage);
  });
});

Deno.test("settled orders are put away after a minute; told and listed again they are known, silent and counted once", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account, alarms, journal } = stage;
    for (let i = 0; i < 20; i++) gateway.submit(intent(venue), venue.clock.now());
    await settle();
    venue.confirmAll();
    await settle();
    const { life, ledgers } = gateway.wallet;
    assert.equal(life.orders.size, 20);
    await stage.pass(70_000);
    gateway.submit(resting(venue), venue.clock.now());
    await stage.pass(6_000);
    assert.deepEqual([life.orders.size, life.trades.size, life.past.orders, life.past.trades], [
      1,
      0,
      20,
      20,
    ]);
    assert.equal(ledgers.posted.size, 0);
    assert.equal(ledgers.final.cash, venue.cash);
    const fills = account.of("fill").length;
    for (const { report } of [...venue.trades.values()]) {
      venue.feed!.onInput({ type: "trade", at: venue.clock.now(), trade: report });
      venue.feed!.onInput({ type: "trade", at: venue.clock.now(), trade: { ...report, state: "matched" } });
    }
    for (const order of [...venue.orders.values()].slice(0, 20)) {
      const about = { type: "orderEvent", at: venue.clock.now(), hash: order.hash, reason: "" } as const;
      venue.feed!.onInput({
        ...about,
        event: "update",
        status: "matched",
        matched: null,
        tradeIds: order.tradeIds,
      });
    }
    const rows = journal.lastSeq;
    const feed = venue.feed!;
    feed.onDown("closed by the venue");
    feed.onUp();
    await stage.pass(3_000);
    assert.equal(gateway.state, "running");
    // The listing and the note of the resync: trades that are known cost no row.
    assert.ok(journal.lastSeq - rows <= 2);
    await stage.pass(10_000);
    assert.deepEqual(alarms, []);
    assert.equal(account.of("fill").length, fills);
    assert.equal(ledgers.final.cash, venue.cash);
    assertAgrees(stage);
    const [first] = venue.trades.values();
    const failed = { ...first!.report, state: "failed" as const };
    venue.feed!.onInput({ type: "trade", at: venue.clock.now(), trade: failed });
    assert.deepEqual(codes(stage), ["TRADE_CONTRADICTED"]);
    assertAgrees(stage);
  });
});

Deno.test("a match that is told minutes after its order was put away reaches ledgers and engine, and its end too", async () => {
  for (const end of ["confirmed", "failed"] as const) {
    await withGateway(async (stage) => {
      const { venue, gateway, account, alarms } = stage;
      const order = resting(venue);
      gateway.submit(order, venue.clock.now());
      await settle();
      gateway.submit(
        { type: "cancel", orderId: order.orderId, bornAt: venue.clock.now() },
        venue.clock.now(),
      );
      await stage.pass(70_000);
      gateway.submit(resting(venue), venue.clock.now());
      await stage.pass(6_000);
      const { life, ledgers } = gateway.wallet;
      assert.deepEqual([life.past.orders, life.orders.size], [1, 1]);
      const cash = account.portfolio.cash;
      const placed = [...venue.orders.values()][0]!;
      const trade = venue.match(placed, 4_000_000);
      await stage.pass(1_000);
      assert.equal(ledgers.provisional.cash, cash - 2_000_000);
      assert.equal(account.portfolio.cash, cash - 2_000_000, "the cash is gone at once");
      assert.equal(account.portfolio.sharesOf(UP), 0, "the shares come with the confirmation");
      venue.move(trade.report.id, end);
      await stage.pass(1_000);
      assertAgrees(stage);
      assert.equal(account.portfolio.sharesOf(UP), end === "confirmed" ? 4_000_000 : 0);
      assert.equal(ledgers.final.cash, venue.cash);
      assert.equal(account.of("fill").length, 0);
      assert.deepEqual(alarms, []);
    });
  }
});

Deno.test("a sale that is told minutes after its order was put away brings its cash, and an alarm that the shares are gone", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    venue.confirmAll();
    await stage.pass(2_000);
    const sale = resting(venue, { side: "sell", limit: 6_000 as Price });
    gateway.submit(sale, venue.clock.now());
    await settle();
    gateway.submit({ type: "cancel", orderId: sale.orderId, bornAt: venue.clock.now() }, venue.clock.now());
    await stage.pass(70_000);
    gateway.submit(resting(venue), venue.clock.now());
    await stage.pass(6_000);
    assert.equal(gateway.wallet.life.past.orders, 2);
    const placed = [...venue.orders.values()].find(({ side }) => side === "sell")!;
    const trade = venue.match(placed, 4_000_000);
    await stage.pass(1_000);
    assert.deepEqual(codes(stage), ["POSITION_MISMATCH"]);
    venue.move(trade.report.id, "confirmed");
    await stage.pass(1_000);
    const { final, provisional } = gateway.wallet.ledgers;
    assert.equal(final.cash, venue.cash);
    assert.equal(account.portfolio.cash, provisional.cash);
    assert.equal(heldOf(final.tokens.get(UP)!), 6_000_000);
    assert.equal(venue.shares.get(UP), 6_000_000);
    assert.deepEqual(codes(stage), ["POSITION_MISMATCH"]);
  });
});

Deno.test("an invariant that breaks while an answer is taken ends in cancel-all and a closed journal", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway } = stage;
    gateway.submit(resting(venue), venue.clock.now());
    await settle();
    const at = venue.clock.now();
    const [placed] = venue.orders.values();
    const bad = {
      ...{ state: "matched", takerHash: placed!.hash, token: UP, price: 10_000, makers: [] },
      ...{ size: Number.MAX_SAFE_INTEGER, matchedAtMs: at },
    } as const;
    // Two trades of more money than an integer holds.
    for (const id of ["b1", "b2"]) venue.feed!.onInput({ type: "trade", at, trade: { ...bad, id } as never });
    await settle();
    assert.equal(gateway.state, "broken");
    assert.ok(venue.log.includes("cancelAll"));
    assert.ok(codes(stage).includes("GATEWAY_BROKEN"));
    assert.deepEqual(venue.openHashes(), []);
  });
});

Deno.test("a session that throws while it is pumped stops the gateway", async () => {
  let boom = false;
  await withGateway(async ({ venue, gateway }) => {
    boom = true;
    gateway.submit(intent(venue, { spend: 5_000_000 as Usdc, maxAge: 1_000 as Ms }), venue.clock.now());
    await settle();
    assert.equal(gateway.state, "broken");
  }, {
    onReady: () => {
      if (boom) throw new Error("bug");
    },
  });
});

Deno.test("stop() waits for the cancel-all of an abort: whoever stops closes its connection", async () => {
  await withGateway(async ({ venue, gateway }) => {
    const held = Promise.withResolvers<void>();
    const entry = venue.entry as { cancelAll: typeof venue.entry.cancelAll };
    const { cancelAll } = entry;
    entry.cancelAll = () => held.promise.then(cancelAll);
    gateway.submit(resting(venue), venue.clock.now());
    await settle();
    void gateway.abort("an assumption broke");
    let stopped = false;
    const stop = gateway.stop().finally(() => stopped = true);
    await settle();
    assert.deepEqual([stopped, venue.openHashes().length], [false, 1]);
    held.resolve();
    assert.equal((await stop).proved, false);
    assert.deepEqual(venue.openHashes(), []);
  });
});
