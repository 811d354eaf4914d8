/** The markets that orders are made for: listings by condition, with the tick as it is now. */
import type { MarketEvent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import type { Ms, Price } from "../../core/units.ts";

export class Markets {
  private readonly byCondition = new Map<string, Instrument>();
  private readonly conditionOf = new Map<string, string>();

  /** Learns from a market event; the token whose tick changed, or null. */
  observe(event: MarketEvent): string | null {
    switch (event.type) {
      case "window": {
        const { instrument } = event;
        const known = this.byCondition.get(instrument.conditionId);
        // As in the engine: a listing never takes back a tick that the socket announced.
        const tick = known?.tick ?? instrument.tick;
        this.byCondition.set(instrument.conditionId, { ...instrument, tick });
        this.conditionOf.set(instrument.upToken, instrument.conditionId);
        this.conditionOf.set(instrument.downToken, instrument.conditionId);
        return null;
      }
      case "tickSize":
        return this.setTick(event.token, event.newTick);
      case "book":
        return event.tick === undefined ? null : this.setTick(event.token, event.tick);
      default:
        return null;
    }
  }

  get(conditionId: string): Instrument | undefined {
    return this.byCondition.get(conditionId);
  }

  ofToken(token: string): Instrument | undefined {
    const conditionId = this.conditionOf.get(token);
    return conditionId === undefined ? undefined : this.byCondition.get(conditionId);
  }

  /** Windows that ended before `beforeMs` are forgotten. */
  forget(beforeMs: Ms): void {
    for (const [conditionId, { endMs, upToken, downToken }] of this.byCondition) {
      if (endMs >= beforeMs) continue;
      this.byCondition.delete(conditionId);
      this.conditionOf.delete(upToken);
      this.conditionOf.delete(downToken);
    }
  }

  private setTick(token: string, tick: Price): string | null {
    const known = this.ofToken(token);
    if (known === undefined || known.tick === tick) return null;
    this.byCondition.set(known.conditionId, { ...known, tick });
    return token;
  }
}
