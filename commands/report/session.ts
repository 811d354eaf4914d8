/** The report of one trading session. */
import { MAX_POINTS } from "./downsample.ts";
import { type ChartSpec, equityChart, priceChart } from "./chart_data.ts";
import {
  clockTime,
  count,
  DASH,
  dateTime,
  decimal,
  feeMoney,
  micros,
  money,
  percent,
  shareCount,
  signedMoney,
  span,
  tokenPrice,
  tone,
} from "./format.ts";
import { type Html, markup, trusted } from "./html.ts";
import type { LatencyStage, PriceChart, SessionReport, WindowRow } from "./model.ts";
import type { Page } from "./page.ts";
import { paritySection } from "./parity.ts";
import {
  chart,
  facts,
  lead,
  mono,
  notSentTable,
  type Section,
  table,
  type Tile,
  tiles,
  toned,
  ZOOM_HINT,
} from "./parts.ts";
import { decades } from "./scales.ts";
import { barChart } from "./svg.ts";

/** Rows of the fill list; more would make the file slow to open and nobody reads them. */
export const MAX_FILL_ROWS = 500;
/** Windows with a chart. Those with fills come first when there are more. */
export const MAX_WINDOW_CHARTS = 60;
/** Chart rows over all windows together: keeps the file at a few megabytes. */
const TOTAL_CHART_ROWS = 80_000;

const name = (outcome: "up" | "down" | null): string =>
  outcome === null ? "open" : outcome === "up" ? "Up" : "Down";

function header(model: SessionReport): Html {
  const { totals } = model;
  const list: Tile[] = [
    {
      label: "PnL, final",
      value: signedMoney(totals.pnlFinal),
      unit: "pUSD",
      tone: tone(totals.pnlFinal),
      sub: "settled",
    },
    {
      label: "PnL, provisional",
      value: signedMoney(totals.pnlProvisional),
      unit: "pUSD",
      tone: tone(totals.pnlProvisional),
      sub: "with open positions at their mark",
    },
    { label: "Fees paid", value: feeMoney(totals.fees), unit: "pUSD", sub: "already in the PnL" },
    {
      label: "Trades",
      value: count(totals.trades),
      sub: `${count(totals.fills)} fills, ${count(totals.orders)} orders`,
    },
    { label: "Win rate", value: percent(totals.winRate), sub: `of ${count(totals.trades)} trades` },
    {
      label: "Max drawdown",
      value: money(totals.maxDrawdown),
      unit: "pUSD",
      sub: "fall from the highest equity",
    },
  ];
  return markup`${
    facts([
      { term: "Session", value: mono(model.session) },
      { term: "Mode", value: model.mode },
      { term: "Venue", value: model.venue },
      {
        term: "Strategy",
        value: model.model === null ? model.strategy : `${model.strategy} (${model.model})`,
      },
      { term: "Markets", value: `${model.assets.join(", ")} · ${model.durations.join(", ")}` },
      { term: "Windows", value: count(model.windows.length) },
      { term: "Started (UTC)", value: dateTime(model.startedAt) },
      {
        term: "Ended (UTC)",
        value: `${dateTime(model.endedAt)} (${span(model.endedAt - model.startedAt)})`,
      },
      { term: "Hash of all decisions", value: mono(model.decisionsHash), wide: true },
    ])
  }${tiles(list)}`;
}

function equitySection(model: SessionReport): Section {
  const content = model.equity.tMs.length === 0
    ? markup`<p class="empty">No equity was recorded.</p>`
    : chart(
      "equity",
      "Equity of the session over time in pUSD",
      `Cash plus open positions at their mark. ${ZOOM_HINT}`,
    );
  return { id: "equity", title: "Equity", content };
}

/** Legend of the fill markers: shape says direction, filled or hollow says buy or sell. */
function fillKey(): Html {
  const glyph = (up: boolean, buy: boolean): Html => {
    const color = up ? "var(--up)" : "var(--down)";
    const points = up ? "6.5,1 12,11 1,11" : "6.5,12 12,2 1,2";
    return markup`
      <svg viewBox="0 0 13 13" aria-hidden="true">
        <polygon points="${points}" fill="${buy ? color : "none"}" stroke="${color}" stroke-width="1.5" />
      </svg>
    `;
  };
  return markup`
    <div
      class="key"><span>${glyph(true, true)}buy Up</span><span>${
    glyph(
      false,
      true,
    )
  }buy Down</span><span>${glyph(true, false)}sell Up</span><span>${
    glyph(
      false,
      false,
    )
  }sell Down</span></div>
  `;
}

/** Charts to show, in time order: all, or the first 60 that have fills, then others. */
function chosenCharts(model: SessionReport): PriceChart[] {
  if (model.charts.length <= MAX_WINDOW_CHARTS) return [...model.charts];
  const traded = new Set(model.fills.map((fill) => fill.slug));
  const chosen = [
    ...model.charts.filter((one) => traded.has(one.slug)),
    ...model.charts.filter((one) => !traded.has(one.slug)),
  ].slice(0, MAX_WINDOW_CHARTS);
  return chosen.sort((a, b) => a.startMs - b.startMs);
}

