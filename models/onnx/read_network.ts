/**
 * An ONNX graph as a network of our kernel, where it is one: chains of dense layers, tanh and layer norm, an encoder over
 * the last vectors beside the newest one. Read as exporters write them: `Gemm` with or without `transB`, `MatMul` and
 * `Add`, constants as nodes or initialisers, `Softmax`, `LogSoftmax` or bare logits at the end.
 */
import { checkSpec, type LayerSpec, type NetworkSpec } from "../networks/spec.ts";
import type { Node, OnnxGraph, OnnxModel, Tensor } from "./graph.ts";

/** A network with its weights (`Network.loadWeights`), or why the graph is none that the kernel runs. */
export type ReadNetwork =
  | {
    readonly kind: "network";
    readonly spec: NetworkSpec;
    readonly weights: Float32Array;
    /** What the graph gives out: the kernel always computes log-probabilities. */
    readonly ending: Ending;
  }
  | { readonly kind: "other"; readonly why: string };

export type Ending = "logits" | "probabilities" | "logProbabilities";

/** The graph is no network of ours; caught in this file. */
class Other extends Error {}
const other = (why: string): Other => new Other(why);

type Start = "all" | "newest" | "joined";
/** A value of the graph: a chain of layers from somewhere. `half`: a product whose bias has not come yet. */
interface Chain {
  readonly start: Start;
  readonly encoder: Chain | null;
  readonly layers: readonly LayerSpec[];
  readonly weights: readonly Float32Array[];
  readonly width: number;
  readonly half: boolean;
  readonly ending: Ending;
}

const EPSILON = 1e-5;

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c]!;
  }
  return out;
}

class Reader {
  readonly #chains = new Map<string, Chain>();
  readonly #constants: Map<string, Tensor>;
  #looksBack = false;

  constructor(readonly graph: OnnxGraph, readonly features: number) {
    this.#constants = new Map(graph.initialisers);
  }

  read(): { chain: Chain; history: number } {
    const { graph, features } = this;
    const history = this.#inputs();
    this.#looksBack = history > 1;
    for (const node of graph.nodes) this.#node(node);
    if (graph.outputs.length !== 1) throw other(`it has ${graph.outputs.length} outputs`);
    const chain = this.#chain(graph.outputs[0]!.name);
    if (chain.half) throw other("its last product has no bias");
    if (chain.start === "newest" && history > 1) throw other("its past is not used");
    if (chain.start === "all" && history > 1) {
      throw other(`it has ${history} x ${features} inputs and no encoder`);
    }
    return { chain, history };
  }

