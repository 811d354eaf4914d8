/**
 * Stamps of one frame on its way through the engine. The engine says that it passed a place and learns nothing; the clock is
 * read here, outside of it.
 */
import type { EngineTrace } from "../../core/engine_trace.ts";
import type { MarketEvent } from "../../core/events.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { Asset, Instrument } from "../../core/market/instrument.ts";
import { type LatencyRecorder, STAGE } from "./latency.ts";

/** Monotonic microseconds at which the last decision of the frame passed each place. */
export interface FrameStamps {
  readonly receivedUs: number;
  readonly handledUs: number;
  readonly decodedUs: number;
  readonly bookUs: number;
  readonly featuresUs: number;
  readonly policyUs: number;
  readonly gateUs: number;
}

/** Tokens remembered at most: those of some thousand windows. */
const MAX_NAMES = 20_000;

export class FrameTrace implements EngineTrace, FrameStamps {
  receivedUs = NaN;
  handledUs = NaN;
  decodedUs = NaN;
  bookUs = NaN;
  featuresUs = NaN;
  policyUs = NaN;
  gateUs = NaN;
  private lastUs = NaN;
  private stepUs = NaN;
  /** Series of the event under way. */
  private series = 0;
  /** By token and by condition. */
  private readonly names = new Map<string, number>();

  constructor(private readonly latency: LatencyRecorder, private readonly monotonicUs: () => number) {}

  /** A frame's events are about to be fed. NaN where the events had no frame of their own. */
  begin(receivedUs: number, handledUs: number, first: MarketEvent | undefined): void {
    const now = this.monotonicUs();
    this.decodedUs = this.lastUs = this.stepUs = now;
    this.receivedUs = Number.isNaN(receivedUs) ? now : receivedUs;
    this.handledUs = Number.isNaN(handledUs) ? now : handledUs;
    this.series = first === undefined ? 0 : this.seriesOfEvent(first);
    if (Number.isNaN(receivedUs)) return;
    this.latency.add(this.series, STAGE.queued, this.handledUs - receivedUs);
    this.latency.add(this.series, STAGE.decode, now - this.handledUs);
  }

  /** The next event of the frame goes into the engine. */
  event(event: MarketEvent): void {
    this.series = this.seriesOfEvent(event);
  }

  /** The event is through. */
  stepped(): void {
    const now = this.monotonicUs();
    this.latency.add(this.series, STAGE.decide, now - this.stepUs);
    this.stepUs = this.lastUs = now;
  }

  applied(): void {
    this.bookUs = this.mark(this.series, STAGE.book);
  }

  features(window: WindowState): void {
    this.featuresUs = this.mark(this.seriesOfInstrument(window.instrument), STAGE.features);
  }

  policy(window: WindowState): void {
    this.policyUs = this.mark(this.seriesOfInstrument(window.instrument), STAGE.policy);
  }

  gated(window: WindowState): void {
    this.gateUs = this.mark(this.seriesOfInstrument(window.instrument), STAGE.gate);
  }

  /** Row of the latency table that a window's figures belong to. */
  seriesOfInstrument({ asset, conditionId, duration, downToken, upToken }: Instrument): number {
    const known = this.names.get(conditionId);
    if (known !== undefined) return known;
    if (this.names.size > MAX_NAMES) this.names.clear();
    const series = this.latency.seriesOf(asset, duration);
    for (const name of [conditionId, upToken, downToken]) this.names.set(name, series);
    return series;
  }

  private seriesOfAsset(asset: Asset): number {
    const known = this.names.get(asset);
    if (known !== undefined) return known;
    const series = this.latency.seriesOf(asset, "-");
    this.names.set(asset, series);
    return series;
  }

  private mark(series: number, stage: number): number {
    const now = this.monotonicUs();
    this.latency.add(series, stage, now - this.lastUs);
    this.lastUs = now;
    return now;
  }

  private seriesOfEvent(event: MarketEvent): number {
    switch (event.type) {
      case "book":
      case "bookDelta":
      case "tickSize":
      case "tokenTrade":
      case "bestBidAsk":
        return this.names.get(event.token) ?? 0;
      case "strike":
      case "resolved":
        return this.names.get(event.conditionId) ?? 0;
      case "window":
        return this.seriesOfInstrument(event.instrument);
      case "oraclePrice":
      case "fastBook":
      case "fastTop":
      case "fastTrade":
      case "fastBar":
      case "fastPrice":
      case "markPrice":
      case "liquidation":
      case "volatility":
        return this.seriesOfAsset(event.asset);
      default:
        return 0;
    }
  }
}
