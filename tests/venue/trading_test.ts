/** The official client trades at the simulated venue: every account type, every order type. */
import assert from "node:assert/strict";
import { AssetType, OrderType, Side } from "@polymarket/clob-client-v2";
import { SIM_CREDENTIALS } from "../../fixtures/venue/service.ts";
import { type Loose } from "../fixtures/venue_client.ts";
import { type KeyIndex, withFloor } from "./stage.ts";

const sizeAt = (levels: { price: string; size: string }[], price: number): number =>
  Number(levels.find((level) => Number(level.price) === price)?.size ?? 0);

for (const key of [0, 1, 2, 3] as const) {
  Deno.test(`account ${key}, signature type ${key}: logs in, rests an order that all can see, cancels it`, async () => {
    await withFloor({}, async ({ client: clientOf, market: marketOf, book, wallet, http }) => {
      const client = await clientOf(key);
      const { up, down, conditionId } = await marketOf();
      if (key === 0) {
        assert.equal(client.creds!.key, SIM_CREDENTIALS.apiKey, "the well-known key is account 0's");
      }
      assert.deepEqual((await client.getApiKeys()).apiKeys as unknown, [client.creds!.key]);
      assert.deepEqual(await client.getClosedOnlyMode(), { closed_only: false });
      const { balance, allowances } = await client.getBalanceAllowance({ asset_type: AssetType.COLLATERAL });
      assert.equal(balance, "10000000000");
      assert.equal(Object.keys(allowances).length, 3);

      const before = await book(up);
      const price = Math.round((before.bid - 0.02) * 100) / 100;
      const order = await client.createAndPostOrder({ tokenID: up, price, size: 12.34, side: Side.BUY });
      assert.equal(order.success, true, JSON.stringify(order));
      assert.equal(order.status, "live");
      assert.match(order.orderID, /^0x[0-9a-f]{64}$/);
      const after = await book(up);
      assert.equal(Math.round((sizeAt(after.bids, price) - sizeAt(before.bids, price)) * 100), 1234);
      const mirrored = await book(down);
      assert.equal(sizeAt(mirrored.asks, Math.round((1 - price) * 100) / 100), sizeAt(after.bids, price));

      const [open, ...others] = await client.getOpenOrders({ market: conditionId });
      assert.deepEqual(others, []);
      assert.deepEqual({ ...open, created_at: 0 }, {
        id: order.orderID,
        status: "LIVE",
        owner: client.creds!.key,
        maker_address: wallet(key),
        market: conditionId,
        asset_id: up,
        side: "BUY",
        original_size: "12.34",
        size_matched: "0",
        price: String(price),
        outcome: "Up",
        expiration: "0",
        order_type: "GTC",
        associate_trades: [],
        created_at: 0,
      });
      const cancelled = await client.cancelOrder({ orderID: order.orderID });
      assert.deepEqual(cancelled, { canceled: [order.orderID], not_canceled: {} });
      assert.deepEqual(await client.getOpenOrders(), []);
      assert.equal((await client.getOrder(order.orderID)).status, "CANCELED");
      const kept = await client.getOpenOrders({ id: order.orderID });
      assert.equal(kept[0]?.status, "CANCELED", "by id an order is found whatever its status");
      assert.equal(sizeAt((await book(up)).bids, price), sizeAt(before.bids, price));
      const again = await client.cancelOrder({ orderID: order.orderID });
      assert.equal(again.not_canceled[order.orderID], "Order already canceled");
      assert.ok(http);
    });
  });

  Deno.test(`account ${key}: buys with FOK, sees the trade settle, sells what it has got`, async () => {
    await withFloor({}, async (floor) => {
      const client = await floor.client(key);
      const { up } = await floor.market();
      const { ask } = await floor.book(up);
      const bought = await floor.run(client.createAndPostMarketOrder(
        {
          tokenID: up,
          amount: 25,
          side: Side.BUY,
          orderType: OrderType.FOK,
          price: Math.min(0.99, ask + 0.05),
        },
        undefined,
        OrderType.FOK,
      ));
      assert.equal(bought.status, "matched", JSON.stringify(bought));
      assert.ok(Number(bought.makingAmount) <= 25 && Number(bought.makingAmount) > 24.99);
      // The client has polled the trades for their hashes.
      assert.equal(bought.transactionsHashes?.length, bought.tradeIDs?.length);
      assert.match(bought.transactionsHashes![0]!, /^0x[0-9a-f]{64}$/);
      const trades = await client.getTrades({ id: bought.tradeIDs![0]! });
      assert.equal(trades.length, 1);
      const [trade] = trades;
      assert.equal(trade!.trader_side, "TAKER");
      assert.equal(trade!.taker_order_id, bought.orderID);
      assert.equal(trade!.maker_address, floor.wallet(key));
      const made = trade!.maker_orders.reduce((sum, maker) => sum + Number(maker.matched_amount), 0);
      assert.equal(made.toFixed(6), Number(trade!.size).toFixed(6));

      floor.advance(10_000);
      const token = { asset_type: AssetType.CONDITIONAL, token_id: up };
      await client.updateBalanceAllowance(token);
      const { balance } = await client.getBalanceAllowance(token);
      assert.equal(Number(balance) / 1e6, Number(bought.takingAmount));
      const size = Math.floor(Number(balance) / 10_000) / 100;
      const { bid } = await floor.book(up);
      const sold = await floor.run(client.createAndPostMarketOrder(
        {
          tokenID: up,
          amount: size,
          side: Side.SELL,
          orderType: OrderType.FAK,
          price: Math.max(0.01, bid - 0.05),
        },
        undefined,
        OrderType.FAK,
        true,
      ));
      assert.equal(sold.status, "matched", JSON.stringify(sold));
      floor.advance(25_000);
      const cash = await client.getBalanceAllowance({ asset_type: AssetType.COLLATERAL });
      const fees = floorFees(await client.getTrades());
      const expected = 10_000 - Number(bought.makingAmount) + Number(sold.takingAmount) - fees;
      assert.equal(
        (Number(cash.balance) / 1e6).toFixed(4),
        expected.toFixed(4),
        "fee on top of buys, out of sales",
      );
    });
  });
}

