/** Ticks of both tokens for BTC, ETH, SOL and XRP within one 5m candle per file (sellersja01/polybotanalysis). */
import { type Asset, ASSETS } from "../../../core/market/instrument.ts";
import { formatShares, shares } from "../../../core/units.ts";
import { dataLines, hasColumns, splitRow } from "./csv.ts";
import type { Layout, PeekedFile } from "./layout.ts";
import { openQuotes, type RowParser } from "./quote_recording.ts";
import { oneLevelQuote } from "./quotes.ts";

const LENGTH = 300_000;
const DAY = 86_400_000;
const WIDTH = 14;

/** Start of the candle from the file's name, `candle[_v3]_YYYYMMDD_HHMM.csv`; NaN when the name has none. */
export function candleStart(name: string): number {
  const match = /(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})/.exec(name);
  if (match === null) return NaN;
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const start = Date.UTC(year, month - 1, day, hour, minute);
  return start % LENGTH === 0 ? start : NaN;
}

/** "18:15:35.921" as milliseconds of the day; NaN for other texts. */
function timeOfDay(text: string): number {
  const match = /^(\d{2}):(\d{2}):(\d{2})\.(\d{3})$/.exec(text);
  if (match === null) return NaN;
  return ((Number(match[1]) * 60 + Number(match[2])) * 60 + Number(match[3])) * 1000 + Number(match[4]);
}

/** A recorder that was late to change markets shows it in the first minute, after a silence, from a decided price. */
const SWITCH_UNTIL_MS = 60_000;
const SWITCH_SILENCE_MS = 3000;
const SWITCH_MISMATCH = 0.25;
const DECIDED = 0.1;

/**
 * When the recorder changed from the previous candle's market to this one, per asset, in ms since the candle's start. Seen
 * in one file: until 47.5 s it repeats the last quotes of the market before (Up at 0.02 while the new one stood at 0.62),
 * then one token moves first, so that the mids of Up and Down no longer add up to 1.
 */
async function marketSwitches(file: PeekedFile): Promise<ReadonlyMap<string, number>> {
  const switches = new Map<string, number>();
  const last = new Map<string, { readonly at: number; readonly upMid: number }>();
  for await (const lines of dataLines(file.path, true)) {
    for (const line of lines) {
      const f = splitRow(line);
      const at = Number(f[1]);
      if (at > SWITCH_UNTIL_MS) return switches;
      const [asset = "", upMid, downMid] = [f[3], Number(f[7] || NaN), Number(f[10] || NaN)];
      const before = last.get(asset);
      if (f[2] !== "TICK" || Number.isNaN(upMid)) continue;
      const isDecided = before !== undefined && (before.upMid <= DECIDED || before.upMid >= 1 - DECIDED);
      const isSilent = before !== undefined && at - before.at >= SWITCH_SILENCE_MS;
      if (isDecided && isSilent && Math.abs(upMid + downMid - 1) > SWITCH_MISMATCH) switches.set(asset, at);
      last.set(asset, { at, upMid });
    }
  }
  return switches;
}

function parser(file: PeekedFile, size: number, switches: ReadonlyMap<string, number>): RowParser {
  const startMs = candleStart(file.name);
  return (line) => {
    if (line === "") return undefined;
    const f = splitRow(line);
    const since = Number(f[1]);
    const asset: Asset | undefined = ASSETS.find((a) => a === f[3]?.toLowerCase());
    if (f.length !== WIDTH || !Number.isSafeInteger(since) || asset === undefined || Number.isNaN(startMs)) {
      return null;
    }
    if (f[2] !== "TICK") return { skip: "entry of the author's strategy" };
    // The date comes from the name, the time from both: a row that disagrees belongs to another candle.
    const apart = Math.abs((startMs + since) % DAY - timeOfDay(f[0]!));
    if (!(apart < 2000 || apart > DAY - 2000)) return null;
    // Two candles are never mixed in a file we have seen; ticks past the end would be of a market already closed.
    if (since < 0 || since >= LENGTH) return { skip: "tick outside its candle" };
    if (since < (switches.get(f[3]!) ?? 0)) return { skip: "tick of the previous candle's market" };
    // `side` names the token that moved; the other columns only repeat its neighbour's last state.
    const isUp = f[4] === "Up";
    if (!isUp && f[4] !== "Down") return null;
    const bid = isUp ? f[5]! : f[8]!;
    const ask = isUp ? f[6]! : f[9]!;
    if (bid === "" && ask === "") return { skip: "tick without quotes" };
    const quote = oneLevelQuote(bid, size, ask, size);
    if (quote === null) return null;
    const t = startMs + since;
    return {
      asset,
      duration: "5m",
      startMs,
      tExchange: t,
      tReceive: t,
      up: isUp ? quote : null,
      down: isUp ? null : quote,
    };
  };
}

export const sellersja: Layout = {
  name: "sellersja01",
  description: "BTC, ETH, SOL, XRP 5m, both tokens' best prices, event driven, one candle per file",
  expects:
    "timestamp_utc,ms_since_candle_start,event_type,asset,side,up_bid,up_ask,up_mid,dn_bid,... in a file named " +
    "candle_YYYYMMDD_HHMM",
  matches: (file) =>
    hasColumns(file, "timestamp_utc", "ms_since_candle_start", "event_type", "asset", "up_bid", "dn_ask"),
  async open(_folder, files, options) {
    const switches = new Map<string, ReadonlyMap<string, number>>();
    for (const file of files) switches.set(file.path, await marketSwitches(file));
    return await openQuotes({
      layout: "sellersja01",
      source: "sellersja01/polybotanalysis, 5m candle ticks of four assets",
      licence: "none stated",
      files,
      hasHeader: true,
      parser: (file) => parser(file, options.assumeSize, switches.get(file.path) ?? new Map()),
      listed: new Map(),
      absent: [
        "book.size",
        "depth",
        "fast.ticks",
        "futures.trades",
        "futures.book",
        "oracle.spot",
        "oracle.twap60",
        "trades",
        "ids",
      ],
      notes: [
        `The recording has no sizes: every best price is assumed to be good for ${
          formatShares(shares(options.assumeSize))
        } shares.`,
        "The date comes from the file's name, the time from the row; most candles end some seconds before their close.",
        "Where the recorder still followed the previous candle's market, its ticks are skipped.",
      ],
    });
  },
};
