/**
 * The market environment over several threads: this one plays a part of the rows and workers play the others. Rows know
 * nothing of each other, so the steps are the same bits as with one thread.
 */
import { invariant, OperationError } from "../../core/errors.ts";
import type { Action } from "../../core/policy/policy.ts";
import { MARKET_ACTIONS, type MarketEnvSnapshot, tellRow } from "../../models/env/market_env.ts";
import { MarketRow, type RowSnapshot } from "../../models/env/market_row.ts";
import { observationSize } from "../../models/env/observation.ts";
import type { EnvStep, VectorEnv } from "../../models/ppo/env.ts";
import type { WorkerStart } from "./row_worker.ts";
import { buildRows } from "./rows.ts";
import type { TrainSettings } from "./settings.ts";
import {
  COMMAND,
  newBuffers,
  readMail,
  rowsOf,
  type SharedViews,
  viewsOf,
  WORD,
  WORDS,
  writeMail,
} from "./shared_steps.ts";
import type { TapeEvents } from "./tape_events.ts";

/** A worker that has not answered for so long is dead: restoring plays a whole chapter again. */
const DEADLINE_MS = 600_000;

function broken(worker: number, what: string): OperationError {
  return new OperationError({
    code: "TRAIN_WORKER_FAILED",
    message: `Cannot go on training with worker ${worker}: ${what}`,
    hint: "Resume from the checkpoint with --workers 1 to see the fault in the main thread.",
  });
}

export class ParallelEnv implements VectorEnv {
  readonly numEnvs: number;
  readonly obsSize: number;
  readonly actions = MARKET_ACTIONS;
  private readonly views: SharedViews;
  private readonly workers: Worker[] = [];
  /** Rows of this thread, the first ones. */
  private readonly own: readonly MarketRow[];
  /** Actions of every row's chapter: what a snapshot is made of. */
  private readonly logs: number[][];
  private readonly chapterOf: Int32Array;
  private turn = 0;

  /** `threads` in all, at least 2 and at most as many as there are rows. */
  constructor(settings: TrainSettings, tapes: readonly TapeEvents[], threads: number) {
    invariant(threads >= 2 && threads <= settings.rows, `${threads} threads for ${settings.rows} rows`);
    this.numEnvs = settings.rows;
    this.obsSize = observationSize(settings.observation);
    const buffers = newBuffers(this.numEnvs, this.obsSize, threads);
    this.views = viewsOf(buffers);
    this.logs = Array.from({ length: this.numEnvs }, () => []);
    this.chapterOf = new Int32Array(this.numEnvs);
    const [from, to] = rowsOf(this.numEnvs, threads, 0);
    this.own = buildRows(settings, tapes, from, to).map((options) => new MarketRow(options));
    for (let worker = 1; worker < threads; worker++) {
      const thread = new Worker(new URL("./row_worker.ts", import.meta.url).href, { type: "module" });
      thread.postMessage({ settings, tapes, buffers, worker } satisfies WorkerStart);
      this.workers.push(thread);
    }
  }

  reset(out: EnvStep): void {
    this.order(COMMAND.reset, (row) => row.reset());
    for (const log of this.logs) log.length = 0;
    this.finish(out);
  }

  step(actions: Int32Array, out: EnvStep): void {
    this.views.actions.set(actions);
    this.order(COMMAND.step, (row, at) => row.step(actions[at] as Action));
    for (let at = 0; at < this.numEnvs; at++) this.logs[at]!.push(actions[at]!);
    this.finish(out);
  }

  snapshot(): MarketEnvSnapshot {
    const rows = this.logs.map((log, at): RowSnapshot => ({
      chapter: this.chapterOf[at]!,
      actions: Uint8Array.from(log).toBase64(),
    }));
    return { format: "poly-edge-market-env-1", rows };
  }

  restore(snapshot: unknown, out: EnvStep): void {
    const { format, rows } = snapshot as MarketEnvSnapshot;
    invariant(format === "poly-edge-market-env-1" && rows.length === this.numEnvs, "a foreign snapshot");
    this.workers.forEach((_, i) => {
      const [from, to] = rowsOf(this.numEnvs, this.views.workers, i + 1);
      if (!writeMail(this.views, i + 1, rows.slice(from, to))) {
        throw broken(i + 1, "its rows' snapshot is too large");
      }
    });
    this.order(COMMAND.restore, (row, at) => row.restore(rows[at]!));
    rows.forEach(({ chapter, actions }, at) => {
      this.chapterOf[at] = chapter;
      this.logs[at] = [...Uint8Array.fromBase64(actions)];
    });
    this.finish(out);
  }

  /** Ends the workers. */
  close(): void {
    for (const worker of this.workers) worker.terminate();
    this.workers.length = 0;
  }

  /** Wakes the workers, does this thread's own rows, and waits for the others. */
  private order(command: number, own: (row: MarketRow, at: number) => void): void {
    const { control, chapters, step } = this.views;
    this.turn++;
    for (let worker = 1; worker < this.views.workers; worker++) {
      control[worker * WORDS + WORD.command] = command;
      Atomics.store(control, worker * WORDS + WORD.turn, this.turn);
      Atomics.notify(control, worker * WORDS + WORD.turn);
    }
    this.own.forEach((row, at) => {
      own(row, at);
      tellRow(row, step, at);
      chapters[at] = row.chapterNumber;
    });
    for (let worker = 1; worker < this.views.workers; worker++) this.wait(worker);
  }

  private wait(worker: number): void {
    const { control } = this.views;
    const at = worker * WORDS;
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const done = Atomics.load(control, at + WORD.done);
      if (done === this.turn) break;
      if (performance.now() > deadline) throw broken(worker, `no answer for ${DEADLINE_MS / 1000} s`);
      Atomics.wait(control, at + WORD.done, done, 1_000);
    }
    if (control[at + WORD.failed] === 1) throw broken(worker, String(readMail(this.views, worker)));
  }

  private finish(out: EnvStep): void {
    const { step, chapters } = this.views;
    out.observations.set(step.observations);
    out.finalObservations.set(step.finalObservations);
    out.rewards.set(step.rewards);
    out.terminated.set(step.terminated);
    out.truncated.set(step.truncated);
    for (let at = 0; at < this.numEnvs; at++) {
      if (chapters[at] === this.chapterOf[at]) continue;
      // The row went on to another chapter: nothing was decided there yet.
      this.chapterOf[at] = chapters[at]!;
      this.logs[at]!.length = 0;
    }
  }
}
