/**
 * The memory of one network, laid out once: parameters, gradients, Adam's moments, activations for the largest batch,
 * and the two tables of operations (forward, backward) that the kernel runs. After this nothing is allocated.
 *
 * Weights lie as [inputs][outputs]: one input times one row of weights is what the kernel's inner loop does. Rows are
 * padded to whole vectors of four; padding is zero, and its gradient is zero, so it stays zero.
 */
import { checkSpec, inputsOf, type LayerSpec, type NetworkSpec, widthOf } from "../networks/spec.ts";

/** Operations of the table; numbers as `assembly/index.ts` reads them. */
export const OP = {
  dense: 1,
  tanh: 2,
  layerNorm: 3,
  logSoftmax: 4,
  copy: 5,
  denseGrad: 11,
  tanhGrad: 12,
  layerNormGrad: 13,
  logSoftmaxGrad: 14,
} as const;

/** Fields of one record of 16 32-bit integers. Addresses and strides are in bytes, K and N in elements. */
export const FIELD = {
  op: 0,
  x: 1,
  ldx: 2,
  y: 3,
  ldy: 4,
  w: 5,
  ldw: 6,
  bias: 7,
  k: 8,
  n: 9,
  s: 10,
  wt: 11,
  ldwt: 12,
  dx: 13,
  lddx: 14,
  pad: 15,
} as const;
export const RECORD = 16;

type Op = Partial<Record<keyof typeof FIELD, number>>;

/** One trainable tensor. `at` in bytes from the start of memory; `stride` floats between rows, `columns` of them used. */
export interface Tensor {
  readonly name: string;
  readonly kind: "weight" | "bias" | "gain" | "offset";
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
  readonly at: number;
}

export interface Plan {
  readonly spec: NetworkSpec;
  readonly maxRows: number;
  readonly training: boolean;
  /** Bytes of memory in all. */
  readonly bytes: number;
  /** Input: maxRows x inputs floats, contiguous. */
  readonly inputAt: number;
  readonly inputs: number;
  /** Output (log-probabilities or values): maxRows rows of `outputStride` floats, `outputs` of them used. */
  readonly outputAt: number;
  readonly outputs: number;
  readonly outputStride: number;
  /** Probabilities in the shape of the output; 0 without a logSoftmax. */
  readonly probabilitiesAt: number;
  /** Gradient of the loss by the output, same shape; 0 when not training. */
  readonly outputGradAt: number;
  /** Parameters, gradients and the two moments: `length` floats each, laid out alike; the last three 0 if not training. */
  readonly paramsAt: number;
  readonly gradsAt: number;
  readonly momentsAt: number;
  readonly squaresAt: number;
  readonly length: number;
  readonly tensors: readonly Tensor[];
  readonly forward: { readonly at: number; readonly count: number };
  readonly backward: { readonly at: number; readonly count: number };
  /** Both tables, to be written at `forward.at`. */
  readonly table: Int32Array;
}

const up = (value: number, to: number): number => Math.ceil(value / to) * to;
const pad4 = (width: number): number => up(width, 4);
/**
 * Floats between rows of a weight matrix. Rows of a power of two would fall on few sets of the first cache; one vector
 * more spreads them.
 */
const weightStride = (columns: number): number => columns % 32 === 0 ? columns + 4 : pad4(columns);

/** A matrix in memory with its gradient (0: none wanted). */
interface View {
  readonly at: number;
  readonly ld: number;
  readonly grad: number;
  readonly width: number;
}

class Layout {
  #top = 64; // Address 0 means "none".
  readonly forward: Op[] = [];
  readonly backward: Op[] = [];
  readonly tensors: Tensor[] = [];
  probabilitiesAt = 0;
  /** Bytes between a parameter and its gradient. */
  gradShift = 0;

  constructor(readonly maxRows: number, readonly training: boolean) {}

  get top(): number {
    return this.#top;
  }

  take(bytes: number): number {
    const at = this.#top;
    this.#top = up(at + bytes, 64);
    return at;
  }

