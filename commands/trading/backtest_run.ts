/** One strategy over one tape, and the forecasters beside it. */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import type { Event, MarketEvent } from "../../core/events.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import type { AssetState } from "../../core/features/asset_state.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { MarketView } from "../../core/policy/policy.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { Portfolio } from "../../core/orders/portfolio.ts";
import { type ExchangePort, Session } from "../../core/session.ts";
import {
  addForecast,
  addPair,
  BRIER_FRACTIONS,
  type BrierDifference,
  type BrierScore,
  createBrier,
  createDifference,
} from "../../core/stats/brier.ts";
import { forecastAt, type ForecastTrack, observe, openTrack } from "../../core/stats/forecast_track.ts";
import type { Ms, Shares, Usdc } from "../../core/units.ts";
import { DecisionLog } from "./decision_log.ts";

export interface SettledWindow {
  readonly slug: string;
  readonly asset: Asset;
  readonly duration: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly pnl: Usdc;
  readonly fees: Usdc;
  readonly fills: number;
  /** Who won, and what was held of each side when that was told. */
  readonly up: boolean;
  readonly upShares: Shares;
  readonly downShares: Shares;
}

/** A trade from flat to flat; `slug` is null when its window was never settled. */
export interface TradeOutcome {
  readonly slug: string | null;
  readonly pnl: Usdc;
}

/** What was at stake: cost with fees of everything held. */
export interface Exposure {
  readonly peak: Usdc;
  /** pUSD millionths x ms, and ms with anything held, of `totalMs`. */
  readonly costMs: number;
  readonly heldMs: number;
  readonly totalMs: number;
}

/** What a strategy did on one tape. */
export class StrategyRun {
  readonly decisions = new DecisionLog();
  readonly settled: SettledWindow[] = [];
  readonly engine: Engine;
  readonly session: Session;
  fills = 0;
  private readonly slugs = new Map<string, string>();
  /** Shares of Up and Down just before the window that is being settled was. */
  private held: readonly [Shares, Shares] = [0 as Shares, 0 as Shares];
  private peak = 0;
  private costMs = 0;
  private heldMs = 0;
  private firstMs = NaN;
  private changedMs = NaN;
  private lastMs = 0;

  constructor(engine: EngineOptions, private readonly exchange: ExchangePort) {
    this.engine = new Engine({
      ...engine,
      onDecision: (decision) => this.decisions.add(decision),
      onSettled: (window, portfolio) => this.settle(window, portfolio),
    });
    this.session = new Session(this.engine, this.exchange, {
      onStep: (event) => this.before(event),
      onExecution: (event) => {
        if (event.type === "fill") this.fills++;
      },
    });
  }

  private settle({ instrument, winner }: WindowState, portfolio: Portfolio): void {
    const { slug, asset, duration, startMs, endMs, conditionId } = instrument;
    const result = portfolio.windows.get(conditionId);
    this.slugs.set(conditionId, slug);
    this.settled.push({
      ...{ slug, asset, duration, startMs, endMs },
      pnl: result?.pnl ?? 0 as Usdc,
      fees: result?.fees ?? 0 as Usdc,
      fills: result?.fills ?? 0,
      up: winner === "up",
      upShares: this.held[0],
      downShares: this.held[1],
    });
  }

  /** Looks at what is held before an event changes it. */
  private before(event: Event): void {
    if (event.type !== "fill" && event.type !== "fillStage" && event.type !== "resolved") return;
    this.note(event.tReceive);
    if (event.type !== "resolved") return;
    const instrument = this.engine.windows.get(event.conditionId)?.instrument;
    if (instrument === undefined) return;
    const { portfolio } = this.engine;
    this.held = [portfolio.sharesOf(instrument.upToken), portfolio.sharesOf(instrument.downToken)];
  }

  private note(now: number): void {
    let cost = 0;
    for (const position of this.engine.portfolio.positions.values()) cost += position.cost + position.fees;
    const since = Number.isNaN(this.changedMs) ? 0 : Math.max(0, now - this.changedMs);
    this.changedMs = now;
    if (cost > this.peak) this.peak = cost;
    this.costMs += cost * since;
    if (cost > 0) this.heldMs += since;
  }

  /** Takes one event; `more` when another of the same instant follows. Nothing of the event is kept. */
  event(event: MarketEvent, more: boolean): void {
    this.session.feed(event, more);
    this.lastMs = event.tReceive;
    if (Number.isNaN(this.firstMs)) this.firstMs = event.tReceive;
  }

  /** Lets what is under way end. Positions of windows without an outcome stay open. */
  finish(): void {
    this.session.finish((this.lastMs + 10_000) as Ms);
    this.note(this.lastMs);
  }

