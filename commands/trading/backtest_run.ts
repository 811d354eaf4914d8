/** One strategy over one tape, and the forecasters beside it. */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import type { MarketEvent } from "../../core/events.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { MarketView } from "../../core/policy/policy.ts";
import { Session } from "../../core/session.ts";
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
import type { Ms, Usdc } from "../../core/units.ts";
import { DecisionLog } from "./decision_log.ts";

export interface SettledWindow {
  readonly slug: string;
  readonly endMs: number;
  readonly pnl: Usdc;
  readonly fees: Usdc;
  readonly fills: number;
}

/** What a strategy did on one tape. */
export class StrategyRun {
  readonly decisions = new DecisionLog();
  readonly settled: SettledWindow[] = [];
  readonly engine: Engine;
  readonly exchange: ExchangeModel;
  readonly session: Session;
  fills = 0;
  private lastMs = 0;

  constructor(engine: EngineOptions, paper: ExchangeOptions) {
    this.engine = new Engine({
      ...engine,
      onDecision: (decision) => this.decisions.add(decision),
      onSettled: (window, portfolio) => {
        const result = portfolio.windows.get(window.instrument.conditionId);
        this.settled.push({
          slug: window.instrument.slug,
          endMs: window.instrument.endMs,
          pnl: result?.pnl ?? 0 as Usdc,
          fees: result?.fees ?? 0 as Usdc,
          fills: result?.fills ?? 0,
        });
      },
    });
    this.exchange = new ExchangeModel({
      ...paper,
      bankroll: (engine.bankroll + (engine.credit ?? 0)) as Usdc,
    });
    this.session = new Session(this.engine, this.exchange, {
      onExecution: (event) => {
        if (event.type === "fill") this.fills++;
      },
    });
  }

  /** Takes one event; `more` when another of the same instant follows. Nothing of the event is kept. */
  event(event: MarketEvent, more: boolean): void {
    this.session.feed(event, more);
    this.lastMs = event.tReceive;
  }

  /** Lets what is under way end. Positions of windows without an outcome stay open. */
  finish(): void {
    this.session.finish((this.lastMs + 10_000) as Ms);
  }

  /** Profit of positions that no outcome ever settled, at their last executable value. */
  unsettled(): { positions: number; value: Usdc } {
    const { portfolio } = this.engine;
    const value = this.engine.equity() - this.engine.bankroll - portfolio.realised;
    return { positions: portfolio.positions.size, value: value as Usdc };
  }
}

interface Tracks {
  readonly market: ForecastTrack;
  readonly model: ForecastTrack;
}

/** What the market's mid and the fair value said of one window at one fraction of it, and how it ended. */
export interface WindowForecast {
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

/** Watches the windows of one tape through an engine's views and keeps what was forecast when an outcome is known. */
export class ForecastWatcher {
  readonly forecasts: WindowForecast[] = [];
  private readonly tracks = new Map<string, Tracks>();

  view(view: MarketView): void {
    const { conditionId, startMs, endMs } = view.instrument;
    let tracks = this.tracks.get(conditionId);
    if (tracks === undefined) {
      tracks = { market: openTrack(startMs, endMs), model: openTrack(startMs, endMs) };
      this.tracks.set(conditionId, tracks);
    }
    observe(tracks.market, view.now, view.upMid);
    observe(tracks.model, view.now, view.fairUp);
  }

  settled(window: WindowState): void {
    const { conditionId } = window.instrument;
    const tracks = this.tracks.get(conditionId);
    if (tracks === undefined || window.winner === null) return;
    const up = window.winner === "up";
    for (let fraction = 0; fraction < BRIER_FRACTIONS.length; fraction++) {
      const market = forecastAt(tracks.market, fraction);
      const model = forecastAt(tracks.model, fraction);
      if (market !== null || model !== null) this.forecasts.push({ fraction, market, model, up });
    }
    this.tracks.delete(conditionId);
  }
}
