import assert from "node:assert/strict";
import type { AccountEvent } from "../../../core/events.ts";
import type { Ms, Price, Shares, Usdc } from "../../../core/units.ts";
import { clearLatch, readLatch, setLatch } from "../../../feeds/journal/latch.ts";
import { standingLatch } from "../../../feeds/journal/latch_rows.ts";
import { withFolder } from "../journal/journals.ts";
import { COND, FakeVenue, listedTrade, settle, type SubmitFate, T0, UP } from "./fake_venue.ts";
import { assertAgrees, intent, opened, resting, type Stage, withGateway } from "./stage.ts";

/** Two runs over one journal: the first dies without a word after `first`, the second starts. */
async function twoRuns(
  first: (stage: Stage) => Promise<void>,
  between: (venue: FakeVenue) => void,
  second: (stage: Stage, start: () => ReturnType<Stage["gateway"]["start"]>) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const before = await opened(folder, venue);
    await before.during(before.gateway.start());
    before.listen();
    await first(before);
    before.journal.close();
    venue.feed = null;
    between(venue);
    const after = await opened(folder, venue);
    await second(after, () => after.during(after.gateway.start()));
    if (!["stopped", "broken"].includes(after.gateway.state)) await after.during(after.gateway.stop());
  });
}

const account = (stage: Stage): AccountEvent => stage.account.events[0] as AccountEvent;

Deno.test("a new journal opens with the venue's cash and tells it first", async () => {
  await withFolder(async (folder) => {
    const stage = await opened(folder, new FakeVenue(), { bankroll: 400_000_000 as Usdc });
    const report = await stage.during(stage.gateway.start());
    assert.deepEqual([report.isNew, report.cash, report.usableCash], [true, 1_000_000_000, 1_000_000_000]);
    stage.pump();
    assert.equal(account(stage).cashChange, 600_000_000);
    assert.equal(stage.gateway.state, "running");
    await stage.during(stage.gateway.stop());
  });
});

Deno.test("an incomplete snapshot trades nothing", async () => {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    venue.readsFail = true;
    const stage = await opened(folder, venue);
    await assert.rejects(stage.during(stage.gateway.start()), { code: "RECONCILE_INCOMPLETE", exit: 1 });
    assert.equal(stage.gateway.refusal()?.code, "NOT_STARTED");
    await stage.during(stage.gateway.stop());
  });
});

Deno.test("without a heartbeat or user socket the start fails in time", async () => {
  for (const part of ["openHeartbeat", "openUserFeed"] as const) {
    await withFolder(async (folder) => {
      const stage = await opened(folder, new FakeVenue(), { [part]: () => ({ close: () => {} }) });
      await assert.rejects(stage.during(stage.gateway.start()), { code: "RECONCILE_INCOMPLETE" });
      await stage.during(stage.gateway.stop());
    });
  }
});

Deno.test("orders left open by a dead run are cancelled, foreign ones are shown, counted and left alone", async () => {
  await twoRuns(
    async ({ venue, gateway }) => {
      gateway.submit(resting(venue), venue.clock.now());
      await settle();
    },
    (venue) => {
      const [own] = venue.orders.values();
      venue.foreignOrders.push({
        ...{ hash: "0xf0", conditionId: COND, token: UP, side: "buy", status: "LIVE", outcome: "Up" },
        ...{ originalSize: 20_000_000, matchedSize: 0, price: 5_000, orderType: "GTC", createdAtMs: null },
        tradeIds: [],
      });
      assert.equal(own!.status, "live");
    },
    async (stage, start) => {
      const { venue, alarms } = stage;
      const report = await start();
      stage.pump();
      assert.equal(report.cancelled.length, 1);
      assert.deepEqual(venue.openHashes(), []);
      assert.deepEqual(report.foreignOrders.map(({ hash }) => hash), ["0xf0"]);
      assert.equal(venue.foreignOrders.length, 1);
      assert.ok(!venue.log.includes("cancelAll"));
      assert.deepEqual(account(stage).reserved, [{ conditionId: COND, cost: 10_000_000 }]);
      assert.deepEqual(alarms, []);
    },
  );
});

