/** Opening a model file: everything is checked before a policy comes out of it. */
import type { Policy } from "../../core/policy/policy.ts";
import type { OnnxModel } from "../onnx/graph.ts";
import { openOrt, type OrtModel } from "../onnx/ort_model.ts";
import { ppoPolicy } from "../ppo/policy.ts";
import { OperationError } from "../../core/errors.ts";
import { badModel, edgeWarning, type ModelCard } from "./card.ts";
import { checkGolden } from "./golden.ts";
import { kernelModelOf, kernelOutputs } from "./kernel_model.ts";
import { ortPolicy, ortRow } from "./ort_policy.ts";
import { modelHash, type Unsealed, unsealModel } from "./seal.ts";

/** Windows that a policy remembers the past of: every asset and length at once, and some of before. */
const MAX_WINDOWS = 32;
/** The kernel gives the same bits everywhere; ONNX Runtime's may differ with its version. */
const KERNEL_TOLERANCE = 0;
export const ORT_TOLERANCE = 1e-5;

/** A model that has passed its checks. */
export interface LoadedModel {
  /** SHA-256 of the file: what sessions know it by. */
  readonly sha256: string;
  readonly card: ModelCard;
  /** Name of its policy: `model:` and the card's name. */
  readonly name: string;
  /** A policy with a memory of its own; each engine takes one. */
  policy(): Policy;
  /** Ends the thread of ONNX Runtime, if there is one. */
  close(): void;
}

type WithCard = Unsealed & { readonly card: ModelCard };

/** Takes a model file apart. Throws what `unsealModel` throws, and MODEL_NO_CARD for a plain ONNX model. */
export function unsealCard(file: Uint8Array): WithCard {
  const parts = unsealModel(file);
  const { card } = parts;
  if (card !== null) return { ...parts, card };
  throw new OperationError({
    code: "MODEL_NO_CARD",
    message: "Cannot use the model as a policy: it is a plain ONNX model that says nothing of its inputs",
    hint: "Declare them once: `poly-edge models import FILE --features ... --out MODEL`.",
    exit: 2,
  });
}

/** The request for a model's only input and the output that its card names. */
export function ortRequestOf(onnx: Uint8Array, { graph }: OnnxModel, of: {
  readonly inputs: number;
  readonly output: string;
  readonly outputs: number;
}) {
  const [input, ...more] = graph.inputs;
  if (input === undefined || more.length > 0) throw badModel(`its graph has ${graph.inputs.length} inputs`);
  if (!graph.outputs.some(({ name }) => name === of.output)) {
    throw badModel(`its graph has no output ${of.output}`);
  }
  return { model: onnx, ...of, feeds: [{ name: input.name, from: 0, width: of.inputs }] };
}

async function openOther({ onnx, model, card }: WithCard): Promise<{ ort: OrtModel; outputs: number[] }> {
  const ort = await openOrt(ortRequestOf(onnx, model, {
    inputs: card.features.names.length,
    output: card.output.name,
    outputs: card.output.columns.length,
  }));
  try {
    const row = Float32Array.from(card.golden.input[0]!, (value) => value ?? NaN);
    return { ort, outputs: [...ortRow(card, ort)(row)] };
  } catch (error) {
    ort.close();
    throw error;
  }
}

/**
 * Opens a model file. Throws ONNX_INVALID, MODEL_NO_CARD, MODEL_DAMAGED, MODEL_INVALID, NETWORK_INVALID,
 * MODEL_FEATURES_DIFFER, MODEL_GOLDEN_DIFFERS, MODEL_RUN_FAILED, MODEL_TOO_SLOW. Close it after use.
 */
export async function openModelFile(file: Uint8Array): Promise<LoadedModel> {
  const parts = unsealCard(file);
  const { card } = parts;
  const caution = edgeWarning(card);
  const sha256 = modelHash(file);
  const label = { model: sha256, ...(caution === null ? {} : { caution }) };
  const common = { sha256, card, name: `model:${card.name}` };
  if (card.runtime === "kernel") {
    const model = kernelModelOf(parts);
    const input = card.golden.input.map((vector) => vector.map((value) => value ?? 0));
    checkGolden(card.golden.output, kernelOutputs(model, input), KERNEL_TOLERANCE);
    const options = { decideEveryMs: card.decideEveryMs, maxMarkets: MAX_WINDOWS };
    return {
      ...common,
      policy: () => ({ ...ppoPolicy(model, options), name: common.name, ...label }),
      close: () => {},
    };
  }
  const { ort, outputs } = await openOther(parts);
  try {
    checkGolden(card.golden.output, outputs, ORT_TOLERANCE);
  } catch (error) {
    ort.close();
    throw error;
  }
  return {
    ...common,
    policy: () => ({ ...ortPolicy(card, ort), ...label }),
    close: () => ort.close(),
  };
}
