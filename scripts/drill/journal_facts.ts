/**
 * What a journal says when it is read from its first row, as a restart would. Reading takes long, so a drill lets a worker
 * do it: the venue in the same process goes on answering.
 */
import { type Book, heldOf } from "../../core/orders/ledger.ts";
import { orderOf, tradeStateOf } from "../../core/orders/lifecycle_past.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import type { LifeState } from "../../core/orders/lifecycle_types.ts";
import { openForReading } from "../../feeds/journal/database.ts";
import { readRow } from "../../feeds/journal/row_codec.ts";
import type { JournalRow } from "../../feeds/journal/rows.ts";
import { rebuildState, type WalletState } from "../../feeds/journal/state.ts";
import { readRows } from "../../feeds/journal/verify.ts";

/** What a ledger says, millionths. Tokens of which nothing is held are left out. */
export interface BookText {
  readonly cash: number;
  readonly tokens: Readonly<Record<string, number>>;
}

/** A ledger as plain values. */
export function bookText(book: Book): BookText {
  const held = [...book.tokens].map(([token, sums]) => [token, heldOf(sums)] as const);
  return { cash: book.cash, tokens: Object.fromEntries(held.filter(([, shares]) => shares !== 0).sort()) };
}

export interface OrderFacts {
  readonly state: LifeState;
  /** Shares of all its trades, millionths. */
  readonly told: number;
  readonly reason: string | null;
  /** Ended, and nothing about it is to be asked any more. */
  readonly isOver: boolean;
}

export interface JournalFacts {
  readonly rows: number;
  /** The first damage; null when it is whole. */
  readonly damage: string | null;
  /** `id` is unique within the journal: the number of restarts before it, and the order's own id. */
  readonly intents: readonly { readonly hash: string; readonly id: string }[];
  /** By hash, all of them. */
  readonly orders: ReadonlyMap<string, OrderFacts>;
  readonly trades: number;
  /** Where the state that a process keeps in memory, settled orders put away, differs from that of every row kept whole. */
  readonly compacted: readonly string[];
  readonly final: BookText;
  readonly provisional: BookText;
}

function compactedDifferences(whole: WalletState, compacted: WalletState): string[] {
  const found: string[] = [];
  for (const book of ["final", "provisional"] as const) {
    const [a, b] = [whole, compacted].map(({ ledgers }) => JSON.stringify(bookText(ledgers[book])));
    if (a !== b) found.push(`${book} ledger: whole ${a}, compacted ${b}`);
  }
  const { past } = compacted.life;
  for (const [hash, { state, told, shown }] of whole.life.orders) {
    const order = orderOf(compacted.life, hash);
    if (order === undefined && past.hasForgottenOrders) continue;
    if (order?.state === state && order.told === told && order.shown === shown) continue;
    found.push(`${hash} is ${state} with ${told}, compacted ${order?.state} with ${order?.told}`);
  }
  for (const [id, { state, matchedAtMs }] of whole.life.trades) {
    if (past.horizonMs !== null && matchedAtMs <= past.horizonMs) continue;
    const told = tradeStateOf(compacted.life, id);
    if (told !== state) found.push(`trade ${id} is ${state}, compacted ${told}`);
  }
  return found;
}

/** Reads a journal. Throws NOT_A_JOURNAL, JOURNAL_ROW_UNKNOWN. */
export function readFacts(path: string): JournalFacts {
  const db = openForReading(path);
  try {
    const rows: JournalRow[] = [];
    const reading = readRows(db, path.replace(/^.*\/(0x[0-9a-f]+)\.sqlite$/, "$1"));
    let step = reading.next();
    for (; !step.done; step = reading.next()) rows.push(step.value);
    const damage = step.value === null ? null : `row ${step.value.seq}: ${step.value.detail}`;
    const intents: { hash: string; id: string }[] = [];
    let session = 0;
    for (const { kind, body } of rows) {
      if (kind !== "intent" && kind !== "reconcile") continue;
      const meaning = readRow(kind, body);
      if (meaning.of !== "life") continue;
      if (meaning.input.type === "restart") session++;
      if (meaning.input.type !== "created") continue;
      const { hash, orderId } = meaning.input.terms;
      intents.push({ hash, id: `${session}/${orderId}` });
    }
    const whole = rebuildState(rows, { afterMs: Infinity });
    const { life, ledgers } = whole;
    const orders = new Map<string, OrderFacts>();
    for (const [hash, { state, told, reason, stale, disputed }] of life.orders) {
      orders.set(hash, { state, told, reason, isOver: isEnded(state) && !stale && !disputed });
    }
    return {
      rows: rows.length,
      damage,
      intents,
      orders,
      trades: life.trades.size,
      compacted: compactedDifferences(whole, rebuildState(rows)),
      final: bookText(ledgers.final),
      provisional: bookText(ledgers.provisional),
    };
  } finally {
    db.close();
  }
}
