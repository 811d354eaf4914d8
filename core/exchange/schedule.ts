/** Things to do at a time, in order of time and, where times are equal, of arrival. */
import type { Ms } from "../units.ts";

interface Task {
  readonly at: number;
  readonly run: (at: Ms) => void;
}

export class Schedule {
  private readonly tasks: Task[] = [];

  /** Fractions of a millisecond are rounded up. */
  add(at: number, run: (at: Ms) => void): void {
    const task = { at: Math.ceil(at), run };
    let i = this.tasks.length;
    while (i > 0 && this.tasks[i - 1]!.at > task.at) i--;
    this.tasks.splice(i, 0, task);
  }

  /** Runs everything due up to `now`, what that adds included. */
  runUntil(now: number): void {
    while (this.tasks.length > 0 && this.tasks[0]!.at <= now) {
      const task = this.tasks.shift()!;
      task.run(task.at as Ms);
    }
  }

  /** Time of the next thing to do, Infinity when idle. */
  get nextDue(): number {
    return this.tasks[0]?.at ?? Infinity;
  }
}
