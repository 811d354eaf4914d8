/**
 * ONNX Runtime Web in a thread of its own. Its `run()` is a promise, a decision is not: the thread that decides writes a
 * row into shared memory and sleeps until this one has written the outputs. So the answer belongs to the very row it was
 * asked for, in trading and in replay alike.
 */
import * as ort from "onnxruntime-web";
import { layoutOf, type OrtAnswer, type OrtOrder, STATE } from "./ort_layout.ts";

interface Scope {
  onmessage: ((event: MessageEvent<OrtOrder>) => void) | null;
  postMessage(answer: OrtAnswer): void;
  close(): void;
}
const scope = globalThis as unknown as Scope;

// One thread: sums in one order, and no threads beside the ones that are counted.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";

async function serve(order: OrtOrder): Promise<void> {
  const { model, output, inputs, outputs, memory } = order;
  const { state, row, result, message } = layoutOf(memory, inputs, outputs);
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const rows = order.feeds.map(({ name, from, width }) => {
    const data = new Float32Array(width);
    return {
      name,
      data,
      from: row.subarray(from, from + width),
      x: new ort.Tensor("float32", data, [1, width]),
    };
  });
  const feeds = Object.fromEntries(rows.map(({ name, x }) => [name, x]));
  const answer = async (): Promise<void> => {
    for (const { data, from } of rows) data.set(from);
    const y = (await session.run(feeds, [output]))[output]!;
    if (y.type !== "float32") throw new Error(`its output ${output} is of type ${y.type}`);
    const data = y.data as Float32Array;
    if (data.length !== outputs) {
      throw new Error(`its output ${output} has ${data.length} numbers for one row`);
    }
    result.set(data);
    y.dispose();
  };
  scope.postMessage({ type: "ready" });
  for (;;) {
    Atomics.wait(state, 0, STATE.idle);
    if (Atomics.load(state, 0) === STATE.close) break;
    let next: number = STATE.idle;
    try {
      await answer();
    } catch (error) {
      const text = new TextEncoder().encode(String(error instanceof Error ? error.message : error));
      message.fill(0);
      message.set(text.subarray(0, message.length));
      next = STATE.failed;
    }
    // A caller that gave up waiting has closed us meanwhile.
    if (Atomics.compareExchange(state, 0, STATE.asked, next) === STATE.close) break;
    Atomics.notify(state, 0);
    if (next === STATE.failed) break;
  }
  scope.close();
}

scope.onmessage = ({ data }) => {
  serve(data).catch((error) => {
    scope.postMessage({ type: "failed", message: String(error instanceof Error ? error.message : error) });
    scope.close();
  });
};
