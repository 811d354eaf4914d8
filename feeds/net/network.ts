/** The two doors to the outside, in one value, so that a proxy or a test replaces both at once. */

export interface Network {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly openSocket: (url: string) => WebSocket;
  /** What a failure says of the proxy between us and the venue, as a sentence; null when it is not the proxy's. */
  readonly fault?: (failure: unknown) => string | null;
  close(): void;
}

/** What Deno 2.9.6 says of proxies, tried against an HTTP and a SOCKS5 one (tests/feeds/net/proxy_test.ts). */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/proxy authentication required|status code: 407|Password auth failure/i, "it refuses our credentials"],
  [/No acceptable auth methods/i, "it wants credentials"],
  [/Proxy server unreachable|tcp connect error/i, "it cannot be reached"],
  [/tunnel|socks/i, "it cannot reach the venue"],
];

function wordsOf(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  return failure.cause === undefined ? failure.message : `${failure.message} ${wordsOf(failure.cause)}`;
}

/** The sentence of `Network.fault` for the proxy at `address`, which is printed: without credentials. */
export function proxyFault(address: string, failure: unknown): string | null {
  const text = failure instanceof Response
    ? failure.status === 407 ? "status code: 407" : ""
    : wordsOf(failure);
  const found = WORDS.find(([pattern]) => pattern.test(text));
  return found === undefined ? null : `Cannot use the proxy ${address}: ${found[1]}`;
}

/** A pool of connections of its own, HTTP/1.1: one slow answer never holds up another request. */
export interface PoolOptions {
  /** Idle connections kept a host. They are kept until the peer closes them. */
  readonly maxIdlePerHost: number;
}

/**
 * Opens the network, through an http or socks5 proxy when one is given; a user name and password may stand in its URL.
 * Throws TypeError for a malformed proxy URL. With `pool` its requests share
 * no connection with those of any other network.
 */
export function openNetwork(proxy: string | null = null, pool: PoolOptions | null = null): Network {
  const own = pool === null
    ? {}
    : { http2: false, poolMaxIdlePerHost: pool.maxIdlePerHost, poolIdleTimeout: false as const };
  if (proxy === null || proxy === "") {
    if (pool !== null) {
      const client = Deno.createHttpClient(own);
      return {
        fetch: (url, init) => fetch(url, { ...init, client }),
        openSocket: (url) => new WebSocket(url),
        close: () => client.close(),
      };
    }
    return {
      fetch: (url, init) => fetch(url, init),
      openSocket: (url) => new WebSocket(url),
      close: () => {},
    };
  }
  const { host, protocol } = new URL(proxy);
  const client = Deno.createHttpClient({ ...own, proxy: { url: proxy } });
  // Without the credentials that the URL may hold.
  const address = `${protocol}//${host}`;
  return {
    fetch: (url, init) => fetch(url, { ...init, client }),
    openSocket: (url) => new WebSocket(url, { client }),
    fault: (failure) => proxyFault(address, failure),
    close: () => client.close(),
  };
}
