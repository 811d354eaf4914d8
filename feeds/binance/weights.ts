/**
 * What one address has spent of a venue's request budget, and whether it may ask at all. Carrying on after a 429 ends in a
 * 418, a ban of two minutes to three days (exchanges dossier A7), so a refusal closes the door here, for every caller.
 */
import type { Clock } from "../clock.ts";
import { HttpError, parseRetryAfter } from "../net/http.ts";

const MINUTE = 60_000;
/** Part of the budget that we use: others may share the address. */
const SHARE = 0.8;
const DEFAULT_PAUSE_MS = 60_000;
const DEFAULT_BAN_MS = 120_000;

export interface WeightState {
  /** Weight spent in the running minute: the venue's own count once it has stated one. */
  readonly used: number;
  readonly limit: number;
  /** Venue ms until which nothing may be asked; 0: now. */
  readonly closedUntilMs: number;
}

export class WeightLedger {
  private used = 0;
  private minute = -1;
  private closedUntilMs = 0;

  constructor(
    private readonly venue: string,
    private readonly limit: number,
    private readonly clock: Pick<Clock, "now">,
  ) {}

  state(): WeightState {
    this.roll();
    return { used: this.used, limit: this.limit, closedUntilMs: this.closedUntilMs };
  }

  /** Takes `weight` out of the budget. Throws HttpError RATE_LIMITED, with the wait, when it may not be spent now. */
  spend(weight: number): void {
    this.roll();
    const now = this.clock.now();
    if (now < this.closedUntilMs) this.refuse(this.closedUntilMs - now, "the venue closed the door");
    if (this.used + weight > this.limit * SHARE) {
      this.refuse(MINUTE - now % MINUTE, `${this.used} of ${this.limit} weight is spent`);
    }
    this.used += weight;
  }

  /** Every answer of the venue: its own count of the minute, and its refusals. */
  answered(status: number, headers: Headers): void {
    this.roll();
    const now = this.clock.now();
    const stated = Number(headers.get("x-mbx-used-weight-1m") ?? NaN);
    if (stated >= 0) this.used = Math.max(this.used, stated);
    if (status !== 429 && status !== 418) return;
    const named = parseRetryAfter(headers.get("retry-after"), now);
    const pauseMs = named ?? (status === 418 ? DEFAULT_BAN_MS : DEFAULT_PAUSE_MS);
    this.closedUntilMs = Math.max(this.closedUntilMs, now + pauseMs);
  }

  private roll(): void {
    const minute = Math.floor(this.clock.now() / MINUTE);
    if (minute === this.minute) return;
    this.minute = minute;
    this.used = 0;
  }

  private refuse(retryAfterMs: number, why: string): never {
    throw new HttpError("RATE_LIMITED", `Cannot ask ${this.venue} now: ${why}`, { retryAfterMs });
  }
}
