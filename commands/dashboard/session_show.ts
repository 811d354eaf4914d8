/** Serves the page of a session's folder until the signal; follows the folder while its session runs. */
import type { CommandContext } from "../command.ts";
import type { LatencyStage } from "../report/model.ts";
import { parseAddress } from "./address.ts";
import { type DashboardState, sessionInfo, type StateSource } from "./model.ts";
import { serveDashboard } from "./server.ts";
import { manifestOf, openPlayer, playFrom, type RecordPlayer } from "./session_view.ts";
import { buildCharts, buildState } from "./state.ts";
import { TrainingLog } from "./training_log.ts";

const FOLLOW_EVERY_MS = 1_000;
/** A record is read from its beginning each time: never for more than a tenth of the time. */
const FOLLOW_SHARE = 10;

export interface ShownSession {
  readonly session: string;
  readonly url: string;
  readonly events: number;
  readonly state: string;
}

const numberOf = (value: unknown): number => typeof value === "number" && Number.isFinite(value) ? value : 0;

/** `latencyUs` of a session's result; empty while there is no result, or one without it. */
export function recordedStages(result: unknown): LatencyStage[] {
  const stages = (result as { latencyUs?: unknown } | null)?.latencyUs;
  if (typeof stages !== "object" || stages === null) return [];
  return Object.entries(stages as Record<string, unknown>).flatMap(([stage, value]) => {
    if (typeof value !== "object" || value === null) return [];
    const of = value as Record<string, unknown>;
    return [{
      stage,
      n: numberOf(of["n"]),
      p50Us: numberOf(of["p50"]),
      p95Us: numberOf(of["p95"]),
      p99Us: numberOf(of["p99"]),
      maxUs: numberOf(of["max"]),
      bins: [],
    }];
  });
}

/** The start of a session stands in its name: `paper-20261121T093000Z-4f2a`. Null when it does not. */
function startedAtOf(id: string): number | null {
  const found = /-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(id);
  if (found === null) return null;
  const [, year, month, day, hour, minute, second] = found.map(Number);
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
}

class FolderSource implements StateSource {
  ended = false;
  stages: readonly LatencyStage[] = [];
  grownAt = performance.now();

  constructor(
    private readonly player: RecordPlayer,
    private readonly training: TrainingLog | null,
  ) {}

  state(): DashboardState {
    const { recorder, observer, manifest: { start } } = this.player;
    return buildState({
      recorder,
      observer,
      session: {
        ...sessionInfo(start, startedAtOf(start.id) ?? recorder.firstEventMs ?? 0),
        source: "record",
      },
      run: this.ended ? "ended" : "running",
      quietMs: this.ended ? 0 : Math.round(performance.now() - this.grownAt),
      madeAt: Date.now(),
      feeds: {},
      maxBookAgeMs: numberOf(start.limits["maxBookAgeMs"]),
      maxFastAgeMs: numberOf(start.limits["maxFastAgeMs"]),
      training: this.training?.latest ?? [],
      latency: this.stages,
    });
  }

  charts() {
    return buildCharts(this.player.recorder);
  }
}

/** Wall ms, or until the signal. */
function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, timeMs);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Serves until the signal. Throws what opening, playing and listening throw. */
export async function showSession(
  ctx: CommandContext,
  folder: string,
  fallback: string,
  onListen: (url: string, port: number) => void,
): Promise<ShownSession> {
  const { dashboard, expose, hosts, training } = ctx.config.monitor;
  const address = parseAddress(dashboard === "" ? fallback : dashboard, "--listen", expose);
  const { recording, player } = await openPlayer(folder);
  const log = training === "" ? null : new TrainingLog(training);
  const source = new FolderSource(player, log);
  const onFault = (error: unknown) =>
    ctx.log.error("a look at the session failed", { message: String(error) });
  const server = serveDashboard(source, { address, expose, hosts, onFault });
  let played = 0;
  try {
    onListen(server.url, server.port);
    while (!ctx.signal.aborted) {
      const from = performance.now();
      // Before the record: one that is finished now is whole in what is read next.
      const manifest = await manifestOf(folder);
      const before = played;
      if (!source.ended) played = await playFrom(recording, player, played, ctx.signal);
      if (played > before) source.grownAt = performance.now();
      source.ended = manifest.state !== "open";
      source.stages = recordedStages(manifest.result);
      await log?.read();
      const took = performance.now() - from;
      await pause(Math.max(FOLLOW_EVERY_MS, took * FOLLOW_SHARE), ctx.signal);
    }
  } finally {
    await server.close();
  }
  return {
    session: player.manifest.start.id,
    url: server.url,
    events: played,
    state: source.ended ? "ended" : "running",
  };
}
