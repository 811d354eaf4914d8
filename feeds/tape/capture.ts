/**
 * What of a live session goes on a tape: every frame as it came, and of the events only those that no frame gives back
 * when the tape is read: what was asked over REST, what the session concluded itself, the passing of time.
 */
import type { FeedName, MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";

export interface CaptureTarget {
  frame(feed: FeedName, raw: string, tReceive: Ms): void;
  events(events: readonly MarketEvent[]): void;
}

/** Made by the session, never by a codec alone: prints make strikes, and resolutions are put in the session's spelling. */
function isDerived(event: MarketEvent): boolean {
  switch (event.type) {
    case "clock":
    case "window":
    case "strike":
    case "resolved":
    case "feedState":
    case "stop":
      return true;
    default:
      return false;
  }
}

function isOfFeed(event: MarketEvent, feed: FeedName, raw: string): boolean {
  switch (event.type) {
    case "book":
      // A REST book may come while a socket's frame has just given nothing.
      return feed === "polymarket.market" && raw.includes(event.token);
    case "fastBar":
      return feed.startsWith("binance.") && raw.includes("kline");
    case "bookDelta":
    case "tokenTrade":
    case "bestBidAsk":
      return feed === "polymarket.market";
    case "tickSize":
      // Also said without a frame, when changes of a book were left out.
      return feed === "polymarket.market" && raw.includes("tick_size_change");
    case "oraclePrice":
      return feed === "polymarket.prices";
    case "volatility":
      return feed === "deribit";
    case "fastTrade":
      // Trades that were missing come over REST.
      return feed.startsWith("binance.") && (event.id < 0 || raw.includes(String(event.id)));
    default:
      return feed.startsWith("binance.");
  }
}

/** The two callbacks of a live session, tied to a tape. Frames are followed by their own events in the same turn. */
export class Capture {
  private feed: FeedName | null = null;
  private raw = "";
  private readonly forget = () => {
    this.feed = null;
    this.raw = "";
  };

  constructor(private readonly target: CaptureTarget) {}

  readonly onFrame = (feed: FeedName, raw: string, tReceive: Ms): void => {
    this.target.frame(feed, raw, tReceive);
    this.feed = feed;
    this.raw = raw;
    // A frame may give no event at all; the next events are then not its own.
    queueMicrotask(this.forget);
  };

  readonly onEvents = (events: readonly MarketEvent[]): void => {
    const { feed, raw } = this;
    const ofFrame = feed !== null && events.some((event) => !isDerived(event) && isOfFeed(event, feed, raw));
    this.target.events(ofFrame ? events.filter(isDerived) : events);
  };
}
