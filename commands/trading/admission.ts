/** Which windows belong to a session, and which events therefore reach the engine. */
import type { MarketEvent } from "../../core/events.ts";
import type { Asset, Duration, Instrument } from "../../core/market/instrument.ts";

/** A window joined with less than this share left is left to nobody: the next one is the first. */
const MIN_SHARE_LEFT = 0.6;

/** Says of a window seen for the first time at `now` (venue ms) whether it belongs; `admitted` are those that already do. */
export type Accept = (instrument: Instrument, now: number, admitted: readonly Instrument[]) => boolean;

export const seriesOf = (instrument: Instrument): string => `${instrument.asset}-${instrument.duration}`;

/** Windows that are mostly still ahead, at most `limit` of each asset and length (null: no limit). */
export const wholeWindows = (limit: number | null): Accept => (instrument, now, admitted) => {
  const left = (instrument.endMs - now) / (instrument.endMs - instrument.startMs);
  if (left < MIN_SHARE_LEFT) return false;
  return limit === null ||
    admitted.filter((other) => seriesOf(other) === seriesOf(instrument)).length < limit;
};

/** Windows of these assets and lengths. */
export const windowsOf = (assets: readonly Asset[], durations: readonly Duration[]): Accept => (instrument) =>
  assets.includes(instrument.asset) && durations.includes(instrument.duration);

export class Admission {
  private readonly conditions = new Map<string, Instrument>();
  private readonly tokens = new Set<string>();
  private readonly refused = new Set<string>();

  constructor(private readonly accept: Accept) {}

  get windows(): readonly Instrument[] {
    return [...this.conditions.values()];
  }

  /** Whether the event belongs to the session: everything that is not about a window does. */
  take(event: MarketEvent): boolean {
    switch (event.type) {
      case "window":
        return this.admit(event.instrument, event.tReceive);
      case "strike":
      case "resolved":
        return this.conditions.has(event.conditionId);
      case "book":
      case "bookDelta":
      case "tickSize":
      case "tokenTrade":
      case "bestBidAsk":
        return this.tokens.has(event.token);
      default:
        return true;
    }
  }

  private admit(instrument: Instrument, now: number): boolean {
    const { conditionId, upToken, downToken } = instrument;
    if (this.conditions.has(conditionId)) return true;
    if (this.refused.has(conditionId)) return false;
    if (!this.accept(instrument, now, this.windows)) {
      this.refused.add(conditionId);
      return false;
    }
    this.conditions.set(conditionId, instrument);
    this.tokens.add(upToken).add(downToken);
    return true;
  }
}

/** True once `limit` windows of each of `series` assets and lengths were admitted. */
export function isComplete(admission: Admission, limit: number | null, series: number): boolean {
  if (limit === null) return false;
  const counts = new Map<string, number>();
  for (const window of admission.windows) {
    counts.set(seriesOf(window), (counts.get(seriesOf(window)) ?? 0) + 1);
  }
  return [...counts.values()].filter((count) => count >= limit).length >= series;
}
