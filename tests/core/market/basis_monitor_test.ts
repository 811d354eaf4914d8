import assert from "node:assert/strict";
import type { FastTopEvent, MarketEvent } from "../../../core/events.ts";
import { BasisMonitor } from "../../../core/market/basis_monitor.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import { at, CONDITION, END, instrument, START } from "../helpers.ts";

const top = (time: number, mid: number, venue: FastTopEvent["venue"] = "binance-futures"): MarketEvent => ({
  type: "fastTop",
  venue,
  asset: "btc",
  bid: mid - 0.5,
  bidSize: 1,
  ask: mid + 0.5,
  askSize: 1,
  ...at(time),
});
const print = (time: number, value: number, kind: "spot" | "twap60" = "spot"): MarketEvent => ({
  type: "oraclePrice",
  asset: "btc",
  kind,
  provider: "chainlink",
  value,
  exact: String(value),
  ...at(time),
});
const listed = (time: number, changes: Partial<Instrument> = {}): MarketEvent => ({
  type: "window",
  instrument: instrument({
    rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
    ...changes,
  }),
  ...at(time),
});
const strike = (
  time: number,
  value: number,
  basis: "chainlink" | "binance-futures" = "chainlink",
): MarketEvent => ({
  type: "strike",
  conditionId: CONDITION,
  value,
  exact: String(value),
  source: "twap-print",
  basis,
  ...at(time),
});
const clock = (time: number): MarketEvent => ({ type: "clock", ...at(time) });
const bar = (openMs: number, open: number, time: number): MarketEvent => ({
  type: "fastBar",
  venue: "binance-futures",
  asset: "btc",
  openMs: openMs as never,
  closeMs: openMs + 60_000 as never,
  open,
  high: open,
  low: open,
  close: open,
  volume: 1,
  closed: true,
  ...at(time),
});
const feed = (monitor: BasisMonitor, events: readonly MarketEvent[]) => {
  for (const event of events) monitor.observe(event);
};
const near = (value: number | null | undefined, wanted: number) =>
  assert.ok(Math.abs((value ?? NaN) - wanted) < 1e-9, `${value} is not ${wanted}`);

Deno.test("basis by hand: mids 100.10, 100.20, 100.30 over 100.00 are 10, 20, 30 bps: mean 20, sd 10", () => {
  const monitor = new BasisMonitor();
  feed(monitor, [print(START, 100)]);
  for (const [i, mid] of [100.1, 100.2, 100.3].entries()) {
    feed(monitor, [top(START + i * 1000 + 100, mid), print(START + i * 1000 + 200, 100)]);
  }
  feed(monitor, [clock(START + 3000)]);
  const { asset, chainlink, futures, futuresBps, spot, spotBps, twap60 } = monitor.snapshot().assets[0]!;
  assert.deepEqual([asset, chainlink, spot, twap60], ["btc", 100, null, null]);
  near(futures, 100.3);
  assert.equal(futuresBps.n, 3);
  near(futuresBps.current, 30);
  near(futuresBps.mean, 20);
  near(futuresBps.sd, 10);
  assert.deepEqual(spotBps, { n: 0, current: null, mean: null, sd: null });
});

Deno.test("observe() samples once a second, from what was known before it, however many events come", () => {
  const monitor = new BasisMonitor();
  const sampled = [top(START, 100), print(START + 1, 100), top(START + 999, 101), top(START + 1000, 200)].map(
    (e) => monitor.observe(e),
  );
  assert.deepEqual(sampled, [false, false, false, true]);
  near(monitor.snapshot().assets[0]!.futuresBps.current, 100);
  assert.equal(monitor.observe(clock(START + 1001)), false);
});

Deno.test("a price too old is no price: it is neither shown nor sampled", () => {
  const monitor = new BasisMonitor({ maxFastAgeMs: 5000, maxOracleAgeMs: 10_000 });
  feed(monitor, [top(START, 100), print(START, 100), clock(START + 5000), clock(START + 6000)]);
  const one = monitor.snapshot().assets[0]!;
  assert.deepEqual([one.futures, one.chainlink, one.futuresBps.n], [null, 100, 1]);
  feed(monitor, [clock(START + 11_000)]);
  assert.equal(monitor.snapshot().assets[0]!.chainlink, null);
});

/** A window whose Binance price opened at 100 and whose strike is 99: Binance stands 1 above the oracle. */
function started(): BasisMonitor {
  const monitor = new BasisMonitor();
  feed(monitor, [
    listed(START - 5000),
    top(START - 100, 100),
    print(START - 100, 99),
    print(START - 100, 99, "twap60"),
    strike(START, 99),
  ]);
  return monitor;
}

