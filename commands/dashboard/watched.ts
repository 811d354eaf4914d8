/** What a command tells its watch, and what it may ask of it. */
import type { FeedSummary } from "../../feeds/net/metrics.ts";
import type { TradeObserver } from "../trading/observer.ts";
import type { SessionRecorder } from "../trading/recorder.ts";
import type { SessionInfo } from "./model.ts";

/** A session that can be watched. */
export interface Watched {
  readonly info: SessionInfo;
  readonly recorder: SessionRecorder;
}

/** Metrics and dashboard of one command. */
export interface SessionWatch {
  readonly observer: TradeObserver;
  bind(watched: Watched): void;
  /** Where feed figures come from while the sockets are open. */
  setFeeds(summaries: () => Readonly<Record<string, FeedSummary>>): void;
  /** The sockets are about to close: the last figures are kept. */
  sessionEnded(): void;
}

export interface WatchParts {
  /** There is a trading session to come: its metrics are listed, and the dashboard may open. */
  readonly session: boolean;
}
