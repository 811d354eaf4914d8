/** The same request through the runtime's own client in each way it may be sent: HTTP/1.1 or HTTP/2, cold or warm, by proxy. */
import { HttpError, readCapped, statusFailure, USER_AGENT } from "../net/http.ts";
import { proxyFault } from "../net/network.ts";
import { lateFailure, networkFailure } from "./failure.ts";

export type HttpVersion = "HTTP/1.1" | "HTTP/2";

export interface ClientCase {
  readonly version: HttpVersion;
  /** `cold`: a new connection for every request; `warm`: one that stands. */
  readonly state: "cold" | "warm";
  /** null: direct. */
  readonly proxy: string | null;
}

/** Milliseconds from the call to the whole answer, up to the failure if there was one. */
export interface ClientTimes extends ClientCase {
  readonly ms: readonly number[];
  readonly failure: HttpError | null;
}

export interface ClientOptions {
  readonly url: string;
  readonly warmSamples: number;
  readonly coldSamples: number;
  /** null stands for the direct way. */
  readonly proxies: readonly (string | null)[];
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly monotonicUs: () => number;
  /** PEM texts trusted beside those of the runtime. */
  readonly caCerts?: readonly string[];
}

const VERSIONS: readonly HttpVersion[] = ["HTTP/1.1", "HTTP/2"];
const MAX_BYTES = 1_000_000;

function clientOf({ caCerts }: ClientOptions, { proxy, version }: ClientCase): Deno.HttpClient {
  return Deno.createHttpClient({
    http1: version === "HTTP/1.1",
    http2: version === "HTTP/2",
    ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }),
    ...(proxy === null ? {} : { proxy: { url: proxy } }),
  });
}

/** `scheme://host:port` of a proxy: what may be printed and kept. */
export function proxyAddress(proxy: string): string {
  const { host, protocol } = new URL(proxy);
  return `${protocol}//${host}`;
}

function faultOf(of: ClientCase, failure: unknown): HttpError | null {
  const text = of.proxy === null ? null : proxyFault(proxyAddress(of.proxy), failure);
  return text === null ? null : new HttpError("PROXY_FAILED", text, { cause: failure });
}

/** Milliseconds of one request. Throws HttpError, or the signal's reason. */
async function once(options: ClientOptions, of: ClientCase, client: Deno.HttpClient): Promise<number> {
  const { deadlineMs, monotonicUs, signal, url } = options;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), deadlineMs);
  const fromUs = monotonicUs();
  try {
    const response = await fetch(url, {
      client,
      headers: { accept: "application/json", "user-agent": USER_AGENT },
      signal: AbortSignal.any([signal, late.signal]),
      redirect: "manual",
    });
    const text = await readCapped(response, MAX_BYTES, url);
    const tookUs = monotonicUs() - fromUs;
    if (!response.ok) throw faultOf(of, response) ?? statusFailure(url, response, text);
    return tookUs / 1000;
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted) throw lateFailure(url, "no answer", deadlineMs);
    if (error instanceof HttpError || error instanceof Deno.errors.NotCapable) throw error;
    throw faultOf(of, error) ?? networkFailure(url, error);
  } finally {
    clearTimeout(timer);
  }
}

async function measure(options: ClientOptions, of: ClientCase): Promise<ClientTimes> {
  const ms: number[] = [];
  let client: Deno.HttpClient | null = null;
  try {
    if (of.state === "warm") {
      client = clientOf(options, of);
      // The first opens the connection.
      await once(options, of, client);
      for (let i = 0; i < options.warmSamples; i++) ms.push(await once(options, of, client));
    } else {
      for (let i = 0; i < options.coldSamples; i++) {
        client = clientOf(options, of);
        ms.push(await once(options, of, client));
        client.close();
        client = null;
      }
    }
    return { ...of, ms, failure: null };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { ...of, ms, failure: error };
  } finally {
    client?.close();
  }
}

/** Without TLS an http proxy is handed the request itself, and speaks HTTP/1.1 only. */
function versionsOf(url: string, proxy: string | null): readonly HttpVersion[] {
  const handed = proxy !== null && /^https?:/.test(proxy) && !url.startsWith("https:");
  return handed ? ["HTTP/1.1"] : VERSIONS;
}

/**
 * Measures every case there is, one after the other; a case that fails says so in its row. A version whose cold requests gave no time
 * is not tried warm, and a way (direct, or a proxy) whose first request gave none is left at that row: so what is not there
 * is waited for once. Throws the signal's reason, and what the runtime does not permit.
 */
export async function measureClients(options: ClientOptions): Promise<ClientTimes[]> {
  const rows: ClientTimes[] = [];
  for (const proxy of options.proxies) {
    for (const version of versionsOf(options.url, proxy)) {
      const cold = await measure(options, { version, state: "cold", proxy });
      rows.push(cold);
      if (cold.ms.length > 0) rows.push(await measure(options, { version, state: "warm", proxy }));
      else if (version === VERSIONS[0]) break;
    }
  }
  return rows;
}
