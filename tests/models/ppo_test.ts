import assert from "node:assert/strict";
import { seededRandom } from "../../core/random.ts";
import { Network } from "../../models/kernel/kernel.ts";
import { initialise, orthogonal } from "../../models/networks/initialise.ts";
import { newRollout } from "../../models/ppo/buffer.ts";
import { COLLAPSE_DEFAULTS, detectCollapse } from "../../models/ppo/collapse.ts";
import { largest, sample } from "../../models/ppo/collect.ts";
import { SEED_DEFAULTS, TEMPORAL_DEFAULTS } from "../../models/ppo/defaults.ts";
import { explainedVariance, moments, type UpdateDiagnostics } from "../../models/ppo/diagnostics.ts";
import { computeAdvantages } from "../../models/ppo/gae.ts";
import { INPUT_LIMIT, Normaliser } from "../../models/ppo/normalise.ts";
import { Trainer, type TrainerSnapshot } from "../../models/ppo/trainer.ts";
import { updateNetworks } from "../../models/ppo/update.ts";
import { bandit, chain, contextualBandit, QUICK, smallPair } from "./problems.ts";

const trainerOf = (env = contextualBandit(3), seed = 1, ppo = QUICK) =>
  new Trainer({ env, ...smallPair(env.obsSize, env.actions), ppo, seed, now: () => 0 });

Deno.test("the defaults are the seeds' figures", () => {
  const {
    actorRate,
    criticRate,
    gamma,
    lambda,
    clip,
    entropyCoef,
    maxGradNorm,
    epochs,
    minibatch,
    targetKl,
  } = SEED_DEFAULTS;
  assert.deepEqual([actorRate, criticRate, gamma, lambda, clip], [1e-4, 3e-4, 0.99, 0.95, 0.2]);
  assert.deepEqual([entropyCoef, maxGradNorm, epochs, minibatch, targetKl], [0.1, 0.5, 10, 64, 0.02]);
  assert.deepEqual([TEMPORAL_DEFAULTS.gamma, TEMPORAL_DEFAULTS.entropyCoef, TEMPORAL_DEFAULTS.samples], [
    0.95,
    0.03,
    256,
  ]);
});

Deno.test("advantages are the discounted sums of the definition, settlements and cuts told apart", () => {
  const rollout = newRollout(1, 5, 1);
  rollout.rewards.set([1, 2, 3, 4, 5]);
  rollout.values.set([0.5, 0.25, -1, 2, 1]);
  rollout.terminated[1] = 1;
  rollout.truncated[3] = 1;
  rollout.cutValues[3] = 7;
  rollout.lastValues[0] = 10;
  computeAdvantages(rollout, 0.9, 0.8);
  const delta = [1 + 0.9 * 0.25 - 0.5, 2 - 0.25, 3 + 0.9 * 2 + 1, 4 + 0.9 * 7 - 2, 5 + 0.9 * 10 - 1];
  const wanted = [
    delta[0]! + 0.72 * delta[1]!,
    delta[1]!,
    delta[2]! + 0.72 * delta[3]!,
    delta[3]!,
    delta[4]!,
  ];
  wanted.forEach((value, t) => assert.ok(Math.abs(rollout.advantages[t]! - value) < 1e-12, `t = ${t}`));
  assert.ok(Math.abs(rollout.returns[3]! - (4 + 0.9 * 7)) < 1e-12);
});

Deno.test("lambda 1 is the Monte-Carlo return, lambda 0 the one-step error", () => {
  const random = seededRandom(4);
  const rollout = newRollout(1, 8, 1);
  for (let t = 0; t < 8; t++) {
    rollout.rewards[t] = random();
    rollout.values[t] = random();
  }
  rollout.terminated[7] = 1;
  computeAdvantages(rollout, 0.9, 1);
  let total = 0;
  for (let t = 7; t >= 0; t--) {
    total = rollout.rewards[t]! + 0.9 * total;
    assert.ok(Math.abs(rollout.returns[t]! - total) < 1e-12);
  }
  computeAdvantages(rollout, 0.9, 0);
  assert.ok(
    Math.abs(rollout.advantages[0]! - (rollout.rewards[0]! + 0.9 * rollout.values[1]! - rollout.values[0]!)) <
      1e-12,
  );
});

