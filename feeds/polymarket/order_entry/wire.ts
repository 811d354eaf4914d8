/**
 * One signed request of the private API: started before the call returns, ended by an answer or by a typed failure, never
 * repeated. Everything above it (modes, budgets, codecs) is free of sockets.
 */
import type { WireReply } from "../../../core/orders/lifecycle_reply.ts";
import type { Clock } from "../../clock.ts";
import { HttpError, parseRetryAfter, readCapped, USER_AGENT } from "../../net/http.ts";
import type { Network } from "../../net/network.ts";
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
  /** Base URL without a trailing slash. */
  readonly base: string;
  readonly network: Pick<Network, "fetch" | "fault">;
  readonly clock: Pick<Clock, "now" | "monotonicUs">;
  readonly signer: L2Signer;
  readonly maxBytes?: number;
}

export interface Wire {
  /**
   * Hands the request to the runtime before it returns. The runtime writes the bytes when the current turn of the event loop
   * ends: whoever wants them out soon returns soon. The promise never rejects.
   */
  start(request: WireRequest): { readonly writtenUs: number; readonly end: Promise<WireEnd> };
  /** Ends everything under way as ABORTED; later requests end so at once. */
  close(): void;
}

/** A page of 100 trades with their makers stays far below. */
const MAX_BYTES = 4_000_000;

/** JSON, or the text itself when it is none. */
export function bodyOf(text: string): unknown {
  const parsed = parseJson(text);
  return parsed === undefined ? text : parsed;
}

/** The answer as the classifiers of `core/orders` read it; null when none could be read. */
export const replyOf = (end: WireEnd): WireReply | null =>
  end.ok ? { status: end.status, body: bodyOf(end.text) } : null;

function failureOf(options: WireOptions, request: WireRequest, cause: unknown, why: Ended): HttpError {
  if (cause instanceof HttpError) return cause;
  const what = `${request.method} ${request.path}`;
  if (why === "closed") return new HttpError("ABORTED", `Cannot finish ${what}: stopped`, { cause });
  if (why === "late") {
    return new HttpError("TIMEOUT", `Cannot finish ${what} within ${request.deadlineMs} ms`, { cause });
  }
  const fault = options.network.fault?.(cause) ?? null;
  if (fault !== null) return new HttpError("PROXY_FAILED", fault, { cause });
  const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : "";
  const words = (cause instanceof Error ? cause.message : String(cause)) + inner;
  return new HttpError("NETWORK", `Cannot finish ${what}: ${words.slice(0, 200)}`, { cause });
}

/** Why a request was ended by us. */
type Ended = "late" | "closed" | null;

/** Headers in the order of the official client; the body's type only where there is a body. */
function initOf(options: WireOptions, request: WireRequest, signal: AbortSignal): RequestInit {
  const { method, path, body = "" } = request;
  const timestampS = Math.floor(options.clock.now() / 1000);
  const login = request.signed === false ? {} : options.signer.headers({ method, path, body, timestampS });
  const headers: Record<string, string> = {
    accept: "application/json",
    "user-agent": USER_AGENT,
    ...login,
  };
  if (body !== "") headers["content-type"] = "application/json";
  // A redirect that is followed would send an order a second time, and the login to another place. So would a plain body:
  // when a reused connection dies under a request, Deno 2.9.6 sends text and bytes again on another one by itself, even if
  // the first had arrived whole; a Blob it cannot repeat (tests/feeds/order_entry/faults_test.ts; 10 us more).
  const once = body === "" ? {} : { body: new Blob([body]) };
  return { method, headers, signal, redirect: "manual", ...once };
}

/** A client that was closed meanwhile throws instead of rejecting. */
function fetchOf(network: Pick<Network, "fetch">, url: string, init: RequestInit): Promise<Response> {
  try {
    return network.fetch(url, init);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Builds the wire of one account. */
export function openWire(options: WireOptions): Wire {
  const { clock, network } = options;
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const running = new Set<() => void>();
  let closed = false;

  async function finish(
    request: WireRequest,
    startUs: number,
    writtenUs: number,
    run: { readonly response: Promise<Response>; readonly why: () => Ended; readonly done: () => void },
  ): Promise<WireEnd> {
    let status: number | null = null;
    try {
      const response = await run.response;
      status = response.status;
      const text = await readCapped(response, maxBytes, request.path);
      const { headers } = response;
      const fault = network.fault?.(response) ?? null;
      if (fault !== null) throw new HttpError("PROXY_FAILED", fault, { status });
      return {
        ok: true,
        status,
        headers,
        text,
        retryAfterMs: parseRetryAfter(headers.get("retry-after"), clock.now()),
        stamps: { startUs, writtenUs, doneUs: clock.monotonicUs() },
      };
    } catch (cause) {
      const error = failureOf(options, request, cause, run.why());
      return { ok: false, error, status, stamps: { startUs, writtenUs, doneUs: null } };
    } finally {
      run.done();
    }
  }

  return {
    start(request) {
      const startUs = clock.monotonicUs();
      const abort = new AbortController();
      let why: Ended = null;
      const end = (reason: Ended) => {
        why ??= reason;
        abort.abort();
      };
      const onClose = () => end("closed");
      const query = request.query === undefined || request.query === "" ? "" : `?${request.query}`;
      const init = initOf(options, request, abort.signal);
      if (closed) onClose();
      const response = fetchOf(network, `${options.base}${request.path}${query}`, init);
      const writtenUs = clock.monotonicUs();
      // After the request: arming a timer is time that an order would wait for.
      const timer = setTimeout(() => end("late"), request.deadlineMs);
      running.add(onClose);
      const done = () => {
        clearTimeout(timer);
        running.delete(onClose);
      };
      return { writtenUs, end: finish(request, startUs, writtenUs, { response, why: () => why, done }) };
    },
    close() {
      closed = true;
      for (const stop of [...running]) stop();
    },
  };
}
