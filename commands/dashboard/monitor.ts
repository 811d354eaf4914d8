/** What `--dashboard` and `--metrics` open beside a command, and how they get at its session. */
import type { FeedSummary } from "../../feeds/net/metrics.ts";
import type { CommandContext } from "../command.ts";
import type { LatencyStage } from "../report/model.ts";
import type { SessionRecorder } from "../trading/recorder.ts";
import { parseAddress } from "./address.ts";
import type { MetricSource, SessionMetrics } from "./metric_list.ts";
import { openMetrics } from "./metrics.ts";
import type { DashboardCharts, DashboardState, RunState, StateSource } from "./model.ts";
import { SessionObserver } from "./observer.ts";
import { type DashboardServer, type RunningServer, serveDashboard, serveMetrics } from "./server.ts";
import { buildCharts, buildState } from "./state.ts";
import { TrainingLog } from "./training_log.ts";
import type { SessionWatch, Watched, WatchParts } from "./watched.ts";

const TRAINING_EVERY_MS = 2_000;
const LATENCY_EVERY_MS = 10_000;

/**
 * The watchers of one command. Without `monitor.dashboard` and `monitor.metrics` it opens nothing and costs nothing; a page
 * or a scrape before the session exists is told so.
 */
export class Monitor implements StateSource, MetricSource, SessionWatch {
  readonly observer = new SessionObserver();
  private watched: Watched | null = null;
  private feedSummaries: (() => Readonly<Record<string, FeedSummary>>) | null = null;
  private lastFeeds: Readonly<Record<string, FeedSummary>> = {};
  private run: RunState = "starting";
  private pageServer: DashboardServer | null = null;
  private metricsServer: RunningServer | null = null;
  private trainingTimer: ReturnType<typeof setInterval> | undefined;
  private lastEvents = -1;
  private lastChangeMs = 0;
  private longestLookMs = 0;
  private stages: readonly LatencyStage[] = [];
  private stagesAt = -Infinity;

  private constructor(
    private readonly ctx: CommandContext,
    private readonly training: TrainingLog | null,
  ) {}

  /** Opens what the configuration asks for, so that a taken port is told before anything else happens. Throws USAGE, LISTEN_EXPOSED, LISTEN_FAILED. */
  static async open(ctx: CommandContext, parts: WatchParts): Promise<Monitor> {
    const { dashboard, expose, hosts, metrics, training } = ctx.config.monitor;
    const monitor = new Monitor(ctx, training === "" ? null : new TrainingLog(training));
    const options = {
      expose,
      hosts,
      onFault: (error: unknown) => ctx.log.error("a look at the session failed", { message: String(error) }),
    };
    try {
      if (metrics !== "") {
        const address = parseAddress(metrics, "--metrics", expose);
        const made = openMetrics(
          monitor,
          parts.session ? ["session", "feeds", "process"] : ["feeds", "process"],
        );
        monitor.observer.onLatency = (seconds) =>
          made.observeLatency(monitor.watched?.info.strategy ?? "", seconds);
        const server = serveMetrics(made.text, made.contentType, { ...options, address });
        monitor.metricsServer = server;
        monitor.announce("metrics", `${server.url}metrics`, server.port);
      }
      if (dashboard !== "" && parts.session) {
        const address = parseAddress(dashboard, "--dashboard", expose);
        monitor.pageServer = serveDashboard(monitor, { ...options, address });
        monitor.announce("dashboard", monitor.pageServer.url, monitor.pageServer.port);
        monitor.followTraining();
      }
      return monitor;
    } catch (error) {
      await monitor.close();
      throw error;
    }
  }

  private announce(what: string, url: string, port: number): void {
    this.ctx.log.info(what, { url });
    this.ctx.record({ listening: what, url, port });
    if (this.ctx.config.monitor.expose) {
      this.ctx.warn({
        code: "LISTEN_EXPOSED",
        message: `The ${what} can be reached from other machines, and there is no password.`,
      });
    }
  }

  private followTraining(): void {
    const { training } = this;
    if (training === null) return;
    const read = () =>
      void training.read().catch((error: unknown) =>
        this.ctx.log.warn("the training log cannot be read", { message: String(error) })
      );
    read();
    this.trainingTimer = setInterval(read, TRAINING_EVERY_MS);
  }

  bind(watched: Watched): void {
    this.watched = watched;
    this.run = "running";
  }

  /** Where feed figures come from while the sockets are open. */
  setFeeds(summaries: () => Readonly<Record<string, FeedSummary>>): void {
    this.feedSummaries = summaries;
  }

  /** The sockets are about to close: what they were is kept. */
  sessionEnded(): void {
    this.run = "ended";
    this.lastFeeds = this.feeds();
    this.feedSummaries = null;
  }

  feeds(): Readonly<Record<string, FeedSummary>> {
    return this.feedSummaries?.() ?? this.lastFeeds;
  }

  session(): SessionMetrics | null {
    const { observer, watched } = this;
    return watched === null ? null : { ...watched, observer, stages: () => this.latency(watched.recorder) };
  }

  dashboard(): { readonly clients: number; readonly dropped: number; readonly longestLookMs: number } {
    const hub = this.pageServer?.hub;
    return { clients: hub?.size ?? 0, dropped: hub?.dropped ?? 0, longestLookMs: this.longestLookMs };
  }

  /** Null before there is a session. */
  state(): DashboardState | null {
    const { watched } = this;
    if (watched === null) return null;
    const from = performance.now();
    const { risk } = this.ctx.config;
    const state = buildState({
      recorder: watched.recorder,
      observer: this.observer,
      session: watched.info,
      run: this.run,
      quietMs: this.quietMs(watched.recorder),
      madeAt: Date.now(),
      feeds: this.feeds(),
      maxBookAgeMs: risk.maxBookAgeMs,
      maxFastAgeMs: risk.maxFastAgeMs,
      training: this.training?.latest ?? [],
      latency: this.latency(watched.recorder),
    });
    this.longestLookMs = Math.max(this.longestLookMs, performance.now() - from);
    return state;
  }

  /** Merging the histograms of all assets and windows costs more than all the rest of a look, so it is done rarely. */
  private latency(recorder: SessionRecorder): readonly LatencyStage[] {
    const now = performance.now();
    if (now - this.stagesAt >= LATENCY_EVERY_MS) {
      this.stages = recorder.latency.report();
      this.stagesAt = now;
    }
    return this.stages;
  }

  private quietMs(recorder: SessionRecorder): number {
    const now = performance.now();
    if (recorder.events !== this.lastEvents) {
      this.lastEvents = recorder.events;
      this.lastChangeMs = now;
    }
    return Math.round(now - this.lastChangeMs);
  }

  charts(): DashboardCharts | null {
    if (this.watched === null) return null;
    const from = performance.now();
    const charts = buildCharts(this.watched.recorder);
    this.longestLookMs = Math.max(this.longestLookMs, performance.now() - from);
    return charts;
  }

  async close(): Promise<void> {
    clearInterval(this.trainingTimer);
    this.pageServer?.tick();
    await Promise.all([this.pageServer?.close(), this.metricsServer?.close()]);
    this.pageServer = null;
    this.metricsServer = null;
  }
}
