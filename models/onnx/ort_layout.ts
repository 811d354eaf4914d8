/** What the thread that decides and the thread of ONNX Runtime share. */

/** The one word they wait on. */
export const STATE = { idle: 0, asked: 1, failed: 2, close: 3 } as const;

const MESSAGE_BYTES = 512;

/** An input of the graph: `width` numbers of the row from `from`. */
export interface OrtFeed {
  readonly name: string;
  readonly from: number;
  readonly width: number;
}

/** What is run: a model, where its inputs lie in a row, and which output is wanted. */
export interface OrtRequest {
  readonly model: Uint8Array;
  readonly feeds: readonly OrtFeed[];
  readonly output: string;
  /** Numbers of a row, and of its output. */
  readonly inputs: number;
  readonly outputs: number;
}

export interface OrtOrder extends OrtRequest {
  readonly memory: SharedArrayBuffer;
}

export type OrtAnswer = { readonly type: "ready" } | { readonly type: "failed"; readonly message: string };

export const memoryBytes = (inputs: number, outputs: number): number =>
  4 + 4 * (inputs + outputs) + MESSAGE_BYTES;

/** Views of the shared memory: state word, input row, output row, error text (UTF-8, zeros behind it). */
export function layoutOf(memory: SharedArrayBuffer, inputs: number, outputs: number) {
  const after = 4 + 4 * (inputs + outputs);
  return {
    state: new Int32Array(memory, 0, 1),
    row: new Float32Array(memory, 4, inputs),
    result: new Float32Array(memory, 4 + 4 * inputs, outputs),
    message: new Uint8Array(memory, after, MESSAGE_BYTES),
  };
}