function chartsSection(model: SessionReport, charts: readonly PriceChart[]): Section {
  const rows = new Map<string, WindowRow>(model.windows.map((row) => [row.slug, row]));
  const firstTraded = charts.findIndex((one) => (rows.get(one.slug)?.fills ?? 0) > 0);
  const opened = Math.max(0, firstTraded);
  const blocks = charts.map((one, index) => {
    const row = rows.get(one.slug);
    const result = row === undefined
      ? null
      : markup`<span>${row.outcome === null ? "not settled" : `ended ${name(row.outcome)}`}</span><span>${
        count(row.fills)
      } fills</span><span class="${tone(row.pnl)}">${signedMoney(row.pnl)} pUSD</span>`;
    const figure = chart(
      `window-${index}`,
      `Prices of Up in ${one.slug}`,
      `${one.note}${one.note === "" ? "" : ". "}Fills of Down are drawn at 1 − price.`,
      fillKey(),
    );
    const open = trusted(index === opened ? " open" : "");
    return markup`<details${open}><summary><span class="slug">${one.slug}</span>${result}</summary>${figure}</details>\n`;
  });
  const note = charts.length < model.charts.length
    ? `Charts of ${charts.length} of ${model.charts.length} windows, those with fills first. `
    : "";
  const content = charts.length === 0
    ? markup`<p class="empty">No window was watched.</p>`
    : markup`${lead(`${note}Bid, ask and mid of the Up token beside our fair value. ${ZOOM_HINT}`)}${blocks}`;
  return { id: "prices", title: "Prices and fills", content };
}

function latencyChart(stage: LatencyStage, low: number, high: number): Html {
  const marks = decades(low, high);
  const [first = 1, last = 10] = [marks[0], marks.at(-1)];
  const at = (us: number): number => Math.log10(Math.max(us, first) / first) / Math.log10(last / first);
  const every = Math.ceil(marks.length / 6);
  const svg = barChart({
    label: `Latency of ${stage.stage}: median ${micros(stage.p50Us)}, p99 ${micros(stage.p99Us)}`,
    bars: stage.bins.map((bin) => ({
      from: at(bin.fromUs),
      to: at(bin.toUs),
      count: bin.count,
      tone: "plain" as const,
      title: `${micros(bin.fromUs)} to ${micros(bin.toUs)}: ${count(bin.count)}`,
    })),
    xTicks: marks.filter((_, i) => i % every === 0).map((us) => ({
      at: at(us),
      text: micros(us).replace(/\.0+(?= )/, ""),
    })),
    xLabel: "duration (logarithmic)",
    yLabel: "count",
    marks: [
      { at: at(stage.p50Us), text: "p50", anchor: "end" },
      { at: at(stage.p99Us), text: "p99", anchor: "start" },
    ],
  });
  return markup`<figure><h3>${stage.stage}</h3>${svg}</figure>`;
}

function latencySection(model: SessionReport): Section {
  const stages = model.latency.filter((stage) => stage.n > 0);
  const bins = stages.flatMap((stage) => stage.bins.filter((bin) => bin.count > 0));
  const low = Math.max(0.1, Math.min(...bins.map((bin) => Math.max(bin.fromUs, 0.1))));
  const high = Math.max(low * 10, ...bins.map((bin) => bin.toUs));
  const rows = model.latency.map((stage) => [
    stage.stage,
    count(stage.n),
    ...[stage.p50Us, stage.p95Us, stage.p99Us, stage.maxUs].map((us) => stage.n === 0 ? DASH : micros(us)),
  ]);
  const columns = ["samples", "p50", "p95", "p99", "max"].map((label) => ({ label, kind: "num" as const }));
  const charts = bins.length === 0
    ? null
    : markup`<div class="multiples">${stages.map((stage) => latencyChart(stage, low, high))}</div>`;
  const content = markup`${lead("Time each stage took, on one scale for all stages.")}${charts}${
    table([{ label: "Stage", kind: "plain" }, ...columns], rows, "No latency was recorded.")
  }`;
  return { id: "latency", title: "Latency", content };
}

function windowsSection(model: SessionReport): Section {
  const rows = model.windows.map((row) => [
    mono(row.slug),
    row.strike ?? DASH,
    row.outcome === null ? DASH : name(row.outcome),
    count(row.fills),
    feeMoney(row.fees),
    toned(signedMoney(row.pnl), tone(row.pnl)),
    row.settled ? "final" : markup`<span class="tag">provisional</span>`,
  ]);
  return {
    id: "windows",
    title: "Windows",
    content: table(
      [
        { label: "Window", kind: "plain" },
        { label: "Strike", kind: "num" },
        { label: "Ended", kind: "plain" },
        { label: "Fills", kind: "num" },
        { label: "Fees (pUSD)", kind: "num" },
        { label: "PnL (pUSD)", kind: "num" },
        { label: "Basis", kind: "plain" },
      ],
      rows,
      "No window was finished in this session.",
    ),
  };
}

