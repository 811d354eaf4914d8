import assert from "node:assert/strict";
import type { Instrument } from "../../../core/market/instrument.ts";
import { ms } from "../../../core/units.ts";
import { type HttpClient, HttpError } from "../../../feeds/net/http.ts";
import {
  applyClobMarket,
  fetchBook,
  fetchClobTime,
  fetchWinner,
  parseClobMarket,
} from "../../../feeds/polymarket/clob_rest.ts";
import { parseListing } from "../../../feeds/polymarket/gamma.ts";
import { DOWN_TOKEN, UP_TOKEN } from "./ids.ts";
import { clobMarket, gammaMarket, SLUG } from "./listings.ts";

function listed(change: Record<string, unknown> = {}): Instrument {
  const result = parseListing(gammaMarket(change), SLUG);
  assert.ok(result.kind === "found");
  return result.listing.instrument;
}

const applied = (change: Record<string, unknown>, gamma: Record<string, unknown> = {}) =>
  applyClobMarket(listed(gamma), parseClobMarket(clobMarket(change)));

const answering = (answer: unknown): HttpClient => ({
  get: () => answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer),
  post: () => Promise.reject(new Error("no")),
});
const missing = new HttpError("HTTP_STATUS", "x", { status: 404 });

Deno.test("tick, minimum size and taker hold are the CLOB's", () => {
  const instrument = applied({ mts: 0.001, mos: 15 });
  assert.deepEqual([instrument.tick, instrument.minSize, instrument.takerHoldMs], [10, 15_000_000, 150]);
  assert.equal(applied({ itode: false }).takerHoldMs, 0);
  assert.equal(instrument.tradable, true);
});

Deno.test("a fee that the two hosts state differently is no fee, and no trade", () => {
  for (
    const fd of [{ r: 0.072, e: 1, to: true }, { r: 0.07, e: 2, to: true }, { r: 0.07, e: 1, to: false }]
  ) {
    const instrument = applied({ fd });
    assert.deepEqual([instrument.fee, instrument.tradable, instrument.reason], [
      null,
      false,
      "FEE_DISAGREES",
    ]);
  }
  assert.equal(applied({}).fee?.rebatePpm, 200_000, "Gamma's rebate is kept");
});

Deno.test("a fee that only one host states is that fee; none at all is unknown", () => {
  const only = applied({}, { feeSchedule: null });
  assert.deepEqual([only.fee?.ratePpm, only.tradable, only.reason], [70_000, true, null]);
  assert.equal(applied({ fd: null }).fee?.ratePpm, 70_000);
  const none = applied({ fd: null }, { feeSchedule: null });
  assert.deepEqual([none.fee, none.reason], [null, "FEE_UNKNOWN"]);
});

Deno.test("other tokens, another version and a market that takes no orders are reasons", () => {
  const swapped = [{ t: DOWN_TOKEN, o: "Up" }, { t: UP_TOKEN, o: "Down" }];
  assert.equal(applied({ t: swapped }).reason, "TOKENS_DISAGREE");
  assert.equal(applied({ v: "v2" }).reason, "VERSION_DISAGREES");
  assert.equal(applied({ ao: false }).reason, "NOT_ACCEPTING_ORDERS");
  assert.equal(applied({ mts: 0.00001 }).reason, "LISTING_INVALID");
  assert.equal(applied({ ao: false }, { closed: true }).reason, "MARKET_CLOSED", "the first reason stays");
});

Deno.test("another shape of a market is BAD_JSON", () => {
  for (const raw of [null, {}, clobMarket({ mts: "0.01" }), clobMarket({ fd: { r: 7, e: 1 } })]) {
    assert.throws(() => parseClobMarket(raw), (e) => e instanceof HttpError && e.code === "BAD_JSON");
  }
});

Deno.test("fetchClobTime() reads whole seconds and refuses anything else", async () => {
  assert.equal(await fetchClobTime(answering(1795253805), "c"), 1795253805000);
  for (const raw of ["soon", {}, 1795253805000, 1.5, null]) {
    await assert.rejects(
      () => fetchClobTime(answering(raw), "c"),
      (e) => e instanceof HttpError && e.code === "BAD_JSON",
    );
  }
});

Deno.test("fetchBook() gives a book event stamped on arrival, and null for a 404", async () => {
  const raw = {
    market: "0xC",
    asset_id: UP_TOKEN,
    timestamp: "1795253805123",
    bids: [{ price: "0.48", size: "100" }, { price: "0.50", size: "150" }],
    asks: [{ price: "0.53", size: "90" }, { price: "0.51", size: "120" }],
    min_order_size: "5",
    tick_size: "0.01",
    neg_risk: false,
    last_trade_price: "0.50",
  };
  const book = await fetchBook(answering(raw), "c", UP_TOKEN, () => ms(1795253806000));
  assert.deepEqual([book?.bids, book?.tick, book?.tReceive], [
    [4800, 100_000_000, 5000, 150_000_000],
    100,
    1795253806000,
  ]);
  assert.equal(await fetchBook(answering(missing), "c", UP_TOKEN, () => ms(1)), null);
});

Deno.test("fetchWinner() names the one winner, or nobody", async () => {
  const market = (up: boolean, down: boolean) => ({
    closed: true,
    tokens: [{ token_id: "1", outcome: "Up", price: 1, winner: up }, {
      token_id: "2",
      outcome: "Down",
      winner: down,
    }],
  });
  assert.equal(await fetchWinner(answering(market(false, true)), "c", "0x"), "down");
  assert.equal(await fetchWinner(answering(market(false, false)), "c", "0x"), null);
  assert.equal(await fetchWinner(answering(market(true, true)), "c", "0x"), null);
  assert.equal(await fetchWinner(answering(missing), "c", "0x"), null);
});
