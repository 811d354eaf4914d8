/** What a window is: identity, clock, ids, trading rules. Everything a decision needs to know of the venue's listing. */
import type { Ms, Price, Shares } from "../units.ts";

export const ASSETS = ["btc", "eth", "sol", "xrp"] as const;
export type Asset = typeof ASSETS[number];
export const DURATIONS = ["5m", "15m", "4h"] as const;
export type Duration = typeof DURATIONS[number];
export type Outcome = "up" | "down";
export type Side = "buy" | "sell";

/** The market's taker fee: shares x rate x (p(1-p))^exponent, in pUSD. `ratePpm` 70000 is 0.07. */
export interface FeeSchedule {
  readonly ratePpm: number;
  readonly exponent: number;
  readonly takerOnly: boolean;
  /** Share of taker fees paid back to makers, parts per million. */
  readonly rebatePpm: number;
}

/** How a window settles. `unknown` means: no trade. */
export type SettlementRule =
  | {
    readonly kind: "twap";
    readonly oracle: "chainlink";
    readonly averagingSeconds: number;
    readonly tie: "up";
  }
  | { readonly kind: "spot"; readonly oracle: "chainlink"; readonly tie: "up" }
  | { readonly kind: "unknown"; readonly text: string };

export type MarketVersion = "v1" | "v2" | "unknown";

/** One 5m/15m/4h window. */
export interface Instrument {
  readonly slug: string;
  readonly asset: Asset;
  readonly duration: Duration;
  readonly conditionId: string;
  readonly version: MarketVersion;
  /** Venue ids of the outcome tokens, decimal uint256 strings. */
  readonly upToken: string;
  readonly downToken: string;
  readonly startMs: Ms;
  readonly endMs: Ms;
  readonly tick: Price;
  readonly minSize: Shares;
  /** null: the schedule is missing or not understood, so the gate refuses. */
  readonly fee: FeeSchedule | null;
  readonly rule: SettlementRule;
  readonly negRisk: boolean;
  /** Taker hold in milliseconds (150 since 2026-09-04 when the market sets `itode`), else 0. */
  readonly takerHoldMs: Ms;
  /** false with a reason when the venue's own flags say that it may not be traded. */
  readonly tradable: boolean;
  readonly reason: string | null;
  /** Set on recordings that kept one token only: the other book is derived as its exact mirror. */
  readonly mirrorOf: Outcome | null;
}
