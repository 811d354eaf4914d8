import assert from "node:assert/strict";
import * as ort from "onnxruntime-web";
import { OperationError } from "../../../core/errors.ts";
import { seededRandom } from "../../../core/random.ts";
import { edgeWarning, type ModelCard } from "../../../models/file/card.ts";
import { kernelModelOf, plainOnnx } from "../../../models/file/kernel_model.ts";
import { openModelFile, unsealCard } from "../../../models/file/open.ts";
import { modelHash, sealModel } from "../../../models/file/seal.ts";
import { SEED_ACTOR } from "../../../models/networks/seed.ts";
import { TEMPORAL_ACTOR } from "../../../models/networks/temporal.ts";
import { Writer } from "../../../models/onnx/wire.ts";
import { openModel } from "../../../models/ppo/model.ts";
import { ppoPolicy } from "../../../models/ppo/policy.ts";
import { fixture } from "../fixtures.ts";
import { INFO, modelFile, ppoModel } from "./helpers.ts";
import { viewOf } from "./views.ts";

ort.env.wasm.numThreads = 1;

async function refused(file: Uint8Array, code: string, why = /./): Promise<void> {
  await assert.rejects(openModelFile(file), (error) => {
    assert.ok(error instanceof OperationError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, why);
    return true;
  });
}

/** The same file with another card, sealed anew: only what the card says is wrong. */
function withCard(file: Uint8Array, change: (card: ModelCard) => unknown): Uint8Array {
  const { onnx, card } = unsealCard(file);
  return resealed(onnx, change(structuredClone(card) as ModelCard));
}

/** Seals a card unread, as another program might. */
function resealed(onnx: Uint8Array, card: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(card));
  const seal = modelHash(new Uint8Array([...onnx, ...text]));
  const value = new TextEncoder().encode(`,"seal":"${seal}"}`);
  const entry = new Writer().message(
    14,
    (pair) => pair.text(1, "poly-edge").bytes(2, new Uint8Array([...text.subarray(0, -1), ...value])),
  );
  return new Uint8Array([...onnx, ...entry.finish()]);
}

Deno.test("a written model decides as the policy it was written from, plain and temporal", async () => {
  for (const spec of [SEED_ACTOR, TEMPORAL_ACTOR]) {
    const file = modelFile(spec);
    const loaded = await openModelFile(file);
    assert.equal(loaded.name, "model:tried");
    const [ours, direct] = [loaded.policy(), ppoPolicy(ppoModel(spec))];
    const seen = new Set<number>();
    for (let tick = 0; tick < 200; tick++) {
      const action = ours.decide(viewOf(tick % 3, tick));
      assert.equal(action, direct.decide(viewOf(tick % 3, tick)));
      seen.add(action);
    }
    assert.ok(seen.size > 1);
  }
});

Deno.test("the same model gives the same bytes; the card says what it was given", () => {
  const file = modelFile();
  assert.deepEqual(modelFile(), file);
  const { card } = unsealCard(file);
  assert.deepEqual(card.provenance, INFO.provenance);
  assert.equal(card.features.names.length, 18);
  assert.equal(card.golden.input.length, 1);
  assert.notEqual(modelHash(modelFile(SEED_ACTOR, { name: "other" })), modelHash(file));
});

Deno.test("a model comes back from its file bit for bit", () => {
  const model = ppoModel(TEMPORAL_ACTOR);
  const back = kernelModelOf(unsealCard(modelFile(TEMPORAL_ACTOR)));
  assert.deepEqual(back, { ...model, network: { ...TEMPORAL_ACTOR, name: "tried" } });
});

Deno.test("one changed bit anywhere in the file is refused", async () => {
  const file = modelFile({ ...SEED_ACTOR, layers: [{ dense: 4 }, "tanh", { dense: 3 }, "logSoftmax"] });
  const random = seededRandom(5);
  const places = new Set([0, 1, 2, file.length - 1, file.length - 2, file.length - 66]);
  while (places.size < 400) places.add(Math.floor(random() * file.length));
  for (const at of places) {
    const copy = file.slice();
    copy[at] = copy[at]! ^ (1 << Math.floor(random() * 8));
    await assert.rejects(openModelFile(copy), OperationError, `byte ${at}`);
  }
});

