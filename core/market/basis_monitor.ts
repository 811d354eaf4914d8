/**
 * How far the fast market is from the price that settles. Once a second of receive time the basis of Binance over the
 * oracle is sampled per asset, and for every running window two verdicts are compared: who would win by Binance's own
 * prices (now against its price at the window's start) and who would win by the market's rule (TWAP-60, or Chainlink's
 * spot, against the price to beat). A third verdict, Binance's price against the oracle's price to beat, is what a trader
 * sees who forgets the basis; it is kept apart.
 */
import type { FastVenue, MarketEvent } from "../events.ts";
import type { Asset, Duration, Instrument, Outcome } from "./instrument.ts";

export interface BasisOptions {
  /** A Binance price older than this (ms) is none. Default 5000. */
  readonly maxFastAgeMs?: number;
  /** An oracle print received longer ago than this (ms) is none. Default 10000. */
  readonly maxOracleAgeMs?: number;
}

type Binance = Extract<FastVenue, "binance-futures" | "binance-spot">;
const VENUES: readonly Binance[] = ["binance-futures", "binance-spot"];

/** Basis in bps of the oracle's price, over `n` seconds. Nulls before there is a sample (`sd`: two). */
export interface BasisStats {
  readonly n: number;
  readonly current: number | null;
  readonly mean: number | null;
  /** Sample standard deviation. */
  readonly sd: number | null;
}
export interface AssetBasis {
  readonly asset: Asset;
  /** Mid of the futures' best prices, dollars; null when unknown or too old. */
  readonly futures: number | null;
  readonly spot: number | null;
  readonly chainlink: number | null;
  readonly twap60: number | null;
  /** (Binance - Chainlink spot) / Chainlink spot, in bps. */
  readonly futuresBps: BasisStats;
  readonly spotBps: BasisStats;
}
/** Who would win, and for how many of the seconds judged the two sources said different names. */
export interface WindowBasis {
  readonly slug: string;
  readonly asset: Asset;
  readonly duration: Duration;
  readonly startMs: number;
  readonly endMs: number;
  readonly strike: number | null;
  /** Whose prices `byBinance` compares, and its price at the start. */
  readonly venue: Binance | null;
  readonly binanceOpen: number | null;
  readonly byBinance: Outcome | null;
  readonly byBinanceAtStrike: Outcome | null;
  readonly byOracle: Outcome | null;
  /** null unless both are known. */
  readonly agree: boolean | null;
  readonly seconds: number;
  readonly differSeconds: number;
  readonly differAtStrikeSeconds: number;
}
/** All windows of an asset and length so far. */
export interface SeriesBasis {
  readonly asset: Asset;
  readonly duration: Duration;
  readonly seconds: number;
  readonly differSeconds: number;
  /** null without a second judged. */
  readonly differShare: number | null;
  readonly atStrikeSeconds: number;
  readonly differAtStrikeSeconds: number;
  readonly differAtStrikeShare: number | null;
  /** Windows whose winner is known and that Binance was judged for in the last two seconds. */
  readonly settled: number;
  readonly settledDifferently: number;
}
export interface BasisSnapshot {
  readonly atMs: number;
  readonly assets: readonly AssetBasis[];
  /** Running windows, by asset, then length. */
  readonly windows: readonly WindowBasis[];
  readonly series: readonly SeriesBasis[];
}

interface Price {
  value: number;
  atMs: number;
}

/** Welford's running mean and variance. */
class Running {
  n = 0;
  current: number | null = null;
  private mean = 0;
  private squares = 0;

  add(value: number): void {
    this.current = value;
    this.n++;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.squares += before * (value - this.mean);
  }

  stats(): BasisStats {
    return {
      n: this.n,
      current: this.current,
      mean: this.n === 0 ? null : this.mean,
      sd: this.n < 2 ? null : Math.sqrt(this.squares / (this.n - 1)),
    };
  }
}

