/**
 * Two ledgers of one wallet: `provisional` counts every match that has not failed, `final` only what is confirmed. Both are
 * sums over entries, so posting in another order gives the same figures and undoing an entry undoes it exactly, whatever
 * came after it. All amounts are integer millionths. Positions are valued at their average cost, fees apart.
 *
 * Shares are worth money only after redemption: a resolved window's winning shares are a claim, not cash.
 */
import { invariant } from "../errors.ts";
import type { Outcome } from "../market/instrument.ts";
import { type Ms, mulDivCeil, notional, PRICE_ONE, type Shares, type Usdc } from "../units.ts";
import type { Fill } from "./lifecycle_types.ts";

/** `provisional` matched, `final` confirmed, `undone` failed. The last two are ends. */
export type Stage = "provisional" | "final" | "undone";

/** One token's part of an entry. Amounts are not negative. */
export interface EntryPart {
  readonly token: string;
  readonly conditionId: string;
  readonly outcome: Outcome;
  /** `in` shares received for cash, `out` given for cash, `redeemed` given back for their payout. */
  readonly flow: "in" | "out" | "redeemed";
  readonly shares: Shares;
  /** pUSD paid (`in`) or received, without the fee. */
  readonly cash: Usdc;
  readonly fee: Usdc;
}

/** What is posted once under its `id`. `transfer`: pUSD that came from (or, negative, went) outside. */
export interface Entry {
  readonly id: string;
  readonly kind: "fill" | "split" | "merge" | "redeem" | "transfer";
  readonly at: Ms;
  readonly parts: readonly EntryPart[];
  readonly transfer: Usdc;
}

/** Sums of one token. Cash sums are without fees. */
export interface TokenSums {
  readonly conditionId: string;
  readonly outcome: Outcome;
  bought: Shares;
  cost: Usdc;
  buyFees: Usdc;
  sold: Shares;
  proceeds: Usdc;
  sellFees: Usdc;
  redeemed: Shares;
  payout: Usdc;
  fills: number;
}

/** One ledger. `cash` may be spent; claims on resolved windows are not in it. */
export interface Book {
  cash: Usdc;
  fees: Usdc;
  readonly tokens: Map<string, TokenSums>;
}

interface Posted {
  entry: Entry;
  stage: Stage;
}

export interface Ledgers {
  readonly initialCash: Usdc;
  readonly provisional: Book;
  readonly final: Book;
  /** Cash that provisional entries take, without what they bring. */
  pendingOut: Usdc;
  /** Winner by condition id. */
  readonly winners: Map<string, Outcome>;
  readonly posted: Map<string, Posted>;
}

const newBook = (cash: Usdc): Book => ({ cash, fees: 0 as Usdc, tokens: new Map() });

/** Empty ledgers with a starting balance of spendable pUSD. */
export const newLedgers = (initialCash: Usdc): Ledgers => ({
  initialCash,
  provisional: newBook(initialCash),
  final: newBook(initialCash),
  pendingOut: 0 as Usdc,
  winners: new Map(),
  posted: new Map(),
});

/** What an entry does to cash: fees come on top of purchases and out of sales. */
export const cashOf = ({ parts, transfer }: Pick<Entry, "parts" | "transfer">): Usdc =>
  parts.reduce<number>(
    (sum, { flow, cash, fee }) => sum + (flow === "in" ? -cash : cash) - fee,
    transfer,
  ) as Usdc;

function sumsOf(book: Book, { token, conditionId, outcome }: EntryPart): TokenSums {
  let sums = book.tokens.get(token);
  if (sums === undefined) {
    const zero = {
      bought: 0,
      cost: 0,
      buyFees: 0,
      sold: 0,
      proceeds: 0,
      sellFees: 0,
      redeemed: 0,
      payout: 0,
    };
    sums = { conditionId, outcome, ...zero, fills: 0 } as TokenSums;
    book.tokens.set(token, sums);
  }
  return sums;
}

