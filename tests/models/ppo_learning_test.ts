import assert from "node:assert/strict";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import { TEMPORAL_ACTOR, TEMPORAL_CRITIC } from "../../models/networks/temporal.ts";
import { type PpoOptions, SEED_DEFAULTS } from "../../models/ppo/defaults.ts";
import type { UpdateDiagnostics } from "../../models/ppo/diagnostics.ts";
import type { VectorEnv } from "../../models/ppo/env.ts";
import { openModel } from "../../models/ppo/model.ts";
import { Trainer } from "../../models/ppo/trainer.ts";
import { bandit, chain, CHAIN_LENGTH, contextualBandit, QUICK, smallPair } from "./problems.ts";

const SEEDS = [1, 2, 3, 4, 5];

function train(env: VectorEnv, seed: number, steps: number, ppo: PpoOptions = QUICK) {
  const trainer = new Trainer({ env, ...smallPair(env.obsSize, env.actions), ppo, seed, now: () => 0 });
  const log: UpdateDiagnostics[] = [];
  const collapse = trainer.run(steps, ({ diagnostics }) => void log.push(diagnostics));
  return { trainer, log, last: log.at(-1)!, collapse };
}

/** Probabilities that the frozen model gives to an observation. */
function probabilitiesAt(trainer: Trainer, observation: number[]): number[] {
  const { network, normaliser } = openModel(trainer.freeze(), 1);
  const raw = Float32Array.from(observation);
  normaliser?.apply(raw, 0, network.input, 0);
  network.forward(1);
  return [...network.probabilities.subarray(0, network.plan.outputs)];
}

/** What the critic says of a place of the corridor, in scaled reward. */
function valueAt(trainer: Trainer, place: number): number {
  const { normaliser } = openModel(trainer.freeze(), 1);
  const raw = new Float32Array(CHAIN_LENGTH);
  raw[place] = 1;
  normaliser?.apply(raw, 0, trainer.critic.input, 0);
  trainer.critic.forward(1);
  return trainer.critic.output[0]!;
}

Deno.test("a bandit: the best of three arms is found, five seeds of five", () => {
  for (const seed of SEEDS) {
    const { trainer, last } = train(bandit(seed), seed, 6_000);
    assert.ok(probabilitiesAt(trainer, [1])[2]! > 0.9, `seed ${seed}`);
    assert.ok(last.episodeReturn > 0.7, `seed ${seed}: ${last.episodeReturn}`);
  }
});

Deno.test("a bandit with situations: the right arm in each, five seeds of five", () => {
  for (const seed of SEEDS) {
    const { trainer, last } = train(contextualBandit(seed), seed, 6_000);
    for (let s = 0; s < 3; s++) {
      const p = probabilitiesAt(trainer, [0, 1, 2].map((i) => i === s ? 1 : 0));
      assert.ok(p[s]! > 0.9, `seed ${seed}, situation ${s}: ${p}`);
    }
    assert.ok(last.episodeReturn > 0.9);
  }
});

Deno.test("a delayed reward: the corridor is walked past the small change, and its places are valued right", () => {
  for (const seed of SEEDS) {
    // More entropy than the bandits: the walk has to be found by chance first.
    const { trainer, last } = train(chain(), seed, 20_000, { ...QUICK, actorRate: 1e-3, entropyCoef: 0.1 });
    assert.ok(last.episodeReturn > 0.9, `seed ${seed}: return ${last.episodeReturn}`);
    for (let place = 0; place < CHAIN_LENGTH; place++) {
      const p = probabilitiesAt(trainer, Array.from({ length: CHAIN_LENGTH }, (_, i) => i === place ? 1 : 0));
      assert.ok(p[1]! > 0.9, `seed ${seed}, place ${place}: ${p}`);
      const value = valueAt(trainer, place) * last.rewardScale;
      const known = 0.99 ** (CHAIN_LENGTH - 1 - place);
      assert.ok(Math.abs(value - known) < 0.1, `seed ${seed}, place ${place}: ${value}, known ${known}`);
    }
  }
});

Deno.test("the corridor is not walked when nothing of the future counts: the test above can fail", () => {
  const { last } = train(chain(), 1, 10_000, { ...QUICK, gamma: 0, lambda: 0 });
  assert.ok(last.episodeReturn < 0.2, `${last.episodeReturn}`);
});

Deno.test("the seeds' networks with the seeds' settings learn 18 features, plain and temporal", () => {
  const inner = contextualBandit(7, 8);
  const small = new Float32Array(24);
  const widen = (out: { observations: Float32Array }) => {
    out.observations.fill(0);
    for (let e = 0; e < 8; e++) out.observations.set(small.subarray(3 * e, 3 * e + 3), 18 * e);
  };
  const env: VectorEnv = {
    numEnvs: 8,
    obsSize: 18,
    actions: 3,
    reset: (out) => {
      inner.reset({ ...out, observations: small });
      widen(out);
    },
    step: (actions, out) => {
      inner.step(actions, { ...out, observations: small });
      widen(out);
    },
  };
  for (const [actor, critic] of [[SEED_ACTOR, SEED_CRITIC], [TEMPORAL_ACTOR, TEMPORAL_CRITIC]] as const) {
    const ppo = { ...SEED_DEFAULTS, actorRate: 3e-4, entropyCoef: 0.03 };
    const trainer = new Trainer({ env, actor, critic, ppo, seed: 3, now: () => 0 });
    let reward = 0;
    trainer.run(10 * 512, ({ diagnostics }) => void (reward = diagnostics.rewardMean));
    assert.ok(reward > 0.6, `${actor.name}: ${reward}, a third is chance`);
  }
});
