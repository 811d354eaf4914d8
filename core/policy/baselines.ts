/**
 * The seeds' rule baselines. v is the Up mid's change over 2 s; "near expiry" is the last 13.3 % of a window (2 of 15
 * minutes), where none of them opens; what is still held at 3.3 % (30 s of 15 minutes) is closed.
 */
import { type Action, CLOSE, HOLD, type MarketView, type Policy, WANT_DOWN, WANT_UP } from "./policy.ts";

export const NEAR_EXPIRY = 0.133;
export const CLOSE_AT = 0.033;
const DECIDE_EVERY_MS = 500;
const BOOK_ONLY = { fast: false, oracle: false, strike: false } as const;

type Rule = (view: MarketView) => Action;

/** Momentum: follow a 3 cent move. */
export const momentumRule: Rule = (view) =>
  view.velocity > 0.03 ? WANT_UP : view.velocity < -0.03 ? WANT_DOWN : HOLD;

/** Mean reversion: buy what is below 40 cents. */
export const meanRevertRule: Rule = (view) =>
  view.upMid < 0.40 ? WANT_UP : view.upMid > 0.60 ? WANT_DOWN : HOLD;

/** Fade a spike of 5 cents at the edges. */
export const fadeSpikeRule: Rule = (view) => {
  if (view.velocity < -0.05 && view.upMid < 0.35) return WANT_UP;
  if (view.velocity > 0.05 && view.upMid > 0.65) return WANT_DOWN;
  return HOLD;
};

/** The clock's part of every baseline: close late, do not open late. A comparison with NaN is false, so absence holds. */
export function withExpiry(rule: Rule): Rule {
  return (view) => {
    if (view.timeRemaining < CLOSE_AT) return view.side === 0 ? HOLD : CLOSE;
    if (view.timeRemaining < NEAR_EXPIRY) return HOLD;
    return rule(view);
  };
}

/** A baseline policy made of one rule on the book. */
export const bookPolicy = (name: string, rule: Rule): Policy => ({
  name,
  needs: BOOK_ONLY,
  decideEveryMs: DECIDE_EVERY_MS,
  statesProbability: false,
  decide: withExpiry(rule),
});

/** Never trades: the line every result is compared with. */
export const holdPolicy = (): Policy => ({
  name: "hold",
  needs: BOOK_ONLY,
  decideEveryMs: DECIDE_EVERY_MS,
  statesProbability: false,
  decide: () => HOLD,
});

/** Uniform over hold, Up, Down. `random` returns 0 <= x < 1. */
export const randomPolicy = (random: () => number): Policy =>
  bookPolicy("random", () => {
    const draw = random();
    return draw < 1 / 3 ? HOLD : draw < 2 / 3 ? WANT_UP : WANT_DOWN;
  });