/** Taker fees of the trades: 0.07 p (1-p) a share, five decimals. */
const floorFees = (trades: Loose[]): number =>
  trades.reduce(
    (sum, { size, price }) =>
      sum + Math.round(Number(size) * 0.07 * Number(price) * (1 - Number(price)) * 1e5) / 1e5,
    0,
  );

Deno.test("a marketable limit order is held, matches at better prices than its limit, and rests with what is left", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(0);
    const { up } = await floor.market();
    const { asks, ask } = await floor.book(up);
    const there = Number(asks.at(-1)!.size);
    const limit = Math.round((ask + 0.01) * 100) / 100;
    const next = asks.filter((level) => Number(level.price) <= limit)
      .reduce((sum, level) => sum + Number(level.size), 0);
    // More than can come while it is held.
    const size = Math.ceil(next) * 2 + 1_000;
    const sent = floor.now();
    const posted = client.createAndPostOrder(
      { tokenID: up, price: limit, size, side: Side.BUY },
      undefined,
      OrderType.GTC,
      false,
      true,
    );
    const result = await floor.run(posted);
    assert.ok(floor.now() - sent >= 150, "the taker delay");
    assert.equal(result.status, "matched");
    assert.ok(Number(result.takingAmount) >= there - 1);
    assert.ok(
      Number(result.makingAmount) < Number(result.takingAmount) * limit,
      "the taker has the better price",
    );
    const order = await client.getOrder(result.orderID);
    assert.equal(order.status, "LIVE");
    assert.equal(order.size_matched, result.takingAmount);
    const book = await floor.book(up);
    assert.equal(book.bid, limit, "the rest is the best bid");
    assert.ok(book.ask > limit, "the book is not crossed");
  });
});

Deno.test("post-only orders rest or are refused; GTD orders end a minute early; batches keep their order", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(2);
    const { up, down } = await floor.market();
    const { bid, ask } = await floor.book(up);
    const crossing = await client.createAndPostOrder(
      { tokenID: up, price: ask, size: 5, side: Side.BUY },
      undefined,
      OrderType.GTC,
      true,
    );
    assert.equal((crossing as Loose).error, "invalid post-only order: order crosses book");
    const expiration = Math.floor(floor.now() / 1_000) + 181;
    const gtd = await client.createAndPostOrder(
      { tokenID: up, price: 0.05, size: 20, side: Side.BUY, expiration },
      undefined,
      OrderType.GTD,
      true,
    );
    assert.equal(gtd.status, "live");
    const low = Math.round((bid - 0.03) * 100) / 100;
    const orders = await Promise.all(
      Array.from({ length: 15 }, async (_, i) => ({
        order: await client.createOrder({
          tokenID: i % 2 === 0 ? up : down,
          price: i % 2 === 0 ? low : 0.02,
          size: 5 + i,
          side: Side.BUY,
        }),
        orderType: OrderType.GTC,
      })),
    );
    const answers = await client.postOrders(orders) as Loose[];
    assert.equal(answers.length, 15);
    assert.ok(answers.every((answer) => answer.success && answer.status === "live"));
    const open = await client.getOpenOrders();
    assert.equal(open.length, 16);
    for (const [i, answer] of answers.entries()) {
      assert.equal(open.find((order) => order.id === answer.orderID)!.original_size, String(5 + i));
    }
    const tooMany = await client.postOrders([...orders, orders[0]!]) as Loose;
    assert.equal(tooMany.error, "Too many orders in payload: 16, max allowed: 15");
    const twice = await client.postOrders(orders.slice(0, 2)) as Loose[];
    assert.ok(
      twice.every((answer) => answer.orderID === "" && answer.errorMsg.endsWith("is invalid. Duplicated.")),
    );
    assert.equal((await client.getOpenOrders()).length, 16);

    const one = answers[0]!.orderID;
    assert.deepEqual((await client.cancelOrders([one])).canceled, [one]);
    const onDown = await client.cancelMarketOrders({ asset_id: down });
    assert.equal(onDown.canceled.length, 7);
    floor.advance(122_000);
    assert.equal((await client.getOrder(gtd.orderID)).status, "CANCELED", "60 s before its stated end");
    const left = (await client.getOpenOrders()).map(({ id }) => id).sort();
    const all = await client.cancelAll();
    assert.deepEqual(all.canceled.sort(), left);
    assert.deepEqual(await client.getOpenOrders(), []);
  });
});

