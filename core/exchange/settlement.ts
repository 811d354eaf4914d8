/**
 * From match to money. A match is settled on the chain some seconds later, and a few never are ("ghost fills").
 *
 * - `instant`: a match is money. Errs towards us: bought shares can be sold at once and no fill is ever taken back.
 * - `delayed`: a fill is provisional until a drawn time has passed, then final, or with the given rate undone exactly.
 *   Until then bought shares cannot be sold and proceeds cannot be spent. Fills of one taker order at one match are one
 *   transaction: they share their fate. When the window resolves, what is still open is decided before the payout.
 *   Assumes that failures come at random; errs towards us, since a match fails more often when the other side wants out.
 */
import type { Random } from "../random.ts";
import type { Assumption } from "./assumption.ts";
import type { LatencyModel } from "./latency.ts";

/** What will become of a match. */
export interface Fate {
  /** From match to decision, ms. */
  readonly afterMs: number;
  readonly fails: boolean;
}

export interface SettlementModel {
  /** Fate of the next match; null: final at once. */
  next(): Fate | null;
  readonly name: string;
  readonly parameters: Assumption["parameters"];
  readonly errs: string;
}

export const instantSettlement = (): SettlementModel => ({
  next: () => null,
  name: "instant",
  parameters: {},
  errs: "towards us: a match is money at once and never fails",
});

export interface DelayedSettlementOptions {
  readonly time: LatencyModel;
  /** Share of matches that fail, 0..1. */
  readonly failureRate: number;
  readonly random: Random;
}

/** Always draws for the failure, so that a changed rate does not move later numbers of the stream. */
export const delayedSettlement = (
  { time, failureRate, random }: DelayedSettlementOptions,
): SettlementModel => ({
  next: () => {
    const afterMs = time.sample();
    return { afterMs, fails: random() < failureRate };
  },
  name: "delayed",
  parameters: { ...time.parameters, failureRate },
  errs: "towards us: failures do not pick the fills that were bad for the other side",
});

export const describeSettlement = ({ name, parameters, errs }: SettlementModel): Assumption => ({
  unit: "settlement",
  name,
  parameters,
  errs,
});
