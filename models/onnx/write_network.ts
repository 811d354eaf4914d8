/** A network of ours as an ONNX graph (opset 17, IR 8), for any runtime: weights as initialisers, log-probabilities out. */
import type { Plan } from "../kernel/plan.ts";
import { planNetwork } from "../kernel/plan.ts";
import { type LayerSpec, type NetworkSpec, widthOf } from "../networks/spec.ts";
import { FLOAT, INT64 } from "./graph.ts";
import { Writer } from "./wire.ts";

export const INPUT_NAME = "observations";
export const OUTPUT_NAME = "output";
const PRODUCER = "poly-edge";
const IR_VERSION = 8;
/** The first with LayerNormalization. */
const OPSET = 17;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;

/** Built into the graph before its first layer: (x - mean) x scale, cut at the limit; vector after vector. */
export interface GraphNormalisation {
  readonly mean: readonly number[];
  /** 1 / deviation. */
  readonly scale: readonly number[];
  readonly limit: number;
}

type Attributes = Readonly<Record<string, number>>;

class GraphWriter {
  readonly out = new Writer();

  node(op: string, inputs: readonly string[], output: string, attributes: Attributes = {}): string {
    this.out.message(1, (node) => {
      for (const input of inputs) node.text(1, input);
      node.text(2, output).text(3, output).text(4, op);
      for (const [name, value] of Object.entries(attributes)) {
        node.message(5, (attribute) => {
          attribute.text(1, name);
          if (name === "epsilon") attribute.float(2, value).int(20, ATTRIBUTE_FLOAT);
          else attribute.int(3, value).int(20, ATTRIBUTE_INT);
        });
      }
    });
    return output;
  }

  floats(name: string, dims: readonly number[], values: Float32Array): string {
    this.out.message(5, (tensor) => {
      for (const dim of dims) tensor.int(1, dim);
      tensor.int(2, FLOAT).text(8, name).bytes(9, new Uint8Array(values.slice().buffer));
    });
    return name;
  }

  index(name: string, value: number): string {
    this.out.message(5, (tensor) =>
      tensor.int(1, 1).int(2, INT64).text(8, name)
        .bytes(9, new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)));
    return name;
  }

  matrix(field: number, name: string, width: number): void {
    this.out.message(
      field,
      (info) =>
        info.text(1, name).message(
          2,
          (type) =>
            type.message(1, (tensor) =>
              tensor.int(1, FLOAT).message(2, (shape) =>
                shape.message(1, (dim) =>
                  dim.text(2, "rows")).message(1, (dim) =>
                    dim.int(1, width)))),
        ),
    );
  }

  chain(prefix: string, layers: readonly LayerSpec[], input: string): string {
    let x = input;
    layers.forEach((layer, at) => {
      const name = `${prefix}${at}`;
      const y = `${name}.out`;
      if (typeof layer === "object") x = this.node("Gemm", [x, `${name}.weight`, `${name}.bias`], y);
      else if (layer === "tanh") x = this.node("Tanh", [x], y);
      else if (layer === "layerNorm") {
        x = this.node("LayerNormalization", [x, `${name}.gain`, `${name}.offset`], y, {
          axis: -1,
          epsilon: 1e-5,
        });
      } else x = this.node("LogSoftmax", [x], y, { axis: -1 });
    });
    return x;
  }
}

function writeWeights(graph: GraphWriter, plan: Plan, weights: Float32Array): void {
  let at = 0;
  for (const { name, kind, rows, columns } of plan.tensors) {
    const dims = kind === "weight" ? [rows, columns] : [columns];
    graph.floats(name, dims, weights.subarray(at, at += rows * columns));
  }
}

function writeNormalisation(graph: GraphWriter, of: GraphNormalisation, spec: NetworkSpec): string {
  const width = of.mean.length * spec.history;
  const tiled = (values: readonly number[]) =>
    Float32Array.from({ length: width }, (_, i) => values[i % values.length]!);
  graph.floats("normalise.mean", [width], tiled(of.mean));
  graph.floats("normalise.scale", [width], tiled(of.scale));
  graph.floats("normalise.low", [], Float32Array.of(-of.limit));
  graph.floats("normalise.high", [], Float32Array.of(of.limit));
  graph.node("Sub", [INPUT_NAME, "normalise.mean"], "normalise.centred");
  graph.node("Mul", ["normalise.centred", "normalise.scale"], "normalise.scaled");
  return graph.node("Clip", ["normalise.scaled", "normalise.low", "normalise.high"], "normalise.out");
}

/**
 * The network as an ONNX model: one input [rows, features x history], one output [rows, outputs]. `weights` as
 * `Network.weights()` gives them. Throws NETWORK_INVALID.
 */
export function writeNetwork(
  spec: NetworkSpec,
  weights: Float32Array,
  normalisation: GraphNormalisation | null = null,
): Uint8Array<ArrayBuffer> {
  const plan = planNetwork(spec, 1, false);
  const graph = new GraphWriter();
  writeWeights(graph, plan, weights);
  const input = normalisation === null ? INPUT_NAME : writeNormalisation(graph, normalisation, spec);
  let start = input;
  if (spec.encoder !== undefined) {
    const encoded = graph.chain("encoder.", spec.encoder, input);
    const slice = [
      graph.index("newest.from", plan.inputs - spec.features),
      graph.index("newest.to", plan.inputs),
      graph.index("newest.axis", 1),
    ];
    start = graph.node("Concat", [graph.node("Slice", [input, ...slice], "newest"), encoded], "joined", {
      axis: 1,
    });
  }
  const last = graph.chain("layers.", spec.layers, start);
  graph.node("Identity", [last], OUTPUT_NAME);
  graph.out.text(2, spec.name);
  graph.matrix(11, INPUT_NAME, plan.inputs);
  graph.matrix(12, OUTPUT_NAME, widthOf(spec.layers));
  return new Writer().int(1, IR_VERSION).text(2, PRODUCER)
    .bytes(7, graph.out.finish())
    .message(8, (opset) => opset.text(1, "").int(2, OPSET)).finish();
}