Deno.test("with cancelForeign the start cancels everything of the API key", async () => {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    venue.foreignOrders.push({
      ...{ hash: "0xf0", conditionId: COND, token: UP, side: "buy", status: "LIVE", outcome: "Up" },
      ...{ originalSize: 20_000_000, matchedSize: 0, price: 5_000, orderType: "GTC", createdAtMs: null },
      tradeIds: [],
    });
    const stage = await opened(folder, venue, { cancelForeign: true });
    const report = await stage.during(stage.gateway.start());
    assert.deepEqual(report.foreignOrders, []);
    assert.ok(venue.log.includes("cancelAll"));
    await stage.during(stage.gateway.stop());
  });
});

for (const fate of ["lost", "never-landed"] as const satisfies SubmitFate[]) {
  Deno.test(`killed before the reply of an order that ${fate === "lost" ? "traded" : "never landed"}: the venue's truth after the restart`, async () => {
    await twoRuns(
      (stage) => {
        const { venue, gateway } = stage;
        venue.autoDeliver = false;
        venue.fates = [fate];
        gateway.submit(intent(venue), venue.clock.now());
        return Promise.resolve();
      },
      (venue) => {
        venue.outbox = [];
        venue.confirmAll();
        venue.autoDeliver = true;
        venue.clock.advance(60_000);
      },
      async (stage, start) => {
        const { venue, gateway } = stage;
        const report = await start();
        stage.pump();
        assert.deepEqual([report.unknownResolved, report.unknown], [1, []]);
        assert.equal(venue.log.filter((call) => call === "submit").length, 1, "sent once");
        assert.deepEqual(report.differences, []);
        assert.equal(gateway.wallet.ledgers.final.cash, venue.cash);
        const shares = fate === "lost" ? 10_000_000 : 0;
        assert.equal(stage.account.portfolio.sharesOf(UP), shares);
        assertAgrees(stage);
        if (fate === "lost") {
          // Cost with fees: what was paid.
          assert.equal(account(stage).adopted[0]!.cost, 1_000_000_000 - venue.cash);
        }
      },
    );
  });
}

Deno.test("an order still unknown keeps its budget, and what becomes of it reaches the engine as the account's change", async () => {
  await twoRuns(
    (stage) => {
      const { venue, gateway } = stage;
      venue.autoDeliver = false;
      venue.fates = ["lost"];
      gateway.submit(intent(venue), venue.clock.now());
      return Promise.resolve();
    },
    (venue) => {
      venue.outbox = [];
      // The venue does not find it yet.
      const lookup = venue.entry.lookup;
      (venue.entry as { lookup: typeof lookup }).lookup = (hash) =>
        venue.clock.now() < T0 + 60_000 ? Promise.resolve(null) : lookup(hash);
      const trades = venue.entry.trades;
      (venue.entry as { trades: typeof trades }).trades = (filter) =>
        venue.clock.now() < T0 + 60_000
          ? Promise.resolve({ askedAt: venue.clock.now(), rows: [] })
          : trades(filter);
    },
    async (stage, start) => {
      const { venue, gateway, pass } = stage;
      const report = await start();
      stage.pump();
      assert.equal(report.unknown.length, 1);
      assert.equal(account(stage).reserved[0]!.cost, 5_350_000);
      await pass(120_000);
      assert.equal(stage.account.portfolio.cash, 1_000_000_000 - 5_175_000);
      assert.equal(stage.account.portfolio.sharesOf(UP), 0, "not before it is confirmed");
      assert.deepEqual(stage.account.portfolio.reserved, []);
      venue.autoDeliver = true;
      venue.confirmAll();
      await settle();
      stage.pump();
      assert.equal(stage.account.portfolio.sharesOf(UP), 10_000_000);
      assertAgrees(stage);
      assert.equal(gateway.wallet.ledgers.final.cash, venue.cash);
    },
  );
});

