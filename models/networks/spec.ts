/**
 * Networks as data. A new network is a `NetworkSpec`: a list of layers and, if it looks back, an encoder over the last
 * vectors whose output is put beside the newest one.
 */
import { OperationError } from "../../core/errors.ts";

/** `{dense: n}` has a bias; `layerNorm` has a gain and an offset; `logSoftmax` may only be the last layer. */
export type LayerSpec = { readonly dense: number } | "tanh" | "layerNorm" | "logSoftmax";

export interface NetworkSpec {
  /** Kept in checkpoints and model files; weights are only loaded into a network of the same name and shape. */
  readonly name: string;
  /** Features of one vector. */
  readonly features: number;
  /** Vectors in the input, oldest first, zeros in front until there are so many. 1: the newest alone. */
  readonly history: number;
  /** Runs over all `features * history` inputs; the main layers then see the newest vector, then its output. */
  readonly encoder?: readonly LayerSpec[];
  readonly layers: readonly LayerSpec[];
}

/** Numbers of one input row. */
export const inputsOf = (spec: NetworkSpec): number => spec.features * spec.history;

/** Width of the last dense layer of a list. */
export function widthOf(layers: readonly LayerSpec[]): number {
  const dense = layers.filter((layer) => typeof layer === "object");
  return dense.at(-1)?.dense ?? 0;
}

const wrong = (spec: NetworkSpec, what: string): OperationError =>
  new OperationError({
    code: "NETWORK_INVALID",
    message: `Cannot build the network "${spec.name}" as declared: ${what}`,
    hint: "See docs/learning.md for what a declaration may hold.",
    exit: 2,
  });

function checkList(spec: NetworkSpec, layers: readonly LayerSpec[], isHead: boolean): void {
  if (typeof layers[0] !== "object") throw wrong(spec, "a list of layers starts with a dense one");
  const last = layers.findLastIndex((layer) => typeof layer === "object");
  layers.forEach((layer, at) => {
    if (typeof layer === "object") {
      const whole = Number.isInteger(layer.dense) && layer.dense >= 1 && layer.dense <= 4096;
      if (!whole) throw wrong(spec, `a dense layer has 1 to 4096 outputs, got ${layer.dense}`);
      if (layer.dense % 4 !== 0 && !(isHead && at === last)) {
        throw wrong(spec, `widths inside a network are multiples of 4, got ${layer.dense}`);
      }
      return;
    }
    const before = layers[at - 1];
    if (layer === "logSoftmax" && !(isHead && at === layers.length - 1 && typeof before === "object")) {
      throw wrong(spec, "logSoftmax stands last, right after a dense layer");
    }
    if (layer !== "logSoftmax" && isHead && at > last && widthOf(layers) % 4 !== 0) {
      throw wrong(spec, `${layer} needs a width that is a multiple of 4`);
    }
    if (layer === "layerNorm" && before === "layerNorm") throw wrong(spec, "two layerNorm in a row");
    if (layer === "layerNorm" && before === "tanh") throw wrong(spec, "layerNorm stands after a dense layer");
    if (layer === "tanh" && before === "tanh") throw wrong(spec, "two tanh in a row");
  });
}

/** Throws NETWORK_INVALID (exit 2) for a declaration that the kernel cannot run. */
export function checkSpec(spec: NetworkSpec): void {
  const { features, history } = spec;
  if (!Number.isInteger(features) || features < 1) throw wrong(spec, `features is ${features}`);
  if (!Number.isInteger(history) || history < 1 || history > 64) throw wrong(spec, `history is ${history}`);
  if (history > 1 && spec.encoder === undefined) throw wrong(spec, "a history needs an encoder");
  if (spec.encoder !== undefined) checkList(spec, spec.encoder, false);
  checkList(spec, spec.layers, true);
}

/** Trainable numbers, without the padding of the memory plan. */
export function parameterCount(spec: NetworkSpec): number {
  const count = (layers: readonly LayerSpec[], inputs: number): number => {
    let total = 0;
    let width = inputs;
    for (const layer of layers) {
      if (typeof layer === "object") {
        total += width * layer.dense + layer.dense;
        width = layer.dense;
      } else if (layer === "layerNorm") total += 2 * width;
    }
    return total;
  };
  if (spec.encoder === undefined) return count(spec.layers, inputsOf(spec));
  return count(spec.encoder, inputsOf(spec)) + count(spec.layers, spec.features + widthOf(spec.encoder));
}
