/** A failed first contact, said so that the reader knows what to do. */
import { OperationError } from "../core/errors.ts";
import { HttpError } from "./net/http.ts";
import type { VenueProfile } from "./venue_profile.ts";

/**
 * NETWORK and TIMEOUT become VENUE_UNREACHABLE (exit 1) with a hint naming `--venue sim`; a geo-block keeps its code and
 * exit 4; everything else is passed on.
 */
export function asVenueError(error: unknown, profile: VenueProfile): unknown {
  if (!(error instanceof HttpError)) return error;
  const unreachable = error.code === "NETWORK" || error.code === "TIMEOUT";
  if (!unreachable) return error;
  return new OperationError({
    code: "VENUE_UNREACHABLE",
    message: `Cannot use ${profile.name} as the venue: ${error.message}`,
    hint: profile.name === "sim"
      ? "Start it with `poly-edge sim` in another terminal."
      : "Check the network or --proxy; `poly-edge sim` with `--venue sim` works without any.",
    details: { cause: error.code },
    cause: error,
  });
}
