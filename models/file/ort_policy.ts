/** A policy over any ONNX model: declared inputs in, columns of one output read as a decision. */
import { fairValuePolicy } from "../../core/policy/fair_value_policy.ts";
import {
  type Action,
  HOLD,
  type MarketView,
  type Policy,
  WANT_DOWN,
  WANT_UP,
} from "../../core/policy/policy.ts";
import type { OrtModel } from "../onnx/ort_model.ts";
import { Normaliser } from "../ppo/normalise.ts";
import type { ModelCard } from "./card.ts";
import { inputWriter } from "./inputs.ts";

/** Inputs that need the settlement oracle and the strike. */
const FAIR_INPUTS = new Set(["fair_up", "edge_up", "edge_down", "edge_close"]);

const ACTIONS: Readonly<Record<ModelCard["output"]["columns"][number], Action>> = {
  hold: HOLD,
  up: WANT_UP,
  down: WANT_DOWN,
};

function normaliserOf({ normalisation, features }: ModelCard): Normaliser | null {
  if (normalisation === null) return null;
  const normaliser = new Normaliser(features.names.length);
  normaliser.restore(normalisation);
  return normaliser;
}

/** Outputs of one vector of raw inputs, normalised as the card says. */
export function ortRow(card: ModelCard, model: OrtModel): (raw: Float32Array) => Float32Array {
  const normaliser = normaliserOf(card);
  const row = new Float32Array(card.features.names.length);
  const out = new Float32Array(card.output.columns.length);
  return (raw) => {
    if (normaliser === null) row.set(raw);
    else normaliser.apply(raw, 0, row, 0);
    model.run(row, out);
    return out;
  };
}

/** Largest column decides; the first of equals, and hold when a number is none. */
function byColumns(card: ModelCard): (outputs: Float32Array) => Action {
  const actions = card.output.columns.map((column) => ACTIONS[column]);
  return (outputs) => {
    let best = 0;
    for (let i = 0; i < actions.length; i++) {
      if (Number.isNaN(outputs[i]!)) return HOLD;
      if (outputs[i]! > outputs[best]!) best = i;
    }
    return actions[best]!;
  };
}

/**
 * The policy of a model under ONNX Runtime. With a column `hold` the largest decides. Without, `up` is a probability and
 * trades as fair-value does: where it beats the executable price by fee and margin.
 */
export function ortPolicy(card: ModelCard, model: OrtModel): Policy {
  const { names } = card.features;
  const write = inputWriter(names, card.absent);
  const outputsOf = ortRow(card, model);
  const raw = new Float32Array(names.length);
  const ask = (view: MarketView): Float32Array => {
    write(view, raw);
    return outputsOf(raw);
  };
  const fair = names.some((name) => FAIR_INPUTS.has(name));
  const base = {
    name: `model:${card.name}`,
    needs: { fast: true, oracle: fair, strike: fair },
    decideEveryMs: card.decideEveryMs,
  };
  if (card.output.columns.includes("hold")) {
    const choose = byColumns(card);
    return { ...base, statesProbability: false, decide: (view) => choose(ask(view)) };
  }
  const rule = fairValuePolicy();
  const up = card.output.columns.indexOf("up");
  return {
    ...base,
    statesProbability: true,
    decide: (view) => {
      const own = view.fairUp;
      const probability = ask(view)[up]!;
      view.fairUp = probability >= 0 && probability <= 1 ? probability : NaN;
      try {
        return rule.decide(view);
      } finally {
        // The engine's own fair value stays what it records.
        view.fairUp = own;
      }
    },
  };
}
