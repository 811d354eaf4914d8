/** Generalised advantage estimation (Schulman et al. 2016), each row a trajectory of its own. */
import type { Rollout } from "./buffer.ts";

/**
 * Fills `advantages` and `returns`. Backwards in time within each row:
 * delta = r + gamma V' - V, A = delta + gamma lambda A', where V' is 0 after a termination, the value of the last
 * observation after a cut, else the next value; A' is 0 after either.
 */
export function computeAdvantages(rollout: Rollout, gamma: number, lambda: number): void {
  const { rows, times, rewards, values, terminated, truncated, cutValues, lastValues } = rollout;
  for (let row = 0; row < rows; row++) {
    let next = lastValues[row]!;
    let carried = 0;
    for (let t = times - 1; t >= 0; t--) {
      const at = t * rows + row;
      if (terminated[at] === 1) {
        next = 0;
        carried = 0;
      } else if (truncated[at] === 1) {
        next = cutValues[at]!;
        carried = 0;
      }
      const value = values[at]!;
      carried = rewards[at]! + gamma * next - value + gamma * lambda * carried;
      rollout.advantages[at] = carried;
      rollout.returns[at] = carried + value;
      next = value;
    }
  }
}
