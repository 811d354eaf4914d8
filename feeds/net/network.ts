/** The two doors to the outside, in one value, so that a proxy or a test replaces both at once. */

export interface Network {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly openSocket: (url: string) => WebSocket;
  close(): void;
}

/** Opens the network, through an http or socks5 proxy when one is given. Throws TypeError for a malformed proxy URL. */
export function openNetwork(proxy: string | null = null): Network {
  if (proxy === null || proxy === "") {
    return {
      fetch: (url, init) => fetch(url, init),
      openSocket: (url) => new WebSocket(url),
      close: () => {},
    };
  }
  const client = Deno.createHttpClient({ proxy: { url: proxy } });
  return {
    fetch: (url, init) => fetch(url, { ...init, client }),
    openSocket: (url) => new WebSocket(url, { client }),
    close: () => client.close(),
  };
}
