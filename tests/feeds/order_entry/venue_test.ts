/** Order entry and the private reads against the simulated venue, over real sockets. */
import assert from "node:assert/strict";
import { Side } from "@polymarket/clob-client-v2";
import { classifySubmit } from "../../../core/orders/lifecycle_reply.ts";
import type { SubmitOutcome } from "../../../core/orders/lifecycle_types.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { httpClient } from "../../../feeds/net/http.ts";
import { fetchGeoblock } from "../../../feeds/polymarket/geoblock.ts";
import { l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import { ownerOf } from "../../venue/raw.ts";
import type { OrderEntry, SubmitCall } from "../../../feeds/polymarket/order_entry/types.ts";
import { type Desk, type Ready, withDesk } from "./desk.ts";

async function outcome(call: SubmitCall, hash: string): Promise<SubmitOutcome> {
  assert.ok(call.sent, JSON.stringify(call));
  const { reply } = await call.reply;
  return classifySubmit(reply, hash, "buy");
}

const place = (entry: OrderEntry, { body, hash }: Ready): Promise<SubmitOutcome> =>
  outcome(entry.submit(body, { postOnly: false }), hash);

const far = (desk: Desk, size = 60) => desk.order(0.02, size);

Deno.test("an order is placed, looked up, listed and cancelled by its hash, with stamps in order", async () => {
  await withDesk({}, async (desk) => {
    const { entry, market5m } = desk;
    assert.equal(await entry.warm(), 3);
    const ready = far(desk);
    const call = entry.submit(ready.body, { postOnly: false });
    assert.ok(call.sent);
    const { reply, stamps } = await call.reply;
    assert.deepEqual(classifySubmit(reply, ready.hash, "buy"), {
      kind: "accepted",
      status: "live",
      matched: 0,
      tradeIds: [],
    });
    assert.ok(stamps.startUs <= stamps.writtenUs! && stamps.writtenUs! < stamps.doneUs!);

    const found = await entry.lookup(ready.hash.toUpperCase().replace("0X", "0x"));
    assert.deepEqual([found?.type, found?.hash, found?.found], ["lookup", ready.hash, {
      status: "live",
      matched: 0,
      tradeIds: [],
    }]);
    const { rows } = await entry.openOrders();
    assert.equal(rows.length, 1);
    const { createdAtMs, ...row } = rows[0]!;
    assert.ok(Math.abs(createdAtMs! - desk.now()) <= 1000);
    assert.deepEqual(row, {
      hash: ready.hash,
      conditionId: market5m.conditionId,
      token: market5m.up,
      side: "buy",
      status: "live",
      originalSize: 60_000_000,
      matchedSize: 0,
      price: 200,
      outcome: "Up",
      orderType: "GTC",
      tradeIds: [],
    });
    assert.equal((await entry.openOrders({ conditionId: `0x${"77".repeat(32)}` })).rows.length, 0);

    const cancelled = await entry.cancel([ready.hash]);
    assert.deepEqual([...cancelled], [[ready.hash, { kind: "cancelled" }]]);
    const again = await entry.cancel([ready.hash]);
    assert.equal(again.get(ready.hash)?.kind, "refused");
    assert.equal((await entry.lookup(ready.hash))?.found?.status, "cancelled");
    assert.equal((await entry.openOrders()).rows.length, 0);
    assert.deepEqual(entry.mode, { mode: "normal", until: null, reason: "" });
    const { errorsLastMinute, latencyP50Ms, latencyP95Ms } = entry.health();
    assert.equal(errorsLastMinute, 0);
    assert.ok(latencyP50Ms! > 0 && latencyP95Ms! >= latencyP50Ms!);
  });
});

Deno.test("a hash that the venue never saw is found null, and so is another account's order", async () => {
  await withDesk({}, async (desk) => {
    const stranger = await desk.client(1);
    const { orderID } = await stranger.createAndPostOrder({
      tokenID: desk.market5m.up,
      price: 0.02,
      size: 60,
      side: Side.BUY,
    });
    assert.equal((await desk.entry.lookup(orderID))?.found, null);
    const lookup = await desk.entry.lookup(`0x${"ab".repeat(32)}`);
    assert.deepEqual([lookup?.found, lookup?.askedAt], [null, desk.now()]);
  });
});

Deno.test("a match is accepted as matched; its trade is listed with makers and confirmed later", async () => {
  await withDesk({}, async (desk) => {
    const { entry, market5m } = desk;
    const { ask } = await desk.book(market5m.up);
    const price = Math.min(0.99, ask + 0.02);
    const ready = desk.order(price, 10, { orderType: "FAK" });
    const got = await desk.run(place(entry, ready));
    assert.equal(got.kind, "accepted");
    assert.ok(got.kind === "accepted" && got.status === "matched" && got.matched! > 0);
    const before = await entry.trades({ conditionId: market5m.conditionId });
    assert.equal(before.rows.length, got.tradeIds.length);
    desk.advance(12_000);
    const [row] = (await entry.trades({ id: got.tradeIds[0]! })).rows;
    assert.equal(row?.report.state, "confirmed");
    assert.equal(row?.report.takerHash, ready.hash);
    assert.equal(row?.traderSide, "taker");
    assert.match(row!.transactionHash, /^0x[0-9a-f]{64}$/);
    assert.equal(row?.conditionId, market5m.conditionId);
    assert.ok(row!.report.makers.length > 0);
    assert.equal((await entry.trades({ afterMs: desk.clock.now() })).rows.length, 0);
    assert.ok((await entry.trades({ afterMs: row!.report.matchedAtMs! })).rows.length > 0);
    await entry.refreshBalance({ kind: "conditional", token: market5m.up, version: "v1" });
    const shares = await entry.conditional(market5m.up, "v1");
    assert.ok(shares.balance > 0 && shares.balance <= got.matched!, `${shares.balance}`);
  });
});

Deno.test("250 open orders are listed over three pages and cancelled in one batch", async () => {
  await withDesk({}, async (desk) => {
    const hashes: string[] = [];
    for (let index = 0; index < 250; index++) {
      const ready = far(desk, 5);
      hashes.push(ready.hash);
      // The venue's bucket fills with venue time.
      if (index % 40 === 0) desk.advance(1_000);
      const got = await place(desk.entry, ready);
      assert.equal(got.kind, "accepted", JSON.stringify(got));
    }
    desk.advance(10_000);
    const { rows } = await desk.entry.openOrders();
    assert.deepEqual(new Set(rows.map(({ hash }) => hash)), new Set(hashes));
    // 120 tokens: one stays for a cancel-all, so the first batch has 119 and the rest is kept back.
    const first = await desk.entry.cancel(hashes);
    const kinds = [...first.values()].map(({ kind }) => kind);
    assert.deepEqual([kinds.filter((kind) => kind === "cancelled").length, kinds.length], [119, 250]);
    const kept = [...first.values()].find(({ kind }) => kind === "unknown");
    assert.match(kept?.kind === "unknown" ? kept.reason : "", /^CANCEL_LIMITED/);
    const all = await desk.entry.cancelAll();
    assert.equal(all.canceled.length, 131);
    assert.equal((await desk.entry.openOrders()).rows.length, 0);
  });
});

Deno.test("cancel-market-orders leaves other markets' orders alone", async () => {
  await withDesk({}, async (desk) => {
    const ready = far(desk);
    await place(desk.entry, ready);
    assert.deepEqual(await desk.entry.cancelMarket(`0x${"77".repeat(32)}`), {
      canceled: [],
      notCanceled: {},
    });
    const { canceled } = await desk.entry.cancelMarket(desk.market5m.conditionId);
    assert.deepEqual(canceled.map((hash) => hash.toLowerCase()), [ready.hash]);
  });
});

Deno.test("balances, allowances, keys and closed-only are read for each account type", async () => {
  for (const key of [0, 1, 2, 3] as const) {
    await withDesk({ key }, async ({ entry, apiKey, control }) => {
      const cash = await entry.collateral();
      assert.equal(cash.balance, 10_000_000_000);
      const spenders = Object.entries(cash.allowances);
      assert.ok(spenders.length > 0);
      assert.ok(spenders.every(([name, amount]) => /^0x[0-9a-fA-F]{40}$/.test(name) && amount > 0));
      assert.ok(spenders.every(([, amount]) => Number.isSafeInteger(amount)));
      await entry.refreshBalance({ kind: "collateral" });
      assert.deepEqual(await entry.apiKeys(), [apiKey]);
      assert.equal(await entry.closedOnly(), false);
      await control({ action: "account", account: key, closedOnly: true });
      assert.equal(await entry.closedOnly(), true);
    });
  }
});

Deno.test("an order of each account type is taken", async () => {
  for (const key of [1, 2, 3] as const) {
    await withDesk({ key }, async (desk) => {
      const got = await place(desk.entry, far(desk));
      assert.equal(got.kind, "accepted", JSON.stringify(got));
    });
  }
});

Deno.test("a wrong secret is a 401 to reads, a refusal to orders and an error to the kill switch", async () => {
  await withDesk({}, async (desk) => {
    const wrong = desk.open({
      signer: l2Signer(ownerOf(0), { ...desk.secrets, secret: secret("d3Jvbmc=") }),
    });
    await assert.rejects(wrong.apiKeys(), { code: "HTTP_STATUS", status: 401 });
    const ready = far(desk);
    const got = await place(wrong, ready);
    assert.deepEqual([got.kind, got.kind === "rejected" && got.code], ["rejected", "KEY_REFUSED"]);
    assert.equal((await wrong.cancel([ready.hash])).get(ready.hash)?.kind, "unknown");
    await assert.rejects(wrong.cancelAll(), { status: 401 });
    assert.equal(wrong.health().errorsLastMinute, 4);
  });
});

Deno.test("the venue's geoblock check is read, and follows its switch", async () => {
  await withDesk({}, async ({ control, http, clock }) => {
    const client = httpClient({ network: { fetch }, clock, random: () => 0, retries: 0 });
    assert.equal((await fetchGeoblock(client, `${http}/web`)).blocked, false);
    await control({ action: "geoblock", on: true });
    const place = await fetchGeoblock(client, `${http}/web`);
    assert.equal(place.blocked, true);
    assert.match(place.country, /^[A-Z]{2}$/);
  });
});

Deno.test("Protocol V2 markets are asked by their own asset type", async () => {
  await withDesk({ marketVersion: "v2" }, async ({ entry, market5m }) => {
    const { balance, allowances } = await entry.conditional(market5m.up, "v2");
    assert.equal(balance, 0);
    assert.equal(Object.keys(allowances).length, 1);
    await entry.refreshBalance({ kind: "conditional", token: market5m.up, version: "v2" });
  });
});
