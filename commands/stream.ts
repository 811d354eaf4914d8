/** `stream`: the live feeds side by side, with how fresh and how whole each of them is. */
import type { Command } from "commander";
import type { FeedName, MarketEvent } from "../core/events.ts";
import { LIVE_FEEDS, type LiveFeedName, type LiveFeeds, openLive } from "../feeds/live.ts";
import type { FeedSummary } from "../feeds/net/metrics.ts";
import { openNetwork } from "../feeds/net/network.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, paint, spanText, table } from "./output.ts";
import { parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { limitsOf, parseFeeds } from "./stream_options.ts";

/** The feed an event came from; null for what the session makes itself (time, windows, strikes). */
function feedOf(event: MarketEvent): FeedName | null {
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
    case "clock":
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

const HEAD = [
  "feed",
  "state",
  "frames",
  "per s",
  "first",
  "age p50",
  "p99",
  "gaps",
  "reconnects",
  "unrecognised",
];

function feedTable(feeds: readonly (readonly [string, FeedSummary])[], color: boolean): string {
  const pen = paint(color);
  const stateText = (state: string) =>
    state === "live" ? pen.green(state) : state === "down" ? pen.red(state) : pen.yellow(state);
  return table({
    head: HEAD,
    align: ["left", "left", ...HEAD.slice(2).map(() => "right" as const)],
    color,
    rows: feeds.map(([feed, m]) => [
      feed,
      stateText(m.state),
      countText(m.frames),
      m.perSecond.toFixed(1),
      m.firstDatumMs === null ? "-" : spanText(m.firstDatumMs),
      m.ageMs.p50 === null ? "-" : spanText(m.ageMs.p50),
      m.ageMs.p99 === null ? "-" : spanText(m.ageMs.p99),
      countText(m.gaps + m.dropped),
      countText(m.reconnects),
      countText(m.unrecognised),
    ]),
  });
}

const summaries = (live: LiveFeeds): [LiveFeedName, FeedSummary][] =>
  Object.entries(live.metrics()) as [LiveFeedName, FeedSummary][];

function liveView(ctx: CommandContext, live: LiveFeeds): string {
  const notes = summaries(live).filter(([, m]) => m.state !== "live" && m.detail !== "").map(([feed, m]) =>
    `${feed}: ${m.detail}`
  );
  return [feedTable(summaries(live), ctx.color), ...notes].join("\n");
}

/** Redraws in place: up over what was drawn, then clear to the end of the screen. */
function redraw(ctx: CommandContext, view: string, drawnLines: number): number {
  ctx.print(`${drawnLines === 0 ? "" : `\x1b[${drawnLines}A`}\x1b[0J${view}`);
  return view.split("\n").length;
}

const REDRAW_MS = 250;

/** Ends after `forMs` of wall time, at the signal, or with what the session died of. */
async function until(live: LiveFeeds, forMs: number | null, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onAbort = () => {};
  const over = new Promise<void>((resolve) => {
    onAbort = resolve;
    if (forMs !== null) timer = setTimeout(resolve, forMs);
    if (signal.aborted) resolve();
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    await Promise.race([over, live.done]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

async function stream(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const feeds = parseFeeds(options["feeds"] as string | undefined);
  const forMs = options["for"] === undefined ? null : parseSpan(String(options["for"]), "--for");
  const { clock, credentials, profile } = await ctx.venue();
  if (credentials === null && feeds.includes("polymarket.prices")) {
    ctx.warn({
      code: "NO_CREDENTIALS",
      message:
        "The oracle's price socket wants POLY_API_KEY, POLY_API_SECRET and POLY_API_PASSPHRASE; it stays closed.",
    });
  }
  const network = openNetwork(ctx.config.network.proxy);
  let live: LiveFeeds | null = null;
  let redrawer: ReturnType<typeof setInterval> | undefined;
  try {
    live = await openLive({
      profile,
      clock,
      assets: ctx.config.assets,
      durations: ctx.config.durations,
      credentials,
      limits: limitsOf(ctx.config),
      feeds,
      network,
      log: ctx.log,
      signal: ctx.signal,
      // Clock events are the engine's heartbeat and nobody's feed.
      clockEveryMs: 1000,
      onEvents: (events) => {
        if (!ctx.json) return;
        for (const event of events) if (event.type !== "clock") ctx.record(recordOf(event));
      },
    });
    const session = live;
    let drawn = 0;
    if (ctx.interactive) {
      redrawer = setInterval(() => drawn = redraw(ctx, liveView(ctx, session), drawn), REDRAW_MS);
    }
    await until(live, forMs, ctx.signal);
    clearInterval(redrawer);
    const view = liveView(ctx, live);
    if (ctx.interactive) redraw(ctx, view, drawn);
    const data = { feeds: Object.fromEntries(summaries(live)), windows: live.windows().map((w) => w.slug) };
    return { data, ...(ctx.interactive ? {} : { text: view }) };
  } finally {
    clearInterval(redrawer);
    await live?.close();
    network.close();
  }
}

export function register(program: Command): void {
  const command = program.command("stream")
    .description("Show the live feeds side by side: how fast, how fresh, how whole.")
    .option("--feeds <list>", `feeds or groups of: ${LIVE_FEEDS.join(", ")}`)
    .option("--asset <list>", "assets: btc,eth,sol,xrp")
    .option("--duration <list>", "window lengths: 5m,15m,4h")
    .option("--for <span>", "stop after this long, for example 30s")
    .addHelpText(
      "after",
      examples([
        "stream --for 30s",
        "stream --venue sim --feeds polymarket --json",
        "stream --feeds binance --asset btc,eth",
      ]),
    );
  attach(command, "stream", stream, { proxy: true, configFlags: { asset: "assets", duration: "durations" } });
}
