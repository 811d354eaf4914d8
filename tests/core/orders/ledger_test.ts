import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cashOf,
  claimsOf,
  correctFee,
  type Entry,
  fillEntry,
  forgetEntries,
  heldOf,
  type Ledgers,
  newLedgers,
  pnlOf,
  positionsOf,
  post,
  postFill,
  resolve,
  type Stage,
  windowOf,
} from "../../../core/orders/ledger.ts";
import { exposureOfLife, sellableShares } from "../../../core/orders/ledger_exposure.ts";
import { newOrderLife } from "../../../core/orders/lifecycle.ts";
import type { Fill } from "../../../core/orders/lifecycle_types.ts";
import { formatUsdc, type Ms, notional, type Price, type Shares, type Usdc } from "../../../core/units.ts";
import { COND, DOWN, T0, UP } from "./lifecycle_model.ts";

const fill = (id: string, change: Partial<Fill> = {}): Fill => {
  const size = change.size ?? 10_000_000 as Shares;
  const price = change.price ?? 4000 as Price;
  return {
    id,
    tradeId: id,
    at: T0 as Ms,
    hash: "0x1",
    conditionId: COND,
    token: UP,
    outcome: "up",
    side: "buy",
    price,
    size,
    cash: notional(size, price),
    fee: 168_000 as Usdc,
    liquidity: "taker",
    ...change,
  };
};

const fills: fc.Arbitrary<Fill> = fc.record({
  size: fc.integer({ min: 1, max: 50_000_000 }),
  price: fc.integer({ min: 1, max: 9999 }),
  fee: fc.integer({ min: 0, max: 100_000 }),
  side: fc.constantFrom("buy" as const, "sell" as const),
  up: fc.boolean(),
}).map(({ size, price, fee, side, up }) =>
  fill("", {
    size: size as Shares,
    price: price as Price,
    fee: fee as Usdc,
    side,
    token: up ? UP : DOWN,
    outcome: up ? "up" : "down",
  })
);

/** Figures of a ledger, for comparing. */
const figures = (ledgers: Ledgers) =>
  JSON.stringify([
    ...(["provisional", "final"] as const).map((name) => {
      const { cash, fees, tokens } = ledgers[name];
      const rows = [...tokens].filter(([, s]) => s.bought > 0 || s.sold > 0).sort(([a], [b]) =>
        a < b ? -1 : 1
      );
      return { cash, fees, rows, pnl: pnlOf(ledgers, ledgers[name]) };
    }),
    ledgers.pendingOut,
  ]);

Deno.test("fills are provisional until confirmed, and a failed one leaves no trace, whatever was posted in between", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fills, fc.constantFrom<Stage>("provisional", "final", "undone")), { maxLength: 12 }),
      fc.nat(),
      (list, seed) => {
        const told = newLedgers(1e9 as Usdc);
        for (const [i, [f]] of list.entries()) postFill(told, { ...f, id: `f${i}` }, "provisional");
        const order = list.map((_, i) => i).sort((a, b) => (a * 7919 + seed) % 13 - (b * 7919 + seed) % 13);
        for (const i of order) postFill(told, { ...list[i]![0], id: `f${i}` }, list[i]![1]);
        // As if the failed ones had never been.
        const clean = newLedgers(1e9 as Usdc);
        for (const [i, [f, stage]] of list.entries()) {
          if (stage !== "undone") {
            postFill(clean, { ...f, id: `f${i}` }, stage);
          }
        }
        assert.equal(figures(told), figures(clean));
        for (const [i, [f, stage]] of list.entries()) {
          assert.equal(
            postFill(told, { ...f, id: `f${i}` }, stage),
            false,
          );
        }
        assert.equal(figures(told), figures(clean), "posting the same again changes nothing");
      },
    ),
  );
});

Deno.test("nothing is made or lost: cash, fees, claims and profit add up in both ledgers", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fills, fc.boolean()), { maxLength: 12 }), fc.boolean(), (list, upWins) => {
      const ledgers = newLedgers(1e9 as Usdc);
      for (const [i, [f, final]] of list.entries()) {
        postFill(ledgers, { ...f, id: `f${i}` }, final ? "final" : "provisional");
      }
      resolve(ledgers, COND, upWins ? "up" : "down");
      for (const name of ["provisional", "final"] as const) {
        const book = ledgers[name];
        const counted = list.filter(([, final]) => name === "provisional" || final).map(([f]) => f);
        const cash = counted.reduce((sum, f) => sum + cashOf(fillEntry(f)), 0);
        assert.equal(book.cash, 1e9 + cash);
        assert.equal(book.fees, counted.reduce((sum, f) => sum + f.fee, 0));
        // A resolved window's result is its cash and what its winning shares are worth.
        const winner = counted.filter((f) => (f.outcome === "up") === upWins);
        const shares = winner.reduce((sum, f) => sum + (f.side === "buy" ? f.size : -f.size), 0);
        assert.equal(pnlOf(ledgers, book), cash + shares);
        assert.equal(claimsOf(ledgers, book), Math.max(0, shares));
        assert.deepEqual(positionsOf(ledgers, book), []);
      }
    }),
  );
});

