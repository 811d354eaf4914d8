/** `record`: what the feeds say, frame by frame, as a tape. */
import process from "node:process";
import type { Command } from "commander";
import type { FeedName } from "../core/events.ts";
import type { Ms } from "../core/units.ts";
import { LIVE_FEEDS, type LiveFeeds, openLive } from "../feeds/live.ts";
import { openNetwork } from "../feeds/net/network.ts";
import { Capture } from "../feeds/tape/capture.ts";
import { type OpenedRecording, openRecording } from "../feeds/tape/open_recording.ts";
import type { Recording, RecordingResult } from "../feeds/tape/recording.ts";
import type { CommandContext, CommandResult, OpenVenue } from "./command.ts";
import { bytesText, clockTime, countText, facts, isoTime, table } from "./output.ts";
import { parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { feedOptionsOf, parseFeeds } from "./stream_options.ts";
import { openVenueClock, type VenueClock } from "./venue_clock.ts";

/** Adds `record`. */
export function register(program: Command): void {
  attach(
    program.command("record")
      .description("record the feeds as a tape: every frame with its time of receipt")
      .requiredOption("--out <dir>", "folder of the tape")
      .option("--append", "go on with a recording that exists; a torn end is mended first")
      .option("--feeds <list>", `feeds or groups of: ${LIVE_FEEDS.join(", ")}`)
      .option("--asset <list>", "assets: btc,eth,sol,xrp")
      .option("--duration <list>", "window lengths: 5m,15m,4h")
      .option("--for <span>", "stop after this time of the venue's clock, for example 1h")
      .addHelpText(
        "after",
        examples([
          "record --out tapes/today --asset btc,eth --duration 5m,15m",
          "record --venue sim --out tapes/sim --for 20m --json",
          "record --out tapes/btc --append    # after a restart",
        ]),
      ),
    "record",
    record,
    { proxy: true, configFlags: { asset: "assets", duration: "durations" } },
  );
}

const PROGRESS_MS = 250;
const HOUR_MS = 3_600_000;
/** What a recording is worth for publication is its owner's to say. */
const LICENCE = "not stated";

/** Ends at the signal, after `forMs` of venue time, or with what feeds or disk died of. */
async function until(
  ctx: CommandContext,
  run: { readonly venue: OpenVenue; readonly live: LiveFeeds; readonly recording: Recording },
  forMs: Ms | null,
): Promise<void> {
  const { clock } = run.venue;
  const began = clock.now();
  const progress = ctx.progress("record");
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    if (ctx.signal.aborted) resolve();
    ctx.signal.addEventListener("abort", () => resolve(), { once: true, signal: stop.signal });
  });
  const timer = setInterval(() => {
    const { bytes, dropped, frames } = run.recording.stats();
    const lost = dropped === 0 ? "" : `, ${countText(dropped)} dropped`;
    const now = clock.now();
    const note = `${clockTime(now)}, ${countText(frames)} frames, ${bytesText(bytes)}${lost}`;
    // Without an end in sight the bar is the present hour, which is the present file.
    if (forMs === null) progress.update(now % HOUR_MS, HOUR_MS, note);
    else progress.update(Math.min(now - began, forMs), forMs, note);
  }, PROGRESS_MS);
  try {
    const over = forMs === null ? [] : [clock.sleep(forMs, stop.signal).catch(() => {})];
    await Promise.race([stopped, run.live.done, run.recording.failed, ...over]);
  } finally {
    clearInterval(timer);
    progress.stop();
    stop.abort();
  }
}

function openTape(
  ctx: CommandContext,
  venue: OpenVenue,
  options: Record<string, unknown>,
  recover: () => void,
) {
  return openRecording({
    out: String(options["out"]),
    append: options["append"] === true,
    nowMs: venue.clock.now(),
    source: `poly-edge record, venue ${venue.profile.name}`,
    licence: LICENCE,
    onRecovered: () => {
      ctx.log.warn("the disk is fast enough again; books are read anew");
      recover();
    },
  });
}

function tellContinued(ctx: CommandContext, continued: OpenedRecording["continued"]): void {
  if (continued === null) return;
  const from = continued.fromMs === null ? "its beginning" : isoTime(continued.fromMs);
  ctx.warn({ code: "TAPE_CONTINUED", message: `The tape is continued after ${from}.` });
  if (continued.removedBytes > 0) {
    ctx.warn({
      code: "TAPE_REPAIRED",
      message: `${countText(continued.removedBytes)} bytes of a torn end were cut off.`,
    });
  }
}

