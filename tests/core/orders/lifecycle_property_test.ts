import assert from "node:assert/strict";
import fc from "fast-check";
import { heldOf, newLedgers, postFill } from "../../../core/orders/ledger.ts";
import { blockedCash, blockedShares, exposureOfLife } from "../../../core/orders/ledger_exposure.ts";
import { applyInput, newOrderLife } from "../../../core/orders/lifecycle.ts";
import { matchedOf } from "../../../core/orders/lifecycle_ask.ts";
import { isEnded } from "../../../core/orders/lifecycle_table.ts";
import {
  type LifeInput,
  type LifeState,
  type OrderLife,
  TRADE_STATES,
  type TradeState,
} from "../../../core/orders/lifecycle_types.ts";
import { readTrade } from "../../../core/orders/lifecycle_wire.ts";
import { type Ms, type Usdc } from "../../../core/units.ts";
import { COND, fates, play, SENT, SETTLED, T0, type Truth, UP } from "./lifecycle_model.ts";

/** How a state reads at the venue. */
const CLASS: Record<LifeState, string> = {
  created: "open",
  sent: "open",
  unknown: "open",
  delayed: "open",
  live: "open",
  "partly-filled": "open",
  cancelling: "open",
  filled: "MATCHED",
  cancelled: "CANCELED",
  expired: "CANCELED",
  rejected: "absent",
};
const truthClass = ({ status }: Truth) =>
  status === null ? "absent" : status === "LIVE" ? "open" : status === "INVALID" ? "CANCELED" : status;

/** Shuffles by random keys, drops and doubles. */
const deliveries = fc.array(
  fc.record({ key: fc.nat(1_000_000), copies: fc.constantFrom(0, 1, 1, 1, 2), again: fc.nat(1_000_000) }),
  { minLength: 200, maxLength: 200 },
);

function deliver(
  inputs: readonly LifeInput[],
  plan: readonly { readonly key: number; readonly copies: number; readonly again: number }[],
): LifeInput[] {
  const keyed = inputs.flatMap((input, i) => {
    const { key, copies, again } = plan[i % plan.length]!;
    return copies === 0 ? [] : copies === 1 ? [{ input, key }] : [{ input, key }, { input, key: again }];
  });
  return keyed.sort((a, b) => a.key - b.key).map(({ input }) => input);
}

