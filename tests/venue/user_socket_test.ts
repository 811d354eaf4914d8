/** The user channel: a signer's orders and trades, in the venue's words, and nobody else's (dossier 7.3). */
import assert from "node:assert/strict";
import { OrderType, Side } from "@polymarket/clob-client-v2";
import { type Loose, parse, settle } from "../fixtures/venue_client.ts";
import { type Floor, withFloor } from "./stage.ts";

const eventsOf = (frames: readonly string[]): Loose[] =>
  frames.filter((text) => text !== "PONG").map((text) => parse(text));

async function listen(floor: Floor, key: 0 | 1, markets?: string[]) {
  const client = await floor.client(key);
  const socket = await floor.socket("/ws/user");
  const { key: apiKey, secret, passphrase } = client.creds!;
  socket.send({
    type: "user",
    auth: { apiKey, secret, passphrase },
    ...(markets === undefined ? {} : { markets }),
  });
  await settle(socket);
  return { client, socket };
}

Deno.test("placement, partial fill, trade states and cancellation arrive as documented; others hear nothing", async () => {
  await withFloor({}, async (floor) => {
    const { client, socket } = await listen(floor, 0);
    const other = await listen(floor, 1);
    const { up, conditionId } = await floor.market();
    const { bid } = await floor.book(up);
    const low = Math.round((bid - 0.05) * 100) / 100;
    const order = await client.createAndPostOrder({ tokenID: up, price: low, size: 20, side: Side.BUY });
    await client.cancelOrder({ orderID: order.orderID });
    await settle(socket);
    const [placed, cancelled] = eventsOf(socket.frames);
    const { timestamp, created_at, ...rest } = placed;
    assert.match(timestamp, /^\d{13}$/);
    assert.match(created_at, /^\d{10}$/);
    assert.deepEqual(rest, {
      event_type: "order",
      type: "PLACEMENT",
      id: order.orderID,
      owner: client.creds!.key,
      order_owner: client.creds!.key,
      market: conditionId,
      asset_id: up,
      side: "BUY",
      order_type: "GTC",
      original_size: "20",
      size_matched: "0",
      price: String(low),
      outcome: "Up",
      status: "LIVE",
      associate_trades: [],
      expiration: "0",
      maker_address: floor.wallet(0),
    });
    assert.deepEqual([cancelled.type, cancelled.status, cancelled.id], [
      "CANCELLATION",
      "CANCELED",
      order.orderID,
    ]);

    const from = socket.frames.length;
    const { ask } = await floor.book(up);
    const bought = await floor.run(client.createAndPostMarketOrder(
      {
        tokenID: up,
        amount: 10,
        side: Side.BUY,
        price: Math.min(0.99, ask + 0.05),
        orderType: OrderType.FAK,
      },
      undefined,
      OrderType.FAK,
      true,
    ));
    floor.advance(10_000);
    await settle(socket);
    const events = eventsOf(socket.frames.slice(from));
    assert.deepEqual(
      events.filter((event) => event.event_type === "order").map(({ type, status }) => [type, status]),
      [["PLACEMENT", "MATCHED"], ["UPDATE", "MATCHED"]],
    );
    const update = events.find((event) => event.type === "UPDATE");
    assert.equal(update.original_size, "10", "a purchase with FAK states dollars");
    assert.equal(update.size_matched, bought.takingAmount);
    for (const id of bought.tradeIDs!) {
      const states = events.filter((event) => event.event_type === "trade" && event.id === id);
      assert.deepEqual(states.map((event) => event.status), ["MATCHED", "MINED", "CONFIRMED"]);
      const [first, mined] = states;
      assert.equal(first.type, "TRADE");
      assert.equal(first.trader_side, "TAKER");
      assert.equal(first.taker_order_id, bought.orderID);
      assert.equal(first.transaction_hash, "");
      assert.match(mined.transaction_hash, /^0x[0-9a-f]{64}$/);
      assert.match(first.matchtime, /^\d{10}$/);
      assert.equal(first.fee_rate_bps, "");
      assert.equal(first.owner, client.creds!.key);
      assert.equal(first.trade_owner, client.creds!.key);
      for (const maker of first.maker_orders) {
        const own = maker.asset_id === up ? Number(maker.price) : 1 - Number(maker.price);
        assert.equal(
          own.toFixed(4),
          Number(first.price).toFixed(4),
          "minted from the other token, or the same one",
        );
        assert.equal(maker.side, maker.asset_id === up ? "SELL" : "BUY");
      }
    }
    await settle(other.socket);
    assert.deepEqual(eventsOf(other.socket.frames), []);
  });
});