Deno.test("verdicts by hand: by Binance's own prices, by its price at the oracle's strike, by the TWAP", () => {
  const monitor = started();
  feed(monitor, [clock(START + 1000)]);
  // Binance falls below its open but stays above the oracle's strike; the TWAP lags behind, still above the strike.
  feed(monitor, [top(START + 1500, 99.5), print(START + 1500, 99.2, "twap60"), clock(START + 2000)]);
  const window = monitor.snapshot().windows[0]!;
  assert.deepEqual(
    [
      window.binanceOpen,
      window.strike,
      window.byBinance,
      window.byBinanceAtStrike,
      window.byOracle,
      window.agree,
    ],
    [100, 99, "down", "up", "up", false],
  );
  // Seconds judged: START+0 has no sample of its own (the strike opened it), START+1000 agrees, START+2000 differs.
  assert.deepEqual([window.seconds, window.differSeconds, window.differAtStrikeSeconds], [2, 1, 0]);
  const series = monitor.snapshot().series[0]!;
  assert.deepEqual([series.seconds, series.differSeconds, series.differShare], [2, 1, 0.5]);
});

Deno.test("share by hand: four seconds judged, one in which Binance names another winner, is a quarter", () => {
  const monitor = started();
  const mids = [101, 101, 99.9, 101];
  for (const [i, mid] of mids.entries()) {
    const time = START + i * 1000;
    feed(monitor, [top(time + 100, mid), print(time + 100, 99.5, "twap60"), clock(time + 1000)]);
  }
  const { differShare, seconds } = monitor.snapshot().series[0]!;
  assert.deepEqual([seconds, differShare], [4, 0.25]);
});

Deno.test("equal is up, for both", () => {
  const monitor = started();
  feed(monitor, [top(START + 500, 100), print(START + 500, 99, "twap60"), clock(START + 1000)]);
  const { byBinance, byOracle } = monitor.snapshot().windows[0]!;
  assert.deepEqual([byBinance, byOracle], ["up", "up"]);
});

Deno.test("a window joined late takes Binance's open from the candle of its first minute", () => {
  const monitor = new BasisMonitor();
  const now = START + 120_000;
  feed(monitor, [listed(now), top(now, 105), print(now, 100, "twap60"), strike(now, 101), clock(now + 1000)]);
  assert.equal(monitor.snapshot().windows[0]!.byBinance, null, "its price at the start is not known");
  assert.equal(monitor.snapshot().windows[0]!.byBinanceAtStrike, "up");
  feed(monitor, [bar(START, 106, now + 1100), clock(now + 2000)]);
  const window = monitor.snapshot().windows[0]!;
  assert.deepEqual([window.binanceOpen, window.byBinance, window.byOracle, window.agree], [
    106,
    "down",
    "down",
    true,
  ]);
});

Deno.test("the rule decides whose price counts: spot, TWAP, or nobody's when it is unknown", () => {
  const verdict = (rule: Instrument["rule"]) => {
    const monitor = new BasisMonitor();
    feed(monitor, [listed(START - 1000, { rule }), top(START - 10, 100), strike(START, 100)]);
    feed(monitor, [print(START + 100, 101), print(START + 100, 99, "twap60"), clock(START + 1000)]);
    return monitor.snapshot().windows[0]!.byOracle;
  };
  assert.equal(verdict({ kind: "spot", oracle: "chainlink", tie: "up" }), "up");
  assert.equal(verdict({ kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" }), "down");
  assert.equal(verdict({ kind: "unknown", text: "?" }), null);
});

Deno.test("a strike of another basis is no price to beat of the oracle", () => {
  const monitor = new BasisMonitor();
  feed(monitor, [listed(START - 1000), strike(START, 100, "binance-futures"), print(START, 100, "twap60")]);
  assert.equal(monitor.snapshot().windows[0]!.strike, null);
});

Deno.test("when the window is resolved, Binance's last verdict is compared with the winner", () => {
  const monitor = started();
  const last = END - 1500;
  feed(monitor, [top(last, 90), print(last, 99.5, "twap60"), clock(END - 1000), clock(END + 500)]);
  feed(monitor, [{
    type: "resolved",
    conditionId: CONDITION,
    winner: "up",
    source: "venue",
    ...at(END + 3000),
  }]);
  const { settled, settledDifferently } = monitor.snapshot().series[0]!;
  assert.deepEqual([settled, settledDifferently], [1, 1]);
  assert.deepEqual(monitor.snapshot().windows, []);
});

Deno.test("spot stands in when the futures are silent, with its own open", () => {
  const monitor = new BasisMonitor();
  feed(monitor, [listed(START - 1000), top(START - 10, 100, "binance-spot"), strike(START, 99)]);
  feed(monitor, [clock(START + 1000), top(START + 1100, 101, "binance-spot"), clock(START + 2000)]);
  const window = monitor.snapshot().windows[0]!;
  assert.deepEqual([window.venue, window.binanceOpen, window.byBinance], ["binance-spot", 100, "up"]);
});
