/** One line of numbers an update: the trainer's diagnostics as CSV, and back for the report's curves. */
import type { UpdateDiagnostics } from "../../models/ppo/diagnostics.ts";

/** Column and the figure in it. Times come last: they alone differ when a training is repeated. */
const COLUMNS: readonly (readonly [string, (d: UpdateDiagnostics) => number])[] = [
  ["update", (d) => d.update],
  ["steps", (d) => d.steps],
  ["policy_loss", (d) => d.policyLoss],
  ["value_loss", (d) => d.valueLoss],
  ["entropy", (d) => d.entropy],
  ["approx_kl", (d) => d.approxKl],
  ["old_approx_kl", (d) => d.oldApproxKl],
  ["clip_fraction", (d) => d.clipFraction],
  ["explained_variance", (d) => d.explainedVariance],
  ["actor_grad_norm", (d) => d.actorGradNorm],
  ["critic_grad_norm", (d) => d.criticGradNorm],
  ["actor_rate", (d) => d.actorRate],
  ["critic_rate", (d) => d.criticRate],
  ["epochs", (d) => d.epochs],
  ["stopped_by_kl", (d) => d.stoppedByKl ? 1 : 0],
  ["advantage_mean", (d) => d.advantageMean],
  ["advantage_deviation", (d) => d.advantageDeviation],
  ["reward_mean", (d) => d.rewardMean],
  ["reward_scale", (d) => d.rewardScale],
  ["episodes", (d) => d.episodes],
  ["episode_return", (d) => d.episodeReturn],
  ["episode_length", (d) => d.episodeLength],
  ["hold_share", (d) => d.actionShares[0] ?? NaN],
  ["up_share", (d) => d.actionShares[1] ?? NaN],
  ["down_share", (d) => d.actionShares[2] ?? NaN],
  ["steps_per_second", (d) => d.sps],
  ["collect_ms", (d) => d.collectMs],
  ["update_ms", (d) => d.updateMs],
];

export const METRICS_HEADER = COLUMNS.map(([name]) => name).join(",");

/** Numbers that are none (no episode ended) are empty. */
export const metricsLine = (diagnostics: UpdateDiagnostics): string =>
  COLUMNS.map(([, of]) => {
    const value = of(diagnostics);
    return Number.isFinite(value) ? String(value) : "";
  }).join(",");

/** Columns by name; null where a line has no number. */
export function metricsColumns(lines: readonly string[]): Readonly<Record<string, (number | null)[]>> {
  const columns: Record<string, (number | null)[]> = Object.fromEntries(
    COLUMNS.map(([name]) => [name, [] as (number | null)[]]),
  );
  for (const line of lines) {
    const cells = line.split(",");
    COLUMNS.forEach(([name], i) => {
      const cell = cells[i] ?? "";
      columns[name]!.push(cell === "" ? null : Number(cell));
    });
  }
  return columns;
}
