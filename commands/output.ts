/** What people see: tables, colours, progress, numbers and times. Nothing here decides anything. */
import { Chalk, type ChalkInstance } from "chalk";
import CliTable from "cli-table3";
import { Presets, SingleBar } from "cli-progress";
import { formatDecimal } from "../core/units.ts";
import type { Progress } from "./command.ts";
import { terminalStderr, type TextSink } from "./io.ts";

/** Colours, or plain text when `color` is false. */
export const paint = (color: boolean): ChalkInstance => new Chalk({ level: color ? 1 : 0 });

export interface TableOptions {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Per column; "left" where not given. */
  readonly align?: readonly ("left" | "right" | "center")[];
  readonly color?: boolean;
}

const BORDERLESS = {
  "top": "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  "bottom": "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  "left": "",
  "left-mid": "",
  "mid": "",
  "mid-mid": "",
  "right": "",
  "right-mid": "",
  "middle": "  ",
};

/** Aligned columns without borders, one line a row, no trailing newline or spaces. */
export function table(options: TableOptions): string {
  const pen = paint(options.color ?? false);
  const grid = new CliTable({
    head: options.head.map((title) => pen.bold(title)),
    chars: BORDERLESS,
    style: { "head": [], "border": [], "padding-left": 0, "padding-right": 0 },
    colAligns: options.head.map((_, column) => options.align?.[column] ?? "left"),
  });
  for (const row of options.rows) grid.push(row.map(String));
  return grid.toString().split("\n").map((line) => line.trimEnd()).join("\n");
}

/** Two aligned columns: name, value. */
export function facts(rows: readonly (readonly [string, string | number])[], color = false): string {
  const pen = paint(color);
  const width = rows.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return rows.map(([name, value]) => `${pen.dim(name.padEnd(width))}  ${value}`).join("\n");
}

/** pUSD in millionths for people: "1,234.50", four digits after the point below one cent. */
export function moneyText(millionths: number): string {
  const small = millionths !== 0 && Math.abs(millionths) < 10_000;
  const unit = small ? 100 : 10_000;
  const [whole = "0", rest = ""] = formatDecimal(Math.round(millionths / unit), small ? 4 : 2).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${rest}`;
}

/** As `moneyText`, with a sign in front of gains: for profit and loss. */
export const signedMoneyText = (millionths: number): string =>
  `${millionths > 0 ? "+" : ""}${moneyText(millionths)}`;

/** A ratio as a percentage: 0.1234 is "12.3 %". */
export const percentText = (ratio: number, digits = 1): string =>
  Number.isFinite(ratio) ? `${(ratio * 100).toFixed(digits)} %` : "-";

/** A whole count with thousands marks. */
export const countText = (count: number): string => Math.round(count).toLocaleString("en-US");

/** Milliseconds since the epoch as ISO 8601 UTC. */
export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();

/** Time of day in UTC: "10:05:00". */
export const clockTime = (epochMs: number): string => isoTime(epochMs).slice(11, 19);

/** A span of time for people: "250 ms", "12.5 s", "5 m 03 s", "2 h 05 m". */
export function spanText(spanMs: number): string {
  if (!Number.isFinite(spanMs)) return "-";
  if (spanMs < 1000) return `${Math.round(spanMs)} ms`;
  if (spanMs < 60_000) return `${(spanMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(spanMs / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} m`;
}

/** Bytes for people: "512 B", "3.4 MB". */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Wall time between two progress lines when stderr is no terminal. */
const LINE_EVERY_MS = 5000;

const silent: Progress = { update: () => {}, stop: () => {} };

function progressLines(label: string, stderr: TextSink): Progress {
  let last = performance.now();
  return {
    update(done, total, note) {
      const now = performance.now();
      if (now - last < LINE_EVERY_MS) return;
      last = now;
      const share = total > 0 ? ` ${percentText(done / total, 0)}` : ` ${countText(done)}`;
      stderr.write(`${label}${share}${note === "" ? "" : ` ${note}`}\n`);
    },
    stop: () => {},
  };
}

function progressBar(label: string): Progress {
  const bar = new SingleBar({
    format: `${label} [{bar}] {percentage}% {note}`,
    stream: terminalStderr(),
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    // A drawing timer would keep the process alive and draw between our log lines.
    noTTYOutput: false,
    fps: 10,
  }, Presets.shades_classic);
  let started = false;
  return {
    update(done, total, note) {
      if (!started) bar.start(total, done, { note });
      started = true;
      bar.setTotal(total);
      bar.update(done, { note });
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}

/** A bar on a terminal, a line every few seconds elsewhere, nothing when quiet. */
export function openProgress(label: string, options: { quiet: boolean; stderr: TextSink }): Progress {
  if (options.quiet) return silent;
  return options.stderr.isTerminal ? progressBar(label) : progressLines(label, options.stderr);
}
