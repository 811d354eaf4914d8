/** The training as a page of curves; while it runs the page loads itself again. */
import { VERSION } from "../version.ts";
import type { ChartSpec } from "../report/chart_data.ts";
import { downsampleRows, pick } from "../report/downsample.ts";
import { renderPage } from "../report/page.ts";
import { chart, facts, lead, type Section, tiles, ZOOM_HINT } from "../report/parts.ts";
import { markup } from "../report/html.ts";
import { metricsColumns } from "./metrics.ts";
import type { TrainSettings } from "./settings.ts";
import type { Verdict } from "./verdict.ts";

export interface TrainingReport {
  readonly name: string;
  readonly settings: TrainSettings;
  /** Lines of the metrics file, without its header. */
  readonly metrics: readonly string[];
  readonly targetSteps: number;
  readonly running: boolean;
  /** Why a collapsed training ended. */
  readonly collapse: string | null;
  readonly verdict: Verdict | null;
  readonly generatedAt: number;
}

const RELOAD_SECONDS = 5;

interface Curve {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly unit: string;
  readonly lines: readonly (readonly [column: string, label: string])[];
  readonly yRange?: readonly [number, number];
}

const CURVES: readonly Curve[] = [
  {
    id: "return",
    title: "Return of a window",
    caption: "Mean reward of the windows that ended in the update, sampled actions.",
    unit: "stakes",
    lines: [["episode_return", "return"]],
  },
  {
    id: "entropy",
    title: "Entropy",
    caption: "Uniform over three actions is 1.0986; near 0 the policy does one thing only.",
    unit: "nats",
    lines: [["entropy", "entropy"]],
    yRange: [0, 1.1],
  },
  {
    id: "actions",
    title: "Actions",
    caption: "Share of the decisions that took each action.",
    unit: "share",
    lines: [["hold_share", "hold"], ["up_share", "Up"], ["down_share", "Down"]],
    yRange: [0, 1],
  },
  {
    id: "losses",
    title: "Losses",
    caption: "Of the actor (with its entropy term) and of the critic.",
    unit: "loss",
    lines: [["policy_loss", "policy"], ["value_loss", "value"]],
  },
  {
    id: "kl",
    title: "KL and clipping",
    caption: "How far an update moved the policy, and the share of samples that were clipped.",
    unit: "",
    lines: [["approx_kl", "KL"], ["clip_fraction", "clipped"]],
  },
  {
    id: "variance",
    title: "Explained variance",
    caption: "1: the critic knows what will follow; 0: it knows nothing.",
    unit: "share",
    lines: [["explained_variance", "explained"]],
    yRange: [-1, 1],
  },
];

type Columns = ReturnType<typeof metricsColumns>;

function chartOf(curve: Curve, columns: Columns): ChartSpec {
  const all = curve.lines.map(([column]) => columns[column] ?? []);
  const [low, high] = curve.yRange ?? [-Infinity, Infinity];
  const clamped = all.map((values) =>
    values.map((value) => value === null ? null : Math.min(high, Math.max(low, value)))
  );
  const steps = columns["steps"] ?? [];
  const rows = downsampleRows(steps.length, clamped);
  return {
    x: pick(steps, rows).map((step) => step ?? 0),
    // Ordinals, not moments: without times the script would read steps as milliseconds.
    times: rows.map(() => null),
    xName: "steps",
    xLabel: "decisions trained on",
    yLabel: curve.unit,
    height: 220,
    ...(curve.yRange === undefined ? {} : { yRange: curve.yRange }),
    series: curve.lines.map(([, label], i) => ({
      label,
      y: pick(clamped[i]!, rows),
      color: `--s${i + 1}`,
      width: 2,
      dash: [],
      stepped: false,
      points: rows.length < 3,
      digits: 4,
    })),
  };
}

const lastOf = (columns: Columns, name: string, digits: number): string =>
  columns[name]?.findLast((value) => value !== null)?.toFixed(digits) ?? "–";

