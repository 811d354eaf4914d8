/** What a session measured of itself, on disk: the table of stages, the orders with their stamps, the runtime. */
import { OperationError } from "../../core/errors.ts";
import { writeFailed } from "../../feeds/session/errors.ts";
import { type LatencyRecorder, STAGES } from "./latency.ts";
import type { OrderStamps } from "./order_stamps.ts";
import type { RuntimeReport } from "./runtime_watch.ts";

export const LATENCY_SCHEMA = "poly-edge-latency/1";
/** In the session's folder. */
export const LATENCY_NAME = "latency.json";
export const ORDERS_NAME = "latency_orders.csv";

const STAGE_COLUMNS = ["stage", "asset", "window", "n", "p50Us", "p95Us", "p99Us", "maxUs"] as const;
const ORDER_COLUMNS = [
  ...["orderId", "slug", "asset", "window", "side", "orderType", "bornAtMs"],
  ...["receivedUs", "handledUs", "decodedUs", "bookUs", "featuresUs", "policyUs", "gateUs", "sentUs"],
  ...["takenUs", "signedUs", "journalledUs", "writtenUs", "ackUs", "matchedUs", "confirmedUs", "presigned"],
] as const satisfies readonly (keyof OrderStamps)[] as readonly (keyof OrderStamps)[];

const cell = (value: string | number | boolean | null): string =>
  value === null
    ? ""
    : typeof value === "number"
    ? String(Number.isInteger(value) ? value : Number(value.toFixed(1)))
    : typeof value === "boolean"
    ? String(value)
    : /[",\n\r]/.test(value)
    ? `"${value.replaceAll('"', '""')}"`
    : value;

const lines = (
  head: readonly string[],
  rows: readonly (readonly (string | number | boolean | null)[])[],
): string => `${[head.join(","), ...rows.map((row) => row.map(cell).join(","))].join("\n")}\n`;

/** The table of stages as CSV: stage, asset, window, count and microseconds. */
export function stagesCsv(latency: LatencyRecorder, runtime: RuntimeReport | null): string {
  const rows: (string | number)[][] = latency.rows().map((
    { stage, asset, window, n, p50, p95, p99, max },
  ) => [
    ...[stage, asset, window],
    ...[n, p50, p95, p99, max],
  ]);
  for (const [name, of] of [["loopLag", runtime?.loopLagUs], ["gcPause", runtime?.gcPauseUs]] as const) {
    if (of != null) rows.push([name, "-", "-", of.n, of.p50, "", of.p99, of.max]);
  }
  return lines(STAGE_COLUMNS, rows);
}

/** The orders as CSV, one a line; stamps are monotonic microseconds of the process, empty where not reached. */
export const ordersCsv = (orders: readonly OrderStamps[]): string =>
  lines(ORDER_COLUMNS, orders.map((order) => ORDER_COLUMNS.map((column) => order[column])));

/** The same as one JSON value, for the session's folder. */
export const latencyJson = (latency: LatencyRecorder, runtime: RuntimeReport | null): string =>
  `${
    JSON.stringify(
      { schema: LATENCY_SCHEMA, unit: "us", order: STAGES, stages: latency.rows(), runtime },
      null,
      1,
    )
  }\n`;

export interface LatencyFiles {
  readonly latency: LatencyRecorder;
  readonly orders: readonly OrderStamps[];
  readonly runtime: RuntimeReport | null;
  readonly folder: string;
  /** `--latency-out`: the stages go there, the orders beside it as NAME.orders.csv. */
  readonly out: string | null;
}

/** Name of the orders' file beside `--latency-out`. */
export const ordersPath = (out: string): string => `${out.replace(/\.csv$/i, "")}.orders.csv`;

/** Writes everything. Throws DISK_FULL, SESSION_WRITE_FAILED, or LATENCY_OUT_FAILED for the path that somebody chose. */
export function writeLatency({ latency, orders, runtime, folder, out }: LatencyFiles): void {
  const write = (path: string, text: string) => {
    try {
      Deno.writeTextFileSync(path, text);
    } catch (cause) {
      throw writeFailed(path, cause);
    }
  };
  write(`${folder}/${LATENCY_NAME}`, latencyJson(latency, runtime));
  write(`${folder}/${ORDERS_NAME}`, ordersCsv(orders));
  if (out === null) return;
  try {
    Deno.writeTextFileSync(out, stagesCsv(latency, runtime));
    Deno.writeTextFileSync(ordersPath(out), ordersCsv(orders));
  } catch (cause) {
    throw new OperationError({
      code: "LATENCY_OUT_FAILED",
      message: `Cannot write the latencies to ${out}: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      hint: "Choose a path in a folder that exists and can be written. The session's own copy is whole.",
      cause,
    });
  }
}
