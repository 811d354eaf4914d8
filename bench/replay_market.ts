/** One hour of the synthetic market as a full-depth event cache, and the same hour again and again under new names. */
import type { MarketEvent } from "../core/events.ts";
import type { Instrument } from "../core/market/instrument.ts";
import { type Ms, ms, type Price, type Shares } from "../core/units.ts";
import { CacheFile, CacheWriter } from "../feeds/tape/cache/cache_file.ts";
import type { OnEvent } from "../feeds/tape/cache/cursor.ts";
import { BlockEncoder } from "../feeds/tape/cache/encoder.ts";
import type { Mutable } from "../feeds/tape/cache/mutable.ts";
import { oraclePrice } from "../fixtures/market/asset_process.ts";
import { type Ladder, ladderChanges, mirror } from "../fixtures/market/ladder.ts";
import {
  createMarket,
  futuresBookAt,
  ladderNow,
  type Market,
  settlement,
  stepMarket,
} from "../fixtures/market/market.ts";
import { STEP_MS, TWAP_SECONDS } from "../fixtures/market/params.ts";
import type { WindowState } from "../fixtures/market/window_process.ts";

export const HOUR_MS = 3_600_000;
/** 2026-11-21 08:00 UTC, a boundary of every window length. */
const START_MS = 1_795_248_000_000;
const RECEIVED_AFTER_MS = 20;
/** The venue's REST depth: twenty levels a side. */
const FAST_LEVELS = 20;
const TO_MILLIONTHS = 10_000;

interface Shown {
  ladder: Ladder;
  tick: number;
  strike: boolean;
  resolved: boolean;
}

const sized = (levels: readonly number[]): number[] =>
  levels.map((value, i) => i % 2 === 0 ? value : value * TO_MILLIONTHS);

function instrumentOf(window: WindowState): Instrument {
  const { slug, asset, duration, conditionId, upToken, downToken, startMs, endMs } = window.listing;
  return {
    ...{ slug, asset, duration, conditionId, version: "v1", upToken, downToken, startMs, endMs },
    tick: window.quote.tick as Price,
    minSize: 5_000_000 as Shares,
    fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 },
    rule: { kind: "twap", oracle: "chainlink", averagingSeconds: TWAP_SECONDS, tie: "up" },
    ...{ negRisk: false, takerHoldMs: ms(150), tradable: true, reason: null, mirrorOf: null },
  };
}

/** Everything a recorder of this market would have received in the step that just ended. */
function eventsOf(market: Market, shown: Map<string, Shown>): MarketEvent[][] {
  const stamps = { tExchange: ms(market.nowMs), tReceive: ms(market.nowMs + RECEIVED_AFTER_MS) };
  const frames: MarketEvent[][] = [];
  const state = market.assets.get("btc")!;
  const step = market.nowMs / STEP_MS;
  const { tick, sizeDecimals } = state.params;
  const dollars = (levels: readonly number[]) =>
    levels.slice(0, 2 * FAST_LEVELS).map((value, i) =>
      i % 2 === 0 ? value * tick : value / 10 ** sizeDecimals
    );
  const book = futuresBookAt(market, "btc", step);
  const fast = { venue: "binance-futures", asset: "btc", ...stamps } as const;
  frames.push([{ type: "fastBook", ...fast, bids: dollars(book.bids), asks: dollars(book.asks) }]);
  for (const { price, size, takerBuys, id } of state.trades) {
    frames.push([{ type: "fastTrade", ...fast, price, size, takerBuys, id }]);
  }
  if (market.nowMs % 1000 === 0) {
    const value = oraclePrice(state);
    const print = { type: "oraclePrice", ...stamps, asset: "btc", provider: "chainlink", value } as const;
    frames.push([{ ...print, kind: "spot", exact: value.toFixed(8) }]);
  }
  for (const window of market.windows.values()) {
    // The next hour's windows would be traded in their first seconds, and never resolved: the next turn has its own.
    if (window.listing.startMs >= START_MS + HOUR_MS) continue;
    windowEvents(market, window, shown, stamps, frames);
  }
  return frames;
}

function windowEvents(
  market: Market,
  window: WindowState,
  shown: Map<string, Shown>,
  stamps: { readonly tExchange: Ms; readonly tReceive: Ms },
  frames: MarketEvent[][],
): void {
  const { slug, conditionId, upToken, downToken } = window.listing;
  const up = ladderNow(market, window.listing);
  const down = mirror(up);
  let known = shown.get(slug);
  const first = known === undefined;
  if (known === undefined) {
    frames.push([{ type: "window", ...stamps, instrument: instrumentOf(window) }]);
    shown.set(slug, known = { ladder: up, tick: window.quote.tick, strike: false, resolved: false });
  }
  if (first || known.tick !== window.quote.tick) {
    const tick = window.quote.tick as Price;
    for (const [token, { bids, asks }] of [[upToken, up], [downToken, down]] as const) {
      frames.push([{ type: "book", ...stamps, token, bids: sized(bids), asks: sized(asks), tick }]);
    }
    known.tick = window.quote.tick;
  } else if (!known.resolved) {
    const frame: MarketEvent[] = [];
    for (
      const [token, from, to] of [[upToken, known.ladder, up], [
        downToken,
        mirror(known.ladder),
        down,
      ]] as const
    ) {
      const changes = ladderChanges(from, to).map((value, i) => i % 3 === 2 ? value * TO_MILLIONTHS : value);
      if (changes.length === 0) continue;
      const [bestBid, bestAsk] = [to.bids[0] ?? -1, to.asks[0] ?? -1];
      frame.push({ type: "bookDelta", ...stamps, token, changes, bestBid, bestAsk });
    }
    if (frame.length > 0) frames.push(frame);
  }
  known.ladder = up;
  for (const { price, size, side } of window.trades) {
    const trade = { type: "tokenTrade", ...stamps, price: price as Price, side } as const;
    frames.push([{ ...trade, token: upToken, size: size * TO_MILLIONTHS as Shares }]);
  }
  const { strikeSum, winner } = settlement(market, window.listing);
  if (!known.strike && !Number.isNaN(strikeSum)) {
    const value = strikeSum / TWAP_SECONDS / 1e8;
    const strike = { type: "strike", ...stamps, conditionId, value, exact: value.toFixed(8) } as const;
    frames.push([{ ...strike, source: "twap-print", basis: "chainlink" }]);
    known.strike = true;
  }
  if (!known.resolved && winner !== null) {
    frames.push([{ type: "resolved", ...stamps, conditionId, winner, source: "venue" }]);
    known.resolved = true;
  }
}

