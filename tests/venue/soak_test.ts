/** Twelve minutes of the synthetic market with four accounts that trade without sense: the sums stay, books stay whole. */
import assert from "node:assert/strict";
import { nextInt, seededRandom } from "../../core/random.ts";
import { submit, type SubmitResult } from "../../fixtures/exchange/submit.ts";
import type { ApiKey } from "../../fixtures/exchange/credentials.ts";
import { PUSD } from "../../fixtures/exchange/ledger.ts";
import { cancelWhere } from "../../fixtures/exchange/exchange.ts";
import { available } from "../../fixtures/exchange/state.ts";
import { type Loose } from "../fixtures/venue_client.ts";
import { bodyOf, signOrder } from "./raw.ts";
import { type Floor, type KeyIndex, withFloor } from "./stage.ts";

function cashOf(floor: Floor): number {
  const { state } = floor.venue.exchange;
  const { ledger } = state;
  const held = [...state.wallets.values()].reduce((sum, wallet) => sum + (wallet.chain.get(PUSD) ?? 0), 0);
  const locked = [...ledger.locked.values()].reduce((sum, amount) => sum + amount, 0);
  return held + locked + ledger.fees + (ledger.background.get(PUSD) ?? 0);
}

Deno.test("random trading through three windows: cash is conserved, nobody owes, shown books are never crossed", async () => {
  await withFloor({}, async (floor) => {
    const { state } = floor.venue.exchange;
    const random = seededRandom(77);
    const start = cashOf(floor);
    const keys: ApiKey[] = [];
    for (const key of [0, 1, 2, 3] as const) {
      const creds = (await floor.client(key)).creds!;
      keys.push(state.credentials.byId(creds.key)!);
    }
    const seen = new Map<string, number>();
    let makers = 0;
    for (let turn = 0; turn < 360; turn++) {
      floor.advance(2_000);
      const market = await floor.market();
      const token = nextInt(random, 2) === 0 ? market.up : market.down;
      const book = await floor.get(`/book?token_id=${token}`) as Loose;
      const bid = Number(book.bids.at(-1)?.price ?? 0);
      const ask = Number(book.asks.at(-1)?.price ?? 1);
      assert.ok(bid < ask, `crossed: ${bid} ${ask}`);
      const key = nextInt(random, 4) as KeyIndex;
      const side = nextInt(random, 3) === 0 ? "SELL" : "BUY";
      const offset = (nextInt(random, 7) - 4) * 100;
      const near = Math.round((side === "BUY" ? ask : bid) * 100) * 100;
      const price = Math.min(9_900, Math.max(100, near + (side === "BUY" ? offset : -offset)));
      const shares = (500 + nextInt(random, 4_000)) * 10_000;
      const cash = shares * price / 10_000;
      const signed = signOrder({
        key,
        token,
        side,
        maker: String(side === "BUY" ? cash : shares),
        taker: String(side === "BUY" ? shares : cash),
      });
      const body = bodyOf(signed, { owner: keys[key]!.apiKey });
      const reply = (result: SubmitResult) => {
        const word = "error" in result ? result.error.slice(0, 22) : result.status;
        seen.set(word, (seen.get(word) ?? 0) + 1);
      };
      submit(state, { body, key: keys[key]!, nowMs: floor.now() }, reply);
      if (turn % 40 === 39) cancelWhere(state, (order) => order.key === keys[key], floor.now());
      assert.equal(cashOf(floor), start);
      for (const wallet of state.wallets.values()) {
        for (const [asset, amount] of wallet.chain) assert.ok(amount >= 0, `${wallet.address} owes ${asset}`);
        assert.ok(available(state, wallet, PUSD) >= 0);
      }
    }
    for (const trade of state.trades.values()) if (trade.taker.order === null) makers++;
    assert.ok((seen.get("matched") ?? 0) > 50 && (seen.get("live") ?? 0) > 50, JSON.stringify([...seen]));
    assert.ok(makers > 20, `only ${makers} resting orders were reached by the market`);
    const resolved = [...state.orders.values()].filter(({ status }) => status === "CANCELED_MARKET_RESOLVED");
    assert.ok(resolved.length > 0, "some rested to the end of their window");
  });
});
