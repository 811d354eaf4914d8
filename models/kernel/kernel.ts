/**
 * One network in memory of its own, run by the compiled kernel. Synchronous; `forward`, `backward` and `adam` allocate
 * nothing. Batches are rows: all markets in one call give, row for row, the bits of each market alone.
 */
import { invariant } from "../../core/errors.ts";
import type { NetworkSpec } from "../networks/spec.ts";
import { KERNEL_BASE64 } from "./kernel_bytes.ts";
import { type Plan, planNetwork, type Tensor } from "./plan.ts";

/** Exports of `kernel.wasm`. */
interface Kernel {
  run(program: number, count: number, rows: number): void;
  sumSquares(at: number, length: number): number;
  adam(...numbers: readonly number[]): void;
}

let compiled: WebAssembly.Module | undefined;

/** The kernel over a memory. Compiled once per thread. */
export function instantiate(memory: WebAssembly.Memory): Kernel {
  compiled ??= new WebAssembly.Module(Uint8Array.fromBase64(KERNEL_BASE64));
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernel;
}

/** Adam's constants; PyTorch's defaults except `eps`, which PPO implementations set to 1e-5. */
export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}
export const ADAM_DEFAULTS: AdamOptions = { beta1: 0.9, beta2: 0.999, eps: 1e-5 };

/** State of a network and its optimiser; floats as base64 of little-endian f32, without padding. */
export interface NetworkSnapshot {
  readonly network: string;
  readonly weights: string;
  readonly moments: string;
  readonly squares: string;
  readonly steps: number;
  readonly power1: number;
  readonly power2: number;
}

/** Little-endian f32 as base64. */
export const encodeFloats = (values: Float32Array): string =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).toBase64();

/** Counterpart of `encodeFloats`. Trips an invariant unless it holds exactly `length` numbers. */
export function decodeFloats(text: string, length: number): Float32Array {
  const bytes = Uint8Array.fromBase64(text);
  invariant(bytes.length === 4 * length, `expected ${length} floats, got ${bytes.length / 4}`);
  return new Float32Array(bytes.buffer);
}

export class Network {
  readonly plan: Plan;
  readonly memory: WebAssembly.Memory;
  /** maxRows x inputs, to be filled before `forward`. */
  readonly input: Float32Array;
  /** maxRows x outputStride: log-probabilities or values. */
  readonly output: Float32Array;
  /** maxRows x outputStride; empty without a logSoftmax. */
  readonly probabilities: Float32Array;
  /** maxRows x outputStride, to be filled before `backward` (padding stays 0); empty when not training. */
  readonly outputGrad: Float32Array;
  /** Parameters with their padding; `grads` likewise (empty when not training). */
  readonly params: Float32Array;
  readonly grads: Float32Array;
  readonly #moments: Float32Array;
  readonly #squares: Float32Array;
  readonly #kernel: Kernel;
  #steps = 0;
  /** beta^steps, by repeated products: a power function would differ between machines. */
  #power1 = 1;
  #power2 = 1;

  /** All parameters are 0 (layer-norm gains 1) until `loadWeights`. Throws NETWORK_INVALID. */
  constructor(spec: NetworkSpec, options: { readonly maxRows: number; readonly training: boolean }) {
    const plan = planNetwork(spec, options.maxRows, options.training);
    const pages = Math.ceil(plan.bytes / 65_536);
    this.plan = plan;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#kernel = instantiate(this.memory);
    const floats = (at: number, length: number) =>
      new Float32Array(this.memory.buffer, at, at === 0 ? 0 : length);
    const outputLength = plan.maxRows * plan.outputStride;
    this.input = floats(plan.inputAt, plan.maxRows * plan.inputs);
    this.output = floats(plan.outputAt, outputLength);
    this.probabilities = floats(plan.probabilitiesAt, outputLength);
    this.outputGrad = floats(plan.outputGradAt, outputLength);
    this.params = floats(plan.paramsAt, plan.length);
    this.grads = floats(plan.gradsAt, plan.length);
    this.#moments = floats(plan.momentsAt, plan.length);
    this.#squares = floats(plan.squaresAt, plan.length);
    new Int32Array(this.memory.buffer, plan.forward.at, plan.table.length).set(plan.table);
    for (const tensor of plan.tensors) {
      if (tensor.kind === "gain") this.#part(this.params, tensor).fill(1, 0, tensor.columns);
    }
  }

