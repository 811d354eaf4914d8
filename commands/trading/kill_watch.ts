/** Watches a live session's figures and says when trading must stop by itself. */
import type { Engine } from "../../core/engine.ts";
import { unrealisedOf } from "../../core/risk/exposure.ts";
import {
  checkKill,
  type KillLimits,
  type KillTrip,
  newKillMeter,
  noteLatency,
} from "../../core/risk/kill_switch.ts";
import type { Ms } from "../../core/units.ts";
import type { GatewayAlarm, OrderLatency } from "../../feeds/gateway/types.ts";
import type { OrderEntry } from "../../feeds/polymarket/order_entry/types.ts";

/** Alarms of the gateway after which nobody knows what is owned. */
const GRAVE_ALARMS: ReadonlySet<string> = new Set([
  "POSITION_MISMATCH",
  "HASH_MISMATCH",
  "TRADE_CONTRADICTED",
  "OVERFILLED",
  "JOURNAL_BROKEN",
]);

/** Why trading stops, as the latch keeps it. */
export interface KillReason {
  readonly code: string;
  readonly reason: string;
}

const reasonOf = (trip: KillTrip): KillReason => ({
  code: trip.code,
  reason: `${trip.value} passed ${trip.limit}: ${trip.detail}`,
});

export class KillWatch {
  private readonly meter = newKillMeter();
  private grave: KillReason | null = null;
  /** What had come and gone without our orders at the last look. */
  private external = 0;

  constructor(private readonly limits: KillLimits, private readonly entry: Pick<OrderEntry, "health">) {}

  alarm(alarm: GatewayAlarm): void {
    if (GRAVE_ALARMS.has(alarm.code)) this.grave ??= { code: alarm.code, reason: alarm.detail };
  }

  latency(latency: OrderLatency): void {
    if (latency.ackUs !== null) {
      noteLatency(this.meter, this.limits, (latency.ackUs - latency.journalledUs) / 1000);
    }
  }

  /** The gravest reason to stop at `now`, or null. */
  check(engine: Engine, now: Ms): KillReason | null {
    if (this.grave !== null) return this.grave;
    // A deposit is no profit to lose again, a withdrawal no drawdown: the mark moves along, as the engine's own does.
    if (this.meter.peak !== null) this.meter.peak += engine.external - this.external;
    this.external = engine.external;
    const [trip] = checkKill(this.meter, this.limits, {
      at: now,
      apiErrors: this.entry.health().errorsLastMinute,
      unrealised: unrealisedOf(engine.portfolio, engine.windows),
      equity: engine.equity(),
    });
    return trip === undefined ? null : reasonOf(trip);
  }
}
