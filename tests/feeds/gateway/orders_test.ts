import assert from "node:assert/strict";
import { OperationError } from "../../../core/errors.ts";
import type { OrderDoneEvent, OrderRejectedEvent } from "../../../core/events.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import type { OrderOptions } from "../../../feeds/polymarket/order_entry/types.ts";
import { withFolder } from "../journal/journals.ts";
import { COND, FakeVenue, settle, UP } from "./fake_venue.ts";
import { assertAgrees, fakeSigner, INSTRUMENT, intent, opened, resting, withGateway } from "./stage.ts";

const rejection = (events: readonly unknown[]) => events.at(-1) as OrderRejectedEvent;

Deno.test("a market order that is told fills provisionally, then finally, and ends once", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    assert.equal(account.of("orderAccepted").length, 1);
    const [fill] = account.of("fill");
    assert.ok(fill?.type === "fill" && fill.provisional === true && fill.size === 10_000_000);
    assert.equal((account.ends.get(fill.orderId) as OrderDoneEvent).reason, "filled");
    assertAgrees(stage);
    venue.confirmAll();
    await settle();
    assert.equal(account.of("fillStage").length, 1);
    assert.equal(account.portfolio.sellableOf(UP), 10_000_000);
    assertAgrees(stage);
    assert.equal(gateway.wallet.ledgers.final.cash, venue.cash);
  });
});

Deno.test("confirmed shares may be sold once the venue has looked at the chain, or could not be made to", async () => {
  for (const fails of [false, true]) {
    await withGateway(async (stage) => {
      const { venue, gateway, account } = stage;
      const looked = Promise.withResolvers<void>();
      const asked: string[] = [];
      (venue.entry as { refreshBalance: unknown }).refreshBalance = (
        of: { kind: string; token?: string },
      ) => {
        asked.push(of.token ?? of.kind);
        return looked.promise;
      };
      gateway.submit(intent(venue), venue.clock.now());
      await settle();
      venue.confirmAll();
      await settle();
      assert.deepEqual(asked, [UP]);
      assert.equal(account.portfolio.sellableOf(UP), 0);
      if (fails) looked.reject(new Error("no answer"));
      else looked.resolve();
      await settle();
      assert.equal(account.portfolio.sellableOf(UP), 10_000_000);
    });
  }
});

Deno.test("the row is on disk before the bytes leave, and the note that they left follows", async () => {
  await withGateway(async ({ venue, gateway, journal, latencies }) => {
    const before = journal.lastSeq;
    let atSubmit = 0;
    const submit = venue.entry.submit;
    (venue.entry as { submit: typeof submit }).submit = (body, options) => {
      atSubmit = journal.lastSeq;
      const call = submit(body, options);
      return call;
    };
    venue.autoDeliver = false;
    gateway.submit(intent(venue), venue.clock.now());
    const kinds = [...journal.rows()].slice(before).map(({ kind }) => kind);
    assert.equal(atSubmit, before + 1);
    assert.deepEqual(kinds.slice(0, 2), ["intent", "sent"]);
    await settle();
    assert.equal(latencies.length, 1);
    assert.deepEqual([latencies[0]!.writtenUs, latencies[0]!.ackUs], [2, 3]);
  });
});

Deno.test("a purchase whose trade fails is taken back exactly", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    const cash = account.portfolio.cash;
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    assert.notEqual(account.portfolio.cash, cash);
    venue.move("t1", "failed");
    await settle();
    assert.equal(account.portfolio.cash, cash);
    assert.equal(account.portfolio.sharesOf(UP), 0);
    assertAgrees(stage);
  });
});

Deno.test("a trade first heard of as failed was never a fill, one first heard of as confirmed is final at once", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    const [cash, orders] = [account.portfolio.cash, [intent(venue), intent(venue)]];
    venue.autoDeliver = false;
    for (const order of orders) gateway.submit(order, venue.clock.now());
    venue.outbox = [];
    venue.move("t1", "failed");
    venue.move("t2", "confirmed");
    while (venue.outbox.length > 0) venue.deliver();
    await settle();
    const [fill, ...more] = account.of("fill");
    assert.deepEqual(more, []);
    assert.ok(fill?.type === "fill" && fill.provisional === undefined && fill.orderId === orders[1]!.orderId);
    assert.equal(account.portfolio.cash, cash - 5_175_000);
    assert.equal(account.ends.size, 2);
    assertAgrees(stage);
  });
});

