/**
 * One PPO update (Schulman et al. 2017) of two separate networks over a rollout: several epochs of shuffled minibatches,
 * clipped ratio, clipped value, entropy bonus, gradient norm clip, early stop on KL.
 */
import { nextInt, type Random } from "../../core/random.ts";
import { exp64 } from "../kernel/functions.ts";
import type { Network } from "../kernel/kernel.ts";
import type { Rollout } from "./buffer.ts";
import type { PpoOptions } from "./defaults.ts";
import { moments } from "./diagnostics.ts";

export interface Learner {
  readonly actor: Network;
  readonly critic: Network;
  readonly options: PpoOptions;
  readonly random: Random;
  /** Indices of the samples, shuffled anew each epoch; as many as the rollout has. */
  readonly order: Int32Array;
}

export interface UpdateResult {
  readonly policyLoss: number;
  readonly valueLoss: number;
  readonly entropy: number;
  readonly approxKl: number;
  readonly oldApproxKl: number;
  readonly clipFraction: number;
  readonly actorGradNorm: number;
  readonly criticGradNorm: number;
  readonly epochs: number;
  readonly stoppedByKl: boolean;
  readonly advantageMean: number;
  readonly advantageDeviation: number;
}

/** Sums over the minibatches so far; the KL ones over the current epoch. */
interface Sums {
  policyLoss: number;
  valueLoss: number;
  entropy: number;
  clipped: number;
  kl: number;
  oldKl: number;
  samples: number;
  actorNorm: number;
  criticNorm: number;
  minibatches: number;
}

function shuffle(order: Int32Array, random: Random): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = nextInt(random, i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
}

/** Copies the inputs of `rows` samples of `order` from `from` into both networks. */
function gather(learner: Learner, rollout: Rollout, from: number, rows: number): void {
  const { inputs, input } = rollout;
  const [actorInput, criticInput] = [learner.actor.input, learner.critic.input];
  for (let r = 0; r < rows; r++) {
    const source = learner.order[from + r]! * inputs;
    const target = r * inputs;
    for (let i = 0; i < inputs; i++) {
      const value = input[source + i]!;
      actorInput[target + i] = value;
      criticInput[target + i] = value;
    }
  }
}

/**
 * Gradient of the policy's loss by the log-probabilities, and the sums. The loss per sample is
 * -min(ratio A, clip(ratio) A) - c H with H = -sum p ln p; where the clipped branch is the smaller one, the ratio has no
 * gradient.
 */
function policyGradient(learner: Learner, rollout: Rollout, from: number, rows: number, sums: Sums): void {
  const { actor, order, options: { clip, entropyCoef } } = learner;
  const { outputs, outputStride } = actor.plan;
  const { output, probabilities, outputGrad } = actor;
  for (let r = 0; r < rows; r++) {
    const sample = order[from + r]!;
    const row = r * outputStride;
    const action = rollout.actions[sample]!;
    const logRatio = output[row + action]! - rollout.logProbs[sample]!;
    const ratio = exp64(logRatio);
    const advantage = rollout.advantages[sample]!;
    const bounded = Math.min(Math.max(ratio, 1 - clip), 1 + clip);
    const isClipped = bounded * advantage < ratio * advantage;
    let entropy = 0;
    for (let a = 0; a < outputs; a++) {
      const p = probabilities[row + a]!;
      const logP = output[row + a]!;
      // p = 0 comes with ln p = -infinity only beyond f32; the product is 0 either way.
      if (p > 0) entropy -= p * logP;
      outputGrad[row + a] = p > 0 ? entropyCoef * p * (1 + logP) / rows : 0;
    }
    if (!isClipped) outputGrad[row + action] = outputGrad[row + action]! - ratio * advantage / rows;
    sums.policyLoss -= isClipped ? bounded * advantage : ratio * advantage;
    sums.entropy += entropy;
    sums.clipped += Math.abs(ratio - 1) > clip ? 1 : 0;
    sums.kl += ratio - 1 - logRatio;
    sums.oldKl -= logRatio;
  }
}

