import assert from "node:assert/strict";
import { fetchListing, type Listing, parseEvent, parseListing } from "../../../feeds/polymarket/gamma.ts";
import { type HttpClient, HttpError } from "../../../feeds/net/http.ts";
import { ms } from "../../../core/units.ts";
import { DOWN_TOKEN, UP_TOKEN } from "./ids.ts";
import { gammaEvent, gammaMarket, SLUG } from "./listings.ts";

function found(market: Record<string, unknown>, event?: Record<string, unknown>): Listing {
  const result = event === undefined ? parseListing(market, SLUG) : parseEvent(event, SLUG);
  assert.equal(result.kind, "found", result.kind === "invalid" ? result.reason : result.kind);
  return (result as { listing: Listing }).listing;
}

Deno.test("a listing becomes an instrument in our units", () => {
  const { instrument, winner } = found(gammaMarket());
  assert.deepEqual(
    [instrument.asset, instrument.duration, instrument.startMs, instrument.endMs],
    ["btc", "5m", 1795253700000, 1795254000000],
  );
  assert.deepEqual([instrument.upToken, instrument.downToken], [UP_TOKEN, DOWN_TOKEN]);
  assert.deepEqual([instrument.tick, instrument.minSize], [100, 5_000_000]);
  assert.deepEqual(instrument.fee, { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 });
  assert.deepEqual(instrument.rule, { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" });
  assert.deepEqual([instrument.tradable, instrument.reason, winner], [true, null, null]);
});

Deno.test("Up is found by its label, wherever it stands", () => {
  const { instrument } = found(gammaMarket({
    outcomes: '["Down", "Up"]',
    clobTokenIds: JSON.stringify([DOWN_TOKEN, UP_TOKEN]),
  }));
  assert.deepEqual([instrument.upToken, instrument.downToken], [UP_TOKEN, DOWN_TOKEN]);
});

Deno.test("a v2 market takes its position ids, a v1 market its CLOB tokens although it has position ids", () => {
  const positionIds = ["48246703848", "48246703849"];
  assert.equal(
    found(gammaMarket({ version: "v2", positionIds, clobTokenIds: null })).instrument.upToken,
    "48246703848",
  );
  assert.equal(found(gammaMarket({ positionIds })).instrument.upToken, UP_TOKEN);
});

Deno.test("every flag that forbids trading is a reason", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ closed: true }, "MARKET_CLOSED"],
    [{ active: false }, "MARKET_INACTIVE"],
    [{ active: undefined }, "MARKET_INACTIVE"],
    [{ enableOrderBook: false }, "BOOK_DISABLED"],
    [{ acceptingOrders: false }, "NOT_ACCEPTING_ORDERS"],
    [{ version: undefined }, "VERSION_UNKNOWN"],
    [{ version: "v3" }, "VERSION_UNKNOWN"],
    [{ cryptoMarketConfig: null, resolutionSource: "https://example.com" }, "RULE_UNKNOWN"],
    [{ feeSchedule: null }, "FEE_UNKNOWN"],
  ];
  for (const [change, reason] of cases) {
    const { instrument } = found(gammaMarket(change));
    assert.deepEqual([instrument.tradable, instrument.reason], [false, reason], JSON.stringify(change));
  }
  assert.equal(found(gammaMarket({ feesEnabled: false, feeSchedule: null })).instrument.fee?.ratePpm, 0);
});

Deno.test("a listing that contradicts its slug or cannot be read is invalid, never an exception", () => {
  const changes: Record<string, unknown>[] = [
    { endDate: "2026-11-21T09:50:00Z" },
    { eventStartTime: "2026-11-20T09:35:00Z" },
    { slug: "eth-updown-5m-1795253700" },
    { outcomes: '["Yes", "No"]' },
    { outcomes: "not json" },
    { clobTokenIds: '["1"]' },
    { clobTokenIds: '["1", "1"]' },
    { clobTokenIds: '["0x1", "2"]' },
    { conditionId: "0x12" },
    { orderPriceMinTickSize: 0 },
    { orderPriceMinTickSize: 1e-7 },
    { orderMinSize: null },
    { feeSchedule: { rate: "0.07", exponent: 1 } },
  ];
  for (const change of changes) {
    assert.equal(parseListing(gammaMarket(change), SLUG).kind, "invalid", JSON.stringify(change));
  }
  for (const raw of [null, 7, "x", [], {}, { markets: [] }, { markets: [{ slug: "other" }] }]) {
    assert.equal(parseEvent(raw, SLUG).kind, "invalid");
  }
});

Deno.test("strike, final price and winner are read where the venue puts them", () => {
  const eventMetadata = { priceToBeat: 84561.342236, finalPrice: 84568.14069316 };
  const closed = gammaMarket({ closed: true, outcomePrices: '["0", "1"]' });
  const listing = found(closed, gammaEvent(closed, { eventMetadata }));
  assert.deepEqual([listing.priceToBeat, listing.finalPrice, listing.winner], [
    84561.342236,
    84568.14069316,
    "down",
  ]);
  assert.equal(found(gammaMarket({ outcomePrices: '["1", "0"]' })).winner, null, "not before it is closed");
  assert.equal(found(gammaMarket({ closed: true, outcomePrices: '["0.5", "0.5"]' })).winner, null);
});

Deno.test("fetchListing() busts the cache, falls back to the market, and calls a 404 missing", async () => {
  const asked: string[] = [];
  const http = (answers: Record<string, unknown>): HttpClient => ({
    get: (url) => {
      asked.push(url);
      const kind = url.includes("/events/") ? "events" : "markets";
      if (kind in answers) return Promise.resolve(answers[kind]);
      return Promise.reject(new HttpError("HTTP_STATUS", "x", { status: 404 }));
    },
    post: () => Promise.reject(new Error("no")),
  });
  const fetched = (answers: Record<string, unknown>) =>
    fetchListing(http(answers), "http://g", SLUG, ms(12345));
  assert.equal((await fetched({ events: gammaEvent() })).kind, "found");
  assert.deepEqual(asked, [`http://g/events/slug/${SLUG}?_=12345`]);
  assert.equal((await fetched({ markets: gammaMarket() })).kind, "found");
  assert.equal((await fetched({ events: {}, markets: gammaMarket() })).kind, "found");
  assert.equal((await fetched({})).kind, "missing");
});
