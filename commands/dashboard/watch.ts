/**
 * The light side of watching: commands wrap their action in `watched()`, and whoever holds the context tells the watch what
 * there is to see. Servers and libraries are loaded only when somebody asked for them.
 */
import type { FeedSummary } from "../../feeds/net/metrics.ts";
import type { CommandContext } from "../command.ts";
import type { Action } from "../run.ts";
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

const watches = new WeakMap<CommandContext, SessionWatch>();

/** The watch of a command; null when nothing is watched. */
export const watchOf = (ctx: CommandContext): SessionWatch | null => watches.get(ctx) ?? null;

/** `action` with what `monitor` of the configuration asks for opened before it and closed behind it. */
export const watched = (action: Action, parts: WatchParts = { session: true }): Action => {
  return async (ctx, args, options) => {
    const { dashboard, metrics } = ctx.config.monitor;
    if (metrics === "" && (dashboard === "" || !parts.session)) return await action(ctx, args, options);
    const { Monitor } = await import("./monitor.ts");
    const monitor = await Monitor.open(ctx, parts);
    watches.set(ctx, monitor);
    try {
      return await action(ctx, args, options);
    } finally {
      watches.delete(ctx);
      await monitor.close();
    }
  };
};
