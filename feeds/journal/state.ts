/**
 * State from the journal: every row is put through the same functions that live inputs go through, so what was known when
 * the process ended is known again. `JournalledState` keeps the two together: first the row, then the state.
 */
import { OperationError } from "../../core/errors.ts";
import {
  correctFee,
  forgetEntries,
  type Ledgers,
  newLedgers,
  post,
  postFill,
  resolve,
} from "../../core/orders/ledger.ts";
import { applyInput, newOrderLife } from "../../core/orders/lifecycle.ts";
import { compactSettled } from "../../core/orders/lifecycle_past.ts";
import type { LifeAction, LifeInput, OrderLife } from "../../core/orders/lifecycle_types.ts";
import type { PastLimits } from "../../core/orders/past.ts";
import type { Ms, Usdc } from "../../core/units.ts";
import type { Journal } from "./journal.ts";
import { kindOfInput, type LedgerInput, readRow } from "./row_codec.ts";
import type { JournalRow } from "./rows.ts";

export interface WalletState {
  readonly life: OrderLife;
  ledgers: Ledgers;
  /** No opening balance was journalled yet. */
  isNew: boolean;
  /** Time of the row at which settled orders were put away last. */
  compactedAtMs: Ms | null;
  readonly compaction: Compaction;
}

/** What of the settled is kept in full, and how many of the rest in short. */
export interface Compaction {
  /** Orders, trades and entries of ledgers are put away this long after they have settled; Infinity: never. */
  readonly afterMs: number;
  readonly limits?: PastLimits;
}

/** Settled orders and trades are kept whole this long: late messages mostly come within seconds. */
export const COMPACT_AFTER_MS = 60_000;
/** Often, so that memory does not rise and fall with it. */
const COMPACT_EVERY_MS = 5_000;

export const newWalletState = (compaction: Compaction = { afterMs: COMPACT_AFTER_MS }): WalletState => ({
  life: newOrderLife(compaction.limits),
  ledgers: newLedgers(0 as Usdc),
  isNew: true,
  compactedAtMs: null,
  compaction,
});

/** Applies an input of an order's life; fills go to the ledgers. Returns what must be done. */
export function applyLife(state: WalletState, input: LifeInput): readonly LifeAction[] {
  const actions = applyInput(state.life, input);
  for (const action of actions) {
    if (action.type === "fill") postFill(state.ledgers, action.fill, action.stage);
  }
  return actions;
}

/** Applies an input of the ledgers. False when it changes nothing (also: a second winner that contradicts the first). */
export function applyLedger(state: WalletState, input: LedgerInput): boolean {
  switch (input.type) {
    case "opening":
      if (!state.isNew) return false;
      state.isNew = false;
      state.ledgers = newLedgers(input.cash);
      return true;
    case "post":
      return post(state.ledgers, input.entry, input.stage);
    case "resolved":
      return resolve(state.ledgers, input.conditionId, input.winner) === "new";
    case "fee":
      return correctFee(state.ledgers, input.fillId, input.fee);
  }
}

/** Between this row and an order's or a cancel's bytes nothing may take time. */
const isHurried = ({ type }: LifeInput): boolean =>
  type === "created" || type === "sent" || type === "cancelAsked";

/**
 * Puts away what has been settled for a while, so that memory is what is alive and a record of fixed size. Judged by the
 * times of rows alone, before each is applied: whoever reads the journal again does the same at the same row.
 */
function compactWhenDue(state: WalletState, at: Ms): void {
  // A clock that was set back must not end it.
  if (state.compactedAtMs !== null && Math.abs(at - state.compactedAtMs) < COMPACT_EVERY_MS) return;
  state.compactedAtMs = at;
  const before = (at - state.compaction.afterMs) as Ms;
  compactSettled(state.life, before);
  forgetEntries(state.ledgers, before);
}

/**
 * State from rows: the same as that of the process which wrote them. Throws JOURNAL_ROW_UNKNOWN for a row this version
 * cannot read, and what the iteration throws.
 */
export function rebuildState(rows: Iterable<JournalRow>, compaction?: Compaction): WalletState {
  const state = newWalletState(compaction);
  for (const { seq, t, kind, body } of rows) {
    let meaning: ReturnType<typeof readRow>;
    try {
      meaning = readRow(kind, body);
    } catch (cause) {
      throw new OperationError({
        code: "JOURNAL_ROW_UNKNOWN",
        message: `Cannot read row ${seq} of the journal as ${kind}: ${
          cause instanceof Error ? cause.message : String(cause)
        }`,
        hint:
          "It was written by another version of poly-edge. Use that version, or start with an empty journal folder.",
        cause,
      });
    }
    if (meaning.of === "nothing") continue;
    if (meaning.of === "ledger" || !isHurried(meaning.input)) compactWhenDue(state, t as Ms);
    if (meaning.of === "life") applyLife(state, meaning.input);
    else applyLedger(state, meaning.input);
  }
  return state;
}

/** State that is journalled before it changes. */
export interface JournalledState {
  readonly state: WalletState;
  /** What the restart asks for: every order and trade that is not settled. */
  readonly actions: readonly LifeAction[];
  /** Journals the input, then applies it. Throws what `Journal.append()` throws; then nothing was applied. */
  life(input: LifeInput): readonly LifeAction[];
  ledger(input: LedgerInput, at: Ms): boolean;
}

/**
 * Rebuilds the state of an open journal and notes the restart: what was on its way becomes unknown, everything open or
 * unexplained is asked for. Throws JOURNAL_DAMAGED, JOURNAL_ROW_UNKNOWN.
 */
export function resumeState(journal: Journal, at: Ms, compaction?: Compaction): JournalledState {
  const state = rebuildState(journal.rows(), compaction);
  const life = (input: LifeInput): readonly LifeAction[] => {
    const kind = kindOfInput(input);
    if (kind !== null) {
      journal.append(kind, input, input.at);
      if (!isHurried(input)) compactWhenDue(state, input.at);
    }
    return applyLife(state, input);
  };
  const actions = journal.lastSeq === 0 ? [] : life({ type: "restart", at });
  return {
    state,
    actions,
    life,
    ledger: (input, when) => {
      journal.append("ledger", input, when);
      compactWhenDue(state, when);
      return applyLedger(state, input);
    },
  };
}
