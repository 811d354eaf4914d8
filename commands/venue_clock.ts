/** The venue's clock for commands: measured at the start and hourly, corrected where it can be, and told when it is off. */
import { binanceRest } from "../feeds/binance/rest.ts";
import { type ClockOffset, ClockSync } from "../feeds/clock_sync.ts";
import { httpClient } from "../feeds/net/http.ts";
import type { Network } from "../feeds/net/network.ts";
import type { CommandContext, OpenVenue } from "./command.ts";

export interface VenueClock {
  /** `clockOffsetMs` and `roundTripMs` for a command's data: nulls when no clock answered. */
  data(): { readonly clockOffsetMs: number | null; readonly roundTripMs: number | null };
  close(): Promise<void>;
}

const round = (value: number): number => Math.round(value * 10) / 10;

function skewText(venue: OpenVenue, offset: ClockOffset): string {
  const off = `${round(offset.clockOffsetMs)} ms (by ${offset.source}, right to ${
    round(offset.uncertaintyMs)
  } ms)`;
  return venue.clock.adjust === undefined
    ? `The venue's services disagree with its own clock by ${off}: ages and deadlines cannot be trusted.`
    : `This machine's clock is off by ${off}. It is corrected here; set the machine's time all the same.`;
}

/** Measures once before it returns. Throws the signal's reason; clocks that do not answer are no error. */
export async function openVenueClock(
  ctx: CommandContext,
  venue: OpenVenue,
  network: Network,
): Promise<VenueClock> {
  const { clock, profile } = venue;
  const stop = new AbortController();
  const signal = AbortSignal.any([ctx.signal, stop.signal]);
  // Jitter of retries only; no decision depends on it.
  const http = httpClient({ network, clock, random: Math.random });
  const rest = binanceRest(http, profile, clock);
  const sync = new ClockSync(
    { clock, http, rest, clob: profile.clob, signal, log: ctx.log },
    (offset) => ctx.warn({ code: "CLOCK_SKEW", message: skewText(venue, offset) }),
  );
  await sync.start();
  return {
    data: () => ({
      clockOffsetMs: sync.offset === null ? null : round(sync.offset.clockOffsetMs),
      roundTripMs: sync.offset === null ? null : round(sync.offset.roundTripMs),
    }),
    async close() {
      stop.abort(new DOMException("closed", "AbortError"));
      await sync.closed();
    },
  };
}
