/** The screen of `stream`: feeds, prices beside the oracle, windows and who would win them. Text in, text out. */
import type { AssetBasis, BasisSnapshot, SeriesBasis, WindowBasis } from "../core/market/basis_monitor.ts";
import type { FeedSummary } from "../feeds/net/metrics.ts";
import { clockTime, countText, paint, percentText, spanText, table } from "./output.ts";

export interface ViewData {
  readonly feeds: readonly (readonly [string, FeedSummary])[];
  readonly basis: BasisSnapshot;
  /** Warnings to show below the feeds, oldest first. */
  readonly notes?: readonly string[];
}
export interface ViewSize {
  readonly columns: number;
  /** Infinity when the text is not for a screen. */
  readonly rows: number;
  readonly color: boolean;
}

/** From here on there is room for what is left out on narrow screens. */
const WIDE = 112;

type Align = "left" | "right";
interface Column<T> {
  readonly head: string;
  readonly align?: Align;
  /** Shown on wide screens only. */
  readonly wide?: boolean;
  readonly cell: (row: T) => string;
}

function columnsOf<T>(columns: readonly Column<T>[], rows: readonly T[], size: ViewSize): string {
  const shown = columns.filter((column) => column.wide !== true || size.columns >= WIDE);
  return table({
    head: shown.map((column) => column.head),
    align: shown.map((column) => column.align ?? "right"),
    rows: rows.map((row) => shown.map((column) => column.cell(row))),
    color: size.color,
  });
}

const orDash = <T>(value: T | null, text: (value: T) => string): string => value === null ? "-" : text(value);

