/** Sessions on disk, made in the test process from synthetic events, and replays of them. */
import { join } from "node:path";
import { configSchema } from "../../commands/config/schema.ts";
import type { EngineOptions } from "../../core/engine.ts";
import type { MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { EVENTS_NAME, type SessionStart } from "../../feeds/session/format.ts";
import { openSession } from "../../feeds/session/reader.ts";
import type { WriterSettings } from "../../feeds/session/writer.ts";
import { SessionRecorder } from "../../commands/trading/recorder.ts";
import { type ReplayOutcome, replaySession } from "../../commands/trading/replay_run.ts";
import { SessionFiles } from "../../commands/trading/session_files.ts";
import { sessionStart } from "../../commands/trading/session_start.ts";
import { engineOptions, paperOptions } from "../../commands/trading/settings.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { ExchangePort } from "../../core/session.ts";
import type { Group } from "./market.ts";

export const CONFIG = configSchema.parse({});

export interface Staged {
  readonly folder: string;
  readonly recorder: SessionRecorder;
  /** Wall ms that feeding took, recording included. */
  readonly feedMs: number;
}

export interface StageOptions {
  readonly root: string;
  readonly id: string;
  readonly strategy: string;
  readonly groups: Iterable<Group>;
  readonly exchange?: ExchangePort;
  readonly writer?: WriterSettings;
  /** `failed`: an error ended it. `kill`: the files as they were in the middle of writing, what waited is lost. */
  readonly end?: "failed" | "kill";
  readonly engine?: (options: EngineOptions) => EngineOptions;
  /** What session.json says instead of the truth, as another program would. */
  readonly stated?: (start: SessionStart) => SessionStart;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    await Deno.copyFile(join(from, entry.name), join(to, entry.name));
  }
}

/** A busy disk is behind the writer: returns when the file has some blocks and has stopped growing, or after a second. */
async function written(path: string): Promise<void> {
  let before = -1;
  for (let look = 0; look < 50; look++) {
    const { size } = await Deno.stat(path);
    if (size === before && size > 8_192) return;
    before = size;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Trades `groups` and leaves the session's folder behind. */
export async function stageSession(options: StageOptions): Promise<Staged> {
  const { strategy, id } = options;
  const plain = engineOptions(CONFIG, { strategy, seed: 42, stops: false });
  // The market's books come four times a second: a signal may be older than on real feeds.
  const patient = { ...plain, limits: { ...plain.limits, maxSignalAgeMs: 2_000 } };
  const engine = options.engine?.(patient) ?? patient;
  const start = sessionStart({ id, mode: "paper", source: "sockets", config: CONFIG, seed: 42, engine });
  const stated = options.stated?.(start) ?? start;
  const files = await SessionFiles.open(options.root, stated, options.writer ?? {});
  const recorder = new SessionRecorder({
    engine,
    exchange: options.exchange ?? new ExchangeModel(paperOptions(CONFIG)),
    monotonicUs: () => 0,
    writeDecision: (line) => files.writeDecision(line),
    record: files.record,
  });
  const from = performance.now();
  let fed = 0;
  for (const group of options.groups) {
    recorder.frame(group as MarketEvent[]);
    if (++fed % 512 === 0) await files.record.drained();
  }
  const feedMs = performance.now() - from;
  recorder.session.finish((recorder.lastEventMs + 10_000) as Ms);
  const folder = join(options.root, "sessions", id);
  if (options.end === undefined) await files.finish({ note: "staged" }, recorder.decisions.hash);
  if (options.end !== "kill") await files.close();
  else {
    await written(join(folder, EVENTS_NAME));
    await copyFolder(folder, `${folder}-killed`);
    await files.close();
  }
  return { folder: options.end === "kill" ? `${folder}-killed` : folder, recorder, feedMs };
}

export const replayed = async (
  folder: string,
): Promise<{ outcome: ReplayOutcome; warnings: string[] }> => {
  const recording = await openSession(folder);
  const outcome = await replaySession(recording);
  return { outcome, warnings: recording.warnings.map((warning) => warning.code) };
};
