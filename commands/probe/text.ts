/** A probe as people read it: the stages, the ways of HTTP, the waterfall, the verdict; and two of them beside each other. */
import { facts, paint, table } from "../output.ts";
import type { ProbeResult } from "./result.ts";

const BAR = 40;

/** The part of a result that needs no verdict. */
export type Measured = Pick<ProbeResult, "stages" | "hosts" | "clients">;

const msText = (us: number): string => {
  const ms = us / 1000;
  return ms >= 100 ? ms.toFixed(0) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(3);
};

const proxyText = (proxy: string | null): string => proxy ?? "direct";

/** Each stage's bar begins where the one before it ended. */
function waterfallText({ budget }: ProbeResult, color: boolean): string {
  const widest = Math.max(budget.totalP95Ms, 0.001);
  let from = 0;
  const rows = budget.waterfall.map(({ stage, p50Ms, p95Ms }) => {
    const start = Math.round(from / widest * BAR);
    from += p95Ms;
    const length = Math.max(p95Ms > 0 ? 1 : 0, Math.round(from / widest * BAR) - start);
    return [stage, p50Ms.toFixed(2), p95Ms.toFixed(2), `${" ".repeat(start)}${"#".repeat(length)}`];
  });
  return table({
    head: ["to an acknowledged order, ms", "p50", "p95", "p95, one after the other"],
    align: ["left", "right", "right", "left"],
    color,
    rows: [...rows, ["together", budget.totalP50Ms.toFixed(2), budget.totalP95Ms.toFixed(2), ""]],
  });
}

const NUMBERS = ["n", "p50", "p95", "p99", "max"];

function stagesText({ stages }: Measured, color: boolean): string {
  const rows = Object.entries(stages);
  // Below these counts a high percentile is the slowest sample, which the reader should know.
  const few = rows.some(([, { n }]) => n < 100);
  const note =
    "The 95th percentile of fewer than 20 samples, and the 99th of fewer than 100, is the slowest.";
  const text = table({
    head: ["stage, ms", ...NUMBERS],
    align: ["left", "right", "right", "right", "right", "right"],
    color,
    rows: rows.map(([stage, of]) => [stage, of.n, ...[of.p50, of.p95, of.p99, of.max].map(msText)]),
  });
  return few ? `${text}\n${paint(color).dim(note)}` : text;
}

const addressText = ({ address, family }: { readonly address: string; readonly family: 4 | 6 }): string =>
  `${address} (IPv${family})`;

function hostsText({ hosts }: Measured, color: boolean): string {
  return table({
    head: ["host", "name", "connected to", "its name has"],
    align: ["left", "left", "left", "left"],
    color,
    rows: hosts.map(({ failure, host, name, resolved, used }) => {
      const count = (family: 4 | 6) => resolved.filter((of) => of.family === family).length;
      const has = resolved.length === 0 ? "-" : `${count(4)} IPv4, ${count(6)} IPv6`;
      const to = used === null ? "-" : addressText(used);
      return [name, host, failure === null ? to : `${to}, failed`, has];
    }),
  });
}

function clientsText({ clients }: Measured, color: boolean): string {
  return table({
    head: ["GET to the order host, ms", "connection", "way", ...NUMBERS],
    align: ["left", "left", "left", "right", "right", "right", "right", "right"],
    color,
    rows: clients.map(({ failure, numbers, proxy, state, version }) => {
      const way = `${proxyText(proxy)}${failure === null ? "" : ", failed"}`;
      if (numbers === null) return [version, state, way, "0", "-", "-", "-", "-"];
      const { max, n, p50, p95, p99 } = numbers;
      return [version, state, way, n, ...[p50, p95, p99, max].map(msText)];
    }),
  });
}

/** What was measured, without a verdict. */
export function measuredText(of: Measured, color: boolean): string {
  return [
    stagesText(of, color),
    ...(of.hosts.length === 0 ? [] : [hostsText(of, color)]),
    clientsText(of, color),
  ].join("\n\n");
}

