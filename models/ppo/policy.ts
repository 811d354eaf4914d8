/**
 * A trained policy at work: features to action through the kernel, for one window or for all of them in one call. No
 * allocation per decision once a window is known.
 */
import { invariant, OperationError } from "../../core/errors.ts";
import {
  type Action,
  HOLD,
  type MarketView,
  type Policy,
  type PolicyBatch,
  WANT_DOWN,
  WANT_UP,
} from "../../core/policy/policy.ts";
import type { Random } from "../../core/random.ts";
import { largest, sample } from "./collect.ts";
import { History } from "./history.ts";
import { openModel, type PpoModel } from "./model.ts";
import { OBSERVATION_SETS, observationSize, writeView } from "../env/observation.ts";

/** The three outputs in their order. */
export const PPO_ACTIONS: readonly Action[] = [HOLD, WANT_UP, WANT_DOWN];

export interface PpoPolicyOptions {
  readonly decideEveryMs: number;
  /** Windows followed at a time; the one asked longest ago gives way to a new one. */
  readonly maxMarkets: number;
  /** Draws from the policy instead of taking its most likely action. */
  readonly random?: Random;
}

export const PPO_POLICY_DEFAULTS: PpoPolicyOptions = { decideEveryMs: 500, maxMarkets: 8 };

export interface PpoPolicy extends Policy {
  readonly batch: PolicyBatch;
  /** Probabilities (hold, Up, Down) of row `row` of the last call. */
  probability(row: number, action: number): number;
}

/** Which history row belongs to which window, by the window's condition id. */
class Slots {
  readonly #rows = new Map<string, number>();
  readonly #ids: string[];
  readonly #used: Float64Array;
  #clock = 0;

  constructor(size: number, readonly forget: (row: number) => void) {
    this.#ids = new Array<string>(size).fill("");
    this.#used = new Float64Array(size);
  }

  of(id: string): number {
    this.#clock++;
    let row = this.#rows.get(id);
    if (row === undefined) {
      row = 0;
      for (let i = 1; i < this.#used.length; i++) if (this.#used[i]! < this.#used[row]!) row = i;
      this.#rows.delete(this.#ids[row]!);
      this.#ids[row] = id;
      this.#rows.set(id, row);
      this.forget(row);
    }
    this.#used[row] = this.#clock;
    return row;
  }
}

/** A policy from a model. Throws MODEL_INVALID or NETWORK_INVALID; a network without one of the observation sets (`models/env/observation.ts`) or with
 * other than 3 actions is MODEL_INVALID. */
export function ppoPolicy(model: PpoModel, options: PpoPolicyOptions = PPO_POLICY_DEFAULTS): PpoPolicy {
  const { maxMarkets, random } = options;
  const { network, normaliser } = openModel(model, maxMarkets);
  const { inputs, outputs, outputStride, spec } = network.plan;
  const sizes = OBSERVATION_SETS.map(observationSize);
  if (!sizes.includes(spec.features) || outputs !== 3 || network.probabilities.length === 0) {
    throw new OperationError({
      code: "MODEL_INVALID",
      message: `Cannot use ${spec.name} as a policy: it has ${spec.features} features and ${outputs} outputs`,
      hint: `A policy has ${sizes.join(" or ")} features, 3 outputs and ends in logSoftmax.`,
    });
  }
  const history = new History(maxMarkets, spec.features, spec.history);
  const seenAt = new Float64Array(maxMarkets).fill(NaN);
  const slots = new Slots(maxMarkets, (row) => {
    history.reset(row);
    seenAt[row] = NaN;
  });
  const observation = new Float32Array(spec.features);

  const present = (view: MarketView, row: number): void => {
    const slot = slots.of(view.instrument.conditionId);
    // Asked twice about one instant, the past does not become longer.
    if (seenAt[slot] !== view.now) {
      writeView(view, spec.features, observation, 0);
      history.push(slot, observation, 0);
      seenAt[slot] = view.now;
    }
    history.write(slot, normaliser, network.input, row * inputs);
  };
  const choose = (row: number): Action => {
    const at = row * outputStride;
    const { probabilities } = network;
    const index = random === undefined
      ? largest(probabilities, at, outputs)
      : sample(probabilities, at, outputs, random);
    return PPO_ACTIONS[index]!;
  };
  return {
    name: `ppo:${spec.name}`,
    needs: { fast: true, oracle: false, strike: false },
    decideEveryMs: options.decideEveryMs,
    statesProbability: false,
    decide: (view) => {
      present(view, 0);
      network.forward(1);
      return choose(0);
    },
    batch: {
      most: maxMarkets,
      decide: (views, count, actions) => {
        invariant(count <= maxMarkets, `${count} windows at once, the policy was made for ${maxMarkets}`);
        for (let row = 0; row < count; row++) present(views[row]!, row);
        network.forward(count);
        for (let row = 0; row < count; row++) actions[row] = choose(row);
      },
    },
    probability: (row, action) => network.probabilities[row * outputStride + action]!,
  };
}
