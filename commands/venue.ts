/** `--venue` to hosts and a clock. */
import { OperationError } from "../core/errors.ts";
import { wallClock } from "../feeds/clock.ts";
import type { ApiCredentials } from "../feeds/polymarket/polybolt_session.ts";
import { openNetwork } from "../feeds/net/network.ts";
import { connectSim } from "../feeds/sim_status.ts";
import { POLYMARKET, SIM_DEFAULT_PORT } from "../feeds/venue_profile.ts";
import type { OpenVenue } from "./command.ts";

export type VenueChoice =
  | { readonly kind: "polymarket" }
  | { readonly kind: "sim"; readonly host: string; readonly port: number };

function invalidVenue(text: string): OperationError {
  return new OperationError({
    code: "VENUE_INVALID",
    message: `Cannot use ${text} as a venue: must be polymarket, sim, sim:PORT or http://host:port`,
    hint: "`--venue sim` is the local simulated venue (start it with `poly-edge sim`).",
    details: { venue: text },
    exit: 2,
  });
}

function portOf(text: string, whole: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw invalidVenue(whole);
  return port;
}

/**
 * `polymarket`; `sim` (port POLY_EDGE_SIM_PORT, else 8787); `sim:PORT`; `http://host:port`.
 * Throws VENUE_INVALID (exit 2) for anything else.
 */
export function parseVenue(text: string, env: (name: string) => string | undefined): VenueChoice {
  if (text === "polymarket") return { kind: "polymarket" };
  const host = "127.0.0.1";
  if (text === "sim") {
    const named = env("POLY_EDGE_SIM_PORT");
    return {
      kind: "sim",
      host,
      port: named === undefined ? SIM_DEFAULT_PORT : portOf(named, `sim:${named}`),
    };
  }
  if (text.startsWith("sim:")) return { kind: "sim", host, port: portOf(text.slice(4), text) };
  if (!URL.canParse(text)) throw invalidVenue(text);
  const url = new URL(text);
  const bare = url.protocol === "http:" && url.pathname === "/" && url.search === "" && url.username === "";
  if (!bare) throw invalidVenue(text);
  return { kind: "sim", host: url.hostname, port: url.port === "" ? 80 : portOf(url.port, text) };
}

/** The three variables of API credentials; null unless all are set. */
function environmentCredentials(env: (name: string) => string | undefined): ApiCredentials | null {
  const apiKey = env("POLY_API_KEY");
  const secret = env("POLY_API_SECRET");
  const passphrase = env("POLY_API_PASSPHRASE");
  return apiKey === undefined || secret === undefined || passphrase === undefined
    ? null
    : { apiKey, secret, passphrase };
}

/** Resolves a choice; a simulated venue is asked for its clock. Throws VENUE_UNREACHABLE (exit 1). */
export async function openVenue(
  choice: VenueChoice,
  signal: AbortSignal,
  env: (name: string) => string | undefined,
  proxy = "",
): Promise<OpenVenue> {
  if (choice.kind === "polymarket") {
    return { profile: POLYMARKET, clock: wallClock(), credentials: environmentCredentials(env) };
  }
  const network = openNetwork(proxy);
  try {
    const { host, port } = choice;
    const { profile, clock, status } = await connectSim({ host, port, signal, network });
    return { profile, clock, credentials: status.credentials };
  } finally {
    network.close();
  }
}