Deno.test("a lost reply leaves the order unknown; what the venue then says of its hash counts", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    venue.autoDeliver = false;
    venue.fates = ["lost"];
    const order = resting(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    assert.deepEqual(account.events.slice(1).map(({ type }) => type), ["orderUnknown", "orderAccepted"]);
    assert.ok(venue.log.includes("lookup"));
    assert.equal(venue.log.filter((call) => call === "submit").length, 1);
    assert.ok(!account.ends.has(order.orderId));
  });
});

Deno.test("an order that never landed is rejected only when the venue was asked late enough", async () => {
  await withGateway(async ({ venue, gateway, account, pass }) => {
    venue.fates = ["never-landed"];
    const order = intent(venue);
    gateway.submit(order, venue.clock.now());
    await pass(9_000);
    assert.equal(account.events.at(-1)!.type, "orderUnknown");
    await pass(10_000);
    assert.equal((account.ends.get(order.orderId) as OrderRejectedEvent).code, "ORDER_ABSENT");
    assert.equal(venue.log.filter((call) => call === "submit").length, 1);
  });
});

Deno.test("refusals of the venue and immediate orders without a match are rejections with the venue's reason", async () => {
  await withGateway(async ({ venue, gateway, account }) => {
    venue.fates = ["refused", "told"];
    venue.matches = [0];
    const first = intent(venue);
    const second = intent(venue);
    gateway.submit(first, venue.clock.now());
    await settle();
    venue.autoDeliver = false;
    gateway.submit(second, venue.clock.now());
    await settle();
    assert.equal((account.ends.get(first.orderId) as OrderRejectedEvent).code, "NOT_ENOUGH_BALANCE");
    assert.equal((account.ends.get(second.orderId) as OrderRejectedEvent).code, "NO_MATCH");
  });
});

Deno.test("a resting order fills in parts, is cancelled, and a cancel of a cancelled order does nothing", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account } = stage;
    const order = resting(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    venue.match([...venue.orders.values()][0]!, 4_000_000);
    await settle();
    assert.equal(account.of("fill").length, 1);
    const cancel = { type: "cancel", orderId: order.orderId, bornAt: venue.clock.now() } as const;
    gateway.submit(cancel, venue.clock.now());
    gateway.submit(cancel, venue.clock.now());
    await settle();
    gateway.submit(cancel, venue.clock.now());
    await settle();
    assert.equal((account.ends.get(order.orderId) as OrderDoneEvent).reason, "cancelled");
    assert.deepEqual(venue.log.filter((call) => call.startsWith("cancel")), ["cancel 1"]);
    assertAgrees(stage);
  });
});

Deno.test("cancels of one turn leave in one request, and pass when the gateway takes no orders", async () => {
  await withGateway(async ({ venue, gateway, account, heart }) => {
    const orders = [resting(venue), resting(venue)];
    for (const order of orders) gateway.submit(order, venue.clock.now());
    await settle();
    heart.onLost("no answer for 10 s");
    for (const { orderId } of orders) {
      gateway.submit({ type: "cancel", orderId, bornAt: venue.clock.now() }, venue.clock.now());
    }
    await settle();
    assert.equal(venue.log.filter((call) => call === "cancel 2").length, 1);
    assert.equal(account.ends.size, 2);
  });
});

Deno.test("a match without amounts keeps the order open until its trade is told", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, account, pass } = stage;
    venue.autoDeliver = false;
    venue.fates = ["garbled"];
    const order = intent(venue);
    gateway.submit(order, venue.clock.now());
    await settle(3);
    assert.ok(!account.ends.has(order.orderId));
    await pass(5_000);
    assert.equal(account.of("fill").length, 1);
    assert.ok(account.ends.has(order.orderId));
    assertAgrees(stage);
  });
});

Deno.test("old intents, unknown markets, off-tick prices and every closed mode are refused with a code and no row", async () => {
  await withGateway(({ venue, gateway, account, journal, pump }) => {
    const rows = journal.lastSeq;
    const refuse = (code: string, change: Parameters<typeof intent>[1] = {}) => {
      gateway.submit(intent(venue, change), venue.clock.now());
      pump();
      assert.equal(rejection(account.events).code, code);
    };
    refuse("INTENT_EXPIRED", { bornAt: venue.clock.now() - 1_001 as Ms });
    refuse("MARKET_UNKNOWN", { conditionId: "0xother" });
    refuse("ORDER_INVALID", { limit: 5_050 as Price });
    refuse("ORDER_INVALID", { orderType: "GTD", size: 10_000_000 as Shares, spend: 0 as Usdc });
    venue.mode = "cancel-only";
    refuse("VENUE_CANCEL_ONLY");
    venue.mode = "post-only";
    refuse("VENUE_POST_ONLY");
    venue.mode = "normal";
    assert.equal(journal.lastSeq, rows);
    assert.deepEqual(gateway.stats.refused, {
      INTENT_EXPIRED: 1,
      MARKET_UNKNOWN: 1,
      ORDER_INVALID: 2,
      VENUE_CANCEL_ONLY: 1,
      VENUE_POST_ONLY: 1,
    });
    assert.ok(!venue.log.includes("submit"));
    return Promise.resolve();
  });
});

