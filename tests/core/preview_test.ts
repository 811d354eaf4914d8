import assert from "node:assert/strict";
import type { Event, SubmitIntent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { CLOSE, WANT_DOWN, WANT_UP } from "../../core/policy/policy.ts";
import {
  bothBooks,
  clock,
  dollars,
  engineRig,
  filled,
  lots,
  p,
  planned,
  START,
  UP,
  windowEvent,
} from "./helpers.ts";

const T = START + 60_000;
const market = (bid: number, ask: number, t = T - 10): Event[] => [
  ...bothBooks(t, [[bid, 1000]], [[ask, 1000]]),
];
const termsOf = ({ token, side, orderType, limit, size, spend }: SubmitIntent) =>
  [token, side, orderType, limit, size, spend] as const;
const opening = [windowEvent(START), ...market(0.5, 0.51)];

Deno.test("what is previewed is, term for term, the order that a wish becomes at that price; no id is used up", () => {
  for (const action of [WANT_UP, WANT_DOWN] as const) {
    for (const moved of [-2, -1, 0, 1, 2]) {
      const rig = engineRig({ policy: planned([{ from: T + 200, action }]) });
      rig.run([...opening, clock(T + 100)]);
      const drafts = rig.engine.preview([moved]);
      assert.ok(drafts.every(({ orderId }) => orderId === ""));
      const by = moved / 100 * (action === WANT_UP ? 1 : -1);
      const [order] = rig.run([...market(0.5 + by, 0.51 + by, T + 150), clock(T + 200)]);
      assert.ok(order?.type === "submit");
      assert.equal(order.orderId, "o1");
      const found = drafts.map(termsOf).find(([token, , , limit]) =>
        token === order.token && limit === order.limit
      );
      assert.deepEqual(found, termsOf(order));
    }
  }
});

Deno.test("while something is held the sale is previewed, and nothing else", () => {
  const rig = engineRig({
    policy: planned([{ from: T, action: WANT_UP }, { from: T + 300, action: CLOSE }]),
  });
  rig.run([...opening, clock(T), ...filled(T + 50, "o1", "buy", 0.51, 40), clock(T + 200)]);
  const [draft, ...more] = rig.engine.preview([0]);
  assert.deepEqual(more, []);
  assert.deepEqual(termsOf(draft!), [UP, "sell", "FAK", p(0.49), lots(40), 0]);
  const [order] = rig.run([...market(0.5, 0.51, T + 290), clock(T + 300)]);
  assert.ok(order?.type === "submit");
  assert.deepEqual(termsOf(order), termsOf(draft!));
});

Deno.test("nothing is previewed beyond the range of prices, without a price, or outside of a window", () => {
  const rig = engineRig();
  rig.run([windowEvent(START), ...market(0.97, 0.98), clock(T)]);
  const limits = rig.engine.preview([0, 1, 2, 50, -60]).filter(({ token }) => token === UP).map(({ limit }) =>
    limit
  );
  // One tick of slippage above an ask of 0.98, of 0.99 and of 0.38; a price of one tick more is none.
  assert.deepEqual(limits, [p(0.99), p(0.99), p(0.39)]);
  const empty = engineRig();
  empty.run([windowEvent(START), clock(T)]);
  assert.deepEqual(empty.engine.preview([0, 1]), []);
  const before = engineRig();
  before.run([
    windowEvent(START - 6_000, { startMs: START as Ms }),
    ...market(0.5, 0.51, START - 5_000),
    clock(START - 4_000),
  ]);
  assert.deepEqual(before.engine.preview([0]), []);
});

Deno.test("a preview changes nothing: the same events decide the same with and without it", () => {
  const run = (look: boolean) => {
    const rig = engineRig({
      policy: planned([{ from: T, action: WANT_UP }, { from: T + 400, action: CLOSE }]),
      sizing: { mode: "fixed", amount: dollars(25) },
    });
    const events: Event[] = [
      ...opening,
      clock(T),
      ...filled(T + 50, "o1", "buy", 0.51, 40),
      ...market(0.52, 0.53, T + 150),
      clock(T + 400),
    ];
    for (const event of events) {
      rig.run([event]);
      if (look) rig.engine.preview([0, 1, -1]);
    }
    return rig.decisions;
  };
  assert.ok(run(false).length === 2);
  assert.deepEqual(run(true), run(false));
});
