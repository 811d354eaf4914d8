/** The slower sources of a strike over HTTP (polymarket dossier 2.6, ranks 2 to 4). */
import { z } from "zod";
import type { Instrument } from "../../core/market/instrument.ts";
import { windowLengthMs, windowSlug } from "../../core/market/window.ts";
import { ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { HttpClient } from "../net/http.ts";
import type { VenueProfile } from "../venue_profile.ts";
import { fetchListing } from "./gamma.ts";
import type { StrikeSources } from "./strike.ts";

const openPriceSchema = z.object({ openPrice: z.number().positive().nullish() });
const VARIANTS = { "5m": "fiveminute", "15m": "fifteen", "4h": null } as const;

const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");
const text = (value: number | null | undefined): string | null =>
  value === null || value === undefined ? null : String(value);

/** URL of the undocumented web helper; null where its variant is unconfirmed (4h). */
export function cryptoPriceUrl(web: string, instrument: Instrument): string | null {
  const variant = VARIANTS[instrument.duration];
  if (variant === null) return null;
  const { rule } = instrument;
  const query = new URLSearchParams({
    symbol: instrument.asset.toUpperCase(),
    eventStartTime: iso(instrument.startMs),
    variant,
    endDate: iso(instrument.endMs),
    twapEnabled: String(rule.kind === "twap"),
    ...(rule.kind === "twap" ? { twapLookbackSeconds: String(rule.averagingSeconds) } : {}),
  });
  return `${web}/api/crypto/crypto-price?${query}`;
}

/** Sources on the venue's hosts. The numbers are JSON doubles, so their exact text is the shortest that means them. */
export function httpStrikeSources(
  http: HttpClient,
  profile: VenueProfile,
  clock: Pick<Clock, "now">,
  signal: AbortSignal,
): StrikeSources {
  const call = { signal, retries: 0 };
  const listing = async (slug: string) => {
    const result = await fetchListing(http, profile.gamma, slug, clock.now(), call);
    return result.kind === "found" ? result.listing : null;
  };
  return {
    async cryptoPrice(instrument) {
      const url = cryptoPriceUrl(profile.web, instrument);
      if (url === null) return null;
      return text(openPriceSchema.parse(await http.get(url, call)).openPrice);
    },
    async previousFinal(instrument) {
      const start = ms(instrument.startMs - windowLengthMs(instrument.duration));
      return text((await listing(windowSlug(instrument.asset, instrument.duration, start)))?.finalPrice);
    },
    async gamma(instrument) {
      return text((await listing(instrument.slug))?.priceToBeat);
    },
  };
}
