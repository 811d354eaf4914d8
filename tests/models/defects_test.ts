/**
 * The ten defects of the implementation that the networks come from, each with a test that shows ours has it not. The
 * venue's part (books, fills, features) lives in core/ and is tested there in depth; here stands one plain fact each.
 */
import assert from "node:assert/strict";
import { AssetState } from "../../core/features/asset_state.ts";
import { computeFeatures, FEATURE_NAMES, newFeatureVector } from "../../core/features/vector.ts";
import { WindowState } from "../../core/features/window_state.ts";
import { BID, OrderBook } from "../../core/market/book.ts";
import { seededRandom } from "../../core/random.ts";
import { Network } from "../../models/kernel/kernel.ts";
import { initialise } from "../../models/networks/initialise.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import type { NetworkSpec } from "../../models/networks/spec.ts";
import { TEMPORAL_ACTOR, TEMPORAL_CRITIC } from "../../models/networks/temporal.ts";
import { newRollout, type Rollout } from "../../models/ppo/buffer.ts";
import { Collector } from "../../models/ppo/collect.ts";
import type { VectorEnv } from "../../models/ppo/env.ts";
import { History } from "../../models/ppo/history.ts";
import { openModel } from "../../models/ppo/model.ts";
import { computeAdvantages } from "../../models/ppo/gae.ts";
import { REWARD_LIMIT, RewardScaler } from "../../models/ppo/normalise.ts";
import { Trainer } from "../../models/ppo/trainer.ts";
import { dollars, exchangeModel, fastTrade, fillsOf, instrument, levels, p } from "../core/helpers.ts";
import { bothBooks, lots, START, submit, windowEvent } from "../core/helpers.ts";
import type { Ms } from "../../core/units.ts";
import { bandit, clock, contextualBandit, QUICK, smallPair } from "./problems.ts";

const ROWS = 4;

/** Plays the clock with fresh networks and no normalisation, so that every stored number says where it is from. */
function play(
  options: { actor: NetworkSpec; critic: NetworkSpec; times: number; length: number },
  other?: VectorEnv,
  scaleRewards = false,
) {
  const { actor: actorSpec, critic: criticSpec, times, length } = options;
  const counted = clock(ROWS, length, actorSpec.features);
  const env = other ?? counted;
  const random = seededRandom(1);
  const actor = new Network(actorSpec, { maxRows: ROWS, training: true });
  const critic = new Network(criticSpec, { maxRows: ROWS, training: true });
  initialise(actor, random, 0.01);
  initialise(critic, random, 1);
  const plain = { normaliseObservations: false, scaleRewards, gamma: 0.9 };
  const collector = new Collector({ env, actor, critic, random, ...plain });
  collector.reset();
  const rollout = newRollout(ROWS, times, actor.plan.inputs);
  const sums = { rewards: 0, episodes: 0, returns: 0, lengths: 0 };
  collector.collect(rollout, sums);
  return { env: counted, actor, critic, rollout, sums };
}

const vectorOf = (rollout: Rollout, at: number): number[] => [
  ...rollout.input.subarray(at * rollout.inputs, (at + 1) * rollout.inputs),
];

Deno.test("defect 1, misaligned tuples: state, action, log-probability, value and reward are of one decision", () => {
  const { actor, critic, rollout } = play({ ...smallPair(2, 3), times: 10, length: 100 });
  for (let t = 0; t < 10; t++) {
    for (let row = 0; row < ROWS; row++) {
      const at = t * ROWS + row;
      assert.deepEqual(vectorOf(rollout, at), [row + 1, t]);
      assert.equal(rollout.rewards[at], 1000 * row + 10 * t + rollout.actions[at]!);
      actor.input.set([row + 1, t]);
      critic.input.set([row + 1, t]);
      actor.forward(1);
      critic.forward(1);
      assert.equal(rollout.logProbs[at], actor.output[rollout.actions[at]!]);
      assert.equal(rollout.values[at], critic.output[0]);
    }
  }
});

Deno.test("defect 2, doubled history: the five vectors are five different ticks, oldest first, zeros before", () => {
  const { rollout } = play({ actor: TEMPORAL_ACTOR, critic: TEMPORAL_CRITIC, times: 8, length: 100 });
  const ticks = (t: number) => {
    const vector = vectorOf(rollout, t * ROWS + 2);
    return [0, 1, 2, 3, 4].map((k) => [vector[18 * k], vector[18 * k + 1]]);
  };
  assert.deepEqual(ticks(0), [[0, 0], [0, 0], [0, 0], [0, 0], [3, 0]]);
  assert.deepEqual(ticks(2), [[0, 0], [0, 0], [3, 0], [3, 1], [3, 2]]);
  assert.deepEqual(ticks(7), [[3, 3], [3, 4], [3, 5], [3, 6], [3, 7]]);
});

