/**
 * The thread that learns beside a paper session: plays the session's market events with rows of its own, updates when the
 * buffer is full, writes the files. It sleeps on shared memory while the market has nothing new.
 */
import { createHash, type Hash } from "node:crypto";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { MarketEvent } from "../../core/events.ts";
import type { Asset, Instrument } from "../../core/market/instrument.ts";
import { BlockCursor } from "../../feeds/tape/cache/cursor.ts";
import { MarketEnv } from "../../models/env/market_env.ts";
import type { EventStream } from "../../models/env/market_row.ts";
import { observationSize } from "../../models/env/observation.ts";
import { kernelModelFile } from "../../models/file/kernel_model.ts";
import type { VectorEnv } from "../../models/ppo/env.ts";
import { Trainer } from "../../models/ppo/trainer.ts";
import { paperOptions } from "../trading/settings.ts";
import { VERSION } from "../version.ts";
import { type Checkpoint, CHECKPOINT_NAME, MODEL_NAME, openMetrics, writeWhole } from "./files.ts";
import { METRICS_HEADER, metricsLine } from "./metrics.ts";
import { ONLINE_WORD, type OnlineNews, type OnlineStart, OVER } from "./online_mail.ts";
import { networksOf, stakeOf, trainEngine, type TrainSettings } from "./settings.ts";
import { kept } from "./tape_events.ts";

/** Longest sleep, ms: `terminate` does not wake a thread, it has to see for itself that the session is over. */
const NAP_MS = 1_000;

/** Thrown through the trainer when the session is over and everything it saw is played. */
class SessionOver extends Error {}

interface Block {
  readonly events: readonly MarketEvent[];
  readonly mores: readonly boolean[];
}

/** The session's events so far as they came; what every row has played is forgotten. */
class LiveLog {
  /** Number of the oldest block that is kept. */
  base = 0;
  /** Before the first step a row may begin again: nothing is forgotten. */
  forgetting = false;
  readonly hash: Hash = createHash("sha256");
  private readonly streams = new Map<number, LiveStream>();
  private readonly blocks: Uint8Array<ArrayBuffer>[] = [];
  private readonly words: Int32Array;
  private readonly cursor = new BlockCursor();

  constructor(private readonly port: MessagePort, control: SharedArrayBuffer) {
    this.words = new Int32Array(control);
  }

  /** The stream of a row, from the oldest block on. */
  open(row: number): LiveStream {
    const stream = new LiveStream(this, this.base);
    this.streams.set(row, stream);
    return stream;
  }

  /** Block `number`; waits for it. Throws SessionOver when it will never come. */
  block(number: number): Block {
    while (number >= this.base + this.blocks.length) {
      const posts = Atomics.load(this.words, ONLINE_WORD.posts);
      const over = Atomics.load(this.words, ONLINE_WORD.over);
      if (over === OVER.now) throw new SessionOver();
      if (this.drain()) continue;
      if (over === OVER.played) throw new SessionOver();
      Atomics.wait(this.words, ONLINE_WORD.posts, posts, NAP_MS);
    }
    this.forget();
    // Rows that are at the same place share the decoded events; all others stay bytes, a tenth of the memory.
    for (const { number: at, block } of this.streams.values()) {
      if (at === number && block !== null) return block;
    }
    return this.decoded(this.blocks[number - this.base]!);
  }

  private decoded(bytes: Uint8Array<ArrayBuffer>): Block {
    const events: MarketEvent[] = [];
    const mores: boolean[] = [];
    if (!this.cursor.load(bytes)) throw new Error("a block of events is damaged in memory");
    this.cursor.run((event, more) => {
      events.push(kept(event));
      mores.push(more);
    });
    return { events, mores };
  }

  private drain(): boolean {
    let any = false;
    for (;;) {
      const mail = receiveMessageOnPort(this.port) as { message: Uint8Array<ArrayBuffer> } | undefined;
      if (mail === undefined) return any;
      any = true;
      this.hash.update(mail.message);
      this.blocks.push(mail.message);
    }
  }

  private forget(): void {
    if (!this.forgetting) return;
    const first = Math.min(...[...this.streams.values()].map(({ number }) => number));
    if (first === this.base) return;
    this.blocks.splice(0, first - this.base);
    this.base = first;
    Atomics.store(this.words, ONLINE_WORD.played, first);
  }
}

/** One row's way through the log. */
class LiveStream implements EventStream {
  more = false;
  /** Assets with a window so far: only these can be waited for. */
  readonly assets: Asset[] = [];
  block: Block | null = null;
  private at = 0;