Deno.test("whatever comes late, twice or never: after reconciling, orders and money are the venue's, and no step lies", () => {
  fc.assert(
    fc.property(fc.array(fates, { minLength: 1, maxLength: 4 }), deliveries, (list, plan) => {
      const truths = list.map(play);
      const life: OrderLife = newOrderLife();
      const ledgers = newLedgers(1_000_000_000 as Usdc);
      const postings = new Set<string>();
      const seenTrades = new Map<string, TradeState>();
      const step = (input: LifeInput) => {
        const before = new Map(life.orders);
        for (const action of applyInput(life, input)) {
          if (action.type === "fill") {
            postFill(ledgers, action.fill, action.stage);
            const posting = `${action.fill.id} ${action.stage}`;
            assert.ok(!postings.has(posting), `${posting} twice`);
            postings.add(posting);
          }
          assert.notEqual(action.type === "alarm" ? action.code : "", "TRADE_CHANGED");
        }
        const open = [...life.orders.values()].filter((order) => !isEnded(order.state) || order.disputed);
        assert.equal(life.orders.open, open.length);
        for (const [hash, order] of before) {
          const now = life.orders.get(hash)!;
          if (isEnded(order.state)) assert.ok(isEnded(now.state), `${order.state} -> ${now.state}`);
          assert.ok(now.shown >= order.shown && now.told >= order.told);
        }
        for (const trade of life.trades.values()) {
          const was = seenTrades.get(trade.id);
          if (was === "confirmed" || was === "failed") assert.equal(trade.state, was);
          if (was !== undefined) {
            assert.ok(
              TRADE_STATES.indexOf(trade.state) >= TRADE_STATES.indexOf(was),
              `${was} -> ${trade.state}`,
            );
          }
          seenTrades.set(trade.id, trade.state);
        }
      };
      /** Never less than the venue may still take, whatever has been heard so far. */
      const blocksEnough = () => {
        for (const { terms, open } of truths) {
          const order = life.orders.get(terms.hash);
          if (!open || order === undefined) continue;
          const wanted = terms.side === "buy" ? terms.costBound - order.toldCash : terms.size - order.told;
          const blocked = terms.side === "buy" ? blockedCash(order) : blockedShares(order);
          assert.ok(blocked >= wanted, `${order.state} blocks ${blocked} of ${wanted}`);
        }
      };
      for (const { terms } of truths) {
        step({ type: "created", at: T0 as Ms, terms });
        step({ type: "sent", at: SENT as Ms, hash: terms.hash });
      }
      const wire = truths.flatMap((truth, i) => {
        const cancel: LifeInput[] = list[i]!.cancelAsked
          ? [{ type: "cancelAsked", at: (T0 + 900) as Ms, hash: truth.terms.hash }]
          : [];
        // Asked before the request had landed: proves nothing, whenever the answer comes.
        const early: LifeInput = {
          type: "lookup",
          at: (T0 + 1_500) as Ms,
          hash: truth.terms.hash,
          askedAt: (T0 + 500) as Ms,
          found: null,
        };
        return [early, ...truth.messages, ...(truth.reply === null ? [] : [truth.reply]), ...cancel];
      });
      for (const input of deliver(wire, plan)) {
        step(input);
        blocksEnough();
      }
      // Reconciliation: time passes, the venue is asked for every hash, and tells every trade.
      step({ type: "clock", at: SETTLED as Ms });
      for (const truth of truths) step(truth.lookup(SETTLED as Ms, (SETTLED + 1) as Ms));
      const tell = truths.flatMap(({ trades }) => trades);
      for (const { frame, last } of tell) {
        step({
          type: "trade",
          at: (SETTLED + 2) as Ms,
          trade: readTrade({ ...frame, status: `TRADE_STATUS_${last.toUpperCase()}` })!,
        });
      }
      for (const truth of truths) step(truth.lookup((SETTLED + 3) as Ms, (SETTLED + 4) as Ms));

      for (const truth of truths) {
        const order = life.orders.get(truth.terms.hash)!;
        assert.equal(
          CLASS[order.state],
          truthClass(truth),
          `${order.state} (${order.reason}) for ${truth.status}`,
        );
        assert.equal(matchedOf(order), truth.matched);
        assert.equal(order.told, truth.matched);
        assert.equal(order.disputed, false);
        if (!truth.open) assert.equal(blockedCash(order) + blockedShares(order), 0);
      }
      checkMoney(truths, ledgers, life);
    }),
    { numRuns: 1500 },
  );
});

function checkMoney(truths: readonly Truth[], ledgers: ReturnType<typeof newLedgers>, life: OrderLife): void {
  const shares = { provisional: 0, final: 0 };
  for (const { terms, trades } of truths) {
    const sign = terms.side === "buy" ? 1 : -1;
    for (const { last, size } of trades) {
      if (last !== "failed") shares.provisional += sign * size;
      if (last === "confirmed") shares.final += sign * size;
    }
  }
  for (const name of ["provisional", "final"] as const) {
    const sums = ledgers[name].tokens.get(UP);
    assert.equal(sums === undefined ? 0 : heldOf(sums), shares[name], name);
    const flows = sums === undefined ? 0 : sums.proceeds - sums.cost - sums.buyFees - sums.sellFees;
    assert.equal(ledgers[name].cash, ledgers.initialCash + flows, `${name} cash`);
  }
  const pending = truths.some(({ trades }) =>
    trades.some(({ last }) => last === "matched" || last === "mined")
  );
  if (!pending) assert.equal(ledgers.pendingOut, 0);
  const exposure = exposureOfLife(COND, life, ledgers);
  const open = truths.filter((truth) => truth.open && truth.terms.side === "buy");
  assert.ok(exposure.freeCash <= ledgers.final.cash);
  assert.equal(exposure.inFlight, truths.some((truth) => truth.open));
  if (open.length > 0) assert.ok(exposure.windowExposure > 0);
}
