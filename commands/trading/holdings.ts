/**
 * What an account owns, side by side: the venue's word, and the journal's two ledgers where there is one. The venue lists no
 * positions by itself, so tokens are those of its trades of the last days and those of the journal.
 */
import { join } from "node:path";
import { takerFeeUp } from "../../core/market/fees.ts";
import type { Outcome } from "../../core/market/instrument.ts";
import { heldOf, type HeldPosition, type Ledgers, positionsOf } from "../../core/orders/ledger.ts";
import { stageOf } from "../../core/orders/lifecycle_table.ts";
import {
  type Ms,
  mulDivCeil,
  notional,
  notionalUp,
  type Price,
  PRICE_ONE,
  type Shares,
  type Usdc,
} from "../../core/units.ts";
import { readJournalState } from "../../feeds/journal/snapshot.ts";
import { fetchBooks } from "../../feeds/polymarket/clob_rest.ts";
import type { ListedOrder, ListedTrade, OwnPart } from "../../feeds/polymarket/order_entry/types.ts";
import type { OpenAccount } from "../account.ts";
import type { CommandContext } from "../command.ts";
import { type WindowName, windowNames } from "./window_names.ts";

/** Tokens asked for at once, and in all: the balance endpoint takes 200 calls in 10 s. */
const PARALLEL = 8;
const MAX_TOKENS = 150;

/**
 * `open` the window runs or is to come; `ended` and not resolved; `claimable` won and not redeemed; `lost` worth nothing.
 */
export type HoldingState = "open" | "ended" | "claimable" | "lost";

/** One outcome token. Shares and money in millionths. */
export interface Holding {
  readonly token: string;
  readonly conditionId: string;
  /** null where the venue does not name the window. */
  readonly slug: string | null;
  readonly outcome: Outcome | null;
  readonly state: HoldingState;
  /** null: no journal, or it does not know the token. */
  readonly ledger: { readonly provisional: number; readonly final: number } | null;
  readonly venue: number;
  /** Venue less final ledger. */
  readonly difference: number | null;
  /** Nothing in the journal explains it; null without a journal. */
  readonly foreign: boolean | null;
  /** Of the shares that the venue shows, with fees where the journal knows them; null: not known. */
  readonly cost: Usdc | null;
  /** Best bid; one for winners, zero for losers; null without a book. */
  readonly mark: Price | null;
  readonly value: Usdc | null;
}

/** Money of an account, pUSD in millionths. */
export interface Money {
  readonly collateral: Usdc;
  /** Held back by resting purchases. */
  readonly reserved: Usdc;
  /** Matched and not confirmed: what purchases take (fees included), and what sales bring. */
  readonly provisionalOut: Usdc;
  readonly provisionalIn: Usdc;
  /**
   * At least this may be spent: collateral less reserved less what unconfirmed purchases take, because the venue's balance
   * trails its matches.
   */
  readonly free: Usdc;
  readonly openOrders: number;
}

/** pUSD that an open purchase holds back. */
function reservedOf({ matchedSize, orderType, originalSize, price, side }: ListedOrder): number {
  if (side === "sell") return 0;
  const left = Math.max(0, originalSize - matchedSize);
  // A market purchase is stated in pUSD.
  const isMarket = orderType === "FOK" || orderType === "FAK";
  return isMarket ? left : notionalUp(left as Shares, price as Price);
}

type Names = (conditionId: string) => Promise<WindowName>;

/** What one unconfirmed part takes or brings. */
async function provisionalOf(trade: ListedTrade, part: OwnPart, names: Names): Promise<number> {
  const [size, price] = [part.size as Shares, part.price as Price];
  const { fee } = await names(trade.conditionId);
  const charged = fee !== null && (part.liquidity === "taker" || !fee.takerOnly);
  const feeUsdc = charged ? takerFeeUp(fee, size, price) : 0;
  return part.side === "buy" ? notionalUp(size, price) + feeUsdc : notional(size, price) - feeUsdc;
}

/** Sums of money. `names` is asked only for windows with unconfirmed trades. */
export async function moneyOf(
  collateral: Usdc,
  orders: readonly ListedOrder[],
  trades: readonly ListedTrade[],
  names: Names,
): Promise<Money> {
  const reserved = orders.reduce((sum, order) => sum + reservedOf(order), 0);
  let [out, into] = [0, 0];
  for (const trade of trades) {
    if (stageOf(trade.report.state) !== "provisional") continue;
    for (const part of trade.parts) {
      const cash = await provisionalOf(trade, part, names);
      if (part.side === "buy") out += cash;
      else into += cash;
    }
  }
  return {
    collateral,
    reserved: reserved as Usdc,
    provisionalOut: out as Usdc,
    provisionalIn: into as Usdc,
    free: Math.max(0, collateral - reserved - out) as Usdc,
    openOrders: orders.length,
  };
}

interface TokenNote {
  readonly conditionId: string;
  /** Bought and its cost by the venue's trades, failed ones left out. */
  bought: number;
  spent: number;
}

/** Tokens of trades, newest last. */
function tokensOf(trades: readonly ListedTrade[]): Map<string, TokenNote> {
  const notes = new Map<string, TokenNote>();
  for (const trade of trades) {
    if (trade.report.state === "failed") continue;
    for (const { price, side, size, token } of trade.parts) {
      const note = notes.get(token) ?? { conditionId: trade.conditionId, bought: 0, spent: 0 };
      if (side === "buy") {
        note.bought += size;
        note.spent += notionalUp(size as Shares, price as Price);
      }
      notes.set(token, note);
    }
  }
  return notes;
}

