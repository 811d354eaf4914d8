import assert from "node:assert/strict";
import { Network } from "../../../models/kernel/kernel.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../../../models/networks/seed.ts";
import type { NetworkSpec } from "../../../models/networks/spec.ts";
import { TEMPORAL_ACTOR } from "../../../models/networks/temporal.ts";
import { readOnnx } from "../../../models/onnx/graph.ts";
import { readNetwork } from "../../../models/onnx/read_network.ts";
import { writeNetwork } from "../../../models/onnx/write_network.ts";
import { fixture, fixtureRows } from "../fixtures.ts";
import { randomNetwork } from "../helpers.ts";
import { toOnnx } from "../onnx_graph.ts";

function networkOf(bytes: Uint8Array) {
  const read = readNetwork(readOnnx(bytes), 18, "read");
  if (read.kind === "other") assert.fail(read.why);
  return read;
}

const whyOf = (bytes: Uint8Array, features = 18): string => {
  const read = readNetwork(readOnnx(bytes), features, "read");
  assert.equal(read.kind, "other");
  return read.kind === "other" ? read.why : "";
};

for (
  const [name, ending, shape] of [
    ["torch_seed_softmax", "probabilities", SEED_ACTOR],
    ["torch_seed_logits", "logits", SEED_ACTOR],
    ["torch_temporal", "logProbabilities", TEMPORAL_ACTOR],
    ["torch_temporal_two_inputs", "logProbabilities", TEMPORAL_ACTOR],
  ] as const
) {
  Deno.test(`${name}: the kernel gives what PyTorch computed, to 1e-5`, () => {
    const read = networkOf(fixture(name));
    assert.equal(read.ending, ending);
    assert.deepEqual({ ...read.spec, name: shape.name }, shape);
    const { tool, inputs, outputs } = fixtureRows(name);
    assert.match(tool, /^PyTorch /);
    const network = new Network(read.spec, { maxRows: 16, training: false });
    network.loadWeights(read.weights);
    network.input.set(inputs.flat());
    network.forward(16);
    const distinct = new Set<string>();
    outputs.forEach((row, r) => {
      const sum = row.reduce((all, value) => all + Math.exp(value), 0);
      row.forEach((value, c) => {
        const at = r * network.plan.outputStride + c;
        const wanted = ending === "probabilities" ? value : Math.exp(value) / (ending === "logits" ? sum : 1);
        assert.ok(Math.abs(network.probabilities[at]! - wanted) < 1e-5, `${r},${c}`);
        distinct.add(wanted.toFixed(4));
      });
    });
    assert.ok(distinct.size > 20, "the rows are told apart");
  });
}

Deno.test("what we write is read back: same declaration, same bits", () => {
  const early: NetworkSpec = {
    name: "early",
    features: 18,
    history: 1,
    encoder: [{ dense: 8 }, "tanh"],
    layers: [{ dense: 4 }, "layerNorm", "tanh", { dense: 3 }, "logSoftmax"],
  };
  for (const spec of [SEED_ACTOR, TEMPORAL_ACTOR, early]) {
    const weights = randomNetwork(spec, 1, 5).weights();
    const bytes = writeNetwork(spec, weights);
    const read = networkOf(bytes);
    assert.deepEqual({ ...read.spec, name: spec.name }, spec);
    assert.deepEqual(read.weights, weights);
    assert.deepEqual(writeNetwork({ ...read.spec, name: spec.name }, read.weights), bytes);
  }
});

Deno.test("a graph of another writer, without transB, is read too", () => {
  const network = randomNetwork(TEMPORAL_ACTOR, 1, 3);
  assert.deepEqual(networkOf(toOnnx(network)).weights, network.weights());
});

Deno.test("what the kernel has not is said, not guessed", () => {
  assert.match(whyOf(fixture("torch_relu")), /no Relu/);
  assert.match(whyOf(fixture("sklearn_forest"), 6), /1 inputs|2 outputs|TreeEnsemble/);
  assert.match(whyOf(fixture("torch_seed_softmax"), 17), /multiple of 17/);
  // Read as five vectors of 18, the seeds' shape has no encoder.
  const wide = writeNetwork(
    { ...SEED_CRITIC, features: 90 },
    randomNetwork({ ...SEED_CRITIC, features: 90 }, 1).weights(),
  );
  assert.match(whyOf(wide), /no encoder/);
});
