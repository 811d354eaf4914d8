/** A trained policy as data: the network's declaration, its weights, and the normalisation it was trained behind. */
import { OperationError } from "../../core/errors.ts";
import { Network } from "../kernel/kernel.ts";
import { type NetworkSpec, parameterCount } from "../networks/spec.ts";
import { Normaliser, type NormaliserSnapshot } from "./normalise.ts";

/** JSON value, as `Trainer.freeze` gives it. */
export interface PpoModel {
  readonly format: "poly-edge-policy-1";
  readonly network: NetworkSpec;
  /** Base64 of little-endian f32, tensor after tensor, weights as [inputs][outputs]. */
  readonly weights: string;
  /** null: observations enter as they are. */
  readonly normaliser: NormaliserSnapshot | null;
  readonly trainedSteps: number;
}

const broken = (what: string): OperationError =>
  new OperationError({
    code: "MODEL_INVALID",
    message: `Cannot use the model as a policy: ${what}`,
    hint: "Save it again from its training; docs/learning.md describes the format.",
  });

function weightsOf(model: PpoModel): Float32Array {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(model.weights);
  } catch {
    throw broken("its weights are not base64");
  }
  const wanted = parameterCount(model.network);
  if (bytes.length !== 4 * wanted) throw broken(`it has ${bytes.length / 4} weights, its network ${wanted}`);
  const weights = new Float32Array(bytes.slice().buffer);
  if (!weights.every(Number.isFinite)) throw broken("a weight is not finite");
  return weights;
}

/** Network for up to `maxRows` rows and normaliser of a model. Throws MODEL_INVALID or NETWORK_INVALID. */
export function openModel(
  model: PpoModel,
  maxRows: number,
): { network: Network; normaliser: Normaliser | undefined } {
  if (model.format !== "poly-edge-policy-1") throw broken(`its format is ${model.format}`);
  const network = new Network(model.network, { maxRows, training: false });
  network.loadWeights(weightsOf(model));
  if (model.normaliser === null) return { network, normaliser: undefined };
  const { mean, variance } = model.normaliser;
  const numbers = [...mean, ...variance];
  if (mean.length !== model.network.features || variance.length !== mean.length) {
    throw broken(`its normaliser has ${mean.length} features, its network ${model.network.features}`);
  }
  if (!numbers.every(Number.isFinite) || variance.some((value) => value < 0)) {
    throw broken("its normaliser holds a number that is none");
  }
  const normaliser = new Normaliser(model.network.features);
  normaliser.restore(model.normaliser);
  return { network, normaliser };
}
