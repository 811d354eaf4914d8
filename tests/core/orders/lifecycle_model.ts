/**
 * A simple model of the venue for property tests: every order has a fate, every happening sends messages, messages are
 * shuffled, doubled and lost. What is true in the end is known.
 */
import fc from "fast-check";
import { buyCost } from "../../../core/orders/order.ts";
import type { LifeInput, OrderTerms, TradeState } from "../../../core/orders/lifecycle_types.ts";
import { readLookup, readOrderEvent, readTrade } from "../../../core/orders/lifecycle_wire.ts";
import { classifySubmit } from "../../../core/orders/lifecycle_reply.ts";
import {
  complement,
  formatPrice,
  formatShares,
  type Ms,
  notionalUp,
  type Price,
  type Shares,
  type Usdc,
} from "../../../core/units.ts";

export const FEE = { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 0 };
export const UP = "111";
export const DOWN = "222";
export const COND = "0xc0";

export function termsOf(index: number, change: Partial<OrderTerms> = {}): OrderTerms {
  const base = {
    hash: `0x${String(index).padStart(64, "a")}`,
    orderId: `o${index}`,
    conditionId: COND,
    token: UP,
    outcome: "up" as const,
    side: "buy" as const,
    orderType: "GTC" as const,
    postOnly: false,
    limit: 5000 as Price,
    size: 100_000_000 as Shares,
    spend: 0 as Usdc,
    expiresAtMs: null,
    fee: FEE,
    ...change,
  };
  return { ...base, costBound: change.costBound ?? buyCost(base, FEE) };
}

/** One match of an order in the model. */
export interface ModelMatch {
  /** Whole shares. */
  readonly shares: number;
  readonly maker: boolean;
  /** The other side stands on the other token. */
  readonly crossed: boolean;
  readonly statuses: readonly TradeState[];
}

export type End = "cancelled" | "invalid" | "none" | "all";

export interface Fate {
  readonly orderType: "GTC" | "GTD" | "FAK" | "FOK";
  readonly side: "buy" | "sell";
  readonly reply: "told" | "late" | "lost" | "refused" | "never-landed";
  readonly matches: readonly ModelMatch[];
  readonly end: End;
  readonly cancelAsked: boolean;
}

const statuses = fc.constantFrom<readonly TradeState[]>(
  ["matched", "mined", "confirmed"],
  ["matched", "confirmed"],
  ["confirmed"],
  ["matched", "retrying", "mined", "confirmed"],
  ["matched", "retrying", "failed"],
  ["failed"],
  ["matched", "mined"],
);

const match = fc.record({
  shares: fc.integer({ min: 1, max: 24 }),
  maker: fc.boolean(),
  crossed: fc.boolean(),
  statuses,
});

export const fates: fc.Arbitrary<Fate> = fc.record({
  orderType: fc.constantFrom("GTC" as const, "GTD" as const, "FAK" as const, "FOK" as const),
  side: fc.constantFrom("buy" as const, "sell" as const),
  reply: fc.constantFrom(
    "told" as const,
    "late" as const,
    "lost" as const,
    "refused" as const,
    "never-landed" as const,
  ),
  matches: fc.array(match, { maxLength: 4 }),
  end: fc.constantFrom<End>("cancelled", "invalid", "none", "all"),
  cancelAsked: fc.boolean(),
});

/** What a fate comes to. */
export interface Truth {
  readonly terms: OrderTerms;
  readonly landed: boolean;
  /** null: not at the venue. */
  readonly status: "LIVE" | "MATCHED" | "CANCELED" | "INVALID" | null;
  readonly open: boolean;
  readonly matched: number;
  /** Messages of sockets, in the order they were sent. */
  readonly messages: readonly LifeInput[];
  readonly reply: LifeInput | null;
  readonly lookup: (askedAt: Ms, at: Ms) => LifeInput;
  readonly trades: readonly {
    readonly id: string;
    readonly last: TradeState;
    readonly size: number;
    readonly frame: object;
  }[];
}

export const T0 = 1_795_253_700_000;
export const SENT = T0 + 10;
/** After this nothing new happens at the venue. */
export const SETTLED = T0 + 60_000;

function tradeFrame(
  terms: OrderTerms,
  id: string,
  { shares, maker, crossed }: ModelMatch,
): Record<string, unknown> {
  const size = formatShares((shares * 1_000_000) as Shares);
  const price = formatPrice(terms.limit);
  const other = crossed ? formatPrice(complement(terms.limit)) : price;
  const otherToken = crossed ? DOWN : UP;
  const makers = maker
    ? [
      { order_id: "0xstranger", matched_amount: "7", price, asset_id: UP },
      { order_id: terms.hash, matched_amount: size, price, asset_id: UP },
    ]
    : [{ order_id: "0xstranger", matched_amount: size, price: other, asset_id: otherToken }];
  return {
    event_type: "trade",
    id,
    taker_order_id: maker ? "0xtaker" : terms.hash,
    asset_id: maker ? otherToken : UP,
    size: maker ? formatShares(((shares + 7) * 1_000_000) as Shares) : size,
    price: maker ? other : price,
    matchtime: "1795253701",
    maker_orders: makers,
  };
}

