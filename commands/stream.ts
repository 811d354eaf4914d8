/** `stream`: the live feeds side by side, with how fresh and how whole each of them is. */
import type { Command } from "commander";
import type { FeedName, MarketEvent } from "../core/events.ts";
import { BasisMonitor } from "../core/market/basis_monitor.ts";
import { OperationError } from "../core/errors.ts";
import { ms } from "../core/units.ts";
import type { Clock } from "../feeds/clock.ts";
import { LIVE_FEEDS, type LiveFeedName, type LiveFeeds, openLive } from "../feeds/live.ts";
import type { FeedLog } from "../feeds/net/feed_context.ts";
import type { FeedSummary } from "../feeds/net/metrics.ts";
import { openNetwork } from "../feeds/net/network.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { allowHostFlag, exposeFlag, metricsFlag, MONITOR_FLAGS } from "./dashboard/options.ts";
import { watched, watchOf } from "./dashboard/watch.ts";
import { parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { feedOptionsOf, parseFeeds } from "./stream_options.ts";
import { redrawText, streamView, type ViewSize } from "./stream_view.ts";
import { openVenueClock, type VenueClock } from "./venue_clock.ts";

/** The feed an event came from; null for what the session makes itself (time, windows, strikes). */
export function feedOf(event: MarketEvent): FeedName | null {
  switch (event.type) {
    case "feedState":
      return event.feed;
    case "oraclePrice":
      return "polymarket.prices";
    case "fastBook":
    case "fastTop":
      return event.venue === "binance-spot" ? "binance.spot" : "binance.futures.public";
    case "fastTrade":
    case "fastBar":
      return event.venue === "binance-spot" ? "binance.spot" : "binance.futures.market";
    case "markPrice":
    case "liquidation":
      return "binance.futures.market";
    case "volatility":
      return "deribit";
    case "clock":
    case "latency":
    case "strike":
      return null;
    default:
      return "polymarket.market";
  }
}

function recordOf(event: MarketEvent): Record<string, unknown> {
  const { tExchange, tReceive, type, ...rest } = event;
  return {
    feed: feedOf(event) ?? "session",
    stream: type,
    tExchangeMs: tExchange,
    tReceiveMs: tReceive,
    event: { type, ...rest },
  };
}

const summaries = (live: LiveFeeds): [LiveFeedName, FeedSummary][] =>
  Object.entries(live.metrics()) as [LiveFeedName, FeedSummary][];

/** The terminal's size; 80 columns where there is none to ask. */
function sizeOf(ctx: CommandContext): ViewSize {
  if (!ctx.interactive) return { columns: 120, rows: Infinity, color: ctx.color };
  try {
    const { columns, rows } = Deno.consoleSize();
    // The line below the view belongs to the cursor.
    return { columns, rows: rows - 1, color: ctx.color };
  } catch {
    return { columns: 80, rows: Infinity, color: ctx.color };
  }
}

const REDRAW_MS = 250;
const MAX_NOTES = 3;

/**
 * The feeds' log while the view is drawn: lines on stderr would tear a screen that updates in place, so warnings go below the
 * feeds. States of feeds stand there anyway. A `--log-file` still gets everything.
 */
function viewLog(ctx: CommandContext, notes: string[]): FeedLog {
  if (!ctx.interactive || ctx.config.log.file !== "") return ctx.log;
  const warn = (message: string, fields: Record<string, unknown> = {}) => {
    if (message === "feed state") return;
    notes.push(`${message}: ${Object.values(fields).join(" ")}`);
    if (notes.length > MAX_NOTES) notes.shift();
  };
  return { debug: () => {}, info: () => {}, warn };
}
/** Longest wait of a timer, in wall ms 2^31; a session without `--for` ends by its signal. */
const FOREVER_MS = 20 * 86_400_000;

/** Ends after `forMs` of the venue's time, at the signal, or with what the session died of. */
async function until(
  live: LiveFeeds,
  clock: Clock,
  forMs: number | null,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const wait = clock.sleep(ms(forMs ?? FOREVER_MS), stop).catch(() => {});
  try {
    await Promise.race([wait, live.done]);
  } finally {
    over.abort();
  }
}

/** Says which feeds are not live; nothing at all from any of them is a failure, unless somebody stopped it early. */
function judge(ctx: CommandContext, all: readonly (readonly [string, FeedSummary])[]): void {
  const silent = all.filter(([, summary]) => summary.frames === 0);
  for (const [feed, summary] of all) {
    if (summary.state === "live") continue;
    ctx.warn({
      code: "FEED_NOT_LIVE",
      message: `${feed} is ${summary.state}: ${summary.detail || "no datum"}`,
    });
  }
  if (silent.length < all.length || ctx.signal.aborted) return;
  const refused = silent.find(([, summary]) => /^(AUTH_REFUSED|GEO_BLOCKED)/.test(summary.detail));
  throw new OperationError({
    code: refused === undefined ? "STREAM_EMPTY" : "STREAM_REFUSED",
    message: `Cannot stream ${silent.map(([feed]) => feed).join(", ")}: ${
      refused?.[1].detail ?? "no datum arrived in the time given"
    }`,
    hint: refused === undefined
      ? "Give it more time with --for, or check the network and --proxy."
      : "Check the API credentials and whether this place may use the venue.",
    exit: refused === undefined ? 1 : 4,
  });
}

async function stream(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const feeds = parseFeeds(options["feeds"] as string | undefined);
  const forMs = options["for"] === undefined ? null : parseSpan(String(options["for"]), "--for");
  const venue = await ctx.venue();
  const { clock, credentials, profile } = venue;
  const { legacyRtds } = ctx.config.feeds;
  if (credentials === null && !legacyRtds && feeds.includes("polymarket.prices")) {
    ctx.warn({
      code: "NO_CREDENTIALS",
      message:
        "The oracle's price socket wants POLY_API_KEY, POLY_API_SECRET and POLY_API_PASSPHRASE; it stays closed.",
    });
  }
  const network = openNetwork(ctx.config.network.proxy);
  let live: LiveFeeds | null = null;
  // A stop ends the opening; once open, the feeds are closed after they were summed up, so that "down" means down.
  const opening = new AbortController();
  const onStop = () => {
    if (live === null) opening.abort(ctx.signal.reason);
  };
  ctx.signal.addEventListener("abort", onStop, { once: true });
  if (ctx.signal.aborted) onStop();
  let venueClock: VenueClock | null = null;
  let redrawer: ReturnType<typeof setInterval> | undefined;
  try {
    venueClock = await openVenueClock(ctx, venue, network);
    const notes: string[] = [];
    const monitor = new BasisMonitor({
      maxFastAgeMs: ctx.config.risk.maxFastAgeMs,
      maxOracleAgeMs: ctx.config.risk.maxOracleAgeMs,
    });
    live = await openLive({
      ...feedOptionsOf(ctx.config),
      profile,
      clock,
      assets: ctx.config.assets,
      durations: ctx.config.durations,
      credentials,
      feeds,
      network,
      log: viewLog(ctx, notes),
      signal: opening.signal,
      // Clock events are the engine's heartbeat and nobody's feed.
      clockEveryMs: 1000,
      onEvents: (events) => {
        for (const event of events) {
          if (monitor.observe(event)) ctx.record({ basis: monitor.snapshot() });
          if (ctx.json && event.type !== "clock") ctx.record(recordOf(event));
        }
      },
    });
    const session = live;
    watchOf(ctx)?.setFeeds(() => session.metrics());
    const view = () =>
      streamView({ feeds: summaries(session), basis: monitor.snapshot(), notes }, sizeOf(ctx));
    let drawn = 0;
    const redraw = () => {
      const text = view();
      ctx.print(redrawText(text, drawn));
      drawn = text.split("\n").length;
    };
    if (ctx.interactive) redrawer = setInterval(redraw, REDRAW_MS);
    await until(live, clock, forMs, ctx.signal);
    clearInterval(redrawer);
    const text = view();
    if (ctx.interactive) redraw();
    const data = {
      feeds: Object.fromEntries(summaries(live)),
      windows: live.windows().map((w) => w.slug),
      ...venueClock.data(),
      basis: monitor.snapshot(),
    };
    judge(ctx, summaries(live));
    return { data, ...(ctx.interactive ? {} : { text }) };
  } finally {
    ctx.signal.removeEventListener("abort", onStop);
    clearInterval(redrawer);
    await live?.close();
    await venueClock?.close();
    network.close();
  }
}

export function register(program: Command): void {
  const command = program.command("stream")
    .description(
      "live feeds side by side: how fast, how fresh, how whole; how far Binance is from the oracle",
    )
    .option("--feeds <list>", `feeds or groups of: ${LIVE_FEEDS.join(", ")}`)
    .option("--asset <list>", "assets: btc,eth,sol,xrp")
    .option("--duration <list>", "window lengths: 5m,15m,4h")
    .option("--for <span>", "stop after this much of the venue's time, for example 30s (as trade --for)")
    .addOption(metricsFlag())
    .addOption(exposeFlag())
    .addOption(allowHostFlag())
    .addHelpText(
      "after",
      examples([
        "stream --for 30s",
        "stream --venue sim --feeds polymarket --json",
        "stream --feeds binance --asset btc,eth",
      ]),
    );
  attach(command, "stream", watched(stream, { session: false }), {
    proxy: true,
    configFlags: { asset: "assets", duration: "durations", ...MONITOR_FLAGS },
  });
}