Deno.test("defect 2, doubled history: a vector given twice is kept once, and rows do not mix", () => {
  const history = new History(2, 2, 3);
  for (const [row, value] of [[0, 1], [0, 1], [1, 9], [0, 2], [0, 2], [0, 3], [0, 4]] as const) {
    history.push(row, Float32Array.of(value, -value), 0);
  }
  const out = new Float32Array(6);
  history.write(0, undefined, out, 0);
  assert.deepEqual([...out], [2, -2, 3, -3, 4, -4]);
  history.write(1, undefined, out, 0);
  assert.deepEqual([...out], [0, 0, 0, 0, 9, -9]);
  history.reset(0);
  history.push(0, Float32Array.of(4, -4), 0);
  history.write(0, undefined, out, 0);
  assert.deepEqual([...out], [0, 0, 0, 0, 4, -4]);
});

Deno.test("defect 3, one trajectory over four markets: each market's advantages are those it has alone", () => {
  const { rollout } = play({ ...smallPair(2, 3), times: 12, length: 5 });
  computeAdvantages(rollout, 0.9, 0.95);
  for (let row = 0; row < ROWS; row++) {
    const alone = newRollout(1, 12, 2);
    for (let t = 0; t < 12; t++) {
      const at = t * ROWS + row;
      alone.rewards[t] = rollout.rewards[at]!;
      alone.values[t] = rollout.values[at]!;
      alone.terminated[t] = rollout.terminated[at]!;
      alone.truncated[t] = rollout.truncated[at]!;
      alone.cutValues[t] = rollout.cutValues[at]!;
    }
    alone.lastValues[0] = rollout.lastValues[row]!;
    computeAdvantages(alone, 0.9, 0.95);
    for (let t = 0; t < 12; t++) assert.equal(alone.advantages[t], rollout.advantages[t * ROWS + row]);
  }
});

Deno.test("defect 4, rewards centred by a running mean: nothing stays nothing, and a sign stays a sign", () => {
  const scaler = new RewardScaler(1, 0.99);
  const none = new Uint8Array(1);
  for (let i = 0; i < 500; i++) {
    const reward = i % 20 === 0 ? -3 : 0;
    scaler.update(Float64Array.of(reward), none, none);
    assert.equal(scaler.scale(0), 0);
    assert.ok(reward === 0 || scaler.scale(reward) < 0);
    assert.ok(scaler.scale(reward) >= -REWARD_LIMIT);
  }
  assert.ok(scaler.divisor > 0.5, "the scale follows the returns");
  // And so it is in what is stored: an arm pays 1 or nothing.
  const { rollout } = play({ ...smallPair(1, 3), times: 50, length: 1 }, bandit(2), true);
  const paid = rollout.rewards.filter((reward) => reward > 0).length;
  assert.ok(paid > 40 && paid < 160);
  assert.equal(rollout.rewards.filter((reward) => reward === 0).length, 200 - paid);
});

Deno.test("defect 5, stale books: a price change moves the best price at once", () => {
  const book = new OrderBook();
  book.replace(levels([[0.50, 100]]), levels([[0.52, 100]]));
  book.set(BID, p(0.51), lots(10));
  assert.equal(book.bestBid, p(0.51));
  book.set(BID, p(0.51), 0);
  assert.equal(book.bestBid, p(0.50));
});

Deno.test("defect 6, fills at the mid without cost: a purchase pays the ask, the fee, and waits", () => {
  const exchange = exchangeModel();
  exchange.observe(windowEvent(START));
  for (const event of bothBooks(START, [[0.40, 500]], [[0.60, 500]])) exchange.observe(event);
  exchange.submit(submit({ limit: p(0.60), spend: dollars(6) }), START as Ms);
  assert.deepEqual(fillsOf(exchange.advance((START + 1) as Ms)), []);
  const [fill] = fillsOf(exchange.advance((START + 5_000) as Ms));
  assert.equal(fill?.price, p(0.60));
  assert.ok(fill.fee > 0);
});

