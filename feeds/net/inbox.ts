/**
 * Frames on their way to the decoders, in the order of their arrival over all feeds. As long as we keep up, a frame is
 * handled the moment it comes. When one turn of the event loop has spent its budget, what follows waits for the next turn;
 * when too much waits, the oldest book frames go first, because a newer one replaces them. Nothing else is ever left out.
 */

export interface Job {
  /** A frame that a later one replaces, or that its session can rebuild from a snapshot. */
  readonly book: boolean;
  readonly run: () => void;
  /** Called instead of `run` when the frame is left out. */
  readonly onShed?: () => void;
}

interface Waiting extends Job {
  readonly receivedUs: number;
}

export interface InboxOptions {
  readonly monotonicUs: () => number;
  /** Runs `work` in a later turn of the event loop. */
  readonly later: (work: () => void) => void;
  /** Work of one turn, wall microseconds. */
  readonly budgetUs?: number;
  /** Book frames that may wait. */
  readonly maxBooks?: number;
  /** Frames of all kinds that may wait; beyond it the oldest are handled at once, so that the socket is read more slowly. */
  readonly maxJobs?: number;
}

/** Work that waits at most; see the file's comment. */
export class Inbox {
  /** Frames left out since the beginning. */
  shed = 0;
  /** A job is being handled: what it emits comes before all that waits. */
  running = false;
  /** When the frame being handled came, monotonic microseconds. */
  receivedUs = NaN;
  private readonly queue: Waiting[] = [];
  private head = 0;
  private books = 0;
  private spentUs = 0;
  private armed = false;
  private closed = false;
  private readonly budgetUs: number;
  private readonly maxBooks: number;
  private readonly maxJobs: number;

  constructor(private readonly options: InboxOptions) {
    this.budgetUs = options.budgetUs ?? 25_000;
    this.maxBooks = options.maxBooks ?? 1000;
    this.maxJobs = options.maxJobs ?? 10_000;
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.queue.length - this.head;
  }

  push(job: Job): void {
    if (this.closed) return;
    if (this.waiting === 0 && this.spentUs < this.budgetUs) return this.runNow(job);
    const { book, onShed, run } = job;
    const receivedUs = this.options.monotonicUs();
    this.queue.push({ book, run, receivedUs, ...(onShed === undefined ? {} : { onShed }) });
    if (job.book && ++this.books > this.maxBooks) this.shedOldestBook();
    // Without a book to leave out, handling the oldest here holds up the reader, which is what TCP is for.
    while (this.waiting > this.maxJobs) this.runNow(this.shift());
    this.arm();
  }

  /** Leaves out what waits and takes nothing more. */
  close(): void {
    this.closed = true;
    this.queue.length = 0;
    this.head = 0;
    this.books = 0;
  }

  private runNow(job: Job | Waiting): void {
    const started = this.options.monotonicUs();
    this.receivedUs = "receivedUs" in job ? job.receivedUs : started;
    this.arm();
    this.running = true;
    job.run();
    this.running = false;
    this.spentUs += this.options.monotonicUs() - started;
  }

  /** A new turn begins once the loop has been round. */
  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.options.later(() => {
      this.armed = false;
      this.spentUs = 0;
      while (this.waiting > 0 && this.spentUs < this.budgetUs) this.runNow(this.shift());
      if (this.waiting > 0) this.arm();
    });
  }

  private shift(): Waiting {
    const job = this.queue[this.head]!;
    this.head++;
    if (job.book) this.books--;
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
    return job;
  }

  private shedOldestBook(): void {
    for (let i = this.head; i < this.queue.length; i++) {
      const job = this.queue[i]!;
      if (!job.book) continue;
      this.queue.splice(i, 1);
      this.books--;
      this.shed++;
      job.onShed?.();
      return;
    }
  }
}
