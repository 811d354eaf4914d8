/**
 * Running normalisation of observations (mean and variance over everything seen in training) and scaling of rewards
 * (deviation only). Frozen, the former becomes part of the model: live inputs never move it.
 */
import { invariant } from "../../core/errors.ts";

const EPSILON = 1e-8;
/** Normalised inputs are cut here: one wild value must not saturate a network. */
export const INPUT_LIMIT = 10;
/** Scaled rewards likewise: while rewards are few, the divisor is small and the first of them would be enormous. */
export const REWARD_LIMIT = 10;

export interface NormaliserSnapshot {
  readonly count: number;
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

/** Mean and variance per feature by Chan's parallel formula, one row at a time. Starts as mean 0, variance 1. */
export class Normaliser {
  #count = 1e-4;
  readonly #mean: Float64Array;
  readonly #variance: Float64Array;
  /** 1 / deviation, kept beside so that applying needs no root. */
  readonly #scale: Float64Array;

  constructor(readonly size: number) {
    this.#mean = new Float64Array(size);
    this.#variance = new Float64Array(size).fill(1);
    this.#scale = new Float64Array(size).fill(1);
  }

  /** Takes `size` numbers of `values` from `at` into account. Trips an invariant for what is not finite. */
  update(values: Float32Array, at: number): void {
    const total = this.#count + 1;
    for (let i = 0; i < this.size; i++) {
      const value = values[at + i]!;
      invariant(Number.isFinite(value), `observation feature ${i} is ${value}`);
      const delta = value - this.#mean[i]!;
      this.#mean[i] = this.#mean[i]! + delta / total;
      this.#variance[i] = (this.#variance[i]! * this.#count + delta * delta * this.#count / total) / total;
      this.#scale[i] = 1 / Math.sqrt(this.#variance[i]! + EPSILON);
    }
    this.#count = total;
  }

  /** Writes the normalised `size` numbers of `from` to `to`. */
  apply(from: Float32Array, fromAt: number, to: Float32Array, toAt: number): void {
    for (let i = 0; i < this.size; i++) {
      const value = (from[fromAt + i]! - this.#mean[i]!) * this.#scale[i]!;
      // Each branch stores by itself: a choice between a double and a small integer is boxed by the middle compiler tier.
      if (value > INPUT_LIMIT) to[toAt + i] = INPUT_LIMIT;
      else if (value < -INPUT_LIMIT) to[toAt + i] = -INPUT_LIMIT;
      else to[toAt + i] = value;
    }
  }

  snapshot(): NormaliserSnapshot {
    return { count: this.#count, mean: [...this.#mean], variance: [...this.#variance] };
  }

  restore({ count, mean, variance }: NormaliserSnapshot): void {
    invariant(
      mean.length === this.size && variance.length === this.size,
      `a normaliser of ${this.size} features`,
    );
    this.#count = count;
    this.#mean.set(mean);
    this.#variance.set(variance);
    for (let i = 0; i < this.size; i++) this.#scale[i] = 1 / Math.sqrt(this.#variance[i]! + EPSILON);
  }
}

/** Divisor of rewards: running deviation of the discounted return of each row. Zero stays zero: nothing is centred. */
export class RewardScaler {
  readonly #returns: Float64Array;
  #count = 1e-4;
  #mean = 0;
  #variance = 1;

  constructor(rows: number, readonly gamma: number) {
    this.#returns = new Float64Array(rows);
  }

  /** Takes one step's rewards into account; a row's return starts anew after `ended`. */
  update(rewards: Float64Array, terminated: Uint8Array, truncated: Uint8Array): void {
    for (let row = 0; row < this.#returns.length; row++) {
      const value = this.#returns[row]! * this.gamma + rewards[row]!;
      invariant(Number.isFinite(value), `the reward of row ${row} is ${rewards[row]}`);
      const total = this.#count + 1;
      const delta = value - this.#mean;
      this.#mean += delta / total;
      this.#variance = (this.#variance * this.#count + delta * delta * this.#count / total) / total;
      this.#count = total;
      this.#returns[row] = terminated[row] === 1 || truncated[row] === 1 ? 0 : value;
    }
  }

  get divisor(): number {
    return Math.sqrt(this.#variance + EPSILON);
  }

  /** A reward by the divisor, cut at the limit. */
  scale(reward: number): number {
    return Math.min(REWARD_LIMIT, Math.max(-REWARD_LIMIT, reward / this.divisor));
  }

  snapshot(): RewardScalerSnapshot {
    return { count: this.#count, mean: this.#mean, variance: this.#variance, returns: [...this.#returns] };
  }

  restore({ count, mean, variance, returns }: RewardScalerSnapshot): void {
    invariant(returns.length === this.#returns.length, `a reward scaler of ${this.#returns.length} rows`);
    this.#count = count;
    this.#mean = mean;
    this.#variance = variance;
    this.#returns.set(returns);
  }
}

export interface RewardScalerSnapshot {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
  readonly returns: readonly number[];
}
