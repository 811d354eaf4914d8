/** What the engine refuses and breaks on request, and that clients can tell what became of their orders. */
import assert from "node:assert/strict";
import { AssetType, OrderType, Side } from "@polymarket/clob-client-v2";
import { type Loose } from "../fixtures/venue_client.ts";
import { bodyOf, call, ownerOf, sessionEnvelope, signOrder } from "./raw.ts";
import { type Floor, withFloor } from "./stage.ts";

const cheap = { maker: "1000000", taker: "20000000" };

async function desk(floor: Floor) {
  const client = await floor.client(0);
  const { up } = await floor.market();
  const creds = client.creds!;
  const post = (path: string, body: unknown) =>
    floor.run(call({ http: floor.http, creds, method: "POST", path, body }));
  const fresh = (postOnly = false) => {
    const signed = signOrder({ token: up, ...cheap });
    return { id: signed.id, body: bodyOf(signed, { owner: creds.key, postOnly }) };
  };
  return { client, creds, up, post, fresh };
}

Deno.test("a restart answers 425, then two minutes of post-only with the documented body, then all is normal", async () => {
  await withFloor({}, async (floor) => {
    const { client, post, fresh } = await desk(floor);
    const resting = fresh();
    await post("/order", resting.body);
    await floor.control({ action: "mode", mode: "restart", seconds: 30 });
    const during = await post("/order", fresh().body);
    assert.equal(during.status, 425);
    assert.equal(during.headers.get("retry-after"), "30");
    assert.equal((await client.cancelOrder({ orderID: resting.id }) as Loose).status, 425);
    assert.equal((await client.getOpenOrders()).length, 1, "reads work");
    floor.advance(31_000);
    const after = await post("/order", fresh().body);
    assert.equal(after.status, 503);
    const body = JSON.parse(after.text);
    assert.deepEqual(body, {
      error: "post-only mode: only post-only orders and cancels are allowed",
      code: "post_only_mode",
      retry_after_seconds: Number(after.headers.get("retry-after")),
    });
    assert.ok(body.retry_after_seconds > 110 && body.retry_after_seconds <= 120);
    assert.equal((await post("/order", fresh(true).body)).status, 200);
    const batch = JSON.parse((await post("/orders", [fresh().body, fresh(true).body])).text);
    assert.deepEqual(batch[0], {
      errorMsg: "post-only mode: only post-only orders and cancels are allowed",
      orderID: "",
      takingAmount: "",
      makingAmount: "",
      status: "",
      success: true,
    });
    assert.equal(batch[1].status, "live");
    assert.equal((await client.cancelAll()).canceled.length, 3);
    floor.advance(120_000);
    assert.equal((await post("/order", fresh().body)).status, 200);
  });
});

Deno.test("cancel-only takes cancels, disabled takes nothing, a block answers with HTML", async () => {
  await withFloor({}, async (floor) => {
    const { client, post, fresh } = await desk(floor);
    await post("/order", fresh().body);
    await floor.control({ action: "mode", mode: "cancel-only" });
    const refused = await post("/order", fresh().body);
    assert.equal(refused.status, 503);
    assert.deepEqual(JSON.parse(refused.text), {
      error: "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
    });
    await floor.control({ action: "mode", mode: "disabled" });
    const disabled = await client.cancelAll() as Loose;
    assert.deepEqual([disabled.status, disabled.error], [
      503,
      "Trading is currently disabled. Check polymarket.com for updates",
    ]);
    await floor.control({ action: "mode", mode: "cancel-only" });
    assert.equal((await client.cancelAll()).canceled.length, 1);
    await floor.control({ action: "mode", mode: "normal" });
    await floor.control({ action: "geoblock" });
    const blocked = await post("/order", fresh().body);
    assert.equal(blocked.status, 403);
    assert.match(blocked.text, /^<!DOCTYPE html>.*Attention Required! \| Cloudflare/);
    assert.equal((await floor.get("/web/api/geoblock") as Loose).blocked, true);
    await floor.control({ action: "geoblock", on: false });
    assert.equal((await post("/order", fresh().body)).status, 200);
  });
});

Deno.test("a timeout before the engine leaves nothing; after it the order stands, and a copy proves that", async () => {
  await withFloor({}, async (floor) => {
    const { client, creds, post, fresh } = await desk(floor);
    await floor.control({ action: "order-timeout", landed: false });
    const lost = fresh();
    const first = await post("/order", lost.body);
    assert.deepEqual([first.status, first.text], [500, '{"error":"order timed out"}']);
    assert.equal((await client.getOrder(lost.id) as Loose).error, "Order not found");
    assert.equal((await post("/order", lost.body)).status, 200, "safe to send again");

    await floor.control({ action: "order-timeout", landed: true });
    const landed = fresh();
    const second = await post("/order", landed.body);
    assert.deepEqual([second.status, second.text], [500, '{"error":"context deadline exceeded"}']);
    assert.equal((await client.getOrder(landed.id)).status, "LIVE");
    assert.equal(
      (await post("/order", landed.body)).text,
      `{"error":"order ${landed.id} is invalid. Duplicated."}`,
    );

    await floor.control({ action: "order-timeout", landed: true, answer: "none" });
    const silent = fresh();
    const noAnswer = call({ http: floor.http, creds, method: "POST", path: "/order", body: silent.body });
    // The order is in before anybody has answered.
    let status = "";
    for (let i = 0; i < 100 && status !== "LIVE"; i++) status = (await client.getOrder(silent.id)).status;
    assert.equal(status, "LIVE");
    floor.advance(61_000);
    assert.equal((await noAnswer).status, 504, "the connection ends without a word of the engine");
  });
});

