/** The same request through the runtime's own client in each way it may be sent: HTTP/1.1 or HTTP/2, cold or warm, by proxy. */

export type HttpVersion = "HTTP/1.1" | "HTTP/2";

export interface ClientCase {
  readonly version: HttpVersion;
  /** `cold`: a new connection for every request; `warm`: one that stands. */
  readonly state: "cold" | "warm";
  /** null: direct. */
  readonly proxy: string | null;
}

/** Milliseconds from the call to the whole answer; `failure` says why there are none. */
export interface ClientTimes extends ClientCase {
  readonly ms: readonly number[];
  readonly failure: string | null;
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
}

const VERSIONS: readonly HttpVersion[] = ["HTTP/1.1", "HTTP/2"];

function clientOf(version: HttpVersion, proxy: string | null): Deno.HttpClient {
  return Deno.createHttpClient({
    http1: version === "HTTP/1.1",
    http2: version === "HTTP/2",
    ...(proxy === null ? {} : { proxy: { url: proxy } }),
  });
}

async function once(options: ClientOptions, client: Deno.HttpClient): Promise<number> {
  const { deadlineMs, monotonicUs, signal, url } = options;
  const from = monotonicUs();
  const stop = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const response = await fetch(url, { client, signal: stop, redirect: "manual" });
  await response.arrayBuffer();
  return (monotonicUs() - from) / 1000;
}

async function measure(options: ClientOptions, of: ClientCase): Promise<ClientTimes> {
  const ms: number[] = [];
  let client: Deno.HttpClient | null = null;
  try {
    if (of.state === "warm") {
      client = clientOf(of.version, of.proxy);
      // The first opens the connection.
      await once(options, client);
      for (let i = 0; i < options.warmSamples; i++) ms.push(await once(options, client));
    } else {
      for (let i = 0; i < options.coldSamples; i++) {
        client = clientOf(of.version, of.proxy);
        ms.push(await once(options, client));
        client.close();
        client = null;
      }
    }
    return { ...of, ms, failure: null };
  } catch (error) {
    options.signal.throwIfAborted();
    return { ...of, ms, failure: error instanceof Error ? error.message : String(error) };
  } finally {
    client?.close();
  }
}

/** Measures every case, one after the other. Throws the signal's reason; a case that fails says so in its row. */
export async function measureClients(options: ClientOptions): Promise<ClientTimes[]> {
  const rows: ClientTimes[] = [];
  for (const proxy of options.proxies) {
    for (const version of VERSIONS) {
      for (const state of ["cold", "warm"] as const) {
        rows.push(await measure(options, { version, state, proxy }));
      }
    }
  }
  return rows;
}