const isBook = (event: MarketEvent): boolean =>
  event.type === "window" || event.type === "book" || event.type === "bookDelta";

/** Writes frames as a cache that belongs to no tape. */
export async function writeFrames(path: string, frames: Iterable<MarketEvent[]>): Promise<void> {
  const writer = await CacheWriter.create(path);
  const encoder = new BlockEncoder();
  for (const frame of frames) {
    for (const [i, event] of frame.entries()) {
      encoder.add(event, i + 1 < frame.length);
      if (encoder.full) await writer.add(encoder.close());
    }
  }
  if (encoder.events > 0) await writer.add(encoder.close());
  const zero = "0".repeat(64);
  const counts = { lines: 0, unrecognised: 0, undecoded: 0, disordered: 0 };
  await writer.finish({ key: zero, content: zero, code: zero, tape: "synthetic", counts });
}

/** The frames of the market's first `spanMs` (at most an hour): the same ones every time. */
export function marketFrames(spanMs: number): MarketEvent[][] {
  const frames: MarketEvent[][] = [];
  const market = createMarket({
    ...{ seed: 7, startMs: START_MS, assets: ["btc"], durations: ["5m", "15m"], lagMs: 1500, signal: 0.15 },
  });
  const shown = new Map<string, Shown>();
  // After the last event of the turn before, which is the step of the full hour.
  const at = ms(START_MS + 2 * RECEIVED_AFTER_MS);
  const feed = { type: "feedState", tExchange: at, tReceive: at, detail: "" } as const;
  for (const name of ["polymarket.market", "polymarket.prices", "binance.futures.public"] as const) {
    frames.push([{ ...feed, feed: name, state: "live" }]);
  }
  while (market.nowMs < START_MS + Math.min(spanMs, HOUR_MS)) {
    stepMarket(market);
    for (const frame of eventsOf(market, shown)) frames.push(frame);
  }
  return frames;
}

/** Writes the hour's caches, whole and books only. */
export async function makeHour(all: string, books: string): Promise<void> {
  const frames = marketFrames(HOUR_MS);
  await writeFrames(all, frames);
  await writeFrames(books, frames.map((frame) => frame.filter(isBook)));
}

/** Names of one turn of the loop: windows of another hour are other windows. */
class Renamer {
  private readonly names = new Map<string, string>();
  constructor(private readonly turn: number) {}

  of(name: string): string {
    let renamed = this.names.get(name);
    if (renamed === undefined) this.names.set(name, renamed = `${name}#${this.turn}`);
    return renamed;
  }
}

/**
 * Plays the hour `hours` times, each turn an hour later and with windows, tokens and slugs of its own, so that whoever
 * listens sees one long tape. The renaming costs a look-up a book event.
 */
export async function playHours(
  path: string,
  hours: number,
  onEvent: OnEvent,
  onHour: (turn: number) => void = () => {},
): Promise<number> {
  const file = await CacheFile.open(path);
  if (file === null) throw new Error(`${path} is no cache`);
  let events = 0;
  for (let turn = 0; turn < hours; turn++) {
    const shift = turn * HOUR_MS;
    const renamer = new Renamer(turn);
    events += await file.replay((event, more) => {
      const moved = event as Mutable<MarketEvent> & { token?: string; conditionId?: string };
      moved.tReceive = (event.tReceive + shift) as Ms;
      moved.tExchange = (event.tExchange + shift) as Ms;
      if (turn > 0) {
        if (moved.token !== undefined) moved.token = renamer.of(moved.token);
        if (moved.conditionId !== undefined) moved.conditionId = renamer.of(moved.conditionId);
        if (event.type === "window") {
          (moved as Mutable<typeof event>).instrument = renamed(event.instrument, renamer, shift);
        }
      }
      onEvent(event, more);
    });
    onHour(turn);
  }
  return events;
}

function renamed(instrument: Instrument, renamer: Renamer, shift: number): Instrument {
  return {
    ...instrument,
    slug: renamer.of(instrument.slug),
    conditionId: renamer.of(instrument.conditionId),
    upToken: renamer.of(instrument.upToken),
    downToken: renamer.of(instrument.downToken),
    startMs: (instrument.startMs + shift) as Ms,
    endMs: (instrument.endMs + shift) as Ms,
  };
}