Deno.test("5xx storms, latency and delayed matches can be ordered and end by themselves", async () => {
  await withFloor({}, async (floor) => {
    const { client, post, fresh, up } = await desk(floor);
    await floor.control({ action: "errors", status: 502, share: 0.5, seconds: 10, scope: "orders" });
    const seen = new Set<number>();
    for (let i = 0; i < 12; i++) seen.add((await post("/order", fresh().body)).status);
    assert.deepEqual([...seen].sort(), [200, 502]);
    floor.advance(11_000);
    for (let i = 0; i < 5; i++) assert.equal((await post("/order", fresh().body)).status, 200);
    await client.cancelAll();

    await floor.control({ action: "latency", ms: 2_000, seconds: 5 });
    const sent = floor.now();
    await floor.run(client.getOpenOrders());
    assert.ok(floor.now() - sent >= 2_000);
    floor.advance(6_000);

    await floor.control({ action: "delayed", seconds: 3 });
    const { ask } = await floor.book(up);
    const delayed = await client.createAndPostMarketOrder(
      { tokenID: up, amount: 10, side: Side.BUY, price: Math.min(0.99, ask + 0.1), orderType: OrderType.FAK },
      undefined,
      OrderType.FAK,
      true,
    );
    assert.equal(delayed.status, "delayed");
    assert.equal((await client.getOrder(delayed.orderID)).status, "DELAYED");
    assert.equal((await client.cancelOrder({ orderID: delayed.orderID })).canceled.length, 0);
    floor.advance(3_100);
    assert.equal((await client.getOrder(delayed.orderID)).status, "MATCHED");
  });
});

Deno.test("budgets: headers on every order call, 429 with Retry-After when the burst is used up", async () => {
  await withFloor({}, async (floor) => {
    const { fresh, creds } = await desk(floor);
    // Without letting time run: the bucket fills with venue time.
    const post = (path: string, body: unknown) =>
      call({ http: floor.http, creds, method: "POST", path, body });
    const first = await post("/order", fresh(true).body);
    assert.equal(first.headers.get("poly-ratelimit-remaining"), "59");
    assert.equal(first.headers.get("poly-ratelimit-tier"), "standard");
    assert.match(first.headers.get("poly-ratelimit-reset")!, /^\d{10}$/);
    const batch = Array.from({ length: 15 }, () => fresh(true).body);
    const statuses: number[] = [];
    let last = first;
    for (let i = 0; i < 5 && last.status === 200; i++) {
      last = await post("/orders", batch);
      statuses.push(last.status);
    }
    assert.deepEqual(statuses, [200, 200, 200, 429], "59 are enough for three batches of 15, all or nothing");
    assert.equal(last.headers.get("retry-after"), "1");
    assert.equal(last.text, '{"error":"Too Many Requests"}');
    floor.advance(1_000);
    assert.equal((await post("/order", fresh().body)).status, 200);
  });
});

Deno.test("accounts can be added, funded, drained; what they can no longer pay is INVALID; winners are redeemed", async () => {
  await withFloor({}, async (floor) => {
    const { client, up, creds } = await desk(floor);
    const { conditionId, endMs } = await floor.market();
    const owner = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
    const made = await floor.post("/sim/accounts", { owner, signatureType: 3, pusd: "12.5" }) as Loose;
    assert.equal(made.ok, true);
    assert.equal(made.account.balances.pUSD.chain, "12500000");
    const { accounts } = await floor.get("/sim/accounts") as Loose;
    assert.equal(accounts.length, 5);
    const resting = await client.createAndPostOrder({ tokenID: up, price: 0.02, size: 60, side: Side.BUY });
    const drained = await floor.control({ action: "credit", account: 0, amount: "-9999.5" });
    assert.deepEqual(drained.result.dropped, [resting.orderID]);
    assert.equal((await client.getOrder(resting.orderID)).status, "INVALID");
    await floor.control({ action: "credit", account: 0, amount: "5000" });
    const { ask } = await floor.book(up);
    const bought = await floor.run(client.createAndPostMarketOrder(
      { tokenID: up, amount: 20, side: Side.BUY, price: Math.min(0.99, ask + 0.05) },
      undefined,
      OrderType.FOK,
      true,
    ));
    const early = await floor.control({ action: "redeem", account: 0, market: conditionId });
    assert.equal(early.code, "SIM_CONTROL_INVALID");
    floor.advance(endMs + 100_000 - floor.now());
    const market = await floor.get(`/markets/${conditionId}`) as Loose;
    const won = market.tokens.find((token: Loose) => token.winner).token_id === up;
    const redeemed = await floor.control({ action: "redeem", account: 0, market: conditionId });
    assert.equal(Number(redeemed.result.paid) / 1e6, won ? Number(bought.takingAmount) : 0);
    const token = await client.getBalanceAllowance({ asset_type: AssetType.CONDITIONAL, token_id: up });
    assert.equal(token.balance, "0");
    assert.ok(creds);
  });
});

