/**
 * What an answer to a submit or a cancel means. The text decides before the HTTP status, because the venue's edge rewrites
 * statuses by words in the message (documentation of 2026-09: "context canceled" becomes 400, "not found" 404).
 * Whatever is not known to be a refusal is `unknown`: asking the venue for the hash costs one request, a wrong guess costs
 * money.
 */
import { parseDecimal, type Shares } from "../units.ts";
import type { Side } from "../market/instrument.ts";
import type { CancelOutcome, SubmitOutcome } from "./lifecycle_types.ts";

/** `kind` of a reply by its text; the first that matches counts. */
interface TextRule {
  readonly pattern: RegExp;
  readonly kind: "rejected" | "killed" | "landed" | "unknown";
  readonly code: string;
}

const rule = (pattern: RegExp, kind: TextRule["kind"], code: string): TextRule => ({ pattern, kind, code });

/** Messages of the order endpoints (error page of the documentation, 2026-09; client issue trackers 2025-11..2026-10). */
export const TEXT_RULES: readonly TextRule[] = [
  rule(/\bduplicated\b/i, "landed", "DUPLICATED"),
  // The documentation calls this one rejected before the book and safe to submit again.
  rule(/\border timed out\b/i, "rejected", "ORDER_TIMED_OUT"),
  rule(/context (deadline exceeded|canceled)/i, "unknown", "CONTEXT_LOST"),
  // Taken and held, or not taken: the words allow both.
  rule(/order match delayed/i, "unknown", "MATCH_DELAYED"),
  rule(/couldn't be fully filled|no orders found to match/i, "killed", "NO_MATCH"),
  rule(/breaks minimum tick size/i, "rejected", "TICK_SIZE"),
  rule(/lower than the minimum/i, "rejected", "SIZE_BELOW_MINIMUM"),
  rule(/invalid amount for a marketable/i, "rejected", "NOTIONAL_BELOW_MINIMUM"),
  rule(/invalid amounts/i, "rejected", "INVALID_AMOUNTS"),
  rule(/not enough balance/i, "rejected", "NOT_ENOUGH_BALANCE"),
  rule(/order crosses book|crosses the book/i, "rejected", "POST_ONLY_CROSSES"),
  rule(/post-only mode/i, "rejected", "POST_ONLY_MODE"),
  rule(/cancel-only/i, "rejected", "CANCEL_ONLY"),
  rule(/trading is (currently )?disabled/i, "rejected", "TRADING_DISABLED"),
  rule(/not yet ready to process new orders/i, "rejected", "MARKET_CLOSED"),
  rule(/no orderbook exists|market not found/i, "rejected", "MARKET_CLOSED"),
  rule(/order_version_mismatch|invalid order version/i, "rejected", "ORDER_VERSION"),
  rule(/invalid signature/i, "rejected", "INVALID_SIGNATURE"),
  rule(/has to be the (owner|address) of the api key/i, "rejected", "KEY_MISMATCH"),
  rule(/maker address not allowed/i, "rejected", "ACCOUNT_TYPE"),
  rule(/address banned/i, "rejected", "ADDRESS_BANNED"),
  rule(/closed only mode/i, "rejected", "CLOSED_ONLY"),
  rule(/invalid expiration/i, "rejected", "INVALID_EXPIRATION"),
  rule(/invalid nonce/i, "rejected", "INVALID_NONCE"),
  rule(/canceled in the ctf exchange contract/i, "rejected", "CANCELLED_ON_CHAIN"),
  rule(
    /invalid order payload|too many orders in payload|invalid (orderid|asset type)/i,
    "rejected",
    "INVALID_PAYLOAD",
  ),
  rule(/unauthorized|invalid api key|invalid l\d request headers/i, "rejected", "KEY_REFUSED"),
];

/** Statuses that say that the request never reached the book, whatever the text. */
const REFUSED_STATUS: ReadonlyMap<number, string> = new Map([
  [401, "KEY_REFUSED"],
  [403, "GEO_BLOCKED"],
  [404, "NOT_FOUND"],
  [405, "INVALID_PAYLOAD"],
  [413, "INVALID_PAYLOAD"],
  [425, "ENGINE_RESTART"],
  [429, "RATE_LIMITED"],
]);

/** A reply as the wire gave it; null: none came (timeout, reset, process gone). */
export interface WireReply {
  readonly status: number;
  /** Parsed JSON, or the text when it is none. */
  readonly body: unknown;
}

const MAX_TEXT = 300;
const clip = (text: string): string => text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;

/** Fields of a JSON object, or none. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};

/** Text field or "". */
export const textOf = (value: unknown): string => typeof value === "string" ? value : "";

function messageOf(body: unknown): string {
  const { error, errorMsg, error_msg, message } = fieldsOf(body);
  for (const text of [errorMsg, error, error_msg, message]) {
    if (typeof text === "string" && text !== "") return text;
  }
  return typeof body === "string" ? body : "";
}

/** A hash as we keep it. */
export const hashOf = (text: string): string => text.toLowerCase();

/** Millionths of a decimal field that may be "" or absent: null. Digits beyond six are cut off. */
export function microOf(value: unknown): number | null {
  const text = typeof value === "number" ? String(value) : textOf(value);
  const micro = parseDecimal(text, 6, true);
  return micro >= 0 ? micro : null;
}

/** Strings of a field that should be a list of them. */
export const namesOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string" && item !== "") : [];

function byText(message: string): SubmitOutcome | null {
  const found = TEXT_RULES.find(({ pattern }) => pattern.test(message));
  if (found === undefined) return null;
  return found.kind === "landed"
    ? { kind: "landed", message: clip(message) }
    : { kind: found.kind, code: found.code, message: clip(message) };
}

const unknown = (code: string, message: string): SubmitOutcome => ({
  kind: "unknown",
  code,
  message: clip(message),
});

/**
 * A submit's reply (also one entry of a batch's, with status 200). Accepted exactly when `success === true && errorMsg ===
 * "" && orderID !== "" && status` is live, matched or delayed, as the official SDK has it; everything else is not. Of
 * those, a reply that names no order, or has a text known as a refusal, is a rejection; one that names our order all the
 * same (`unmatched`) leaves the outcome unknown until the venue was asked.
 */
export function classifySubmit(reply: WireReply | null, hash: string, side: Side): SubmitOutcome {
  if (reply === null) return unknown("NO_RESPONSE", "no response");
  const { status, body } = reply;
  const message = messageOf(body);
  if (status >= 200 && status < 300) return acceptOrNot(fieldsOf(body), message, hash, side);
  const told = byText(message);
  if (told !== null) return told;
  const code = REFUSED_STATUS.get(status);
  if (code !== undefined) return { kind: "rejected", code, message: clip(message) };
  return unknown(status >= 500 ? "SERVER_ERROR" : "REPLY_UNRECOGNISED", `${status} ${message}`);
}

function acceptOrNot(
  fields: Readonly<Record<string, unknown>>,
  message: string,
  hash: string,
  side: Side,
): SubmitOutcome {
  const { success, errorMsg, orderID, status } = fields;
  const told = message === "" ? null : byText(message);
  if (success === undefined && orderID === undefined) {
    // No answer of the order endpoint at all: a page of a proxy in between, for example.
    return told ?? unknown("REPLY_UNRECOGNISED", message === "" ? JSON.stringify(fields) : message);
  }
  const id = textOf(orderID);
  const accepted = success === true && errorMsg === "" && id !== "" &&
    (status === "live" || status === "matched" || status === "delayed");
  if (!accepted) {
    if (told !== null) return told;
    const words = message === "" ? `status ${JSON.stringify(status ?? null)}` : message;
    return id === ""
      ? { kind: "rejected", code: "NOT_ACCEPTED", message: clip(words) }
      : unknown("NOT_ACCEPTED", words);
  }
  if (hashOf(id) !== hashOf(hash)) return unknown("HASH_MISMATCH", `the venue calls it ${id}`);
  const shares = microOf(side === "buy" ? fields["takingAmount"] : fields["makingAmount"]);
  return {
    kind: "accepted",
    status,
    matched: (status === "matched" ? shares : shares ?? 0) as Shares | null,
    tradeIds: namesOf(fields["tradeIDs"]),
  };
}

/** A cancel's reply as it concerns one order. */
export function classifyCancel(reply: WireReply | null, hash: string): CancelOutcome {
  if (reply === null) return { kind: "unknown", reason: "no response" };
  const fields = fieldsOf(reply.body);
  const own = hashOf(hash);
  if (namesOf(fields["canceled"]).some((id) => hashOf(id) === own)) return { kind: "cancelled" };
  for (const [id, reason] of Object.entries(fieldsOf(fields["not_canceled"]))) {
    if (hashOf(id) === own) return { kind: "refused", reason: clip(textOf(reason)) };
  }
  return { kind: "unknown", reason: clip(`${reply.status} ${messageOf(reply.body)}`.trim()) };
}
