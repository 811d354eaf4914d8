/** Models of other tools become model files: as networks of our kernel where they are such, else under ONNX Runtime. */
import { OperationError } from "../../core/errors.ts";
import { seededRandom } from "../../core/random.ts";
import { encodeFloats } from "../kernel/kernel.ts";
import { FLOAT, type OnnxModel, readOnnx } from "../onnx/graph.ts";
import { openOrt } from "../onnx/ort_model.ts";
import { type Ending, type ReadNetwork, readNetwork } from "../onnx/read_network.ts";
import type { PpoModel } from "../ppo/model.ts";
import { INPUT_LIMIT, type NormaliserSnapshot } from "../ppo/normalise.ts";
import { badModel, COLUMNS, MODEL_FORMAT, type ModelCard, NORMALISE_EPSILON, parseCard } from "./card.ts";
import { goldenVectors } from "./golden.ts";
import { type Absent, inputsHash, namesOfSize } from "./inputs.ts";
import { kernelModelFile, type ModelInfo, networkProbabilities } from "./kernel_model.ts";
import { ORT_TOLERANCE, ortRequestOf } from "./open.ts";
import { ortRow } from "./ort_policy.ts";
import { sealModel, unsealModel } from "./seal.ts";

export interface ImportOptions extends ModelInfo {
  /** Inputs in their order. */
  readonly features: readonly string[];
  /** What the output's columns mean. */
  readonly columns: readonly (typeof COLUMNS[number])[];
  readonly absent: Absent;
  readonly normaliser: NormaliserSnapshot | null;
  /** The output to read; null: the only one that holds floats. */
  readonly output: string | null;
}

export interface Imported {
  readonly file: Uint8Array;
  readonly runtime: ModelCard["runtime"];
  /** Why it is not run by the kernel; null when it is. */
  readonly why: string | null;
  /** Largest difference of a probability between the kernel and ONNX Runtime on the given graph; null under the latter. */
  readonly difference: number | null;
}

/** Rows of chance that the kernel and ONNX Runtime must agree on. */
const COMPARED_ROWS = 64;

