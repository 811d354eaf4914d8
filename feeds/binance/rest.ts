/** Binance REST: candles to begin with, and the venue's time. Exchanges dossier A7, B. */
import type { FastBarEvent } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import { type HttpCall, type HttpClient, HttpError } from "../net/http.ts";
import { isObject, isPlausibleMs, parseNumber } from "../net/sink.ts";
import type { VenueProfile } from "../venue_profile.ts";
import { symbolOf } from "./routes.ts";

export type BinanceVenue = "binance-futures" | "binance-spot";

const base = (profile: VenueProfile, venue: BinanceVenue): string =>
  venue === "binance-futures" ? `${profile.futuresRest}/fapi/v1` : `${profile.spotRest}/api/v3`;

function malformed(what: string): HttpError {
  return new HttpError("BAD_JSON", `Cannot read ${what} of Binance: unexpected shape`);
}

function barOf(row: unknown, venue: BinanceVenue, asset: Asset, now: Ms): FastBarEvent {
  if (!Array.isArray(row) || !isPlausibleMs(row[0]) || !isPlausibleMs(row[6])) throw malformed("candles");
  const [open, high, low, close, volume] = [row[1], row[2], row[3], row[4], row[5]].map(parseNumber);
  if (!(open! > 0 && high! > 0 && low! > 0 && close! > 0 && volume! >= 0)) throw malformed("candles");
  const closeMs = row[6] + 1;
  return {
    type: "fastBar",
    venue,
    asset,
    openMs: row[0] as Ms,
    closeMs: closeMs as Ms,
    open: open!,
    high: high!,
    low: low!,
    close: close!,
    volume: volume!,
    closed: closeMs <= now,
    tExchange: Math.min(closeMs, now) as Ms,
    tReceive: now,
  };
}

export interface BarQuery {
  readonly profile: VenueProfile;
  readonly venue: BinanceVenue;
  readonly asset: Asset;
  readonly count: number;
  readonly clock: Pick<Clock, "now">;
}

/** The last `count` closed 1m candles, oldest first, stamped with the time of their arrival. Throws HttpError. */
export async function fetchBars(
  http: HttpClient,
  query: BarQuery,
  call: HttpCall = {},
): Promise<FastBarEvent[]> {
  const { asset, clock, count, profile, venue } = query;
  // One more, because the newest row is the forming candle.
  const url = `${base(profile, venue)}/klines?symbol=${symbolOf(asset)}&interval=1m&limit=${count + 1}`;
  const rows = await http.get(url, call);
  if (!Array.isArray(rows)) throw malformed("candles");
  const now = clock.now();
  return rows.map((row: unknown) => barOf(row, venue, asset, now)).filter((bar) => bar.closed).slice(-count);
}

/**
 * Venue time minus ours in ms: the sample with the smallest round trip of `samples`, taken at its middle. `now` is venue
 * time as we know it. Throws HttpError.
 */
export async function fetchTimeOffset(
  http: HttpClient,
  query: { readonly profile: VenueProfile; readonly venue: BinanceVenue; readonly clock: Pick<Clock, "now"> },
  samples = 3,
  call: HttpCall = {},
): Promise<{ readonly offsetMs: number; readonly roundTripMs: number }> {
  let best = { offsetMs: 0, roundTripMs: Infinity };
  for (let i = 0; i < samples; i++) {
    const sent = query.clock.now();
    const raw = await http.get(`${base(query.profile, query.venue)}/time`, call);
    const received = query.clock.now();
    if (!isObject(raw) || !isPlausibleMs(raw.serverTime)) throw malformed("the time");
    const roundTripMs = received - sent;
    if (roundTripMs < best.roundTripMs) {
      best = { offsetMs: raw.serverTime - (sent + received) / 2, roundTripMs };
    }
  }
  return best;
}