interface AssetState {
  readonly fast: Partial<Record<Binance, Price>>;
  /** A book or top has been seen: trades and bare prices no longer count. */
  readonly quoted: Set<Binance>;
  chainlink: Price | null;
  twap60: Price | null;
  readonly basis: Record<Binance, Running>;
  /** Opens of one-minute bars by venue and minute, newest last. */
  readonly opens: Record<Binance, Map<number, number>>;
}

interface WindowState {
  readonly instrument: Instrument;
  strike: number | null;
  readonly opens: Partial<Record<Binance, number>>;
  seconds: number;
  differSeconds: number;
  differAtStrikeSeconds: number;
  /** Binance's last verdict and its second. */
  last: { readonly outcome: Outcome; readonly atMs: number } | null;
}

interface SeriesState {
  readonly asset: Asset;
  readonly duration: Duration;
  seconds: number;
  differSeconds: number;
  atStrikeSeconds: number;
  differAtStrikeSeconds: number;
  settled: number;
  settledDifferently: number;
}

const SECOND_MS = 1000;
/** Minutes of bar opens kept: the start of a 4h window and some. */
const MAX_OPENS = 300;
/** A price this long (ms) after the start still is the price at the start. */
const OPEN_GRACE_MS = 2000;
/** A window that nobody resolved is forgotten this long after its end. */
const FORGET_MS = 600_000;

const winner = (price: number, reference: number): Outcome => price >= reference ? "up" : "down";
const share = (part: number, whole: number): number | null => whole === 0 ? null : part / whole;

export class BasisMonitor {
  private readonly assets = new Map<Asset, AssetState>();
  private readonly windows = new Map<string, WindowState>();
  private readonly series = new Map<string, SeriesState>();
  private readonly maxFastAgeMs: number;
  private readonly maxOracleAgeMs: number;
  private second = -1;
  private nowMs = 0;

  constructor(options: BasisOptions = {}) {
    this.maxFastAgeMs = options.maxFastAgeMs ?? 5000;
    this.maxOracleAgeMs = options.maxOracleAgeMs ?? 10_000;
  }

  /** Takes an event; true when a second was sampled, from what was known before it. */
  observe(event: MarketEvent): boolean {
    const now = event.tReceive;
    const second = Math.floor(now / SECOND_MS);
    let sampled = false;
    if (second > this.second) {
      if (this.second >= 0) {
        this.sample(second * SECOND_MS);
        sampled = true;
      }
      this.second = second;
    }
    if (now > this.nowMs) this.nowMs = now;
    this.take(event);
    return sampled;
  }

  private take(event: MarketEvent): void {
    switch (event.type) {
      case "fastTop":
        return this.quote(event.venue, event.asset, (event.bid + event.ask) / 2, event.tReceive);
      case "fastBook":
        return this.quote(event.venue, event.asset, bookMid(event.bids, event.asks), event.tReceive);
      case "fastTrade":
      case "fastPrice": {
        const state = this.stateOf(event.asset);
        if (!isBinance(event.venue) || state.quoted.has(event.venue)) return;
        state.fast[event.venue] = { value: event.price, atMs: event.tReceive };
        return;
      }
      case "fastBar":
        if (isBinance(event.venue)) this.bar(event.venue, event.asset, event.openMs, event.open);
        return;
      case "oraclePrice": {
        if (event.provider !== "chainlink") return;
        const price = { value: event.value, atMs: event.tReceive };
        if (event.kind === "spot") this.stateOf(event.asset).chainlink = price;
        else this.stateOf(event.asset).twap60 = price;
        return;
      }
      case "window":
        return this.listed(event.instrument);
      case "strike": {
        const window = this.windows.get(event.conditionId);
        if (window !== undefined && event.basis === "chainlink") window.strike = event.value;
        return;
      }
      case "resolved":
        return this.resolved(event.conditionId, event.winner);
    }
  }

  private stateOf(asset: Asset): AssetState {
    let state = this.assets.get(asset);
    if (state === undefined) {
      state = {
        fast: {},
        quoted: new Set(),
        chainlink: null,
        twap60: null,
        basis: { "binance-futures": new Running(), "binance-spot": new Running() },
        opens: { "binance-futures": new Map(), "binance-spot": new Map() },
      };
      this.assets.set(asset, state);
    }
    return state;
  }

