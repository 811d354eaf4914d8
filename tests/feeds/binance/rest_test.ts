import assert from "node:assert/strict";
import { ms } from "../../../core/units.ts";
import {
  binanceRest,
  fetchBars,
  fetchDepth,
  fetchTime,
  fetchTrades,
  parseFundingHours,
  parseFundingRates,
  parseOpenInterest,
  parsePremiumIndex,
} from "../../../feeds/binance/rest.ts";
import { TradeRefill } from "../../../feeds/binance/trade_refill.ts";
import { WeightLedger } from "../../../feeds/binance/weights.ts";
import { httpClient, HttpError } from "../../../feeds/net/http.ts";
import { simProfile } from "../../../feeds/venue_profile.ts";
import { frameFile } from "../frames.ts";

const NOW = 1_795_253_805_000;
const SAMPLES = frameFile<Record<string, unknown>>("binance-usdm-rest.json");
const log = { debug: () => {}, info: () => {}, warn: () => {} };

/** A REST client whose answers are scripted, at a clock that stands where it is put. */
function rig(answer: (url: URL) => Response) {
  const urls: URL[] = [];
  const clock = { nowMs: NOW, now: () => ms(clock.nowMs), sleep: () => Promise.resolve() };
  const network = {
    fetch: (url: string) => {
      urls.push(new URL(url));
      return Promise.resolve(answer(new URL(url)));
    },
  };
  const http = httpClient({ network, clock, random: () => 0 });
  return { urls, clock, rest: binanceRest(http, simProfile(1), clock) };
}

const isLimited = (error: unknown) => error instanceof HttpError && error.code === "RATE_LIMITED";

Deno.test("documented REST answers are read field by field", () => {
  const index = parsePremiumIndex(SAMPLES["GET /fapi/v1/premiumIndex?symbol="]);
  assert.deepEqual([index.mark, index.index, index.fundingRate, index.nextFundingMs], [
    11793.63104562,
    11781.8049597,
    0.00038246,
    1597392000000,
  ]);
  assert.deepEqual(parseOpenInterest(SAMPLES["GET /fapi/v1/openInterest"]), {
    openInterest: 10659.509,
    timeMs: 1589437530011,
  });
  assert.deepEqual(parseFundingRates(SAMPLES["GET /fapi/v1/fundingRate"]), [
    { rate: -0.0375, timeMs: 1570608000000 },
  ]);
  const info = SAMPLES["GET /fapi/v1/fundingInfo"] as Record<string, unknown>[];
  assert.equal(parseFundingHours(info, "btc"), 8, "absent symbols pay every eight hours");
  assert.equal(parseFundingHours([{ ...info[0], symbol: "BTCUSDT", fundingIntervalHours: 4 }], "btc"), 4);
  for (const parse of [parsePremiumIndex, parseOpenInterest, parseFundingRates]) {
    assert.throws(() => parse({ markPrice: 1 }), HttpError);
  }
});

Deno.test("time, candles and trades of the documentation are read over HTTP", async () => {
  const { rest } = rig((url) =>
    Response.json(SAMPLES[`GET ${url.pathname.replace("/binance-futures", "")}`])
  );
  assert.equal(await fetchTime(rest, "binance-futures"), 1499827319559);
  const bars = await fetchBars(rest, { venue: "binance-futures", asset: "btc", count: 1 });
  assert.deepEqual([bars[0]?.openMs, bars[0]?.closeMs, bars[0]?.close], [
    1499040000000,
    1499644800000,
    0.015771,
  ]);
  const [trade] = await fetchTrades(rest, { venue: "binance-futures", asset: "btc", fromId: 26129 });
  assert.deepEqual([trade?.id, trade?.price, trade?.takerBuys], [26129, 0.01633102, false]);
});

