/** Is a silent book quiet or frozen? REST knows (py-clob-client#292: sockets that answer PONG and nothing else for hours). */
import { type Ms, ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { FeedLog } from "../net/feed_context.ts";
import type { HttpClient } from "../net/http.ts";
import { isObject, parseJson } from "../net/sink.ts";
import type { Silence } from "../net/supervisor.ts";

/** What the socket said last of a token. */
export interface LastWord {
  readonly timestampMs: number;
  /** The frame that said it, for its hash; "" when it is not known. */
  readonly text: string;
}

export interface BookCheckOptions {
  readonly http: HttpClient;
  readonly clob: string;
  readonly clock: Clock;
  readonly log: FeedLog;
  readonly signal: AbortSignal;
}

/** News on its way must not look like news that was withheld. */
const GRACE_MS = 2000;
const MAX_TOKENS = 100;

interface RestBook {
  readonly hash: string;
  readonly timestampMs: number;
}

/** The hash that a frame of the socket gives for a token; null without one. */
export function hashIn(text: string, token: string): string | null {
  const parsed = parseJson(text);
  let hash: string | null = null;
  for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
    if (!isObject(message)) continue;
    const rows: readonly unknown[] = Array.isArray(message.price_changes) ? message.price_changes : [message];
    for (const row of rows) {
      if (isObject(row) && row.asset_id === token && typeof row.hash === "string") hash = row.hash;
    }
  }
  return hash;
}

/** Pure: what REST's book says of our silence. */
export function judgeSilence(token: string, rest: RestBook | undefined, ours: LastWord | undefined): Silence {
  // No book, nothing to tell: not created yet, or closed.
  if (rest === undefined) return "quiet";
  // There is a book, and the subscription has not shown it yet: its own deadline decides.
  if (ours === undefined) return "unknown";
  if (rest.timestampMs <= ours.timestampMs) return "quiet";
  return rest.hash !== "" && rest.hash === hashIn(ours.text, token) ? "quiet" : "newer";
}

/**
 * Asks for the books of silent tokens in one call and judges each. "newer" is given only after a pause in which the news could
 * have come. Never rejects: an unreachable REST host proves nothing.
 */
export async function checkBooks(
  options: BookCheckOptions,
  tokens: readonly string[],
  lastWord: (token: string) => LastWord | undefined,
): Promise<ReadonlyMap<string, Silence>> {
  const { clob, clock, http, log, signal } = options;
  const asked = tokens.slice(0, MAX_TOKENS);
  const ours = new Map(asked.map((token) => [token, lastWord(token)]));
  let raw: unknown;
  try {
    raw = await http.post(`${clob}/books`, asked.map((token_id) => ({ token_id })), { signal });
  } catch (error) {
    if (!signal.aborted) {
      log.debug("cannot compare silent books with REST", {
        message: error instanceof Error ? error.message : "",
      });
    }
    return new Map();
  }
  const books = new Map<string, RestBook>();
  for (const book of Array.isArray(raw) ? raw : []) {
    if (!isObject(book) || typeof book.asset_id !== "string") continue;
    const timestampMs = Number(book.timestamp);
    if (!(timestampMs > 0)) continue;
    books.set(book.asset_id, { hash: typeof book.hash === "string" ? book.hash : "", timestampMs });
  }
  const answers = new Map(
    asked.map((token) => [token, judgeSilence(token, books.get(token), ours.get(token))]),
  );
  if ([...answers.values()].includes("newer")) {
    try {
      await clock.sleep(ms(GRACE_MS) as Ms, signal);
    } catch {
      return new Map();
    }
  }
  return answers;
}
