import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ADDRESS_LIMITS,
  type BudgetRequest,
  cancelAllCost,
  newBudgets,
  observeBudget,
  SIGNER_TIERS,
  STANDARD_SIGNER,
  takeBudget,
  TIER_NAMES,
  tokensOf,
} from "../../../core/orders/buckets.ts";
import type { Ms } from "../../../core/units.ts";
import { createRateLimits } from "../../../fixtures/exchange/rate_limit.ts";

const T0 = 1_795_253_700_000;
const at = (offset: number) => (T0 + offset) as Ms;

const requests = fc.array(
  fc.record({
    route: fc.constantFrom<BudgetRequest["route"]>(
      "postOrder",
      "postOrders",
      "deleteOrder",
      "deleteOrders",
      "cancelMarket",
      "data",
    ),
    orders: fc.integer({ min: 1, max: 15 }),
    wait: fc.constantFrom(0, 0, 1, 5, 20, 100, 1_000, -50),
  }),
  { maxLength: 200 },
);

Deno.test("after anything that was admitted, one cancel-all of the open orders is still affordable", () => {
  fc.assert(
    fc.property(requests, (list) => {
      let budgets = newBudgets();
      let open = 0;
      let now = 0;
      for (const { route, orders, wait } of list) {
        now += wait;
        const count = route === "postOrder" || route === "deleteOrder"
          ? 1
          : route === "data"
          ? 0
          : Math.min(orders, 15);
        const taken = takeBudget(budgets, { route, orders: count }, open, at(now));
        if (taken.verdict.ok && route.startsWith("post")) open += count;
        // Cancels are not believed to have worked.
        budgets = taken.budgets;
        assert.ok(tokensOf(budgets, "cancels", at(now)) >= cancelAllCost(open));
        const all = takeBudget(budgets, { route: "cancelAll", orders: open }, open, at(now));
        assert.deepEqual(all.verdict, { ok: true, overdrawn: false });
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("what our budget of a tier lets through, the simulated venue takes on that tier, and uses it up", () => {
  for (const tier of TIER_NAMES) {
    for (const kind of ["orders", "cancels"] as const) {
      const venue = createRateLimits(tier);
      let budgets = newBudgets(SIGNER_TIERS[tier]);
      let sent = 0;
      for (let now = 0; now < 20_000; now++) {
        const route = kind === "orders" ? "postOrder" : "deleteOrder";
        const taken = takeBudget(budgets, { route, orders: 1 }, 0, at(now));
        budgets = taken.budgets;
        if (!taken.verdict.ok) continue;
        sent++;
        assert.ok(venue.take("us", kind, 1, now).ok, `${tier} ${kind} at ${now} ms`);
      }
      // The edge's limit of an address, 250 a second on the average, comes before those of the higher tiers.
      const allowed = Math.min(250, SIGNER_TIERS[tier][kind].perSecond) * 20;
      assert.ok(sent >= allowed, `${tier}: ${sent} ${kind}`);
    }
  }
});

Deno.test("in no window are more orders admitted than burst and rate allow", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.nat(80)), { maxLength: 300 }),
      (list) => {
        let budgets = newBudgets();
        let now = 0;
        const admitted: { at: number; n: number }[] = [];
        for (const [orders, wait] of list) {
          now += wait;
          const taken = takeBudget(budgets, { route: "postOrders", orders }, 0, at(now));
          budgets = taken.budgets;
          if (taken.verdict.ok) admitted.push({ at: now, n: orders });
        }
        const { perSecond, burst } = STANDARD_SIGNER.orders;
        for (const from of admitted) {
          for (const to of admitted) {
            if (to.at < from.at) continue;
            const sum = admitted.filter((a) => a.at >= from.at && a.at <= to.at).reduce((s, a) => s + a.n, 0);
            assert.ok(sum <= burst + (to.at - from.at) * perSecond / 1000 + 1e-9);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("the address budget never passes a route's limit in any ten seconds", () => {
  let budgets = newBudgets();
  const times: number[] = [];
  for (let now = 0; now < 60_000; now += 2) {
    const taken = takeBudget(budgets, { route: "data", orders: 0 }, 0, at(now));
    budgets = taken.budgets;
    if (taken.verdict.ok) times.push(now);
  }
  const limit = ADDRESS_LIMITS.data[0]!.limit;
  let most = 0;
  for (let i = 0, from = 0; i < times.length; i++) {
    while (times[i]! - times[from]! > 10_000) from++;
    most = Math.max(most, i - from + 1);
  }
  assert.ok(most <= limit && most > limit * 0.9, `${most} of ${limit}`);
});

Deno.test("a refusal changes nothing, says how long to wait, and the wait is enough", () => {
  let budgets = newBudgets();
  for (let i = 0; i < 60; i++) {
    budgets = takeBudget(budgets, { route: "postOrder", orders: 1 }, 0, at(0)).budgets;
  }
  const refused = takeBudget(budgets, { route: "postOrder", orders: 1 }, 0, at(0));
  assert.equal(refused.budgets, budgets);
  assert.deepEqual(refused.verdict, { ok: false, waitMs: 25, bucket: "orders" });
  assert.equal(takeBudget(budgets, { route: "postOrder", orders: 1 }, 0, at(24)).verdict.ok, false);
  assert.equal(takeBudget(budgets, { route: "postOrder", orders: 1 }, 0, at(25)).verdict.ok, true);
});

Deno.test("an order too many to be cancelled at once can never pass; a cancel-all passes even overdrawn", () => {
  const budgets = newBudgets();
  assert.deepEqual(takeBudget(budgets, { route: "postOrder", orders: 1 }, 118, at(0)).verdict.ok, true);
  assert.deepEqual(takeBudget(budgets, { route: "postOrder", orders: 1 }, 119, at(0)).verdict, {
    ok: false,
    waitMs: null,
    bucket: "cancels",
  });
  const all = takeBudget(budgets, { route: "cancelAll", orders: 150 }, 150, at(0));
  assert.deepEqual(all.verdict, { ok: true, overdrawn: true });
  assert.equal(tokensOf(all.budgets, "cancels", at(0)), -31);
});

Deno.test("the venue's own count and its waits are obeyed when they are stricter", () => {
  let budgets = observeBudget(newBudgets(), { kind: "orders", remaining: 3 }, at(0));
  assert.equal(tokensOf(budgets, "orders", at(0)), 3);
  budgets = observeBudget(budgets, { kind: "orders", remaining: 50 }, at(0));
  assert.equal(tokensOf(budgets, "orders", at(0)), 3, "a friendlier count is not believed");
  budgets = observeBudget(budgets, { kind: "orders", retryAfterMs: 2_000 }, at(0));
  assert.deepEqual(takeBudget(budgets, { route: "postOrder", orders: 1 }, 0, at(1_000)).verdict, {
    ok: false,
    waitMs: 1_000,
    bucket: "venue",
  });
  assert.equal(takeBudget(budgets, { route: "deleteOrder", orders: 1 }, 1, at(1_000)).verdict.ok, true);
  assert.equal(takeBudget(budgets, { route: "postOrder", orders: 1 }, 0, at(2_000)).verdict.ok, true);
});