function positionsSection(model: SessionReport): Section {
  const rows = model.positions.map((row) => {
    const gain = row.mark === null ? null : row.mark - row.cost;
    return [
      mono(row.slug),
      name(row.outcome),
      shareCount(row.size),
      tokenPrice(row.averagePrice),
      money(row.cost),
      money(row.mark),
      toned(signedMoney(gain), tone(gain)),
    ];
  });
  return {
    id: "positions",
    title: "Open positions",
    content: table(
      [
        { label: "Window", kind: "plain" },
        { label: "Outcome", kind: "plain" },
        { label: "Shares", kind: "num" },
        { label: "Average price", kind: "num" },
        { label: "Cost (pUSD)", kind: "num" },
        { label: "Mark (pUSD)", kind: "num" },
        { label: "Unrealised (pUSD)", kind: "num" },
      ],
      rows,
      "Nothing was held when the session ended.",
    ),
  };
}

function fillsSection(model: SessionReport): Section {
  const shown = model.fills.slice(0, MAX_FILL_ROWS);
  const rows = shown.map((fill) => [
    `${dateTime(fill.tMs).slice(0, 10)} ${clockTime(fill.tMs)}`,
    mono(fill.slug),
    `${fill.side === "buy" ? "buy" : "sell"} ${name(fill.outcome)}`,
    tokenPrice(fill.price),
    shareCount(fill.size),
    feeMoney(fill.fee),
    fill.liquidity,
    fill.status,
  ]);
  const note = shown.length < model.fills.length
    ? lead(`The first ${count(shown.length)} of ${count(model.fills.length)} fills.`)
    : null;
  return {
    id: "fills",
    title: `Fills (${count(model.fills.length)})`,
    content: markup`${note}${
      table(
        [
          { label: "Time (UTC)", kind: "plain" },
          { label: "Window", kind: "plain" },
          { label: "What", kind: "plain" },
          { label: "Price", kind: "num" },
          { label: "Shares", kind: "num" },
          { label: "Fee (pUSD)", kind: "num" },
          { label: "As", kind: "plain" },
          { label: "Status", kind: "plain" },
        ],
        rows,
        "Nothing was filled.",
      )
    }`,
  };
}

function feedsSection(model: SessionReport): Section {
  const age = (ms: number | null): string => ms === null ? DASH : `${decimal(ms, ms < 10 ? 1 : 0)} ms`;
  const rows = model.feeds.map((feed) => [
    mono(feed.feed),
    feed.state,
    count(feed.frames),
    decimal(feed.perSecond, 1),
    age(feed.ageMsP50),
    age(feed.ageMsP99),
    ...[feed.gaps, feed.reconnects, feed.unrecognised].map((n) => n === 0 ? "0" : toned(count(n), "loss")),
  ]);
  const numbers = ["Frames", "Per second", "Age p50", "Age p99", "Gaps", "Reconnects", "Unrecognised"];
  return {
    id: "feeds",
    title: "Feed health",
    content: markup`${lead("Age is receive time minus the source's own time.")}${
      table(
        [
          { label: "Feed", kind: "plain" },
          { label: "At the end", kind: "plain" },
          ...numbers.map((label) => ({ label, kind: "num" as const })),
        ],
        rows,
        "No feed was opened.",
      )
    }`,
  };
}

/** Page of a session. */
export function sessionPage(model: SessionReport): Page {
  const shown = chosenCharts(model);
  const parity = paritySection(model.parity);
  const budget = Math.min(MAX_POINTS, Math.floor(TOTAL_CHART_ROWS / Math.max(1, shown.length)));
  const charts: Record<string, ChartSpec> = { equity: equityChart(model.equity) };
  shown.forEach((one, index) => {
    charts[`window-${index}`] = priceChart(one, model.fills.filter((fill) => fill.slug === one.slug), budget);
  });
  return {
    kind: `${model.mode} trading session`,
    title: `${model.strategy} on ${model.assets.join(", ").toUpperCase()} ${model.durations.join(", ")}`,
    basis: `Basis: ${model.basis}.`,
    header: header(model),
    warnings: model.warnings,
    sections: [
      equitySection(model),
      chartsSection(model, shown),
      windowsSection(model),
      latencySection(model),
      ...(parity === null ? [] : [parity]),
      {
        id: "not-sent",
        title: "Orders not sent",
        content: markup`${lead("What the engine decided and the gate held back, by reason.")}${
          notSentTable(model.notSent)
        }`,
      },
      positionsSection(model),
      fillsSection(model),
      feedsSection(model),
    ],
    charts,
    version: model.version,
    generatedAt: model.generatedAt,
  };
}
