/** The official client reads the simulated venue's public endpoints, at the root and under /clob alike. */
import assert from "node:assert/strict";
import { type ClobClient, PriceHistoryInterval, Side } from "@polymarket/clob-client-v2";
import { type Loose, parse, type Stage, withVenue } from "../fixtures/venue_client.ts";
import { clientOf } from "./official.ts";
import { withFloor } from "./stage.ts";

const MINUTE_S = 60;
const UNKNOWN_TOKEN = "123";
const UNKNOWN_CONDITION = `0x${"0".repeat(64)}`;

interface Window {
  readonly startS: number;
  readonly slug: string;
  readonly conditionId: string;
  readonly up: string;
  readonly down: string;
}

/** The BTC 5m window that is `ahead` windows away from the one that runs. */
async function windowAt({ get, now }: Pick<Stage, "get" | "now">, ahead = 0): Promise<Window> {
  const startS = (Math.floor(now() / 300_000) + ahead) * 300;
  const slug = `btc-updown-5m-${startS}`;
  const row = await get(`/gamma/markets/slug/${slug}`) as Loose;
  const [up, down] = row.version === "v2" ? row.positionIds : JSON.parse(row.clobTokenIds);
  return { startS, slug, conditionId: row.conditionId, up, down };
}

type Points = { readonly t: number; readonly p: number }[];

/** The client's type says an array; what the venue answers, and the client hands on, is `{"history": [...]}`. */
async function historyOf(client: ClobClient, params: Parameters<ClobClient["getPricesHistory"]>[0]) {
  const { history } = await client.getPricesHistory(params) as Loose;
  return history as Points;
}

const both = (...tokens: string[]) => tokens.map((token_id) => ({ token_id, side: Side.BUY }));

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
      assert.equal((await client.getOrderBooks(both(up, down))).length, 2);
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

Deno.test("what the official client asks of many tokens is what it is told of each; unknown ones are left out", async () => {
  await withVenue({}, async (stage) => {
    stage.advance(20_000);
    const client = clientOf({ host: stage.http });
    const { up, down } = await windowAt(stage);
    const idle = (await windowAt(stage, 50)).up;
    const tokens = [up, down, idle];
    const asked = both(...tokens, UNKNOWN_TOKEN);
    const mids = await client.getMidpoints(asked);
    const spreads = await client.getSpreads(asked);
    const lasts = await client.getLastTradesPrices(asked) as Loose[];
    const prices = await client.getPrices(asked);
    assert.deepEqual(Object.keys(mids).toSorted(), tokens.toSorted());
    assert.deepEqual(Object.keys(spreads).toSorted(), tokens.toSorted());
    assert.deepEqual(Object.keys(prices).toSorted(), tokens.toSorted());
    assert.deepEqual(lasts.map((row) => row.token_id), tokens);
    for (const [index, token] of tokens.entries()) {
      assert.equal(mids[token], (await client.getMidpoint(token)).mid);
      assert.equal(spreads[token], (await client.getSpread(token)).spread);
      assert.equal(prices[token].BUY, (await client.getPrice(token, "BUY")).price);
      assert.deepEqual(lasts[index], { token_id: token, ...await client.getLastTradePrice(token) });
    }
    assert.equal(Number(mids[up]) + Number(mids[down]), 1);
    assert.equal(lasts[2].side, "", "nobody has traded an idle window");
    assert.deepEqual(await stage.post("/midpoints", { token_id: up }), { error: "Invalid payload" });
  });
});

Deno.test("the official client learns fee rate and exponent", async () => {
  await withVenue({}, async (stage) => {
    const client = clientOf({ host: stage.http });
    const { up } = await windowAt(stage);
    assert.equal(await client.getFeeRateBps(up), 1000);
    assert.equal(await client.getFeeExponent(up), 1);
  });
});

for (const marketVersion of ["v1", "v2"] as const) {
  Deno.test(`price history (${marketVersion}) is the mid price of each minute, and never changes afterwards`, async () => {
    await withVenue({ marketVersion }, async (stage) => {
      const client = clientOf({ host: stage.http });
      const { up, down, startS } = await windowAt(stage);
      const seen = new Map<number, number>();
      const look = async () => void seen.set(stage.now() / 1_000, Number((await client.getMidpoint(up)).mid));
      await look();
      stage.advance(30_000);
      const early = await historyOf(client, { market: up, startTs: startS, endTs: startS + 300 });
      assert.deepEqual(early, [{ t: startS, p: seen.get(startS) }], "nothing of what is still to come");
      stage.advance(30_000);
      for (let i = 0; i < 3; i++) {
        await look();
        stage.advance(60_000);
      }
      const later = await historyOf(client, { market: up, startTs: startS, endTs: startS + 200 });
      assert.deepEqual(later, [...seen].map(([t, p]) => ({ t, p })));
      assert.equal(later.length, 4);
      assert.ok(new Set(later.map(({ p }) => p)).size > 1, "a running window moves");
      const other = await historyOf(client, { market: down, startTs: startS, endTs: startS + 200 });
      assert.deepEqual(other.map(({ t, p }) => ({ t, p: Math.round((1 - p) * 1e5) / 1e5 })), later);
      // Long after its end it is still known, and no price is stated after it has closed.
      stage.advance(600_000);
      const whole = await historyOf(client, { market: up, interval: PriceHistoryInterval.MAX });
      assert.deepEqual(whole.filter(({ t }) => t >= startS && t <= startS + 200), later);
      assert.ok(whole.at(-1)!.t < startS + 300 + 90);
    });
  });
}

