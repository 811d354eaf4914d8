/**
 * Jobs over workers. The order in which jobs finish has no influence on anything: results stand where their jobs stood.
 */
import { invariant, OperationError } from "../../core/errors.ts";
import { type Job, type JobResult, runJob } from "./backtest_job.ts";
import type { Answer, Order, Trouble } from "./backtest_worker.ts";

export interface PoolOptions {
  /** Threads; below two the jobs run in this one. */
  readonly workers: number;
  readonly signal: AbortSignal;
  /** How much there is to do in each job, largest first started. */
  readonly weights: readonly number[];
  /** Hears how many events job `index` has done. */
  readonly onProgress: (index: number, events: number) => void;
}

function errorOf(trouble: Trouble): Error {
  const { message, operation } = trouble;
  if (operation === null) return new Error(message);
  const { code, hint, details, exit } = operation;
  return new OperationError({ code, message, details, exit, ...(hint === undefined ? {} : { hint }) });
}

/** Runs one job in a worker that is idle. */
function runIn(worker: Worker, job: Job, onProgress: (events: number) => void): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.type === "progress") onProgress(data.events);
      else if (data.type === "done") resolve(data.result);
      else reject(errorOf(data.trouble));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`a worker stopped: ${event.message}`));
    };
    worker.postMessage({ type: "job", job } satisfies Order);
  });
}

/** The jobs' numbers, largest first; equal ones in their own order. */
const startingOrder = (weights: readonly number[]): number[] =>
  weights.map((_, index) => index).sort((a, b) => weights[b]! - weights[a]! || a - b);

/**
 * Does all jobs and gives their results in the order of the jobs; null for those an interrupt left undone. The first
 * error ends everything.
 */
export async function runJobs(jobs: readonly Job[], options: PoolOptions): Promise<(JobResult | null)[]> {
  const { signal, weights, onProgress } = options;
  invariant(weights.length === jobs.length, "one weight for each job");
  const results: (JobResult | null)[] = jobs.map(() => null);
  const count = Math.min(options.workers, jobs.length);
  if (count < 2) {
    for (const [index, job] of jobs.entries()) {
      if (signal.aborted) break;
      results[index] = await orNull(
        runJob(job, { signal, onProgress: (events) => onProgress(index, events) }),
        signal,
      );
    }
    return results;
  }
  const queue = startingOrder(weights);
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL("./backtest_worker.ts", import.meta.url).href, { type: "module" }),
  );
  const abort = () => workers.forEach((worker) => worker.postMessage({ type: "abort" } satisfies Order));
  signal.addEventListener("abort", abort);
  try {
    await Promise.all(workers.map(async (worker) => {
      for (let index = queue.shift(); index !== undefined && !signal.aborted; index = queue.shift()) {
        const at = index;
        const done = runIn(worker, jobs[at]!, (events) => onProgress(at, events));
        results[at] = await orNull(done, signal);
      }
    }));
    return results;
  } finally {
    signal.removeEventListener("abort", abort);
    for (const worker of workers) worker.terminate();
  }
}

/** What an interrupt cut short has no result; every other error stands. */
async function orNull(work: Promise<JobResult>, signal: AbortSignal): Promise<JobResult | null> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}
