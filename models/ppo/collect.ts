/** Playing the environment with the current policy and writing down what happened, each decision at one index. */
import { invariant } from "../../core/errors.ts";
import type { Random } from "../../core/random.ts";
import type { Network } from "../kernel/kernel.ts";
import type { Rollout } from "./buffer.ts";
import { type EnvStep, newEnvStep, type VectorEnv } from "./env.ts";
import { History, type HistorySnapshot } from "./history.ts";
import { Normaliser, type NormaliserSnapshot, RewardScaler, type RewardScalerSnapshot } from "./normalise.ts";

/** Index drawn from `count` probabilities from `at`. The last one takes what rounding leaves. */
export function sample(probabilities: Float32Array, at: number, count: number, random: Random): number {
  let left = random();
  for (let a = 0; a < count - 1; a++) {
    left -= probabilities[at + a]!;
    if (left < 0) return a;
  }
  return count - 1;
}

/** Index of the largest of `count` numbers from `at`; the first of equals. */
export function largest(values: Float32Array, at: number, count: number): number {
  let best = 0;
  for (let a = 1; a < count; a++) if (values[at + a]! > values[at + best]!) best = a;
  return best;
}

export interface EpisodeSums {
  rewards: number;
  episodes: number;
  returns: number;
  lengths: number;
}

export interface CollectorSnapshot {
  readonly normaliser: NormaliserSnapshot;
  readonly scaler: RewardScalerSnapshot;
  readonly history: HistorySnapshot;
  readonly observations: readonly number[];
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
  readonly env: unknown;
}

interface CollectorOptions {
  readonly env: VectorEnv;
  readonly actor: Network;
  readonly critic: Network;
  readonly random: Random;
  readonly normaliseObservations: boolean;
  readonly scaleRewards: boolean;
  readonly gamma: number;
}

/** Owns the environment's buffers, the histories and the running statistics. */
export class Collector {
  readonly normaliser: Normaliser;
  readonly #options: CollectorOptions;
  readonly #step: EnvStep;
  readonly #history: History;
  /** One row: where the last observation of a cut episode is put behind its history. */
  readonly #cut: History;
  readonly #scaler: RewardScaler;
  readonly #actions: Int32Array;
  readonly #returns: Float64Array;
  readonly #lengths: Int32Array;

  constructor(options: CollectorOptions) {
    const { env, actor } = options;
    const { history } = actor.plan.spec;
    this.#options = options;
    this.#step = newEnvStep(env);
    this.#history = new History(env.numEnvs, env.obsSize, history);
    this.#cut = new History(1, env.obsSize, history);
    this.normaliser = new Normaliser(env.obsSize);
    this.#scaler = new RewardScaler(env.numEnvs, options.gamma);
    this.#actions = new Int32Array(env.numEnvs);
    this.#returns = new Float64Array(env.numEnvs);
    this.#lengths = new Int32Array(env.numEnvs);
  }

  get rewardDivisor(): number {
    return this.#options.scaleRewards ? this.#scaler.divisor : 1;
  }