  /** Runs the first `rows` rows of `input` to `output`. */
  forward(rows: number): void {
    const { forward } = this.plan;
    this.#kernel.run(forward.at, forward.count, rows);
  }

  /** From `outputGrad` to `grads` (overwritten), after `forward` of the same rows. */
  backward(rows: number): void {
    const { backward } = this.plan;
    this.#kernel.run(backward.at, backward.count, rows);
  }

  /** Euclidean norm of the gradient. */
  gradientNorm(): number {
    return Math.sqrt(this.#kernel.sumSquares(this.plan.gradsAt, this.plan.length));
  }

  /** One Adam step with the gradient times `scale`. */
  adam(learningRate: number, scale: number, options: AdamOptions = ADAM_DEFAULTS): void {
    const { beta1, beta2, eps } = options;
    this.#steps++;
    this.#power1 *= beta1;
    this.#power2 *= beta2;
    const step = learningRate / (1 - this.#power1);
    const root = 1 / Math.sqrt(1 - this.#power2);
    const { paramsAt, gradsAt, momentsAt, squaresAt, length } = this.plan;
    this.#kernel.adam(
      paramsAt,
      gradsAt,
      momentsAt,
      squaresAt,
      length,
      scale,
      step,
      root,
      beta1,
      beta2,
      eps,
    );
  }

  /** Parameters without padding, tensor after tensor in the plan's order, weights as [inputs][outputs]. */
  weights(): Float32Array {
    return this.#gather(this.params);
  }

  /** Counterpart of `weights`. Trips an invariant when the number of values does not fit. */
  loadWeights(values: Float32Array): void {
    this.#scatter(this.params, values);
  }

  /** Sets one tensor by name, values row after row. */
  setTensor(name: string, values: ArrayLike<number>): void {
    const tensor = this.plan.tensors.find((candidate) => candidate.name === name);
    invariant(tensor !== undefined, `the network has no tensor ${name}`);
    invariant(
      values.length === tensor.rows * tensor.columns,
      `${name} has ${tensor.rows} x ${tensor.columns}`,
    );
    const part = this.#part(this.params, tensor);
    for (let i = 0; i < values.length; i++) {
      part[Math.floor(i / tensor.columns) * tensor.stride + i % tensor.columns] = values[i]!;
    }
  }

  snapshot(): NetworkSnapshot {
    return {
      network: this.plan.spec.name,
      weights: encodeFloats(this.weights()),
      moments: encodeFloats(this.#gather(this.#moments)),
      squares: encodeFloats(this.#gather(this.#squares)),
      steps: this.#steps,
      power1: this.#power1,
      power2: this.#power2,
    };
  }

  restore(snapshot: NetworkSnapshot): void {
    invariant(
      snapshot.network === this.plan.spec.name,
      `a snapshot of ${snapshot.network} is no ${this.plan.spec.name}`,
    );
    const count = this.weights().length;
    this.loadWeights(decodeFloats(snapshot.weights, count));
    this.#scatter(this.#moments, decodeFloats(snapshot.moments, count));
    this.#scatter(this.#squares, decodeFloats(snapshot.squares, count));
    this.#steps = snapshot.steps;
    this.#power1 = snapshot.power1;
    this.#power2 = snapshot.power2;
  }

  #part(of: Float32Array, tensor: Tensor): Float32Array {
    const from = (tensor.at - this.plan.paramsAt) / 4;
    return of.subarray(from, from + tensor.rows * tensor.stride);
  }

  #gather(from: Float32Array): Float32Array {
    const out: number[] = [];
    for (const tensor of this.plan.tensors) {
      const part = this.#part(from, tensor);
      for (let r = 0; r < tensor.rows; r++) {
        for (let c = 0; c < tensor.columns; c++) out.push(part[r * tensor.stride + c]!);
      }
    }
    return Float32Array.from(out);
  }

  #scatter(to: Float32Array, values: Float32Array): void {
    let at = 0;
    for (const tensor of this.plan.tensors) {
      const part = this.#part(to, tensor);
      for (let r = 0; r < tensor.rows; r++) {
        for (let c = 0; c < tensor.columns; c++) part[r * tensor.stride + c] = values[at++] ?? NaN;
      }
    }
    invariant(at === values.length, `the network has ${at} parameters, got ${values.length}`);
  }
}