Deno.test("a weight changed and sealed again is found by the golden pair", async () => {
  const { onnx, card } = unsealCard(modelFile());
  const other = onnx.slice();
  // The first weight lies where its first byte stands in the graph.
  const weights = openModel(ppoModel(), 1).network.weights();
  const first = new Uint8Array(weights.slice(0, 4).buffer);
  const at = other.findIndex((_, i) => first.every((byte, k) => other[i + k] === byte));
  assert.ok(at > 0);
  new DataView(other.buffer, other.byteOffset).setFloat32(at, weights[0]! + 0.5, true);
  await refused(sealModel(other, card), "MODEL_GOLDEN_DIFFERS", /golden/);
});

Deno.test("normalisation, feature schema, golden pair, columns, history: each mismatch has its reason", async () => {
  const file = modelFile();
  const change = (at: (card: ModelCard) => unknown) => withCard(file, at);
  await refused(
    change((card) => ({
      ...card,
      normalisation: { ...card.normalisation!, mean: card.normalisation!.mean.map((m) => m + 1) },
    })),
    "MODEL_GOLDEN_DIFFERS",
  );
  await refused(
    change((card) => ({ ...card, normalisation: { ...card.normalisation!, limit: 5 } })),
    "MODEL_INVALID",
    /limit/,
  );
  await refused(
    change((card) => ({ ...card, normalisation: { ...card.normalisation!, variance: [1] } })),
    "MODEL_INVALID",
    /18 means and 1 variances/,
  );
  await refused(
    change((card) => ({ ...card, features: { ...card.features, hash: "0".repeat(64) } })),
    "MODEL_FEATURES_DIFFER",
    /feature schema/,
  );
  await refused(
    change((card) => ({
      ...card,
      features: { ...card.features, names: card.features.names.with(0, "returns_2m") },
    })),
    "MODEL_FEATURES_DIFFER",
    /returns_2m/,
  );
  await refused(
    change((card) => ({ ...card, golden: { ...card.golden, output: [0, 0, 0] } })),
    "MODEL_GOLDEN_DIFFERS",
  );
  await refused(
    change((card) => ({ ...card, golden: { ...card.golden, input: [[1]] } })),
    "MODEL_INVALID",
    /golden input/,
  );
  await refused(
    change((card) => ({ ...card, output: { ...card.output, columns: ["up", "hold", "down"] } })),
    "MODEL_INVALID",
    /columns/,
  );
  await refused(
    change((card) => ({
      ...card,
      history: 2,
      golden: { ...card.golden, input: [...card.golden.input, ...card.golden.input] },
    })),
    "MODEL_INVALID",
    /looks at 1/,
  );
  await refused(change((card) => ({ ...card, extra: 1 })), "MODEL_INVALID", /card/);
  await refused(fixture("torch_seed_softmax"), "MODEL_NO_CARD", /plain ONNX/);
});

Deno.test("an edge is claimed only with an interval above zero, and its absence is said", () => {
  const judged = {
    basis: "40 windows of 2026-10, fees and hold included",
    windows: 40,
    trades: 12,
    pnl: "-3.500000",
    ci95: ["-0.40", "0.12"] as [string, string],
    edgeProven: false,
  };
  const cardOf = (walkForward: ModelCard["walkForward"]) =>
    unsealCard(modelFile(SEED_ACTOR, { walkForward })).card;
  assert.match(edgeWarning(cardOf(null))!, /never judged/);
  assert.match(edgeWarning(cardOf(judged))!, /-3\.500000 pUSD over 40 windows/);
  assert.equal(edgeWarning(cardOf({ ...judged, pnl: "9", ci95: ["0.01", "0.4"], edgeProven: true })), null);
  assert.throws(() => cardOf({ ...judged, edgeProven: true }), { code: "MODEL_INVALID" });
});

Deno.test({
  name: "plain ONNX has its normalisation built in: ONNX Runtime gives from raw inputs what the policy does",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    const model = ppoModel();
    const session = await ort.InferenceSession.create(plainOnnx(model), { executionProviders: ["wasm"] });
    const loaded = ppoPolicy(model);
    for (let tick = 0; tick < 20; tick++) {
      const view = viewOf(1, tick);
      loaded.decide(view);
      const raw = Float32Array.from(view.features.values, (value) => Number.isNaN(value) ? 0 : value);
      const { output } = await session.run({ observations: new ort.Tensor("float32", raw, [1, 18]) });
      [...output!.data as Float32Array].forEach((logProbability, action) =>
        assert.ok(Math.abs(Math.exp(logProbability) - loaded.probability(0, action)) < 1e-5)
      );
    }
    await session.release();
  },
});
