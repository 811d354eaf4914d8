/** What the simulated venue knows of a wallet, what the wallet's journal says, and where the two differ. */
import { PUSD, type Wallet } from "../../fixtures/exchange/ledger.ts";
import { type Order, tokenOf } from "../../fixtures/exchange/order.ts";
import type { ExchangeState } from "../../fixtures/exchange/state.ts";
import type { TradeStatus } from "../../fixtures/exchange/trade.ts";
import type { BookText, JournalFacts, OrderFacts } from "./journal_facts.ts";

/** What is wrong, by kind; all empty when nothing is. */
export interface Differences {
  /** Orders at the venue that the journal does not have, or has written off. */
  readonly lost: string[];
  /** More than one order for one intent. */
  readonly doubled: string[];
  /** Intents the journal believes at the venue that the venue never saw, or of which nobody knows. */
  readonly phantom: string[];
  /** Ledgers, shares matched, balances. */
  readonly ledger: string[];
  /** Open at the venue. */
  readonly open: string[];
  readonly journal: string[];
}

export const noDifferences = (): Differences => ({
  lost: [],
  doubled: [],
  phantom: [],
  ledger: [],
  open: [],
  journal: [],
});

export const countOf = (found: Differences): number =>
  Object.values(found).reduce((sum: number, list: string[]) => sum + list.length, 0);

/** Orders of a wallet at the venue by hash, lower case. */
export function ordersOf(state: ExchangeState, wallet: Wallet): Map<string, Order> {
  const found = new Map<string, Order>();
  for (const order of state.orders.values()) {
    if (order.wallet === wallet) found.set(order.id.toLowerCase(), order);
  }
  return found;
}

/** A wallet's opening cash and everything its trades of these statuses moved. */
export function trueBook(
  state: ExchangeState,
  wallet: Wallet,
  opening: number,
  counts: (status: TradeStatus) => boolean,
): BookText {
  const sums = new Map<string, number>([[PUSD, opening]]);
  for (const { status, movement } of state.trades.values()) {
    if (!counts(status)) continue;
    for (const leg of movement.legs) {
      if (leg.wallet === wallet) sums.set(leg.asset, (sums.get(leg.asset) ?? 0) + leg.delta);
    }
  }
  return bookOfSums(sums);
}

/** What lies in the wallet on the chain. */
export const chainBook = (wallet: Wallet): BookText => bookOfSums(wallet.chain);

function bookOfSums(sums: ReadonlyMap<string, number>): BookText {
  const tokens = [...sums].filter(([asset, amount]) => asset !== PUSD && amount !== 0).sort();
  return { cash: sums.get(PUSD) ?? 0, tokens: Object.fromEntries(tokens) };
}

/** Says where two books differ, millionths; empty when nowhere. */
export function bookDifferences(what: string, ours: BookText, venue: BookText): string[] {
  const found: string[] = [];
  if (ours.cash !== venue.cash) found.push(`${what} cash ${ours.cash}, venue ${venue.cash}`);
  for (const token of new Set([...Object.keys(ours.tokens), ...Object.keys(venue.tokens)])) {
    const [held, told] = [ours.tokens[token] ?? 0, venue.tokens[token] ?? 0];
    if (held !== told) found.push(`${what} token ${token.slice(0, 10)}: ${held}, venue ${told}`);
  }
  return found;
}

export interface Compared {
  readonly differences: Differences;
  readonly intents: number;
  readonly orders: number;
  readonly trades: number;
}

/** Compares a wallet's journal with the venue when nothing of it is under way. `opening` in millionths. */
export function compareWith(
  state: ExchangeState,
  wallet: Wallet,
  journal: JournalFacts,
  opening: number,
): Compared {
  const differences = noDifferences();
  const { damage, intents, orders: ours } = journal;
  if (damage !== null) differences.journal.push(damage);
  differences.journal.push(...journal.compacted);
  const venue = ordersOf(state, wallet);
  const written = new Set(intents.map(({ hash }) => hash.toLowerCase()));
  for (const id of venue.keys()) if (!written.has(id)) differences.lost.push(`${id} is not in the journal`);
  const byIntent = new Map<string, string>();
  for (const { hash, id } of intents) {
    const known = byIntent.get(id);
    if (known !== undefined) differences.doubled.push(`intent ${id} is ${known} and ${hash}`);
    byIntent.set(id, hash);
    const facts = ours.get(hash);
    if (facts === undefined) differences.journal.push(`${hash} has no state`);
    else compareOrder(differences, facts, venue.get(hash.toLowerCase()), hash);
  }
  for (const order of state.open) {
    if (order.wallet === wallet) differences.open.push(`${order.id} is ${order.status}`);
  }
  const chain = chainBook(wallet);
  const confirmed = trueBook(state, wallet, opening, (status) => status === "CONFIRMED");
  differences.ledger.push(
    ...bookDifferences("final", journal.final, chain),
    ...bookDifferences("provisional", journal.provisional, chain),
    ...bookDifferences("confirmed trades", journal.final, confirmed),
  );
  return { differences, intents: intents.length, orders: venue.size, trades: journal.trades };
}

function compareOrder(found: Differences, ours: OrderFacts, order: Order | undefined, hash: string): void {
  const { state, told, reason, isOver } = ours;
  if (!isOver) return void found.phantom.push(`${hash} is ${state}, and is not over`);
  if (order === undefined) {
    if (state !== "rejected") found.phantom.push(`${hash} is ${state}, the venue never saw it`);
    return;
  }
  const ended = order.status !== "LIVE" && order.status !== "HELD" && order.status !== "DELAYED";
  if (state === "rejected" && (!ended || order.matched > 0)) {
    found.lost.push(`${hash} was written off (${reason}), the venue has it ${order.status}`);
  }
  if (told !== order.matched) {
    const token = tokenOf(order.place).slice(0, 8);
    found.ledger.push(`${hash} of ${token}: matched ${told}, venue ${order.matched}`);
  }
}
