/** The part of a session's report that lays prediction beside reality: orders, prices, delays, and what came after. */
import type { RatioInterval } from "../../core/stats/ratio_interval.ts";
import type { ParitySummary, SpanQuantiles } from "../trading/parity_summary.ts";
import { count, DASH, decimal, percent } from "./format.ts";
import { type Html, markup } from "./html.ts";
import { lead, type Section, table } from "./parts.ts";
import { ticks } from "./scales.ts";

const BOX = { width: 360, left: 116, right: 16, top: 12, row: 22, bottom: 38 } as const;
const PLOT = BOX.width - BOX.left - BOX.right;

/** One line of a chart: a point or bar, and an interval around it. */
interface Line {
  readonly label: string;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  readonly tone: "plain" | "gain" | "loss";
  readonly text: string;
}

const px = (value: number): string => String(Math.round(value * 100) / 100);

/** Lines under each other on one axis, from zero; intervals as whiskers. */
function lineChart(label: string, unit: string, lines: readonly Line[]): Html {
  const all = lines.flatMap(({ value, interval }) => [value, ...(interval ?? [])]);
  const low = Math.min(0, ...all);
  const high = Math.max(0, ...all);
  const room = (high - low || 1) * 0.04;
  const [from, to] = [low - (low < 0 ? room : 0), high + room];
  const x = (value: number): number => BOX.left + (value - from) / (to - from) * PLOT;
  const floor = BOX.top + lines.length * BOX.row;
  const marks = ticks(from, to, 4).filter((tick) => tick >= from && tick <= to);
  const grid = marks.map((tick) =>
    markup`
      <line class="gridline" x1="${px(x(tick))}" x2="${px(x(tick))}" y1="${BOX.top}" y2="${floor}" />
      <text x="${px(x(tick))}" y="${floor + 15}" text-anchor="middle">${
      String(Number(tick.toPrecision(6)))
    }</text>
    `
  );
  const rows = lines.map(({ label: name, value, interval, tone, text }, i) => {
    const middle = BOX.top + i * BOX.row + BOX.row / 2;
    const [a, b] = [Math.min(x(0), x(value)), Math.max(x(0), x(value))];
    const whisker = interval === null ? null : markup`
      <line class="axis" x1="${px(x(interval[0]))}" x2="${
      px(x(interval[1]))
    }" y1="${middle}" y2="${middle}" />
      <line class="axis" x1="${px(x(interval[0]))}" x2="${px(x(interval[0]))}" y1="${middle - 4}" y2="${
      middle + 4
    }" />
      <line class="axis" x1="${px(x(interval[1]))}" x2="${px(x(interval[1]))}" y1="${middle - 4}" y2="${
      middle + 4
    }" />
    `;
    return markup`
      <text x="${BOX.left - 6}" y="${middle + 4}" text-anchor="end">${name}</text>
      <rect class="bar-${tone}" x="${px(a)}" y="${middle - 6}" width="${px(Math.max(1, b - a))}" height="12">
        <title>${name}: ${text}</title>
      </rect>${whisker}
    `;
  });
  const height = floor + BOX.bottom;
  return markup`
    <svg viewBox="0 0 ${BOX.width} ${height}" role="img" aria-label="${label}">${grid}${rows}<line
      class="axis" x1="${px(x(0))}" x2="${px(x(0))}" y1="${BOX.top}" y2="${floor}"
    /><text x="${BOX.left + PLOT / 2}" y="${height - 6}" text-anchor="middle">${unit}</text></svg>
  `;
}

const figure = (title: string, chart: Html): Html => markup`<figure><h3>${title}</h3>${chart}</figure>`;
const cents = (value: number): string => `${value < 0 ? "−" : "+"}${decimal(Math.abs(value) * 100, 2)}`;
const range = (interval: RatioInterval | null): string =>
  interval?.ci95 == null ? DASH : `${cents(interval.ci95[0])} to ${cents(interval.ci95[1])}`;
const point = (interval: RatioInterval | null): string => interval === null ? DASH : cents(interval.ratio);
const spanText = (value: number | undefined): string => value === undefined ? DASH : decimal(value, 0);