Deno.test("an order that grew old while its row was written is dropped at the wire, its row says why", async () => {
  await withGateway(({ venue, gateway, account, journal, pump }) => {
    const append = journal.append.bind(journal);
    // A disk that needs two seconds.
    journal.append = (kind, body, t) => {
      if (kind === "intent") venue.clock.advance(2_000);
      return append(kind, body, t);
    };
    const order = intent(venue, { maxAge: 1_000 as Ms });
    gateway.submit(order, venue.clock.now());
    pump();
    assert.equal(rejection(account.events).code, "SIGNAL_STALE_AT_WIRE");
    assert.ok(!venue.log.includes("submit"));
    assert.equal(gateway.stats.submitted, 0);
    return Promise.resolve();
  });
});

Deno.test("orders of one step share one write: every row is there before the first byte leaves, cancels go at once", async () => {
  await withGateway(async ({ venue, gateway, account, journal }) => {
    const open = resting(venue);
    gateway.submit(open, venue.clock.now());
    await settle(3);
    const before = journal.lastSeq;
    const rowsAtSubmit: number[] = [];
    const submit = venue.entry.submit.bind(venue.entry);
    (venue.entry as { submit: typeof submit }).submit = (body, options) => {
      rowsAtSubmit.push([...journal.rows()].slice(before).filter(({ kind }) => kind === "intent").length);
      return submit(body, options);
    };
    let writes = 0;
    const together = journal.appendTogether.bind(journal);
    journal.appendTogether = (work) => {
      writes++;
      together(work);
    };
    const orders = [intent(venue), intent(venue, { conditionId: "0xother" }), intent(venue), intent(venue)];
    const cancel = { type: "cancel", orderId: open.orderId, bornAt: venue.clock.now() } as const;
    gateway.submitAll!([orders[0]!, cancel, ...orders.slice(1)], venue.clock.now());
    await settle(3);
    assert.equal(writes, 1);
    assert.deepEqual(rowsAtSubmit, [3, 3, 3]);
    assert.equal(gateway.stats.submitted, 4);
    assert.deepEqual(gateway.stats.refused, { MARKET_UNKNOWN: 1 });
    assert.equal(gateway.stats.cancelsAsked, 1);
    assert.equal((account.ends.get(orders[1]!.orderId) as OrderRejectedEvent).code, "MARKET_UNKNOWN");
  });
});

Deno.test("when the write of several orders fails, none of them leaves and none is in the journal", async () => {
  await withGateway(async ({ venue, gateway, account, journal }) => {
    const before = journal.lastSeq;
    const append = journal.append.bind(journal);
    let left = 1;
    journal.append = (kind, body, t) => {
      if (kind === "intent" && left-- === 0) throw new OperationError({ code: "DISK_FULL", message: "full" });
      return append(kind, body, t);
    };
    const orders = [intent(venue), intent(venue)];
    gateway.submitAll!(orders, venue.clock.now());
    await settle(3);
    for (const { orderId } of orders) {
      assert.equal((account.ends.get(orderId) as OrderRejectedEvent).code, "JOURNAL_BROKEN");
    }
    assert.ok(!venue.log.includes("submit"));
    assert.equal(gateway.state, "broken");
    assert.equal([...journal.rows()].length, before);
  });
});

Deno.test("what order entry refuses by itself is dropped: in the journal, ended, without a byte sent", async () => {
  await withGateway(async ({ venue, gateway, account, journal }) => {
    const before = journal.lastSeq;
    (venue.entry as { submit: unknown }).submit = () => ({
      sent: false,
      code: "BUDGET_EMPTY",
      message: "wait 20 ms",
    });
    const order = intent(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    assert.equal((account.ends.get(order.orderId) as OrderRejectedEvent).code, "BUDGET_EMPTY");
    const kinds = [...journal.rows()].slice(before).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["intent", "sent"]);
  });
});

