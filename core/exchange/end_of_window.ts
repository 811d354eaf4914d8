/**
 * What happens when a window's time is over. The venue's own rule between end and closing (20 to 90 s) is not documented.
 *
 * - `cancelAtEnd`: at the end nothing new is taken, held takers are refused and resting orders are cancelled. Errs towards
 *   us: nobody picks off a resting order once the outcome is all but known.
 * - `restUntilResolved`: nothing new is taken, but what rests stays and may be filled until the outcome is told. Errs
 *   against us: such fills are the other side's free choice.
 *
 * Winning shares pay one pUSD when the outcome is told, losing ones nothing. A window whose outcome is never told keeps
 * its positions open; without any it is forgotten after an hour.
 */
import type { Assumption } from "./assumption.ts";

export type EndRule = "cancelAtEnd" | "restUntilResolved";
export const END_RULES = ["cancelAtEnd", "restUntilResolved"] as const;

/** A market nobody resolved and in which nothing is held or open is forgotten this long after its end. */
export const ABANDON_AFTER_MS = 3_600_000;

export const describeEnd = (rule: EndRule): Assumption => ({
  unit: "end of window",
  name: rule,
  parameters: {},
  errs: rule === "cancelAtEnd"
    ? "towards us: resting orders are safe after the end"
    : "against us: resting orders can be picked off until the outcome",
});
