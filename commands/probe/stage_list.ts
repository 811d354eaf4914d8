/** What a probe measured so far, by stage. */
import type { StageNumbers } from "../trading/latency.ts";
import { numbersOfMs } from "./numbers.ts";

export class StageList {
  readonly stages: Record<string, StageNumbers> = {};

  /** Milliseconds; a stage without a value does not exist. A later list takes the place of an earlier one. */
  add(name: string, ms: readonly number[]): void {
    const numbers = numbersOfMs(ms);
    if (numbers !== null) this.stages[name] = numbers;
  }

  has(name: string): boolean {
    return name in this.stages;
  }
}
