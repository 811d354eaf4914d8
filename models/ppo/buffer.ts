/**
 * One update's samples, time after time and row after row: sample t * rows + e. Everything about one decision stands at
 * one index: the input it was made on, the action, its log-probability and value, and the reward that followed.
 */
export interface Rollout {
  readonly rows: number;
  readonly times: number;
  readonly inputs: number;
  /** samples x inputs: what the networks saw. */
  readonly input: Float32Array;
  readonly actions: Int32Array;
  readonly logProbs: Float32Array;
  readonly values: Float32Array;
  /** Scaled. */
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** Value of the last observation of an episode that was cut off; read where `truncated`. */
  readonly cutValues: Float64Array;
  /** rows: values of the observations after the last step. */
  readonly lastValues: Float64Array;
  readonly advantages: Float64Array;
  /** Advantage + value: what the critic learns. */
  readonly returns: Float64Array;
}

export function newRollout(rows: number, times: number, inputs: number): Rollout {
  const samples = rows * times;
  return {
    rows,
    times,
    inputs,
    input: new Float32Array(samples * inputs),
    actions: new Int32Array(samples),
    logProbs: new Float32Array(samples),
    values: new Float32Array(samples),
    rewards: new Float64Array(samples),
    terminated: new Uint8Array(samples),
    truncated: new Uint8Array(samples),
    cutValues: new Float64Array(samples),
    lastValues: new Float64Array(rows),
    advantages: new Float64Array(samples),
    returns: new Float64Array(samples),
  };
}
