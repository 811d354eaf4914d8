/**
 * Training beside a paper session, as the session sees it: it hands over copies of the market events it was fed and hears
 * how the training goes. Nothing comes back into the session's engine, so its decisions stay those of its record.
 */
import { isAbsolute, join, resolve } from "node:path";
import { MessageChannel } from "node:worker_threads";
import type { EngineOptions } from "../../core/engine.ts";
import { OperationError } from "../../core/errors.ts";
import type { MarketEvent } from "../../core/events.ts";
import { BlockEncoder } from "../../feeds/tape/cache/encoder.ts";
import type { Config } from "../config/schema.ts";
import type { Warning } from "../command.ts";
import { type Checkpoint, METRICS_NAME, MODEL_NAME, readCheckpoint } from "./files.ts";
import { ONLINE_WORD, ONLINE_WORDS, type OnlineNews, type OnlineStart, OVER } from "./online_mail.ts";
import { MARKET_PPO, trainEngine, type TrainSettings } from "./settings.ts";

/** Events are handed over this often, wall ms. */
const HAND_OVER_MS = 200;
const ROWS = 8;
/** The source's name in checkpoints: `train --resume` refuses them, live events cannot be played again. */
const LIVE_SOURCE = "live market events";

/** `--train` and `--train-from`. */
export interface OnlineChoice {
  readonly folder: string;
  readonly from: string | null;
}

/** What an online training begins with. */
export type OnlinePlan = Pick<OnlineStart, "settings" | "folder" | "name" | "checkpoint" | "continued">;

const isLive = ({ settings: { source } }: Checkpoint): boolean =>
  source.kind === "tape" && source.names[0] === LIVE_SOURCE;

async function checkpointOf(
  { folder, from }: OnlineChoice,
): Promise<{ of: Checkpoint | null; own: boolean }> {
  const own = await readCheckpoint(folder);
  if (own !== null && (!isLive(own) || from !== null)) {
    throw new OperationError({
      code: "TRAIN_FOLDER_USED",
      message: `Cannot begin an online training in ${folder}: there is one of ${own.snapshot.steps} steps`,
      hint: isLive(own)
        ? "Leave out --train-from to go on with it, or name another folder."
        : "Name a new folder with --train, and this one with --train-from.",
      exit: 2,
    });
  }
  if (own !== null || from === null) return { of: own, own: own !== null };
  const other = await readCheckpoint(from);
  if (other !== null) return { of: other, own: false };
  throw new OperationError({
    code: "CHECKPOINT_MISSING",
    message: `Cannot begin with the training of ${from}: there is no checkpoint`,
    hint: "Name the folder of a training.",
    exit: 2,
  });
}

/**
 * Reads where to go on and checks what can be checked before the session begins. A checkpoint's network, observation,
 * reward, pace and PPO settings are kept; money and risk are the session's. Throws CHECKPOINT_INVALID, CHECKPOINT_MISSING,
 * TRAIN_FOLDER_USED, TRAIN_SIZING.
 */
