/** The thread that plays some of the rows: sleeps on shared memory, does what it is told, says that it is done. */
import type { Action } from "../../core/policy/policy.ts";
import { MarketRow, type RowSnapshot } from "../../models/env/market_row.ts";
import { tellRow } from "../../models/env/market_env.ts";
import { buildRows } from "./rows.ts";
import type { TrainSettings } from "./settings.ts";
import {
  COMMAND,
  readMail,
  rowsOf,
  type SharedBuffers,
  type SharedViews,
  viewsOf,
  WORD,
  WORDS,
  writeMail,
} from "./shared_steps.ts";
import type { TapeEvents } from "./tape_events.ts";

/** The one message a worker gets; everything after it goes over shared memory. */
export interface WorkerStart {
  readonly settings: TrainSettings;
  readonly tapes: readonly TapeEvents[];
  readonly buffers: SharedBuffers;
  readonly worker: number;
}

/** Does one command for rows from `from` on. */
function obey(command: number, rows: readonly MarketRow[], views: SharedViews, start: WorkerStart): void {
  const [from] = rowsOf(views.numEnvs, views.workers, start.worker);
  const snapshots = command === COMMAND.restore ? readMail(views, start.worker) as RowSnapshot[] : [];
  rows.forEach((row, i) => {
    if (command === COMMAND.reset) row.reset();
    else if (command === COMMAND.restore) row.restore(snapshots[i]!);
    else row.step(views.actions[from + i] as Action);
    tellRow(row, views.step, from + i);
    views.chapters[from + i] = row.chapterNumber;
  });
}

function serve(start: WorkerStart): void {
  const views = viewsOf(start.buffers);
  const [from, to] = rowsOf(views.numEnvs, views.workers, start.worker);
  const rows = buildRows(start.settings, start.tapes, from, to).map((options) => new MarketRow(options));
  const { control } = views;
  const at = start.worker * WORDS;
  for (let turn = 0;;) {
    Atomics.wait(control, at + WORD.turn, turn);
    turn = Atomics.load(control, at + WORD.turn);
    const command = control[at + WORD.command]!;
    if (command === COMMAND.end) return;
    try {
      obey(command, rows, views, start);
    } catch (error) {
      control[at + WORD.failed] = 1;
      writeMail(views, start.worker, String(error instanceof Error ? error.stack ?? error.message : error));
    }
    Atomics.store(control, at + WORD.done, turn);
    Atomics.notify(control, at + WORD.done);
  }
}

const scope = globalThis as unknown as { onmessage: ((event: MessageEvent<WorkerStart>) => void) | null };
scope.onmessage = ({ data }) => serve(data);