Deno.test("a journal that fails stops everything: nothing is sent, open orders are cancelled, fills still count", async () => {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const stage = await opened(folder, venue);
    const { gateway, journal, alarms, account } = stage;
    await stage.during(gateway.start());
    stage.listen();
    const open = resting(venue);
    gateway.submit(open, venue.clock.now());
    await settle();
    journal.close();
    const refused = intent(venue);
    gateway.submit(refused, venue.clock.now());
    await settle();
    assert.equal((account.ends.get(refused.orderId) as OrderRejectedEvent).code, "JOURNAL_BROKEN");
    assert.equal(venue.log.filter((call) => call === "submit").length, 1);
    assert.ok(alarms.some(({ code }) => code === "JOURNAL_BROKEN"));
    assert.equal((account.ends.get(open.orderId) as OrderDoneEvent).reason, "cancelled");
    assert.equal(gateway.state, "broken");
    const report = await stage.during(gateway.stop());
    assert.deepEqual([report.openAfter, report.proved], [[], true]);
  });
});

Deno.test("order entry is told how many orders of the step came before, and when one is too old to leave", async () => {
  const told: OrderOptions[] = [];
  const atSubmit: boolean[] = [];
  await withGateway(
    async ({ venue, gateway }) => {
      const off = intent(venue, { limit: 5_050 as Price });
      gateway.submitAll!([intent(venue), off, intent(venue), intent(venue)], venue.clock.now());
      assert.deepEqual(told.map(({ before }) => before), [0, 1, 2], "the one off the tick is none");
      assert.deepEqual(atSubmit, [false, false, false]);
      venue.clock.advance(1_000);
      assert.deepEqual(told.map(({ isLate }) => isLate!()), [false, false, false]);
      venue.clock.advance(1);
      assert.deepEqual(told.map(({ isLate }) => isLate!()), [true, true, true]);
      await settle();
    },
    {},
    (venue) => {
      const { submit } = venue.entry;
      Object.assign(venue.entry, {
        prepare: (body: string, options: OrderOptions) => (told.push(options), { body, request: null }),
        submit: (body: string, options: OrderOptions) => {
          atSubmit.push(options.isLate!());
          return submit(body, options);
        },
      });
    },
  );
});

Deno.test("orders signed ahead are used once, and never after the tick changed", async () => {
  await withGateway(async ({ venue, gateway }) => {
    const plan = {
      conditionId: COND,
      token: UP,
      side: "buy",
      orderType: "FAK",
      size: 0 as Shares,
      spend: 5_000_000 as Usdc,
    } as const;
    const at = (limit: number) => ({ ...plan, limit: limit as Price });
    assert.equal(gateway.prepare([at(5_000), at(5_100), at(5_200)], 2), 2);
    assert.equal(gateway.prepare([at(5_000), at(5_100)], 9), 0, "signed already");
    for (let i = 0; i < 2; i++) {
      gateway.submit(intent(venue), venue.clock.now());
      await settle();
    }
    assert.equal(gateway.stats.presigned, 1);
    gateway.prepare([at(5_000)], 1);
    const now = venue.clock.now();
    gateway.observe({
      type: "tickSize",
      tExchange: now,
      tReceive: now,
      token: UP,
      oldTick: 100 as Price,
      newTick: 10 as Price,
    });
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    assert.deepEqual([gateway.stats.presigned, gateway.stats.submitted], [1, 3]);
  });
});

Deno.test("an order signed ahead for one exchange is not sent to another one that its market moved to", async () => {
  const domains: string[] = [];
  const signer = fakeSigner();
  const sign: typeof signer.sign = (fields, domain) => {
    domains.push(domain.version);
    return signer.sign(fields, domain);
  };
  await withGateway(async ({ venue, gateway }) => {
    const { token, side, orderType, limit, size, spend, conditionId } = intent(venue);
    assert.equal(gateway.prepare([{ conditionId, token, side, orderType, limit, size, spend }], 1), 1);
    const now = venue.clock.now();
    gateway.observe({
      ...{ type: "window", tExchange: now, tReceive: now },
      instrument: { ...INSTRUMENT, version: "v2" },
    });
    gateway.submit(intent(venue), now);
    await settle();
    assert.deepEqual(domains, ["2", "3"]);
    assert.deepEqual([gateway.stats.presigned, gateway.stats.submitted], [0, 1]);
  }, { signer: { ...signer, sign } });
});
