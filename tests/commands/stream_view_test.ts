import assert from "node:assert/strict";
import { cutLine, priceText, redrawText, streamView, type ViewData } from "../../commands/stream_view.ts";
import type { FeedSummary } from "../../feeds/net/metrics.ts";

const feed = (state: FeedSummary["state"], detail = ""): FeedSummary => ({
  state,
  detail,
  frames: 123_456,
  perSecond: 120.25,
  firstDatumMs: 444,
  ageMs: { p50: 1250, p99: 12_500 },
  bytes: 1,
  gaps: 0,
  dropped: 0,
  duplicates: 0,
  reconnects: 12,
  renewals: 0,
  unrecognised: 0,
  ignored: 0,
} as FeedSummary);

const START = Date.UTC(2026, 10, 21, 9, 30);
const stats = { n: 600, current: -12.34, mean: -10.01, sd: 1.25 };
const assets = ["btc", "eth", "sol", "xrp"] as const;
const DATA: ViewData = {
  feeds: [
    ["polymarket.market", feed("live")],
    ["binance.futures.public", feed("connecting")],
    ["binance.futures.market", feed("down", `SOCKET_DEAD: ${"no ".repeat(60)}`)],
  ],
  basis: {
    atMs: START + 61_000,
    assets: assets.map((asset) => ({
      asset,
      futures: 123_456.78,
      spot: 123_450.01,
      chainlink: 123_455.5,
      twap60: null,
      futuresBps: stats,
      spotBps: stats,
    })),
    windows: assets.map((asset) => ({
      slug: `${asset}-updown-15m-${START / 1000}`,
      asset,
      duration: "15m",
      startMs: START,
      endMs: START + 900_000,
      strike: 123_456.78,
      venue: "binance-futures",
      binanceOpen: 123_400,
      byBinance: "up",
      byBinanceAtStrike: "down",
      byOracle: "down",
      agree: false,
      seconds: 61,
      differSeconds: 61,
      differAtStrikeSeconds: 0,
    })),
    series: assets.map((asset) => ({
      asset,
      duration: "15m",
      seconds: 61,
      differSeconds: 61,
      differShare: 1,
      atStrikeSeconds: 61,
      differAtStrikeSeconds: 0,
      differAtStrikeShare: 0,
      settled: 0,
      settledDifferently: 0,
    })),
  },
};
const STYLE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const plain = (text: string) => text.replace(STYLE, "");

Deno.test("no line of the view is wider than the screen, with colours or without, at 80, 120 and 20 columns", () => {
  for (const columns of [20, 80, 112, 120]) {
    for (const color of [false, true]) {
      const lines = streamView(DATA, { columns, rows: Infinity, color }).split("\n");
      for (const line of lines) assert.ok(plain(line).length <= columns, `${columns}: ${plain(line)}`);
    }
  }
});

Deno.test("at 80 columns every column of every table is there", () => {
  const text = streamView(DATA, { columns: 80, rows: Infinity, color: false });
  assert.match(text, /^futures\.public +connecting +123,456 +120\.3 +1\.3 s +12\.5 s +0 +12 +0$/m);
  assert.match(text, /^btc +123,456\.78 +123,450\.01 +123,455\.50 +- +-12\.3 +-10\.0 +1\.3$/m);
  assert.match(text, /^btc 15m 09:30 +13:59 +123,456\.78 +123,400\.00 +down +up +differ +100\.0 %$/m);
});

Deno.test("wide screens show the full feed names, the spot basis and the verdict at the oracle's strike", () => {
  const text = streamView(DATA, { columns: 120, rows: Infinity, color: false });
  for (const part of ["binance.futures.public", "unrecognised", "spot bps", "at strike", "of seconds"]) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("a view taller than the screen loses its air first, then its last lines, and says how many", () => {
  const all = streamView(DATA, { columns: 80, rows: Infinity, color: false }).split("\n");
  const airless = streamView(DATA, { columns: 80, rows: all.length - 1, color: false }).split("\n");
  assert.deepEqual(airless, all.filter((line) => line !== ""));
  const short = streamView(DATA, { columns: 80, rows: 10, color: false }).split("\n");
  assert.equal(short.length, 10);
  assert.equal(short[9], `${airless.length - 9} more lines: make the window taller`);
});

Deno.test("redrawing goes up over what was drawn and clears what is left behind each line", () => {
  assert.equal(redrawText("a\nb", 0), "a\x1b[K\nb\x1b[K\x1b[0J");
  assert.equal(redrawText("a", 2), "\x1b[2A\ra\x1b[K\x1b[0J");
});

Deno.test("cutting a line counts what is seen, and closes colours", () => {
  assert.equal(cutLine("abcdef", 3), "abc");
  assert.equal(cutLine("\x1b[31mabc\x1b[39m", 3), "\x1b[31mabc\x1b[39m");
  assert.equal(cutLine("\x1b[31mabcdef\x1b[39m", 3), "\x1b[31mabc\x1b[0m");
});

Deno.test("prices have the digits they need", () => {
  assert.deepEqual([90123.456, 182.3314, 0.512345].map(priceText), ["90,123.46", "182.331", "0.51235"]);
});
