/**
 * The light side of watching: commands wrap their action in `watched()`, and whoever holds the context tells the watch what
 * there is to see. Servers and libraries are loaded only when somebody asked for them.
 */
import type { CommandContext } from "../command.ts";
import type { Action } from "../run.ts";
import type { SessionWatch, WatchParts } from "./watched.ts";

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
