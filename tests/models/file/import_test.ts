import assert from "node:assert/strict";
import { OperationError } from "../../../core/errors.ts";
import { CLOSE, HOLD, WANT_DOWN, WANT_UP } from "../../../core/policy/policy.ts";
import { importOnnx, type ImportOptions } from "../../../models/file/import.ts";
import { openModelFile, unsealCard } from "../../../models/file/open.ts";
import { sealModel } from "../../../models/file/seal.ts";
import { openOrt } from "../../../models/onnx/ort_model.ts";
import { fixture, fixtureRows } from "../fixtures.ts";
import { FOREST, SEED_IMPORT } from "./helpers.ts";
import { viewOf } from "./views.ts";

const refused = (bytes: Uint8Array, options: ImportOptions, code: string, why: RegExp, runtime = null) =>
  assert.rejects(importOnnx(bytes, options, runtime), (error) => {
    assert.ok(error instanceof OperationError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, why);
    return true;
  });

Deno.test("what PyTorch exported becomes a network of the kernel and agrees with ONNX Runtime on the original", async () => {
  for (
    const name of ["torch_seed_softmax", "torch_seed_logits", "torch_temporal", "torch_temporal_two_inputs"]
  ) {
    const imported = await importOnnx(fixture(name), SEED_IMPORT);
    assert.equal(imported.runtime, "kernel");
    assert.ok(imported.difference! > 0 && imported.difference! < 1e-5, `${name}: ${imported.difference}`);
    const loaded = await openModelFile(imported.file);
    assert.equal(loaded.card.history, name.startsWith("torch_temporal") ? 5 : 1);
    const policy = loaded.policy();
    const seen = new Set<number>();
    for (let tick = 0; tick < 100; tick++) seen.add(policy.decide(viewOf(1, tick)));
    assert.ok(seen.size > 1, name);
  }
});

Deno.test("a forest of scikit-learn runs behind the same interface and decides by what scikit-learn computed", async () => {
  const { file, runtime, why } = await importOnnx(fixture("sklearn_forest"), FOREST);
  assert.equal(runtime, "onnxruntime");
  assert.match(why!, /inputs are not those of an observation/);
  const loaded = await openModelFile(file);
  try {
    const policy = loaded.policy();
    assert.equal(policy.name, "model:forest");
    const { inputs, outputs } = fixtureRows("sklearn_forest");
    const seen = new Set<number>();
    inputs.forEach((row, i) => {
      const view = viewOf(1, i);
      row.forEach((value, k) => {
        view.features.values[k] = value;
        view.features.present[k] = 1;
      });
      const best = outputs[i]!.indexOf(Math.max(...outputs[i]!));
      assert.equal(policy.decide(view), [HOLD, WANT_UP, WANT_DOWN][best]);
      seen.add(best);
    });
    assert.deepEqual([...seen].sort(), [0, 1, 2]);
  } finally {
    loaded.close();
  }
});

Deno.test("a network that the kernel has not runs under ONNX Runtime, asked twice it says the same", async () => {
  const { file, why } = await importOnnx(fixture("torch_relu"), SEED_IMPORT);
  assert.match(why!, /Relu/);
  const loaded = await openModelFile(file);
  try {
    const [a, b] = [loaded.policy(), loaded.policy()];
    const run = (policy: typeof a) =>
      Array.from({ length: 60 }, (_, tick) => policy.decide(viewOf(1, tick))).join("");
    const first = run(a);
    assert.ok(new Set(first).size > 1);
    assert.equal(run(b), first);
  } finally {
    loaded.close();
  }
});