  private quote(venue: FastVenue, asset: Asset, mid: number, atMs: number): void {
    if (!isBinance(venue) || !Number.isFinite(mid)) return;
    const state = this.stateOf(asset);
    state.quoted.add(venue);
    const price = state.fast[venue];
    // The same object again and again: this runs for every quote.
    if (price === undefined) state.fast[venue] = { value: mid, atMs };
    else {
      price.value = mid;
      price.atMs = atMs;
    }
  }

  private bar(venue: Binance, asset: Asset, openMs: number, open: number): void {
    const opens = this.stateOf(asset).opens[venue];
    if (opens.has(openMs)) return;
    opens.set(openMs, open);
    if (opens.size > MAX_OPENS) { for (const oldest of opens.keys()) return void opens.delete(oldest); }
  }

  private listed(instrument: Instrument): void {
    const known = this.windows.get(instrument.conditionId);
    this.windows.set(instrument.conditionId, {
      strike: null,
      opens: {},
      seconds: 0,
      differSeconds: 0,
      differAtStrikeSeconds: 0,
      last: null,
      ...known,
      instrument,
    });
    this.stateOf(instrument.asset);
  }

  private resolved(conditionId: string, outcome: Outcome): void {
    const window = this.windows.get(conditionId);
    if (window === undefined) return;
    this.windows.delete(conditionId);
    const { asset, duration, endMs } = window.instrument;
    if (window.last === null || window.last.atMs < endMs - 2 * SECOND_MS) return;
    const series = this.seriesOf(asset, duration);
    series.settled++;
    if (window.last.outcome !== outcome) series.settledDifferently++;
  }

  private seriesOf(asset: Asset, duration: Duration): SeriesState {
    const key = `${asset}-${duration}`;
    let series = this.series.get(key);
    if (series === undefined) {
      series = {
        asset,
        duration,
        seconds: 0,
        differSeconds: 0,
        atStrikeSeconds: 0,
        differAtStrikeSeconds: 0,
        settled: 0,
        settledDifferently: 0,
      };
      this.series.set(key, series);
    }
    return series;
  }

  private fast(state: AssetState, venue: Binance, now: number): number | null {
    const price = state.fast[venue];
    return price !== undefined && now - price.atMs <= this.maxFastAgeMs ? price.value : null;
  }

  private oracle(price: Price | null, now: number): number | null {
    return price !== null && now - price.atMs <= this.maxOracleAgeMs ? price.value : null;
  }

  private sample(now: number): void {
    for (const state of this.assets.values()) {
      const chainlink = this.oracle(state.chainlink, now);
      for (const venue of VENUES) {
        const price = this.fast(state, venue, now);
        if (chainlink !== null && price !== null) {
          state.basis[venue].add((price - chainlink) / chainlink * 10_000);
        }
      }
    }
    for (const [id, window] of this.windows) {
      const { endMs, startMs } = window.instrument;
      if (now > endMs + FORGET_MS) this.windows.delete(id);
      else if (now >= startMs && now < endMs) this.judge(window, now);
    }
  }

  private judge(window: WindowState, now: number): void {
    const { asset, duration, startMs } = window.instrument;
    const state = this.stateOf(asset);
    for (const venue of VENUES) {
      if (window.opens[venue] !== undefined) continue;
      const open = state.opens[venue].get(startMs) ?? this.priceAtStart(state, venue, startMs, now);
      if (open !== null) window.opens[venue] = open;
    }
    const verdict = this.verdictOf(window, now);
    if (verdict.byBinance !== null) window.last = { outcome: verdict.byBinance, atMs: now };
    if (verdict.byOracle === null) return;
    const series = this.seriesOf(asset, duration);
    if (verdict.byBinance !== null) {
      window.seconds++;
      series.seconds++;
      if (verdict.byBinance !== verdict.byOracle) {
        window.differSeconds++;
        series.differSeconds++;
      }
    }
    if (verdict.byBinanceAtStrike !== null) {
      series.atStrikeSeconds++;
      if (verdict.byBinanceAtStrike !== verdict.byOracle) {
        window.differAtStrikeSeconds++;
        series.differAtStrikeSeconds++;
      }
    }
  }

