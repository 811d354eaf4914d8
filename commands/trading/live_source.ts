/** Feeds a session from sockets until its windows are settled, its time is over, or it is told to stop. */
import type { LatencyEvent, MarketEvent } from "../../core/events.ts";
import type { Asset, Duration } from "../../core/market/instrument.ts";
import { type Ms, ms } from "../../core/units.ts";
import { type LiveFeeds, openLive } from "../../feeds/live.ts";
import { type Network, openNetwork } from "../../feeds/net/network.ts";
import { asVenueError } from "../../feeds/venue_error.ts";
import type { CommandContext, OpenVenue } from "../command.ts";
import { watchOf } from "../dashboard/watch.ts";
import { clockTime, moneyText, signedMoneyText } from "../output.ts";
import type { FeedRow } from "../report/model.ts";
import { feedOptionsOf } from "../stream_options.ts";
import { openVenueClock, type VenueClock } from "../venue_clock.ts";
import { Admission, isComplete, wholeWindows } from "./admission.ts";
import type { SessionRecorder } from "./recorder.ts";

/** How long a settlement may keep us after the last window's end. */
const SETTLE_PATIENCE_MS = 180_000;
/** Requests in flight are answered within this time of venue ms after a stop. */
const DRAIN_MS = 1_000;

export interface LiveRun {
  readonly venue: OpenVenue;
  readonly assets: readonly Asset[];
  readonly durations: readonly Duration[];
  /** Windows per asset and length, null for no limit. */
  readonly windows: number | null;
  /** Venue time to run, null for no limit. */
  readonly forMs: Ms | null;
}

/** What live trading does beside the feeds. */
export interface RunHooks {
  /** Looks at events before the engine does; what it returns is what the session is fed. */
  readonly judge?: (events: readonly MarketEvent[]) => readonly MarketEvent[];
  /** Called a few times a second of wall time; a reason ends the session. */
  readonly tick?: (now: Ms) => string | null;
  /** What was measured since the last time, when it is time to tell the engine. */
  readonly latency?: (now: Ms) => LatencyEvent | null;
  /** After the engine was told to stop, while the feeds still run: orders end and trades settle. */
  readonly stopped?: () => Promise<void>;
  /** What the engine was just fed, after it decided; must be quick and must not throw. */
  readonly seen?: (events: readonly MarketEvent[]) => void;
  /** The feeds are open; called once. */
  readonly opened?: (feeds: Pick<LiveFeeds, "queue">) => void;
  /** More for the progress line. */
  readonly note?: () => string;
}

/** Feed health rows for the report. */
export function feedRows(feeds: LiveFeeds): FeedRow[] {
  return Object.entries(feeds.metrics()).map(([feed, summary]) => ({
    feed,
    state: summary.state,
    frames: summary.frames,
    perSecond: summary.perSecond,
    ageMsP50: summary.ageMs?.p50 ?? null,
    ageMsP99: summary.ageMs?.p99 ?? null,
    gaps: summary.gaps,
    reconnects: summary.reconnects,
    unrecognised: summary.unrecognised,
  }));
}

/** Runs the session. Returns the feeds' final health. Throws what the feeds or the recorder throw. */
export async function runLive(
  ctx: CommandContext,
  run: LiveRun,
  recorder: SessionRecorder,
  hooks: RunHooks = {},
): Promise<FeedRow[]> {
  const network = openNetwork(ctx.config.network.proxy);
  let venueClock: VenueClock | null = null;
  try {
    venueClock = await openVenueClock(ctx, run.venue, network);
    return await runOn(ctx, run, recorder, network, hooks);
  } catch (error) {
    throw asVenueError(error, run.venue.profile);
  } finally {
    await venueClock?.close();
    network.close();
  }
}

