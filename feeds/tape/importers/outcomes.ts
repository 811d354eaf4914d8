/** Official outcomes from reference files: final prices of 0 and 1 as the venue published them. */
import type { Outcome } from "../../../core/market/instrument.ts";
import { parseSlug } from "../../../core/market/window.ts";
import { columnsOf, dataLines, splitRow } from "./csv.ts";
import { windowKey } from "./quote_recording.ts";
import type { ReferenceFile } from "./reference_files.ts";

type Found = readonly [key: string, outcome: Outcome];

function bySlug(slug: string, upPrice: number): Found | null {
  const parsed = parseSlug(slug);
  // A price in between is a market that was still open when it was asked for.
  if (parsed === null || (upPrice !== 0 && upPrice !== 1)) return null;
  return [windowKey(parsed.asset, parsed.duration, parsed.startMs), upPrice === 1 ? "up" : "down"];
}

/** A line of market metadata: `{"slug", "resolved", "outcome_prices": ["1","0"]}`. */
function fromJson(line: string): Found | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return null;
    const fields = value as Record<string, unknown>;
    const prices = fields["outcome_prices"];
    if (fields["resolved"] !== true || !Array.isArray(prices)) return null;
    return bySlug(String(fields["slug"]), Number(prices[0]));
  } catch {
    return null;
  }
}

function tableParser(columns: readonly string[]): ((line: string) => Found | null) | null {
  const at = (name: string) => columns.indexOf(name);
  if (at("slug") >= 0 && at("yes_price") >= 0) {
    return (line) => {
      const f = splitRow(line);
      return bySlug(f[at("slug")] ?? "", Number(f[at("yes_price")] || NaN));
    };
  }
  // A table of BTC 5m windows by start in seconds.
  if (at("timestamp") >= 0 && at("up_price") >= 0 && at("btc_open") >= 0) {
    return (line) => {
      const f = splitRow(line);
      return bySlug(`btc-updown-5m-${f[at("timestamp")]}`, Number(f[at("up_price")] || NaN));
    };
  }
  return null;
}

/** Outcomes of one file by window key; empty when the file has none that are final. */
export async function readOutcomes(reference: ReferenceFile): Promise<Map<string, Outcome>> {
  const isJson = (reference.file.head[0] ?? "").startsWith("{");
  const parse = isJson ? fromJson : tableParser(columnsOf(reference.file));
  const outcomes = new Map<string, Outcome>();
  if (parse === null) return outcomes;
  for await (const lines of dataLines(reference.file.path, !isJson)) {
    for (const line of lines) {
      const found = line === "" ? null : parse(line);
      if (found !== null) outcomes.set(found[0], found[1]);
    }
  }
  return outcomes;
}