Deno.test("a trade unsettled at the restart that fails gives its cash back", async () => {
  await twoRuns(
    async ({ venue, gateway }) => {
      gateway.submit(intent(venue), venue.clock.now());
      await settle();
    },
    (venue) => venue.clock.advance(1_000),
    async (stage, start) => {
      const { venue } = stage;
      const report = await start();
      stage.pump();
      assert.equal(report.unsettled, 1);
      assert.equal(report.usableCash, 1_000_000_000 - 5_175_000);
      assert.deepEqual(report.adopted, []);
      venue.move("t1", "failed");
      await settle();
      stage.pump();
      assert.equal(stage.account.portfolio.cash, 1_000_000_000);
      assertAgrees(stage);
    },
  );
});

Deno.test("cash and shares that moved while nobody ran are found, journalled and reported", async () => {
  await twoRuns(
    async ({ venue, gateway, pass }) => {
      gateway.submit(intent(venue), venue.clock.now());
      await settle();
      venue.confirmAll();
      await pass(1_000);
    },
    (venue) => {
      venue.clock.advance(120_000);
      venue.cash += 50_000_000;
      venue.shares.set(UP, 4_000_000);
    },
    async (stage, start) => {
      const report = await start();
      stage.pump();
      assert.deepEqual(report.differences.map(({ kind, ledger, venue }) => [kind, venue - ledger]), [
        ["shares", -6_000_000],
        ["cash", 50_000_000],
      ]);
      assert.equal(stage.account.portfolio.sharesOf(UP), 4_000_000);
      assert.equal(stage.account.portfolio.cash, stage.venue.cash);
      const kinds = [...stage.journal.rows()].filter(({ kind }) => kind === "ledger").length;
      assert.equal(kinds, 3, "opening, shares, cash");
    },
  );
});

Deno.test("shares of others are shown and count to limits, under a name that cannot be sold", async () => {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    venue.shares.set(UP, 30_000_000);
    venue.foreignTrades.push(listedTrade({
      ...{ id: "ft", state: "confirmed", takerHash: "0xaa", token: UP, price: 5_000 as never, makers: [] },
      ...{ size: 30_000_000 as Shares, matchedAtMs: T0 as Ms },
    }, "up"));
    const stage = await opened(folder, venue);
    const report = await stage.during(stage.gateway.start());
    stage.pump();
    assert.deepEqual(report.foreignPositions, [{
      token: UP,
      conditionId: COND,
      outcome: "up",
      shares: 30_000_000,
    }]);
    assert.equal(stage.account.portfolio.sharesOf(UP), 0);
    assert.equal(stage.account.portfolio.position(`foreign:${UP}`)?.cost, 30_000_000);
    assert.deepEqual(stage.alarms, []);
    await stage.during(stage.gateway.stop());
  });
});

Deno.test("a latch set before the start refuses every order, and one set by another process is seen", async () => {
  await withFolder(async (folder) => {
    const mark = { code: "KILL", reason: "by hand", who: "a person", at: T0 };
    await setLatch(`${folder}/latches`, mark);
    const venue = new FakeVenue();
    const stage = await opened(folder, venue);
    const report = await stage.during(stage.gateway.start());
    assert.equal(report.latch?.code, "KILL");
    assert.deepEqual([stage.gateway.state, stage.gateway.refusal()?.code], ["latched", "LATCHED"]);
    await stage.during(stage.gateway.stop());
  });
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const stage = await opened(folder, venue);
    await stage.during(stage.gateway.start());
    stage.listen();
    stage.gateway.submit(resting(venue), venue.clock.now());
    await settle();
    await setLatch(`${folder}/latches`, { code: "KILL", reason: "by hand", who: "a person", at: T0 });
    await stage.pass(2_000);
    assert.equal(stage.gateway.state, "latched");
    assert.deepEqual(venue.openHashes(), []);
    await stage.during(stage.gateway.stop());
  });
});