Deno.test("public and small private endpoints answer in shape", async () => {
  await withFloor({}, async (floor) => {
    const { client, creds, fresh, post } = await desk(floor);
    const ask = async (path: string) =>
      JSON.parse((await call({ http: floor.http, creds, method: "GET", path })).text) as Loose;
    assert.deepEqual(await floor.get("/rebates/current?date=2026-11-20&maker_address=0x00"), []);
    assert.deepEqual(await floor.get(`/fees/builder-fees/0x${"00".repeat(32)}`), {
      builder_maker_fee_rate_bps: 0,
      builder_taker_fee_rate_bps: 0,
    });
    assert.deepEqual(await ask("/v1/user/session-signers"), { wallet: floor.wallet(0), signers: [] });
    const legacy = await call({ http: floor.http, creds, method: "POST", path: "/heartbeats" });
    assert.equal(legacy.text, '{"status":"ok"}');
    const { id, body } = fresh();
    await post("/order", body);
    floor.advance(16_000);
    assert.equal((await client.getOrder(id)).status, "CANCELED", "the old heartbeat arms the switch too");
    const notices = await client.getNotifications();
    assert.equal(notices.length, 1);
    assert.equal((notices[0]!.payload as Loose).id, id);
    await client.dropNotifications({ ids: [String((notices[0] as Loose).id)] });
    assert.deepEqual(await client.getNotifications(), []);
    for (let i = 0; i < 7; i++) {
      await client.postOrders(
        await Promise.all(Array.from({ length: 15 }, async () => ({
          order: await client.createOrder({
            tokenID: body.order.tokenId as string,
            price: 0.01,
            size: 5,
            side: Side.BUY,
          }),
          orderType: OrderType.GTC,
        }))),
      );
      floor.advance(1_000);
    }
    const first = await ask("/data/orders?next_cursor=MA==");
    assert.deepEqual([first.limit, first.count, first.data.length], [100, 100, 100]);
    assert.equal(first.next_cursor, btoa("100"));
    assert.equal((await client.getOpenOrders()).length, 105, "the client walks the pages");
    assert.equal(await client.deleteApiKey() as unknown, "OK");
    assert.equal((await client.getOpenOrders().catch((error: Error) => error)) instanceof Error, true);
  });
});

Deno.test("a venue that stops does not wait for orders it holds", async () => {
  const began = performance.now();
  let pending: Promise<{ status: number }> | undefined;
  await withFloor({}, async (floor) => {
    const { creds, fresh } = await desk(floor);
    await floor.control({ action: "order-timeout", landed: true, answer: "none" });
    pending = call({ http: floor.http, creds, method: "POST", path: "/order", body: fresh().body });
    pending.catch(() => {});
    while ((await (await floor.client(0)).getOpenOrders()).length === 0);
  });
  assert.equal((await pending!).status, 503);
  assert.ok(performance.now() - began < 5_000);
});

Deno.test("a session key trades for a deposit wallet once the wallet knows it; its orders are its own", async () => {
  await withFloor({}, async (floor) => {
    const { client, creds, up, post } = await desk(floor);
    const owner = await floor.client(3);
    const wallet = floor.wallet(3);
    const send = () => {
      const signed = signOrder({
        key: 0,
        token: up,
        ...cheap,
        fields: { signatureType: 3, maker: wallet, signer: wallet },
      });
      const envelope = sessionEnvelope(ownerOf(0), signed.signature);
      return post("/order", bodyOf({ ...signed, signature: envelope }, { owner: creds.key }));
    };
    assert.equal((await send()).text, '{"error":"invalid signature"}');
    const known = await floor.control({ action: "session-key", account: 3, key: ownerOf(0) });
    assert.deepEqual(known.result, { wallet, keys: [ownerOf(0)] });
    const { orderID } = JSON.parse((await send()).text);
    assert.equal((await client.getOrder(orderID)).maker_address, wallet);
    assert.equal(
      (await owner.getOrder(orderID) as Loose).error,
      "Order not found",
      "the owner does not see it",
    );
    const own = await owner.createAndPostOrder({ tokenID: up, price: 0.02, size: 60, side: Side.BUY });
    assert.equal(own.status, "live");
    assert.deepEqual((await owner.cancelAll()).canceled, [own.orderID]);
    assert.equal((await client.getOpenOrders()).length, 1);
  });
});