/** Probabilities from whatever the graph gives out. */
function asProbabilities(outputs: Float32Array, ending: Ending): number[] {
  if (ending === "probabilities") return [...outputs];
  const largest = Math.max(...outputs);
  const weights = [...outputs].map((value) => Math.exp(value - largest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Largest difference of a probability between the kernel and ONNX Runtime, on a graph as it was given and 64 rows of chance. */
export async function compareWithOrt(
  onnx: Uint8Array,
  { graph }: OnnxModel,
  read: ReadNetwork & { kind: "network" },
  model: PpoModel,
): Promise<number> {
  const { features, history } = read.spec;
  const inputs = features * history;
  const random = seededRandom(7);
  const rows = Float32Array.from({ length: COMPARED_ROWS * inputs }, () => 4 * random() - 2);
  const ours = networkProbabilities(model, rows, COMPARED_ROWS);
  const ort = await openOrt({
    model: onnx,
    feeds: graph.inputs.map(({ name, dims }) => {
      const width = dims!.at(-1)!;
      return { name, width, from: inputs - width };
    }),
    output: graph.outputs[0]!.name,
    inputs,
    outputs: COLUMNS.length,
  });
  try {
    const out = new Float32Array(COLUMNS.length);
    let worst = 0;
    for (let row = 0; row < COMPARED_ROWS; row++) {
      ort.run(rows.subarray(row * inputs, (row + 1) * inputs), out);
      asProbabilities(out, read.ending).forEach((theirs, column) => {
        const difference = Math.abs(theirs - ours[row * COLUMNS.length + column]!);
        if (!(difference <= worst)) worst = difference;
      });
    }
    return worst;
  } finally {
    ort.close();
  }
}

async function toKernel(
  onnx: Uint8Array,
  parsed: OnnxModel,
  read: ReadNetwork & { kind: "network" },
  options: ImportOptions,
): Promise<Imported> {
  const model: PpoModel = {
    format: "poly-edge-policy-1",
    network: read.spec,
    weights: encodeFloats(read.weights),
    normaliser: options.normaliser,
    trainedSteps: options.provenance.steps ?? 0,
  };
  const file = kernelModelFile(model, options);
  const difference = await compareWithOrt(onnx, parsed, read, model);
  if (difference <= ORT_TOLERANCE) return { file, runtime: "kernel", why: null, difference };
  throw new OperationError({
    code: "MODEL_IMPORT_DIFFERS",
    message:
      `Cannot import the model into the kernel: its outputs differ by ${difference} from ONNX Runtime's`,
    hint: "Please report it with the file; `--runtime onnxruntime` imports it unchanged.",
  });
}

function outputOf({ graph }: OnnxModel, wanted: string | null, columns: number): string {
  const tensors = graph.outputs.filter(({ type }) => type === FLOAT);
  const chosen = wanted === null
    ? tensors.length === 1 ? tensors[0] : undefined
    : graph.outputs.find(({ name }) => name === wanted);
  if (chosen === undefined) {
    const names = graph.outputs.map(({ name }) => name).join(", ");
    throw badModel(
      wanted === null
        ? `${tensors.length} of its outputs (${names}) hold floats: name one with --output`
        : `it has no output ${wanted}, only ${names}`,
    );
  }
  if (chosen.type !== FLOAT) {
    throw badModel(`its output ${chosen.name} is no tensor of floats (save classifiers without ZipMap)`);
  }
  const width = chosen.dims?.at(-1) ?? -1;
  if (width !== -1 && width !== columns) {
    throw badModel(`its output ${chosen.name} has ${width} columns, declared are ${columns}`);
  }
  return chosen.name;
}

function checkInput({ graph }: OnnxModel, width: number): void {
  const [input] = graph.inputs;
  const columns = input?.dims?.at(-1) ?? -1;
  if (input?.type !== FLOAT) throw badModel(`its input ${input?.name ?? ""} is no tensor of floats`);
  if (columns !== -1 && columns !== width) {
    throw badModel(`its input ${input.name} has ${columns} columns, declared are ${width} features`);
  }
}

async function toRuntime(
  onnx: Uint8Array,
  parsed: OnnxModel,
  why: string,
  options: ImportOptions,
): Promise<Imported> {
  const { features, columns, normaliser } = options;
  const output = outputOf(parsed, options.output, columns.length);
  checkInput(parsed, features.length);
  const input = goldenVectors(1, features.length);
  const draft: ModelCard = {
    format: MODEL_FORMAT,
    name: options.name,
    runtime: "onnxruntime",
    features: { names: [...features], hash: inputsHash(features) },
    history: 1,
    absent: options.absent,
    normalisation: normaliser === null ? null : {
      count: normaliser.count,
      mean: [...normaliser.mean],
      variance: [...normaliser.variance],
      epsilon: NORMALISE_EPSILON,
      limit: INPUT_LIMIT,
    },
    output: { name: output, columns: [...columns] },
    decideEveryMs: options.decideEveryMs,
    provenance: options.provenance,
    walkForward: options.walkForward,
    golden: { input, output: columns.map(() => 0) },
  };
  // A wrong declaration is told before anything is run.
  parseCard(draft);
  const ort = await openOrt(
    ortRequestOf(onnx, parsed, { inputs: features.length, output, outputs: columns.length }),
  );
  try {
    const outputs = [...ortRow(draft, ort)(Float32Array.from(input[0]!))];
    if (!outputs.every(Number.isFinite)) {
      throw badModel(`it gives [${outputs.join(", ")}] for its golden input`);
    }
    const card = { ...draft, golden: { input, output: outputs } };
    return { file: sealModel(onnx, card), runtime: "onnxruntime", why, difference: null };
  } finally {
    ort.close();
  }
}

/** Why declared inputs and columns keep a graph from the kernel; null when they do not. */
function declaredOtherwise(options: ImportOptions): string | null {
  const { features, columns, absent, output } = options;
  if (namesOfSize(features.length)?.join() !== features.join()) {
    return "its inputs are not those of an observation, all and in order";
  }
  if (columns.join() !== COLUMNS.join()) return `its columns are ${columns.join(", ")}`;
  if (absent !== "zero") return "absent inputs are not zero";
  return output === null ? null : "an output was named";
}

/**
 * Imports an ONNX model. `runtime` "kernel" or "onnxruntime" insists; null takes the kernel where the graph is a network
 * of it. Throws ONNX_INVALID, MODEL_INVALID, MODEL_IMPORT_DIFFERS, MODEL_FEATURES_DIFFER, MODEL_RUN_FAILED.
 */
export async function importOnnx(
  bytes: Uint8Array,
  options: ImportOptions,
  runtime: ModelCard["runtime"] | null = null,
): Promise<Imported> {
  const { card } = unsealModel(bytes);
  if (card !== null) throw badModel("it is a model file already");
  const parsed = readOnnx(bytes);
  const declared = declaredOtherwise(options);
  const read: ReadNetwork = declared !== null
    ? { kind: "other", why: declared }
    : readNetwork(parsed, options.features.length, options.name);
  if (runtime !== "onnxruntime" && read.kind === "network") {
    return await toKernel(bytes, parsed, read, options);
  }
  const why = read.kind === "network" ? "asked for" : read.why;
  if (runtime === "kernel") throw badModel(`the kernel cannot run it: ${why}`);
  return await toRuntime(bytes, parsed, why, options);
}
