/**
 * Our networks as ONNX graphs, so that ONNX Runtime can judge the kernel: just enough protocol buffers by hand
 * (onnx.proto3, opset 17), weights as initialisers.
 */
import type { Network } from "../../models/kernel/kernel.ts";
import type { LayerSpec } from "../../models/networks/spec.ts";

const text = new TextEncoder();

function varint(value: number): number[] {
  const out: number[] = [];
  let left = value;
  while (left > 127) {
    out.push((left & 127) | 128);
    left = Math.floor(left / 128);
  }
  return [...out, left];
}
const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint(field << 3 | 2),
  ...varint(content.length),
  ...content,
];
const string = (field: number, value: string): number[] => bytes(field, [...text.encode(value)]);
const int = (field: number, value: number): number[] => [...varint(field << 3), ...varint(value)];

const attribute = (name: string, value: number): number[] =>
  // Axis -1 is a 64-bit two's complement varint.
  bytes(5, [
    ...string(1, name),
    ...(value < 0 ? [3 << 3, ...Array<number>(9).fill(255), 1] : int(3, value)),
    ...int(20, 2),
  ]);
const node = (op: string, inputs: string[], output: string, attributes: number[] = []): number[] =>
  bytes(1, [
    ...inputs.flatMap((name) => string(1, name)),
    ...string(2, output),
    ...string(4, op),
    ...attributes,
  ]);

const floats = (name: string, dims: number[], values: Float32Array): number[] =>
  bytes(5, [
    ...dims.flatMap((dim) => int(1, dim)),
    ...int(2, 1),
    ...string(8, name),
    ...bytes(9, [...new Uint8Array(values.slice().buffer)]),
  ]);
const indices = (name: string, values: number[]): number[] =>
  bytes(5, [
    ...int(1, values.length),
    ...int(2, 7),
    ...string(8, name),
    ...bytes(9, [...new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)]),
  ]);
const matrixInfo = (field: number, name: string, width: number): number[] =>
  bytes(field, [
    ...string(1, name),
    ...bytes(
      2,
      bytes(1, [...int(1, 1), ...bytes(2, [...bytes(1, string(2, "rows")), ...bytes(1, int(1, width))])]),
    ),
  ]);

/** An ONNX model with input "x" [rows, inputs] and output "y" [rows, outputs]. */
export function toOnnx(network: Network): Uint8Array {
  const { plan } = network;
  const { spec } = plan;
  const weights = network.weights();
  const graph: number[] = [];
  let at = 0;
  for (const { name, kind, rows, columns } of plan.tensors) {
    const dims = kind === "weight" ? [rows, columns] : [columns];
    graph.push(...floats(name, dims, weights.subarray(at, at += rows * columns)));
  }
  const chain = (prefix: string, layers: readonly LayerSpec[], input: string): string => {
    let x = input;
    layers.forEach((layer, i) => {
      const name = `${prefix}${i}`;
      const y = `${name}.out`;
      if (typeof layer === "object") graph.push(...node("Gemm", [x, `${name}.weight`, `${name}.bias`], y));
      else if (layer === "tanh") graph.push(...node("Tanh", [x], y));
      else if (layer === "layerNorm") {
        // The default epsilon of the operator, 1e-5, is the kernel's.
        graph.push(...node("LayerNormalization", [x, `${name}.gain`, `${name}.offset`], y));
      } else graph.push(...node("LogSoftmax", [x], y, attribute("axis", -1)));
      x = y;
    });
    return x;
  };
  let start = "x";
  if (spec.encoder !== undefined) {
    const encoded = chain("encoder.", spec.encoder, "x");
    const width = spec.features * spec.history;
    graph.push(
      ...indices("from", [width - spec.features]),
      ...indices("to", [width]),
      ...indices("axis", [1]),
    );
    graph.push(...node("Slice", ["x", "from", "to", "axis"], "newest"));
    graph.push(...node("Concat", ["newest", encoded], "joined", attribute("axis", 1)));
    start = "joined";
  }
  const last = chain("layers.", spec.layers, start);
  graph.push(...node("Identity", [last], "y"), ...string(2, spec.name));
  graph.push(...matrixInfo(11, "x", plan.inputs), ...matrixInfo(12, "y", plan.outputs));
  return Uint8Array.from([...int(1, 8), ...bytes(7, graph), ...bytes(8, int(2, 17))]);
}
