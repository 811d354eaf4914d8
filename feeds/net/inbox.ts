/**
 * Frames on their way to the decoders, in the order of their arrival over all feeds. As long as we keep up, a frame is
 * handled the moment it comes. When one turn of the event loop has spent its budget, what follows waits for the next turn;
 * when too much waits, the oldest book frames go first, because a newer one replaces them. A frame that holds a whole book
 * leaves no older one of the same stream waiting: what is acted on is never older than what lies behind it. Nothing else is
 * ever left out.
 */

export interface Job {
  /** A frame that a later one replaces, or that its session can rebuild from a snapshot. */
  readonly book: boolean;
  readonly run: () => void;
  /** The stream whose waiting frames this one replaces altogether; absent for a frame that only changes something. */
  readonly replaces?: string;
  /** Called instead of `run` when the frame is left out. */
  readonly onShed?: () => void;
}

interface Waiting {
  readonly job: Job;
  readonly receivedUs: number;
  /** Left out; passed over when its turn comes. */
  gone: boolean;
}

/** Frames that were left out and still stand in the queue; beyond it they are cleared away. */
const MAX_GONE = 1_000;

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
  private gone = 0;
  private readonly newest = new Map<string, Waiting>();
  private spentUs = 0;
  private armed = false;
  private closed = false;
  private draining = false;
  private readonly budgetUs: number;
  private readonly maxBooks: number;
  private readonly maxJobs: number;

  constructor(private readonly options: InboxOptions) {
    this.budgetUs = options.budgetUs ?? 4_000;
    this.maxBooks = options.maxBooks ?? 1000;
    this.maxJobs = options.maxJobs ?? 10_000;
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.queue.length - this.head - this.gone;
  }

  /** What comes now waits for the next turn: bytes handed to the runtime leave when this one ends. */
  endTurn(): void {
    this.spentUs = Math.max(this.spentUs, this.budgetUs);
    this.arm();
  }

  push(job: Job): void {
    if (this.closed) return;
    const receivedUs = this.options.monotonicUs();
    const waiting: Waiting = { job, receivedUs, gone: false };
    if (this.waiting === 0 && this.spentUs < this.budgetUs) return this.runNow(waiting);
    if (job.replaces !== undefined) {
      const older = this.newest.get(job.replaces);
      if (older !== undefined) this.leaveOut(older);
      this.newest.set(job.replaces, waiting);
    }
    this.queue.push(waiting);
    if (job.book && ++this.books > this.maxBooks) this.shedOldestBook();
    // Without a book to leave out, handling the oldest here holds up the reader, which is what TCP is for.
    while (this.waiting > this.maxJobs) this.runNow(this.shift()!);
    this.arm();
  }

  /** Leaves out what waits and takes nothing more. */
  close(): void {
    this.closed = true;
    this.queue.length = 0;
    this.head = 0;
    this.books = 0;
    this.gone = 0;
    this.newest.clear();
  }

  private runNow({ job, receivedUs }: Waiting): void {
    this.receivedUs = receivedUs;
    this.arm();
    const started = this.waiting === 0 && !this.draining ? receivedUs : this.options.monotonicUs();
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
      this.draining = true;
      while (this.waiting > 0 && this.spentUs < this.budgetUs) this.runNow(this.shift()!);
      this.draining = false;
      if (this.waiting > 0) this.arm();
    });
  }

  /** The oldest that still counts. */
  private shift(): Waiting | null {
    for (;;) {
      const waiting = this.queue[this.head];
      if (waiting === undefined) return null;
      this.head++;
      if (waiting.gone) {
        this.gone--;
        continue;
      }
      const { book, replaces } = waiting.job;
      if (book) this.books--;
      if (replaces !== undefined && this.newest.get(replaces) === waiting) this.newest.delete(replaces);
      if (this.head > 1024 && this.head * 2 > this.queue.length) this.compact();
      return waiting;
    }
  }

  private shedOldestBook(): void {
    for (let i = this.head; i < this.queue.length; i++) {
      const waiting = this.queue[i]!;
      if (waiting.gone || !waiting.job.book) continue;
      if (waiting.job.replaces !== undefined && this.newest.get(waiting.job.replaces) === waiting) {
        this.newest.delete(waiting.job.replaces);
      }
      return this.leaveOut(waiting);
    }
  }

  private leaveOut(waiting: Waiting): void {
    waiting.gone = true;
    this.gone++;
    if (waiting.job.book) this.books--;
    this.shed++;
    if (this.gone > MAX_GONE) this.compact();
    waiting.job.onShed?.();
  }

  private compact(): void {
    const kept = this.queue.slice(this.head).filter(({ gone }) => !gone);
    this.queue.length = 0;
    for (const waiting of kept) this.queue.push(waiting);
    this.head = 0;
    this.gone = 0;
  }
}