  private priceAtStart(state: AssetState, venue: Binance, startMs: number, now: number): number | null {
    return now - startMs > OPEN_GRACE_MS ? null : this.fast(state, venue, now);
  }

  private verdictOf(window: WindowState, now: number) {
    const { asset, rule } = window.instrument;
    const state = this.stateOf(asset);
    const { strike } = window;
    const price = rule.kind === "unknown"
      ? null
      : this.oracle(rule.kind === "twap" ? state.twap60 : state.chainlink, now);
    const own = VENUES.find((venue) =>
      this.fast(state, venue, now) !== null && window.opens[venue] !== undefined
    );
    const any = VENUES.find((venue) => this.fast(state, venue, now) !== null);
    const open = own === undefined ? null : window.opens[own]!;
    return {
      venue: own ?? null,
      open,
      byBinance: own === undefined || open === null ? null : winner(this.fast(state, own, now)!, open),
      byBinanceAtStrike: any === undefined || strike === null
        ? null
        : winner(this.fast(state, any, now)!, strike),
      byOracle: price === null || strike === null ? null : winner(price, strike),
    };
  }

  /** What is known now. */
  snapshot(): BasisSnapshot {
    const now = this.nowMs;
    const order = <T extends { asset: Asset }>(a: T, b: T) =>
      a.asset < b.asset ? -1 : a.asset > b.asset ? 1 : 0;
    return {
      atMs: now,
      assets: [...this.assets].map(([asset, state]) => ({
        asset,
        futures: this.fast(state, "binance-futures", now),
        spot: this.fast(state, "binance-spot", now),
        chainlink: this.oracle(state.chainlink, now),
        twap60: this.oracle(state.twap60, now),
        futuresBps: state.basis["binance-futures"].stats(),
        spotBps: state.basis["binance-spot"].stats(),
      })).sort(order),
      windows: [...this.windows.values()].filter(({ instrument: { startMs, endMs } }) =>
        startMs <= now && now < endMs
      ).map((window) => this.windowBasis(window, now)).sort((a, b) => order(a, b) || a.endMs - b.endMs),
      series: [...this.series.values()].map((series) => ({
        ...series,
        differShare: share(series.differSeconds, series.seconds),
        differAtStrikeShare: share(series.differAtStrikeSeconds, series.atStrikeSeconds),
      })).sort(order),
    };
  }

  private windowBasis(window: WindowState, now: number): WindowBasis {
    const { asset, duration, endMs, slug, startMs } = window.instrument;
    const { byBinance, byBinanceAtStrike, byOracle, open, venue } = this.verdictOf(window, now);
    return {
      slug,
      asset,
      duration,
      startMs,
      endMs,
      strike: window.strike,
      venue,
      binanceOpen: open,
      byBinance,
      byBinanceAtStrike,
      byOracle,
      agree: byBinance === null || byOracle === null ? null : byBinance === byOracle,
      seconds: window.seconds,
      differSeconds: window.differSeconds,
      differAtStrikeSeconds: window.differAtStrikeSeconds,
    };
  }
}

const isBinance = (venue: FastVenue): venue is Binance =>
  venue === "binance-futures" || venue === "binance-spot";

/** Mid of the best prices of flat levels in any order; NaN for an empty side. */
function bookMid(bids: readonly number[], asks: readonly number[]): number {
  let bid = -Infinity;
  let ask = Infinity;
  for (let i = 0; i < bids.length; i += 2) if (bids[i]! > bid) bid = bids[i]!;
  for (let i = 0; i < asks.length; i += 2) if (asks[i]! < ask) ask = asks[i]!;
  return (bid + ask) / 2;
}