/** The loss of the update written down a second time, in f64, straight from the paper. */
function paperLoss(
  actor: Network,
  rollout: ReturnType<typeof newRollout>,
  clip: number,
  coef: number,
): number {
  const { outputs, outputStride } = actor.plan;
  actor.input.set(rollout.input);
  actor.forward(rollout.times);
  let loss = 0;
  for (let i = 0; i < rollout.times; i++) {
    const logP = Array.from({ length: outputs }, (_, a) => actor.output[i * outputStride + a]!);
    const ratio = Math.exp(logP[rollout.actions[i]!]! - rollout.logProbs[i]!);
    const advantage = rollout.advantages[i]!;
    const bounded = Math.min(Math.max(ratio, 1 - clip), 1 + clip);
    const entropy = -logP.reduce((sum, l) => sum + Math.exp(l) * l, 0);
    loss += -Math.min(ratio * advantage, bounded * advantage) - coef * entropy;
  }
  return loss / rollout.times;
}

Deno.test("the gradient of the update is that of the clipped objective with its entropy bonus", () => {
  const random = seededRandom(8);
  const pair = smallPair(3, 3);
  const actor = new Network(pair.actor, { maxRows: 16, training: true });
  const critic = new Network(pair.critic, { maxRows: 16, training: true });
  initialise(actor, random, 1);
  initialise(critic, random, 1);
  const rollout = newRollout(1, 16, 3);
  for (let i = 0; i < rollout.input.length; i++) rollout.input[i] = 2 * random() - 1;
  for (let i = 0; i < 16; i++) {
    rollout.actions[i] = i % 3;
    // Old log-probabilities off by up to 0.5, so that many ratios lie outside the clip range.
    rollout.logProbs[i] = -1.1 + random() - 0.5;
    rollout.advantages[i] = 2 * random() - 1;
  }
  const options = { ...QUICK, epochs: 1, minibatch: 16, normaliseAdvantage: false, entropyCoef: 0.3 };
  const before = actor.weights();
  const learner = { actor, critic, options, random, order: new Int32Array(16) };
  const { clipFraction } = updateNetworks(learner, rollout, { actor: 0, critic: 0 });
  assert.ok(clipFraction > 0.2 && clipFraction < 0.9);
  assert.deepEqual(actor.weights(), before);
  const grads = actor.grads.slice();
  let checked = 0;
  for (let at = 0; at < grads.length; at += 7) {
    const kept = actor.params[at]!;
    const h = 2 ** -8;
    actor.params[at] = kept + h;
    const above = paperLoss(actor, rollout, 0.2, 0.3);
    actor.params[at] = kept - h;
    const below = paperLoss(actor, rollout, 0.2, 0.3);
    actor.params[at] = kept;
    const numeric = (above - below) / (2 * h);
    if (grads[at] !== 0) checked++;
    if (kept !== 0) assert.ok(Math.abs(numeric - grads[at]!) < 3e-3, `${at}: ${numeric}, ${grads[at]}`);
  }
  assert.ok(checked > 20);
});