async function runOn(
  ctx: CommandContext,
  run: LiveRun,
  recorder: SessionRecorder,
  network: Network,
  hooks: RunHooks,
): Promise<FeedRow[]> {
  const admission = new Admission(wholeWindows(run.windows));
  const stop = new AbortController();
  const onSignal = () => stop.abort(new DOMException("stopped", "AbortError"));
  ctx.signal.addEventListener("abort", onSignal, { once: true });
  if (ctx.signal.aborted) onSignal();
  const { clock, credentials, profile } = run.venue;
  const startedAt = clock.now();
  const progress = ctx.progress("trade");
  let receivedUs = NaN;
  let handledUs = NaN;
  // The feeds outlive the stop for a moment, so that answers under way still find a clock.
  let opened: LiveFeeds | null = null;
  const feeds = opened = await openLive({
    ...feedOptionsOf(ctx.config),
    profile,
    clock,
    network,
    assets: run.assets,
    durations: run.durations,
    credentials,
    log: ctx.log,
    signal: new AbortController().signal,
    onFrame: (_feed, _raw, _tReceive, atUs) => {
      receivedUs = atUs;
      handledUs = clock.monotonicUs();
    },
    onEvents: (events) => {
      const { ordersSent } = recorder.engine;
      const admitted = events.filter((event) => admission.take(event));
      const taken = hooks.judge?.(admitted) ?? admitted;
      recorder.frame(taken, receivedUs, handledUs);
      if (recorder.engine.ordersSent > ordersSent) opened?.endTurn();
      hooks.seen?.(taken);
      // Events without a frame of their own (clock, strikes) must not be timed from an old one.
      receivedUs = handledUs = NaN;
    },
  });
  watchOf(ctx)?.setFeeds(() => feeds.metrics());
  hooks.opened?.(feeds);
  const series = run.assets.length * run.durations.length;
  const finished = (): boolean => {
    const now = clock.now();
    if (run.forMs !== null && now - startedAt >= run.forMs) return true;
    if (!isComplete(admission, run.windows, series)) return false;
    if (recorder.settledCount() >= admission.windows.length) return true;
    const lastEnd = Math.max(...admission.windows.map((window) => window.endMs));
    return now > lastEnd + SETTLE_PATIENCE_MS;
  };
  try {
    let ended: string | null = null;
    while (!finished() && !stop.signal.aborted) {
      ended = hooks.tick?.(clock.now()) ?? null;
      if (ended !== null) break;
      tellLatency(recorder, hooks, clock.now());
      showProgress(progress, run, { recorder, admission, hooks }, clock.now() - startedAt);
      for (const token of recorder.suspectTokens()) feeds.resync(token);
      const wait = clock.sleep(ms(Math.ceil(200 * clock.speed)), stop.signal).catch(() => {});
      await Promise.race([wait, feeds.done]);
    }
    const now = ms(Math.max(clock.now(), recorder.lastEventMs));
    recorder.frame([{ type: "stop", reason: ended ?? "session over", tExchange: now, tReceive: now }]);
    if (hooks.stopped === undefined) await Promise.race([clock.sleep(ms(DRAIN_MS)), feeds.done]);
    else await hooks.stopped();
    return feedRows(feeds);
  } finally {
    progress.stop();
    watchOf(ctx)?.sessionEnded();
    ctx.signal.removeEventListener("abort", onSignal);
    await feeds.close();
  }
}

function tellLatency(recorder: SessionRecorder, hooks: RunHooks, now: Ms): void {
  // Frames that wait are older: time must not go back for them.
  const event = hooks.latency?.(ms(Math.max(now, recorder.lastEventMs))) ?? null;
  if (event !== null) recorder.frame([event]);
}

function showProgress(
  progress: ReturnType<CommandContext["progress"]>,
  run: LiveRun,
  { recorder, admission, hooks }: {
    readonly recorder: SessionRecorder;
    readonly admission: Admission;
    readonly hooks: RunHooks;
  },
  elapsedMs: number,
): void {
  const { engine } = recorder;
  const note = [
    clockTime(run.venue.clock.now()),
    `equity ${moneyText(engine.equity())} (${signedMoneyText(recorder.pnl().provisional)})`,
    `${recorder.fillCount} fills`,
    `${recorder.settledCount()}/${admission.windows.length} windows settled`,
    ...(hooks.note === undefined ? [] : [hooks.note()]),
  ].join("  ");
  const windowMs = admission.windows.reduce((sum, window) => sum + window.endMs - window.startMs, 0);
  if (run.forMs !== null) return progress.update(Math.min(elapsedMs, run.forMs), run.forMs, note);
  const now = run.venue.clock.now();
  const done = admission.windows.reduce(
    (sum, window) => sum + Math.min(window.endMs, Math.max(window.startMs, now)) - window.startMs,
    0,
  );
  const series = run.assets.length * run.durations.length;
  const wanted = run.windows === null || admission.windows.length === 0
    ? Math.max(1, windowMs)
    : windowMs / admission.windows.length * run.windows * series;
  progress.update(Math.round(done / 1000), Math.round(wanted / 1000), note);
}
