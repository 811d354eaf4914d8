/**
 * The legs of a request to one host, measured on connections of our own: name lookup, TCP, TLS, first byte, and the round
 * trip on the connection once it stands. HTTP/1.1, GET, nothing of an account. Never used through a proxy: it would go
 * round it.
 */
import { HttpError } from "../net/http.ts";
import {
  type Address,
  type Connection,
  type Leg,
  LEGS,
  type Limits,
  openConnection,
  type Opening,
} from "./connection.ts";

export { type Address, type Leg, LEGS };

/** Milliseconds by leg; a leg that does not exist (an address needs no lookup, http no TLS) is empty. */
export type LegTimes = Readonly<Record<Leg, readonly number[]>>;

export interface LegOptions extends Omit<Limits, "caCerts"> {
  readonly url: string;
  /** Connections opened one after the other. */
  readonly connections: number;
  /** Requests on the last connection, beside its first. */
  readonly roundTrips: number;
  /** PEM texts trusted beside those of the runtime. */
  readonly caCerts?: readonly string[];
}

/** What was measured of a host, up to the failure if there was one. */
export interface HostLegs {
  readonly times: LegTimes;
  /** Addresses of both families that the name has; empty when the URL holds an address. */
  readonly resolved: readonly Address[];
  /** The one that was connected to last; null when there was none. */
  readonly used: Address | null;
  readonly failure: { readonly leg: Leg; readonly error: HttpError } | null;
}

/**
 * Measures the legs to one host. What the network or the host does wrong ends the measuring and is told in `failure`: the
 * answer with a status that is no success has no time. Throws the signal's reason, and what the runtime does not permit.
 */
export async function measureLegs(options: LegOptions): Promise<HostLegs> {
  const { connections, roundTrips, signal } = options;
  const limits: Limits = { ...options, caCerts: options.caCerts ?? null };
  const url = new URL(options.url);
  const times: Record<Leg, number[]> = { dns: [], tcp: [], tls: [], firstByte: [], keepAlive: [] };
  let resolved: readonly Address[] = [];
  let used: Address | null = null;
  let failure: HostLegs["failure"] = null;
  for (let i = 0; i < connections && failure === null; i++) {
    signal.throwIfAborted();
    const opening: Opening = { ms: {}, resolved: [], used: null, at: "dns" };
    let connection: Connection | null = null;
    try {
      connection = await openConnection(url, opening, limits);
      const rounds = i === connections - 1 ? roundTrips : 0;
      for (let trip = 0; trip <= rounds; trip++) {
        const leg = trip === 0 ? "firstByte" : "keepAlive";
        times[leg].push(await connection.request(leg));
      }
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      failure = { leg: opening.at, error };
    } finally {
      connection?.close();
    }
    for (const leg of ["dns", "tcp", "tls"] as const) {
      const ms = opening.ms[leg];
      if (ms !== undefined) times[leg].push(ms);
    }
    if (opening.resolved.length > 0) resolved = opening.resolved;
    used = opening.used ?? used;
  }
  return { times, resolved, used, failure };
}