function charts({ takers, delays, markouts }: ParitySummary): Html {
  const figures: Html[] = [];
  if (takers !== null) {
    const lines = (["expected", "model", "actual"] as const).map((key): Line => ({
      label: key === "expected" ? "book when sent" : key,
      value: takers[key] * 100,
      interval: null,
      tone: key === "actual" ? "gain" : "plain",
      text: percent(takers[key]),
    }));
    figures.push(
      figure("Filled of what was wanted", lineChart("Fill ratio, predicted and actual", "%", lines)),
    );
  }
  const spans = (["p50", "p95", "p99"] as const).flatMap((key) =>
    (["model", "actual"] as const).flatMap((side): Line[] => {
      const value = delays.acknowledge[side]?.[key];
      if (value === undefined) return [];
      const tone = side === "actual" ? "gain" : "plain";
      return [{ label: `${side} ${key}`, value, interval: null, tone, text: `${value} ms` }];
    })
  );
  if (spans.length > 0) {
    figures.push(
      figure("From sending to the answer", lineChart("Delay quantiles, predicted and actual", "ms", spans)),
    );
  }
  const after = markouts.flatMap(({ afterMs, mid, executable }) =>
    ([["mid", mid], ["exit", executable]] as const).flatMap(([name, found]): Line[] =>
      found === null ? [] : [{
        label: `${name} ${afterMs / 1000} s`,
        value: found.ratio * 100,
        interval: found.ci95 === null ? null : [found.ci95[0] * 100, found.ci95[1] * 100],
        tone: found.ratio < 0 ? "loss" : "gain",
        text: `${cents(found.ratio)} cents a share, 95 % ${range(found)}`,
      }]
    )
  );
  if (after.length > 0) {
    figures.push(
      figure("Market after our fills", lineChart("Markouts with intervals", "cents a share", after)),
    );
  }
  return figures.length === 0 ? markup`` : markup`<div class="multiples">${figures}</div>`;
}

function orderRows({ takers, slippage, resting, settlement, touched }: ParitySummary): string[][] {
  const { rateCi95, matches, undone } = settlement;
  return [
    [
      "Takers: filled of what was wanted",
      percent(takers?.model ?? null),
      percent(takers?.actual ?? null),
      [
        `${count(takers?.orders ?? 0)} orders; book when sent ${percent(takers?.expected ?? null)}`,
        ...(touched > 0
          ? [`${count(touched)} left out: our own fill may have been in the model's book`]
          : []),
      ].join("; "),
    ],
    [
      "Paid beyond the model's price, cents a share",
      "0",
      point(slippage.model),
      `95 % ${range(slippage.model)}; positive is against us`,
    ],
    [
      "Paid beyond the book when sent, cents a share",
      "0",
      point(slippage.expected),
      `95 % ${range(slippage.expected)}`,
    ],
    [
      "Resting orders that were filled",
      count(resting.both + resting.onlyModel),
      count(resting.both + resting.onlyActual),
      `${
        count(resting.orders)
      } orders; only the model ${resting.onlyModel}, only the market ${resting.onlyActual}`,
    ],
    [
      "Matches taken back at settlement",
      DASH,
      `${count(undone)} of ${count(matches)}`,
      rateCi95 === null
        ? "no match was provisional"
        : `95 % ${percent(rateCi95[0])} to ${percent(rateCi95[1])}`,
    ],
  ];
}

function delayRows({ delays }: ParitySummary): string[][] {
  const row = (name: string, of: SpanQuantiles | null): string[] => [
    name,
    count(of?.n ?? 0),
    ...[of?.p50, of?.p95, of?.p99, of?.max].map(spanText),
  ];
  return [
    row("Answer, model", delays.acknowledge.model),
    row("Answer, actual", delays.acknowledge.actual),
    row("Takers' first fill, model", delays.fill.model),
    row("Takers' first fill, actual", delays.fill.actual),
  ];
}

const numbers = (labels: readonly string[]) => labels.map((label) => ({ label, kind: "num" as const }));

/** Section of a session's ledger; null when it kept none. */
export function paritySection(parity: ParitySummary | null | undefined): Section | null {
  if (parity == null) return null;
  const { orders, exact, dropped } = parity;
  const differing = Object.entries(parity.differences).sort((a, b) => b[1] - a[1])
    .map(([kind, times]) => `${kind} ${count(times)}`).join(", ");
  const note = orders === 0
    ? "No order was sent."
    : `Of ${count(orders)} orders ${count(exact)} went exactly as the exchange model said` +
      `${differing === "" ? "" : `; orders in which something differs: ${differing}`}.` +
      `${
        dropped > 0 ? ` ${count(dropped)} orders are not in these figures.` : ""
      } Intervals draw whole windows.`;
  const content = orders === 0 ? lead(note) : markup`${lead(note)}${charts(parity)}${
    table(
      [
        { label: "Orders", kind: "plain" },
        { label: "Model", kind: "num" },
        { label: "Actual", kind: "num" },
        { label: "", kind: "text" },
      ],
      orderRows(parity),
      "",
    )
  }${
    table(
      [{ label: "Delay (ms)", kind: "plain" }, ...numbers(["Orders", "p50", "p95", "p99", "max"])],
      delayRows(parity),
      "",
    )
  }${
    table(
      [
        { label: "Market after our fills", kind: "plain" },
        ...numbers(["Orders", "Mid", "95 %", "Exit", "95 %"]),
      ],
      parity.markouts.map(({ afterMs, orders: n, mid, executable }) => [
        `${afterMs / 1000} s, cents a share`,
        count(n),
        point(mid),
        range(mid),
        point(executable),
        range(executable),
      ]),
      "",
    )
  }`;
  return { id: "parity", title: "Model and reality", content };
}