/** Dollars with as many digits as the price needs: 90,123.45, 182.331, 0.51234. */
export function priceText(price: number): string {
  const digits = price >= 1000 ? 2 : price >= 10 ? 3 : 5;
  return price.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const bpsText = (bps: number): string => `${bps > 0 ? "+" : ""}${bps.toFixed(1)}`;

function feedColumns(size: ViewSize): Column<readonly [string, FeedSummary]>[] {
  const pen = paint(size.color);
  const tint = (state: string) =>
    state === "live" ? pen.green(state) : state === "down" ? pen.red(state) : pen.yellow(state);
  const wide = size.columns >= WIDE;
  const age = (of: "p50" | "p99") => ([, m]: readonly [string, FeedSummary]) => orDash(m.ageMs[of], spanText);
  return [
    // "binance.futures.market" and nothing else would push the last columns off a narrow screen.
    { head: "feed", align: "left", cell: ([feed]) => wide ? feed : feed.replace(/^binance\.f/, "f") },
    { head: "state", align: "left", cell: ([, m]) => tint(m.state) },
    { head: "frames", cell: ([, m]) => countText(m.frames) },
    { head: "per s", cell: ([, m]) => m.perSecond.toFixed(1) },
    { head: "first", wide: true, cell: ([, m]) => orDash(m.firstDatumMs, spanText) },
    { head: wide ? "age p50" : "p50", cell: age("p50") },
    { head: "p99", cell: age("p99") },
    { head: "gaps", cell: ([, m]) => countText(m.gaps + m.dropped) },
    { head: wide ? "reconnects" : "reco", cell: ([, m]) => countText(m.reconnects) },
    { head: wide ? "unrecognised" : "bad", cell: ([, m]) => countText(m.unrecognised) },
  ];
}

const ASSET_COLUMNS: readonly Column<AssetBasis>[] = [
  { head: "asset", align: "left", cell: (a) => a.asset },
  { head: "futures", cell: (a) => orDash(a.futures, priceText) },
  { head: "spot", cell: (a) => orDash(a.spot, priceText) },
  { head: "chainlink", cell: (a) => orDash(a.chainlink, priceText) },
  { head: "twap-60", cell: (a) => orDash(a.twap60, priceText) },
  { head: "bps", cell: (a) => orDash(a.futuresBps.current, bpsText) },
  { head: "mean", cell: (a) => orDash(a.futuresBps.mean, bpsText) },
  { head: "sd", cell: (a) => orDash(a.futuresBps.sd, (sd) => sd.toFixed(1)) },
  { head: "spot bps", wide: true, cell: (a) => orDash(a.spotBps.current, bpsText) },
  { head: "mean", wide: true, cell: (a) => orDash(a.spotBps.mean, bpsText) },
  { head: "sd", wide: true, cell: (a) => orDash(a.spotBps.sd, (sd) => sd.toFixed(1)) },
  { head: "seconds", wide: true, cell: (a) => countText(Math.max(a.futuresBps.n, a.spotBps.n)) },
];

/** "4:05": time left, or "1:02:05". */
function leftText(spanMs: number): string {
  const seconds = Math.max(0, Math.ceil(spanMs / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? rest.replace(/^0/, "") : `${Math.floor(seconds / 3600)}:${rest}`;
}

function windowColumns(snapshot: BasisSnapshot, size: ViewSize): Column<WindowBasis>[] {
  const pen = paint(size.color);
  const byKey = new Map(snapshot.series.map((series) => [`${series.asset}-${series.duration}`, series]));
  const series = (w: WindowBasis): SeriesBasis | undefined => byKey.get(`${w.asset}-${w.duration}`);
  const verdict = (w: WindowBasis) =>
    w.agree === null ? "-" : w.agree ? pen.green("agree") : pen.red("differ");
  const outcome = (value: string | null) => orDash(value, (text) => text);
  return [
    {
      head: "window",
      align: "left",
      cell: (w) => `${w.asset} ${w.duration} ${clockTime(w.startMs).slice(0, 5)}`,
    },
    { head: "left", cell: (w) => leftText(w.endMs - snapshot.atMs) },
    { head: "to beat", cell: (w) => orDash(w.strike, priceText) },
    { head: "bn open", cell: (w) => orDash(w.binanceOpen, priceText) },
    { head: "oracle", align: "left", cell: (w) => outcome(w.byOracle) },
    { head: "binance", align: "left", cell: (w) => outcome(w.byBinance) },
    { head: "verdict", align: "left", cell: verdict },
    { head: "differ", cell: (w) => orDash(series(w)?.differShare ?? null, (s) => percentText(s)) },
    { head: "at strike", wide: true, align: "left", cell: (w) => outcome(w.byBinanceAtStrike) },
    {
      head: "differ",
      wide: true,
      cell: (w) => orDash(series(w)?.differAtStrikeShare ?? null, (s) => percentText(s)),
    },
    { head: "of seconds", wide: true, cell: (w) => countText(series(w)?.seconds ?? 0) },
  ];
}

const ESCAPE = String.fromCharCode(27);
const STYLE = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "y");

/** Cuts a line to `columns` visible characters; colours are closed. */
export function cutLine(line: string, columns: number): string {
  let shown = 0;
  let out = "";
  for (let i = 0; i < line.length;) {
    STYLE.lastIndex = i;
    const style = STYLE.exec(line)?.[0];
    if (style !== undefined) {
      out += style;
      i += style.length;
      continue;
    }
    if (++shown > columns) return out.includes("\x1b") ? `${out}\x1b[0m` : out;
    out += line[i++];
  }
  return out;
}

function notesOf(data: ViewData, color: boolean): string[] {
  const pen = paint(color);
  const states = data.feeds.filter(([, m]) => m.state !== "live" && m.detail !== "").map(([feed, m]) =>
    `${feed}: ${m.detail}`
  );
  return [...states, ...data.notes ?? []].map((line) => pen.dim(line));
}

/**
 * The whole view, at most `rows` lines of at most `columns` characters. When rows are short, windows go first, and the last
 * line says how many.
 */
export function streamView(data: ViewData, size: ViewSize): string {
  const pen = paint(size.color);
  const { assets, atMs, windows } = data.basis;
  const top = [columnsOf(feedColumns(size), data.feeds, size).split("\n"), notesOf(data, size.color)].flat();
  if (assets.length > 0) {
    top.push(
      "",
      pen.dim(`Binance over Chainlink, ${clockTime(atMs)} UTC; bps, mean and sd are the futures'`),
    );
    top.push(...columnsOf(ASSET_COLUMNS, assets, size).split("\n"));
  }
  const rows = windows.length === 0
    ? []
    : columnsOf(windowColumns(data.basis, size), windows, size).split("\n");
  const below = rows.length === 0
    ? []
    : ["", pen.dim("Who would win now; differ: share of seconds in which Binance names the other"), ...rows];
  const all = [...top, ...below];
  // Air goes before content.
  const lines = all.length > size.rows ? all.filter((line) => line !== "") : all;
  if (lines.length > size.rows) {
    const kept = Math.max(1, size.rows - 1);
    const hidden = lines.length - kept;
    lines.length = kept;
    lines.push(pen.dim(`${hidden} more lines: make the window taller`));
  }
  return lines.map((line) => cutLine(line, size.columns)).join("\n");
}

/** Redraws in place: up over what was drawn, each line cleared behind its text, the rest of the screen below. */
export function redrawText(view: string, drawnLines: number): string {
  const up = drawnLines === 0 ? "" : `\x1b[${drawnLines}A\r`;
  return `${up}${view.split("\n").map((line) => `${line}\x1b[K`).join("\n")}\x1b[0J`;
}
