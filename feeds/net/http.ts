/**
 * JSON over HTTP with a deadline, a size cap and a typed failure. The venue's Cloudflare answers 403 "error code: 1010"
 * to a default library agent (polymarket dossier 1, 2026-10-03), so every request names ours.
 */
import { OperationError } from "../../core/errors.ts";
import { ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import { type BackoffLimits, backoffMs } from "./backoff.ts";
import type { Network } from "./network.ts";

export const USER_AGENT = "poly-edge/0.1.0";

export type HttpFailureCode =
  | "NETWORK"
  | "TIMEOUT"
  | "HTTP_STATUS"
  | "BAD_JSON"
  | "BODY_TOO_LARGE"
  | "GEO_BLOCKED"
  | "PROXY_FAILED"
  | "RATE_LIMITED"
  | "SNAPSHOT_INCOMPLETE"
  | "ABORTED";

/** A request that did not give JSON. `status` is null when no answer came; `retryAfterMs` when the venue named none. */
export class HttpError extends OperationError {
  declare readonly code: HttpFailureCode;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(
    code: HttpFailureCode,
    message: string,
    more: { status?: number; retryAfterMs?: number | null; body?: string; cause?: unknown } = {},
  ) {
    const status = more.status ?? null;
    super({
      code,
      message,
      exit: code === "GEO_BLOCKED" ? 4 : 1,
      details: { status, ...(more.body === undefined ? {} : { body: more.body }) },
      ...(code === "PROXY_FAILED"
        ? { hint: "Check the address, the user name and the password of --proxy (network.proxy)." }
        : {}),
      ...(code === "GEO_BLOCKED"
        ? {
          hint: "The venue refuses this network or place. Do not retry; use --venue sim to work without it.",
        }
        : {}),
      ...(more.cause === undefined ? {} : { cause: more.cause }),
    });
    this.name = "HttpError";
    this.status = status;
    this.retryAfterMs = more.retryAfterMs ?? null;
  }
}

export interface HttpOptions {
  readonly network: Pick<Network, "fetch" | "fault">;
  /** Only its `sleep` is used, between attempts. */
  readonly clock: Pick<Clock, "sleep">;
  readonly random: () => number;
  /** Wall milliseconds for one attempt, from the first byte sent to the last byte read. */
  readonly deadlineMs?: number;
  readonly maxBytes?: number;
  /** Extra attempts of a GET after NETWORK, TIMEOUT, RATE_LIMITED or a 5xx. POST is never repeated. */
  readonly retries?: number;
  readonly backoff?: BackoffLimits;
}

export interface HttpCall {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  readonly retries?: number;
  /** Beside our own: logins. Never part of a message or a log. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Told of every answer, refusals included: for ledgers of request weight. */
  readonly onResponse?: (status: number, headers: Headers) => void;
}

export interface HttpClient {
  /** Throws HttpError; resolves with the parsed body. */
  get(url: string, call?: HttpCall): Promise<unknown>;
  /**
   * One attempt of ours: a POST whose answer is lost may have worked. Deno 2.9.6 itself may send it again when a reused
   * connection dies under it, so nothing that must not happen twice goes this way (orders: `order_entry/wire.ts`).
   * `undefined` sends no body. Throws HttpError.
   */
  post(url: string, body: unknown, call?: HttpCall): Promise<unknown>;
}

const DEFAULT_BACKOFF: BackoffLimits = { firstMs: 250, maxMs: 5000 };
const EXCERPT = 200;

/** `Retry-After` in ms: seconds or an HTTP date; null when absent or malformed. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

/** The URL without its query, which may hold tokens and is noise in a message. */
function shortUrl(url: string): string {
  const cut = url.indexOf("?");
  return cut < 0 ? url : url.slice(0, cut);
}

/** The body as text. Throws HttpError BODY_TOO_LARGE beyond `maxBytes`, and whatever the connection throws. */
export async function readCapped(response: Response, maxBytes: number, url: string): Promise<string> {
  const stream = response.body;
  if (stream === null) return "";
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel().catch(() => {});
      throw new HttpError(
        "BODY_TOO_LARGE",
        `Cannot read ${shortUrl(url)}: the body passes the limit of ${maxBytes} bytes`,
        { status: response.status },
      );
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** What an answer with a status that is no success means; `response` may be a plain copy of status and headers. */
export function statusFailure(
  url: string,
  response: Pick<Response, "status" | "headers">,
  text: string,
): HttpError {
  const body = text.slice(0, EXCERPT);
  const status = response.status;
  const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), Date.now());
  const more = { status, body, retryAfterMs };
  const cloudflare = status === 403 && /cloudflare|error code: 1\d{3}|restricted location/i.test(text);
  if (status === 451 || cloudflare) {
    return new HttpError(
      "GEO_BLOCKED",
      `Cannot use ${shortUrl(url)} from here: the venue answers ${status}`,
      more,
    );
  }
  if (status === 429 || status === 418) {
    return new HttpError(
      "RATE_LIMITED",
      `Cannot use ${shortUrl(url)} now: rate limited, status is ${status}`,
      more,
    );
  }
  return new HttpError("HTTP_STATUS", `Cannot use the answer of ${shortUrl(url)}: status is ${status}`, more);
}

