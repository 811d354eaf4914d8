/** The figures of `bench/wire.ts` as one page that loads nothing: where an order's time goes, drawn, and the tables. */
import { type Html, markup } from "../commands/report/html.ts";
import { renderPage } from "../commands/report/page.ts";
import { bullets, lead, table, tiles } from "../commands/report/parts.ts";
import { VERSION } from "../commands/version.ts";
import {
  type CaseFigures,
  caseName,
  type Grid,
  runtimeGrid,
  STAGE_NAMES,
  stageGrid,
  stageOf,
  summaryGrid,
  SYNC,
  TARGETS,
  WITHOUT_SYNC,
} from "./wire_figures.ts";

export interface WirePage {
  readonly seconds: number;
  /** Share of a burst that changes books. */
  readonly deltas: number;
  /** What was left out. */
  readonly without: readonly string[];
  /** Flags of V8 for the engine's process; null: none. */
  readonly v8Flags: string | null;
  /** Load and cores, as text. */
  readonly machine: string;
  readonly misses: readonly string[];
  readonly notes: readonly string[];
  readonly cases: readonly CaseFigures[];
}

const BOX = { width: 900, left: 150, right: 70, bar: 20, row: 32, top: 16, axis: 24 } as const;
const PLOT = BOX.width - BOX.left - BOX.right;
const px = (value: number): string => String(Math.round(value * 10) / 10);
const count = (value: number): string => Math.round(value).toLocaleString("en-US");
const colour = (stage: string): string => `var(--s${STAGE_NAMES.indexOf(stage) + 1})`;

/** A step that leaves about three to six lines on the axis. */
function stepOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return [0.2, 0.5, 1, 2].map((step) => step * power).find((step) => most / step <= 6) ?? power;
}

function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end"): Html {
  return markup`<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${text}</text>`;
}

interface Bars {
  readonly title: string;
  readonly cases: readonly CaseFigures[];
  readonly stages: readonly string[];
  /** A line across all bars, us. */
  readonly target: number | null;
}

/** A bar a case: the medians of its stages, one behind the other. */
function bars({ cases, stages, target, title }: Bars): Html {
  const p50 = (of: CaseFigures, stage: string): number => stageOf(of, stage).p50Us || 0;
  const total = (of: CaseFigures): number => stages.reduce((sum, stage) => sum + p50(of, stage), 0);
  const most = Math.max(10, target ?? 0, ...cases.map(total)) * 1.02;
  const x = (us: number): number => BOX.left + us / most * PLOT;
  const floor = BOX.top + cases.length * BOX.row;
  const step = stepOf(most);
  const lines = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step).map((us) => [
    markup`<line class="gridline" x1="${px(x(us))}" x2="${px(x(us))}" y1="${BOX.top}" y2="${floor}"/>`,
    label(x(us), floor + 16, count(us), "middle"),
  ]);
  const drawn = cases.map((of, i) => {
    const y = BOX.top + i * BOX.row + (BOX.row - BOX.bar) / 2;
    let from = 0;
    const parts = stages.map((stage) => {
      const us = p50(of, stage);
      const left = x(from);
      from += us;
      return markup`<rect x="${px(left)}" y="${px(y)}" width="${
        px(x(from) - left)
      }" height="${BOX.bar}" fill="${colour(stage)}"><title>${caseName(of)}, ${stage}: ${
        count(us)
      } us</title></rect>`;
    });
    return [
      label(BOX.left - 8, y + 14, caseName(of), "end"),
      ...parts,
      label(x(from) + 6, y + 14, `${count(from)} us`, "start"),
    ];
  });
  const mark = target === null ? null : [
    markup`<line class="mark" x1="${px(x(target))}" x2="${px(x(target))}" y1="${
      BOX.top - 4
    }" y2="${floor}"/>`,
    label(x(target), BOX.top - 6, `target ${target} us`, "middle"),
  ];
  return markup`<svg viewBox="0 0 ${BOX.width} ${
    floor + BOX.axis
  }" role="img" aria-label="${title}">${lines}${drawn}${mark}</svg>`;
}

const legend = (stages: readonly string[]): Html =>
  markup`<p>${
    stages.map((stage) =>
      markup`<svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true"><rect width="12" height="12" fill="${
        colour(stage)
      }"/></svg> ${stage} &nbsp; `
    )
  }</p>`;

const gridTable = ({ head, rows }: Grid): Html =>
  table(
    head.map((text, i) => ({ label: text, kind: i === 0 ? "plain" : "num" })),
    rows,
    "Nothing was measured.",
  );

/** The whole document as text. */
export function wirePage(data: WirePage): string {
  const { cases, deltas, machine, misses, notes, seconds, v8Flags, without } = data;
  const quick = STAGE_NAMES.filter((stage) => stage !== SYNC);
  const worst = (values: readonly number[]): string =>
    values.length === 0 ? "-" : count(Math.max(...values.map((value) => value || 0)));
  const idle = cases.filter(({ burst }) => burst === 0);
  const bursts = cases.filter(({ burst }) => burst > 0);
  const picture = markup`
    ${
    lead(
      "Medians of the stages that an order passes, from the frame that caused it to its bytes. Their sum, beside the bar, is not the median of the whole.",
    )
  }
    ${legend(STAGE_NAMES)}
    <h3>Without the journal's sync</h3>
    ${bars({ title: "Stages without the sync", cases, stages: quick, target: TARGETS.p50Us })}
    <h3>With the sync</h3>
    ${bars({ title: "Stages with the sync", cases, stages: STAGE_NAMES, target: null })}
  `;
  return renderPage({
    kind: "Bench",
    title: "From tick to wire",
    basis:
      `${seconds} s a case, each in a fresh process before one simulated venue; a burst has ${
        Math.round(deltas * 100)
      } % changes of books` + (without.length === 0 ? "" : `; without ${without.join(", ")}`),
    header: tiles([
      {
        label: "Idle, without the sync, p50",
        value: worst(idle.map((of) => stageOf(of, WITHOUT_SYNC).p50Us)),
        unit: "us",
        sub: `worst case; target ${TARGETS.p50Us}`,
      },
      {
        label: "Idle, without the sync, p99",
        value: worst(idle.map((of) => stageOf(of, WITHOUT_SYNC).p99Us)),
        unit: "us",
        sub: `worst case; target ${TARGETS.p99Us}`,
      },
      {
        label: "Frame age under a burst, p99",
        value: worst(bursts.map(({ ageMs }) => ageMs.all.p99)),
        unit: "ms",
        sub: `worst case; target ${TARGETS.ageMs}`,
      },
    ]),
    warnings: misses.map((message) => ({ code: "MISSED", message })),
    sections: [
      { id: "picture", title: "Where the time goes", content: picture },
      { id: "cases", title: "Cases", content: gridTable(summaryGrid(cases)) },
      { id: "stages", title: "Stages", content: gridTable(stageGrid(cases)) },
      { id: "process", title: "The process itself", content: gridTable(runtimeGrid(cases)) },
      {
        id: "notes",
        title: "Notes",
        content: bullets([machine, ...(v8Flags === null ? [] : [`V8: ${v8Flags}`]), ...notes]),
      },
    ],
    charts: {},
    version: VERSION,
    generatedAt: null,
  });
}
