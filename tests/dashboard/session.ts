/** A session on a synthetic tape, with its recorder, for tests of what watches it. */
import { join } from "node:path";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { MarketEvent } from "../../core/events.ts";
import { type Ms, ms } from "../../core/units.ts";
import { defaultConfig } from "../../commands/config/schema.ts";
import type { SessionMetrics } from "../../commands/dashboard/metric_list.ts";
import type { DashboardCharts, DashboardState, SessionInfo } from "../../commands/dashboard/model.ts";
import { SessionObserver } from "../../commands/dashboard/observer.ts";
import { buildCharts, buildState } from "../../commands/dashboard/state.ts";
import { SessionRecorder } from "../../commands/trading/recorder.ts";
import { engineOptions, paperOptions } from "../../commands/trading/settings.ts";
import { openWithCodecs, readFrames } from "../../commands/trading/tape_source.ts";
import { poly } from "../cli/harness.ts";
import { syntheticQuotes } from "../commands/synthetic_recording.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";

/** Gives `use` a tape of two windows and a scratch folder. */
export async function withTape(use: (tape: string, root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(2));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    if (made.code !== 0) throw new Error(made.err);
    await use(join(root, "tapes", "quotes"), root);
  });
}

export const INFO: SessionInfo = {
  id: "paper-20261121T093000Z-4f2a",
  mode: "paper",
  source: "tape",
  venue: "tape",
  strategy: "mean-revert",
  assets: ["btc"],
  durations: ["15m"],
  startedAt: 1_795_253_400_000,
  version: "0.1.0",
};

export interface TestSession extends SessionMetrics {
  /** Plays this share of the tape's frames from where it stands. */
  play(share: number): void;
  state(): DashboardState;
  charts(): DashboardCharts;
}

/** A paper session of mean-revert over the frames of `tape`; nothing is played yet. */
export async function openTestSession(tape: string): Promise<TestSession> {
  const config = { ...defaultConfig() };
  const frames: MarketEvent[][] = [];
  await readFrames(await openWithCodecs(tape), (events) => void frames.push([...events]));
  const observer = new SessionObserver();
  const settings = engineOptions(config, { strategy: "mean-revert", seed: 42, stops: false });
  const recorder = new SessionRecorder({
    engine: { ...settings, limits: { ...settings.limits, maxFastAgeMs: 120_000, maxSignalAgeMs: 60_000 } },
    exchange: new ExchangeModel(paperOptions(config)),
    monotonicUs: () => 0,
    observer,
  });
  let next = 0;
  return {
    info: INFO,
    recorder,
    observer,
    stages: () => recorder.latency.report(),
    play(share) {
      const end = Math.min(frames.length, next + Math.ceil(frames.length * share));
      for (; next < end; next++) recorder.frame(frames[next]!);
      if (next === frames.length) recorder.pump(ms(recorder.lastEventMs + 10_000) as Ms);
    },
    state: () =>
      buildState({
        recorder,
        observer,
        session: INFO,
        run: "running",
        quietMs: 0,
        madeAt: 1_795_253_500_000,
        feeds: {},
        maxBookAgeMs: 5000,
        maxFastAgeMs: 120_000,
        training: [],
      }),
    charts: () => buildCharts(recorder),
  };
}
