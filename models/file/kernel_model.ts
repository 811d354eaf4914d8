/** Model files that our own kernel runs. */
import { Network } from "../kernel/kernel.ts";
import { encodeFloats } from "../kernel/kernel.ts";
import { type GraphNormalisation, OUTPUT_NAME, writeNetwork } from "../onnx/write_network.ts";
import { readNetwork } from "../onnx/read_network.ts";
import { History } from "../ppo/history.ts";
import { openModel, type PpoModel } from "../ppo/model.ts";
import { INPUT_LIMIT } from "../ppo/normalise.ts";
import {
  badModel,
  COLUMNS,
  MODEL_FORMAT,
  type ModelCard,
  NORMALISE_EPSILON,
  type Provenance,
  type WalkForward,
} from "./card.ts";
import { goldenVectors } from "./golden.ts";
import { inputsHash, namesOfSize } from "./inputs.ts";
import { sealModel, type Unsealed } from "./seal.ts";

/** What a model file says beside the network. */
export interface ModelInfo {
  readonly name: string;
  readonly provenance: Provenance;
  readonly walkForward: WalkForward | null;
  readonly decideEveryMs: number;
}

/** Log-probabilities (hold, up, down) after `vectors`, oldest first, of a window without a past. */
export function kernelOutputs(model: PpoModel, vectors: readonly (readonly number[])[]): number[] {
  const { network, normaliser } = openModel(model, 1);
  const { features, history } = model.network;
  const past = new History(1, features, history);
  for (const vector of vectors) past.push(0, Float32Array.from(vector), 0);
  past.write(0, normaliser, network.input, 0);
  network.forward(1);
  return [...network.output.subarray(0, network.plan.outputs)];
}

/** The weights of a model as its network has them. Throws MODEL_INVALID, NETWORK_INVALID. */
const weightsOf = (model: PpoModel): Float32Array => openModel(model, 1).network.weights();

/**
 * The model file of a trained policy. The same model and the same words give the same bytes. Throws MODEL_INVALID for a
 * network that is no policy, NETWORK_INVALID for one that the kernel cannot run.
 */
export function kernelModelFile(model: PpoModel, info: ModelInfo): Uint8Array<ArrayBuffer> {
  const { features, history } = model.network;
  const names = namesOfSize(features);
  if (names === null) throw badModel(`its network takes ${features} inputs, which no observation has`);
  if (model.network.layers.at(-1) !== "logSoftmax") throw badModel("its network does not end in logSoftmax");
  const weights = weightsOf(model);
  const input = goldenVectors(history, features);
  const { normaliser } = model;
  const card: ModelCard = {
    format: MODEL_FORMAT,
    name: info.name,
    runtime: "kernel",
    features: { names: [...names], hash: inputsHash(names) },
    history,
    absent: "zero",
    normalisation: normaliser === null ? null : {
      count: normaliser.count,
      mean: [...normaliser.mean],
      variance: [...normaliser.variance],
      epsilon: NORMALISE_EPSILON,
      limit: INPUT_LIMIT,
    },
    output: { name: OUTPUT_NAME, columns: [...COLUMNS] },
    decideEveryMs: info.decideEveryMs,
    provenance: info.provenance,
    walkForward: info.walkForward,
    golden: { input, output: kernelOutputs(model, input) },
  };
  return sealModel(writeNetwork(model.network, weights), card);
}

/** The policy in a model file of the kernel. Throws MODEL_INVALID when its graph is no network of the kernel. */
export function kernelModelOf({ model, card }: { model: Unsealed["model"]; card: ModelCard }): PpoModel {
  const read = readNetwork(model, card.features.names.length, card.name);
  if (read.kind === "other") throw badModel(`its graph is no network of the kernel: ${read.why}`);
  if (read.spec.history !== card.history) {
    throw badModel(`its graph looks at ${read.spec.history} vectors, its card at ${card.history}`);
  }
  const { normalisation } = card;
  const policy: PpoModel = {
    format: "poly-edge-policy-1",
    network: read.spec,
    weights: encodeFloats(read.weights),
    normaliser: normalisation === null ? null : {
      count: normalisation.count,
      mean: normalisation.mean,
      variance: normalisation.variance,
    },
    trainedSteps: card.provenance.steps ?? 0,
  };
  // Numbers that are none, and shapes that do not fit, are found here rather than at the first decision.
  openModel(policy, 1);
  return policy;
}

/** Probabilities of `rows` inputs as they enter the network (normalised), row after row. */
export function networkProbabilities(model: PpoModel, inputs: Float32Array, rows: number): Float32Array {
  const network = new Network(model.network, { maxRows: rows, training: false });
  network.loadWeights(weightsOf(model));
  network.input.set(inputs);
  network.forward(rows);
  const { outputs, outputStride } = network.plan;
  return Float32Array.from(
    { length: rows * outputs },
    (_, i) => network.probabilities[Math.floor(i / outputs) * outputStride + i % outputs]!,
  );
}

/**
 * The network as plain ONNX for other runtimes, its normalisation built in: raw inputs in, log-probabilities out. Where
 * a window has no vector yet, the kernel sees zeros behind the normalisation: give the mean there.
 */
export function plainOnnx(model: PpoModel): Uint8Array<ArrayBuffer> {
  const { normaliser } = model;
  const normalisation: GraphNormalisation | null = normaliser === null ? null : {
    mean: normaliser.mean,
    scale: normaliser.variance.map((value) => 1 / Math.sqrt(value + NORMALISE_EPSILON)),
    limit: INPUT_LIMIT,
  };
  return writeNetwork(model.network, weightsOf(model), normalisation);
}