  /** One input with all vectors, oldest first, or two: the newest vector, and all of them. Gives the history. */
  #inputs(): number {
    const { graph, features } = this;
    const widths = graph.inputs.map(({ name, dims }) => ({
      name,
      width: dims?.at(-1) ?? -1,
      rank: dims?.length,
    }));
    const odd = widths.find(({ rank, width }) => rank !== 2 || width < 1 || width % features !== 0);
    if (odd !== undefined) {
      throw other(`its input ${odd.name} is no matrix with a multiple of ${features} columns`);
    }
    const [all, newest] = widths.toSorted((a, b) => b.width - a.width);
    if (all === undefined || widths.length > 2) throw other(`it has ${widths.length} inputs`);
    if (newest !== undefined && (newest.width !== features || all.width === features)) {
      throw other(`its inputs have ${widths.map(({ width }) => width)} columns`);
    }
    this.#chains.set(all.name, this.#from(all.width === features ? "newest" : "all", all.width));
    if (newest !== undefined) this.#chains.set(newest.name, this.#from("newest", features));
    return all.width / features;
  }

  #from(start: Start, width: number, encoder: Chain | null = null): Chain {
    return { start, encoder, layers: [], weights: [], width, half: false, ending: "logits" };
  }

  #chain(name: string): Chain {
    const found = this.#chains.get(name);
    if (found === undefined) throw other(`${name} comes from no layer that the kernel has`);
    return found;
  }

  #constant(name: string | undefined): Tensor {
    const found = this.#constants.get(name ?? "");
    if (found === undefined) throw other(`${name ?? "an input"} is no constant`);
    return found;
  }

  #floats(name: string | undefined, length: number): Float32Array {
    const { floats } = this.#constant(name);
    if (floats?.length !== length) {
      throw other(`${name} has ${floats?.length ?? "no"} numbers, not ${length}`);
    }
    return floats;
  }

  #node(node: Node): void {
    const [out] = node.outputs;
    if (out === undefined || node.outputs.slice(1).some((name) => name !== "" && this.#used(name))) {
      throw other(`${node.op} has outputs that are used in an unknown way`);
    }
    if (node.op === "Constant") {
      const value = node.attributes.get("value")?.tensor;
      const ints = node.attributes.get("value_ints")?.ints;
      if (value != null) this.#constants.set(out, value);
      else if (ints !== undefined) {
        this.#constants.set(out, { name: out, dims: [ints.length], type: 7, floats: null, ints });
      } else throw other("a constant is of a kind that layers do not have");
      return;
    }
    this.#chains.set(out, this.#apply(node));
  }

  #used(name: string): boolean {
    const { nodes, outputs } = this.graph;
    return nodes.some((node) => node.inputs.includes(name)) || outputs.some((output) => output.name === name);
  }

  #apply(node: Node): Chain {
    const [x = ""] = node.inputs;
    switch (node.op) {
      case "Identity":
      case "Dropout":
        return this.#chain(x);
      case "Gemm":
        return this.#gemm(node);
      case "MatMul":
        return this.#matMul(node);
      case "Add":
        return this.#add(node);
      case "Tanh":
        return this.#layer(this.#chain(x), "tanh", []);
      case "LayerNormalization":
        return this.#layerNorm(node);
      case "Softmax":
        return this.#ended(node, "probabilities");
      case "LogSoftmax":
        return this.#ended(node, "logProbabilities");
      case "Slice":
        return this.#newest(node);
      case "Concat":
        return this.#joined(node);
      default:
        throw other(`the kernel has no ${node.op}`);
    }
  }

  #layer(from: Chain, layer: LayerSpec, weights: readonly Float32Array[]): Chain {
    if (from.half) throw other("a product has no bias");
    if (from.ending !== "logits") throw other("a layer stands behind the softmax");
    const width = typeof layer === "object" ? layer.dense : from.width;
    return { ...from, layers: [...from.layers, layer], weights: [...from.weights, ...weights], width };
  }

  #gemm(node: Node): Chain {
    const [x = "", w, b] = node.inputs;
    const number = (name: string, usual: number) => {
      const attribute = node.attributes.get(name);
      return attribute?.float ?? attribute?.int ?? usual;
    };
    if (number("alpha", 1) !== 1 || number("beta", 1) !== 1 || number("transA", 0) !== 0) {
      throw other("a Gemm scales or transposes its input");
    }
    const dense = this.#dense(this.#chain(x), this.#constant(w), number("transB", 0) === 1);
    if (b === undefined || b === "") return dense;
    return this.#biased(dense, this.#floats(b, dense.width));
  }

  #matMul(node: Node): Chain {
    return this.#dense(this.#chain(node.inputs[0] ?? ""), this.#constant(node.inputs[1]), false);
  }

  /** The product alone; its bias is to come. */
  #dense(from: Chain, { name, dims, floats }: Tensor, transB: boolean): Chain {
    const [rows = 0, columns = 0] = transB ? dims.toReversed() : dims;
    if (floats === null || dims.length !== 2 || rows !== from.width) {
      throw other(`${name} is no matrix for ${from.width} inputs`);
    }
    const weights = transB ? transposed(floats, columns, rows) : floats;
    return { ...this.#layer(from, { dense: columns }, [weights]), half: true };
  }

  #biased(from: Chain, bias: Float32Array): Chain {
    return { ...from, half: false, weights: [...from.weights, bias] };
  }

  #add(node: Node): Chain {
    const [a = "", b = ""] = node.inputs;
    const [x, bias] = this.#chains.has(a) ? [a, b] : [b, a];
    const from = this.#chain(x);
    if (!from.half) throw other("it adds where no bias belongs");
    return this.#biased(from, this.#floats(bias, from.width));
  }

  #layerNorm(node: Node): Chain {
    const from = this.#chain(node.inputs[0] ?? "");
    const epsilon = node.attributes.get("epsilon")?.float ?? EPSILON;
    const axis = node.attributes.get("axis")?.int ?? -1;
    if (Math.abs(epsilon - EPSILON) > 1e-10) {
      throw other(`its layer norm has epsilon ${epsilon}, the kernel 1e-5`);
    }
    if (axis !== -1 && axis !== 1) throw other(`its layer norm is over axis ${axis}`);
    const gain = this.#floats(node.inputs[1], from.width);
    const { [2]: offset = "" } = node.inputs;
    const zeros = new Float32Array(from.width);
    return this.#layer(from, "layerNorm", [gain, offset === "" ? zeros : this.#floats(offset, from.width)]);
  }

  #ended(node: Node, ending: Ending): Chain {
    const axis = node.attributes.get("axis")?.int ?? -1;
    if (axis !== -1 && axis !== 1) throw other(`its softmax is over axis ${axis}`);
    return { ...this.#layer(this.#chain(node.inputs[0] ?? ""), "logSoftmax", []), ending };
  }

  /** The last `features` columns of the input. */
  #newest(node: Node): Chain {
    const from = this.#chain(node.inputs[0] ?? "");
    const [starts, ends, axes, steps] = node.inputs.slice(1).map((name) => this.#constant(name).ints?.[0]);
    const { width } = from;
    const start = (starts ?? NaN) < 0 ? width + starts! : starts;
    const isEnd = (ends ?? NaN) >= width;
    const isColumn = axes === 1 || axes === -1;
    if (
      from.layers.length > 0 || start !== width - this.features || !isEnd || !isColumn || (steps ?? 1) !== 1
    ) {
      throw other("a Slice is not the newest vector");
    }
    return this.#from("newest", this.features);
  }

  /** The newest vector, then the encoder's output. */
  #joined(node: Node): Chain {
    const [a = "", b = ""] = node.inputs;
    const axis = node.attributes.get("axis")?.int;
    const [newest, encoder] = [this.#chain(a), this.#chain(b)];
    const plain = newest.start === "newest" && newest.layers.length === 0;
    if (node.inputs.length !== 2 || (axis !== 1 && axis !== -1) || !plain) {
      throw other("a Concat does not put an encoder behind the newest vector");
    }
    const overAll = encoder.start === "all" || (encoder.start === "newest" && !this.#looksBack);
    if (!overAll || encoder.half || encoder.layers.length === 0 || encoder.ending !== "logits") {
      throw other("what stands behind the newest vector is no encoder over all of them");
    }
    return this.#from("joined", newest.width + encoder.width, encoder);
  }
}

/**
 * Reads the graph as a network over vectors of `features` numbers. A chain that ends without softmax is one of logits and
 * gets it. Never throws for a graph that is something else.
 */
export function readNetwork(model: OnnxModel, features: number, name: string): ReadNetwork {
  try {
    const { chain, history } = new Reader(model.graph, features).read();
    const layers = chain.layers.at(-1) === "logSoftmax"
      ? chain.layers
      : [...chain.layers, "logSoftmax" as const];
    const spec: NetworkSpec = {
      name,
      features,
      history,
      ...(chain.encoder === null ? {} : { encoder: chain.encoder.layers }),
      layers,
    };
    checkSpec(spec);
    const parts = [...chain.encoder?.weights ?? [], ...chain.weights];
    const weights = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      weights.set(part, at);
      at += part.length;
    }
    return { kind: "network", spec, weights, ending: chain.ending };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof Other || error.name === "OperationError") {
      return { kind: "other", why: error.message };
    }
    throw error;
  }
}
