/** Ten-level BTC 5m books of one token per window (CronosVirus00/polymarket-BTC5min-database, CC BY 4.0). */
import { PRICE_SCALE } from "../../../core/units.ts";
import { hasColumns, splitRow } from "./csv.ts";
import type { Layout } from "./layout.ts";
import { openQuotes, type RowParser, windowKey } from "./quote_recording.ts";
import { recordedPrice, recordedSize } from "./quotes.ts";
import { listedWindows } from "./windows_list.ts";

/** "0.49:1355.05|0.48:414.52" to flat levels; null when a level is no number. Empty sides and prices of 0 or 1 vanish. */
export function parseLevels(text: string): number[] | null {
  const levels: number[] = [];
  if (text === "") return levels;
  for (const level of text.split("|")) {
    const colon = level.indexOf(":");
    const at = recordedPrice(level.slice(0, colon));
    const size = recordedSize(level.slice(colon + 1));
    if (colon < 1 || Number.isNaN(at) || Number.isNaN(size)) return null;
    if (at > 0 && at < PRICE_SCALE && size > 0) levels.push(at, size);
  }
  return levels;
}

function parser(listed: ReadonlyMap<string, { readonly mirrorOf?: "up" | "down" }>): RowParser {
  let startText = "";
  let startMs = NaN;
  let outcome: "up" | "down" | undefined;
  return (line) => {
    if (line === "") return undefined;
    const f = splitRow(line);
    if (f.length !== 6) return null;
    if (f[0] !== startText) {
      startText = f[0]!;
      startMs = Number(startText) * 1000;
      outcome = listed.get(windowKey("btc", "5m", startMs))?.mirrorOf;
    }
    const tExchange = Number(f[1]);
    const tReceive = Number(f[2]);
    if (!(startMs > 0) || startMs % 300_000 !== 0 || !(tExchange > 0) || !(tReceive > 0)) return null;
    if (f[3] !== "A" && f[3] !== "B") return null;
    if (outcome === undefined) return { skip: "window without orientation in windows.csv" };
    // Both books exist for a while in some windows and are exact mirrors there; one of them says everything.
    if (f[3] === "B") return { skip: "second token of a window recorded by token A" };
    const bids = parseLevels(f[4]!);
    const asks = parseLevels(f[5]!);
    if (bids === null || asks === null) return null;
    const quote = { bids, asks };
    return {
      asset: "btc",
      duration: "5m",
      startMs,
      tExchange,
      tReceive,
      up: outcome === "up" ? quote : null,
      down: outcome === "down" ? quote : null,
    };
  };
}

export const cronos: Layout = {
  name: "cronos",
  description: "BTC 5m, ten levels of one token, event driven",
  expects:
    "window_start_s,exch_ts_ms,recv_ms,token,bids_top10,asks_top10 and a windows.csv with token_A_side",
  matches: (file) =>
    hasColumns(file, "window_start_s", "exch_ts_ms", "recv_ms", "token", "bids_top10", "asks_top10"),
  async open(_folder, files) {
    const listed = await listedWindows(files, "5m");
    return await openQuotes({
      layout: "cronos",
      source: "CronosVirus00/polymarket-BTC5min-database, ten-level books",
      licence: "CC BY 4.0",
      files,
      hasHeader: true,
      parser: () => parser(listed),
      listed,
      absent: [
        "fast.ticks",
        "futures.trades",
        "futures.book",
        "oracle.spot",
        "oracle.twap60",
        "trades",
      ],
      notes: [
        "One token per window was recorded; the other book is its exact mirror (checked by the author on 14,961 pairs).",
        "Which token it is (token_A_side) was inferred by the author from BTC moves and agrees with them in 99 %.",
        "The receive clock runs about 19 ms behind the exchange clock.",
      ],
    });
  },
};
