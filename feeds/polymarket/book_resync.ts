/**
 * Reads books again over REST when the socket's are void. The answer is older than deltas that arrived meanwhile; such an
 * answer would undo them, so it is dropped and asked for again, until there is a book or the token is forgotten. The same holds
 * for an answer to a question that was asked before deltas were left out.
 */
import type { BookDeltaEvent, BookEvent } from "../../core/events.ts";
import { ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { FeedLog } from "../net/feed_context.ts";
import type { HttpClient } from "../net/http.ts";
import { fetchBook } from "./clob_rest.ts";

export interface ResyncOptions {
  readonly http: HttpClient;
  readonly clob: string;
  readonly clock: Clock;
  readonly log: FeedLog;
  readonly signal: AbortSignal;
  /** Hands the book on behind the frames that wait, if it `holds` then; resolves to whether it did. */
  readonly offer: (event: BookEvent, holds: () => boolean) => Promise<boolean>;
}

const PAUSE_MS = 500;
/** After an answer that changes have overtaken: the next one has a fair chance, and nobody trades on the book meanwhile. */
const OVERTAKEN_PAUSE_MS = 150;
const MAX_PAUSE_MS = 5000;
/** Every token that a socket may have. */
const MAX_PENDING = 200;

interface Wait {
  /** Newest exchange time seen on the socket since the request. */
  newestMs: number;
  /** How often deltas were left out since the request. */
  losses: number;
  /** The socket sent a snapshot: nothing to do any more. */
  done: boolean;
}

export class BookResync {
  private readonly waits = new Map<string, Wait>();
  private readonly tasks = new Set<Promise<void>>();

  constructor(private readonly options: ResyncOptions) {}

  /** Tokens being read again. */
  get pending(): number {
    return this.waits.size;
  }

  /** Asks for a token's book; does nothing while it is being asked for. */
  request(token: string): void {
    if (this.waits.has(token) || this.waits.size >= MAX_PENDING || this.options.signal.aborted) return;
    const wait: Wait = { newestMs: 0, losses: 0, done: false };
    this.waits.set(token, wait);
    const task = this.run(token, wait).finally(() => {
      if (this.waits.get(token) === wait) this.waits.delete(token);
      this.tasks.delete(task);
    });
    this.tasks.add(task);
  }

  /** Deltas were left out: asks for the book, and what was asked for before does not count. */
  lost(token: string): void {
    const wait = this.waits.get(token);
    if (wait !== undefined && !wait.done) wait.losses++;
    else {
      // One that is done has its book under way, from before the loss.
      this.waits.delete(token);
      this.request(token);
    }
  }

  /** Nobody wants this token's book any more. */
  forget(token: string): void {
    const wait = this.waits.get(token);
    if (wait !== undefined) wait.done = true;
  }

  /** Every book event of the socket while something is pending. */
  saw(event: BookEvent | BookDeltaEvent): void {
    const wait = this.waits.get(event.token);
    if (wait === undefined) return;
    if (event.type === "book") wait.done = true;
    else wait.newestMs = Math.max(wait.newestMs, event.tExchange);
  }

  async closed(): Promise<void> {
    await Promise.all(this.tasks);
  }

  private async run(token: string, wait: Wait): Promise<void> {
    const { clob, clock, http, log, offer, signal } = this.options;
    for (let attempt = 0; !wait.done && !signal.aborted; attempt++) {
      const pauseAfter = (firstMs: number) =>
        ms(Math.min(MAX_PAUSE_MS, firstMs * 2 ** Math.min(attempt, 10)));
      const { losses } = wait;
      const holds = (book: BookEvent) =>
        !wait.done && wait.losses === losses && book.tExchange >= wait.newestMs;
      try {
        const book = await fetchBook(http, clob, token, () => clock.now(), { signal, retries: 0 });
        if (wait.done || signal.aborted) return;
        if (book !== null && holds(book)) {
          const here = { ...book, tReceive: ms(clock.now()) };
          if (await offer(here, () => holds(book) && (wait.done = true))) return;
        }
        await clock.sleep(pauseAfter(book === null ? PAUSE_MS : OVERTAKEN_PAUSE_MS), signal);
      } catch (error) {
        if (signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        // Said once: what goes on for long is told by the book that stays untrusted.
        log[attempt === 0 ? "warn" : "debug"]("cannot read a book again", { token, message });
        await clock.sleep(pauseAfter(PAUSE_MS), signal).catch(() => {});
      }
    }
  }
}