Deno.test("price history of an idle window is its flat quote, cut by interval and thinned by fidelity", async () => {
  await withVenue({}, async (stage) => {
    stage.advance(61_000);
    const client = clientOf({ host: stage.http });
    const { up } = await windowAt(stage, 50);
    const mid = Number((await client.getMidpoint(up)).mid);
    const nowS = stage.now() / 1_000;
    const hour = await historyOf(client, { market: up, interval: PriceHistoryInterval.ONE_HOUR });
    assert.equal(hour.length, 60);
    assert.ok(hour.every(({ t, p }) => p === mid && t <= nowS && t >= nowS - 3_600));
    const thin = await historyOf(client, {
      market: up,
      interval: PriceHistoryInterval.SIX_HOURS,
      fidelity: 10,
    });
    assert.equal(thin.length, 36);
    assert.ok(thin.every(({ t }) => t % (10 * MINUTE_S) === 0));
    const day = await historyOf(client, { market: up, interval: PriceHistoryInterval.ONE_DAY });
    const week = await historyOf(client, { market: up, interval: PriceHistoryInterval.ONE_WEEK });
    const max = await historyOf(client, { market: up, interval: PriceHistoryInterval.MAX });
    assert.deepEqual(week, max);
    assert.ok(day.length > 60 && day.length <= max.length);
    const ahead = await historyOf(client, { market: up, startTs: nowS - 120, endTs: nowS + 3_600 });
    assert.deepEqual(ahead, hour.slice(-2), "no minute that is still to come");
    const many = await stage.post("/batch-prices-history", { markets: [up, UNKNOWN_TOKEN], interval: "1h" });
    assert.deepEqual(many, { history: { [up]: hour, [UNKNOWN_TOKEN]: [] } });
  });
});

Deno.test("price history says what is wrong with a question", async () => {
  await withVenue({}, async (stage) => {
    const client = clientOf({ host: stage.http });
    const { up } = await windowAt(stage);
    assert.deepEqual(
      await historyOf(client, { market: UNKNOWN_TOKEN, interval: PriceHistoryInterval.MAX }),
      [],
    );
    for (
      const query of [
        "interval=1h",
        `market=${up}`,
        `market=${up}&interval=2h`,
        `market=${up}&interval=1h&fidelity=0`,
        `market=${up}&startTs=x`,
        `market=${up}&startTs=20&endTs=10`,
      ]
    ) {
      assert.equal(await stage.status(`/prices-history?${query}`), 400, query);
    }
  });
});

Deno.test("the official client walks all pages of markets, each market once, whatever is listed meanwhile", async () => {
  // Two assets and two lengths are more than one page.
  await withVenue({ assets: ["btc", "eth"], durations: ["5m", "15m"] }, async (stage) => {
    const client = clientOf({ host: stage.http });
    const before = (await stage.get("/gamma/events?limit=1&ascending=false") as Loose)[0];
    const walk = async (ask: (cursor?: string) => Promise<Loose>): Promise<Loose[]> => {
      const rows: Loose[] = [];
      let cursor = "MA==";
      for (let pages = 0; cursor !== "LTE="; pages++) {
        assert.ok(pages < 10, "the last page says so");
        const page = await ask(cursor);
        assert.equal(page.count, page.data.length);
        assert.ok(page.count > 0 && page.count <= page.limit);
        rows.push(...page.data);
        cursor = page.next_cursor;
        stage.advance(1_000);
      }
      assert.equal(new Set(rows.map((row) => row.condition_id)).size, rows.length);
      return rows;
    };
    const long = await walk((cursor) => client.getMarkets(cursor));
    const simple = await walk((cursor) => client.getSimplifiedMarkets(cursor));
    const open = await walk((cursor) => client.getSamplingMarkets(cursor));
    const openSimple = await walk((cursor) => client.getSamplingSimplifiedMarkets(cursor));
    assert.ok(long.length > 1_000, "more than one page");
    assert.ok(long.some((row) => row.condition_id === before.markets[0].conditionId));
    assert.ok(simple.length >= long.length);
    assert.ok(open.length > 100 && open.length < long.length);
    assert.ok(openSimple.length >= open.length);
    assert.ok(open.every((row) => row.accepting_orders && !row.closed));
    assert.ok(long.some((row) => row.closed));
    const { conditionId, up, down } = await windowAt(stage);
    const row = long.find((market) => market.condition_id === conditionId);
    assert.deepEqual(row.tokens.map((token: Loose) => token.token_id), [up, down]);
    const alone = await client.getMarket(conditionId);
    assert.deepEqual(Object.keys(row), Object.keys(alone));
    assert.equal(alone.tokens[0].price, Number((await client.getMidpoint(up)).mid));
    const brief = simple.find((market) => market.condition_id === conditionId);
    assert.deepEqual(
      Object.keys(brief).filter((key) => !Object.hasOwn(alone, key)),
      [],
      "the short form is part of the long one",
    );
    const past = await client.getMarkets("LTE=");
    assert.deepEqual([past.count, past.data, past.next_cursor], [0, [], "LTE="]);
    assert.equal(await stage.status("/markets?next_cursor=?"), 400);
    assert.equal(await stage.status(`/simplified-markets?next_cursor=${btoa("x")}`), 400);
  });
});