Deno.test("without a hold column the model's probability of Up trades against the book, and is what Kelly reads", async () => {
  const options: ImportOptions = { ...SEED_IMPORT, columns: ["down", "up"] };
  await refused(fixture("torch_relu"), options, "MODEL_INVALID", /3 columns, declared are 2/);
  const { card } = unsealCard((await importOnnx(fixture("torch_relu"), SEED_IMPORT)).file);
  const { ortPolicy } = await import("../../../models/file/ort_policy.ts");
  let probability = 0.9;
  const policy = ortPolicy({ ...card, output: { ...card.output, columns: ["down", "up"] } }, {
    run: (_row, out) => out.set([1 - probability, probability]),
    close: () => {},
  });
  assert.equal(policy.statesProbability, true);
  const view = { ...viewOf(1, 1), fairUp: 0.2 };
  assert.equal(policy.decide(view), WANT_UP);
  assert.equal(view.probabilityUp, Math.fround(0.9));
  assert.equal(view.fairUp, 0.2, "the engine's own is left alone");
  probability = 0.1;
  assert.equal(policy.decide(view), WANT_DOWN);
  assert.equal(policy.decide({ ...view, side: 1 }), CLOSE);
  probability = 0.505;
  assert.equal(policy.decide(view), HOLD);
  probability = NaN;
  assert.equal(policy.decide(view), HOLD);
});

Deno.test("an absent input is zero or NaN, as declared", async () => {
  const { card } = unsealCard((await importOnnx(fixture("torch_relu"), SEED_IMPORT)).file);
  const { ortPolicy } = await import("../../../models/file/ort_policy.ts");
  for (const absent of ["zero", "nan"] as const) {
    let got = new Float32Array(0);
    const policy = ortPolicy({ ...card, absent }, {
      run: (row) => void (got = row.slice()),
      close: () => {},
    });
    const view = viewOf(1, 1);
    view.features.values[4] = NaN;
    view.features.present[4] = 0;
    policy.decide(view);
    assert.ok(Object.is(got[4], absent === "nan" ? NaN : 0));
  }
});

Deno.test("declarations that do not fit are refused before anything is run", async () => {
  const forest = fixture("sklearn_forest");
  await refused(
    forest,
    { ...FOREST, features: FOREST.features.slice(1) },
    "MODEL_INVALID",
    /6 columns, declared are 5/,
  );
  await refused(forest, { ...FOREST, output: "label" }, "MODEL_INVALID", /no tensor of floats/);
  await refused(forest, { ...FOREST, output: "nothing" }, "MODEL_INVALID", /no output nothing/);
  await refused(
    forest,
    { ...FOREST, features: FOREST.features.with(0, "moon") },
    "MODEL_FEATURES_DIFFER",
    /moon/,
  );
  await refused(
    forest,
    { ...FOREST, features: FOREST.features.with(0, FOREST.features[1]!) },
    "MODEL_INVALID",
    /twice/,
  );
  await refused(forest, { ...FOREST, columns: ["hold", "down"] }, "MODEL_INVALID", /columns/);
  const { file } = await importOnnx(forest, FOREST);
  await refused(file, FOREST, "MODEL_INVALID", /already/);
});

Deno.test("another forest under the same card is found by the golden pair", async () => {
  const { onnx, card } = unsealCard((await importOnnx(fixture("sklearn_forest"), FOREST)).file);
  const golden = { ...card.golden, output: [0.3, 0.3, 0.4] };
  await assert.rejects(openModelFile(sealModel(onnx, { ...card, golden })), { code: "MODEL_GOLDEN_DIFFERS" });
});

Deno.test("ONNX Runtime's refusal is told with its reason, at loading and at running", async () => {
  const request = { model: fixture("sklearn_forest"), output: "probabilities", inputs: 6, outputs: 3 };
  const feeds = [{ name: "features", from: 0, width: 6 }];
  await assert.rejects(openOrt({ ...request, feeds, model: new Uint8Array(40) }), {
    code: "MODEL_RUN_FAILED",
  });
  const wrong = await openOrt({ ...request, feeds: [{ ...feeds[0]!, name: "nothing" }] });
  const run = () => wrong.run(new Float32Array(6), new Float32Array(3));
  assert.throws(run, { code: "MODEL_RUN_FAILED", message: /nothing|features/ });
  assert.throws(run, { code: "MODEL_RUN_FAILED", message: /closed/ });
  const narrow = await openOrt({ ...request, feeds, outputs: 2 });
  assert.throws(() => narrow.run(new Float32Array(6), new Float32Array(2)), { message: /3 numbers/ });
});
