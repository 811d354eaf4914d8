/** From a policy's wish to an order: side, amount and limit. Sizing and rounding are the same for every policy. */
import type { SubmitIntent } from "../events.ts";
import type { Outcome } from "../market/instrument.ts";
import { ceilToTick, floorTo, floorToTick, SIZE_STEP } from "../market/rounding.ts";
import { type Action, CLOSE, type MarketView, WANT_DOWN, WANT_UP } from "../policy/policy.ts";
import { type Sizing, stake } from "../policy/sizing.ts";
import { type Ms, type Price, PRICE_ONE, type Shares, type Usdc } from "../units.ts";

/** What drafting needs of its engine. */
export interface Drafting {
  readonly sizing: Sizing;
  /** Ticks a taker order may pay beyond the best price it saw. */
  readonly slippageTicks: number;
  /** The same for a purchase now: measured latency makes it less. */
  buySlippageTicks(): number;
  readonly maxAge: Ms;
  equity(): Usdc;
  sharesOf(token: string): Shares;
  nextId(): string;
}

/** The order of a wish, or null where there is nothing to do: the same side while holding is nothing, the other only closes. */
export function draftOrder(action: Action, view: MarketView, drafting: Drafting): SubmitIntent | null {
  if (view.side === 0) {
    if (action !== WANT_UP && action !== WANT_DOWN) return null;
    return draftBuy(action === WANT_UP ? "up" : "down", view, drafting);
  }
  const wanted = action === WANT_UP ? 1 : action === WANT_DOWN ? -1 : 0;
  return action === CLOSE || wanted !== view.side ? draftSell(view, drafting) : null;
}

/** Orders that the wishes of a window would be if its best prices were `ticks` higher; none where there is no price. */
export function draftsAt(view: MarketView, ticks: number, drafting: Drafting): SubmitIntent[] {
  const by = ticks * view.instrument.tick;
  const moved = (price: number) => price < 0 || price + by <= 0 || price + by >= PRICE_ONE ? -1 : price + by;
  const there: MarketView = {
    ...view,
    ...{ upBid: moved(view.upBid), upAsk: moved(view.upAsk) },
    ...{ downBid: moved(view.downBid), downAsk: moved(view.downAsk) },
  };
  const wishes: readonly Action[] = view.side === 0 ? [WANT_UP, WANT_DOWN] : [CLOSE];
  return wishes.flatMap((wish) => {
    const draft = draftOrder(wish, there, drafting);
    const quoted = wish === WANT_UP
      ? there.upAsk
      : wish === WANT_DOWN
      ? there.downAsk
      : view.side > 0
      ? there.upBid
      : there.downBid;
    const limit = draft?.limit ?? 0;
    const amount = draft?.side === "buy" ? draft.spend : draft?.size ?? 0;
    return draft === null || quoted < 0 || amount <= 0 || limit <= 0 || limit >= PRICE_ONE ? [] : [draft];
  });
}

/** A market BUY of the stake. Without an ask or a fee schedule it spends nothing, and the gate says why it may not be sent. */
function draftBuy(outcome: Outcome, view: MarketView, drafting: Drafting): SubmitIntent {
  const { instrument } = view;
  const ask = outcome === "up" ? view.upAsk : view.downAsk;
  const probability = outcome === "up" ? view.probabilityUp : 1 - view.probabilityUp;
  const spend = ask < 0 || instrument.fee === null
    ? 0 as Usdc
    : stake(drafting.sizing, drafting.equity(), ask as Price, instrument.fee, probability);
  const slippage = drafting.buySlippageTicks() * instrument.tick;
  const limit = ceilToTick(Math.max(0, ask) + slippage, instrument.tick);
  return order(view, drafting, { outcome, side: "buy", limit, size: 0 as Shares, spend });
}

/** A market SELL of everything that can be sold. */
function draftSell(view: MarketView, drafting: Drafting): SubmitIntent {
  const { instrument } = view;
  const outcome: Outcome = view.side > 0 ? "up" : "down";
  const bid = outcome === "up" ? view.upBid : view.downBid;
  const held = drafting.sharesOf(outcome === "up" ? instrument.upToken : instrument.downToken);
  const limit = floorToTick(Math.max(0, bid - drafting.slippageTicks * instrument.tick), instrument.tick);
  const size = floorTo(held, SIZE_STEP) as Shares;
  return order(view, drafting, { outcome, side: "sell", limit, size, spend: 0 as Usdc });
}

function order(
  view: MarketView,
  drafting: Drafting,
  terms: Pick<SubmitIntent, "outcome" | "side" | "limit" | "size" | "spend">,
): SubmitIntent {
  const { instrument } = view;
  return {
    type: "submit",
    orderId: drafting.nextId(),
    conditionId: instrument.conditionId,
    token: terms.outcome === "up" ? instrument.upToken : instrument.downToken,
    outcome: terms.outcome,
    side: terms.side,
    orderType: "FAK",
    postOnly: false,
    limit: terms.limit,
    size: terms.size,
    spend: terms.spend,
    bornAt: view.now as Ms,
    maxAge: drafting.maxAge,
  };
}