export async function planOnline(
  choice: OnlineChoice,
  session: { readonly config: Config; readonly engine: EngineOptions; readonly seed: number },
): Promise<OnlinePlan> {
  const { of: checkpoint, own: continued } = await checkpointOf(choice);
  const begun: Omit<TrainSettings, "source" | "config"> = checkpoint?.settings ?? {
    rows: ROWS,
    decideEveryMs: session.engine.decideEveryMs ?? session.engine.policy.decideEveryMs,
    reward: "share",
    observation: "edge",
    network: "small",
    ppo: MARKET_PPO,
    seed: session.seed,
  };
  const settings: TrainSettings = {
    ...begun,
    source: { kind: "tape", names: [LIVE_SOURCE], judgeShare: 0 },
    config: session.config,
  };
  trainEngine(settings);
  const folder = isAbsolute(choice.folder) ? choice.folder : resolve(choice.folder);
  const name = choice.folder.replace(/[^A-Za-z0-9_.-]/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(-64);
  return { settings, folder, name: name.replace(/^[^A-Za-z0-9]+/, "") || "model", checkpoint, continued };
}

/** What ends a training that does not keep up; tests have others. */
export interface OnlineLimits {
  readonly script: URL;
  /** Bytes handed over and not played by every row. A day of full books is about 300 MB. */
  readonly backlogBytes: number;
  /** What is left is played and written within this time after the session, wall ms. */
  readonly endWithinMs: number;
}
export const ONLINE_LIMITS: OnlineLimits = {
  script: new URL("./online_worker.ts", import.meta.url),
  backlogBytes: 256_000_000,
  endWithinMs: 15_000,
};

/** A training under way. None of its methods throws: whatever fails ends the training and is one warning. */
export class OnlineTraining {
  private readonly encoder = new BlockEncoder();
  private readonly words: Int32Array;
  private readonly channel = new MessageChannel();
  private readonly worker: Worker;
  private readonly timer: ReturnType<typeof setInterval>;
  /** Bytes of the blocks that are not played, oldest first; the first one is number `played`. */
  private readonly sizes: number[] = [];
  private played = 0;
  private backlog = 0;
  private last: Extract<OnlineNews, { kind: "update" }> | null = null;
  private running = true;
  private collapse: string | null = null;
  private readonly ended = Promise.withResolvers<void>();

  constructor(
    private readonly plan: OnlinePlan,
    private readonly warn: (warning: Warning) => void,
    private readonly limits: OnlineLimits = ONLINE_LIMITS,
  ) {
    const control = new SharedArrayBuffer(4 * ONLINE_WORDS);
    this.words = new Int32Array(control);
    this.worker = new Worker(limits.script.href, { type: "module" });
    this.worker.onmessage = ({ data }: MessageEvent<OnlineNews>) => this.hear(data);
    this.worker.onerror = (event) => {
      // Unhandled it would end the whole process.
      event.preventDefault();
      this.stop(event.message);
    };
    const port = this.channel.port2;
    // Deno's own type of the port; node's is what the thread reads it with.
    this.worker.postMessage(
      { ...plan, port, control } satisfies OnlineStart,
      [port as unknown as Transferable],
    );
    this.timer = setInterval(() => this.guarded(() => this.handOver()), HAND_OVER_MS);
  }

  /** Takes the events of one frame, after they were decided upon. */
  seen(events: readonly MarketEvent[]): void {
    if (!this.running) return;
    this.guarded(() => {
      for (let i = 0; i < events.length; i++) {
        const more = i + 1 < events.length;
        if (!this.encoder.add(events[i]!, more)) {
          this.handOver();
          this.encoder.add(events[i]!, more);
        }
        if (this.encoder.full) this.handOver();
      }
    });
  }

  /** For the progress line. */
  note(): string {
    const { last } = this;
    const state = this.collapse !== null
      ? "training collapsed"
      : this.running
      ? "training"
      : "training stopped";
    if (last === null) return state;
    const episodes = Number.isFinite(last.episodeReturn) ? `, return ${last.episodeReturn.toFixed(2)}` : "";
    return `${state}: ${last.updates} updates, entropy ${last.entropy.toFixed(3)}${episodes}`;
  }

  /** Plays what was handed over, then ends the thread. */
  async close(): Promise<Record<string, unknown>> {
    if (this.running) {
      this.guarded(() => this.handOver());
      this.leave(OVER.played);
      const late = setTimeout(() => this.stop("it did not end in time"), this.limits.endWithinMs);
      await this.ended.promise;
      clearTimeout(late);
      this.end();
    }
    const { folder } = this.plan;
    const { last } = this;
    return {
      folder,
      metrics: join(folder, METRICS_NAME),
      model: last === null ? null : join(folder, MODEL_NAME),
      updates: last?.updates ?? 0,
      steps: last?.steps ?? 0,
      collapse: this.collapse,
    };
  }

  private hear(news: OnlineNews): void {
    if (news.kind === "update") this.last = news;
    else if (news.kind === "failed") this.stop(news.message);
    else if (news.kind === "done") this.end();
    else {
      this.collapse = news.message;
      this.warn({ code: "TRAIN_COLLAPSED", message: `${news.message}; trading goes on` });
    }
  }

  private handOver(): void {
    const played = Atomics.load(this.words, ONLINE_WORD.played);
    for (; this.played < played; this.played++) this.backlog -= this.sizes.shift()!;
    if (!this.running || this.encoder.events === 0) return;
    const { bytes } = this.encoder.close();
    // The encoder's own memory stays here.
    const copy = bytes.slice();
    this.sizes.push(copy.length);
    this.backlog += copy.length;
    if (this.backlog > this.limits.backlogBytes) {
      return this.stop(`it is ${Math.round(this.backlog / 1e6)} MB of events behind the market`);
    }
    this.channel.port1.postMessage(copy, [copy.buffer]);
    this.wake();
  }

  private leave(how: number): void {
    Atomics.store(this.words, ONLINE_WORD.over, how);
    this.wake();
  }

  private wake(): void {
    Atomics.add(this.words, ONLINE_WORD.posts, 1);
    Atomics.notify(this.words, ONLINE_WORD.posts);
  }

  private guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.stop(error instanceof Error ? error.message : String(error));
    }
  }

  private stop(why: string): void {
    if (!this.running) return;
    this.end();
    const kept = this.last === null
      ? "no model was written"
      : `the files are those of update ${this.last.updates}`;
    this.warn({
      code: "TRAINING_STOPPED",
      message: `The training stopped, trading goes on: ${why}; ${kept}.`,
    });
  }

  private end(): void {
    if (!this.running) return;
    this.running = false;
    clearInterval(this.timer);
    this.leave(OVER.now);
    this.worker.terminate();
    this.channel.port1.close();
    this.ended.resolve();
  }
}
