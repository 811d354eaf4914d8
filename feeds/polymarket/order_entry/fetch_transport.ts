/** Requests over `fetch`, for networks that lead through a proxy: slower than a connection of our own, and sent once too. */
import {
  type DirectAnswer,
  DirectFailure,
  type DirectRequest,
  type Exchange,
  type Transport,
} from "../../net/direct/types.ts";
import { HttpError, readCapped } from "../../net/http.ts";
import type { Network } from "../../net/network.ts";

export interface FetchTransportOptions {
  /** Base URL without a trailing slash. */
  readonly base: string;
  /** Stays open. */
  readonly network: Pick<Network, "fetch" | "fault">;
  /** Of every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly monotonicUs: () => number;
  readonly maxBytes: number;
}

/** A client that was closed meanwhile throws instead of rejecting. */
function fetchOf(network: Pick<Network, "fetch">, url: string, init: RequestInit): Promise<Response> {
  try {
    return network.fetch(url, init);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** `writtenUs` of an exchange is the instant at which the runtime had it; the bytes leave when the turn ends. */
export function fetchTransport(options: FetchTransportOptions): Transport {
  const { base, maxBytes, monotonicUs, network } = options;
  const running = new Set<AbortController>();
  let closed = false;

  async function finish(request: DirectRequest, sent: Promise<Response>): Promise<DirectAnswer> {
    const response = await sent;
    const { headers, status } = response;
    let text: string;
    try {
      text = await readCapped(response, maxBytes, request.target);
    } catch (cause) {
      if (cause instanceof HttpError) throw cause;
      throw new DirectFailure("lost", cause instanceof Error ? cause.message : String(cause), status, cause);
    }
    const fault = network.fault?.(response) ?? null;
    if (fault !== null) throw new HttpError("PROXY_FAILED", fault, { status });
    return { status, headers, text };
  }

  return {
    send(request): Exchange {
      const abort = new AbortController();
      if (closed) abort.abort();
      running.add(abort);
      // A redirect that is followed would send an order a second time, and the login to another place. So would a plain
      // body: when a reused connection dies under a request, Deno 2.9.6 sends text and bytes again on another one by
      // itself, even if the first had arrived whole; a Blob it cannot repeat.
      const once = request.body === "" ? {} : { body: new Blob([request.body]) };
      const headers = { ...options.headers, ...request.headers };
      const init: RequestInit = {
        method: request.method,
        headers,
        signal: abort.signal,
        redirect: "manual",
        ...once,
      };
      const sent = fetchOf(network, base + request.target, init);
      const writtenUs = monotonicUs();
      const answer = finish(request, sent).finally(() => running.delete(abort));
      return { writtenUs, answer, cancel: () => abort.abort() };
    },
    ...(network.fault === undefined ? {} : { fault: network.fault }),
    close() {
      closed = true;
      for (const abort of running) abort.abort();
      return Promise.resolve();
    },
  };
}
