import assert from "node:assert/strict";
import fc from "fast-check";
import { OperationError } from "../../../core/errors.ts";
import { SEED_ACTOR } from "../../../models/networks/seed.ts";
import { MAX_MODEL_BYTES, readOnnx } from "../../../models/onnx/graph.ts";
import { fieldsOf, Writer } from "../../../models/onnx/wire.ts";
import { writeNetwork } from "../../../models/onnx/write_network.ts";
import { fixture } from "../fixtures.ts";
import { randomNetwork } from "../helpers.ts";

const refused = (bytes: Uint8Array, why: RegExp) =>
  assert.throws(() => readOnnx(bytes), (error) => {
    assert.ok(error instanceof OperationError, String(error));
    assert.equal(error.code, "ONNX_INVALID");
    assert.match(error.message, why);
    return true;
  });

/** A model around one node and whatever else `graph` writes. */
const modelWith = (graph: (writer: Writer) => void): Uint8Array =>
  new Writer().int(1, 8).message(7, (g) => {
    g.message(1, (node) => node.text(1, "x").text(2, "y").text(4, "Identity"));
    graph(g);
  }).finish();

Deno.test("any whole number comes back, negative ones as ten bytes", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    const [field] = [...fieldsOf(new Writer().int(3, value).finish())];
    assert.deepEqual([field?.number, field?.value], [3, value]);
  }));
});

Deno.test("nodes, weights, inputs and outputs of a model of PyTorch", () => {
  const { graph, opsets, producer } = readOnnx(fixture("torch_temporal"));
  assert.equal(producer, "pytorch");
  assert.equal(opsets.get(""), 17);
  assert.deepEqual(graph.inputs, [{ name: "state", type: 1, dims: [-1, 90] }]);
  assert.equal(graph.nodes.filter(({ op }) => op === "LayerNormalization").length, 4);
  assert.deepEqual(graph.initialisers.get("encoder.0.weight")?.dims, [64, 90]);
});

Deno.test("cut anywhere, a file is refused or lacks what it lost; no other error ever leaves the reader", () => {
  const whole = writeNetwork(
    { ...SEED_ACTOR, layers: [{ dense: 4 }, "tanh", { dense: 3 }, "logSoftmax"] },
    randomNetwork({ ...SEED_ACTOR, layers: [{ dense: 4 }, "tanh", { dense: 3 }, "logSoftmax"] }, 1).weights(),
  );
  let refusals = 0;
  for (let length = 0; length < whole.length; length++) {
    try {
      readOnnx(whole.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof OperationError, `${length}: ${error}`);
      refusals++;
    }
  }
  assert.ok(refusals >= whole.length - 10, `${refusals} of ${whole.length}`);
});

Deno.test("random damage and random bytes are refused with a reason or read, never anything else", () => {
  const whole = fixture("sklearn_forest");
  const harmless = (bytes: Uint8Array) => {
    try {
      readOnnx(bytes);
    } catch (error) {
      assert.ok(error instanceof OperationError, String(error));
    }
  };
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const copy = whole.slice();
      copy[at] = byte;
      harmless(copy);
    }),
    { numRuns: 300 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), harmless), { numRuns: 500 });
});

Deno.test("a length beyond the file, a number without end, a huge file: refused before anything is allocated", () => {
  refused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /bytes long/);
  refused(Uint8Array.from({ length: 20 }, () => 0xff), /longer than ten bytes/);
  refused(new Uint8Array(MAX_MODEL_BYTES + 1), /at most/);
  refused(new Uint8Array(0), /empty/);
  refused(new TextEncoder().encode('{"not":"onnx"}'), /./);
});

Deno.test("weights in other files, loops, own functions and foreign operators never reach a runtime", () => {
  refused(
    modelWith((g) =>
      g.message(
        5,
        (t) =>
          t.int(1, 1).int(2, 1).text(8, "w").message(13, (entry) =>
            entry.text(1, "location").text(2, "/etc/passwd")),
      )
    ),
    /another file/,
  );
  refused(modelWith((g) => g.message(5, (t) => t.int(2, 1).text(8, "w").int(14, 1))), /another file/);
  refused(
    modelWith((g) =>
      g.message(1, (n) => n.text(4, "Loop").message(5, (a) => a.text(1, "body").bytes(6, new Uint8Array(0))))
    ),
    /branch or a loop/,
  );
  refused(modelWith((g) => g.message(1, (n) => n.text(4, "Run").text(7, "com.example"))), /com\.example/);
  refused(
    new Writer().int(1, 8).bytes(7, new Writer().message(1, (n) => n.text(4, "Identity")).finish())
      .bytes(25, new Uint8Array(0)).finish(),
    /functions of its own/,
  );
});

Deno.test("a tensor's shape must hold its numbers", () => {
  refused(
    modelWith((g) =>
      g.message(5, (t) => t.int(1, 1000).int(1, 1000).int(2, 1).text(8, "w").bytes(9, new Uint8Array(8)))
    ),
    /\[1000,1000\] and 2 numbers/,
  );
  refused(modelWith((g) => g.message(5, (t) => t.int(1, -1).int(2, 1).text(8, "w"))), /shape \[-1\]/);
});