  /** Profit of positions that no outcome ever settled, at their last executable value. */
  unsettled(): { positions: number; value: Usdc } {
    const { portfolio } = this.engine;
    const value = this.engine.equity() - this.engine.bankroll - portfolio.realised;
    return { positions: portfolio.positions.size, value: value as Usdc };
  }

  trades(): TradeOutcome[] {
    return this.engine.portfolio.trades.map(({ conditionId, pnl }) => ({
      slug: this.slugs.get(conditionId) ?? null,
      pnl,
    }));
  }

  exposure(): Exposure {
    const totalMs = Number.isNaN(this.firstMs) ? 0 : Math.max(0, this.lastMs - this.firstMs);
    return { peak: this.peak as Usdc, costMs: this.costMs, heldMs: this.heldMs, totalMs };
  }

  /** What makers would get back of the fees, an estimate outside of every profit; 0 where nothing estimates it. */
  rebates(): Usdc {
    return this.exchange instanceof ExchangeModel ? this.exchange.rebateEstimate.payable : 0 as Usdc;
  }
}

/** A run on the exchange model, which gets the run's money, credit included. */
export const paperRun = (engine: EngineOptions, paper: ExchangeOptions): StrategyRun =>
  new StrategyRun(
    engine,
    new ExchangeModel({ ...paper, bankroll: (engine.bankroll + (engine.credit ?? 0)) as Usdc }),
  );

interface Tracks {
  readonly market: ForecastTrack;
  readonly model: ForecastTrack;
}

/** What the market's mid and the fair value said of one window at one fraction of it, and how it ended. */
export interface WindowForecast {
  readonly slug: string;
  readonly fraction: number;
  readonly market: number | null;
  readonly model: number | null;
  readonly up: boolean;
}

/** Scores of the market's own mid and of the fair value on the same windows. Shared by all tapes of a backtest. */
export interface Forecasts {
  readonly market: BrierScore;
  readonly model: BrierScore;
  readonly difference: BrierDifference;
}

export const newForecasts = (): Forecasts => ({
  market: createBrier(),
  model: createBrier(),
  difference: createDifference(),
});

/** Adds a tape's forecasts. One by one in the order of the tape, because sums of doubles depend on it. */
export function addForecasts(forecasts: Forecasts, of: readonly WindowForecast[]): void {
  for (const { fraction, market, model, up } of of) {
    if (market !== null) addForecast(forecasts.market, fraction, market, up);
    if (model !== null) addForecast(forecasts.model, fraction, model, up);
    if (market !== null && model !== null) {
      addPair(forecasts.difference, fraction, { a: market, b: model, up });
    }
  }
}

/** What kind of market a window began in, as far as it could be known then; null without a fast price. */
export interface WindowRegime {
  readonly slug: string;
  /** Realised volatility per square-root second. */
  readonly vol: number | null;
  /** Move of the ten minutes before, in standard deviations of such a move. */
  readonly trend: number | null;
}

const TREND_S = 600;

function regimeOf(slug: string, now: number, asset: AssetState): WindowRegime {
  const vol = asset.volPerSqrtSecond();
  const second = Math.floor(now / 1000);
  const move = asset.price / asset.prices.at(second - TREND_S) - 1;
  const trend = move / (vol * Math.sqrt(TREND_S));
  return {
    slug,
    vol: Number.isNaN(vol) ? null : vol,
    trend: Number.isFinite(trend) ? trend : null,
  };
}

/** Watches the windows of one tape through an engine's views and keeps what was forecast when an outcome is known. */
export class ForecastWatcher {
  readonly forecasts: WindowForecast[] = [];
  readonly regimes: WindowRegime[] = [];
  private readonly tracks = new Map<string, Tracks>();

  view(view: MarketView, asset: AssetState): void {
    const { conditionId, startMs, endMs, slug } = view.instrument;
    let tracks = this.tracks.get(conditionId);
    if (tracks === undefined) {
      tracks = { market: openTrack(startMs, endMs), model: openTrack(startMs, endMs) };
      this.tracks.set(conditionId, tracks);
      this.regimes.push(regimeOf(slug, view.now, asset));
    }
    observe(tracks.market, view.now, view.upMid);
    observe(tracks.model, view.now, view.fairUp);
  }

  settled(window: WindowState): void {
    const { conditionId, slug } = window.instrument;
    const tracks = this.tracks.get(conditionId);
    if (tracks === undefined || window.winner === null) return;
    const up = window.winner === "up";
    for (let fraction = 0; fraction < BRIER_FRACTIONS.length; fraction++) {
      const market = forecastAt(tracks.market, fraction);
      const model = forecastAt(tracks.model, fraction);
      if (market !== null || model !== null) this.forecasts.push({ slug, fraction, market, model, up });
    }
    this.tracks.delete(conditionId);
  }
}