function verdictSection(verdict: Verdict): Section {
  const tone = verdict.pnlPerWindow > 0 ? "up" : verdict.pnlPerWindow < 0 ? "down" : "";
  return {
    id: "verdict",
    title: "Judged on windows never trained on",
    content: markup`
      ${lead(verdict.basis)}
      ${
      tiles([
        {
          label: "Profit per window",
          value: verdict.pnlPerWindow.toFixed(4),
          unit: "pUSD",
          tone,
          sub: verdict.ci95 === null
            ? "no interval"
            : `95 %: ${verdict.ci95[0].toFixed(4)} to ${verdict.ci95[1].toFixed(4)}`,
        },
        { label: "Windows", value: String(verdict.windows), sub: `${verdict.traded} traded` },
        { label: "Fees per window", value: verdict.feesPerWindow.toFixed(4), unit: "pUSD" },
        { label: "Fills per window", value: verdict.fillsPerWindow.toFixed(2) },
      ])
    }
    `,
  };
}

function settingsFacts({ settings, targetSteps }: TrainingReport) {
  const { source, ppo } = settings;
  const from = source.kind === "synthetic"
    ? `synthetic market, books ${source.market.lagMs} ms behind, ${
      source.market.assets.join(", ")
    } ${source.market.duration}`
    : source.names.join(", ");
  return facts([
    { term: "Windows from", value: from, wide: true },
    { term: "Rows", value: String(settings.rows) },
    { term: "A decision every", value: `${settings.decideEveryMs} ms` },
    { term: "Reward", value: settings.reward },
    { term: "Observation", value: settings.observation },
    { term: "Network", value: settings.network },
    { term: "Seed", value: String(settings.seed) },
    { term: "Steps wanted", value: targetSteps.toLocaleString("en-US") },
    {
      term: "PPO",
      value: `gamma ${ppo.gamma}, entropy ${ppo.entropyCoef}, ${ppo.samples} samples, ${ppo.epochs} epochs`,
      wide: true,
    },
  ]);
}

/** The page as text. */
export function renderTraining(report: TrainingReport): string {
  const columns = metricsColumns(report.metrics);
  const curves: Section = {
    id: "curves",
    title: "Curves",
    content: markup`${lead(ZOOM_HINT)}${
      CURVES.map((curve) => markup`<h3>${curve.title}</h3>${chart(curve.id, curve.title, curve.caption)}`)
    }`,
  };
  const state: Section = {
    id: "state",
    title: report.running ? "Running" : report.collapse === null ? "Ended" : "Collapsed",
    content: tiles([
      { label: "Steps", value: Number(lastOf(columns, "steps", 0)).toLocaleString("en-US") },
      { label: "Return of a window", value: lastOf(columns, "episode_return", 3), unit: "stakes" },
      { label: "Entropy", value: lastOf(columns, "entropy", 3) },
      { label: "Explained variance", value: lastOf(columns, "explained_variance", 2) },
      { label: "Steps a second", value: lastOf(columns, "steps_per_second", 0) },
    ]),
  };
  const html = renderPage({
    kind: "Training",
    title: report.name,
    basis: "In sample: the curves show the windows that are trained on, fees included.",
    header: settingsFacts(report),
    warnings: report.collapse === null ? [] : [{ code: "TRAIN_COLLAPSED", message: report.collapse }],
    sections: [state, ...(report.verdict === null ? [] : [verdictSection(report.verdict)]), curves],
    charts: Object.fromEntries(CURVES.map((curve) => [curve.id, chartOf(curve, columns)])),
    version: VERSION,
    generatedAt: report.generatedAt,
  });
  if (!report.running) return html;
  const head = '<meta charset="utf-8">';
  return html.replace(head, `${head}\n<meta http-equiv="refresh" content="${RELOAD_SECONDS}">`);
}