  matrix(width: number, wantsGrad: boolean): View {
    const ld = 4 * pad4(width);
    const at = this.take(this.maxRows * ld);
    return { at, ld, width, grad: wantsGrad && this.training ? this.take(this.maxRows * ld) : 0 };
  }

  tensor(name: string, kind: Tensor["kind"], rows: number, columns: number): Tensor {
    const stride = kind === "weight" ? weightStride(columns) : pad4(columns);
    const tensor = { name, kind, rows, columns, stride, at: this.take(4 * rows * stride) };
    this.tensors.push(tensor);
    return tensor;
  }
}

/** Tensors of a list of layers, in order, before any activation so that they lie together. */
function tensorsOf(layout: Layout, prefix: string, layers: readonly LayerSpec[], inputs: number): void {
  let width = inputs;
  layers.forEach((layer, at) => {
    const name = `${prefix}${at}`;
    if (typeof layer === "object") {
      layout.tensor(`${name}.weight`, "weight", width, layer.dense);
      layout.tensor(`${name}.bias`, "bias", 1, layer.dense);
      width = layer.dense;
    } else if (layer === "layerNorm") {
      layout.tensor(`${name}.gain`, "gain", 1, width);
      layout.tensor(`${name}.offset`, "offset", 1, width);
    }
  });
}

function dense(layout: Layout, x: View, y: View, weight: Tensor, bias: Tensor): void {
  const shared = {
    x: x.at,
    ldx: x.ld,
    w: weight.at,
    ldw: 4 * weight.stride,
    k: weight.rows,
    n: pad4(y.width),
  };
  layout.forward.push({ op: OP.dense, ...shared, y: y.at, ldy: y.ld, bias: bias.at });
  if (!layout.training) return;
  const pad = pad4(weight.rows);
  layout.backward.push({
    op: OP.denseGrad,
    ...shared,
    y: y.grad,
    ldy: y.ld,
    bias: bias.at + layout.gradShift,
    s: weight.at + layout.gradShift,
    wt: x.grad === 0 ? 0 : layout.take(4 * shared.n * (pad + 4)),
    ldwt: 4 * (pad + 4),
    dx: x.grad,
    lddx: x.ld,
    pad,
  });
}

function layerNorm(layout: Layout, x: View, y: View, gain: Tensor, offset: Tensor): void {
  const s = layout.take(layout.maxRows * 8);
  const shared = { x: x.at, ldx: x.ld, w: gain.at, n: x.width, s };
  layout.forward.push({ op: OP.layerNorm, ...shared, y: y.at, ldy: y.ld, bias: offset.at });
  layout.backward.push({
    op: OP.layerNormGrad,
    ...shared,
    y: y.grad,
    ldy: y.ld,
    ldw: gain.at + layout.gradShift,
    bias: offset.at + layout.gradShift,
    dx: x.grad,
    lddx: x.ld,
  });
}

function logSoftmax(layout: Layout, x: View): View {
  const y = layout.matrix(x.width, true);
  const p = layout.matrix(x.width, false);
  layout.probabilitiesAt = p.at;
  layout.forward.push({
    op: OP.logSoftmax,
    x: x.at,
    ldx: x.ld,
    y: y.at,
    ldy: y.ld,
    w: p.at,
    ldw: p.ld,
    n: x.width,
  });
  layout.backward.push({
    op: OP.logSoftmaxGrad,
    x: p.at,
    ldx: p.ld,
    y: y.grad,
    ldy: y.ld,
    n: x.width,
    dx: x.grad,
    lddx: x.ld,
    pad: pad4(x.width),
  });
  return y;
}