interface Cost {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

async function record(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const feeds = parseFeeds(options["feeds"] as string | undefined);
  const forMs = options["for"] === undefined ? null : parseSpan(String(options["for"]), "--for");
  const venue = await ctx.venue();
  if (venue.credentials === null && !ctx.config.feeds.legacyRtds && feeds.includes("polymarket.prices")) {
    ctx.warn({
      code: "NO_CREDENTIALS",
      message:
        "The oracle's price socket wants POLY_API_KEY, POLY_API_SECRET and POLY_API_PASSPHRASE; it is not recorded.",
    });
  }
  const network = openNetwork(ctx.config.network.proxy);
  let live: LiveFeeds | null = null;
  let opened: OpenedRecording | null = null;
  let result: RecordingResult | null = null;
  let venueClock: VenueClock | null = null;
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  try {
    // Before the first stamp: times of receipt are corrected by what is measured here.
    venueClock = await openVenueClock(ctx, venue, network);
    opened = await openTape(ctx, venue, options, () => live === null ? undefined : resyncAll(live));
    tellContinued(ctx, opened.continued);
    const { recording } = opened;
    const capture = new Capture(recording);
    live = await openLive({
      ...feedOptionsOf(ctx.config),
      profile: venue.profile,
      clock: venue.clock,
      assets: ctx.config.assets,
      durations: ctx.config.durations,
      credentials: venue.credentials,
      feeds,
      network,
      log: ctx.log,
      signal: ctx.signal,
      clockEveryMs: 1000,
      onFrame: capture.onFrame,
      onEvents: capture.onEvents,
    });
    await until(ctx, { venue, live, recording }, forMs);
    await live.close();
    result = await recording.close();
  } finally {
    await live?.close();
    await venueClock?.close();
    if (result === null) await opened?.recording.discard();
    network.close();
  }
  const used = process.cpuUsage(cpu);
  const cost = {
    cpuSeconds: (used.user + used.system) / 1e6,
    wallSeconds: (performance.now() - wall) / 1000,
  };
  return { data: { ...dataOf(result, cost), ...venueClock.data() }, text: textOf(ctx, result, cost) };
}

/** After frames were lost the windows' books cannot be trusted: they are read again, and that is recorded. */
function resyncAll(live: LiveFeeds): void {
  for (const { downToken, upToken } of live.windows()) {
    live.resync(upToken);
    live.resync(downToken);
  }
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function dataOf(result: RecordingResult, cost: Cost) {
  const { manifest } = result;
  return {
    tape: result.tape,
    frames: result.stats.frames,
    events: result.stats.events,
    bytes: result.stats.bytes,
    hash: result.hash,
    drops: result.drops,
    dropped: result.stats.dropped,
    perFeed: result.perFeed,
    files: manifest.files.length,
    windows: manifest.windows.length,
    windowsComplete: manifest.windows.filter((window) => window.complete).length,
    from: manifest.from === null ? null : isoTime(manifest.from),
    to: manifest.to === null ? null : isoTime(manifest.to),
    cpuSeconds: round(cost.cpuSeconds, 3),
    cpuPerWallSecond: round(cost.cpuSeconds / Math.max(cost.wallSeconds, 0.001), 3),
  };
}

function textOf(ctx: CommandContext, result: RecordingResult, cost: Cost): string {
  const { manifest, stats } = result;
  const rows = Object.entries(result.perFeed).map(([feed, of]) => [
    feed as FeedName,
    countText(of.frames),
    bytesText(of.chars),
    countText(of.dropped),
  ]);
  return [
    facts([
      ["tape", result.tape],
      ["frames, events", `${countText(stats.frames)}, ${countText(stats.events)}`],
      ["size", `${bytesText(stats.bytes)} in ${manifest.files.length} file(s)`],
      [
        "windows",
        `${manifest.windows.length}, ${manifest.windows.filter((w) => w.complete).length} complete`,
      ],
      ["from", manifest.from === null ? "-" : isoTime(manifest.from)],
      ["to", manifest.to === null ? "-" : isoTime(manifest.to)],
      ["dropped", countText(stats.dropped)],
      ["cost", `${(cost.cpuSeconds / Math.max(cost.wallSeconds, 0.001)).toFixed(2)} cores`],
      ["hash", result.hash ?? "-"],
    ], ctx.color),
    table({
      head: ["feed", "frames", "text", "dropped"],
      align: ["left", "right", "right", "right"],
      rows,
      color: ctx.color,
    }),
  ].join("\n\n");
}