/** Gradient of the value's loss: half the square of the worse of the free and the clipped error, times the coefficient. */
function valueGradient(learner: Learner, rollout: Rollout, from: number, rows: number, sums: Sums): void {
  const { critic, order, options: { clip, clipValue, valueCoef } } = learner;
  const { outputStride } = critic.plan;
  for (let r = 0; r < rows; r++) {
    const sample = order[from + r]!;
    const value = critic.output[r * outputStride]!;
    const target = rollout.returns[sample]!;
    const old = rollout.values[sample]!;
    const error = value - target;
    const bounded = old + Math.min(Math.max(value - old, -clip), clip) - target;
    const isClipped = clipValue && bounded * bounded > error * error;
    critic.outputGrad[r * outputStride] = isClipped ? 0 : valueCoef * error / rows;
    sums.valueLoss += 0.5 * (isClipped ? bounded * bounded : error * error);
  }
}

/** Backward, norm, clip, Adam. Returns the norm before the clip. */
function descend(network: Network, rows: number, rate: number, maxNorm: number): number {
  network.backward(rows);
  const norm = network.gradientNorm();
  network.adam(rate, norm > maxNorm ? maxNorm / norm : 1);
  return norm;
}

function epoch(
  learner: Learner,
  rollout: Rollout,
  rates: { actor: number; critic: number },
  sums: Sums,
): void {
  const { actor, critic, options: { minibatch, maxGradNorm } } = learner;
  sums.kl = 0;
  sums.oldKl = 0;
  shuffle(learner.order, learner.random);
  for (let from = 0; from < learner.order.length; from += minibatch) {
    const rows = Math.min(minibatch, learner.order.length - from);
    gather(learner, rollout, from, rows);
    actor.forward(rows);
    policyGradient(learner, rollout, from, rows, sums);
    sums.actorNorm += descend(actor, rows, rates.actor, maxGradNorm);
    critic.forward(rows);
    valueGradient(learner, rollout, from, rows, sums);
    sums.criticNorm += descend(critic, rows, rates.critic, maxGradNorm);
    sums.samples += rows;
    sums.minibatches++;
  }
}

/**
 * Updates both networks from a rollout whose advantages are computed; the advantages are normalised in place. Allocates
 * nothing that grows with the samples.
 */
export function updateNetworks(
  learner: Learner,
  rollout: Rollout,
  rates: { actor: number; critic: number },
): UpdateResult {
  const { options, order } = learner;
  const { mean, variance } = moments(rollout.advantages);
  const deviation = Math.sqrt(variance);
  if (options.normaliseAdvantage) {
    const { advantages } = rollout;
    for (let i = 0; i < advantages.length; i++) {
      advantages[i] = (advantages[i]! - mean) / (deviation + 1e-8);
    }
  }
  for (let i = 0; i < order.length; i++) order[i] = i;
  const sums: Sums = {
    policyLoss: 0,
    valueLoss: 0,
    entropy: 0,
    clipped: 0,
    kl: 0,
    oldKl: 0,
    samples: 0,
    actorNorm: 0,
    criticNorm: 0,
    minibatches: 0,
  };
  let epochs = 0;
  let stoppedByKl = false;
  while (epochs < options.epochs && !stoppedByKl) {
    epoch(learner, rollout, rates, sums);
    epochs++;
    stoppedByKl = options.targetKl > 0 && sums.kl / order.length > options.targetKl;
  }
  return {
    policyLoss: sums.policyLoss / sums.samples,
    valueLoss: sums.valueLoss / sums.samples,
    entropy: sums.entropy / sums.samples,
    approxKl: sums.kl / order.length,
    oldApproxKl: sums.oldKl / order.length,
    clipFraction: sums.clipped / sums.samples,
    actorGradNorm: sums.actorNorm / sums.minibatches,
    criticGradNorm: sums.criticNorm / sums.minibatches,
    epochs,
    stoppedByKl,
    advantageMean: mean,
    advantageDeviation: deviation,
  };
}
