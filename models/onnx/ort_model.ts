/** Any ONNX model as a synchronous function of one row, run by ONNX Runtime Web in a thread of its own. */
import { OperationError } from "../../core/errors.ts";
import {
  layoutOf,
  memoryBytes,
  type OrtAnswer,
  type OrtOrder,
  type OrtRequest,
  STATE,
} from "./ort_layout.ts";

/** A busy machine compiles the runtime's 14 MB in a second or two. */
const LOAD_DEADLINE_MS = 60_000;
/** A model that takes longer for one row is broken; ordinary ones take far below a millisecond. */
export const RUN_DEADLINE_MS = 2_000;

export interface OrtModel {
  /**
   * Outputs of one row, written to `out`. Blocks this thread until they are there. Throws MODEL_RUN_FAILED, or
   * MODEL_TOO_SLOW after two seconds; either ends the model.
   */
  run(row: Float32Array, out: Float32Array): void;
  /** Ends the thread. Further runs throw MODEL_RUN_FAILED. */
  close(): void;
}

const failed = (what: string): OperationError =>
  new OperationError({
    code: "MODEL_RUN_FAILED",
    message: `Cannot run the model with ONNX Runtime: ${what}`,
    hint: "Check the model with another runtime; `poly-edge models inspect` shows its inputs and outputs.",
  });

const slow = (what: string, ms: number): OperationError =>
  new OperationError({
    code: "MODEL_TOO_SLOW",
    message: `Cannot use the model: ${what} took more than ${ms} ms`,
    hint: "Use a smaller model.",
  });

/** Starts the thread and loads the model. Throws MODEL_RUN_FAILED, MODEL_TOO_SLOW. */
export async function openOrt(request: OrtRequest): Promise<OrtModel> {
  const { inputs, outputs } = request;
  const memory = new SharedArrayBuffer(memoryBytes(inputs, outputs));
  const worker = new Worker(new URL("./ort_worker.ts", import.meta.url).href, { type: "module" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(slow("loading it", LOAD_DEADLINE_MS)), LOAD_DEADLINE_MS);
      worker.onmessage = ({ data }: MessageEvent<OrtAnswer>) => {
        if (data.type === "ready") resolve();
        else reject(failed(data.message));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(failed(event.message));
      };
      worker.postMessage({ ...request, memory } satisfies OrtOrder);
    });
  } catch (error) {
    worker.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return new Caller(worker, layoutOf(memory, inputs, outputs));
}

class Caller implements OrtModel {
  #open = true;

  constructor(readonly worker: Worker, readonly shared: ReturnType<typeof layoutOf>) {}

  run(row: Float32Array, out: Float32Array): void {
    if (!this.#open) throw failed("it was closed");
    const { state, result } = this.shared;
    this.shared.row.set(row);
    Atomics.store(state, 0, STATE.asked);
    Atomics.notify(state, 0);
    if (Atomics.wait(state, 0, STATE.asked, RUN_DEADLINE_MS) === "timed-out") {
      this.close();
      throw slow("one row", RUN_DEADLINE_MS);
    }
    if (Atomics.load(state, 0) === STATE.failed) {
      const text = new TextDecoder().decode(this.shared.message.slice()).replace(/\0+$/, "");
      this.close();
      throw failed(text);
    }
    out.set(result);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const { state } = this.shared;
    // It may sleep, compute, or be gone: the first two see the word, and terminating ends what is left.
    Atomics.store(state, 0, STATE.close);
    Atomics.notify(state, 0);
    this.worker.terminate();
  }
}