function verdictText({ budget, verdict }: ProbeResult): string {
  const { goMs, missing, noGoMs, totalP95Ms } = budget;
  const text = `${verdict}: p95 ${totalP95Ms} ms`;
  if (verdict === "no-go") return `${text} (> ${noGoMs} ms)`;
  if (missing.length > 0) return `${text} without ${missing.join(", ")}, which was not measured`;
  return verdict === "go" ? `${text} (< ${goMs} ms)` : `${text} (${goMs} to ${noGoMs} ms)`;
}

/** Half the round trip is how far the offset, and with it every age, may be off. */
const offsetText = ({ clockOffsetMs, roundTripMs }: ProbeResult): string =>
  clockOffsetMs === null
    ? "not known"
    : `${clockOffsetMs} ms${roundTripMs === null ? "" : `, measured over a round trip of ${roundTripMs} ms`}`;

export function probeText(result: ProbeResult, path: string, color: boolean): string {
  const pen = paint(color);
  const { verdict } = result;
  const tint = verdict === "go" ? pen.green : verdict === "no-go" ? pen.red : pen.yellow;
  return [
    measuredText(result, color),
    waterfallText(result, color),
    facts([
      ["verdict", tint(verdictText(result))],
      [
        "basis",
        result.orders
          ? `${result.stages["order"]?.n ?? 0} orders that were sent and cancelled`
          : "no order was sent: the round trip of a GET",
      ],
      ["clock offset", offsetText(result)],
      ["saved", path],
    ], color),
  ].join("\n\n");
}

export interface Comparison {
  readonly stage: string;
  /** Microseconds; null where one of them lacks the stage. */
  readonly a: { readonly p50: number; readonly p95: number } | null;
  readonly b: { readonly p50: number; readonly p95: number } | null;
  /** b's p95 less a's. */
  readonly p95Change: number | null;
}

/** Stages of both, in the order of the first. */
export function compareProbes(a: ProbeResult, b: ProbeResult): Comparison[] {
  const names = [...new Set([...Object.keys(a.stages), ...Object.keys(b.stages)])];
  const short = (of: { p50: number; p95: number } | undefined) =>
    of === undefined ? null : { p50: of.p50, p95: of.p95 };
  return names.map((stage) => {
    const [left, right] = [short(a.stages[stage]), short(b.stages[stage])];
    const both = left !== null && right !== null;
    return { stage, a: left, b: right, p95Change: both ? right.p95 - left.p95 : null };
  });
}

export function compareText(a: ProbeResult, b: ProbeResult, color: boolean): string {
  const at = (of: { p50: number; p95: number } | null, key: "p50" | "p95") =>
    of === null ? "-" : msText(of[key]);
  const rows = compareProbes(a, b).map(({ stage, a, b, p95Change }) => [
    stage,
    ...[at(a, "p50"), at(b, "p50"), at(a, "p95"), at(b, "p95")],
    p95Change === null
      ? "-"
      : `${p95Change > 0 ? "+" : p95Change < 0 ? "-" : ""}${msText(Math.abs(p95Change))}`,
  ]);
  // Two probes of one host have one label: then it is the order of the arguments that tells them apart.
  const names = a.label === b.label ? [`${a.label} (A)`, `${b.label} (B)`] : [a.label, b.label];
  const total = [a, b].map((of, at) => [
    names[at]!,
    of.verdict,
    of.budget.totalP50Ms.toFixed(2),
    of.budget.totalP95Ms.toFixed(2),
    of.orders ? "orders" : "a GET",
    of.venue,
    of.at,
  ]);
  return [
    table({
      head: [
        "stage, ms",
        `p50 ${names[0]}`,
        `p50 ${names[1]}`,
        `p95 ${names[0]}`,
        `p95 ${names[1]}`,
        "p95 change",
      ],
      align: ["left", "right", "right", "right", "right", "right"],
      color,
      rows,
    }),
    table({
      head: ["to an acknowledged order, ms", "verdict", "p50", "p95", "round trip of", "venue", "at"],
      align: ["left", "left", "right", "right", "left", "left", "left"],
      color,
      rows: total,
    }),
  ].join("\n\n");
}
