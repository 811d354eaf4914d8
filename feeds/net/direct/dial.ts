/** Opens one TCP or TLS connection to an origin. */
import type { ByteStream } from "./connection.ts";

export interface Origin {
  readonly hostname: string;
  readonly port: number;
  readonly tls: boolean;
  /** As the `host` header names it: without the scheme's own port. */
  readonly host: string;
  /** Before every target; empty as a rule. */
  readonly prefix: string;
}

/** Reads an http or https URL. Throws TypeError for anything else, credentials in it included. */
export function originOf(base: string): Origin {
  const { host, hostname, pathname, password, port, protocol, username } = new URL(base);
  const tls = protocol === "https:";
  if ((!tls && protocol !== "http:") || username !== "" || password !== "") {
    throw new TypeError("Cannot connect: the address is no plain http or https URL");
  }
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (tls ? 443 : 80) : Number(port),
    tls,
    host,
    prefix: pathname.replace(/\/+$/, ""),
  };
}

/** Without delay for small writes, over TLS with HTTP/1.1 agreed on. Rejects with whatever the system says. */
export async function dial(
  origin: Origin,
  caCerts: readonly string[],
  signal: AbortSignal,
): Promise<ByteStream> {
  const { hostname, port } = origin;
  const tcp = await Deno.connect({ hostname, port, signal });
  if (!origin.tls) {
    tcp.setNoDelay(true);
    return tcp;
  }
  let conn: Deno.Conn = tcp;
  // Closing ends a handshake that hangs.
  const onAbort = () => tryClose(conn);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    tcp.setNoDelay(true);
    const tls = await Deno.startTls(tcp, { hostname, caCerts: [...caCerts], alpnProtocols: ["http/1.1"] });
    conn = tls;
    signal.throwIfAborted();
    const { alpnProtocol } = await tls.handshake();
    if (alpnProtocol !== null && alpnProtocol !== "http/1.1") {
      throw new Error(`the peer wants to speak ${alpnProtocol}`);
    }
    return tls;
  } catch (error) {
    tryClose(conn);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function tryClose(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
