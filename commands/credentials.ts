/** API credentials for sockets that want them: from the environment, or the simulated venue's well-known test values. */
import { connectSim } from "../feeds/sim_status.ts";
import type { ApiCredentials } from "../feeds/polymarket/polybolt_session.ts";
import type { VenueProfile } from "../feeds/venue_profile.ts";

/** Reads one environment variable. */
export type ReadEnv = (name: string) => string | undefined;

/** POLY_API_KEY, POLY_API_SECRET and POLY_API_PASSPHRASE; null unless all three are set. */
export function credentialsFromEnv(env: ReadEnv): ApiCredentials | null {
  const apiKey = env("POLY_API_KEY");
  const secret = env("POLY_API_SECRET");
  const passphrase = env("POLY_API_PASSPHRASE");
  return apiKey && secret && passphrase ? { apiKey, secret, passphrase } : null;
}

/** The simulated venue hands out its own; real keys are never sent to it. Throws VENUE_UNREACHABLE. */
export async function credentialsFor(
  profile: VenueProfile,
  signal: AbortSignal,
  env: ReadEnv = (name) => Deno.env.get(name),
): Promise<ApiCredentials | null> {
  if (profile.name !== "sim") return credentialsFromEnv(env);
  const { hostname, port } = new URL(profile.clob);
  const { status } = await connectSim({ host: hostname, port: Number(port === "" ? 80 : port), signal });
  return status.credentials;
}
