import assert from "node:assert/strict";
import { newFeatureVector } from "../../core/features/vector.ts";
import { HOLD, type MarketView, WANT_DOWN, WANT_UP } from "../../core/policy/policy.ts";
import { seededRandom } from "../../core/random.ts";
import { encodeFloats, Network } from "../../models/kernel/kernel.ts";
import { initialise } from "../../models/networks/initialise.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import type { NetworkSpec } from "../../models/networks/spec.ts";
import { TEMPORAL_ACTOR } from "../../models/networks/temporal.ts";
import { openModel, type PpoModel } from "../../models/ppo/model.ts";
import { Normaliser } from "../../models/ppo/normalise.ts";
import { PPO_POLICY_DEFAULTS, ppoPolicy } from "../../models/ppo/policy.ts";
import { instrument, p, START } from "../core/helpers.ts";

function modelOf(network: NetworkSpec, seed = 1): PpoModel {
  const random = seededRandom(seed);
  const built = new Network(network, { maxRows: 1, training: false });
  initialise(built, random, 2);
  const normaliser = new Normaliser(18);
  for (let i = 0; i < 50; i++) {
    normaliser.update(Float32Array.from({ length: 18 }, () => 2 * random() - 1), 0);
  }
  return {
    format: "poly-edge-policy-1",
    network,
    weights: encodeFloats(built.weights()),
    normaliser: normaliser.snapshot(),
    trainedSteps: 0,
  };
}

function viewOf(market: number, tick: number): MarketView {
  const random = seededRandom(1000 * market + tick);
  const features = newFeatureVector();
  for (let i = 0; i < 18; i++) {
    features.values[i] = random() < 0.1 ? NaN : 2 * random() - 1;
    features.present[i] = Number.isNaN(features.values[i]) ? 0 : 1;
  }
  return {
    now: START + 500 * tick,
    instrument: instrument({ conditionId: `0x${market}` }),
    timeRemaining: 0.5,
    upBid: p(0.50),
    upAsk: p(0.51),
    downBid: p(0.49),
    downAsk: p(0.50),
    upMid: 0.505,
    velocity: 0,
    fairUp: NaN,
    features,
    side: 0,
    probabilityUp: NaN,
  };
}

Deno.test("all windows in one call are decided as each by itself, plain and temporal", () => {
  for (const spec of [SEED_ACTOR, TEMPORAL_ACTOR]) {
    const [together, apart] = [ppoPolicy(modelOf(spec)), ppoPolicy(modelOf(spec))];
    const actions = new Int32Array(8);
    const seen = new Set<number>();
    for (let tick = 0; tick < 40; tick++) {
      const views = Array.from({ length: 8 }, (_, market) => viewOf(market, tick));
      together.batch.decide(views, 8, actions);
      views.forEach((view, market) => {
        assert.equal(apart.decide(view), actions[market]);
        for (let a = 0; a < 3; a++) assert.equal(apart.probability(0, a), together.probability(market, a));
      });
      actions.forEach((action) => seen.add(action));
    }
    assert.deepEqual([...seen].sort(), [HOLD, WANT_UP, WANT_DOWN]);
  }
});

Deno.test("asked twice about one instant, a temporal policy says the same and its past is no longer", () => {
  const [once, twice] = [ppoPolicy(modelOf(TEMPORAL_ACTOR)), ppoPolicy(modelOf(TEMPORAL_ACTOR))];
  for (let tick = 0; tick < 12; tick++) {
    once.decide(viewOf(1, tick));
    twice.decide(viewOf(1, tick));
    twice.decide(viewOf(1, tick));
    for (let a = 0; a < 3; a++) assert.equal(once.probability(0, a), twice.probability(0, a));
  }
});

Deno.test("a window's past is its own, and the window asked longest ago gives way", () => {
  const options = { ...PPO_POLICY_DEFAULTS, maxMarkets: 2 };
  const policy = ppoPolicy(modelOf(TEMPORAL_ACTOR), options);
  const fresh = ppoPolicy(modelOf(TEMPORAL_ACTOR), options);
  const probabilities = (from: typeof policy) => [0, 1, 2].map((a) => from.probability(0, a));
  for (let tick = 0; tick < 3; tick++) {
    policy.decide(viewOf(1, tick));
    policy.decide(viewOf(2, tick));
  }
  policy.decide(viewOf(3, 5));
  fresh.decide(viewOf(3, 5));
  assert.deepEqual(probabilities(policy), probabilities(fresh), "a new window starts without a past");
  policy.decide(viewOf(2, 6));
  const kept = ppoPolicy(modelOf(TEMPORAL_ACTOR), options);
  for (const tick of [0, 1, 2, 6]) kept.decide(viewOf(2, tick));
  assert.deepEqual(probabilities(policy), probabilities(kept), "window 2 was kept");
});

Deno.test("an absent feature enters as 0, whatever lies in its place", () => {
  const [a, b] = [viewOf(1, 1), viewOf(1, 1)];
  a.features.present[4] = 0;
  a.features.values[4] = NaN;
  b.features.present[4] = 1;
  b.features.values[4] = 0;
  const policy = ppoPolicy(modelOf(SEED_ACTOR));
  policy.decide(a);
  const first = [0, 1, 2].map((action) => policy.probability(0, action));
  policy.decide({ ...b, now: b.now + 1 });
  assert.deepEqual([0, 1, 2].map((action) => policy.probability(0, action)), first);
});

Deno.test("drawing instead of the likeliest follows the seed", () => {
  const run = (seed: number) => {
    const policy = ppoPolicy(modelOf(SEED_ACTOR), { ...PPO_POLICY_DEFAULTS, random: seededRandom(seed) });
    return Array.from({ length: 60 }, (_, tick) => policy.decide(viewOf(1, tick))).join("");
  };
  assert.equal(run(1), run(1));
  assert.notEqual(run(1), run(2));
});

Deno.test("a model survives JSON, and one that is damaged or of another shape is refused", () => {
  const model = modelOf(SEED_ACTOR);
  const view = viewOf(1, 1);
  const [direct, read] = [ppoPolicy(model), ppoPolicy(JSON.parse(JSON.stringify(model)))];
  direct.decide(view);
  read.decide(view);
  assert.equal(direct.probability(0, 1), read.probability(0, 1));
  const refused = (changes: Partial<PpoModel>) =>
    assert.throws(() => ppoPolicy({ ...model, ...changes }), { code: "MODEL_INVALID" });
  refused({ weights: model.weights.slice(4) });
  refused({ weights: "!" });
  refused({ weights: encodeFloats(new Float32Array(19_331).fill(NaN)) });
  refused({ format: "other" as "poly-edge-policy-1" });
  refused({ normaliser: { count: 1, mean: [0], variance: [1] } });
  refused({ normaliser: { ...model.normaliser!, variance: Array(18).fill(-1) } });
  refused({ network: SEED_CRITIC, weights: encodeFloats(new Float32Array(19_073)) });
  assert.throws(() => openModel({ ...model, network: { ...SEED_ACTOR, layers: [] } }, 1), {
    code: "NETWORK_INVALID",
  });
});
