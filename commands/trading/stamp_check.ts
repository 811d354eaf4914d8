/** Does a tape know too much too early? A recording with look-ahead flatters every strategy alike, so it is looked for. */
import type { MarketEvent } from "../../core/events.ts";

/** Events that say what could not have been known when they say they were received. */
export interface StampFaults {
  /** Candles told as closed before their close. */
  readonly barsBeforeClose: number;
  /** Windows resolved before their end. */
  readonly resolvedBeforeEnd: number;
  /** Prices to beat told before their window began. */
  readonly strikesBeforeStart: number;
}

export const NO_FAULTS: StampFaults = { barsBeforeClose: 0, resolvedBeforeEnd: 0, strikesBeforeStart: 0 };

export const addFaults = (a: StampFaults, b: StampFaults): StampFaults => ({
  barsBeforeClose: a.barsBeforeClose + b.barsBeforeClose,
  resolvedBeforeEnd: a.resolvedBeforeEnd + b.resolvedBeforeEnd,
  strikesBeforeStart: a.strikesBeforeStart + b.strikesBeforeStart,
});

export const faultCount = (faults: StampFaults): number =>
  faults.barsBeforeClose + faults.resolvedBeforeEnd + faults.strikesBeforeStart;

export class StampCheck {
  private barsBeforeClose = 0;
  private resolvedBeforeEnd = 0;
  private strikesBeforeStart = 0;
  private readonly windows = new Map<string, { startMs: number; endMs: number }>();

  event(event: MarketEvent): void {
    switch (event.type) {
      case "window":
        this.windows.set(event.instrument.conditionId, event.instrument);
        return;
      case "fastBar":
        if (event.closed && event.closeMs > event.tReceive) this.barsBeforeClose++;
        return;
      case "strike":
        if (event.tReceive < (this.windows.get(event.conditionId)?.startMs ?? -Infinity)) {
          this.strikesBeforeStart++;
        }
        return;
      case "resolved":
        if (event.tReceive < (this.windows.get(event.conditionId)?.endMs ?? -Infinity)) {
          this.resolvedBeforeEnd++;
        }
        this.windows.delete(event.conditionId);
        return;
    }
  }

  get faults(): StampFaults {
    const { barsBeforeClose, resolvedBeforeEnd, strikesBeforeStart } = this;
    return { barsBeforeClose, resolvedBeforeEnd, strikesBeforeStart };
  }
}
