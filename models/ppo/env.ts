/**
 * What the trainer asks of an environment: many markets stepped together, in typed arrays that the trainer owns and the
 * environment fills in place. Nothing is allocated per step.
 *
 * Time of one step, for every row `e` of `numEnvs` (each row is one trajectory of its own: advantages never run from
 * one row into another):
 *
 *     observation o_t  ->  action a_t  ->  step(a)  ->  reward r_t, ended?, observation o_{t+1}
 *
 * `rewards[e]` is everything that happened because of a_t up to o_{t+1}: a fill paid for by a_t, its fee, and, in the
 * step in which a window settles, the settlement. The trainer stores (o_t, a_t, log-prob and value of o_t, r_t, ended).
 *
 * When an episode ends in a step the environment starts the next one at once, and `observations` already holds the
 * first observation of the new episode. Two kinds of end are told apart:
 *
 * - `terminated`: the world is over (window settled, position valued by its outcome). Nothing follows; value 0.
 * - `truncated`: cut off while something would have followed (step limit, end of a recording). The trainer continues
 *   the return with the value of `finalObservations`, which the environment must fill for exactly these rows.
 *
 * At most one of the two is 1 in a row. Observations are plain features, neither normalised nor stacked: running
 * normalisation and history are the trainer's, so that they are the same in training and live. Absent features are the
 * environment's to decide (the policy for live use writes 0 for them); NaN or an infinity trips an invariant.
 */
export interface VectorEnv {
  /** Rows: markets (or copies) stepped together, constant. */
  readonly numEnvs: number;
  /** Features of one observation, constant; 18 for the markets. */
  readonly obsSize: number;
  /** Number of discrete actions; 3 for the markets: hold, want Up, want Down (`core/policy/policy.ts`). */
  readonly actions: number;
  /** Starts every row anew and writes `out.observations` (numEnvs x obsSize, row after row). Other fields are ignored. */
  reset(out: EnvStep): void;
  /** Applies `actions[e]` (0..actions-1) to every row and fills every field of `out`, all rows, as told above. */
  step(actions: Int32Array, out: EnvStep): void;
  /**
   * The whole state as a JSON value, its generator included: given back to `restore` of an environment made with the
   * same options it continues bit for bit. Without the pair a resumed training starts with `reset` instead.
   */
  snapshot?(): unknown;
  /** Counterpart of `snapshot`; writes the current observations of all rows to `out.observations`. */
  restore?(snapshot: unknown, out: EnvStep): void;
}

/** Buffers of one step, owned by the trainer, filled by the environment. Matrices are row after row. */
export interface EnvStep {
  /** numEnvs x obsSize: what the next action is decided on. */
  readonly observations: Float32Array;
  /** numEnvs: reward of the step just made, in the environment's unit (the trainer scales, it never centres). */
  readonly rewards: Float64Array;
  /** numEnvs: 1 where the episode ended for good. */
  readonly terminated: Uint8Array;
  /** numEnvs: 1 where the episode was cut off. */
  readonly truncated: Uint8Array;
  /** numEnvs x obsSize: last observation of the episodes that were cut off; other rows are not read. */
  readonly finalObservations: Float32Array;
}

/** Buffers for an environment, all zero. */
export function newEnvStep(env: Pick<VectorEnv, "numEnvs" | "obsSize">): EnvStep {
  const { numEnvs, obsSize } = env;
  return {
    observations: new Float32Array(numEnvs * obsSize),
    rewards: new Float64Array(numEnvs),
    terminated: new Uint8Array(numEnvs),
    truncated: new Uint8Array(numEnvs),
    finalObservations: new Float32Array(numEnvs * obsSize),
  };
}
