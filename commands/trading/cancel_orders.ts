/**
 * Cancels orders and proves that they are gone: cancel, read the open orders to the end, and again while some are left, as
 * long as was asked for. Uses nothing of our own bookkeeping, so it works whoever placed the orders.
 */
import { OperationError } from "../../core/errors.ts";
import { ms } from "../../core/units.ts";
import type { Clock } from "../../feeds/clock.ts";
import { HttpError } from "../../feeds/net/http.ts";
import type { CancelAllReply, ListedOrder, OrderEntry } from "../../feeds/polymarket/order_entry/types.ts";

/**
 * How long by default: a restart of the engine takes some 90 s and is followed by minutes of post-only mode, and whoever wants
 * the proof wants it, not a second command.
 */
export const CANCEL_FOR = "5m";
/** Whatever the clock says. */
const MAX_ROUNDS = 10_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

export interface CancelJob {
  readonly entry: Pick<OrderEntry, "cancelAll" | "cancelMarket" | "openOrders">;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly signal: AbortSignal;
  /** Windows whose orders are meant, asked for each condition id that is open; null: all orders. */
  readonly wanted: ((conditionId: string) => Promise<boolean>) | null;
  /** Goes on this long, ms of the clock; the last round begins when it is over. */
  readonly forMs: number;
  /** Told of every wait and of what is left; ms that are over and ms in all. */
  readonly onProgress: (doneMs: number, totalMs: number, note: string) => void;
}

export interface CancelResult {
  /** Order hashes that the venue named as cancelled. */
  readonly canceled: readonly string[];
  /** Reason by hash, of those that are not among `canceled`. */
  readonly notCanceled: Readonly<Record<string, string>>;
  /** Open orders (of those meant) as the last whole listing has them; null: no listing could be read to the end. */
  readonly openAfter: number | null;
  readonly left: readonly string[];
  /** What went wrong last, in words; null when nothing did. */
  readonly trouble: string | null;
}

interface Tally {
  readonly canceled: Set<string>;
  readonly reasons: Map<string, string>;
  open: readonly ListedOrder[] | null;
  trouble: string | null;
}

function count(tally: Tally, reply: CancelAllReply): void {
  for (const hash of reply.canceled) tally.canceled.add(hash);
  for (const [hash, reason] of Object.entries(reply.notCanceled)) tally.reasons.set(hash, reason);
}

async function listed(job: CancelJob): Promise<ListedOrder[]> {
  const { rows } = await job.entry.openOrders();
  if (job.wanted === null) return [...rows];
  const meant: ListedOrder[] = [];
  const known = new Map<string, boolean>();
  for (const row of rows) {
    let is = known.get(row.conditionId);
    if (is === undefined) known.set(row.conditionId, is = await job.wanted(row.conditionId));
    if (is) meant.push(row);
  }
  return meant;
}

/** One round: cancel what is meant, then look. */
async function round(job: CancelJob, tally: Tally): Promise<void> {
  if (job.wanted === null) count(tally, await job.entry.cancelAll());
  else {
    const before = await listed(job);
    tally.open = before;
    for (const id of new Set(before.map((order) => order.conditionId))) {
      count(tally, await job.entry.cancelMarket(id));
    }
  }
  tally.open = null;
  tally.open = await listed(job);
}

/** Faults that pass by themselves. A refusal of the login or of the place does not. */
function passing(error: unknown): error is HttpError {
  if (!(error instanceof HttpError)) return false;
  const { code, status } = error;
  if (code === "HTTP_STATUS") return status === 425 || status === 408 || status !== null && status >= 500;
  return code === "NETWORK" || code === "TIMEOUT" || code === "RATE_LIMITED" || code === "BAD_JSON" ||
    code === "SNAPSHOT_INCOMPLETE";
}

function waitOf(attempt: number, error: HttpError | null): number {
  const doubled = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return Math.min(MAX_WAIT_MS, Math.max(doubled, error?.retryAfterMs ?? 0));
}

const troubleText = (error: HttpError): string =>
  error.status === 425 ? "the venue restarts its engine" : error.message;

function resultOf(tally: Tally): CancelResult {
  const { canceled, open, reasons, trouble } = tally;
  const left = open === null ? [] : open.map(({ hash }) => hash);
  const notCanceled: Record<string, string> = {};
  for (const [hash, reason] of reasons) if (!canceled.has(hash)) notCanceled[hash] = reason;
  for (const hash of left) notCanceled[hash] ??= canceled.has(hash) ? "still listed as open" : "no answer";
  return {
    canceled: [...canceled].filter((hash) => !left.includes(hash)),
    notCanceled,
    openAfter: open === null ? null : open.length,
    left,
    trouble,
  };
}

/**
 * Cancels and looks until nothing meant is open or the time is over. Throws what does not pass by waiting: a refused
 * login (HttpError), a geo-block, ABORTED when the signal came. Never throws because orders are left: see `openAfter`.
 */
export async function cancelOrders(job: CancelJob): Promise<CancelResult> {
  const from = job.clock.now();
  const tally: Tally = { canceled: new Set(), reasons: new Map(), open: null, trouble: null };
  for (let attempt = 0; attempt < MAX_ROUNDS; attempt++) {
    job.signal.throwIfAborted();
    const isLast = job.clock.now() - from >= job.forMs;
    let failure: HttpError | null = null;
    try {
      await round(job, tally);
      tally.trouble = null;
      if (tally.open?.length === 0) break;
    } catch (error) {
      if (!passing(error)) throw error;
      failure = error;
      tally.trouble = troubleText(error);
    }
    const doneMs = job.clock.now() - from;
    if (isLast) break;
    const wait = Math.max(1, Math.min(waitOf(attempt, failure), job.forMs - doneMs));
    const note = failure === null
      ? `${tally.open?.length ?? "?"} still open`
      : `${tally.trouble}; again in ${(wait / 1000).toFixed(1)} s`;
    job.onProgress(Math.min(doneMs, job.forMs), job.forMs, note);
    await job.clock.sleep(ms(wait), job.signal);
  }
  return resultOf(tally);
}

/** The 401 of a private call as the refusal it is; everything else as it came. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof HttpError) || error.code !== "HTTP_STATUS" || error.status !== 401) return error;
  return new OperationError({
    code: "AUTH_REFUSED",
    message: "Cannot use the account: the venue answers 401 to its API credentials",
    hint:
      "Check POLY_API_KEY, its secret and passphrase and POLY_ADDRESS, or run `poly-edge keys derive-api`.",
    details: { status: 401 },
    exit: 4,
    cause: error,
  });
}
