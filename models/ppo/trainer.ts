/**
 * The trainer: collect, estimate, update, judge; again. The same seed, options and environment give the same weights,
 * bit for bit, on every machine; a snapshot taken between two updates continues the same.
 */
import { invariant, OperationError } from "../../core/errors.ts";
import { type Random, resumableXoshiro128, seedWords, uniform } from "../../core/random.ts";
import { encodeFloats, Network, type NetworkSnapshot } from "../kernel/kernel.ts";
import { initialise } from "../networks/initialise.ts";
import { inputsOf, type NetworkSpec } from "../networks/spec.ts";
import { newRollout, type Rollout } from "./buffer.ts";
import { type Collapse, type CollapseCounters, detectCollapse } from "./collapse.ts";
import { Collector, type CollectorSnapshot, type EpisodeSums } from "./collect.ts";
import { checkOptions, type PpoOptions } from "./defaults.ts";
import { explainedVariance, type UpdateDiagnostics } from "./diagnostics.ts";
import type { VectorEnv } from "./env.ts";
import { computeAdvantages } from "./gae.ts";
import type { PpoModel } from "./model.ts";
import { updateNetworks } from "./update.ts";

export interface TrainerOptions {
  readonly env: VectorEnv;
  readonly actor: NetworkSpec;
  readonly critic: NetworkSpec;
  readonly ppo: PpoOptions;
  /** Any safe integer: weights, sampling and shuffling follow from it. */
  readonly seed: number;
  /** Milliseconds of any clock that does not run backwards, for steps per second only. */
  readonly now: () => number;
}

/** Everything a resumed training needs besides the options; a JSON value. */
export interface TrainerSnapshot {
  readonly format: "poly-edge-ppo-1";
  readonly actor: NetworkSnapshot;
  readonly critic: NetworkSnapshot;
  readonly collector: CollectorSnapshot;
  readonly random: readonly [number, number, number, number];
  readonly updates: number;
  readonly steps: number;
  readonly collapse: CollapseCounters;
}

export interface UpdateOutcome {
  readonly diagnostics: UpdateDiagnostics;
  /** When "collapsed", the trainer has stopped: a further `update` throws. */
  readonly collapse: Collapse;
}

const unfit = (message: string, hint: string): OperationError =>
  new OperationError({ code: "PPO_NETWORK_UNFIT", message, hint, exit: 2 });

function checkNetworks({ env, actor, critic }: TrainerOptions): void {
  const fit = (spec: NetworkSpec) => spec.features === env.obsSize && spec.history === actor.history;
  if (!fit(actor) || !fit(critic)) {
    throw unfit(
      `Cannot train ${actor.name} and ${critic.name} as a pair: they see ${inputsOf(actor)} and ${
        inputsOf(critic)
      } inputs, the environment gives ${env.obsSize}`,
      "Actor and critic have the environment's features and the same history.",
    );
  }
}

export class Trainer {
  readonly actor: Network;
  readonly critic: Network;
  readonly #options: TrainerOptions;
  readonly #rollout: Rollout;
  readonly #collector: Collector;
  readonly #order: Int32Array;
  #words: () => [number, number, number, number];
  #draw: Random;
  #random: Random = () => this.#draw();
  #updates = 0;
  #steps = 0;
  #counters: CollapseCounters = { entropy: 0, action: 0 };
  #collapse: Collapse = { kind: "none" };

  /** Throws PPO_OPTION_INVALID, PPO_NETWORK_UNFIT or NETWORK_INVALID (exit 2). */
  constructor(options: TrainerOptions) {
    const { env, ppo, seed } = options;
    checkOptions(ppo, env.numEnvs);
    checkNetworks(options);
    this.#options = options;
    const maxRows = Math.max(ppo.minibatch, env.numEnvs);
    this.actor = new Network(options.actor, { maxRows, training: true });
    this.critic = new Network(options.critic, { maxRows, training: true });
    if (this.actor.plan.outputs !== env.actions || this.actor.probabilities.length === 0) {
      throw unfit(
        `Cannot act with ${options.actor.name}: the environment has ${env.actions} actions`,
        "An actor ends in as many outputs and logSoftmax.",
      );
    }
    if (this.critic.plan.outputs !== 1) {
      throw unfit(`Cannot value with ${options.critic.name}`, "A critic has one output.");
    }
    const generator = resumableXoshiro128(seedWords(seed));
    this.#words = generator.words;
    this.#draw = uniform(generator.next);
    initialise(this.actor, this.#random, 0.01);
    initialise(this.critic, this.#random, 1);
    this.#rollout = newRollout(env.numEnvs, ppo.samples / env.numEnvs, inputsOf(options.actor));
    this.#order = new Int32Array(ppo.samples);
    this.#collector = new Collector({
      env,
      actor: this.actor,
      critic: this.critic,
      random: this.#random,
      normaliseObservations: ppo.normaliseObservations,
      scaleRewards: ppo.scaleRewards,
      gamma: ppo.gamma,
    });
    this.#collector.reset();
  }

