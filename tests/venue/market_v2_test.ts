/** The Protocol V2 scenario: position ids, 31-byte condition ids, Exchange V3 signatures (dossier 5.1, 5.2). */
import assert from "node:assert/strict";
import { OrderType, Side } from "@polymarket/clob-client-v2";
import { domainOf } from "../../fixtures/exchange/contracts.ts";
import { type Loose, parse, settle } from "../fixtures/venue_client.ts";
import { bodyOf, call, signOrder } from "./raw.ts";
import { withFloor } from "./stage.ts";

Deno.test("v2 markets are listed by position ids built from their 31-byte condition id", async () => {
  await withFloor({ marketVersion: "v2" }, async (floor) => {
    const { slug, conditionId, up, down } = await floor.market();
    const row = await floor.get(`/gamma/markets/slug/${slug}`) as Loose;
    assert.equal(row.version, "v2");
    assert.equal(row.clobTokenIds, null);
    assert.match(conditionId, /^0x01[0-9a-f]{60}$/);
    assert.equal(BigInt(up), BigInt(conditionId) << 8n);
    assert.equal(BigInt(down), BigInt(up) + 1n);
    const info = await floor.get(`/clob-markets/${conditionId}`) as Loose;
    assert.deepEqual([info.v, info.t[0].t], ["v2", up]);
    assert.deepEqual(await floor.get(`/clob-markets/${conditionId}00`), info, "32 bytes name it too");
    const socket = await floor.socket("/ws/market");
    socket.send({ type: "market", assets_ids: [up] });
    await settle(socket);
    const [book] = parse(socket.frames.find((text) => text.startsWith("["))!);
    assert.equal(book.version, "v2");
    assert.equal(book.market, `${conditionId}00`);
    const rest = await floor.get(`/book?token_id=${up}`) as Loose;
    assert.equal(rest.market, conditionId);
    assert.equal(rest.hash, book.hash);
  });
});

for (const key of [0, 3] as const) {
  Deno.test(`account ${key}: the official client's Exchange V3 orders are taken, V2 ones are told the version`, async () => {
    await withFloor({ marketVersion: "v2" }, async (floor) => {
      const client = await floor.client(key);
      const { up, conditionId } = await floor.market();
      const { bid, ask } = await floor.book(up);
      const price = Math.round((bid - 0.02) * 100) / 100;
      const order = await client.createAndPostOrder(
        { tokenID: up, price, size: 10, side: Side.BUY },
        { tickSize: "0.01", version: 3 },
      );
      assert.equal(order.status, "live", JSON.stringify(order));
      assert.equal((await client.getOpenOrders({ market: conditionId })).length, 1);
      assert.equal((await client.getOpenOrders({ market: `${conditionId}00` })).length, 1);
      assert.equal((await client.cancelAll()).canceled.length, 1);
      const old = await client.createAndPostOrder({ tokenID: up, price, size: 10, side: Side.BUY });
      assert.equal((old as Loose).error, "order_version_mismatch");
      const bought = await floor.run(client.createAndPostMarketOrder(
        { tokenID: up, amount: 10, side: Side.BUY, price: Math.min(0.99, ask + 0.05) },
        { tickSize: "0.01", version: 3 },
        OrderType.FOK,
        true,
      ));
      assert.equal(bought.status, "matched", JSON.stringify(bought));
      floor.advance(15_000);
      const creds = client.creds!;
      const path = `/balance-allowance?asset_type=CONDITIONAL-V2&token_id=${up}&signature_type=${key}`;
      const answer = await call({ http: floor.http, key, creds, method: "GET", path });
      const { balance, allowances } = JSON.parse(answer.text);
      assert.equal(Number(balance) / 1e6, Number(bought.takingAmount));
      assert.deepEqual(Object.keys(allowances), [domainOf("v2").verifyingContract]);
    });
  });
}

Deno.test("a v1 market refuses Exchange V3 orders even when the client has been told otherwise", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(0);
    const { up } = await floor.market();
    const signed = signOrder({ token: up, maker: "1000000", taker: "20000000", domain: domainOf("v2") });
    const answer = await call({
      http: floor.http,
      creds: client.creds!,
      method: "POST",
      path: "/order",
      body: bodyOf(signed, { owner: client.creds!.key }),
    });
    assert.deepEqual([answer.status, answer.text], [400, '{"error":"order_version_mismatch"}']);
  });
});