  /** Starts all rows anew. */
  reset(): void {
    const { env } = this.#options;
    env.reset(this.#step);
    this.#returns.fill(0);
    this.#lengths.fill(0);
    for (let row = 0; row < env.numEnvs; row++) {
      this.#history.reset(row);
      this.#see(row);
    }
  }

  /** Fills `rollout`; adds rewards and ended episodes to `sums`. */
  collect(rollout: Rollout, sums: EpisodeSums): void {
    const { env, actor, critic, random } = this.#options;
    const { numEnvs } = env;
    const actions = actor.plan.outputs;
    for (let t = 0; t < rollout.times; t++) {
      const base = t * numEnvs;
      this.#present();
      rollout.input.set(
        actor.input.subarray(0, numEnvs * rollout.inputs),
        base * rollout.inputs,
      );
      actor.forward(numEnvs);
      critic.forward(numEnvs);
      for (let row = 0; row < numEnvs; row++) {
        const at = row * actor.plan.outputStride;
        const action = sample(actor.probabilities, at, actions, random);
        this.#actions[row] = action;
        rollout.actions[base + row] = action;
        rollout.logProbs[base + row] = actor.output[at + action]!;
        rollout.values[base + row] = critic.output[row * critic.plan.outputStride]!;
      }
      env.step(this.#actions, this.#step);
      this.#record(rollout, base, sums);
    }
    this.#present();
    critic.forward(numEnvs);
    for (let row = 0; row < numEnvs; row++) {
      rollout.lastValues[row] = critic.output[row * critic.plan.outputStride]!;
    }
  }

  /** What the step just made gave, stored with the decision that caused it. */
  #record(rollout: Rollout, base: number, sums: EpisodeSums): void {
    const { env, scaleRewards } = this.#options;
    const { rewards, terminated, truncated } = this.#step;
    if (scaleRewards) this.#scaler.update(rewards, terminated, truncated);
    for (let row = 0; row < env.numEnvs; row++) {
      const reward = rewards[row]!;
      const ended = terminated[row] === 1 || truncated[row] === 1;
      invariant(terminated[row] !== 1 || truncated[row] !== 1, `row ${row} both terminated and truncated`);
      rollout.rewards[base + row] = scaleRewards ? this.#scaler.scale(reward) : reward;
      rollout.terminated[base + row] = terminated[row]!;
      rollout.truncated[base + row] = truncated[row]!;
      if (truncated[row] === 1) rollout.cutValues[base + row] = this.#cutValue(row);
      sums.rewards += reward;
      this.#returns[row] = this.#returns[row]! + reward;
      this.#lengths[row] = this.#lengths[row]! + 1;
      if (ended) {
        sums.episodes++;
        sums.returns += this.#returns[row]!;
        sums.lengths += this.#lengths[row]!;
        this.#returns[row] = 0;
        this.#lengths[row] = 0;
        this.#history.reset(row);
      }
      this.#see(row);
    }
  }

  /** Value of the last observation of a cut episode, behind the history that led to it. */
  #cutValue(row: number): number {
    const { critic } = this.#options;
    this.#history.copyRow(row, this.#cut, 0);
    this.#cut.push(0, this.#step.finalObservations, row * this.#cut.features);
    this.#cut.write(0, this.#active, critic.input, 0);
    critic.forward(1);
    return critic.output[0]!;
  }

  /** A row's new observation enters the statistics and the history: here and nowhere else. */
  #see(row: number): void {
    const { observations } = this.#step;
    const at = row * this.normaliser.size;
    this.normaliser.update(observations, at);
    this.#history.push(row, observations, at);
  }

  get #active(): Normaliser | undefined {
    return this.#options.normaliseObservations ? this.normaliser : undefined;
  }

  /** Writes all rows' inputs to both networks. */
  #present(): void {
    const { env, actor, critic } = this.#options;
    const { inputs } = actor.plan;
    for (let row = 0; row < env.numEnvs; row++) {
      this.#history.write(row, this.#active, actor.input, row * inputs);
    }
    critic.input.set(actor.input.subarray(0, env.numEnvs * inputs));
  }

  snapshot(): CollectorSnapshot {
    return {
      normaliser: this.normaliser.snapshot(),
      scaler: this.#scaler.snapshot(),
      history: this.#history.snapshot(),
      observations: [...this.#step.observations],
      returns: [...this.#returns],
      lengths: [...this.#lengths],
      env: this.#options.env.snapshot?.() ?? null,
    };
  }

  restore(snapshot: CollectorSnapshot): void {
    const { env } = this.#options;
    this.normaliser.restore(snapshot.normaliser);
    this.#scaler.restore(snapshot.scaler);
    if (snapshot.env === null || env.restore === undefined) return this.reset();
    env.restore(snapshot.env, this.#step);
    this.#history.restore(snapshot.history);
    this.#step.observations.set(snapshot.observations);
    this.#returns.set(snapshot.returns);
    this.#lengths.set(snapshot.lengths);
  }
}