Deno.test("defect 7, dead inputs: vol_expansion moves, large_trade_flag fades, vol_5m looks at five minutes", () => {
  const asset = new AssetState();
  const window = new WindowState(instrument());
  const random = seededRandom(2);
  const seen: Record<string, Set<number>> = { vol_expansion: new Set(), large_trade_flag: new Set() };
  const vector = newFeatureVector();
  let price = 100_000;
  for (let s = 0; s < 5_000; s++) {
    const now = START - 5_000_000 + 1000 * s;
    price *= 1 + (s > 4_500 ? 1e-3 : 1e-4) * (random() - 0.5);
    asset.onPrice("binance-futures", price, now, now);
    asset.onTrade(fastTrade(now, price, s % 97 === 0 ? 50 : 1));
    if (s % 50 !== 0) continue;
    computeFeatures(vector, asset, window, { side: 0, pnlUsdc: 0 }, now);
    for (const [name, values] of Object.entries(seen)) {
      const value = vector.values[FEATURE_NAMES.indexOf(name as typeof FEATURE_NAMES[number])]!;
      if (!Number.isNaN(value)) values.add(value);
    }
  }
  // A jump of a minute ago is still seen; fifteen seconds would have forgotten it.
  for (let tick = 0; tick < 240; tick++) {
    const bid = tick < 120 ? 0.40 : 0.60;
    window.up.replace(levels([[bid, 100]]), levels([[bid + 0.01, 100]]));
    window.sampleMids(START + 500 * tick);
  }
  computeFeatures(vector, asset, window, { side: 0, pnlUsdc: 0 }, START + 120_000);
  assert.equal(vector.values[FEATURE_NAMES.indexOf("vol_5m")], 1);
  assert.ok(seen["vol_expansion"]!.size > 10);
  assert.ok(seen["large_trade_flag"]!.size > 5 && Math.min(...seen["large_trade_flag"]!) < 0.1);
});

Deno.test("defect 8, an unexplained cadence: an update is made of exactly the samples it is told to take", () => {
  const env = contextualBandit(1);
  const trainer = new Trainer({
    env,
    ...smallPair(3, 3),
    ppo: { ...QUICK, samples: 128 },
    seed: 1,
    now: () => 0,
  });
  const steps = [1, 2, 3].map(() => trainer.update().diagnostics.steps);
  assert.deepEqual(steps, [128, 256, 384]);
});

Deno.test("defect 9, no seed, no evaluation apart: a seed decides everything, and a frozen policy learns nothing", () => {
  const make = (seed: number) =>
    new Trainer({ env: contextualBandit(4), ...smallPair(3, 3), ppo: QUICK, seed, now: () => 0 });
  const [a, b] = [make(1), make(1)];
  a.update();
  b.update();
  const model = a.freeze();
  assert.deepEqual(b.freeze(), model);
  const { network, normaliser } = openModel(model, 1);
  const before = JSON.stringify(normaliser?.snapshot());
  normaliser?.apply(Float32Array.of(9, 9, 9), 0, network.input, 0);
  network.forward(1);
  assert.equal(JSON.stringify(normaliser?.snapshot()), before);
  a.update();
  assert.notDeepEqual(a.freeze(), model, "saved at any update, not only at the end");
});

Deno.test("defect 10, the end counted twice: every reward is stored once, and a new episode has no past", () => {
  const { env, rollout, sums } = play({
    actor: TEMPORAL_ACTOR,
    critic: TEMPORAL_CRITIC,
    times: 12,
    length: 5,
  });
  const stored = rollout.rewards.reduce((total, reward) => total + reward, 0);
  assert.equal(stored, env.emitted);
  assert.equal(sums.rewards, env.emitted);
  assert.equal(sums.episodes, 2 * ROWS);
  assert.equal(sums.lengths, 10 * ROWS);
  const first = vectorOf(rollout, 5 * ROWS);
  assert.ok(first.slice(0, 72).every((value) => value === 0));
  assert.equal(first[73], 1005);
});

Deno.test("no settlement: at the outcome nothing follows; at a cut the value of the very last state does", () => {
  const { critic, rollout } = play({ ...smallPair(2, 3), times: 12, length: 5 });
  computeAdvantages(rollout, 0.9, 0.95);
  const row = 1;
  const settled = 4 * ROWS + row;
  assert.equal(rollout.terminated[settled], 1);
  assert.ok(Math.abs(rollout.returns[settled]! - rollout.rewards[settled]!) < 1e-9);
  const cut = 9 * ROWS + row;
  assert.equal(rollout.truncated[cut], 1);
  critic.input.set([row + 1, 10]);
  critic.forward(1);
  assert.equal(rollout.cutValues[cut], critic.output[0]);
  assert.ok(Math.abs(rollout.returns[cut]! - (rollout.rewards[cut]! + 0.9 * critic.output[0]!)) < 1e-9);
});

Deno.test("the seeds' plain networks see the newest vector only", () => {
  const { rollout } = play({ actor: SEED_ACTOR, critic: SEED_CRITIC, times: 3, length: 100 });
  assert.equal(rollout.inputs, 18);
  assert.deepEqual(vectorOf(rollout, 2 * ROWS).slice(0, 2), [1, 2]);
});
