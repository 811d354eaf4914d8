/** The `windows.csv` beside a recording: ids, orientation, outcome and reference opens per window. */
import { dirname, join } from "node:path";
import type { FastVenue } from "../../../core/events.ts";
import type { Outcome } from "../../../core/market/instrument.ts";
import { smallTable } from "./csv.ts";
import type { PeekedFile } from "./layout.ts";
import { type ListedWindow, windowKey } from "./quote_recording.ts";

type Line = Readonly<Record<string, string>>;

const side = (text: string | undefined): Outcome | null =>
  text === "UP" ? "up" : text === "DOWN" ? "down" : null;

/** Venue columns in order of preference: settlement is on spot, a perpetual carries a basis of its own. */
const OPENS: readonly (readonly [string, FastVenue])[] = [
  ["binance_spot_open", "binance-spot"],
  ["bybit_perp_open", "bybit"],
];

function openOf(line: Line): ListedWindow["referenceOpen"] {
  for (const [column, basis] of OPENS) {
    const value = Number(line[column] ?? "");
    if (value > 0) return { value, basis };
  }
  return null;
}

function listedWindow(line: Line): ListedWindow {
  const mirrorOf = side(line["token_A_side"]);
  const a = line["token_A"] ?? "";
  const b = line["token_B"] ?? "";
  const conditionId = line["condition_id"] ?? "";
  const hasIds = mirrorOf !== null && a !== "" && b !== "" && conditionId !== "";
  const complete = line["complete"];
  return {
    outcome: side(line["outcome_inferred"]),
    complete: complete === undefined ? null : complete === "True",
    referenceOpen: openOf(line),
    ...(mirrorOf === null ? {} : { mirrorOf }),
    ...(hasIds
      ? {
        identity: {
          conditionId,
          upToken: mirrorOf === "up" ? a : b,
          downToken: mirrorOf === "up" ? b : a,
        },
      }
      : {}),
  };
}

/**
 * Reads the list beside the recording's files. `duration` is the length of its windows, unless a column `timeframe` says
 * so itself. Empty when there is no such file; lines without a start are passed over.
 */
export async function listedWindows(
  files: readonly PeekedFile[],
  duration: "5m" | "15m",
): Promise<Map<string, ListedWindow>> {
  const windows = new Map<string, ListedWindow>();
  for (const folder of new Set(files.map((f) => dirname(f.path)))) {
    for (const line of await smallTable(join(folder, "windows.csv"))) {
      const start = Number(line["window_start_s"]);
      if (!Number.isSafeInteger(start) || start <= 0) continue;
      const length = line["timeframe"] === "5m" || line["timeframe"] === "15m" ? line["timeframe"] : duration;
      windows.set(windowKey("btc", length, start * 1000), listedWindow(line));
    }
  }
  return windows;
}
