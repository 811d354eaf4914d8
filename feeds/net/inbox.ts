/**
 * Frames on their way to the decoders, in the order of their arrival over all feeds. As long as we keep up, a frame is
 * handled the moment it comes. When one turn of the event loop has spent its budget, what follows waits for the next turn. A
 * frame that holds a whole book leaves no older one of the same stream waiting: what is acted on is never older than what lies
 * behind it. A frame that changes a book cannot be left out alone. When it has waited too long and much waits behind it, or when
 * too many wait, all that wait of its book go together, and in their place it is said once that the book is void. Nothing but
 * frames of books is ever left out.
 */

export interface Job {
  /** A frame that a later one replaces, or that its session can rebuild from a snapshot. */
  readonly book: boolean;
  readonly run: () => void;
  /** The stream whose waiting frames this one replaces altogether; absent for a frame that only changes something. */
  readonly replaces?: string;
  /** The book that is void without this frame. */
  readonly changes?: string;
  /** Called when the frame is left out. */
  readonly onShed?: () => void;
  /** Called in this frame's turn, when it and all that waited of its book were left out: that book is void. */
  readonly onVoid?: () => void;
}

interface Waiting {
  readonly job: Job;
  readonly receivedUs: number;
  /** Left out; passed over when its turn comes. */
  gone: boolean;
  /** Left out with all of its book; its turn is to say so. */
  voids: boolean;
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
  /** A change of a book that has waited for longer goes, with all of its book, when more than `backlog` wait behind it. */
  readonly maxAgeUs?: number;
  /** Frames that are worked off rather than left out, however old: a pause of ours is no reason to lose a book. */
  readonly backlog?: number;
}

/** Work that waits at most; see the file's comment. */
export class Inbox {
  /** Frames left out since the beginning. */
  shed = 0;
  /** Most jobs that ever waited at once. */
  most = 0;
  /** A job is being handled: what it emits comes before all that waits. */
  running = false;
  /** When the frame being handled came, monotonic microseconds. */
  receivedUs = NaN;
  private readonly queue: Waiting[] = [];
  private head = 0;
  private books = 0;
  private gone = 0;
  private readonly newest = new Map<string, Waiting>();
  /** Books whose turn to be called void has not come yet. */
  private readonly voided = new Set<string>();
  private spentUs = 0;
  private armed = false;
  private closed = false;
  private draining = false;
  private readonly budgetUs: number;
  private readonly maxBooks: number;
  private readonly maxJobs: number;
  private readonly maxAgeUs: number;
  private readonly backlog: number;

  constructor(private readonly options: InboxOptions) {
    this.budgetUs = options.budgetUs ?? 4_000;
    this.maxBooks = options.maxBooks ?? 1000;
    this.maxJobs = options.maxJobs ?? 10_000;
    this.maxAgeUs = options.maxAgeUs ?? 15_000;
    this.backlog = options.backlog ?? 200;
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
    const waiting: Waiting = { job, receivedUs, gone: false, voids: false };
    if (this.waiting === 0 && this.spentUs < this.budgetUs) return this.runNow(waiting);
    if (job.changes !== undefined && this.voided.has(job.changes)) return this.shedOne(job);
    if (job.replaces !== undefined) {
      const older = this.newest.get(job.replaces);
      if (older !== undefined) this.leaveOut(older);
      this.newest.set(job.replaces, waiting);
    }
    this.queue.push(waiting);
    if (this.waiting > this.most) this.most = this.waiting;
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
    this.voided.clear();
  }

  private runNow(waiting: Waiting): void {
    const { job, receivedUs } = waiting;
    this.receivedUs = receivedUs;
    const started = this.waiting === 0 && !this.draining ? receivedUs : this.options.monotonicUs();
    if (job.book && !waiting.voids && this.isStale(waiting, started)) {
      if (job.changes === undefined) return this.shedOne(job);
      this.leaveOutBook(job.changes);
      this.shedOne(job);
      waiting.voids = true;
    }
    this.running = true;
    try {
      if (waiting.voids) job.onVoid?.();
      else job.run();
    } finally {
      this.running = false;
      this.spentUs += this.options.monotonicUs() - started;
      // Last, because a timer costs 50 us that an order of this frame would wait for.
      this.arm();
    }
  }

  /** Too old, with too much behind it. The newest of a stream of whole books is never too old: there is no better one. */
  private isStale({ job, receivedUs }: Waiting, nowUs: number): boolean {
    return job.replaces === undefined && nowUs - receivedUs > this.maxAgeUs && this.waiting > this.backlog;
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
      const { book, changes, replaces } = waiting.job;
      if (waiting.voids) this.voided.delete(changes!);
      else if (book) this.books--;
      if (replaces !== undefined && this.newest.get(replaces) === waiting) this.newest.delete(replaces);
      if (this.head > 1024 && this.head * 2 > this.queue.length) this.compact();
      return waiting;
    }
  }

  private shedOldestBook(): void {
    for (let i = this.head; i < this.queue.length; i++) {
      const waiting = this.queue[i]!;
      const { book, changes, replaces } = waiting.job;
      if (waiting.gone || waiting.voids || !book) continue;
      if (changes !== undefined) return this.voidBook(waiting, changes);
      if (replaces !== undefined && this.newest.get(replaces) === waiting) this.newest.delete(replaces);
      return this.leaveOut(waiting);
    }
  }

  /** The frame stays in its place to say that its book is void; what follows of that book goes. */
  private voidBook(oldest: Waiting, book: string): void {
    oldest.voids = true;
    this.books--;
    this.shedOne(oldest.job);
    this.voided.add(book);
    this.leaveOutBook(book);
  }

  private leaveOutBook(book: string): void {
    for (let i = this.head; i < this.queue.length; i++) {
      const waiting = this.queue[i]!;
      if (waiting.gone || waiting.voids || waiting.job.changes !== book) continue;
      waiting.gone = true;
      this.gone++;
      this.books--;
      this.shedOne(waiting.job);
    }
    if (this.gone > MAX_GONE) this.compact();
  }

  private leaveOut(waiting: Waiting): void {
    waiting.gone = true;
    this.gone++;
    if (waiting.job.book) this.books--;
    if (this.gone > MAX_GONE) this.compact();
    this.shedOne(waiting.job);
  }

  private shedOne(job: Job): void {
    this.shed++;
    job.onShed?.();
  }

  private compact(): void {
    const kept = this.queue.slice(this.head).filter(({ gone }) => !gone);
    this.queue.length = 0;
    for (const waiting of kept) this.queue.push(waiting);
    this.head = 0;
    this.gone = 0;
  }
}
