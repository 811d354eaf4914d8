/**
 * What stamping every stage costs: the synthetic market through the engine with stamps and without, in the same run, turn
 * and turn about. A stamp is one reading of the clock and one histogram entry. Exit 1 when one costs a microsecond or more.
 *
 * Run: deno task bench:instrumentation [--json]
 */
import { ExchangeModel } from "../core/exchange/exchange_model.ts";
import type { MarketEvent } from "../core/events.ts";
import { defaultConfig } from "../commands/config/schema.ts";
import { SessionRecorder } from "../commands/trading/recorder.ts";
import { engineOptions, paperOptions } from "../commands/trading/settings.ts";
import { syntheticMarket } from "../tests/replay/market.ts";

const ROUNDS = 7;
const LIMIT_US = 1;

const config = defaultConfig();
const groups = [...syntheticMarket({ seed: 3, minutes: 60 })] as MarketEvent[][];
const events = groups.reduce((sum, group) => sum + group.length, 0);
const clockUs = (): number => performance.now() * 1000;

/** Wall microseconds of the whole hour, and how many stamps were taken. */
function round(instrument: boolean): { readonly us: number; readonly stamps: number; readonly hash: string } {
  const recorder = new SessionRecorder({
    engine: engineOptions(config, { strategy: "fair-value", seed: 42, stops: false }),
    exchange: new ExchangeModel(paperOptions(config)),
    monotonicUs: clockUs,
    instrument,
  });
  const from = clockUs();
  // As from a socket: with the time of the callback, so that waiting and decoding are entered too.
  for (const group of groups) recorder.frame(group, instrument ? clockUs() : NaN);
  const us = clockUs() - from;
  const stamps = Object.values(recorder.latency.numbers()).reduce((sum, { n }) => sum + n, 0);
  return { us, stamps, hash: recorder.decisions.hash };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const on: ReturnType<typeof round>[] = [];
const off: ReturnType<typeof round>[] = [];
for (let i = 0; i <= ROUNDS; i++) {
  const [without, with_] = i % 2 === 0
    ? [round(false), round(true)]
    : [round(true), round(false)].reverse() as [ReturnType<typeof round>, ReturnType<typeof round>];
  if (without.hash !== with_.hash) throw new Error("stamping changed a decision");
  // The first round warms the compiler.
  if (i > 0) on.push(with_), off.push(without);
}
let sink = 0;
const clockFrom = clockUs();
for (let i = 0; i < 1e6; i++) sink += performance.now();
const clockNs = (clockUs() - clockFrom) / 1e6 * 1000 + (sink < 0 ? 1 : 0);
const [onUs, offUs] = [median(on.map(({ us }) => us)), median(off.map(({ us }) => us))];
const stamps = on[0]!.stamps;
const figures = {
  events,
  stamps,
  offUsPerEvent: offUs / events,
  onUsPerEvent: onUs / events,
  usPerStamp: (onUs - offUs) / stamps,
  clockUs: clockNs / 1000,
};
if (Deno.args.includes("--json")) console.log(JSON.stringify(figures));
else {
  console.log(`${events} events, ${stamps} stamps, median of ${ROUNDS} rounds`);
  for (const [name, value] of Object.entries(figures).slice(2)) {
    console.log(`${name.padEnd(14)} ${value.toFixed(3)}`);
  }
}
if (figures.usPerStamp >= LIMIT_US) {
  console.error(`a stamp costs ${figures.usPerStamp.toFixed(2)} us; the limit is ${LIMIT_US}`);
  Deno.exit(1);
}