Deno.test("a final fill cannot be undone, and an undone one does not come back", () => {
  const ledgers = newLedgers(1e8 as Usdc);
  postFill(ledgers, fill("a"), "final");
  const before = figures(ledgers);
  assert.equal(postFill(ledgers, fill("a"), "undone"), false);
  postFill(ledgers, fill("b"), "undone");
  assert.equal(postFill(ledgers, fill("b"), "final"), false);
  assert.equal(figures(ledgers), before);
});

Deno.test("positions carry their average cost and fees; a sale's profit is measured against them", () => {
  const ledgers = newLedgers(1e8 as Usdc);
  postFill(ledgers, fill("a"), "final");
  postFill(ledgers, fill("b", { price: 6000 as Price, cash: 6_000_000 as Usdc }), "final");
  postFill(
    ledgers,
    fill("c", { side: "sell", price: 7000 as Price, cash: 7_000_000 as Usdc, fee: 147_000 as Usdc }),
    "final",
  );
  const [held] = positionsOf(ledgers, ledgers.final);
  assert.deepEqual([held?.shares, held?.cost, held?.fees], [10_000_000, 5_000_000, 168_000]);
  const window = windowOf(ledgers, ledgers.final, COND);
  assert.equal(window.pnl, 7_000_000 - 147_000 - 5_000_000 - 168_000);
  assert.deepEqual([window.fills, window.volume, window.fees], [3, 17_000_000, 483_000]);
});

Deno.test("winning shares are a claim until they are redeemed; then they are cash, once", () => {
  const ledgers = newLedgers(1e8 as Usdc);
  postFill(ledgers, fill("a"), "final");
  assert.equal(resolve(ledgers, COND, "up"), "new");
  assert.equal(resolve(ledgers, COND, "up"), "known");
  assert.equal(resolve(ledgers, COND, "down"), "conflict");
  assert.equal(claimsOf(ledgers, ledgers.final), 10_000_000);
  const pnl = pnlOf(ledgers, ledgers.final);
  const redeem: Entry = {
    id: "redeem:1",
    kind: "redeem",
    at: T0 as Ms,
    transfer: 0 as Usdc,
    parts: [{
      token: UP,
      conditionId: COND,
      outcome: "up",
      flow: "redeemed",
      shares: 10_000_000 as Shares,
      cash: 10_000_000 as Usdc,
      fee: 0 as Usdc,
    }],
  };
  post(ledgers, redeem, "provisional");
  post(ledgers, redeem, "final");
  assert.equal(post(ledgers, redeem, "final"), false);
  assert.equal(claimsOf(ledgers, ledgers.final), 0);
  assert.equal(pnlOf(ledgers, ledgers.final), pnl);
  assert.equal(formatUsdc(ledgers.final.cash), "105.832000");
});

Deno.test("the fee the chain charged replaces the estimate in both ledgers", () => {
  const ledgers = newLedgers(1e8 as Usdc);
  postFill(ledgers, fill("a"), "provisional");
  assert.ok(correctFee(ledgers, "a", 170_000 as Usdc));
  assert.equal(correctFee(ledgers, "a", 170_000 as Usdc), false);
  postFill(ledgers, fill("a"), "final");
  assert.equal(ledgers.final.fees, 170_000);
  assert.equal(ledgers.final.cash, 1e8 - 4_170_000);
  assert.equal(ledgers.pendingOut, 0);
});

Deno.test("exposure counts purchases from the match on and sales only once confirmed", () => {
  const ledgers = newLedgers(1e8 as Usdc);
  const life = newOrderLife();
  postFill(ledgers, fill("a"), "provisional");
  const bought = exposureOfLife(COND, life, ledgers);
  assert.deepEqual([bought.freeCash, bought.windowExposure], [1e8 - 4_168_000, 4_168_000]);
  assert.equal(sellableShares(UP, life, ledgers), 0, "only settled shares may be sold");
  postFill(ledgers, fill("a"), "final");
  assert.equal(sellableShares(UP, life, ledgers), 10_000_000);
  const sale = fill("s", {
    side: "sell",
    price: 9000 as Price,
    cash: 9_000_000 as Usdc,
    fee: 63_000 as Usdc,
  });
  postFill(ledgers, sale, "provisional");
  const selling = exposureOfLife(COND, life, ledgers);
  assert.deepEqual([selling.freeCash, selling.windowExposure], [1e8 - 4_168_000, 4_168_000]);
  assert.equal(sellableShares(UP, life, ledgers), 0);
  postFill(ledgers, sale, "final");
  const sold = exposureOfLife(COND, life, ledgers);
  assert.deepEqual([sold.freeCash, sold.windowExposure], [1e8 - 4_168_000 + 8_937_000, 0]);
});

Deno.test("forgotten ids keep their sums", () => {
  const ledgers = newLedgers(1e8 as Usdc);
  postFill(ledgers, fill("a"), "final");
  postFill(ledgers, fill("b"), "provisional");
  const before = figures(ledgers);
  forgetEntries(ledgers, (T0 + 1) as Ms);
  assert.equal(figures(ledgers), before);
  assert.deepEqual([...ledgers.posted.keys()], ["b"]);
  assert.equal(heldOf(ledgers.provisional.tokens.get(UP)!), 20_000_000);
});
