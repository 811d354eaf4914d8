/** The volatility index of the past over REST, page by page, backwards (exchanges dossier C). */
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import { type HttpCall, type HttpClient, HttpError } from "../net/http.ts";
import { isObject, isPlausibleMs } from "../net/sink.ts";
import { percentPoints } from "./codec.ts";

/** One candle of the index, percent points. */
export interface VolatilityBar {
  readonly openMs: Ms;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

export interface HistoryPage {
  readonly bars: readonly VolatilityBar[];
  /** End of the page before this one; null: there is none. */
  readonly continuation: number | null;
  /** Rows that came as fractions. */
  readonly scaled: number;
}

/** History began on 2021-03-24. */
export const DVOL_BEGAN_MS = Date.UTC(2021, 2, 24);

function malformed(detail: string): HttpError {
  return new HttpError("BAD_JSON", `Cannot read a page of the volatility index: ${detail}`);
}

/** Reads one answer of `get_volatility_index_data`. Throws HttpError BAD_JSON. */
export function parseHistoryPage(raw: unknown): HistoryPage {
  if (!isObject(raw) || !isObject(raw.result) || !Array.isArray(raw.result.data)) throw malformed("no rows");
  const { continuation } = raw.result;
  if (continuation !== null && continuation !== undefined && !isPlausibleMs(continuation)) {
    throw malformed("its continuation is no time");
  }
  let scaled = 0;
  const bars = raw.result.data.map((row: unknown) => {
    if (!Array.isArray(row) || !isPlausibleMs(row[0])) throw malformed("a row is no candle");
    const points = [row[1], row[2], row[3], row[4]].map(percentPoints);
    if (points.some((point) => Number.isNaN(point.value))) throw malformed("a row is no candle");
    if (points.some((point) => point.scaled)) scaled++;
    const [open, high, low, close] = points.map((point) => point.value);
    return { openMs: row[0] as Ms, open: open!, high: high!, low: low!, close: close! };
  });
  return { bars, continuation: continuation ?? null, scaled };
}

export interface HistoryQuery {
  readonly asset: Extract<Asset, "btc" | "eth">;
  readonly startMs: number;
  readonly endMs: number;
  /** Seconds of a candle. */
  readonly resolution: 1 | 60 | 3600 | 43200;
  /** Pages at most; default 100. */
  readonly maxPages?: number;
  readonly onScaled?: (rows: number) => void;
}

/** Candles from `startMs` to `endMs`, ascending, each once. Throws HttpError. */
export async function fetchVolatilityHistory(
  http: HttpClient,
  deribitRest: string,
  query: HistoryQuery,
  call: HttpCall = {},
): Promise<VolatilityBar[]> {
  const { asset, maxPages = 100, onScaled, resolution } = query;
  const startMs = Math.max(query.startMs, DVOL_BEGAN_MS);
  const bars = new Map<number, VolatilityBar>();
  let endMs = query.endMs;
  for (let page = 0; page < maxPages && endMs >= startMs; page++) {
    const url = `${deribitRest}/api/v2/public/get_volatility_index_data?currency=${asset.toUpperCase()}` +
      `&start_timestamp=${startMs}&end_timestamp=${endMs}&resolution=${resolution}`;
    const { bars: rows, continuation, scaled } = parseHistoryPage(await http.get(url, call));
    for (const bar of rows) bars.set(bar.openMs, bar);
    if (scaled > 0) onScaled?.(scaled);
    // A continuation that does not step back would be asked for ever.
    if (continuation === null || continuation >= endMs) break;
    endMs = continuation;
  }
  return [...bars.values()].sort((a, b) => a.openMs - b.openMs);
}
