/** The official client reads the simulated venue's public endpoints, at the root and under /clob alike. */
import assert from "node:assert/strict";
import { Side } from "@polymarket/clob-client-v2";
import { type Loose, withVenue } from "../fixtures/venue_client.ts";
import { clientOf } from "./official.ts";

for (const prefix of ["", "/clob", "/clob/"]) {
  Deno.test(`the official client reads time, books and market info with host "...${prefix}"`, async () => {
    await withVenue({}, async ({ http, get, now }) => {
      const client = clientOf({ host: `${http}${prefix}` });
      assert.equal(await client.getOk(), "OK");
      assert.equal(await client.getVersion(), 2);
      assert.equal(await client.getServerTime(), Math.floor(now() / 1_000));
      const slug = `btc-updown-5m-${Math.floor(now() / 300_000) * 300}`;
      const market = await get(`/gamma/markets/slug/${slug}`) as Loose;
      const [up, down] = JSON.parse(market.clobTokenIds) as [string, string];
      const info = await client.getClobMarketInfo(market.conditionId);
      assert.deepEqual(info.t.map((token) => token.t), [up, down]);
      assert.equal(await client.getTickSize(up), "0.01");
      assert.equal(await client.getNegRisk(up), false);
      const book = await client.getOrderBook(up);
      assert.equal(
        await client.getOrderBookHash({ ...book }),
        book.hash,
        "the client computes the same hash",
      );
      const mirrored = await client.getOrderBook(down);
      assert.equal(Number(book.bids.at(-1)!.price) + Number(mirrored.asks.at(-1)!.price), 1);
      const both = await client.getOrderBooks([
        { token_id: up, side: Side.BUY },
        { token_id: down, side: Side.BUY },
      ]);
      assert.equal(both.length, 2);
      assert.equal((await client.getPrice(up, "BUY")).price, book.bids.at(-1)!.price);
      assert.equal((await client.getPrice(up, "SELL")).price, book.asks.at(-1)!.price);
      assert.ok(Number((await client.getMidpoint(up)).mid) > 0);
      assert.ok(Number((await client.getSpread(up)).spread) > 0);
      assert.ok((await client.getLastTradePrice(up)).price !== undefined);
      assert.equal((await client.getMarket(market.conditionId)).condition_id, market.conditionId);
      const asked = await client.calculateMarketPrice(up, Side.BUY, 10);
      assert.equal(asked, Number(book.asks.at(-1)!.price));
    });
  });
}