Deno.test("trades by id are not mixed with times; spans are under an hour and within 48 hours", async () => {
  const { rest, urls } = rig(() => Response.json([]));
  const query = { venue: "binance-futures", asset: "btc" } as const;
  await fetchTrades(rest, { ...query, fromId: 5, limit: 3 });
  assert.equal(urls[0]?.search, "?symbol=BTCUSDT&limit=3&fromId=5");
  await fetchTrades(rest, { ...query, startMs: NOW - 3_599_999, endMs: NOW });
  for (
    const [startMs, endMs] of [[NOW - 3_600_000, NOW], [NOW, NOW], [
      NOW - 49 * 3_600_000,
      NOW - 48.5 * 3_600_000,
    ]]
  ) {
    await assert.rejects(fetchTrades(rest, { ...query, startMs: startMs!, endMs: endMs! }), RangeError);
  }
  assert.equal(urls.length, 2);
});

Deno.test("the ledger counts what the venue states, refuses before the limit, and forgets with the minute", async () => {
  let used = 100;
  const { clock, rest, urls } = rig(() =>
    Response.json({ serverTime: NOW }, { headers: { "x-mbx-used-weight-1m": String(used) } })
  );
  await fetchTime(rest, "binance-futures");
  assert.equal(rest.ledger["binance-futures"].state().used, 100);
  used = 1915;
  await fetchTime(rest, "binance-futures");
  await assert.rejects(fetchDepth(rest, "btc", 1000), isLimited, "1915 + 20 is above 80% of 2400");
  assert.equal(urls.length, 2, "refused here, not asked");
  await fetchTime(rest, "binance-spot");
  assert.equal(urls.length, 3, "spot has a budget of its own");
  clock.nowMs += 60_000;
  assert.equal(rest.ledger["binance-futures"].state().used, 0);
});

Deno.test("a 429 or 418 closes the door for as long as the venue says, for every caller", async () => {
  for (
    const [status, header, untilMs] of [[429, "7", 7000], [418, null, 120_000], [429, null, 60_000]] as const
  ) {
    let refuse = true;
    const { clock, rest, urls } = rig(() =>
      refuse
        ? new Response("{}", { status, headers: header === null ? {} : { "retry-after": header } })
        : Response.json({ serverTime: NOW })
    );
    await assert.rejects(fetchTime(rest, "binance-futures"), isLimited);
    refuse = false;
    clock.nowMs += untilMs - 1;
    await assert.rejects(fetchTime(rest, "binance-futures"), isLimited);
    assert.equal(urls.length, 1, "not asked while the door is closed, not repeated either");
    clock.nowMs += 1;
    await fetchTime(rest, "binance-futures");
    assert.equal(urls.length, 2);
  }
});

Deno.test("a ledger names the wait to the next minute", () => {
  const ledger = new WeightLedger("a venue", 100, { now: () => ms(60_000 * 7 + 45_000) });
  ledger.spend(80);
  assert.throws(() => ledger.spend(1), (e) => e instanceof HttpError && e.retryAfterMs === 15_000);
});

Deno.test("a hole in the trades is read again by its first id, and only what was missing is told", async () => {
  const { rest, urls } = rig((url) => {
    const from = Number(url.searchParams.get("fromId"));
    return Response.json([0, 1, 2, 3].map((i) => ({ a: from + i, p: "100.5", q: "1", T: NOW, m: true })));
  });
  const told: number[] = [];
  const signal = new AbortController().signal;
  const refill = new TradeRefill({
    rest,
    venue: "binance-futures",
    log,
    signal,
    emit: (events) => told.push(...events.map((e) => e.type === "fastTrade" ? e.id : -1)),
  });
  const open = new Set([102, 104]);
  refill.request("btc", 102, 104, (id) => open.delete(id));
  refill.request("btc", 1, 5000, () => true);
  await refill.closed();
  assert.deepEqual(told, [102, 104], "103 came another way meanwhile");
  assert.deepEqual(urls.map((url) => url.search), ["?symbol=BTCUSDT&limit=3&fromId=102"]);
});
