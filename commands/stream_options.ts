/** What `stream` and `record` read from the command line and the configuration alike. */
import { OperationError } from "../core/errors.ts";
import { LIVE_FEEDS, type LiveFeedName, type LiveOptions } from "../feeds/live.ts";
import type { FeedLimitOverrides } from "../feeds/net/limits.ts";
import { type Config, feedMaxAgeMs } from "./config/schema.ts";

/** Data-age limits of a configuration, for `openLive`. */
export function limitsOf(config: Config): FeedLimitOverrides {
  return Object.fromEntries(LIVE_FEEDS.map((feed) => [feed, { lateMs: feedMaxAgeMs(config, feed) }]));
}

/** Options of `openLive` that the configuration decides. */
export function feedOptionsOf(
  config: Config,
): Pick<LiveOptions, "limits" | "hotSpare" | "diffBook" | "legacyRtds"> {
  const { diffBook, hotSpare, legacyRtds } = config.feeds;
  return { limits: limitsOf(config), hotSpare: [...hotSpare], diffBook, legacyRtds };
}

/** `--feeds`: full names, groups (`binance`) or last parts (`prices`); all feeds when absent. Throws USAGE. */
export function parseFeeds(text: string | undefined): readonly LiveFeedName[] {
  if (text === undefined) return LIVE_FEEDS;
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const chosen = LIVE_FEEDS.filter((feed) =>
    names.some((name) => feed === name || feed.startsWith(`${name}.`) || feed.split(".").pop() === name)
  );
  const known = names.every((name) =>
    LIVE_FEEDS.some((feed) => feed === name || feed.startsWith(`${name}.`) || feed.split(".").pop() === name)
  );
  if (!known || chosen.length === 0) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read --feeds as a list of feeds: current value is ${text}`,
      hint: `Known feeds: ${LIVE_FEEDS.join(", ")}; a group such as "binance" works too.`,
      exit: 2,
    });
  }
  return chosen;
}
