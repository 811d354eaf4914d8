/** The simulated venue's own matching and the exchange model on the same order flow. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Ladder } from "../../../fixtures/market/ladder.ts";
import type { PitOrder } from "../../fixtures/exchange/harness.ts";
import {
  endings,
  modelMatches,
  type Pair,
  pair,
  type PublicTrade,
  venueMatches,
} from "./agreement_harness.ts";

/**
 * Our orders never meet each other: bids stay at or below this price, offers above it. The model has our orders in no
 * book; the venue would match them (there is no self-trade prevention).
 */
const WALL = 5_000;

interface Background {
  bids: Map<number, number>;
  asks: Map<number, number>;
}
const ladderOf = ({ bids, asks }: Background): Ladder => ({
  bids: [...bids].filter(([, size]) => size > 0).sort((a, b) => b[0] - a[0]).flat(),
  asks: [...asks].filter(([, size]) => size > 0).sort((a, b) => a[0] - b[0]).flat(),
});
const side = (best: number, direction: 1 | -1, sizes: readonly number[]): Map<number, number> =>
  new Map(sizes.map((size, i) => [best + direction * 100 * i, size]));

const sizes = fc.array(fc.integer({ min: 1, max: 6_000 }), { minLength: 1, maxLength: 5 });
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("order" as const),
        token: fc.constantFrom("up", "down" as const),
        side: fc.constantFrom("buy", "sell" as const),
        type: fc.constantFrom("GTC", "GTC", "GTC", "FAK", "FOK" as const),
        postOnly: fc.boolean(),
        away: fc.constantFrom(0, 0, 0, 1, 1, 2, 4),
        size: fc.integer({ min: 500, max: 3_000 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("trade" as const),
        side: fc.constantFrom("buy", "sell" as const),
        size: fc.integer({ min: 1, max: 6_000 }),
        told: fc.constantFrom("up", "down", "both" as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("level" as const),
        bid: fc.boolean(),
        depth: fc.integer({ min: 0, max: 4 }),
        size: fc.integer({ min: 1, max: 6_000 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("move" as const),
        bid: fc.integer({ min: 46, max: 52 }),
        gap: fc.integer({ min: 1, max: 3 }),
        bids: sizes,
        asks: sizes,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(20) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 160 }) }),
    },
  ),
  { minLength: 20, maxLength: 45, size: "max" },
);
type Step = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;

function orderOf(step: Extract<Step, { kind: "order" }>, index: number): PitOrder {
  const bidsForUp = (step.side === "buy") === (step.token === "up");
  const upPrice = bidsForUp ? WALL - 100 * step.away : WALL + 100 * (step.away + 1);
  const price = step.token === "up" ? upPrice : 10_000 - upPrice;
  const limit = step.type === "GTC";
  return {
    who: index % 3,
    token: step.token,
    side: step.side,
    price,
    size: step.size,
    type: step.type,
    postOnly: limit && step.postOnly,
  };
}

/** A market whose trades and ladders fit each other: a trade takes from the best level, and the next step shows it. */
function play(p: Pair, background: Background, played: readonly Step[]): void {
  const { bids, asks } = background;
  for (const step of played) {
    switch (step.kind) {
      case "order":
        p.send(orderOf(step, p.ids.length));
        break;
      case "cancel":
        p.cancel(step.which);
        break;
      case "wait":
        p.advance(step.ms);
        break;
      case "trade": {
        const met = step.side === "buy" ? asks : bids;
        const best = ladderOf(background)[step.side === "buy" ? "asks" : "bids"][0];
        if (best === undefined) break;
        const size = Math.min(step.size, met.get(best)!);
        const trade: PublicTrade = { side: step.side, price: best, size, told: step.told };
        p.step({ trades: [trade] });
        met.set(best, met.get(best)! - size);
        p.step({ ladder: ladderOf(background) });
        break;
      }
      case "level": {
        const levels = ladderOf(background)[step.bid ? "bids" : "asks"];
        const price = levels[2 * step.depth];
        if (price !== undefined) (step.bid ? bids : asks).set(price, step.size);
        p.step({ ladder: ladderOf(background) });
        break;
      }
      case "move": {
        bids.clear();
        asks.clear();
        for (const [price, size] of side(step.bid * 100, -1, step.bids)) bids.set(price, size);
        for (const [price, size] of side((step.bid + step.gap) * 100, 1, step.asks)) asks.set(price, size);
        p.step({ ladder: ladderOf(background) });
        break;
      }
    }
  }
  p.step();
  p.step();
  p.step();
}

const book = (): Background => ({
  bids: side(4_900, -1, [3_000, 4_000, 5_000]),
  asks: side(5_100, 1, [3_000, 4_000, 5_000]),
});

Deno.test("venue and model agree on every fill, fee and ending of the same order flow, to the millionth", () => {
  let fills = 0;
  let makers = 0;
  fc.assert(
    fc.property(steps, (played) => {
      const background = book();
      const p = pair(ladderOf(background));
      play(p, background, played);
      const venue = venueMatches(p);
      assert.deepEqual(modelMatches(p), venue);
      const { venue: there, model: here } = endings(p);
      assert.deepEqual(here, there);
      fills += venue.size;
      makers += [...venue.keys()].filter((key) => key.includes("maker")).length;
    }),
    { numRuns: 250, seed: 20_261_121 },
  );
  assert.ok(fills > 500 && makers > 100, `the flows trade: ${fills} fills, ${makers} as a maker`);
});
