/** Row bodies as the inputs they are: which kind of row holds what, written by type and read by schema. */
import { z } from "zod";
import type { Outcome } from "../../core/market/instrument.ts";
import type { Entry, Stage } from "../../core/orders/ledger.ts";
import type { Usdc } from "../../core/units.ts";
import type { LifeInput } from "../../core/orders/lifecycle_types.ts";
import { TRADE_STATES } from "../../core/orders/lifecycle_types.ts";
import type { RowKind } from "./rows.ts";

/** What moves the ledgers besides fills. */
export type LedgerInput =
  /** Spendable pUSD when the journal began; counts once, as the first. */
  | { readonly type: "opening"; readonly cash: Usdc }
  | { readonly type: "post"; readonly entry: Entry; readonly stage: Stage }
  | { readonly type: "resolved"; readonly conditionId: string; readonly winner: Outcome }
  | { readonly type: "fee"; readonly fillId: string; readonly fee: Usdc };

/** The row kind of an input of an order's life; null for those that no journal needs (time passing). */
export function kindOfInput(input: LifeInput): RowKind | null {
  switch (input.type) {
    case "created":
      return "intent";
    case "sent":
    case "dropped":
    case "cancelAsked":
      return "sent";
    case "submitReply":
    case "cancelReply":
      return "reply";
    case "orderEvent":
      return "order-event";
    case "trade":
      return "trade-event";
    case "lookup":
    case "openOrders":
    case "restart":
      return "reconcile";
    case "clock":
      return null;
  }
}

const int = z.int();
const amount = z.int().min(0);
const text = z.string();
const names = z.array(text);
const outcome = z.enum(["up", "down"]);
const about = { at: int, hash: text };
const status = z.enum(["live", "matched", "delayed", "unmatched", "cancelled", "invalid"]);

const terms = z.strictObject({
  hash: text,
  orderId: text,
  conditionId: text,
  token: text,
  outcome,
  side: z.enum(["buy", "sell"]),
  orderType: z.enum(["GTC", "GTD", "FOK", "FAK"]),
  postOnly: z.boolean(),
  limit: amount,
  size: amount,
  spend: amount,
  expiresAtMs: int.nullable(),
  fee: z.strictObject({ ratePpm: amount, exponent: amount, takerOnly: z.boolean(), rebatePpm: amount }),
  costBound: amount,
});

const submitOutcome = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("accepted"),
    status: z.enum(["live", "matched", "delayed"]),
    matched: amount.nullable(),
    tradeIds: names,
  }),
  z.strictObject({ kind: z.enum(["rejected", "killed", "unknown"]), code: text, message: text }),
  z.strictObject({ kind: z.literal("landed"), message: text }),
]);

const cancelOutcome = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("cancelled") }),
  z.strictObject({ kind: z.enum(["refused", "unknown"]), reason: text }),
]);

const trade = z.strictObject({
  id: text,
  state: z.enum(TRADE_STATES),
  takerHash: text,
  token: text,
  price: amount,
  size: amount,
  makers: z.array(z.strictObject({ hash: text, token: text, price: amount, size: amount })),
  matchedAtMs: int.nullable(),
});

const lifeInput = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("created"), at: int, terms }),
  z.strictObject({ type: z.enum(["sent", "cancelAsked"]), ...about }),
  z.strictObject({ type: z.literal("dropped"), ...about, code: text }),
  z.strictObject({ type: z.literal("submitReply"), ...about, outcome: submitOutcome }),
  z.strictObject({
    type: z.literal("orderEvent"),
    ...about,
    event: z.enum(["placement", "update", "cancellation"]),
    status,
    matched: amount.nullable(),
    tradeIds: names,
    reason: text,
  }),
  z.strictObject({ type: z.literal("trade"), at: int, trade }),
  z.strictObject({
    type: z.literal("lookup"),
    ...about,
    askedAt: int,
    found: z.strictObject({ status, matched: amount.nullable(), tradeIds: names }).nullable(),
  }),
  z.strictObject({ type: z.literal("cancelReply"), ...about, outcome: cancelOutcome }),
  z.strictObject({ type: z.literal("openOrders"), at: int, askedAt: int, hashes: names }),
  z.strictObject({ type: z.literal("restart"), at: int }),
]);

const entry = z.strictObject({
  id: text,
  kind: z.enum(["fill", "split", "merge", "redeem", "transfer"]),
  at: int,
  transfer: int,
  parts: z.array(z.strictObject({
    token: text,
    conditionId: text,
    outcome,
    flow: z.enum(["in", "out", "redeemed"]),
    shares: amount,
    cash: amount,
    fee: amount,
  })),
});

const ledgerInput = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("opening"), cash: int }),
  z.strictObject({ type: z.literal("post"), entry, stage: z.enum(["provisional", "final", "undone"]) }),
  z.strictObject({ type: z.literal("resolved"), conditionId: text, winner: outcome }),
  z.strictObject({ type: z.literal("fee"), fillId: text, fee: amount }),
]);

/** What a row means for state: an input of orders' lives, of the ledgers, or nothing (latches and notes). */
export type RowMeaning =
  | { readonly of: "life"; readonly input: LifeInput }
  | { readonly of: "ledger"; readonly input: LedgerInput }
  | { readonly of: "nothing" };

/** Reads a row's body. Throws when it is none of the inputs its kind holds: then it was written by another version. */
export function readRow(kind: RowKind, body: string): RowMeaning {
  if (kind === "latch" || kind === "note") return { of: "nothing" };
  const value: unknown = JSON.parse(body);
  // The schemas check what the brands only say; units were checked where the values were made.
  if (kind === "ledger") return { of: "ledger", input: ledgerInput.parse(value) as LedgerInput };
  const input = lifeInput.parse(value) as LifeInput;
  if (kindOfInput(input) !== kind) throw new Error(`a ${kind} row holds ${input.type}`);
  return { of: "life", input };
}
