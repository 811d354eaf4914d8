/**
 * One signed request of the private API: started before the call returns, ended by an answer or by a typed failure, never
 * repeated. Everything above it (modes, budgets, codecs) is free of sockets.
 */
import type { WireReply } from "../../../core/orders/lifecycle_reply.ts";
import type { Clock } from "../../clock.ts";
import { DirectFailure, type DirectRequest, type Exchange, type Transport } from "../../net/direct/types.ts";
import { HttpError, parseRetryAfter } from "../../net/http.ts";
import { parseJson } from "../../net/sink.ts";
import type { L2Signer } from "../signing/login.ts";
import type { CallStamps } from "./types.ts";

export interface WireRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Without query: this is what is signed. */
  readonly path: string;
  /** Without the question mark; empty for none. */
  readonly query?: string;
  /** The exact bytes; empty for none. */
  readonly body?: string;
  /** Wall ms from the start to the last byte of the answer. */
  readonly deadlineMs: number;
  /** False for the public routes. */
  readonly signed?: boolean;
  /** Takes the connection that was idle longest, to keep it alive; default: the one used last. */
  readonly on?: "oldest";
  /** From `Wire.prepare()`. */
  readonly ready?: DirectRequest;
  /** Asked when it had to wait for a connection; true: it is not sent any more. */
  readonly isLate?: () => boolean;
}

/** How a request ended. */
export type WireEnd =
  | {
    readonly ok: true;
    readonly status: number;
    readonly headers: Headers;
    readonly text: string;
    /** `Retry-After` in venue ms; null when absent. */
    readonly retryAfterMs: number | null;
    readonly stamps: CallStamps;
  }
  /** No answer, or none that could be read to its end; `status` when at least that came. */
  | {
    readonly ok: false;
    readonly error: HttpError;
    readonly status: number | null;
    readonly stamps: CallStamps;
  };
export type WireAnswer = Extract<WireEnd, { readonly ok: true }>;

export interface WireOptions {
  /** What sends each request at most once; it stays open. */
  readonly transport: Transport;
  readonly clock: Pick<Clock, "now" | "monotonicUs">;
  readonly signer: L2Signer;
}

export interface Wire {
  /**
   * Writes the request before it returns, if a connection is idle: `writtenUs` is the instant after the write, null while the
   * request waits for a connection. The promise never rejects.
   */
  start(request: WireRequest): { readonly writtenUs: number | null; readonly end: Promise<WireEnd> };
  /** The same request, logged in and encoded now; nothing is written. Its login is of this second. */
  prepare(request: WireRequest): WireRequest;
  /** Ends everything under way as ABORTED; later requests end so at once. */
  close(): void;
}

/** JSON, or the text itself when it is none. */
export function bodyOf(text: string): unknown {
  const parsed = parseJson(text);
  return parsed === undefined ? text : parsed;
}

/** The answer as the classifiers of `core/orders` read it; null when none could be read. */
export const replyOf = (end: WireEnd): WireReply | null =>
  end.ok ? { status: end.status, body: bodyOf(end.text) } : null;

/** Why a request was ended by us. */
type Ended = "late" | "closed" | null;

function failureOf(options: WireOptions, request: WireRequest, cause: unknown, why: Ended): HttpError {
  if (cause instanceof HttpError) return cause;
  const what = `${request.method} ${request.path}`;
  const direct = cause instanceof DirectFailure ? cause : null;
  const unsent = direct?.kind === "unsent" ? "; nothing was sent" : "";
  if (why === "closed") return new HttpError("ABORTED", `Cannot finish ${what}: stopped${unsent}`, { cause });
  if (why === "late") {
    const words = `Cannot finish ${what} within ${request.deadlineMs} ms${unsent}`;
    return new HttpError("TIMEOUT", words, { cause });
  }
  const fault = options.transport.fault?.(cause) ?? null;
  if (fault !== null) return new HttpError("PROXY_FAILED", fault, { cause });
  const inner = cause instanceof Error && direct === null && cause.cause instanceof Error
    ? `: ${cause.cause.message}`
    : "";
  const words = (cause instanceof Error ? cause.message : String(cause)) + inner;
  const code = direct?.kind === "too-large" ? "BODY_TOO_LARGE" : "NETWORK";
  return new HttpError(code, `Cannot finish ${what}: ${words.slice(0, 200)}${unsent}`, { cause });
}

const JSON_BODY = { "content-type": "application/json" };
const NO_HEADERS = {};

/** The login of this moment; the body's type only where there is a body. */
function requestOf(options: WireOptions, request: WireRequest): DirectRequest {
  const { method, path, body = "", query = "" } = request;
  const type = body === "" ? NO_HEADERS : JSON_BODY;
  const target = query === "" ? path : `${path}?${query}`;
  if (request.signed === false) return { method, target, body, headers: type };
  const timestampS = Math.floor(options.clock.now() / 1000);
  const login = options.signer.headers({ method, path, body, timestampS });
  const { isLate } = request;
  return {
    method,
    target,
    body,
    headers: { ...login, ...type },
    ...(isLate === undefined ? {} : { isLate }),
  };
}

interface Run {
  readonly startUs: number;
  readonly exchange: Exchange;
  readonly why: () => Ended;
  readonly done: () => void;
}

/** Builds the wire of one account. */
export function openWire(options: WireOptions): Wire {
  const { clock, transport } = options;
  const running = new Set<() => void>();
  let closed = false;

  async function finish(request: WireRequest, run: Run): Promise<WireEnd> {
    const { exchange, startUs } = run;
    try {
      const { headers, status, text } = await exchange.answer;
      const doneUs = clock.monotonicUs();
      const retryAfterMs = parseRetryAfter(headers.get("retry-after"), clock.now());
      const stamps = { startUs, writtenUs: exchange.writtenUs, doneUs };
      return { ok: true, status, headers, text, retryAfterMs, stamps };
    } catch (cause) {
      const error = failureOf(options, request, cause, run.why());
      const status = cause instanceof DirectFailure || cause instanceof HttpError ? cause.status : null;
      return { ok: false, error, status, stamps: { startUs, writtenUs: exchange.writtenUs, doneUs: null } };
    } finally {
      run.done();
    }
  }

  return {
    start(request) {
      const startUs = clock.monotonicUs();
      const exchange = transport.send(request.ready ?? requestOf(options, request), request.on);
      // All that follows is time that an order would wait for.
      const { writtenUs } = exchange;
      let why: Ended = null;
      const end = (reason: Ended) => {
        why ??= reason;
        exchange.cancel();
      };
      const onClose = () => end("closed");
      if (closed) onClose();
      let timer: ReturnType<typeof setTimeout> | undefined;
      let over = false;
      // After everything that leaves in this turn: arming a timer takes longer than a write.
      queueMicrotask(() => {
        if (!over) timer = setTimeout(() => end("late"), request.deadlineMs);
      });
      running.add(onClose);
      const done = () => {
        over = true;
        clearTimeout(timer);
        running.delete(onClose);
      };
      return { writtenUs, end: finish(request, { startUs, exchange, why: () => why, done }) };
    },
    prepare(request) {
      const plain = requestOf(options, request);
      return { ...request, ready: transport.encode?.(plain) ?? plain };
    },
    close() {
      closed = true;
      for (const stop of [...running]) stop();
    },
  };
}
