/** Environments with known answers. Each can be written down and taken up again. */
import { type ResumableGenerator, resumableXoshiro128, seedWords, uniform } from "../../core/random.ts";
import type { NetworkSpec } from "../../models/networks/spec.ts";
import { type PpoOptions, SEED_DEFAULTS } from "../../models/ppo/defaults.ts";
import type { EnvStep, VectorEnv } from "../../models/ppo/env.ts";

type Words = [number, number, number, number];

/** A coin that pays 1 with 0.2, 0.5 or 0.8 by action, one step an episode. Known: action 2, value 0.8. */
export function bandit(seed: number, numEnvs = 4): VectorEnv {
  const chances = [0.2, 0.5, 0.8];
  let generator: ResumableGenerator = resumableXoshiro128(seedWords(seed));
  const random = uniform(() => generator.next());
  return {
    numEnvs,
    obsSize: 1,
    actions: 3,
    reset: (out) => void out.observations.fill(1),
    step: (actions, out) => {
      for (let e = 0; e < numEnvs; e++) out.rewards[e] = random() < chances[actions[e]!]! ? 1 : 0;
      out.terminated.fill(1);
      out.truncated.fill(0);
      out.observations.fill(1);
    },
    snapshot: () => generator.words(),
    restore: (words, out) => {
      generator = resumableXoshiro128(words as Words);
      out.observations.fill(1);
    },
  };
}

/** Three situations, one-hot, drawn at random; the action of the same number pays 1. Known: always right, value 1. */
export function contextualBandit(seed: number, numEnvs = 4): VectorEnv {
  let generator: ResumableGenerator = resumableXoshiro128(seedWords(seed));
  const random = uniform(() => generator.next());
  const state = new Int32Array(numEnvs);
  const show = (out: EnvStep): void => {
    out.observations.fill(0);
    for (let e = 0; e < numEnvs; e++) out.observations[3 * e + state[e]!] = 1;
  };
  const draw = (): void => {
    for (let e = 0; e < numEnvs; e++) state[e] = Math.floor(3 * random());
  };
  return {
    numEnvs,
    obsSize: 3,
    actions: 3,
    reset: (out) => {
      draw();
      show(out);
    },
    step: (actions, out) => {
      for (let e = 0; e < numEnvs; e++) out.rewards[e] = actions[e] === state[e] ? 1 : 0;
      out.terminated.fill(1);
      out.truncated.fill(0);
      draw();
      show(out);
    },
    snapshot: () => ({ words: generator.words(), state: [...state] }),
    restore: (snapshot, out) => {
      const kept = snapshot as { words: Words; state: number[] };
      generator = resumableXoshiro128(kept.words);
      state.set(kept.state);
      show(out);
    },
  };
}

export const CHAIN_LENGTH = 6;

/**
 * A corridor of six places. Action 0 leaves at once with 0.1; action 1 goes on and pays nothing until the last place,
 * then 1. Greed takes 0.1 a visit; the answer is to walk, return 1. Value of place s: gamma^(5 - s).
 */
export function chain(numEnvs = 4): VectorEnv {
  const place = new Int32Array(numEnvs);
  const show = (out: EnvStep): void => {
    out.observations.fill(0);
    for (let e = 0; e < numEnvs; e++) out.observations[e * CHAIN_LENGTH + place[e]!] = 1;
  };
  return {
    numEnvs,
    obsSize: CHAIN_LENGTH,
    actions: 2,
    reset: (out) => {
      place.fill(0);
      show(out);
    },
    step: (actions, out) => {
      out.truncated.fill(0);
      for (let e = 0; e < numEnvs; e++) {
        const walks = actions[e] === 1;
        const arrived = walks && place[e] === CHAIN_LENGTH - 1;
        out.rewards[e] = arrived ? 1 : walks ? 0 : 0.1;
        out.terminated[e] = arrived || !walks ? 1 : 0;
        place[e] = out.terminated[e] === 1 ? 0 : place[e]! + 1;
      }
      show(out);
    },
    snapshot: () => [...place],
    restore: (snapshot, out) => {
      place.set(snapshot as number[]);
      show(out);
    },
  };
}

/**
 * Endless clock: observation (row, number of the step), reward 1000 x row + 10 x step + action; every row ends each
 * `length` steps, by settlement or by cut in turn. Every number says where it belongs.
 */
export function clock(numEnvs: number, length: number, obsSize = 2): VectorEnv & { emitted: number } {
  let t = 0;
  const show = (to: Float32Array, at: number): void => {
    for (let e = 0; e < numEnvs; e++) {
      to[e * obsSize] = e + 1;
      to[e * obsSize + 1] = at;
    }
  };
  return {
    numEnvs,
    obsSize,
    actions: 3,
    emitted: 0,
    reset: (out) => {
      t = 0;
      show(out.observations, 0);
    },
    step(actions, out) {
      const ends = (t + 1) % length === 0;
      const settles = Math.floor(t / length) % 2 === 0;
      for (let e = 0; e < numEnvs; e++) {
        out.rewards[e] = 1000 * e + 10 * t + actions[e]!;
        this.emitted += out.rewards[e]!;
      }
      out.terminated.fill(ends && settles ? 1 : 0);
      out.truncated.fill(ends && !settles ? 1 : 0);
      t++;
      show(out.finalObservations, t);
      show(out.observations, ends ? 1000 + t : t);
    },
  };
}

/** A small pair of networks for a problem. */
export function smallPair(features: number, actions: number): { actor: NetworkSpec; critic: NetworkSpec } {
  const shared = { features, history: 1 };
  return {
    actor: {
      name: "small-actor",
      ...shared,
      layers: [{ dense: 32 }, "tanh", { dense: actions }, "logSoftmax"],
    },
    critic: { name: "small-critic", ...shared, layers: [{ dense: 32 }, "tanh", { dense: 1 }] },
  };
}

/** Faster than the seeds' settings, for problems of a few thousand steps. */
export const QUICK: PpoOptions = {
  ...SEED_DEFAULTS,
  actorRate: 3e-3,
  criticRate: 1e-2,
  entropyCoef: 0.01,
  samples: 256,
  clipValue: false,
};
