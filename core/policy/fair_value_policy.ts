/**
 * Trades against the market when the model's probability of Up is further from the executable price than the fee and a
 * margin; closes when the market pays more than the model, else holds to settlement.
 */
import { feePerShare } from "../market/fees.ts";
import { PRICE_SCALE } from "../units.ts";
import { CLOSE, HOLD, type MarketView, type Policy, WANT_DOWN, WANT_UP } from "./policy.ts";

export interface FairValueOptions {
  /** Edge per share (probability) wanted after the fee to open. */
  readonly minEdge: number;
  /** Edge per share after the fee to sell back before the end. */
  readonly exitEdge: number;
  readonly decideEveryMs: number;
}

export const FAIR_VALUE_DEFAULTS: FairValueOptions = { minEdge: 0.03, exitEdge: 0.02, decideEveryMs: 100 };

/** Cost of taking one share at `ask`, fee included, as a fraction of one pUSD. */
function takeCost(view: MarketView, ask: number): number {
  const fee = view.instrument.fee;
  return ask < 0 || fee === null ? NaN : ask / PRICE_SCALE + feePerShare(fee, ask);
}

/** Proceeds of selling one share at `bid`, fee deducted. */
function sellProceeds(view: MarketView, bid: number): number {
  const fee = view.instrument.fee;
  return bid < 0 || fee === null ? NaN : bid / PRICE_SCALE - feePerShare(fee, bid);
}

/** Fair-value policy with its thresholds. */
export function fairValuePolicy(options: FairValueOptions = FAIR_VALUE_DEFAULTS): Policy {
  return {
    name: "fair-value",
    needs: { fast: true, oracle: true, strike: true },
    decideEveryMs: options.decideEveryMs,
    statesProbability: true,
    decide: (view) => {
      const fair = view.fairUp;
      view.probabilityUp = fair;
      if (Number.isNaN(fair)) return HOLD;
      if (view.side !== 0) {
        const worth = view.side > 0 ? fair : 1 - fair;
        const offer = sellProceeds(view, view.side > 0 ? view.upBid : view.downBid);
        return offer - worth > options.exitEdge ? CLOSE : HOLD;
      }
      const edgeUp = fair - takeCost(view, view.upAsk);
      const edgeDown = 1 - fair - takeCost(view, view.downAsk);
      if (edgeUp > options.minEdge && !(edgeDown > edgeUp)) return WANT_UP;
      return edgeDown > options.minEdge ? WANT_DOWN : HOLD;
    },
  };
}