Deno.test("live activity has the trades the market channel printed, the newest first", async () => {
  await withVenue({}, async (stage) => {
    const client = clientOf({ host: stage.http });
    const { up, down, conditionId, slug } = await windowAt(stage);
    const socket = await stage.socket("/ws/market");
    socket.send({ type: "market", assets_ids: [up, down] });
    await socket.wait((text) => text.includes('"book"'));
    const sinceMs = stage.now();
    stage.advance(30_000);
    const from = socket.frames.length;
    socket.send("PING");
    await socket.wait((text) => text === "PONG", from);
    const printed = socket.frames.filter((text) => text.includes('"last_trade_price"')).map(parse)
      .filter((frame) => frame.event_type === "last_trade_price" && Number(frame.timestamp) >= sinceMs);
    assert.ok(printed.length > 3);
    const rows = await client.getMarketTradesEvents(conditionId);
    const told = rows.slice(0, printed.length).toReversed();
    assert.deepEqual(
      told.map((row) => [row.market.asset_id, row.price, row.size, row.side, row.transaction_hash]),
      printed.map((frame) => [frame.asset_id, frame.price, frame.size, frame.side, frame.transaction_hash]),
    );
    assert.ok(rows.every((row) => row.market.slug === slug && row.market.condition_id === conditionId));
    assert.ok(rows.every((row) => (row.outcome === "Up") === (row.market.asset_id === up)));
    assert.deepEqual(await client.getMarketTradesEvents((await windowAt(stage, 50)).conditionId), []);
    assert.equal(await stage.status(`/markets/live-activity/${UNKNOWN_CONDITION}`), 404);
    stage.advance(200_000);
    assert.equal((await client.getMarketTradesEvents(conditionId)).length, 100, "no more than a hundred");
  });
});

Deno.test("an account's trade is in the live activity with its wallet", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(0);
    const { up, conditionId } = await floor.market();
    const order = { tokenID: up, price: 0.99, size: 20, side: Side.BUY };
    const answer = await floor.run(client.createAndPostOrder(order, { tickSize: "0.01", negRisk: false }));
    assert.equal(answer.status, "matched");
    const rows = await client.getMarketTradesEvents(conditionId);
    const own = rows.filter((row) => row.user.address === floor.wallet(0));
    assert.ok(own.length > 0);
    assert.equal(own.reduce((sum, row) => sum + Number(row.size), 0), 20);
    assert.ok(own.every((row) => row.side === "BUY" && row.market.asset_id === up && row.outcome === "Up"));
  });
});

Deno.test("the official client finds no rewards, in the shapes it expects", async () => {
  await withFloor({}, async (floor) => {
    const client = await floor.client(0);
    const { conditionId } = await floor.market();
    assert.deepEqual(await client.getCurrentRewards(), []);
    assert.deepEqual(await client.getRawRewardsForMarket(conditionId), []);
    assert.deepEqual(await client.getEarningsForUserForDay("2026-11-21"), []);
    assert.deepEqual(await client.getTotalEarningsForUserForDay("2026-11-21"), []);
    assert.deepEqual(await client.getUserEarningsAndMarketsConfig("2026-11-21"), []);
    assert.deepEqual(await client.getRewardPercentages(), {});
    assert.deepEqual(await client.isOrderScoring({ order_id: "0x01" }), { scoring: false });
    assert.deepEqual(await client.areOrdersScoring({ orderIds: ["0x01", "0x02"] }), {
      "0x01": false,
      "0x02": false,
    });
    assert.equal(await floor.status("/rewards/user"), 401, "what belongs to a user needs a login");
    assert.equal(await floor.status("/order-scoring"), 401);
  });
});
