/**
 * Memory that the trainer's thread and the row workers share: actions in, steps out, and one word a worker to wake it by.
 * A worker owns its rows; the order in which workers finish has no influence on anything.
 */
import type { EnvStep } from "../../models/ppo/env.ts";

export const COMMAND = { none: 0, reset: 1, step: 2, restore: 3, end: 4 } as const;
/** Words of a worker in `control`. */
export const WORD = { turn: 0, done: 1, command: 2, failed: 3, mailBytes: 4 } as const;
export const WORDS = 5;
/** Room for a snapshot of one worker's rows on its way there, or for an error on its way back. */
export const MAIL_BYTES = 8_000_000;

export interface SharedBuffers {
  readonly numEnvs: number;
  readonly obsSize: number;
  readonly workers: number;
  readonly control: SharedArrayBuffer;
  readonly mail: SharedArrayBuffer;
  readonly actions: SharedArrayBuffer;
  readonly chapters: SharedArrayBuffer;
  readonly observations: SharedArrayBuffer;
  readonly finalObservations: SharedArrayBuffer;
  readonly rewards: SharedArrayBuffer;
  readonly terminated: SharedArrayBuffer;
  readonly truncated: SharedArrayBuffer;
}

export function newBuffers(numEnvs: number, obsSize: number, workers: number): SharedBuffers {
  const shared = (bytes: number) => new SharedArrayBuffer(bytes);
  return {
    ...{ numEnvs, obsSize, workers },
    control: shared(4 * WORDS * workers),
    mail: shared(MAIL_BYTES * workers),
    actions: shared(4 * numEnvs),
    chapters: shared(4 * numEnvs),
    observations: shared(4 * numEnvs * obsSize),
    finalObservations: shared(4 * numEnvs * obsSize),
    rewards: shared(8 * numEnvs),
    terminated: shared(numEnvs),
    truncated: shared(numEnvs),
  };
}

/** Views of everything, for either side. */
export interface SharedViews extends Omit<SharedBuffers, keyof EnvStep | "control" | "actions" | "chapters"> {
  readonly control: Int32Array;
  readonly actions: Int32Array;
  readonly chapters: Int32Array;
  readonly step: EnvStep;
}

export function viewsOf(buffers: SharedBuffers): SharedViews {
  const { numEnvs, obsSize, workers, mail } = buffers;
  // Typed arrays on shared memory behave like others; only their declared type differs.
  const plain = <T>(array: unknown): T => array as T;
  return {
    ...{ numEnvs, obsSize, workers, mail },
    control: new Int32Array(buffers.control),
    actions: new Int32Array(buffers.actions),
    chapters: new Int32Array(buffers.chapters),
    step: {
      observations: plain<Float32Array>(new Float32Array(buffers.observations)),
      finalObservations: plain<Float32Array>(new Float32Array(buffers.finalObservations)),
      rewards: plain<Float64Array>(new Float64Array(buffers.rewards)),
      terminated: plain<Uint8Array>(new Uint8Array(buffers.terminated)),
      truncated: plain<Uint8Array>(new Uint8Array(buffers.truncated)),
    },
  };
}

/** Rows `from` to `to` (exclusive) of worker `worker`. */
export const rowsOf = (numEnvs: number, workers: number, worker: number): readonly [number, number] => [
  Math.floor(numEnvs * worker / workers),
  Math.floor(numEnvs * (worker + 1) / workers),
];

/** Puts a JSON value into a worker's mail; false when it does not fit. */
export function writeMail(views: SharedViews, worker: number, value: unknown): boolean {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  if (bytes.length > MAIL_BYTES) return false;
  new Uint8Array(views.mail, worker * MAIL_BYTES, bytes.length).set(bytes);
  views.control[worker * WORDS + WORD.mailBytes] = bytes.length;
  return true;
}

export function readMail(views: SharedViews, worker: number): unknown {
  const bytes = new Uint8Array(views.control[worker * WORDS + WORD.mailBytes]!);
  bytes.set(new Uint8Array(views.mail, worker * MAIL_BYTES, bytes.length));
  return JSON.parse(new TextDecoder().decode(bytes));
}
