/** The thread of a worker: takes a job, tells how far it is, gives the result. */
import { OperationError } from "../../core/errors.ts";
import { type Job, type JobResult, runJob } from "./backtest_job.ts";

/** To a worker. */
export type Order = { readonly type: "job"; readonly job: Job } | { readonly type: "abort" };

/** An error as it crosses from thread to thread. */
export interface Trouble {
  readonly message: string;
  /** Set for an OperationError. */
  readonly operation: Pick<OperationError, "code" | "hint" | "details" | "exit"> | null;
}

/** From a worker. */
export type Answer =
  | { readonly type: "progress"; readonly events: number }
  | { readonly type: "done"; readonly result: JobResult }
  | { readonly type: "failed"; readonly trouble: Trouble };

interface Scope {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(answer: Answer): void;
}
const scope = globalThis as unknown as Scope;

function troubleOf(error: unknown): Trouble {
  if (!(error instanceof OperationError)) return { message: String(error), operation: null };
  const { code, hint, exit, message } = error;
  // Details may hold what cannot be copied; as JSON they can.
  const details = JSON.parse(JSON.stringify(error.details)) as OperationError["details"];
  return { message, operation: { code, hint, exit, details } };
}

let controller = new AbortController();
scope.onmessage = ({ data }) => {
  if (data.type === "abort") return controller.abort(new DOMException("stopped", "AbortError"));
  controller = new AbortController();
  const { signal } = controller;
  runJob(data.job, { signal, onProgress: (events) => scope.postMessage({ type: "progress", events }) })
    .then(
      (result) => scope.postMessage({ type: "done", result }),
      (error) => scope.postMessage({ type: "failed", trouble: troubleOf(error) }),
    );
};
