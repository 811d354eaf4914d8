/** A small recording in the layout of 1 Hz two-token quotes, drawn from a seed: windows whose price wanders to 0 or 1. */
import { nextGaussian, seededRandom } from "../../core/random.ts";
import type { Files } from "../feeds/tape/recordings.ts";

/** 2026-04-13 12:00 UTC, a 15m boundary. */
export const START_S = 1_776_081_600;
const WINDOW_S = 900;

interface Row {
  readonly text: string;
  readonly up: number;
}

const cents = (value: number): string => (value / 100).toFixed(2);

function windowRows(start: number, random: () => number): Row[] {
  const rows: Row[] = [];
  let logit = 0;
  for (let s = 1; s < WINDOW_S; s++) {
    logit += nextGaussian(random) * 0.09;
    const pull = s > WINDOW_S - 60 ? Math.sign(logit) * 3 : 0;
    const up = Math.min(98, Math.max(2, Math.round(100 / (1 + Math.exp(-logit - pull)))));
    const bid = Math.max(1, up - 1);
    const ask = up + 1 - (random() < 0.7 ? 1 : 0) + (bid === up ? 1 : 0);
    const size = () => (50 + Math.floor(random() * 500)).toFixed(1);
    rows.push({
      up,
      text: [
        start + s,
        start,
        start + WINDOW_S,
        cents(bid),
        cents(ask),
        size(),
        size(),
        cents(100 - ask),
        cents(100 - bid),
        size(),
        size(),
      ].join(","),
    });
  }
  return rows;
}

/** `windows` consecutive 15m windows with outcomes. The same seed gives the same files. */
export function syntheticQuotes(windows: number, seed = 1): Files {
  const random = seededRandom(seed);
  const quotes = [
    "ts_s,window_start_s,window_end_s,up_bid,up_ask,up_bid_size5,up_ask_size5,down_bid,down_ask,down_bid_size5,down_ask_size5",
  ];
  const list = [
    "window_start_s,utc,rows,first_off_s,last_off_s,max_gap_s,outcome_inferred,binance_spot_open,binance_spot_close,complete,price_move",
  ];
  for (let w = 0; w < windows; w++) {
    const start = START_S + w * WINDOW_S;
    const rows = windowRows(start, random);
    const up = rows.at(-1)!.up > 50;
    quotes.push(...rows.map((row) => row.text));
    list.push(
      `${start},2026-04-13 12:00:00,899,1,899,1,${up ? "UP" : "DOWN"},70000,${up ? 70001 : 69999},True,${
        up ? 1 : -1
      }`,
    );
  }
  return {
    "btc15m-quotes-2026-04-13.csv.gz": `${quotes.join("\n")}\n`,
    "windows.csv": `${list.join("\n")}\n`,
  };
}
