/**
 * `deno task learn:proof [FILE [PART...]]`: does the learner learn? Parts: `lag` (five seeds against an oracle on a
 * synthetic market whose books trail the truth), `none` (five on one whose books do not), `collapse` (the seeds' collapse
 * and recovery, five seeds). Prints figures as they come and writes them to FILE (JSON, default `learn-proof.json`), and
 * the curves of the collapse beside it (`.svg`).
 */
import { seededRandom } from "../core/random.ts";
import { bootstrapWindows } from "../core/stats/bootstrap.ts";
import type { JudgedWindow } from "../commands/training/judge.ts";
import { phasesSvg } from "../commands/training/phases_svg.ts";
import {
  collapseAndRecovery,
  judgeOracle,
  meanPnl,
  type PhasePoint,
  proofMarket,
  proofSettings,
  trainAndJudge,
  tuneOracle,
} from "../commands/training/proof.ts";

const SEEDS = [1, 2, 3, 4, 5];
const LAGS_MS = { lag: 15_000, none: 0 } as const;
const STEPS = 163_840;
/** Market on which the oracle's thresholds are chosen; nobody is judged there. */
const TUNE_SEED = 99;

interface Row {
  readonly lagMs: number;
  readonly seed: number;
  readonly windows: number;
  /** pUSD per window. */
  readonly oracle: number;
  readonly ppo: number;
  readonly ci95: readonly [number, number];
  readonly fills: number;
  readonly seconds: number;
}

const interval = (windows: readonly JudgedWindow[], seed: number): readonly [number, number] => {
  const found = bootstrapWindows(windows.map(({ pnl }) => pnl), seededRandom(seed));
  return found === null ? [NaN, NaN] : [found.meanCi95[0] / 1e6, found.meanCi95[1] / 1e6];
};

const file = Deno.args[0] ?? "learn-proof.json";
const parts = Deno.args.length > 1 ? Deno.args.slice(1) : ["lag", "none", "collapse"];
const rows: Row[] = [];
const phases: Record<string, readonly PhasePoint[]> = {};
const oracles: Record<string, unknown> = {};
const save = () =>
  Deno.writeTextFileSync(file, JSON.stringify({ steps: STEPS, oracles, rows, phases }, null, 1));

for (const part of ["lag", "none"] as const) {
  if (!parts.includes(part)) continue;
  const lagMs = LAGS_MS[part];
  const oracle = tuneOracle(proofSettings(proofMarket(lagMs, TUNE_SEED), TUNE_SEED, STEPS), TUNE_SEED, lagMs);
  oracles[lagMs] = oracle;
  console.log(`lag ${lagMs} ms: oracle ${JSON.stringify(oracle)}`);
  for (const seed of SEEDS) {
    const settings = proofSettings(proofMarket(lagMs, seed), seed, STEPS);
    const started = performance.now();
    const learnt = trainAndJudge(settings, STEPS, () => {});
    const row: Row = {
      ...{ lagMs, seed, windows: learnt.length },
      oracle: meanPnl(judgeOracle(settings, oracle)),
      ppo: meanPnl(learnt),
      ci95: interval(learnt, seed),
      fills: learnt.reduce((sum, { fills }) => sum + fills, 0) / learnt.length,
      seconds: (performance.now() - started) / 1000,
    };
    rows.push(row);
    save();
    console.log(
      `lag ${lagMs} seed ${seed}: oracle ${row.oracle.toFixed(2)} PPO ${row.ppo.toFixed(2)} ` +
        `(95 %: ${row.ci95.map((value) => value.toFixed(2)).join(" to ")}), ` +
        `${row.oracle > 0 ? `${(100 * row.ppo / row.oracle).toFixed(0)} %, ` : ""}` +
        `${row.fills.toFixed(1)} fills a window, ${row.windows} windows, ${row.seconds.toFixed(0)} s`,
    );
  }
}
for (const seed of parts.includes("collapse") ? SEEDS : []) {
  const points = collapseAndRecovery(seed);
  phases[seed] = points;
  save();
  const at = (update: number) => points.find((point) => point.update === update)!.entropy.toFixed(3);
  console.log(`collapse seed ${seed}: entropy ${[1, 12, 24, 36, 37, 48, 60, 72].map(at).join(" ")}`);
}
if (parts.includes("collapse")) {
  Deno.writeTextFileSync(file.replace(/\.json$/, "") + ".svg", phasesSvg(phases));
}
