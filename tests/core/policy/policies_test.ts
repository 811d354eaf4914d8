import assert from "node:assert/strict";
import { OperationError } from "../../../core/errors.ts";
import { newFeatureVector } from "../../../core/features/vector.ts";
import { feePerShare } from "../../../core/market/fees.ts";
import { CLOSE_AT, NEAR_EXPIRY } from "../../../core/policy/baselines.ts";
import {
  type Action,
  CLOSE,
  HOLD,
  type MarketView,
  WANT_DOWN,
  WANT_UP,
} from "../../../core/policy/policy.ts";
import { makePolicy, POLICY_NAMES } from "../../../core/policy/registry.ts";
import { nextGaussian, seededRandom } from "../../../core/random.ts";
import { CRYPTO_FEE, instrument, p, START } from "../helpers.ts";

const view = (changes: Partial<MarketView> = {}): MarketView => ({
  now: START + 100_000,
  instrument: instrument(),
  timeRemaining: 0.5,
  upBid: p(0.50),
  upAsk: p(0.51),
  downBid: p(0.49),
  downAsk: p(0.50),
  upMid: 0.505,
  velocity: 0,
  fairUp: NaN,
  features: newFeatureVector(),
  side: 0,
  probabilityUp: NaN,
  ...changes,
});

const decide = (name: string, changes: Partial<MarketView> = {}): Action =>
  makePolicy(name, { seed: 1 }).decide(view(changes));

Deno.test("every registered policy has its own name, and an unknown one is refused as usage", () => {
  for (const name of POLICY_NAMES) assert.equal(makePolicy(name, { seed: 1 }).name, name);
  assert.deepEqual([...POLICY_NAMES].sort(), [
    "fade-spike",
    "fair-value",
    "gating",
    "hold",
    "mean-revert",
    "momentum",
    "random",
  ]);
  for (const name of ["", "rl", "toString", "__proto__", "Momentum"]) {
    assert.throws(() => makePolicy(name, { seed: 1 }), (error) => {
      assert.ok(error instanceof OperationError);
      assert.deepEqual([error.code, error.exit], ["STRATEGY_UNKNOWN", 2]);
      return true;
    });
  }
});

Deno.test("momentum follows a move of more than three cents in two seconds", () => {
  const at = (velocity: number) => decide("momentum", { velocity });
  assert.deepEqual([0.031, 0.03, 0, -0.03, -0.031, NaN].map(at), [
    WANT_UP,
    HOLD,
    HOLD,
    HOLD,
    WANT_DOWN,
    HOLD,
  ]);
});

Deno.test("mean-revert buys Up below 40 cents and Down above 60", () => {
  const at = (upMid: number) => decide("mean-revert", { upMid });
  assert.deepEqual([0.395, 0.40, 0.5, 0.60, 0.605, NaN].map(at), [
    WANT_UP,
    HOLD,
    HOLD,
    HOLD,
    WANT_DOWN,
    HOLD,
  ]);
});

Deno.test("fade-spike wants both the spike of five cents and the edge", () => {
  const at = ([velocity, upMid]: readonly [number, number]) => decide("fade-spike", { velocity, upMid });
  const cases = [
    [-0.051, 0.34],
    [-0.05, 0.34],
    [-0.051, 0.35],
    [0.051, 0.66],
    [0.05, 0.66],
    [0.051, 0.65],
    [0.1, 0.1],
    [-0.1, 0.9],
    [NaN, 0.1],
    [-0.1, NaN],
  ] as const;
  assert.deepEqual(cases.map(at), [WANT_UP, HOLD, HOLD, WANT_DOWN, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD]);
});

Deno.test("no baseline opens in the last 13.3 percent of a window; what is held at 3.3 percent is closed", () => {
  const eager = { velocity: -0.2, upMid: 0.1 };
  assert.deepEqual([NEAR_EXPIRY, CLOSE_AT], [0.133, 0.033]);
  for (const name of ["momentum", "mean-revert", "fade-spike", "gating"]) {
    const at = (timeRemaining: number, side: number) => decide(name, { ...eager, timeRemaining, side });
    assert.notEqual(at(0.133, 0), HOLD, name);
    assert.deepEqual([at(0.1329, 0), at(0.1329, 1), at(0.033, 1)], [HOLD, HOLD, HOLD], name);
    assert.deepEqual(
      [at(0.0329, 1), at(0.0329, -1), at(0.0329, 0), at(0, 1)],
      [CLOSE, CLOSE, HOLD, CLOSE],
      name,
    );
  }
  assert.equal(decide("random", { timeRemaining: 0.02, side: 1 }), CLOSE);
});

Deno.test("hold never acts, not even on what is held at the end", () => {
  for (const timeRemaining of [1, 0.1, 0.01]) {
    assert.equal(decide("hold", { velocity: 0.5, upMid: 0.1, timeRemaining, side: 1 }), HOLD);
  }
});

const draws = (seed: number, count: number): Action[] => {
  const policy = makePolicy("random", { seed });
  return Array.from({ length: count }, () => policy.decide(view()));
};

Deno.test("random repeats itself from its seed, differs between seeds, and is uniform over its three actions", () => {
  assert.deepEqual(draws(7, 200), draws(7, 200));
  assert.notDeepEqual(draws(7, 200), draws(8, 200));
  const counts = [0, 0, 0, 0];
  for (const action of draws(3, 9000)) counts[action]!++;
  assert.equal(counts[CLOSE], 0);
  // Four standard deviations of 9000 draws at one third are 179.
  for (const action of [HOLD, WANT_UP, WANT_DOWN]) {
    assert.ok(Math.abs(counts[action]! - 3000) < 179, `${counts}`);
  }
});