/** Lays one list of layers; its last matrix is `target` if given. */
function chain(
  layout: Layout,
  layers: readonly LayerSpec[],
  input: View,
  tensors: Tensor[],
  target?: View,
): View {
  const lastWriter = layers.findLastIndex((layer) => typeof layer === "object" || layer === "layerNorm");
  const next = (): Tensor => tensors.shift()!;
  let x = input;
  layers.forEach((layer, at) => {
    const place = (width: number): View =>
      at === lastWriter && target !== undefined ? target : layout.matrix(width, true);
    if (typeof layer === "object") {
      const y = place(layer.dense);
      dense(layout, x, y, next(), next());
      x = y;
    } else if (layer === "layerNorm") {
      const y = place(x.width);
      layerNorm(layout, x, y, next(), next());
      x = y;
    } else if (layer === "tanh") {
      layout.forward.push({ op: OP.tanh, y: x.at, ldy: x.ld, n: x.width });
      layout.backward.push({ op: OP.tanhGrad, x: x.at, ldx: x.ld, y: x.grad, ldy: x.ld, n: x.width });
    } else x = logSoftmax(layout, x);
  });
  return x;
}

/** The main layers' input: the newest vector and, with an encoder, its output behind it. */
function withEncoder(layout: Layout, spec: NetworkSpec, input: View, tensors: Tensor[]): View {
  const { encoder, features } = spec;
  if (encoder === undefined) return input;
  const width = widthOf(encoder);
  const joined = layout.matrix(features + width, true);
  const beside: View = {
    at: joined.at + 4 * features,
    ld: joined.ld,
    width,
    grad: joined.grad === 0 ? 0 : joined.grad + 4 * features,
  };
  layout.forward.push({
    op: OP.copy,
    x: input.at + 4 * (input.width - features),
    ldx: input.ld,
    y: joined.at,
    ldy: joined.ld,
    n: features,
  });
  chain(layout, encoder, input, tensors, beside);
  return joined;
}

function tableOf(ops: readonly Op[]): Int32Array {
  const table = new Int32Array(ops.length * RECORD);
  ops.forEach((op, at) => {
    for (const [name, value] of Object.entries(op)) {
      table[at * RECORD + FIELD[name as keyof typeof FIELD]] = value;
    }
  });
  return table;
}

/**
 * Plans a network for batches of up to `maxRows`; `training` adds gradients and moments. Throws NETWORK_INVALID for a
 * declaration that the kernel cannot run.
 */
export function planNetwork(spec: NetworkSpec, maxRows: number, training: boolean): Plan {
  checkSpec(spec);
  const layout = new Layout(maxRows, training);
  const paramsAt = layout.top;
  const inputs = inputsOf(spec);
  if (spec.encoder !== undefined) tensorsOf(layout, "encoder.", spec.encoder, inputs);
  const trunkInputs = spec.encoder === undefined ? inputs : spec.features + widthOf(spec.encoder);
  tensorsOf(layout, "layers.", spec.layers, trunkInputs);
  const bytes = layout.top - paramsAt;
  const copies = [1, 2, 3].map(() => training ? layout.take(bytes) : 0) as [number, number, number];
  layout.gradShift = copies[0] - paramsAt;

  const inputAt = layout.take(4 * maxRows * inputs);
  const input: View = { at: inputAt, ld: 4 * inputs, grad: 0, width: inputs };
  const tensors = [...layout.tensors];
  const output = chain(layout, spec.layers, withEncoder(layout, spec, input, tensors), tensors);

  const { forward } = layout;
  const backward = training ? layout.backward.toReversed() : [];
  const table = tableOf([...forward, ...backward]);
  const tableAt = layout.take(table.byteLength);
  return {
    spec,
    maxRows,
    training,
    bytes: layout.top,
    inputAt,
    inputs,
    outputAt: output.at,
    outputs: output.width,
    outputStride: output.ld / 4,
    probabilitiesAt: layout.probabilitiesAt,
    outputGradAt: output.grad,
    paramsAt,
    gradsAt: copies[0],
    momentsAt: copies[1],
    squaresAt: copies[2],
    length: bytes / 4,
    tensors: layout.tensors,
    forward: { at: tableAt, count: forward.length },
    backward: { at: tableAt + 4 * RECORD * forward.length, count: backward.length },
    table,
  };
}
