import assert from "node:assert/strict";
import { seededRandom } from "../../core/random.ts";
import { Network } from "../../models/kernel/kernel.ts";
import { initialise } from "../../models/networks/initialise.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../../models/networks/seed.ts";
import { type LayerSpec, type NetworkSpec, parameterCount } from "../../models/networks/spec.ts";
import { TEMPORAL_ACTOR, TEMPORAL_CRITIC } from "../../models/networks/temporal.ts";

Deno.test("the seeds' networks have the seeds' numbers of parameters", () => {
  assert.equal(parameterCount(SEED_ACTOR) + parameterCount(SEED_CRITIC), 38_404);
  assert.equal(parameterCount(TEMPORAL_ACTOR), 15_971);
  assert.equal(parameterCount(TEMPORAL_CRITIC), 22_785);
  for (const spec of [SEED_ACTOR, SEED_CRITIC, TEMPORAL_ACTOR, TEMPORAL_CRITIC]) {
    assert.equal(new Network(spec, { maxRows: 1, training: false }).weights().length, parameterCount(spec));
  }
});

Deno.test("a new network is a few lines", () => {
  const mine: NetworkSpec = {
    name: "mine",
    features: 6,
    history: 2,
    encoder: [{ dense: 8 }, "tanh"],
    layers: [{ dense: 16 }, "layerNorm", "tanh", { dense: 2 }, "logSoftmax"],
  };
  const network = new Network(mine, { maxRows: 2, training: true });
  initialise(network, seededRandom(1), 1);
  network.input.fill(0.5);
  network.forward(2);
  const total = network.probabilities[0]! + network.probabilities[1]!;
  assert.ok(Math.abs(total - 1) < 1e-6);
});

Deno.test("the main layers see the newest vector, the encoder all five", () => {
  const network = new Network(TEMPORAL_ACTOR, { maxRows: 1, training: false });
  initialise(network, seededRandom(1), 1);
  // With the encoder's last gain and offset at 0 nothing of the past can pass.
  network.setTensor("encoder.4.gain", new Float64Array(32));
  network.forward(1);
  const start = network.output.slice(0, 3);
  network.input.fill(1, 0, 72);
  network.forward(1);
  assert.deepEqual(network.output.slice(0, 3), start);
  network.input[72] = 1;
  network.forward(1);
  assert.notDeepEqual(network.output.slice(0, 3), start);
  network.setTensor("encoder.4.gain", new Float64Array(32).fill(1));
  network.forward(1);
  const whole = network.output.slice(0, 3);
  network.input[0] = -1;
  network.forward(1);
  assert.notDeepEqual(network.output.slice(0, 3), whole);
});

Deno.test("declarations that the kernel cannot run are refused with a reason", () => {
  const refused = (layers: readonly LayerSpec[], changes: Partial<NetworkSpec> = {}) =>
    assert.throws(
      () =>
        new Network({ name: "bad", features: 4, history: 1, layers, ...changes }, {
          maxRows: 1,
          training: false,
        }),
      { code: "NETWORK_INVALID" },
    );
  refused([]);
  refused(["tanh", { dense: 4 }]);
  refused([{ dense: 6 }, "tanh", { dense: 3 }]);
  refused([{ dense: 0 }]);
  refused([{ dense: 3 }, "layerNorm"]);
  refused([{ dense: 3 }, "logSoftmax", { dense: 4 }]);
  refused([{ dense: 4 }, "tanh", "layerNorm"]);
  refused([{ dense: 4 }, "tanh", "tanh"]);
  refused([{ dense: 4 }], { history: 3 });
  refused([{ dense: 4 }], { features: 0 });
  refused([{ dense: 4 }], { encoder: [{ dense: 5 }] });
});
