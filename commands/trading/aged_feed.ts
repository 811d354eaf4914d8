/** The fast market, told later than it was received, to runs that are not told so. */
import type { MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";

type FastEvent = Extract<
  MarketEvent,
  { type: "fastTrade" | "fastTop" | "fastBook" | "fastBar" | "fastPrice" }
>;

const isFast = (event: MarketEvent): event is FastEvent => event.type.startsWith("fast");
const later = (at: Ms, ms: number): Ms => (at + ms) as Ms;

/** A copy with every time of it moved: as if the whole market had happened later. The original is overwritten soon. */
function moved(event: FastEvent, ms: number): FastEvent {
  const times = { tExchange: later(event.tExchange, ms), tReceive: later(event.tReceive, ms) };
  switch (event.type) {
    case "fastBook":
      return { ...event, ...times, bids: [...event.bids], asks: [...event.asks] };
    case "fastBar":
      return { ...event, ...times, openMs: later(event.openMs, ms), closeMs: later(event.closeMs, ms) };
    default:
      return { ...event, ...times };
  }
}

/**
 * Passes events on to `give`, fast ones `ageMs` later. Decisions fall on the same instants as without it: where a fast
 * event was taken out time passes all the same, and a late one is told together with the event that follows it, never
 * between the events of one instant. A strategy that does not look at the fast market is not changed by it at all. Holds
 * what `ageMs` of the fast market brings.
 */
export class AgedFeed {
  private readonly waiting: FastEvent[] = [];
  private first = 0;
  private inside = false;

  constructor(
    private readonly ageMs: number,
    private readonly give: (event: MarketEvent, more: boolean) => void,
  ) {}

  event(event: MarketEvent, more: boolean): void {
    if (!this.inside) this.release(event.tReceive);
    this.inside = more;
    if (!isFast(event)) return this.give(event, more);
    this.waiting.push(moved(event, this.ageMs));
    this.give({ type: "clock", tExchange: event.tReceive, tReceive: event.tReceive }, more);
  }

  private release(now: number): void {
    while (this.first < this.waiting.length && this.waiting[this.first]!.tReceive <= now) {
      this.give(this.waiting[this.first++]!, true);
    }
    // Moved down once in a while only, so that each event is moved once.
    if (this.first > 1024 && this.first * 2 > this.waiting.length) {
      this.waiting.splice(0, this.first);
      this.first = 0;
    }
  }
}