Deno.test("the same seed gives the same weights bit for bit, another seed others", () => {
  const run = (seed: number) => {
    const trainer = trainerOf(contextualBandit(3), seed);
    trainer.run(1_024);
    return trainer.actor.weights();
  };
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

Deno.test("these weights come out on every machine: the digest of a short training is known", async () => {
  const trainer = trainerOf();
  trainer.run(1_024);
  const bytes = new Uint8Array(trainer.actor.weights().slice().buffer as ArrayBuffer);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  assert.equal(digest, "47b5c7a8389ad58532ecae10f65f7fcb44c5a87efb3d7005aa1d74b3ee114210");
});

Deno.test("a training written down and taken up again goes on bit for bit", () => {
  for (const make of [() => contextualBandit(3), () => chain(), () => bandit(2)]) {
    const whole = trainerOf(make());
    whole.run(1_024);
    const text = JSON.stringify(whole.snapshot());
    whole.run(2_048);
    const resumed = trainerOf(make(), 99);
    resumed.restore(JSON.parse(text) as TrainerSnapshot);
    assert.equal(JSON.stringify(resumed.snapshot()), text);
    resumed.run(2_048);
    assert.deepEqual(resumed.snapshot(), whole.snapshot());
  }
});

Deno.test("an environment that cannot be written down is started anew on resume, the learning is kept", () => {
  const env = contextualBandit(3);
  const plain = { numEnvs: 4, obsSize: 3, actions: 3, reset: env.reset, step: env.step };
  const trainer = trainerOf(plain);
  trainer.run(512);
  const snapshot = JSON.parse(JSON.stringify(trainer.snapshot())) as TrainerSnapshot;
  const resumed = trainerOf(plain, 5);
  resumed.restore(snapshot);
  assert.deepEqual(resumed.actor.weights(), trainer.actor.weights());
  assert.equal(resumed.update().diagnostics.steps, 768);
});

Deno.test("every diagnostic of an update is a number that makes sense", () => {
  let clock = 0;
  const env = contextualBandit(3);
  const trainer = new Trainer({ env, ...smallPair(3, 3), ppo: QUICK, seed: 1, now: () => clock += 4 });
  const { diagnostics } = trainer.update();
  assert.equal(diagnostics.update, 1);
  assert.equal(diagnostics.steps, 256);
  assert.ok(diagnostics.entropy > 1 && diagnostics.entropy <= Math.log(3) + 1e-6);
  assert.ok(diagnostics.approxKl >= 0);
  assert.ok(diagnostics.clipFraction >= 0 && diagnostics.clipFraction <= 1);
  assert.ok(diagnostics.explainedVariance <= 1);
  assert.ok(diagnostics.actorGradNorm > 0 && diagnostics.criticGradNorm > 0);
  assert.equal(diagnostics.sps, 256 / 0.008);
  assert.equal(diagnostics.collectMs, 4);
  assert.equal(diagnostics.episodes, 256);
  assert.equal(diagnostics.episodeLength, 1);
  assert.ok(Math.abs(diagnostics.episodeReturn - diagnostics.rewardMean) < 1e-12);
  assert.ok(Math.abs(diagnostics.actionShares.reduce((a, b) => a + b) - 1) < 1e-12);
});

Deno.test("an update stops after the epoch in which the policy moved too far, and says so", () => {
  const wild = { ...QUICK, actorRate: 0.05, targetKl: 0.01 };
  const { diagnostics } = trainerOf(contextualBandit(3), 1, wild).update();
  assert.ok(diagnostics.stoppedByKl && diagnostics.epochs < 10 && diagnostics.approxKl > 0.01);
  const free = trainerOf(contextualBandit(3), 1, { ...wild, targetKl: 0 }).update().diagnostics;
  assert.ok(!free.stoppedByKl && free.epochs === 10);
});

Deno.test("a linear schedule falls to nothing over its updates", () => {
  const ppo = { ...QUICK, rateSchedule: "linear" as const, scheduleUpdates: 4 };
  const trainer = trainerOf(contextualBandit(3), 1, ppo);
  const rates = [1, 2, 3, 4, 5].map(() => trainer.update().diagnostics.actorRate);
  assert.deepEqual(rates, [1, 0.75, 0.5, 0.25, 0].map((share) => 3e-3 * share));
});

Deno.test("observations are normalised by everything seen, cut at ten, and frozen they do not move", () => {
  const random = seededRandom(6);
  const normaliser = new Normaliser(2);
  const values = Float32Array.from({ length: 4_000 }, (_, i) => i % 2 === 0 ? 5 + random() : 100 * random());
  for (let i = 0; i < 4_000; i += 2) normaliser.update(values, i);
  const column = values.filter((_, i) => i % 2 === 0);
  const { mean, variance } = moments(column);
  const frozen = normaliser.snapshot();
  assert.ok(Math.abs(frozen.mean[0]! - mean) < 1e-5 && Math.abs(frozen.variance[0]! - variance) < 1e-5);
  const out = new Float32Array(2);
  normaliser.apply(Float32Array.of(1e9, -1e9), 0, out, 0);
  assert.deepEqual([...out], [INPUT_LIMIT, -INPUT_LIMIT]);
  assert.deepEqual(normaliser.snapshot(), frozen);
  const copy = new Normaliser(2);
  copy.restore(JSON.parse(JSON.stringify(frozen)));
  copy.apply(values, 0, out, 0);
  const direct = new Float32Array(2);
  normaliser.apply(values, 0, direct, 0);
  assert.deepEqual(out, direct);
});

Deno.test("actions are drawn with their probabilities; the most likely one is found", () => {
  const random = seededRandom(5);
  const p = Float32Array.of(9, 0.2, 0.5, 0.3);
  const counts = [0, 0, 0];
  for (let i = 0; i < 20_000; i++) counts[sample(p, 1, 3, random)]!++;
  [0.2, 0.5, 0.3].forEach((share, a) => assert.ok(Math.abs(counts[a]! / 20_000 - share) < 0.015));
  assert.equal(largest(p, 1, 3), 1);
});

Deno.test("collapse: lasting lack of entropy, one action only, a thrown-away policy and broken numbers are named", () => {
  const fine = trainerOf().update().diagnostics;
  const judge = (many: Partial<UpdateDiagnostics>[]) => {
    const counters = { entropy: 0, action: 0 };
    return many.map((change) => detectCollapse(counters, { ...fine, ...change }, 3, COLLAPSE_DEFAULTS))
      .map((found) => found.kind === "collapsed" ? found.reason : "none");
  };
  const low = { entropy: 0.01 };
  assert.deepEqual(judge([low, low, low, low, low]), ["none", "none", "none", "none", "entropy"]);
  assert.deepEqual(judge([low, low, {}, low, low, low]), Array(6).fill("none"));
  const one = { actionShares: [0, 1, 0] };
  assert.equal(judge([one, one, one, one, one]).at(-1), "one_action");
  assert.deepEqual(judge([{ approxKl: 3 }]), ["kl"]);
  assert.deepEqual(judge([{ valueLoss: NaN }]), ["not_finite"]);
});

Deno.test("a collapsed training stops, says why, and refuses to go on", () => {
  const ppo = { ...QUICK, entropyCoef: 0, targetKl: 0 };
  const trainer = trainerOf(bandit(1), 1, { ...ppo, collapse: { ...COLLAPSE_DEFAULTS, entropyShare: 0.2 } });
  const collapse = trainer.run(200_000);
  assert.ok(collapse.kind === "collapsed" && collapse.reason === "entropy", JSON.stringify(collapse));
  assert.match(collapse.message, /% of uniform/);
  assert.ok(trainer.updates < 200);
  assert.throws(() => trainer.update(), { code: "PPO_COLLAPSED" });
});

Deno.test("numbers that break are noticed and the weights of before the update are kept", () => {
  const env = contextualBandit(3);
  const trainer = trainerOf(env, 1, { ...QUICK, scaleRewards: false, maxGradNorm: 1e38 });
  trainer.update();
  const step = env.step;
  env.step = (actions, out) => {
    step(actions, out);
    out.rewards.fill(1e300);
  };
  const before = trainer.critic.weights();
  const { collapse } = trainer.update();
  assert.ok(collapse.kind === "collapsed" && collapse.reason === "not_finite", JSON.stringify(collapse));
  assert.deepEqual(trainer.critic.weights(), before);
  assert.ok(trainer.actor.weights().every(Number.isFinite));
});

Deno.test("settings and networks that do not fit are refused with a code", () => {
  assert.throws(() => trainerOf(contextualBandit(3), 1, { ...QUICK, gamma: 1.5 }), {
    code: "PPO_OPTION_INVALID",
  });
  assert.throws(() => trainerOf(contextualBandit(3, 3)), { code: "PPO_OPTION_INVALID" });
  const make = (features: number, actions: number) =>
    new Trainer({
      env: contextualBandit(1),
      ...smallPair(features, actions),
      ppo: QUICK,
      seed: 1,
      now: () => 0,
    });
  assert.throws(() => make(4, 3), { code: "PPO_NETWORK_UNFIT" });
  assert.throws(() => make(3, 2), { code: "PPO_NETWORK_UNFIT" });
});

Deno.test("starting matrices are orthogonal, tall and wide", () => {
  for (const [rows, columns] of [[18, 128], [128, 128], [128, 3]] as const) {
    const m = orthogonal(seededRandom(1), rows, columns);
    const short = Math.min(rows, columns);
    const at = (a: number, b: number) => rows <= columns ? m[a * columns + b]! : m[b * columns + a]!;
    for (let i = 0; i < short; i += 5) {
      for (let j = 0; j < short; j += 3) {
        let dot = 0;
        for (let k = 0; k < Math.max(rows, columns); k++) dot += at(i, k) * at(j, k);
        assert.ok(Math.abs(dot - (i === j ? 1 : 0)) < 1e-10);
      }
    }
  }
});

Deno.test("explained variance is 1 for the truth, 0 for the mean, NaN where nothing varies", () => {
  assert.equal(explainedVariance([1, 2, 3], [1, 2, 3]), 1);
  assert.equal(explainedVariance([1, 2, 3], [2, 2, 2]), 0);
  assert.ok(Number.isNaN(explainedVariance([1, 1], [0, 2])));
});