Deno.test("a maker hears of its fill with its own part in maker_orders, on its own token", async () => {
  await withFloor({}, async (floor) => {
    const maker = await listen(floor, 0);
    const taker = await listen(floor, 1);
    const { up, down } = await floor.market();
    const { bid, ask } = await floor.book(up);
    // Two ticks above the best offer of the ladder's other side would cross; the ladder's bid stands below.
    assert.ok(ask > bid);
    const rest = await maker.client.createAndPostOrder({
      tokenID: up,
      price: bid,
      size: 600,
      side: Side.BUY,
    });
    assert.equal(rest.status, "live");
    const { bids } = await floor.book(up);
    const all = bids.filter((level) => Number(level.price) >= bid).reduce(
      (sum, level) => sum + Number(level.size),
      0,
    );
    // A purchase of Down that takes everything at the bid mints with the maker's purchase of Up.
    const sent = await floor.run(taker.client.createAndPostOrder(
      {
        tokenID: down,
        price: Math.round((1 - bid) * 100) / 100,
        size: Math.ceil(all) + 2_000,
        side: Side.BUY,
      },
      undefined,
      OrderType.GTC,
      false,
      true,
    ));
    assert.equal(sent.status, "matched", JSON.stringify(sent));
    await settle(maker.socket);
    const trade = eventsOf(maker.socket.frames).find((event) => event.event_type === "trade");
    assert.equal(trade.trader_side, "MAKER");
    assert.equal(trade.taker_order_id, sent.orderID);
    assert.equal(trade.asset_id, down);
    assert.equal(trade.owner, maker.client.creds!.key);
    const own = trade.maker_orders.find((row: Loose) => row.order_id === rest.orderID);
    assert.deepEqual([own.asset_id, own.side, own.price, own.matched_amount], [
      up,
      "BUY",
      String(bid),
      "600",
    ]);
    const order = await maker.client.getOrder(rest.orderID);
    assert.deepEqual([order.status, order.size_matched], ["MATCHED", "600"]);
    const listed = await maker.client.getTrades({ id: trade.id });
    assert.equal(listed[0]?.trader_side, "MAKER");
  });
});

Deno.test("markets filter and change on the open socket; a killed FOK says why; a wrong login hears nothing", async () => {
  await withFloor({}, async (floor) => {
    const { up, conditionId } = await floor.market();
    const elsewhere = `0x${"77".repeat(32)}`;
    const { client, socket } = await listen(floor, 0, [elsewhere]);
    const place = () => client.createAndPostOrder({ tokenID: up, price: 0.02, size: 60, side: Side.BUY });
    await place();
    await settle(socket);
    assert.deepEqual(eventsOf(socket.frames), []);
    socket.send({ markets: [conditionId], operation: "subscribe" });
    await settle(socket);
    await place();
    await settle(socket);
    assert.equal(eventsOf(socket.frames).length, 1);
    const { ask } = await floor.book(up);
    await floor.run(client.createAndPostMarketOrder(
      { tokenID: up, amount: 9_000, side: Side.BUY, price: ask, orderType: OrderType.FOK },
      undefined,
      OrderType.FOK,
      true,
    ));
    await settle(socket);
    const killed = eventsOf(socket.frames).at(-1);
    assert.equal(
      killed.status,
      "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
    );
    assert.equal(killed.size_matched, "");
    socket.send({ markets: [conditionId], operation: "unsubscribe" });
    await settle(socket);
    const count = eventsOf(socket.frames).length;
    await client.cancelAll();
    await settle(socket);
    assert.equal(eventsOf(socket.frames).length, count);

    const stranger = await floor.socket("/ws/user");
    stranger.send({ type: "user", auth: { ...client.creds, apiKey: client.creds!.key, secret: "wrong" } });
    await settle(stranger);
    await place();
    await settle(stranger);
    assert.deepEqual(eventsOf(stranger.frames), []);
    const early = await floor.socket("/ws/user");
    early.send("PING");
    assert.equal((await early.closed()).code, 1008);
  });
});

Deno.test("the market channel shows an account's order at once, on both tokens, and prints its trades", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(0);
    const { up, down } = await floor.market();
    const socket = await floor.socket("/ws/market");
    socket.send({ type: "market", assets_ids: [up, down], custom_feature_enabled: true });
    await settle(socket);
    const { bid, ask } = await floor.book(up);
    const from = socket.frames.length;
    const price = Math.round((bid - 0.03) * 100) / 100;
    await client.createAndPostOrder({ tokenID: up, price, size: 33.33, side: Side.BUY });
    await settle(socket);
    const [change] = eventsOf(socket.frames.slice(from));
    assert.equal(change.event_type, "price_change");
    const rows = change.price_changes as Loose[];
    assert.deepEqual(
      rows.map((row) => [row.asset_id === up, row.side, Number(row.price).toFixed(2)]),
      [[true, "BUY", price.toFixed(2)], [false, "SELL", (1 - price).toFixed(2)]],
    );
    const rest = await floor.get(`/book?token_id=${up}`) as Loose;
    assert.equal(rows[0].hash, rest.hash, "REST and socket tell the same book");
    assert.equal(change.timestamp, rest.timestamp);
    assert.equal(rest.bids.find((level: Loose) => Number(level.price) === price).size, rows[0].size);

    const before = socket.frames.length;
    await floor.run(client.createAndPostMarketOrder(
      { tokenID: down, amount: 20, side: Side.BUY, price: Math.round((1 - bid + 0.03) * 100) / 100 },
      undefined,
      OrderType.FOK,
      true,
    ));
    await settle(socket);
    const trades = await client.getTrades();
    const prints = eventsOf(socket.frames.slice(before)).filter((event) =>
      event.event_type === "last_trade_price"
    );
    const own = prints.find((event) => event.asset_id === down && event.size === trades[0]!.size);
    assert.ok(own, "the purchase is printed on the token that was bought");
    assert.equal(own.side, "BUY");
    assert.equal(own.price, trades[0]!.price);
    assert.ok(ask > 0);
  });
});
