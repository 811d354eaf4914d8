/** CLOB REST, public part: server time, books, and the market facts that decide over Gamma's. Dossier 3.1-3.3 (2026-10). */
import { z } from "zod";
import type { BookEvent } from "../../core/events.ts";
import type { FeeSchedule, Instrument, Outcome } from "../../core/market/instrument.ts";
import { type Ms, ms, type Price, PRICE_SCALE, type Shares } from "../../core/units.ts";
import { type HttpCall, type HttpClient, HttpError } from "../net/http.ts";
import { isObject } from "../net/sink.ts";
import { feeOf, scaleNumber } from "./gamma.ts";
import { decodeBook } from "./market_codec.ts";

/** Taker hold of markets that set `itode`: 150 ms since 2026-09-04 (dossier, last known value). */
export const TAKER_HOLD_MS = 150;

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((v) => v ?? undefined);

const clobMarketSchema = z.object({
  c: optional(z.string()),
  t: z.array(z.object({ t: z.string(), o: z.string() })),
  mts: z.number().positive(),
  mos: z.number().nonnegative(),
  nr: optional(z.boolean()),
  fd: optional(
    z.object({
      r: z.number().min(0).max(1),
      e: z.number().min(0).max(10),
      to: optional(z.boolean()),
    }),
  ),
  itode: optional(z.boolean()),
  ao: optional(z.boolean()),
  v: optional(z.string()),
});
/** Compact market info of `/clob-markets/{conditionId}`. */
export type ClobMarket = z.infer<typeof clobMarketSchema>;

const longMarketSchema = z.object({
  closed: optional(z.boolean()),
  accepting_orders: optional(z.boolean()),
  tokens: z.array(z.object({ token_id: z.string(), outcome: z.string(), winner: optional(z.boolean()) })),
});

function malformed(what: string, detail: string): HttpError {
  return new HttpError("BAD_JSON", `Cannot read ${what} of the CLOB: ${detail}`);
}

/** Reads `/clob-markets/{conditionId}`. Throws HttpError BAD_JSON for another shape. */
export function parseClobMarket(raw: unknown): ClobMarket {
  const parsed = clobMarketSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformed("a market", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
}

/** Server time in ms (the venue answers whole seconds). Throws HttpError. */
export async function fetchClobTime(http: HttpClient, clob: string, call: HttpCall = {}): Promise<Ms> {
  const raw = await http.get(`${clob}/time`, call);
  const seconds = typeof raw === "string" ? Number(raw) : raw;
  if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 1e9 || seconds >= 1e10) {
    throw malformed("the time", `current value is ${JSON.stringify(raw)?.slice(0, 60)}`);
  }
  return ms(seconds * 1000);
}

/** Compact market info; null when the CLOB does not know it yet (rows lag by minutes after creation). */
export async function fetchClobMarket(
  http: HttpClient,
  clob: string,
  conditionId: string,
  call: HttpCall = {},
): Promise<ClobMarket | null> {
  try {
    return parseClobMarket(await http.get(`${clob}/clob-markets/${conditionId}`, call));
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return null;
    throw error;
  }
}

/** One token's book, stamped `now()` on arrival; null when there is none (closed or not created). Throws HttpError. */
export async function fetchBook(
  http: HttpClient,
  clob: string,
  token: string,
  now: () => Ms,
  call: HttpCall = {},
): Promise<BookEvent | null> {
  try {
    const raw = await http.get(`${clob}/book?token_id=${token}`, call);
    return bookOf(raw, now());
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return null;
    throw error;
  }
}

function bookOf(raw: unknown, tReceive: Ms): BookEvent {
  const event = isObject(raw) ? decodeBook(raw, tReceive) : null;
  if (event === null || event.type !== "book") throw malformed("a book", "malformed");
  return event;
}

/** Several books in one call, those the venue knows. Throws HttpError. */
export async function fetchBooks(
  http: HttpClient,
  clob: string,
  tokens: readonly string[],
  now: () => Ms,
  call: HttpCall = {},
): Promise<BookEvent[]> {
  const raw = await http.post(`${clob}/books`, tokens.map((token_id) => ({ token_id })), call);
  if (!Array.isArray(raw)) throw malformed("books", "not a list");
  const at = now();
  return raw.map((book: unknown) => bookOf(book, at));
}

/** Who won, by `/markets/{conditionId}`; null while nobody has. Throws HttpError. */
export async function fetchWinner(
  http: HttpClient,
  clob: string,
  conditionId: string,
  call: HttpCall = {},
): Promise<Outcome | null> {
  let raw: unknown;
  try {
    raw = await http.get(`${clob}/markets/${conditionId}`, call);
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return null;
    throw error;
  }
  const parsed = longMarketSchema.safeParse(raw);
  if (!parsed.success) throw malformed("a market", parsed.error.issues[0]?.message ?? "malformed");
  const winners = parsed.data.tokens.filter((t) => t.winner === true);
  const label = winners[0]?.outcome.toLowerCase();
  return winners.length === 1 && (label === "up" || label === "down") ? label : null;
}

function sameFee(a: FeeSchedule, b: FeeSchedule): boolean {
  return a.ratePpm === b.ratePpm && a.exponent === b.exponent && a.takerOnly === b.takerOnly;
}

/**
 * Merges the CLOB's facts into Gamma's listing: tick, minimum size, neg-risk and taker hold are the CLOB's; a fee stated
 * by both must be the same, else it is unknown (null) and the window is not tradable.
 */
export function applyClobMarket(instrument: Instrument, market: ClobMarket): Instrument {
  const tick = scaleNumber(market.mts, 4);
  const minSize = scaleNumber(market.mos, 6);
  const stated = market.fd === undefined
    ? null
    : feeOf({ rate: market.fd.r, exponent: market.fd.e, takerOnly: market.fd.to });
  let fee = instrument.fee;
  let reason = instrument.reason;
  if (stated !== null) {
    if (fee === null) {
      fee = stated;
      if (reason === "FEE_UNKNOWN") reason = null;
    } else if (!sameFee(fee, stated)) {
      fee = null;
      reason ??= "FEE_DISAGREES";
    }
  }
  const tokenOf = (label: string) => market.t.find((t) => t.o.toLowerCase() === label)?.t;
  if (tokenOf("up") !== instrument.upToken || tokenOf("down") !== instrument.downToken) {
    reason ??= "TOKENS_DISAGREE";
  }
  if (market.v !== undefined && market.v !== instrument.version) reason ??= "VERSION_DISAGREES";
  if (market.ao === false) reason ??= "NOT_ACCEPTING_ORDERS";
  const tickValid = tick > 0 && tick < PRICE_SCALE;
  if (!tickValid || !(minSize >= 0)) reason ??= "LISTING_INVALID";
  return {
    ...instrument,
    tick: tickValid ? tick as Price : instrument.tick,
    minSize: minSize >= 0 ? minSize as Shares : instrument.minSize,
    fee,
    negRisk: market.nr ?? instrument.negRisk,
    takerHoldMs: ms(market.itode === true ? TAKER_HOLD_MS : 0),
    tradable: reason === null,
    reason,
  };
}
