/**
 * Small drawn charts that need no script: bars and the reliability diagram. Drawn at about the size they are shown, so
 * that text stays readable on a phone; colours come from the style sheet, so they follow theme and print.
 */
import type { ReliabilityBin } from "../../core/stats/brier.ts";
import { type Html, markup, trusted } from "./html.ts";
import { count as countText } from "./format.ts";
import { ticks } from "./scales.ts";

/** Positions run from 0 (left) to 1 (right). */
export interface BarChart {
  readonly label: string;
  readonly bars: readonly {
    readonly from: number;
    readonly to: number;
    readonly count: number;
    readonly tone: "plain" | "gain" | "loss";
    readonly title: string;
  }[];
  readonly xTicks: readonly { readonly at: number; readonly text: string }[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly marks: readonly {
    readonly at: number;
    readonly text: string;
    /** On which side of the line the text stands. */
    readonly anchor: "start" | "middle" | "end";
  }[];
}

const BOX = { width: 360, height: 200, left: 44, right: 12, top: 20, bottom: 40 } as const;
const PLOT_WIDTH = BOX.width - BOX.left - BOX.right;
const PLOT_HEIGHT = BOX.height - BOX.top - BOX.bottom;
/** Two decimals are a hundredth of a pixel. */
const px = (value: number): string => String(Math.round(value * 100) / 100);

function text(x: number, y: number, content: string, anchor: string, extra = ""): Html {
  return markup`
    <text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" ${trusted(extra)}>${content}</text>
  `;
}

/** Counts as bars over an x axis that the caller has already scaled to 0..1. */
export function barChart(spec: BarChart): Html {
  const most = Math.max(1, ...spec.bars.map((bar) => bar.count));
  const x = (at: number): number => BOX.left + Math.min(1, Math.max(0, at)) * PLOT_WIDTH;
  const y = (count: number): number => BOX.top + PLOT_HEIGHT * (1 - count / (most * 1.05));
  const floor = BOX.top + PLOT_HEIGHT;
  const grid = ticks(0, most, 3).filter(Number.isInteger).map((tick) =>
    markup`
      <line class="gridline" x1="${BOX.left}" x2="${BOX.width - BOX.right}" y1="${px(y(tick))}" y2="${
      px(
        y(tick),
      )
    }" />${text(BOX.left - 6, y(tick) + 4, countText(tick), "end")}
    `
  );
  const bars = spec.bars.filter((bar) => bar.count > 0).map((bar) => {
    const left = x(bar.from);
    const width = Math.max(1, x(bar.to) - left - 1);
    // A bin with one entry beside thousands must not vanish.
    const top = Math.min(y(bar.count), floor - 1.5);
    return markup`
      <rect class="bar-${bar.tone}" x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${
      px(
        floor - top,
      )
    }">
        <title>${bar.title}</title>
      </rect>
    `;
  });
  const marks = spec.marks.map((mark) =>
    markup`
      <line class="mark" x1="${px(x(mark.at))}" x2="${px(x(mark.at))}" y1="${BOX.top}" y2="${floor}" />${
      text(
        x(mark.at),
        BOX.top - 6,
        mark.text,
        mark.anchor,
        ' class="strong"',
      )
    }
    `
  );
  const axisTicks = spec.xTicks.map((tick) =>
    markup`
      <line class="axis" x1="${px(x(tick.at))}" x2="${px(x(tick.at))}" y1="${floor}" y2="${
      floor +
      4
    }" />${text(x(tick.at), floor + 16, tick.text, tick.at > 0.97 ? "end" : "middle")}
    `
  );
  return markup`
    <svg viewBox="0 0 ${BOX.width} ${BOX.height}" role="img"
      aria-label="${spec.label}">${grid}${bars}<line class="axis" x1="${BOX.left}" x2="${
    BOX.width -
    BOX.right
  }" y1="${floor}" y2="${floor}"/>${axisTicks}${marks}${
    text(
      BOX.left + PLOT_WIDTH / 2,
      BOX.height - 5,
      spec.xLabel,
      "middle",
    )
  }${text(4, 11, spec.yLabel, "start")}</svg>
  `;
}

/** One forecaster's bins in a reliability diagram. */
export interface ReliabilitySeries {
  readonly name: string;
  readonly bins: readonly ReliabilityBin[];
}

const SIDE = 330;
const MARGIN = { left: 44, right: 10, top: 12, bottom: 42 } as const;

/** Marker of series number `index`: circle, square, diamond, so that colour is not the only difference. */
function shape(index: number, x: number, y: number, radius: number): Html {
  const r = px(radius);
  if (index % 3 === 0) {
    return markup`
      <circle cx="${px(x)}" cy="${px(y)}" r="${r}" />
    `;
  }
  const side = px(radius * 1.8);
  const turn = index % 3 === 2 ? ` transform="rotate(45 ${px(x)} ${px(y)})"` : "";
  return markup`
    <rect x="${px(x - radius * 0.9)}" y="${px(y - radius * 0.9)}" width="${side}" height="${side}"${
    trusted(turn)
  } />
  `;
}

/** Legend glyph of reliability series `index`. */
export const seriesGlyph = (index: number): Html =>
  markup`
    <svg class="c${index + 1}" viewBox="0 0 13 13" aria-hidden="true">
      <g class="dot">${shape(index, 6.5, 6.5, 4.5)}</g>
    </svg>
  `;

/**
 * Observed frequency over mean forecast per bin, with the binomial standard error as whiskers and the diagonal of a
 * perfect forecaster. The marker's area grows with the number of windows in the bin.
 */
export function reliabilityPlot(label: string, series: readonly ReliabilitySeries[]): Html {
  const width = SIDE - MARGIN.left - MARGIN.right;
  const height = SIDE - MARGIN.top - MARGIN.bottom;
  const x = (p: number): number => MARGIN.left + p * width;
  const y = (p: number): number => MARGIN.top + (1 - p) * height;
  const most = Math.max(1, ...series.flatMap((one) => one.bins.map((bin) => bin.n)));
  const grid = [0, 0.25, 0.5, 0.75, 1].map((tick) =>
    markup`
      <line class="gridline" x1="${px(x(0))}" x2="${px(x(1))}" y1="${px(y(tick))}"
        y2="${px(y(tick))}" />${text(x(0) - 6, y(tick) + 4, String(tick), "end")}${
      text(
        x(tick),
        y(0) + 16,
        String(tick),
        tick === 1 ? "end" : "middle",
      )
    }
    `
  );
  const drawn = series.map((one, index) => {
    const points = one.bins.flatMap((bin) =>
      bin.meanForecast === null || bin.observed === null
        ? []
        : [{ at: bin.meanForecast, seen: bin.observed, n: bin.n }]
    );
    const dots = points.map(({ at, seen, n }) => {
      const error = Math.sqrt(seen * (1 - seen) / n);
      return markup`
        <line class="whisker" x1="${px(x(at))}" x2="${px(x(at))}" y1="${
        px(
          y(Math.min(1, seen + error)),
        )
      }" y2="${px(y(Math.max(0, seen - error)))}" />
        <g
          class="dot"><title>${one.name}: forecast ${at.toFixed(3)}, Up in ${
        (seen * 100).toFixed(
          1,
        )
      } % of ${n}</title>${shape(index, x(at), y(seen), 2.5 + 3.5 * Math.sqrt(n / most))}</g>
      `;
    });
    const path = points.map(({ at, seen }) => `${px(x(at))},${px(y(seen))}`).join(" ");
    return markup`<g class="c${index + 1}"><polyline class="link" points="${path}"/>${dots}</g>`;
  });
  return markup`
    <svg viewBox="0 0 ${SIDE} ${SIDE}" role="img"
      aria-label="${label}">${grid}<line class="ideal" x1="${px(x(0))}" y1="${px(y(0))}" x2="${
    px(
      x(1),
    )
  }" y2="${px(y(1))}"/>${drawn}${text(x(0.5), SIDE - 6, "mean forecast of Up", "middle")}${
    text(
      0,
      0,
      "share that ended Up",
      "middle",
      ` transform="translate(11 ${px(y(0.5))}) rotate(-90)"`,
    )
  }</svg>
  `;
}
