/** A probe as people read it: the stages, the ways of HTTP, the waterfall, the verdict; and two of them beside each other. */
import { facts, paint, table } from "../output.ts";
import type { ProbeResult } from "./result.ts";

const BAR = 40;

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

export function probeText(result: ProbeResult, path: string, color: boolean): string {
  const pen = paint(color);
  const { budget, stages, verdict } = result;
  const tint = verdict === "go" ? pen.green : verdict === "no-go" ? pen.red : (text: string) => text;
  const sign = verdict === "go" ? `< ${budget.goMs}` : verdict === "no-go" ? `> ${budget.noGoMs}` : "between";
  return [
    table({
      head: ["stage, ms", "n", "p50", "p95", "p99", "max"],
      align: ["left", "right", "right", "right", "right", "right"],
      color,
      rows: Object.entries(stages).map(([stage, of]) => [
        stage,
        of.n,
        ...[of.p50, of.p95, of.p99, of.max].map(msText),
      ]),
    }),
    table({
      head: ["GET to the order host, ms", "connection", "way", "n", "p50", "p95"],
      align: ["left", "left", "left", "right", "right", "right"],
      color,
      rows: result.clients.map(({ failure, numbers, proxy, state, version }) => [
        ...[version, state, proxyText(proxy)],
        ...(numbers === null ? ["0", (failure ?? "").slice(0, 40), ""] : [
          String(numbers.n),
          msText(numbers.p50),
          msText(numbers.p95),
        ]),
      ]),
    }),
    waterfallText(result, color),
    facts([
      ["verdict", tint(`${verdict}: p95 ${budget.totalP95Ms} ms (${sign} ms)`)],
      [
        "basis",
        result.orders ? "orders that were sent and cancelled" : "no order was sent: the round trip of a GET",
      ],
      ["clock offset", result.clockOffsetMs === null ? "not known" : `${result.clockOffsetMs} ms`],
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
  const total = [a, b].map(({ budget, label, verdict }) =>
    `${label}: ${verdict}, p95 ${budget.totalP95Ms} ms`
  );
  return [
    table({
      head: [
        "stage, ms",
        `p50 ${a.label}`,
        `p50 ${b.label}`,
        `p95 ${a.label}`,
        `p95 ${b.label}`,
        "p95 change",
      ],
      align: ["left", "right", "right", "right", "right", "right"],
      color,
      rows,
    }),
    total.join("\n"),
  ].join("\n\n");
}