/**
 * The wait that a busy venue names at a socket's address: a refused handshake hides its headers from us, a plain request to
 * the same place does not. Ms; null when it names none. Never rejects.
 */
export async function probeRetryAfter(
  network: Pick<Network, "fetch">,
  socketUrl: string,
  signal: AbortSignal,
): Promise<number | null> {
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(3000)]);
    const response = await network.fetch(socketUrl.replace(/^ws/, "http"), {
      headers: { "user-agent": USER_AGENT },
      signal: deadline,
    });
    await response.body?.cancel();
    return parseRetryAfter(response.headers.get("retry-after"), Date.now());
  } catch {
    return null;
  }
}

interface Attempt {
  readonly url: string;
  readonly init: RequestInit;
  readonly deadlineMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly onResponse: HttpCall["onResponse"];
}

async function attemptOnce(options: HttpOptions, attempt: Attempt): Promise<unknown> {
  const { url, signal } = attempt;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), attempt.deadlineMs);
  const onAbort = () => deadline.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  let response: Response | undefined;
  let text: string;
  try {
    if (signal?.aborted) deadline.abort();
    response = await options.network.fetch(url, { ...attempt.init, signal: deadline.signal });
    attempt.onResponse?.(response.status, response.headers);
    text = await readCapped(response, attempt.maxBytes, url);
  } catch (cause) {
    if (cause instanceof HttpError) throw cause;
    if (signal?.aborted) throw new HttpError("ABORTED", `Cannot finish ${shortUrl(url)}: stopped`, { cause });
    if (deadline.signal.aborted) {
      throw new HttpError("TIMEOUT", `Cannot reach ${shortUrl(url)} within ${attempt.deadlineMs} ms`, {
        cause,
      });
    }
    const fault = options.network.fault?.(cause) ?? null;
    if (fault !== null) throw new HttpError("PROXY_FAILED", fault, { cause });
    const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : "";
    const why = (cause instanceof Error ? cause.message : String(cause)) + inner;
    throw new HttpError("NETWORK", `Cannot reach ${shortUrl(url)}: ${why.slice(0, EXCERPT)}`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
  const fault = options.network.fault?.(response) ?? null;
  if (fault !== null) throw new HttpError("PROXY_FAILED", fault, { status: response.status });
  if (!response.ok) throw statusFailure(url, response, text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError("BAD_JSON", `Cannot parse the answer of ${shortUrl(url)} as JSON`, {
      status: response.status,
      body: text.slice(0, EXCERPT),
      cause,
    });
  }
}

function isTransient(error: HttpError): boolean {
  return error.code === "NETWORK" || error.code === "TIMEOUT" || error.code === "RATE_LIMITED" ||
    (error.code === "HTTP_STATUS" && error.status !== null && error.status >= 500);
}

/** Longest `Retry-After` that is waited out inside a call; a longer one is the caller's business. */
const MAX_HONOURED_RETRY_MS = 10_000;

/** Builds a client. Defaults: 5 s per attempt, 4 MB, 2 extra attempts of a GET. */
export function httpClient(options: HttpOptions): HttpClient {
  const limits = {
    deadlineMs: options.deadlineMs ?? 5000,
    maxBytes: options.maxBytes ?? 4_000_000,
    retries: options.retries ?? 2,
    backoff: options.backoff ?? DEFAULT_BACKOFF,
  };
  const attemptOf = (url: string, init: RequestInit, call: HttpCall): Attempt => ({
    url,
    init,
    deadlineMs: call.deadlineMs ?? limits.deadlineMs,
    maxBytes: limits.maxBytes,
    signal: call.signal,
    onResponse: call.onResponse,
  });
  return {
    async get(url, call = {}) {
      const headers = { ...call.headers, accept: "application/json", "user-agent": USER_AGENT };
      const init = { method: "GET", headers };
      const retries = call.retries ?? limits.retries;
      for (let attempt = 0;; attempt++) {
        try {
          return await attemptOnce(options, attemptOf(url, init, call));
        } catch (error) {
          if (!(error instanceof HttpError) || !isTransient(error) || attempt >= retries) throw error;
          const jitter = backoffMs(attempt, options.random, limits.backoff);
          const wanted = error.retryAfterMs ?? 0;
          if (wanted > MAX_HONOURED_RETRY_MS) throw error;
          try {
            await options.clock.sleep(ms(Math.max(jitter, wanted)), call.signal);
          } catch (cause) {
            throw new HttpError("ABORTED", `Cannot finish ${shortUrl(url)}: stopped`, { cause });
          }
        }
      }
    },
    post(url, body, call = {}) {
      const own = { ...call.headers, accept: "application/json", "user-agent": USER_AGENT };
      const init = body === undefined ? { method: "POST", headers: own } : {
        method: "POST",
        headers: { ...own, "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      return attemptOnce(options, attemptOf(url, init, call));
    },
  };
}
