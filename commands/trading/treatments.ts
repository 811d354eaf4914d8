/**
 * The flattery audit: what is done to a strategy's run, besides running it, before anybody may believe its result. The
 * list is fixed: a report is made from all of it or not at all.
 */

/** One changed run. */
export type Treatment =
  /** The fast market reaches us `ms` later than it did, and nobody tells the strategy. */
  | { readonly kind: "aged"; readonly ms: number }
  /** Every request takes `ms` longer. */
  | { readonly kind: "slow"; readonly ms: number }
  /** Every wish is granted at the mid, at once, without a fee. */
  | { readonly kind: "naive" }
  /** The same again from the start, each decision made before the next event is read. */
  | { readonly kind: "again" };

export const TREATMENTS = {
  aged100ms: { kind: "aged", ms: 100 },
  aged1s: { kind: "aged", ms: 1000 },
  aged5s: { kind: "aged", ms: 5000 },
  aged60s: { kind: "aged", ms: 60_000 },
  slow250ms: { kind: "slow", ms: 250 },
  naive: { kind: "naive" },
  again: { kind: "again" },
} as const satisfies Record<string, Treatment>;

export type TreatmentName = keyof typeof TREATMENTS;
export const TREATMENT_NAMES = Object.keys(TREATMENTS) as readonly TreatmentName[];