Deno.test("heartbeats: ids follow each other, a wrong one names the right one, silence cancels after 10 to 15 s", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(1);
    const other = await floor.client(0);
    const { up } = await floor.market();
    for (const owner of [client, other]) {
      await owner.createAndPostOrder({ tokenID: up, price: 0.02, size: 60, side: Side.BUY });
    }
    const first = await client.postHeartbeat("");
    floor.advance(5_000);
    const second = await client.postHeartbeat(first.heartbeat_id);
    assert.notEqual(second.heartbeat_id, first.heartbeat_id);
    const wrong = await client.postHeartbeat(first.heartbeat_id) as Loose;
    assert.equal(wrong.status, 400);
    assert.deepEqual(wrong.error, { error_msg: "Invalid Heartbeat ID", heartbeat_id: second.heartbeat_id });
    floor.advance(9_900);
    assert.equal((await client.getOpenOrders()).length, 1);
    floor.advance(5_200);
    assert.equal((await client.getOpenOrders()).length, 0);
    assert.equal((await other.getOpenOrders()).length, 1, "a key that never beat is left alone");
    assert.ok((await client.postHeartbeat("")).heartbeat_id);
  });
});

Deno.test("in a 0.001 window orders rest on the fine grid and fill there", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(3);
    let market = await floor.market();
    let tick = 0.01;
    // Some window comes near its edge before it ends.
    for (let i = 0; i < 400 && tick === 0.01; i++) {
      floor.advance(5_000);
      market = await floor.market();
      tick = (await floor.get(`/tick-size?token_id=${market.up}`) as Loose).minimum_tick_size;
    }
    assert.equal(tick, 0.001);
    const winning = (await floor.book(market.up)).bid > 0.5 ? market.up : market.down;
    const { ask } = await floor.book(winning);
    const rest = await client.createAndPostOrder({
      tokenID: winning,
      price: 0.953,
      size: 7.77,
      side: Side.BUY,
    });
    assert.equal(rest.status, "live", JSON.stringify(rest));
    const take = await floor.run(client.createAndPostOrder(
      { tokenID: winning, price: Math.min(0.999, ask), size: 5.55, side: Side.BUY },
      undefined,
      OrderType.GTC,
      false,
      true,
    ));
    assert.ok(["matched", "live"].includes(take.status), JSON.stringify(take));
    const coarse = await client.createAndPostOrder({
      tokenID: winning,
      price: 0.95,
      size: 5,
      side: Side.BUY,
    });
    assert.equal(coarse.status, "live");
  });
});

Deno.test("both hosts work: the root and /clob, for login and orders", async () => {
  await withFloor({}, async (floor) => {
    const { up } = await floor.market();
    const { clientOf } = await import("./official.ts");
    for (const [index, prefix] of ["", "/clob"].entries()) {
      const key = (index + 1) as KeyIndex;
      const bare = clientOf({ host: `${floor.http}${prefix}`, key, funder: floor.wallet(key) });
      const creds = await bare.createOrDeriveApiKey();
      const client = clientOf({ host: `${floor.http}${prefix}`, key, funder: floor.wallet(key), creds });
      const order = await client.createAndPostOrder({ tokenID: up, price: 0.03, size: 50, side: Side.BUY });
      assert.equal(order.status, "live", JSON.stringify(order));
      assert.equal((await client.cancelAll()).canceled.length, 1);
    }
  });
});
