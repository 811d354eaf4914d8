/** How old the data of every socket feed is when it reaches us, corrected by the measured offset of the venue's clock. */
import type { FeedName } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import { openLive } from "../../feeds/live.ts";
import type { Network } from "../../feeds/net/network.ts";
import type { CommandContext, OpenVenue } from "../command.ts";
import { feedOf } from "../stream.ts";
import { feedOptionsOf } from "../stream_options.ts";

export interface FeedAges {
  /** Milliseconds by feed. A clock that is off by less than its uncertainty may make them negative: those count as 0. */
  readonly ages: ReadonlyMap<FeedName, readonly number[]>;
  /** Windows that were listed meanwhile, by start. */
  readonly instruments: readonly Instrument[];
}

/** Ages kept a feed; then they are only counted. */
const MAX_AGES = 200_000;

/** Listens for `forMs` of venue time. Throws what `openLive` throws. */
export async function measureFeeds(
  ctx: CommandContext,
  venue: OpenVenue,
  network: Network,
  forMs: Ms,
): Promise<FeedAges> {
  const { clock, credentials, profile } = venue;
  const ages = new Map<FeedName, number[]>();
  const over = new AbortController();
  const signal = AbortSignal.any([ctx.signal, over.signal]);
  const live = await openLive({
    ...feedOptionsOf(ctx.config),
    ...{ profile, clock, network, credentials, log: ctx.log, signal },
    assets: ctx.config.assets,
    durations: ctx.config.durations,
    warmUpBars: 0,
    onEvents: (events) => {
      // The newest of a frame: what a venue sends again at the beginning is old by nature.
      const event = events.at(-1)!;
      // A snapshot is as old as its last change; an event without a stamp of its own has no age.
      if (event.type === "book" || event.type === "feedState" || event.tExchange === event.tReceive) return;
      const feed = feedOf(event);
      if (feed === null) return;
      let list = ages.get(feed);
      if (list === undefined) ages.set(feed, list = []);
      if (list.length < MAX_AGES) list.push(Math.max(0, event.tReceive - event.tExchange));
    },
  });
  try {
    await Promise.race([clock.sleep(forMs, signal).catch(() => {}), live.done]);
    return { ages, instruments: live.windows() };
  } finally {
    over.abort();
    await live.close();
  }
}
