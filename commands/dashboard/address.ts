/** Where the dashboard and the metrics listen, and whose requests they answer. */
import { OperationError } from "../../core/errors.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const IPV6 = /^\[[0-9a-f:.]+\]$/i;

export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/**
 * Reads `:9090`, `9090`, `127.0.0.1:9090`, `[::1]:9090`; port 0 is any free one. An address beyond loopback wants `expose`:
 * there is no password, and whoever reaches the page sees what is held. Throws USAGE, LISTEN_EXPOSED (exit 2).
 */
export function parseAddress(text: string, name: string, expose: boolean): ListenAddress {
  const found = /^(?:(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+):|:)?(\d{1,5})$/i.exec(text.trim());
  const port = Number(found?.[2]);
  if (found === null || port > 65_535) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read ${name} as an address to listen on: current value is ${text}`,
      hint: "For example: :9090, 127.0.0.1:9090 or [::1]:9090",
      details: { option: name, value: text },
      exit: 2,
    });
  }
  const host = found[1] ?? "127.0.0.1";
  if (!expose && !isLoopback(host)) {
    throw new OperationError({
      code: "LISTEN_EXPOSED",
      message: `Cannot listen on ${host} for ${name}: it can be reached from other machines`,
      hint: "There is no password. Use an SSH tunnel to loopback, or pass --expose if the network is yours.",
      details: { option: name, value: text },
      exit: 2,
    });
  }
  return { host, port };
}

/** The host part of a Host header, in lower case, brackets kept. */
const hostOf = (header: string): string => header.replace(/:\d{1,5}$/, "").toLowerCase();

/**
 * Whether a request's Host header is one we answer to. A page of somebody else's can make its own name point at this
 * machine (DNS rebinding), but then that name stands in the header: only loopback names, addresses in digits when exposed,
 * and the names of `allowed` pass.
 */
export function hostAllowed(header: string | null, expose: boolean, allowed: readonly string[]): boolean {
  if (header === null) return false;
  const host = hostOf(header);
  if (isLoopback(host)) return true;
  if (allowed.some((name) => name.toLowerCase() === host)) return true;
  return expose && (IPV4.test(host) || IPV6.test(host));
}
