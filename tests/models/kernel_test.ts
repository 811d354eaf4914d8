import assert from "node:assert/strict";
import { seededRandom } from "../../core/random.ts";
import { exp64, log64, tanh32 } from "../../models/kernel/functions.ts";
import { instantiate, Network } from "../../models/kernel/kernel.ts";
import { KERNEL_BASE64 } from "../../models/kernel/kernel_bytes.ts";
import { scalarAdam, ScalarKernel, scalarSumSquares } from "../../models/kernel/scalar.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import type { NetworkSpec } from "../../models/networks/spec.ts";
import { TEMPORAL_ACTOR, TEMPORAL_CRITIC } from "../../models/networks/temporal.ts";
import { compileKernel, KERNEL_BUDGET, kernelModule } from "../../scripts/build_kernel.ts";
import { randomGradient, randomNetwork } from "./helpers.ts";

const FOUR = [SEED_ACTOR, SEED_CRITIC, TEMPORAL_ACTOR, TEMPORAL_CRITIC];

/** Widths that leave remainders in every block of the matrix product. */
const ODD: NetworkSpec = {
  name: "odd",
  features: 7,
  history: 3,
  encoder: [{ dense: 20 }, "layerNorm", "tanh", { dense: 12 }, "tanh"],
  layers: [{ dense: 44 }, "tanh", { dense: 36 }, "layerNorm", { dense: 5 }, "logSoftmax"],
};

Deno.test("the committed kernel is what its source compiles to, within 64 KB, and asks for nothing but memory", async () => {
  const binary = await compileKernel();
  const folder = new URL("../../models/kernel/", import.meta.url);
  assert.ok(Deno.readFileSync(new URL("kernel.wasm", folder)).toBase64() === binary.toBase64());
  assert.ok(Deno.readTextFileSync(new URL("kernel_bytes.ts", folder)) === kernelModule(binary));
  assert.equal(KERNEL_BASE64, binary.toBase64());
  assert.ok(binary.length <= KERNEL_BUDGET, `${binary.length} bytes`);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(new Uint8Array(binary)));
  assert.deepEqual(imports, [{ module: "env", name: "memory", kind: "memory" }]);
});

Deno.test("forward and backward give the scalar version's bits in all of memory, for every batch size", () => {
  for (const spec of [...FOUR, ODD]) {
    const network = randomNetwork(spec, 9);
    const { forward, backward } = network.plan;
    for (const rows of [1, 2, 4, 7, 8, 9]) {
      const copy = network.memory.buffer.slice(0) as ArrayBuffer;
      const scalar = new ScalarKernel(copy);
      scalar.run(forward.at, forward.count, rows);
      scalar.run(backward.at, backward.count, rows);
      network.forward(rows);
      network.backward(rows);
      const [ours, theirs] = [new Uint32Array(network.memory.buffer), new Uint32Array(copy)];
      const first = ours.findIndex((word, at) => word !== theirs[at]);
      assert.equal(first, -1, `${spec.name}, ${rows} rows: first difference at byte ${4 * first}`);
      assert.ok(network.grads.some((gradient) => gradient !== 0));
    }
  }
});

Deno.test("a market alone gets the bits that it gets among eight", () => {
  for (const spec of [...FOUR, ODD]) {
    const network = randomNetwork(spec, 8);
    network.forward(8);
    const { outputStride, inputs } = network.plan;
    const together = network.output.slice();
    const input = network.input.slice();
    for (let row = 0; row < 8; row++) {
      network.input.set(input.subarray(row * inputs, (row + 1) * inputs));
      network.forward(1);
      assert.deepEqual(
        network.output.slice(0, outputStride),
        together.slice(row * outputStride, (row + 1) * outputStride),
      );
    }
  }
});

Deno.test("gradients agree with finite differences of the loss", () => {
  for (const spec of [...FOUR, ODD]) {
    const network = randomNetwork(spec, 3, 5);
    const { outputs, outputStride, tensors, paramsAt } = network.plan;
    const loss = (): number => {
      network.forward(3);
      let sum = 0;
      for (let r = 0; r < 3; r++) {
        for (let c = 0; c < outputs; c++) {
          sum += network.output[r * outputStride + c]! * wanted[r * outputStride + c]!;
        }
      }
      return sum;
    };
    const wanted = network.outputGrad.slice();
    network.forward(3);
    network.backward(3);
    const grads = network.grads.slice();
    const random = seededRandom(9);
    for (const tensor of tensors) {
      const length = Math.hypot(
        ...grads.subarray((tensor.at - paramsAt) / 4).subarray(0, tensor.rows * tensor.stride),
      );
      for (let probe = 0; probe < 6; probe++) {
        const [r, c] = [Math.floor(random() * tensor.rows), Math.floor(random() * tensor.columns)];
        const at = (tensor.at - paramsAt) / 4 + r * tensor.stride + c;
        const kept = network.params[at]!;
        const h = 2 ** -7;
        network.params[at] = kept + h;
        const above = loss();
        network.params[at] = kept - h;
        const below = loss();
        network.params[at] = kept;
        const numeric = (above - below) / (2 * h);
        // f32 sums of order 1 have noise of 1e-7/h; curvature adds h^2.
        assert.ok(
          Math.abs(numeric - grads[at]!) < 2e-4 + 2e-3 * length,
          `${spec.name} ${tensor.name}[${r}, ${c}]: ${numeric} and ${grads[at]}`,
        );
      }
    }
  }
});

