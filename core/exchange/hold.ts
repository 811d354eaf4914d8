/**
 * The taker hold (`itode`): a marketable order waits at the venue, cannot be cancelled meanwhile, and everything is
 * checked again when the hold is over: phase, window, money, book. What no longer matches is killed (FAK, FOK) or rests
 * (GTC, GTD). Documented at 150 ms since 2026-09-04.
 *
 * Assumes a hold of fixed length and that makers see nothing of the held order. Errs towards us if the venue's hold varies
 * or leaks: makers who learn of it would leave first.
 */
import type { Instrument } from "../market/instrument.ts";
import type { Assumption } from "./assumption.ts";

export interface HoldModel {
  /** How long a marketable order in this market is held, ms. */
  holdMs(instrument: Instrument): number;
  readonly name: string;
  readonly parameters: Assumption["parameters"];
}

/** As long as the market's own listing says. */
export const marketHold = (): HoldModel => ({
  holdMs: (instrument) => instrument.takerHoldMs,
  name: "market",
  parameters: {},
});

/** The same in every market: for recordings whose listing did not keep it. */
export const fixedHold = (ms: number): HoldModel => ({
  holdMs: () => ms,
  name: "fixed",
  parameters: { ms },
});

export const describeHold = ({ name, parameters }: HoldModel): Assumption => ({
  unit: "taker hold",
  name,
  parameters,
  errs: "towards us if makers learn of held orders",
});
