/** Rows and small bodies of the private reads (dossier 3.4, 2026-10): unknown JSON to values, null for another shape. */
import { fieldsOf, hashOf, microOf, namesOf, textOf } from "../../../core/orders/lifecycle_reply.ts";
import { readOrderStatus, readTrade } from "../../../core/orders/lifecycle_wire.ts";
import { type Ms, parseDecimal, PRICE_SCALE } from "../../../core/units.ts";
import type { TradeReport } from "../../../core/orders/lifecycle_types.ts";
import type { Balance, HeartbeatAnswer, ListedOrder, ListedTrade, OwnPart } from "./types.ts";

/** Seconds or milliseconds, as number or text, told apart by magnitude. */
function timeOf(value: unknown): Ms | null {
  const time = typeof value === "number" ? value : textOf(value) === "" ? NaN : Number(value);
  if (!Number.isFinite(time) || time <= 0 || time > 8.64e15) return null;
  return Math.round(time < 1e11 ? time * 1000 : time) as Ms;
}

const priceOf = (value: unknown): number =>
  parseDecimal(typeof value === "number" ? String(value) : textOf(value), 4, true);

/** A row of `/data/orders`. */
export function readListedOrder(row: unknown): ListedOrder | null {
  const fields = fieldsOf(row);
  const hash = textOf(fields["id"]);
  const side = textOf(fields["side"]).toLowerCase();
  const status = readOrderStatus(textOf(fields["status"]));
  const originalSize = microOf(fields["original_size"]);
  const price = priceOf(fields["price"]);
  const token = textOf(fields["asset_id"]);
  if (hash === "" || token === "" || status === null || originalSize === null) return null;
  if ((side !== "buy" && side !== "sell") || !(price >= 0 && price <= PRICE_SCALE)) return null;
  // "" is what the venue writes for nothing; anything else must be a number.
  const matched = fields["size_matched"] ?? "";
  const matchedSize = matched === "" ? 0 : microOf(matched);
  if (matchedSize === null) return null;
  return {
    hash: hashOf(hash),
    conditionId: textOf(fields["market"]),
    token,
    side,
    status: status.status,
    originalSize,
    matchedSize,
    price,
    outcome: textOf(fields["outcome"]),
    orderType: textOf(fields["order_type"]),
    createdAtMs: timeOf(fields["created_at"]),
    tradeIds: namesOf(fields["associate_trades"]),
  };
}

const sideOf = (value: unknown): "buy" | "sell" | null => {
  const side = textOf(value).toLowerCase();
  return side === "buy" || side === "sell" ? side : null;
};

/** The parts that belong to the row's own `owner` (an API key): the taker's on top, makers' in `maker_orders`. */
function readParts(row: unknown, report: TradeReport, traderSide: string): OwnPart[] {
  const fields = fieldsOf(row);
  const owner = textOf(fields["owner"]);
  const parts: OwnPart[] = [];
  const side = sideOf(fields["side"]);
  if (traderSide === "TAKER" && side !== null) {
    const { price, size, takerHash, token } = report;
    parts.push({ hash: takerHash, token, side, size, price, liquidity: "taker" });
  }
  const makers = Array.isArray(fields["maker_orders"]) ? fields["maker_orders"] : [];
  for (const [at, maker] of makers.entries()) {
    const own = fieldsOf(maker);
    const part = report.makers[at];
    const makerSide = sideOf(own["side"]);
    if (part === undefined || makerSide === null || owner === "" || textOf(own["owner"]) !== owner) continue;
    const { hash, price, size, token } = part;
    parts.push({ hash, token, side: makerSide, size, price, liquidity: "maker" });
  }
  return parts;
}

/** A row of `/data/trades`. */
export function readListedTrade(row: unknown): ListedTrade | null {
  const report = readTrade(row);
  if (report === null) return null;
  const fields = fieldsOf(row);
  const side = textOf(fields["trader_side"]).toUpperCase();
  return {
    report,
    conditionId: textOf(fields["market"]),
    outcome: textOf(fields["outcome"]),
    transactionHash: textOf(fields["transaction_hash"]),
    traderSide: side === "TAKER" ? "taker" : side === "MAKER" ? "maker" : "unknown",
    parts: readParts(row, report, side),
  };
}

const digits = (value: unknown): string | null => {
  const text = typeof value === "number" ? String(value) : textOf(value);
  return /^\d{1,78}$/.test(text) ? text : null;
};

/** `/balance-allowance`; an older shape had a single `allowance`, kept under that name. */
export function readBalance(body: unknown): Balance | null {
  const fields = fieldsOf(body);
  const text = digits(fields["balance"]);
  const balance = Number(text);
  if (text === null || !Number.isSafeInteger(balance)) return null;
  const allowances: Record<string, number> = {};
  const stated = fields["allowances"] === undefined && fields["allowance"] !== undefined
    ? { allowance: fields["allowance"] }
    : fieldsOf(fields["allowances"]);
  for (const [spender, value] of Object.entries(stated)) {
    const amount = digits(value);
    if (amount === null) return null;
    allowances[spender] = Math.min(Number(amount), Number.MAX_SAFE_INTEGER);
  }
  return { balance, allowances };
}

/** `/auth/api-keys`. */
export function readApiKeys(body: unknown): readonly string[] | null {
  const list = fieldsOf(body)["apiKeys"];
  return Array.isArray(list) ? namesOf(list) : null;
}

/** `/auth/ban-status/closed-only`. */
export function readClosedOnly(body: unknown): boolean | null {
  const closed = fieldsOf(body)["closed_only"];
  return typeof closed === "boolean" ? closed : null;
}

/** `/v1/heartbeats`: only a 400 that names an id is a correction. */
export function readHeartbeat(status: number, body: unknown): HeartbeatAnswer {
  const fields = fieldsOf(body);
  const id = textOf(fields["heartbeat_id"]);
  if (status === 200 && id !== "") return { kind: "ok", id };
  const message = textOf(fields["error_msg"]) || textOf(fields["error"]) || `status ${status}`;
  return status === 400 && id !== ""
    ? { kind: "invalid", id, message }
    : { kind: "failed", message: message.slice(0, 200) };
}

/** One page of a listing, or null for another shape. A list without its cursor is no page: it may be cut. */
export function readPage(
  body: unknown,
): { readonly rows: readonly unknown[]; readonly next: string } | null {
  const { data, next_cursor: next } = fieldsOf(body);
  return Array.isArray(data) && typeof next === "string" && next !== "" ? { rows: data, next } : null;
}