/** Features drawn by a seed, every third absent. */
function drawnView(i: number): MarketView {
  const random = seededRandom(1000 + i);
  const features = newFeatureVector();
  for (let k = 0; k < 18; k++) {
    features.present[k] = (k + i) % 3 === 0 ? 0 : 1;
    features.values[k] = features.present[k] === 1 ? nextGaussian(random) : NaN;
  }
  // Momentum says Up, mean-revert Down, fade-spike Hold: the answer names the expert.
  return view({ features, velocity: 0.04, upMid: 0.9, upBid: p(0.89), upAsk: p(0.91) });
}

Deno.test("gating is its seed: the same network for the same seed, others for others, and every expert gets its turn", () => {
  const answers = (seed: number) => {
    const policy = makePolicy("gating", { seed });
    return Array.from({ length: 60 }, (_, i) => policy.decide(drawnView(i)));
  };
  const all = Array.from({ length: 20 }, (_, seed) => answers(seed));
  for (const seed of [0, 5, 19]) assert.deepEqual(answers(seed), all[seed]);
  assert.ok(new Set(all.map((row) => row.join(""))).size > 10);
  assert.deepEqual([...new Set(all.flat())].sort(), [HOLD, WANT_UP, WANT_DOWN]);
});

Deno.test("gating reads an absent input as zero whatever its value says", () => {
  const policy = makePolicy("gating", { seed: 4 });
  for (let i = 0; i < 40; i++) {
    const drawn = drawnView(i);
    const before = policy.decide(drawn);
    for (let k = 0; k < 18; k++) if (drawn.features.present[k] === 0) drawn.features.values[k] = 1e9;
    assert.equal(policy.decide(drawn), before);
  }
});

const feeAt = (decimal: number): number => feePerShare(CRYPTO_FEE, p(decimal));

Deno.test("fair-value opens only when its edge is above the margin after the taker's fee", () => {
  const up = (fairUp: number) => decide("fair-value", { fairUp });
  // Up costs 0.51 + 0.017493, Down 0.50 + 0.0175; the default margin is 0.03.
  const upAt = 0.51 + feeAt(0.51) + 0.03;
  assert.deepEqual([up(upAt + 1e-6), up(upAt - 1e-6)], [WANT_UP, HOLD]);
  const downAt = 1 - (0.50 + feeAt(0.50) + 0.03);
  assert.deepEqual([up(downAt - 1e-6), up(downAt + 1e-6)], [WANT_DOWN, HOLD]);
  assert.deepEqual([up(NaN), up(0.5)], [HOLD, HOLD]);
  assert.ok(0.51 + 0.03 < upAt - 0.017, "the fee is a large part of the threshold");
});

Deno.test("fair-value takes the better side when a broken market offers both, and the only one when one is empty", () => {
  const cheap = { upAsk: p(0.30), downAsk: p(0.20), fairUp: 0.5 };
  assert.equal(decide("fair-value", cheap), WANT_DOWN);
  assert.equal(decide("fair-value", { ...cheap, upAsk: p(0.20), downAsk: p(0.30) }), WANT_UP);
  assert.equal(decide("fair-value", { ...cheap, downAsk: -1 }), WANT_UP);
  assert.equal(decide("fair-value", { ...cheap, upAsk: -1 }), WANT_DOWN);
  assert.equal(decide("fair-value", { ...cheap, upAsk: -1, downAsk: -1 }), HOLD);
  assert.equal(decide("fair-value", { ...cheap, instrument: instrument({ fee: null }) }), HOLD);
});

Deno.test("fair-value closes when the bid less the fee pays more than the model by its exit margin", () => {
  const offer = 0.80 - feeAt(0.80);
  const up = (fairUp: number) => decide("fair-value", { side: 1, upBid: p(0.80), fairUp });
  assert.deepEqual([up(offer - 0.02 - 1e-6), up(offer - 0.02 + 1e-6), up(0.99)], [CLOSE, HOLD, HOLD]);
  const down = (fairUp: number) => decide("fair-value", { side: -1, downBid: p(0.80), fairUp });
  assert.deepEqual([down(1 - offer + 0.02 + 1e-6), down(1 - offer + 0.02 - 1e-6)], [CLOSE, HOLD]);
  assert.equal(
    decide("fair-value", { side: 1, upBid: -1, fairUp: 0.01 }),
    HOLD,
    "no bid, nothing to sell to",
  );
});

Deno.test("fair-value states its probability and its needs, the baselines state none", () => {
  const policy = makePolicy("fair-value", { seed: 1, fairValue: { minEdge: 0.5, decideEveryMs: 250 } });
  const seen = view({ fairUp: 0.9 });
  assert.equal(policy.decide(seen), HOLD, "edge 0.37 is below the given margin");
  assert.equal(seen.probabilityUp, 0.9);
  assert.equal(policy.decideEveryMs, 250);
  assert.deepEqual(policy.needs, { fast: true, oracle: true, strike: true });
  for (const name of POLICY_NAMES.filter((known) => known !== "fair-value")) {
    const other = makePolicy(name, { seed: 1 });
    assert.deepEqual(
      [other.statesProbability, other.needs.fast, other.decideEveryMs],
      [false, false, 500],
      name,
    );
  }
});