Deno.test("a trip cancels what is ours, stands on disk and in the journal, and stays", async () => {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const stage = await opened(folder, venue);
    await stage.during(stage.gateway.start());
    stage.listen();
    stage.gateway.submit(resting(venue), venue.clock.now());
    await settle();
    await stage.during(
      stage.gateway.trip({ code: "DRAWDOWN_LATCH", reason: "too much lost", who: "poly-edge" }),
    );
    assert.deepEqual(venue.openHashes(), []);
    assert.equal(readLatch(`${folder}/latches`).mark?.code, "DRAWDOWN_LATCH");
    assert.equal([...stage.journal.rows()].filter(({ kind }) => kind === "latch").length, 1);
    stage.gateway.submit(intent(venue), venue.clock.now());
    assert.deepEqual(stage.gateway.stats.refused, { LATCHED: 1 });
    await stage.during(stage.gateway.stop());
    const again = await opened(folder, venue);
    assert.equal((await again.during(again.gateway.start())).latch?.code, "DRAWDOWN_LATCH");
    await again.during(again.gateway.stop());
  });
});

Deno.test("a latch whose file cannot be written holds by its row, until it is cleared; the clearing is a row too", async () => {
  await withFolder(async (folder) => {
    const [latches, file] = [`${folder}/latches`, `${folder}/latches/latch.json`];
    // What stands in the way of every write of the file.
    Deno.mkdirSync(`${file}.new`, { recursive: true });
    const venue = new FakeVenue();
    const run = async (): Promise<{ code: string | undefined; rows: boolean[]; alarms: string[] }> => {
      const stage = await opened(folder, venue);
      const { latch } = await stage.during(stage.gateway.start());
      assert.equal(stage.gateway.refusal()?.code, latch === null ? undefined : "LATCHED");
      const rows = [...stage.journal.rows()].filter(({ kind }) => kind === "latch");
      await stage.during(stage.gateway.stop());
      return {
        code: latch?.code,
        rows: rows.map(({ body }) => (JSON.parse(body) as { set: boolean }).set),
        alarms: stage.alarms.map(({ code }) => code),
      };
    };
    const first = await opened(folder, venue);
    await first.during(first.gateway.start());
    const why = { code: "DRAWDOWN_LATCH", reason: "too much lost", who: "poly-edge" };
    await first.during(first.gateway.trip(why));
    await first.during(first.gateway.stop());
    assert.deepEqual([readLatch(latches).set, first.alarms.at(-1)?.code], [false, "LATCH_WRITE_FAILED"]);
    const held = { code: "DRAWDOWN_LATCH", rows: [true] };
    assert.deepEqual(await run(), { ...held, alarms: ["LATCH_WRITE_FAILED"] });
    Deno.removeSync(`${file}.new`);
    assert.deepEqual(await run(), { ...held, alarms: [] });
    assert.equal(readLatch(latches).mark?.code, "DRAWDOWN_LATCH", "and stands in the file as soon as it can");
    Deno.removeSync(file);
    assert.equal((await run()).code, "DRAWDOWN_LATCH");
    const { file: seen, journals, state } = standingLatch(latches, `${folder}/journal`);
    assert.equal(state.set, true);
    await clearLatch(latches, { code: "RESUME", reason: "", who: "a person", at: T0 }, seen, journals);
    assert.deepEqual(await run(), { code: undefined, rows: [true, false], alarms: [] });
    Deno.removeSync(file);
    assert.equal((await run()).code, undefined, "the journal knows that it was cleared");
  });
});

Deno.test("stop() cancels, proves, waits for trades and closes; what did not settle is named", async () => {
  await withGateway(async ({ venue, gateway, during }) => {
    gateway.submit(resting(venue), venue.clock.now());
    gateway.submit(intent(venue), venue.clock.now());
    await settle();
    const report = await during(gateway.stop());
    assert.deepEqual(report, { openAfter: [], proved: true, unsettled: ["t1"], unknown: [] });
    assert.deepEqual(venue.openHashes(), []);
    assert.equal(gateway.state, "stopped");
    assert.equal(gateway.refusal()?.code, "STOPPED");
  });
});

Deno.test("stop() says what it could not prove", async () => {
  await withGateway(async ({ venue, gateway, during }) => {
    const order = resting(venue);
    gateway.submit(order, venue.clock.now());
    await settle();
    venue.cancelsFail = true;
    const report = await during(gateway.stop());
    assert.equal(report.proved, false);
    assert.deepEqual(report.openAfter, venue.openHashes());
    assert.equal(report.openAfter.length, 1);
  });
});

