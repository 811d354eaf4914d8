/**
 * The market price as a strategy: once a fifth of the window is over, buy the side the market favours and hold it to the
 * settlement. It knows nothing that the price does not say, so it shows what following the market costs. A yardstick of
 * backtests only.
 */
import { NEAR_EXPIRY } from "./baselines.ts";
import { HOLD, type Policy, WANT_DOWN, WANT_UP } from "./policy.ts";

const FROM = 0.8;

export const marketPolicy = (): Policy => ({
  name: "market",
  needs: { fast: false, oracle: false, strike: false },
  decideEveryMs: 500,
  statesProbability: false,
  decide: ({ side, timeRemaining, upMid }) => {
    if (side !== 0 || !(timeRemaining <= FROM) || timeRemaining < NEAR_EXPIRY || Number.isNaN(upMid)) {
      return HOLD;
    }
    return upMid >= 0.5 ? WANT_UP : WANT_DOWN;
  },
});
