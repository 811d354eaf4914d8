/** One window, as the venue lists it now: Gamma for identity and rule, the CLOB for what decides at order time. */
import type { Instrument } from "../../core/market/instrument.ts";
import type { Clock } from "../clock.ts";
import type { HttpCall, HttpClient } from "../net/http.ts";
import type { VenueProfile } from "../venue_profile.ts";
import { applyClobMarket, fetchClobMarket } from "./clob_rest.ts";
import { fetchListing, type Listing } from "./gamma.ts";

export type WindowResult =
  | { readonly kind: "found"; readonly listing: Listing }
  | {
    readonly kind: "absent";
    readonly reason: "WINDOW_MISSING" | "LISTING_INVALID";
    readonly detail: string;
  };

export interface DiscoverySources {
  readonly http: HttpClient;
  readonly profile: VenueProfile;
  readonly clock: Pick<Clock, "now">;
}

/** An instrument that the CLOB does not know yet: listed, not tradable. */
const notReady = (instrument: Instrument): Instrument => ({
  ...instrument,
  tradable: false,
  reason: instrument.reason ?? "CLOB_NOT_READY",
});

/** Looks one slug up at Gamma and the CLOB. Throws HttpError when a host fails. */
export async function discoverWindow(
  sources: DiscoverySources,
  slug: string,
  call: HttpCall = {},
): Promise<WindowResult> {
  const { clock, http, profile } = sources;
  const result = await fetchListing(http, profile.gamma, slug, clock.now(), call);
  if (result.kind === "missing") {
    return { kind: "absent", reason: "WINDOW_MISSING", detail: "the venue lists no market of this slug" };
  }
  if (result.kind === "invalid") return { kind: "absent", reason: "LISTING_INVALID", detail: result.reason };
  const { listing } = result;
  const market = await fetchClobMarket(http, profile.clob, listing.instrument.conditionId, call);
  const instrument = market === null
    ? notReady(listing.instrument)
    : applyClobMarket(listing.instrument, market);
  return { kind: "found", listing: { ...listing, instrument } };
}