Deno.test("padding of weights and gradients stays zero through training steps", () => {
  const network = randomNetwork(ODD, 6);
  const random = seededRandom(3);
  for (let step = 0; step < 5; step++) {
    randomGradient(network, 6, random);
    network.forward(6);
    network.backward(6);
    network.adam(0.01, 1);
  }
  const used = network.weights().filter((weight) => weight !== 0).length;
  assert.equal(network.params.filter((weight) => weight !== 0).length, used);
});

Deno.test("Adam and the gradient norm give the scalar version's bits, and Adam follows its paper in f64", () => {
  const network = randomNetwork(SEED_ACTOR, 4);
  const random = seededRandom(2);
  const zero = () => new Float32Array(network.params.length);
  const mirror = { params: network.params.slice(), grads: zero(), moments: zero(), squares: zero() };
  const exact = { p: network.params[40]!, m: 0, v: 0 };
  let [power1, power2] = [1, 1];
  for (let t = 1; t <= 20; t++) {
    randomGradient(network, 4, random);
    network.forward(4);
    network.backward(4);
    assert.equal(network.gradientNorm(), Math.sqrt(scalarSumSquares(network.grads)));
    mirror.grads.set(network.grads);
    power1 *= 0.9;
    power2 *= 0.999;
    network.adam(3e-3, 0.7);
    const numbers = { scale: 0.7, step: 3e-3 / (1 - power1), root: 1 / Math.sqrt(1 - power2) };
    scalarAdam(mirror, { ...numbers, beta1: 0.9, beta2: 0.999, eps: 1e-5 });
    assert.deepEqual(network.params, mirror.params);
    const g = 0.7 * mirror.grads[40]!;
    exact.m = 0.9 * exact.m + 0.1 * g;
    exact.v = 0.999 * exact.v + 0.001 * g * g;
    exact.p -= 3e-3 * (exact.m / (1 - 0.9 ** t)) / (Math.sqrt(exact.v / (1 - 0.999 ** t)) + 1e-5);
    assert.ok(Math.abs(exact.p - network.params[40]!) < 1e-5);
  }
});

Deno.test("tanh, exp and log are as exact as they say", () => {
  for (let i = -4000; i <= 4000; i++) {
    const x = Math.fround(i / 300);
    assert.ok(Math.abs(tanh32(x) - Math.tanh(x)) < 4e-7 && Math.abs(tanh32(x)) <= 1, `tanh ${x}`);
    assert.ok(Math.abs(exp64(i / 10) / Math.exp(i / 10) - 1) < 2e-15, `exp ${i / 10}`);
    const y = 2 ** (i / 40) * 1.01;
    assert.ok(Math.abs(log64(y) - Math.log(y)) < 1e-15 * Math.max(1, Math.abs(Math.log(y))), `log ${y}`);
  }
  assert.ok(tanh32(1e30) >= 1 - 2 ** -23 && tanh32(1e30) <= 1);
  assert.equal(tanh32(-Infinity), -tanh32(Infinity));
  assert.equal(log64(1), 0);
});

Deno.test("extreme logits give probabilities, never NaN", () => {
  const spec: NetworkSpec = { name: "one", features: 1, history: 1, layers: [{ dense: 3 }, "logSoftmax"] };
  const network = new Network(spec, { maxRows: 1, training: false });
  network.setTensor("layers.0.weight", [1e30, -1e30, 3]);
  network.input[0] = 1;
  network.forward(1);
  assert.deepEqual([...network.probabilities.subarray(0, 3)], [1, 0, 0]);
  assert.equal(network.output[0], 0);
  assert.ok(network.output.every((value) => !Number.isNaN(value)));
});

Deno.test("an input that is not finite is seen in the output, not hidden", () => {
  const network = randomNetwork(SEED_ACTOR, 1);
  network.input[3] = NaN;
  network.forward(1);
  assert.ok(Number.isNaN(network.output[0]));
});

Deno.test("networks of one thread share the code and no memory", () => {
  const [a, b] = [randomNetwork(SEED_ACTOR, 1, 1), randomNetwork(SEED_ACTOR, 1, 2)];
  a.forward(1);
  const before = a.output.slice();
  b.forward(1);
  assert.deepEqual(a.output, before);
  assert.notDeepEqual(b.output, before);
  assert.throws(() => instantiate(a.memory).run(0, 1, 1), WebAssembly.RuntimeError);
});

Deno.test("a worker has a kernel of its own and gets the same bits", async () => {
  const worker = new Worker(new URL("./kernel_worker.ts", import.meta.url), { type: "module" });
  const theirs = await new Promise<{ output: Float32Array; grads: Float32Array }>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  worker.terminate();
  const network = randomNetwork(TEMPORAL_ACTOR, 4);
  network.forward(4);
  network.backward(4);
  assert.deepEqual(theirs, { output: network.output, grads: network.grads });
});
