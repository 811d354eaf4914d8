/** A busy hand: orders of every kind, cancels and sales, one after the other, all drawn from a seed. */
import type { CancelIntent, SubmitIntent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { heldOf } from "../../core/orders/ledger.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import { nextInt, type Random } from "../../core/random.ts";
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";
import type { WalletState } from "../../feeds/journal/state.ts";

const CENT = 100;
const SHARE = 1_000_000;
const MAX_OPEN = 25;
const MAX_AGE_MS = 60_000;

export interface FlowOptions {
  readonly random: Random;
  readonly markets: readonly Instrument[];
  /** Begins every order's id, so that no two runs share one. */
  readonly prefix: string;
  readonly wallet: () => WalletState;
  readonly now: () => Ms;
}

type Wish = Pick<SubmitIntent, "side" | "orderType" | "limit"> & Partial<SubmitIntent>;

/** The next wish: a submit or a cancel. */
export function openFlow(options: FlowOptions): () => SubmitIntent | CancelIntent {
  const { random, markets, wallet, now } = options;
  let count = 0;
  const pick = <T>(list: readonly T[]): T => list[nextInt(random, list.length)]!;
  const submit = (market: Instrument, wish: Wish): SubmitIntent => {
    const outcome = wish.outcome ?? (random() < 0.5 ? "up" : "down");
    return {
      type: "submit",
      orderId: `${options.prefix}-${++count}`,
      conditionId: market.conditionId,
      token: outcome === "up" ? market.upToken : market.downToken,
      outcome,
      postOnly: false,
      size: 0 as Shares,
      spend: 0 as Usdc,
      bornAt: now(),
      maxAge: MAX_AGE_MS as Ms,
      ...wish,
    };
  };
  const cents = (from: number, to: number): Price => (from + nextInt(random, to - from + 1)) * CENT as Price;
  const shares = (from: number, to: number): Shares =>
    (from + nextInt(random, to - from + 1)) * SHARE as Shares;
  const sale = (market: Instrument): SubmitIntent | null => {
    for (const [token, sums] of wallet().ledgers.final.tokens) {
      if (sums.conditionId !== market.conditionId) continue;
      const whole = Math.floor(heldOf(sums) / SHARE);
      if (whole < 5) continue;
      const resting = random() < 0.3;
      return submit(market, {
        side: "sell",
        orderType: resting ? "GTC" : "FAK",
        limit: resting ? cents(55, 90) : 2 * CENT as Price,
        token,
        outcome: sums.outcome,
        size: Math.min(whole, 5 + nextInt(random, 10)) * SHARE as Shares,
      });
    }
    return null;
  };
  return () => {
    const open = [...wallet().life.orders.values()].filter(({ state }) => !isEnded(state));
    const draw = random();
    if (open.length > 0 && (draw < 0.2 || open.length >= MAX_OPEN)) {
      return { type: "cancel", orderId: pick(open).terms.orderId, bornAt: now() };
    }
    const market = pick(markets);
    if (draw < 0.35) {
      const sold = sale(market);
      if (sold !== null) return sold;
    }
    const spend = (1_100_000 + nextInt(random, 2_000_000)) as Usdc;
    if (draw < 0.55) {
      return submit(market, { side: "buy", orderType: "FAK", limit: 99 * CENT as Price, spend });
    }
    if (draw < 0.65) {
      return submit(market, { side: "buy", orderType: "FOK", limit: cents(30, 99), spend });
    }
    if (draw < 0.72) {
      const expireAt = now() + 20_000 + nextInt(random, 60_000) as Ms;
      return submit(market, {
        side: "buy",
        orderType: "GTD",
        limit: cents(5, 40),
        size: shares(5, 12),
        expireAt,
      });
    }
    // From far below the book to through it: some rest, some match at once, some are refused as post-only.
    const postOnly = draw < 0.8;
    return submit(market, {
      side: "buy",
      orderType: "GTC",
      limit: cents(5, 60),
      size: shares(5, 12),
      postOnly,
    });
  };
}
