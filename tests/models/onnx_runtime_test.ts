import assert from "node:assert/strict";
import * as ort from "onnxruntime-web";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import { TEMPORAL_ACTOR, TEMPORAL_CRITIC } from "../../models/networks/temporal.ts";
import { randomNetwork } from "./helpers.ts";
import { toOnnx } from "./onnx_graph.ts";

ort.env.wasm.numThreads = 1;

Deno.test({
  name: "ONNX Runtime computes the same outputs from the same weights, all four networks, batch 1 to 9",
  // The runtime keeps its module for the life of the process.
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    for (const spec of [SEED_ACTOR, SEED_CRITIC, TEMPORAL_ACTOR, TEMPORAL_CRITIC]) {
      const network = randomNetwork(spec, 9, 11);
      const session = await ort.InferenceSession.create(toOnnx(network), { executionProviders: ["wasm"] });
      const { inputs, outputs, outputStride } = network.plan;
      for (const rows of [1, 4, 8, 9]) {
        const x = new ort.Tensor("float32", network.input.slice(0, rows * inputs), [rows, inputs]);
        const { y } = await session.run({ x });
        const theirs = y!.data as Float32Array;
        network.forward(rows);
        assert.equal(theirs.length, rows * outputs);
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < outputs; c++) {
            const ours = network.output[r * outputStride + c]!;
            const wanted = theirs[r * outputs + c]!;
            assert.ok(
              Math.abs(ours - wanted) < 2e-5,
              `${spec.name} ${r},${c}: ${ours}, ONNX Runtime ${wanted}`,
            );
          }
        }
      }
      await session.release();
    }
  },
});
