/** Many rows of the market stepped together, as the trainer asks for them. */
import { invariant } from "../../core/errors.ts";
import type { Action } from "../../core/policy/policy.ts";
import type { EnvStep, VectorEnv } from "../ppo/env.ts";
import { MarketRow, type RowOptions, type RowSnapshot } from "./market_row.ts";

/** Hold, want Up, want Down: the numbers of `core/policy/policy.ts`. */
export const MARKET_ACTIONS = 3;

export interface MarketEnvSnapshot {
  readonly format: "poly-edge-market-env-1";
  readonly rows: readonly RowSnapshot[];
}

/** Copies what a row has to say to row `at` of `out`. */
export function tellRow(row: MarketRow, out: EnvStep, at: number): void {
  const size = row.observation.length;
  out.observations.set(row.observation, at * size);
  out.rewards[at] = row.reward;
  out.terminated[at] = row.end === "terminated" ? 1 : 0;
  out.truncated[at] = row.end === "truncated" ? 1 : 0;
  if (row.end === "truncated") out.finalObservations.set(row.finalObservation, at * size);
}

export class MarketEnv implements VectorEnv {
  readonly numEnvs: number;
  readonly obsSize: number;
  readonly actions = MARKET_ACTIONS;
  private readonly rows: readonly MarketRow[];

  /** One row for each of `rows`, all with the same observation. */
  constructor(rows: readonly RowOptions[]) {
    invariant(rows.length > 0, "an environment has a row");
    this.obsSize = rows[0]!.obsSize;
    invariant(rows.every(({ obsSize }) => obsSize === this.obsSize), "all rows observe the same");
    this.numEnvs = rows.length;
    this.rows = rows.map((options) => new MarketRow(options));
  }

  reset(out: EnvStep): void {
    this.rows.forEach((row, at) => {
      row.reset();
      tellRow(row, out, at);
    });
  }

  step(actions: Int32Array, out: EnvStep): void {
    for (let at = 0; at < this.rows.length; at++) {
      const row = this.rows[at]!;
      row.step(actions[at] as Action);
      tellRow(row, out, at);
    }
  }

  snapshot(): MarketEnvSnapshot {
    return { format: "poly-edge-market-env-1", rows: this.rows.map((row) => row.snapshot()) };
  }

  /** Plays every row's chapter again up to where it was. Trips an invariant for a snapshot of other rows. */
  restore(snapshot: unknown, out: EnvStep): void {
    const { format, rows } = snapshot as MarketEnvSnapshot;
    invariant(format === "poly-edge-market-env-1" && rows.length === this.rows.length, "a foreign snapshot");
    this.rows.forEach((row, at) => {
      row.restore(rows[at]!);
      tellRow(row, out, at);
    });
  }
}
