/**
 * A synthetic market as normalised events: two assets, five-minute windows, books that change several times a second,
 * trades and depth of the fast market, oracle prints each second, strikes and resolutions. The same seed gives the same
 * events. Made of the decision path's own arithmetic, so it is the same on every machine.
 */
import type { FastTradeEvent, MarketEvent } from "../../core/events.ts";
import { normalCdf } from "../../core/market/fair_value.ts";
import type { Asset, Instrument } from "../../core/market/instrument.ts";
import { nextGaussian, nextInt, type Random, seededRandom } from "../../core/random.ts";
import type { Ms } from "../../core/units.ts";
import { at, instrument, lots, START } from "../core/helpers.ts";

const WINDOW_MS = 300_000;
const STEP_MS = 250;
const VOL_PER_STEP = 0.00006;

export interface MarketSpec {
  readonly seed: number;
  readonly minutes: number;
  readonly assets?: readonly Asset[];
}

/** Events of one instant, as a frame brings them. */
export type Group = readonly MarketEvent[];

interface AssetWalk {
  readonly asset: Asset;
  price: number;
  readonly prints: number[];
  window: Instrument | null;
  strike: number;
}

const windowFor = (asset: Asset, startMs: number): Instrument =>
  instrument({
    slug: `${asset}-updown-5m-${startMs / 1000}`,
    asset,
    conditionId: `0x${asset}${startMs}`,
    upToken: `${asset}-up-${startMs}`,
    downToken: `${asset}-down-${startMs}`,
    startMs: startMs as Ms,
    endMs: (startMs + WINDOW_MS) as Ms,
  });

const clampCents = (x: number): number => Math.min(98, Math.max(2, Math.round(x)));

function ladder(best: number, step: -1 | 1, random: Random): number[] {
  const rows: number[] = [];
  for (let i = 0, cents = best; i < 5 && cents >= 1 && cents <= 99; i++, cents += step) {
    rows.push(cents * 100, lots(20 + nextInt(random, 400)));
  }
  return rows;
}

function mirrored(levels: readonly number[]): number[] {
  const rows: number[] = [];
  for (let i = 0; i < levels.length; i += 2) rows.push(10_000 - levels[i]!, levels[i + 1]!);
  return rows;
}

function books(t: number, walk: AssetWalk, random: Random): MarketEvent[] {
  const { window } = walk;
  if (window === null) return [];
  const left = Math.max(1, (window.endMs - t) / STEP_MS);
  const z = (walk.price / walk.strike - 1) / (VOL_PER_STEP * Math.sqrt(left));
  const mid = clampCents(100 * normalCdf(z) + nextGaussian(random) * 2);
  const spread = 1 + nextInt(random, 2);
  const bids = ladder(Math.max(1, mid - spread), -1, random);
  const asks = ladder(Math.min(99, mid + spread), 1, random);
  return [
    { type: "book", token: window.upToken, bids, asks, ...at(t) },
    { type: "book", token: window.downToken, bids: mirrored(asks), asks: mirrored(bids), ...at(t) },
  ];
}

function fastDepth(t: number, walk: AssetWalk, random: Random): MarketEvent {
  const bids: number[] = [];
  const asks: number[] = [];
  for (let i = 0; i < 5; i++) {
    bids.push(walk.price - 0.1 * (i + 1), random() * 5);
    asks.push(walk.price + 0.1 * (i + 1), random() * 5);
  }
  return { type: "fastBook", venue: "binance-futures", asset: walk.asset, bids, asks, ...at(t) };
}

const fastTrade = (t: number, walk: AssetWalk, random: Random): FastTradeEvent => ({
  type: "fastTrade",
  venue: "binance-futures",
  asset: walk.asset,
  price: walk.price + (random() - 0.5) * 0.2,
  size: random() < 0.02 ? random() * 20 : random() * 0.4,
  takerBuys: random() < 0.5,
  id: nextInt(random, 1_000_000),
  ...at(t),
});

function oracle(t: number, walk: AssetWalk): MarketEvent[] {
  walk.prints.push(walk.price);
  if (walk.prints.length > 60) walk.prints.shift();
  const mean = walk.prints.reduce((sum, value) => sum + value, 0) / walk.prints.length;
  const print = (kind: "spot" | "twap60", value: number): MarketEvent => ({
    type: "oraclePrice",
    asset: walk.asset,
    kind,
    provider: "chainlink",
    value: Number(value.toFixed(8)),
    exact: value.toFixed(8),
    tExchange: (Math.floor(t / 1000) * 1000) as Ms,
    tReceive: t as Ms,
  });
  return [print("spot", walk.price), print("twap60", mean)];
}

function turnWindow(t: number, walk: AssetWalk): MarketEvent[] {
  const events: MarketEvent[] = [];
  const twap = walk.prints.reduce((sum, value) => sum + value, 0) / Math.max(1, walk.prints.length);
  if (walk.window !== null) {
    const winner = twap >= walk.strike ? "up" : "down";
    events.push({
      type: "resolved",
      conditionId: walk.window.conditionId,
      winner,
      source: "venue",
      ...at(t),
    });
  }
  walk.window = windowFor(walk.asset, t);
  walk.strike = walk.prints.length === 0 ? walk.price : twap;
  events.push({ type: "window", instrument: walk.window, ...at(t) });
  events.push({
    type: "strike",
    conditionId: walk.window.conditionId,
    value: Number(walk.strike.toFixed(8)),
    exact: walk.strike.toFixed(8),
    source: "twap-print",
    basis: "chainlink",
    ...at(t),
  });
  return events;
}

/** The groups in order; every group is one instant. */
export function* syntheticMarket(spec: MarketSpec): Generator<Group> {
  const random = seededRandom(spec.seed);
  const walks = (spec.assets ?? ["btc", "eth"]).map((asset, i): AssetWalk => ({
    asset,
    price: 90_000 / (1 + 30 * i),
    prints: [],
    window: null,
    strike: 0,
  }));
  yield ([
    "polymarket.market",
    "polymarket.prices",
    "binance.futures.public",
    "binance.futures.market",
  ] as const)
    .map((feed) => ({ type: "feedState", feed, state: "live", detail: "", ...at(START) }));
  const end = START + spec.minutes * 60_000;
  for (let t = START; t <= end; t += STEP_MS) {
    for (const walk of walks) {
      walk.price *= 1 + nextGaussian(random) * VOL_PER_STEP;
      if ((t - START) % WINDOW_MS === 0) yield turnWindow(t, walk);
      if (t % 1000 === 0) yield oracle(t + 120, walk).map((event) => ({ ...event, tReceive: t as Ms }));
      yield [fastDepth(t, walk, random)];
      const trades = nextInt(random, 4);
      for (let i = 0; i < trades; i++) yield [fastTrade(t + i, walk, random)];
      if (random() < 0.7) yield books(t + 5, walk, random);
    }
    if (t % 1000 === 0) yield [{ type: "clock", ...at(t + 6) }];
  }
}