  constructor(private readonly log: LiveLog, public number: number) {}

  next(): MarketEvent {
    while (this.block === null || this.at === this.block.events.length) {
      if (this.block !== null) this.number++;
      this.at = 0;
      this.block = null;
      this.block = this.log.block(this.number);
    }
    this.more = this.block.mores[this.at]!;
    const event = this.block.events[this.at++]!;
    if (event.type === "window" && !this.assets.includes(event.instrument.asset)) {
      this.assets.push(event.instrument.asset);
    }
    return event;
  }
}

/**
 * Rows over the same events: those of one asset see the same windows and draw their actions apart. Rows step together, so
 * all play windows of one length: those of a longer one would fall behind while the others wait for a settlement.
 */
function liveEnv(settings: TrainSettings, log: LiveLog): VectorEnv {
  const engine = trainEngine(settings);
  const duration = settings.config.durations[0];
  const env = new MarketEnv(Array.from({ length: settings.rows }, (_, row) => ({
    engine,
    exchange: () => paperOptions(settings.config),
    decideEveryMs: settings.decideEveryMs,
    reward: settings.reward,
    stake: stakeOf(engine),
    obsSize: observationSize(settings.observation),
    open: () => {
      const stream = log.open(row);
      const accept = ({ asset, duration: length }: Instrument): boolean =>
        length === duration && stream.assets[row % stream.assets.length] === asset;
      return { stream, accept };
    },
  })));
  const { numEnvs, obsSize, actions } = env;
  // No snapshot: what is over on a live market cannot be played again. A training that goes on begins with new rows.
  return { numEnvs, obsSize, actions, reset: (out) => env.reset(out), step: (a, out) => env.step(a, out) };
}

async function learn(start: OnlineStart, say: (news: OnlineNews) => void): Promise<void> {
  const { settings, folder, checkpoint } = start;
  const log = new LiveLog(start.port, start.control);
  const keepBytes = start.continued ? checkpoint?.metricsBytes ?? 0 : 0;
  const metrics = await openMetrics(folder, METRICS_HEADER, keepBytes);
  try {
    const trainer = new Trainer({
      env: liveEnv(settings, log),
      ...networksOf(settings.network, settings.observation),
      ppo: settings.ppo,
      seed: settings.seed,
      now: () => performance.now(),
    });
    if (checkpoint !== null) trainer.restore(checkpoint.snapshot);
    log.forgetting = true;
    for (;;) {
      const { diagnostics, collapse } = trainer.update();
      await metrics.append(metricsLine(diagnostics));
      // The weights of a collapse are no place to go on from: model and checkpoint stay those of before.
      if (collapse.kind === "collapsed") return say({ kind: "collapsed", message: collapse.message });
      await save(start, trainer, metrics.bytes, log);
      const { update: updates, steps, episodeReturn, entropy } = diagnostics;
      say({ kind: "update", updates, steps, episodeReturn, entropy });
    }
  } catch (error) {
    if (!(error instanceof SessionOver)) throw error;
  } finally {
    await metrics.close();
  }
}

/** Model and checkpoint, each whole or not at all. */
async function save(start: OnlineStart, trainer: Trainer, metricsBytes: number, log: LiveLog): Promise<void> {
  const { settings, folder, name } = start;
  const model = trainer.freeze();
  const file = kernelModelFile(model, {
    name,
    decideEveryMs: settings.decideEveryMs,
    provenance: {
      source: "poly-edge trade --paper --train (live market events)",
      trainingDataHash: log.hash.copy().digest("hex"),
      codeVersion: VERSION,
      seed: settings.seed,
      steps: model.trainedSteps,
    },
    // Nothing was kept back: `evaluate` judges the file on windows that it never saw.
    walkForward: null,
  });
  await writeWhole(folder, MODEL_NAME, file);
  const snapshot = trainer.snapshot();
  const checkpoint: Checkpoint = { format: "poly-edge-training-1", settings, snapshot, metricsBytes };
  await writeWhole(folder, CHECKPOINT_NAME, JSON.stringify(checkpoint));
}

interface Scope {
  onmessage: ((event: MessageEvent<OnlineStart>) => void) | null;
  postMessage(news: OnlineNews): void;
}
const scope = globalThis as unknown as Scope;
scope.onmessage = ({ data }) => {
  learn(data, (news) => scope.postMessage(news)).then(
    () => scope.postMessage({ kind: "done" }),
    (error: unknown) =>
      scope.postMessage({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
};
