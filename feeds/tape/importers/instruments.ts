/** Instruments for recordings: the venue's current trading rules laid over historical windows. */
import { createHash } from "node:crypto";
import type {
  Asset,
  Duration,
  Instrument,
  Outcome,
  SettlementRule,
} from "../../../core/market/instrument.ts";
import { windowLengthMs, windowSlug } from "../../../core/market/window.ts";
import { type Ms, ms, price, shares } from "../../../core/units.ts";

/** Settlement became an average on these days (Polymarket change log 2026-08-07 and 2026-08-14). */
const TWAP_FROM = Date.UTC(2026, 7, 7);
const TWAP_60_FROM = Date.UTC(2026, 7, 14);

/** Said in every manifest, because fees and holds were different when most recordings were made. */
export const SCHEDULE_NOTE =
  "The venue's current rules are applied to historical data: taker fee 0.07 p(1-p) per share, taker hold 150 ms, minimum 5 shares.";

/** The settlement rule that was in force for a window ending at `endMs`. */
export function settlementRuleAt(duration: Duration, endMs: number): SettlementRule {
  if (endMs < TWAP_FROM) return { kind: "spot", oracle: "chainlink", tie: "up" };
  const averagingSeconds = duration === "5m" && endMs < TWAP_60_FROM ? 30 : 60;
  return { kind: "twap", oracle: "chainlink", averagingSeconds, tie: "up" };
}

export interface WindowIdentity {
  readonly conditionId: string;
  readonly upToken: string;
  readonly downToken: string;
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * Ids for a window whose recording kept none: hashes of the slug in the venue's format, so that two imports agree and no
 * real id can be hit by accident.
 */
export function syntheticIdentity(slug: string): WindowIdentity {
  return {
    conditionId: `0x${hashOf(`condition:${slug}`)}`,
    upToken: BigInt(`0x${hashOf(`up:${slug}`)}`).toString(),
    downToken: BigInt(`0x${hashOf(`down:${slug}`)}`).toString(),
  };
}

export interface InstrumentOptions {
  readonly asset: Asset;
  readonly duration: Duration;
  readonly startMs: number;
  /** Recorded ids; synthetic ones when left out. */
  readonly identity?: WindowIdentity;
  readonly mirrorOf?: Outcome;
}

/** An instrument under the current rules (see `SCHEDULE_NOTE`) and the settlement rule of its own day. */
export function recordedInstrument(options: InstrumentOptions): Instrument {
  const { asset, duration, startMs } = options;
  const start: Ms = ms(startMs);
  const end = ms(startMs + windowLengthMs(duration));
  const slug = windowSlug(asset, duration, start);
  return {
    slug,
    asset,
    duration,
    ...(options.identity ?? syntheticIdentity(slug)),
    version: "v1",
    startMs: start,
    endMs: end,
    tick: price(100),
    minSize: shares(5_000_000),
    fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 },
    rule: settlementRuleAt(duration, end),
    negRisk: false,
    takerHoldMs: ms(150),
    tradable: true,
    reason: null,
    mirrorOf: options.mirrorOf ?? null,
  };
}
