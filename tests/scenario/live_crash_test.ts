/** A small part of the crash drill, and that it can fail. The whole: `deno task drill:crash`. */
import assert from "node:assert/strict";
import type { Order } from "../../fixtures/exchange/order.ts";
import { createWallet, credit, PUSD } from "../../fixtures/exchange/ledger.ts";
import type { ExchangeState } from "../../fixtures/exchange/state.ts";
import { runCrashDrill } from "../../scripts/drill/crash_drill.ts";
import { isWhole } from "../../scripts/drill/crash_lane.ts";
import { CRASH_KINDS, type CrashPlan, planOf } from "../../scripts/drill/crash_plan.ts";
import { compareWith, countOf } from "../../scripts/drill/crash_truth.ts";
import type { JournalFacts } from "../../scripts/drill/journal_facts.ts";

const SEED = 41;

Deno.test("killed at each kind of instant: nothing lost, nothing doubled, the ledger is the venue's", async () => {
  const plans: CrashPlan[] = [];
  for (let run = 1; plans.length < CRASH_KINDS.length; run++) {
    const plan = planOf(SEED, run);
    if (!plans.some(({ kind }) => kind === plan.kind)) plans.push(plan);
  }
  const { outcomes, broken, folder } = await runCrashDrill({ plans, seed: SEED, lanes: 4, speed: 2 });
  try {
    assert.deepEqual(broken, []);
    assert.deepEqual(outcomes.filter((one) => !isWhole(one)), []);
    assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), [...CRASH_KINDS].sort());
    assert.ok(outcomes.some(({ orders }) => orders > 0));
    assert.ok(outcomes.some(({ onPoint, kind }) => onPoint && kind !== "random"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the same seed gives the same instants, another seed others", () => {
  const plans = (seed: number) => Array.from({ length: 50 }, (_, i) => planOf(seed, i + 1));
  assert.deepEqual(plans(3), plans(3));
  assert.notDeepEqual(plans(3), plans(4));
  const share = Array.from({ length: 1_000 }, (_, i) => planOf(1, i + 1).kind === "command line");
  assert.ok(share.filter(Boolean).length >= 100, "of the usual seed a tenth goes through the command line");
});

/** A venue with one order of a wallet, filled or not, and a journal that agrees with it. */
function agreed(status: Order["status"], matched: number) {
  const wallet = createWallet("0x01", 0, "0x02");
  credit(wallet, PUSD, 1_000);
  const listing = { upToken: "11", downToken: "12" };
  const order = {
    id: "0xAA",
    wallet,
    status,
    matched,
    place: { listing, outcome: "up" },
  } as unknown as Order;
  const state = {
    orders: new Map([[order.id, order]]),
    open: new Set<Order>(status === "LIVE" ? [order] : []),
    trades: new Map(),
  } as unknown as ExchangeState;
  const book = { cash: 1_000, tokens: {} };
  const facts: JournalFacts = {
    rows: 1,
    damage: null,
    intents: [{ hash: "0xaa", id: "0/a" }],
    orders: new Map([["0xaa", { state: "cancelled", told: 0, reason: null, isOver: true }]]),
    trades: 0,
    compacted: [],
    final: book,
    provisional: book,
  };
  return (change: Partial<JournalFacts>) =>
    compareWith(state, wallet, { ...facts, ...change }, 1_000).differences;
}

Deno.test("the comparison sees what is lost, doubled, believed, left open, miscounted or damaged", () => {
  const compare = agreed("CANCELED", 0);
  assert.equal(countOf(compare({})), 0);
  const none = compare({ intents: [], orders: new Map() });
  assert.deepEqual([none.lost.length, countOf(none)], [1, 1]);
  assert.equal(
    compare({ intents: [{ hash: "0xaa", id: "0/a" }, { hash: "0xbb", id: "0/a" }] }).doubled.length,
    1,
  );
  const believed = new Map([["0xbb", { state: "live", told: 0, reason: null, isOver: true } as const]]);
  assert.equal(
    compare({ orders: believed, intents: [{ hash: "0xaa", id: "0/a" }, { hash: "0xbb", id: "0/b" }] }).phantom
      .length,
    1,
  );
  const unknown = new Map([["0xaa", { state: "unknown", told: 0, reason: null, isOver: false } as const]]);
  assert.equal(compare({ orders: unknown }).phantom.length, 1);
  assert.equal(compare({ final: { cash: 999, tokens: {} } }).ledger.length, 2);
  assert.equal(compare({ provisional: { cash: 1_000, tokens: { "11": 1 } } }).ledger.length, 1);
  assert.equal(compare({ damage: "row 1" }).journal.length, 1);
  assert.equal(compare({ compacted: ["0xaa differs"] }).journal.length, 1);
  assert.equal(agreed("LIVE", 0)({}).open.length, 1);
  assert.equal(agreed("CANCELED", 5)({}).ledger.length, 1);
  const given = new Map([[
    "0xaa",
    { state: "rejected", told: 0, reason: "ORDER_ABSENT", isOver: true } as const,
  ]]);
  assert.equal(agreed("LIVE", 0)({ orders: given }).lost.length, 1);
});