  /** Updates made so far. */
  get updates(): number {
    return this.#updates;
  }

  /**
   * Collects `samples` steps and updates both networks. After a "not_finite" collapse the weights are those of before
   * the update. Throws PPO_COLLAPSED when called again after a collapse.
   */
  update(): UpdateOutcome {
    if (this.#collapse.kind === "collapsed") {
      throw new OperationError({
        code: "PPO_COLLAPSED",
        message: `Cannot continue this training: ${this.#collapse.message}`,
        hint: "Take an earlier checkpoint, a lower learning rate or a higher entropy coefficient.",
      });
    }
    const { ppo, now } = this.#options;
    const rollout = this.#rollout;
    const started = now();
    const sums: EpisodeSums = { rewards: 0, episodes: 0, returns: 0, lengths: 0 };
    this.#collector.collect(rollout, sums);
    computeAdvantages(rollout, ppo.gamma, ppo.lambda);
    const collected = now();
    const before = [this.actor.params.slice(), this.critic.params.slice()] as const;
    const rates = this.#rates();
    const learner = {
      actor: this.actor,
      critic: this.critic,
      options: ppo,
      random: this.#random,
      order: this.#order,
    };
    const result = updateNetworks(learner, rollout, rates);
    this.#updates++;
    this.#steps += ppo.samples;
    const ended = now();
    const diagnostics: UpdateDiagnostics = {
      update: this.#updates,
      steps: this.#steps,
      ...result,
      explainedVariance: explainedVariance(rollout.returns, rollout.values),
      actorRate: rates.actor,
      criticRate: rates.critic,
      rewardMean: sums.rewards / ppo.samples,
      rewardScale: this.#collector.rewardDivisor,
      episodes: sums.episodes,
      episodeReturn: sums.returns / sums.episodes,
      episodeLength: sums.lengths / sums.episodes,
      actionShares: this.#actionShares(),
      sps: 1000 * ppo.samples / (ended - started),
      collectMs: collected - started,
      updateMs: ended - collected,
    };
    this.#collapse = detectCollapse(this.#counters, diagnostics, this.#options.env.actions, ppo.collapse);
    if (this.#collapse.kind === "collapsed" && this.#collapse.reason === "not_finite") {
      this.actor.params.set(before[0]);
      this.critic.params.set(before[1]);
    }
    return { diagnostics, collapse: this.#collapse };
  }

  /** Updates until `steps` environment steps are made in all, or collapse; tells each to `report`. */
  run(steps: number, report: (outcome: UpdateOutcome) => void = () => {}): Collapse {
    while (this.#steps < steps) {
      const outcome = this.update();
      report(outcome);
      if (outcome.collapse.kind === "collapsed") break;
    }
    return this.#collapse;
  }

  /** The policy as it is, normalisation frozen into it. A JSON value. */
  freeze(): PpoModel {
    const { ppo, actor } = this.#options;
    return {
      format: "poly-edge-policy-1",
      network: actor,
      weights: encodeFloats(this.actor.weights()),
      normaliser: ppo.normaliseObservations ? this.#collector.normaliser.snapshot() : null,
      trainedSteps: this.#steps,
    };
  }

  /** State between two updates. Resuming is bit for bit if the environment can be written down as well. */
  snapshot(): TrainerSnapshot {
    return {
      format: "poly-edge-ppo-1",
      actor: this.actor.snapshot(),
      critic: this.critic.snapshot(),
      collector: this.#collector.snapshot(),
      random: this.#words(),
      updates: this.#updates,
      steps: this.#steps,
      collapse: { ...this.#counters },
    };
  }

  /** Takes up a snapshot of a trainer made with the same options. */
  restore(snapshot: TrainerSnapshot): void {
    invariant(snapshot.format === "poly-edge-ppo-1", `a snapshot of format ${snapshot.format}`);
    this.actor.restore(snapshot.actor);
    this.critic.restore(snapshot.critic);
    const generator = resumableXoshiro128(snapshot.random);
    this.#words = generator.words;
    this.#draw = uniform(generator.next);
    this.#updates = snapshot.updates;
    this.#steps = snapshot.steps;
    this.#counters = { ...snapshot.collapse };
    this.#collapse = { kind: "none" };
    this.#collector.restore(snapshot.collector);
  }

  #rates(): { actor: number; critic: number } {
    const { actorRate, criticRate, rateSchedule, scheduleUpdates } = this.#options.ppo;
    const share = rateSchedule === "linear" ? Math.max(0, 1 - this.#updates / scheduleUpdates) : 1;
    return { actor: actorRate * share, critic: criticRate * share };
  }

  #actionShares(): number[] {
    const shares = new Array<number>(this.#options.env.actions).fill(0);
    const { actions } = this.#rollout;
    for (const action of actions) shares[action] = shares[action]! + 1 / actions.length;
    return shares;
  }
}