/** Adds (`sign` 1) an entry to a ledger or takes it out (-1). */
function add(book: Book, entry: Entry, sign: 1 | -1): void {
  book.cash = (book.cash + sign * cashOf(entry)) as Usdc;
  for (const part of entry.parts) {
    const sums = sumsOf(book, part);
    const shares = sign * part.shares;
    const cash = sign * part.cash;
    const fee = sign * part.fee;
    book.fees = (book.fees + fee) as Usdc;
    if (part.flow === "in") {
      sums.bought = (sums.bought + shares) as Shares;
      sums.cost = (sums.cost + cash) as Usdc;
      sums.buyFees = (sums.buyFees + fee) as Usdc;
    } else if (part.flow === "out") {
      sums.sold = (sums.sold + shares) as Shares;
      sums.proceeds = (sums.proceeds + cash) as Usdc;
      sums.sellFees = (sums.sellFees + fee) as Usdc;
    } else {
      sums.redeemed = (sums.redeemed + shares) as Shares;
      sums.payout = (sums.payout + cash - fee) as Usdc;
    }
    if (entry.kind === "fill") sums.fills += sign;
  }
  invariant(Number.isSafeInteger(book.cash), `the ledger's cash is ${book.cash}`);
}

/** Cash a pending entry takes. */
const outOf = (entry: Entry): number => Math.max(0, -cashOf(entry));

/** The entry counts as `stage` from now on. */
function count(ledgers: Ledgers, entry: Entry, stage: Stage, sign: 1 | -1): void {
  if (stage === "undone") return;
  add(ledgers.provisional, entry, sign);
  if (stage === "final") add(ledgers.final, entry, sign);
  else ledgers.pendingOut = (ledgers.pendingOut + sign * outOf(entry)) as Usdc;
}

/**
 * Posts an entry, or moves a posted one to another stage. Idempotent by id: the same stage twice, and any stage after
 * `final` or `undone`, changes nothing. Returns whether something changed. An id posted with other content trips the
 * invariant: ids name one thing.
 */
export function post(ledgers: Ledgers, entry: Entry, stage: Stage): boolean {
  const before = ledgers.posted.get(entry.id);
  if (before === undefined) {
    ledgers.posted.set(entry.id, { entry, stage });
    count(ledgers, entry, stage, 1);
    return stage !== "undone";
  }
  invariant(before.entry.kind === entry.kind, `entry ${entry.id} is posted as ${before.entry.kind}`);
  if (before.stage !== "provisional" || stage === "provisional") return false;
  count(ledgers, before.entry, before.stage, -1);
  count(ledgers, before.entry, stage, 1);
  before.stage = stage;
  return true;
}

/** The entry of a fill. */
export const fillEntry = (fill: Fill): Entry => ({
  id: fill.id,
  kind: "fill",
  at: fill.at,
  transfer: 0 as Usdc,
  parts: [{
    token: fill.token,
    conditionId: fill.conditionId,
    outcome: fill.outcome,
    flow: fill.side === "buy" ? "in" : "out",
    shares: fill.size,
    cash: fill.cash,
    fee: fill.fee,
  }],
});

/** Posts a fill as `applyInput()` hands it out. */
export const postFill = (ledgers: Ledgers, fill: Fill, stage: Stage): boolean =>
  post(ledgers, fillEntry(fill), stage);

/**
 * Puts the fee the chain charged (`OrderFilled.fee`) in place of our estimate. False when the fill is unknown, undone, or
 * the fee is the same.
 */
export function correctFee(ledgers: Ledgers, fillId: string, fee: Usdc): boolean {
  const before = ledgers.posted.get(fillId);
  const part = before?.entry.parts[0];
  if (before === undefined || part === undefined || before.entry.kind !== "fill") return false;
  if (before.stage === "undone" || part.fee === fee) return false;
  count(ledgers, before.entry, before.stage, -1);
  before.entry = { ...before.entry, parts: [{ ...part, fee }] };
  count(ledgers, before.entry, before.stage, 1);
  return true;
}

/** A window's winner. False when it was known; a second, different winner is refused and must alarm the caller. */
export function resolve(
  ledgers: Ledgers,
  conditionId: string,
  winner: Outcome,
): "new" | "known" | "conflict" {
  const before = ledgers.winners.get(conditionId);
  if (before !== undefined) return before === winner ? "known" : "conflict";
  ledgers.winners.set(conditionId, winner);
  return "new";
}

