/** Is a silent book quiet or frozen? REST knows (py-clob-client#292: sockets that answer PONG and nothing else for hours). */
import type { BookEvent } from "../../core/events.ts";
import { ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { FeedLog } from "../net/feed_context.ts";
import type { HttpClient } from "../net/http.ts";
import type { Silence } from "../net/supervisor.ts";
import { fetchBooks } from "./clob_rest.ts";
import type { ShadowBooks } from "./shadow_books.ts";

export interface BookCheckOptions {
  readonly http: HttpClient;
  readonly clob: string;
  readonly clock: Clock;
  readonly log: FeedLog;
  readonly signal: AbortSignal;
}

/** News on its way must not look like news that was withheld: venue ms, and wall ms for a venue that runs faster. */
const GRACE_MS = 2000;
const GRACE_WALL_MS = 500;
const MAX_TOKENS = 100;

/**
 * Pure: what REST's book says of our silence. The levels decide rather than the stamp or the hash, which covers the stamp: what
 * the venue stamps when nothing changed is not documented.
 */
export function judgeSilence(
  rest: BookEvent | undefined,
  ours: ShadowBooks,
  asked: { readonly token: string; readonly seen: boolean },
): Silence {
  // No book, nothing to tell: not created yet, or closed.
  if (rest === undefined) return "quiet";
  const told = asked.seen ? ours.timestampMs(asked.token) : null;
  // There is a book, and this socket has not shown it yet: its own deadline decides.
  if (told === null) return "unknown";
  if (ours.same(rest)) return "quiet";
  // REST answers out of a cache now and then: an older book proves nothing.
  return rest.tExchange > told ? "newer" : "unknown";
}

/**
 * Asks for the books of silent tokens in one call and judges each. "newer" is given only after a pause in which the news could
 * have come. Never rejects: an unreachable REST host proves nothing.
 */
export async function checkBooks(
  options: BookCheckOptions,
  tokens: readonly string[],
  ours: ShadowBooks,
  seen: (token: string) => boolean,
): Promise<ReadonlyMap<string, Silence>> {
  const { clob, clock, http, log, signal } = options;
  const asked = tokens.slice(0, MAX_TOKENS);
  try {
    const books = await fetchBooks(http, clob, asked, () => clock.now(), { signal });
    const byToken = new Map(books.map((book) => [book.token, book]));
    const answers = new Map(
      asked.map((token) => [token, judgeSilence(byToken.get(token), ours, { token, seen: seen(token) })]),
    );
    if ([...answers.values()].includes("newer")) {
      await clock.sleep(ms(Math.max(GRACE_MS, Math.ceil(GRACE_WALL_MS * clock.speed))), signal);
    }
    return answers;
  } catch (error) {
    if (!signal.aborted) {
      const message = error instanceof Error ? error.message : String(error);
      log.debug("cannot compare silent books with REST", { message });
    }
    return new Map();
  }
}