/** Plays a fate at the venue and notes all messages. */
export function play(fate: Fate, index: number): Truth {
  const immediate = fate.orderType === "FAK" || fate.orderType === "FOK";
  const expiresAtMs = fate.orderType === "GTD" ? (SETTLED + 1e6) as Ms : null;
  const terms = termsOf(index, { orderType: fate.orderType, side: fate.side, expiresAtMs });
  const landed = fate.reply !== "refused" && fate.reply !== "never-landed";
  const at = (T0 + 1_000) as Ms;
  const messages: LifeInput[] = [];
  const trades: Truth["trades"][number][] = [];
  let matched = 0;
  const tell = (type: string, status: string) => {
    const event = readOrderEvent(
      {
        id: terms.hash,
        type,
        status,
        size_matched: formatShares((matched * 1e6) as Shares),
        associate_trades: trades.map((t) => t.id),
      },
      at,
    );
    if (event === null) throw new Error("the model speaks the venue's words");
    messages.push(event);
  };
  if (landed) {
    if (!immediate) tell("PLACEMENT", "LIVE");
    for (const [k, m] of fate.matches.entries()) {
      matched += m.shares;
      const id = `t${index}-${k}`;
      const frame = tradeFrame(terms, id, m);
      trades.push({ id, last: m.statuses.at(-1)!, size: m.shares * 1e6, frame });
      tell("UPDATE", immediate ? "MATCHED" : "LIVE");
      for (const status of m.statuses) {
        messages.push({ type: "trade", at, trade: readTrade({ ...frame, status: status.toUpperCase() })! });
      }
    }
    if (fate.end === "all" && !immediate) {
      const rest: ModelMatch = {
        shares: 100 - matched,
        maker: true,
        crossed: false,
        statuses: ["matched", "confirmed"],
      };
      matched = 100;
      const frame = tradeFrame(terms, `t${index}-all`, rest);
      trades.push({ id: `t${index}-all`, last: "confirmed", size: rest.shares * 1e6, frame });
      tell("UPDATE", "MATCHED");
      for (const status of rest.statuses) {
        messages.push({ type: "trade", at, trade: readTrade({ ...frame, status: status.toUpperCase() })! });
      }
    }
  }
  const full = matched === 100;
  const killed = immediate && matched === 0;
  const ends = landed &&
    (immediate
      ? killed || fate.end !== "all"
      : !full && (fate.end === "cancelled" || fate.end === "invalid"));
  const status = !landed
    ? null
    : ends
    ? (fate.end === "invalid" && !immediate ? "INVALID" : "CANCELED")
    : immediate || full
    ? "MATCHED"
    : "LIVE";
  if (ends) {
    tell(
      "CANCELLATION",
      killed ? "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed." : status!,
    );
  }
  const lookup = (askedAt: Ms, now: Ms): LifeInput =>
    readLookup(
      landed
        ? {
          id: terms.hash,
          status: `ORDER_STATUS_${status}`,
          size_matched: formatShares((matched * 1e6) as Shares),
          associate_trades: trades.map((t) => t.id),
        }
        : null,
      { hash: terms.hash, askedAt, at: now },
    )!;
  return {
    terms,
    landed,
    status,
    open: status === "LIVE",
    matched: matched * 1e6,
    messages,
    reply: replyOf(fate, terms, at, killed),
    lookup,
    trades,
  };
}

function replyOf(fate: Fate, terms: OrderTerms, at: Ms, killed: boolean): LifeInput | null {
  const { hash, side } = terms;
  const about = { type: "submitReply" as const, at, hash };
  if (fate.reply === "lost" || fate.reply === "never-landed") {
    return { ...about, outcome: classifySubmit(null, hash, side) };
  }
  if (fate.reply === "refused") {
    return {
      ...about,
      outcome: classifySubmit({ status: 400, body: { error: "not enough balance / allowance" } }, hash, side),
    };
  }
  if (killed) {
    const error =
      "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.";
    return { ...about, outcome: classifySubmit({ status: 400, body: { error } }, hash, side) };
  }
  const immediate = fate.orderType === "FAK" || fate.orderType === "FOK";
  const first = fate.matches[0];
  const taken = immediate
    ? fate.matches.reduce((sum, m) => sum + m.shares, 0)
    : first === undefined || first.maker
    ? 0
    : first.shares;
  const [shares, cash] = taken === 0 ? ["", ""] : [
    formatShares((taken * 1e6) as Shares),
    formatShares(notionalUp((taken * 1e6) as Shares, terms.limit) as unknown as Shares),
  ];
  const body = {
    success: true,
    errorMsg: "",
    orderID: hash,
    status: taken > 0 ? "matched" : "live",
    takingAmount: side === "buy" ? shares : cash,
    makingAmount: side === "buy" ? cash : shares,
    tradeIDs: [],
  };
  return { ...about, outcome: classifySubmit({ status: 200, body }, hash, side) };
}
