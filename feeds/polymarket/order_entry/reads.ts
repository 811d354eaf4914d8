/** The private reads: repeated within bounds when nothing, or a busy server, answered; typed, or an HttpError. */
import type { LifeInput } from "../../../core/orders/lifecycle_types.ts";
import { fieldsOf, textOf } from "../../../core/orders/lifecycle_reply.ts";
import { readLookup } from "../../../core/orders/lifecycle_wire.ts";
import { ms } from "../../../core/units.ts";
import type { Clock } from "../../clock.ts";
import { backoffMs } from "../../net/backoff.ts";
import { HttpError, statusFailure } from "../../net/http.ts";
import type { Gauge } from "./gauge.ts";
import { bodyOf, type Wire, type WireAnswer, type WireEnd } from "./wire.ts";

export interface ReadDesk {
  readonly wire: Wire;
  readonly gauge: Gauge;
  readonly clock: Clock;
  readonly random: () => number;
  /** Wall ms of one attempt. */
  readonly deadlineMs: number;
  readonly retries: number;
  /** Ends the pauses between attempts. */
  readonly stop: AbortSignal;
}

export interface ReadRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Counts in the budget of the ledger routes. */
  readonly data?: boolean;
  readonly retries?: number;
}

const BACKOFF = { firstMs: 250, maxMs: 5000 };
/** Longest `Retry-After` waited out inside a read, venue ms. */
const MAX_HONOURED_MS = 10_000;

const queryOf = (query: ReadRequest["query"]): string =>
  new URLSearchParams(
    Object.entries(query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined),
  ).toString();

const isTransient = (end: WireEnd): boolean =>
  end.ok
    ? end.status === 429 || end.status === 425 || end.status >= 500
    : end.error.code === "NETWORK" || end.error.code === "TIMEOUT";

/** One read with its repetitions; any status. Throws HttpError when no answer came, or our budget forbids it. */
export async function readAnswer(desk: ReadDesk, request: ReadRequest): Promise<WireAnswer> {
  const retries = request.retries ?? desk.retries;
  for (let attempt = 0;; attempt++) {
    if (request.data === true) desk.gauge.take("data");
    const end = await desk.wire.start({
      method: "GET",
      path: request.path,
      query: queryOf(request.query),
      deadlineMs: desk.deadlineMs,
    }).end;
    desk.gauge.observe("read", end);
    const waitMs = Math.max(
      backoffMs(attempt, desk.random, BACKOFF),
      end.ok ? end.retryAfterMs ?? 0 : 0,
    );
    if (!isTransient(end) || attempt >= retries || waitMs > MAX_HONOURED_MS || desk.stop.aborted) {
      if (end.ok) return end;
      throw end.error;
    }
    try {
      await desk.clock.sleep(ms(Math.ceil(waitMs)), desk.stop);
    } catch (cause) {
      throw new HttpError("ABORTED", `Cannot finish GET ${request.path}: stopped`, { cause });
    }
  }
}

/** The body of a 200. Throws HttpError. */
export async function readBody(desk: ReadDesk, request: ReadRequest): Promise<unknown> {
  const answer = await readAnswer(desk, request);
  if (answer.status !== 200) throw statusFailure(request.path, answer, answer.text);
  return bodyOf(answer.text);
}

/** As `readBody`, through a codec. Throws HttpError, BAD_JSON when the codec cannot read it. */
export async function readAs<T>(
  desk: ReadDesk,
  request: ReadRequest,
  codec: (body: unknown) => T | null,
): Promise<T> {
  return valueOf(await readAnswer(desk, request), request.path, (text) => codec(bodyOf(text)));
}

/** What `codec` makes of a 200. Throws HttpError for another status, BAD_JSON for another shape (`codec` gives null). */
export function valueOf<T>(answer: WireAnswer, path: string, codec: (text: string) => T | null): T {
  if (answer.status !== 200) throw statusFailure(path, answer, answer.text);
  const value = codec(answer.text);
  if (value !== null) return value;
  throw new HttpError("BAD_JSON", `Cannot read the answer of GET ${path}: another shape`, {
    status: 200,
    body: answer.text.slice(0, 200),
  });
}

/** The venue's own 404 for an order; a 404 of anything in between says nothing. */
const saysAbsent = ({ status, text }: WireAnswer): boolean =>
  status === 404 && /order not found/i.test(textOf(fieldsOf(bodyOf(text))["error"]));

/**
 * Asks for one hash. "Not found" sets an order's budget free, so it counts only when both routes agree: the single order's
 * 404 and an empty page of the list, which gives an order whatever its status. Null: no answer, or none that can be read.
 */
export async function lookupOrder(
  desk: ReadDesk,
  hash: string,
): Promise<Extract<LifeInput, { readonly type: "lookup" }> | null> {
  const askedAt = desk.clock.now();
  const about = () => ({ hash, askedAt, at: desk.clock.now() });
  try {
    const path = `/data/order/${encodeURIComponent(hash)}`;
    const first = await readAnswer(desk, { path, data: true, retries: 0 });
    if (first.status === 200) return readOrder(first, about());
    if (!saysAbsent(first)) return null;
    const second = await readAnswer(desk, {
      path: "/data/orders",
      query: { id: hash },
      data: true,
      retries: 0,
    });
    return second.status === 200 ? readList(second, about()) : null;
  } catch (error) {
    if (error instanceof HttpError) return null;
    throw error;
  }
}

type About = Parameters<typeof readLookup>[1];

/** The single order's route answers an object; `[]` from it is no answer. */
function readOrder({ text }: WireAnswer, about: About) {
  const body = bodyOf(text);
  return textOf(fieldsOf(body)["id"]) === "" ? null : readLookup(body, about);
}

function readList({ text }: WireAnswer, about: About) {
  const body = bodyOf(text);
  return Array.isArray(fieldsOf(body)["data"]) ? readLookup(body, about) : null;
}
