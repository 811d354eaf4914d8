/** A book kept from diffs, told as the depth20 frame that would have said the same, so that recordings need no snapshots. */
import type { FastBookEvent } from "../../core/events.ts";
import type { DepthDiff } from "./depth_book.ts";
import { symbolOf } from "./routes.ts";

/** Plain decimal text of a double, never in exponent form, which the venue does not write and our reader refuses. */
function plain(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(20).replace(/\.?0+$/, "") : text;
}

function rows(levels: readonly number[]): string {
  const out: string[] = [];
  for (let i = 0; i < levels.length; i += 2) out.push(`["${plain(levels[i]!)}","${plain(levels[i + 1]!)}"]`);
  return `[${out.join(",")}]`;
}

/** The frame; decoding it gives `event` again. */
export function topFrame(diff: DepthDiff, event: FastBookEvent): string {
  const symbol = symbolOf(event.asset);
  return `{"stream":"${symbol.toLowerCase()}@depth20@100ms","data":{"e":"depthUpdate","E":${event.tExchange},` +
    `"T":${event.tExchange},"s":"${symbol}","U":${diff.firstId},"u":${diff.lastId},"pu":${diff.previousId},` +
    `"b":${rows(event.bids)},"a":${rows(event.asks)},"st":1}}`;
}