Deno.test("an order that lands after stop() proved that none is open is cancelled, or named", async () => {
  for (const cancelsFail of [false, true]) {
    await withGateway(async ({ venue, gateway, during, pass }) => {
      venue.fates.push("never-landed");
      gateway.submit(resting(venue), venue.clock.now());
      await settle();
      const stopped = gateway.stop();
      await pass(1_000);
      const [hash] = gateway.wallet.life.orders.keys();
      assert.ok(hash !== undefined && venue.log.includes("openOrders"));
      venue.cancelsFail = cancelsFail;
      const about = {
        token: UP,
        side: "buy",
        orderType: "GTC",
        price: 5_000 as Price,
        size: 10_000_000,
      } as const;
      const createdAt = venue.clock.now();
      venue.orders.set(hash, { hash, ...about, matched: 0, status: "live", tradeIds: [], createdAt });
      const { openAfter, proved } = await during(stopped);
      assert.deepEqual(openAfter, venue.openHashes());
      assert.deepEqual([openAfter.length, proved], cancelsFail ? [1, false] : [0, true]);
    });
  }
});

Deno.test("shares of others may come and go without an alarm, ours may not", async () => {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const trade = { id: "ft", takerHash: "0xaa", token: UP, price: 5_000 as never, makers: [] } as const;
    const about = { state: "confirmed", size: 30_000_000 as Shares, matchedAtMs: T0 as Ms } as const;
    venue.foreignTrades.push(listedTrade({ ...trade, ...about }, "up"));
    venue.shares.set(UP, 30_000_000);
    const stage = await opened(folder, venue);
    await stage.during(stage.gateway.start());
    stage.listen();
    stage.gateway.submit(intent(venue), venue.clock.now());
    await settle();
    venue.confirmAll();
    venue.shares.set(UP, 15_000_000);
    await stage.pass(100_000);
    assert.deepEqual(stage.alarms, []);
    venue.shares.set(UP, 9_000_000);
    await stage.pass(100_000);
    assert.deepEqual(stage.alarms.map(({ code }) => code), ["POSITION_MISMATCH"]);
    await stage.during(stage.gateway.stop());
  });
});

Deno.test("a window won before the start pays out as the account's change when it is redeemed", async () => {
  await twoRuns(
    async ({ venue, gateway, pass }) => {
      gateway.submit(intent(venue), venue.clock.now());
      await settle();
      venue.confirmAll();
      await pass(1_000);
      const at = venue.clock.now();
      gateway.observe({
        type: "resolved",
        tExchange: at,
        tReceive: at,
        conditionId: COND,
        winner: "up",
        source: "venue",
      });
    },
    (venue) => venue.clock.advance(120_000),
    async (stage, start) => {
      const { venue, account, pass } = stage;
      const report = await start();
      stage.pump();
      assert.deepEqual([report.adopted, report.differences], [[], []]);
      venue.shares.set(UP, 0);
      venue.cash += 10_000_000;
      await pass(100_000);
      assert.equal(account.portfolio.cash, venue.cash);
      assert.equal(stage.gateway.wallet.ledgers.final.cash, venue.cash);
    },
  );
});

Deno.test("abort() after a start that failed leaves orders of others alone", async () => {
  await twoRuns(
    async ({ venue, gateway }) => {
      gateway.submit(resting(venue), venue.clock.now());
      await settle();
    },
    (venue) => void (venue.readsFail = true),
    async ({ venue, gateway }, start) => {
      await assert.rejects(start(), { code: "RECONCILE_INCOMPLETE" });
      await gateway.abort("the start failed");
      assert.ok(!venue.log.includes("cancelAll"));
      assert.deepEqual(venue.openHashes(), [], "ours is cancelled");
    },
  );
});

Deno.test("abort() cancels everything at once and closes the journal", async () => {
  await withGateway(async ({ venue, gateway }) => {
    gateway.submit(resting(venue), venue.clock.now());
    await settle();
    await gateway.abort("an invariant broke");
    assert.ok(venue.log.includes("cancelAll"));
    assert.equal(gateway.state, "broken");
    assert.equal(gateway.refusal()?.code, "GATEWAY_BROKEN");
    assert.deepEqual(venue.openHashes(), []);
  });
});