/** Shares held. Negative in the final ledger while a sale is confirmed before the purchase behind it. */
export const heldOf = (sums: TokenSums): number => sums.bought - sums.sold - sums.redeemed;

export interface HeldPosition {
  readonly token: string;
  readonly conditionId: string;
  readonly outcome: Outcome;
  readonly shares: Shares;
  /** Average cost of the shares still held, rounded up, without fees. */
  readonly cost: Usdc;
  readonly fees: Usdc;
}

/** What is held in unresolved windows (with `resolved` in all), one row a token. */
export function positionsOf(ledgers: Ledgers, book: Book, resolved = false): HeldPosition[] {
  const rows: HeldPosition[] = [];
  for (const [token, sums] of book.tokens) {
    const shares = heldOf(sums);
    if (shares <= 0 || !resolved && ledgers.winners.has(sums.conditionId)) continue;
    const part = (amount: number) => mulDivCeil(amount, shares, Math.max(1, sums.bought)) as Usdc;
    const { conditionId, outcome } = sums;
    rows.push({
      token,
      conditionId,
      outcome,
      shares: shares as Shares,
      cost: part(sums.cost),
      fees: part(sums.buyFees),
    });
  }
  return rows;
}

/** pUSD that winning shares of resolved windows are worth and nobody has redeemed yet. */
export function claimsOf(ledgers: Ledgers, book: Book): Usdc {
  let total = 0;
  for (const sums of book.tokens.values()) {
    if (ledgers.winners.get(sums.conditionId) !== sums.outcome) continue;
    total += notional(Math.max(0, heldOf(sums)) as Shares, PRICE_ONE);
  }
  return total as Usdc;
}

export interface WindowSums {
  readonly conditionId: string;
  readonly winner: Outcome | null;
  /** After fees. Of a resolved window the whole result; before, what its sales made beyond their average cost. */
  readonly pnl: Usdc;
  readonly fees: Usdc;
  readonly fills: number;
  /** pUSD traded, both ways. */
  readonly volume: Usdc;
}

/** A window's result in one ledger. */
export function windowOf(ledgers: Ledgers, book: Book, conditionId: string): WindowSums {
  const winner = ledgers.winners.get(conditionId) ?? null;
  let [pnl, fees, fills, volume] = [0, 0, 0, 0];
  for (const sums of book.tokens.values()) {
    if (sums.conditionId !== conditionId) continue;
    fees += sums.buyFees + sums.sellFees;
    fills += sums.fills;
    volume += sums.cost + sums.proceeds;
    const gone = sums.sold + sums.redeemed;
    const claim = winner === sums.outcome ? heldOf(sums) : 0;
    const spent = winner !== null || gone >= sums.bought
      ? sums.cost + sums.buyFees
      : mulDivCeil(sums.cost + sums.buyFees, gone, Math.max(1, sums.bought));
    pnl += sums.proceeds - sums.sellFees + sums.payout + claim - spent;
  }
  return { conditionId, winner, pnl: pnl as Usdc, fees: fees as Usdc, fills, volume: volume as Usdc };
}

/** Sum of all windows' results in one ledger. */
export function pnlOf(ledgers: Ledgers, book: Book): Usdc {
  const ids = new Set([...book.tokens.values()].map((sums) => sums.conditionId));
  let total = 0;
  for (const id of ids) total += windowOf(ledgers, book, id).pnl;
  return total as Usdc;
}

/**
 * Drops the ids of ended entries older than `beforeMs`; their sums stay. A fill is not posted again all the same: its trade
 * is confirmed or failed, and the orders' life, which remembers it, hands out no fill of it any more. Its fee can no longer be
 * corrected.
 */
export function forgetEntries(ledgers: Ledgers, beforeMs: Ms): void {
  for (const [id, { entry, stage }] of ledgers.posted) {
    if (stage !== "provisional" && entry.at < beforeMs) ledgers.posted.delete(id);
  }
}