export interface LedgerView {
  readonly ledgers: Ledgers;
  readonly final: ReadonlyMap<string, HeldPosition>;
  readonly provisional: ReadonlyMap<string, HeldPosition>;
}

/** The journal's ledgers; null without a journal. Throws JOURNAL_DAMAGED. */
export function ledgerView(ctx: CommandContext, wallet: string): LedgerView | null {
  const found = readJournalState(join(ctx.dataDir, "journal"), wallet);
  if (found === null) return null;
  const { ledgers } = found.state;
  const byToken = (rows: HeldPosition[]) => new Map(rows.map((row) => [row.token, row]));
  return {
    ledgers,
    final: byToken(positionsOf(ledgers, ledgers.final, true)),
    provisional: byToken(positionsOf(ledgers, ledgers.provisional, true)),
  };
}

function stateOf(name: WindowName, winner: Outcome | null, outcome: Outcome | null, now: Ms): HoldingState {
  if (winner !== null && outcome !== null) return winner === outcome ? "claimable" : "lost";
  const ended = name.closed || name.window !== null && name.window.endMs <= now;
  return ended ? "ended" : "open";
}

interface Raw {
  readonly token: string;
  readonly note: TokenNote;
  readonly name: WindowName;
  readonly balance: number;
}

function holdingOf(raw: Raw, view: LedgerView | null, bid: Price | null, now: Ms): Holding {
  const { balance, name, note, token } = raw;
  const outcome = name.outcomes.get(token) ?? view?.ledgers.provisional.tokens.get(token)?.outcome ?? null;
  const winner = name.winner ?? view?.ledgers.winners.get(note.conditionId) ?? null;
  const state = stateOf(name, winner, outcome, now);
  const known = view?.ledgers.provisional.tokens.get(token);
  const settled = view?.ledgers.final.tokens.get(token);
  const final = settled === undefined ? 0 : heldOf(settled);
  const ledger = known === undefined ? null : { provisional: heldOf(known), final };
  const position = view?.provisional.get(token);
  const basis = position === undefined
    ? note.bought === 0 ? null : { cost: note.spent, shares: note.bought }
    : { cost: position.cost + position.fees, shares: position.shares };
  const mark = state === "claimable" ? PRICE_ONE : state === "lost" ? 0 as Price : bid;
  return {
    token,
    conditionId: note.conditionId,
    slug: name.slug,
    outcome,
    state,
    ledger,
    venue: balance,
    difference: view === null ? null : balance - final,
    foreign: view === null ? null : ledger === null,
    cost: basis === null ? null : mulDivCeil(basis.cost, balance, Math.max(1, basis.shares)) as Usdc,
    mark,
    value: mark === null ? null : notional(balance as Shares, mark),
  };
}

/** Runs `work` over `items`, a few at a time. */
async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += PARALLEL) {
    results.push(...await Promise.all(items.slice(at, at + PARALLEL).map(work)));
  }
  return results;
}

/** Best bids by token, of those that have a book. */
async function bidsOf(account: OpenAccount, tokens: readonly string[]): Promise<Map<string, Price>> {
  const bids = new Map<string, Price>();
  if (tokens.length === 0) return bids;
  const { clock, profile } = account.venue;
  const books = await fetchBooks(account.http, profile.clob, tokens, () => clock.now());
  for (const { bids: levels, token } of books) {
    let best = 0;
    for (let at = 0; at < levels.length; at += 2) best = Math.max(best, levels[at] as number);
    bids.set(token, best as Price);
  }
  return bids;
}

/** Every token with shares at the venue or in the journal. Throws HttpError. */
export async function holdingsOf(
  ctx: CommandContext,
  account: OpenAccount,
  parts: { readonly trades: readonly ListedTrade[]; readonly view: LedgerView | null; readonly names: Names },
): Promise<Holding[]> {
  const { names, trades, view } = parts;
  const notes = tokensOf(trades);
  for (const rows of [view?.final, view?.provisional]) {
    for (const { conditionId, token } of rows?.values() ?? []) {
      if (!notes.has(token)) notes.set(token, { conditionId, bought: 0, spent: 0 });
    }
  }
  let tokens = [...notes];
  if (tokens.length > MAX_TOKENS) {
    ctx.warn({
      code: "POSITIONS_CUT",
      message:
        `${tokens.length} tokens were traded; the newest ${MAX_TOKENS} are shown. Narrow it with --since.`,
    });
    tokens = tokens.slice(-MAX_TOKENS);
  }
  const read = await inBatches(tokens, async ([token, note]): Promise<Raw> => {
    const name = await names(note.conditionId);
    const { balance } = await account.entry.conditional(token, name.version);
    return { token, note, name, balance };
  });
  const held = read.filter(({ balance, token }) =>
    balance > 0 || view?.final.has(token) === true || view?.provisional.has(token) === true
  );
  const now = account.venue.clock.now();
  const open = held.filter(({ name }) => !name.closed).map(({ token }) => token);
  const bids = await bidsOf(account, open);
  return held.map((raw) => holdingOf(raw, view, bids.get(raw.token) ?? null, now));
}

/** Names of the account's venue, remembered for the run. */
export const namesOf = (ctx: CommandContext, { http, venue }: OpenAccount): Names =>
  windowNames(http, venue.profile.clob, ctx.signal);
