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
import { applyInput, forgetSettled, newOrderLife } from "../../core/orders/lifecycle.ts";
import type { LifeAction, LifeInput, OrderLife } from "../../core/orders/lifecycle_types.ts";
import type { Ms, Usdc } from "../../core/units.ts";
import type { Journal } from "./journal.ts";
import { kindOfInput, type LedgerInput, readRow } from "./row_codec.ts";
import type { JournalRow } from "./rows.ts";

export interface WalletState {
  readonly life: OrderLife;
  ledgers: Ledgers;
  /** No opening balance was journalled yet. */
  isNew: boolean;
}

export const newWalletState = (): WalletState => ({
  life: newOrderLife(),
  ledgers: newLedgers(0 as Usdc),
  isNew: true,
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

/** Settled orders, trades and entries are kept this long, so that late messages still find them. */
export const KEEP_MS = 6 * 3_600_000;
/** Orders without a match: nothing of them comes up again, and a maker has tens of thousands of them an hour. */
export const KEEP_UNFILLED_MS = 120_000;
const FORGET_EVERY_ROWS = 5_000;

/** Lets go of what has been settled for hours, so that memory stays flat. */
export function forgetOld(state: WalletState, now: Ms): void {
  forgetSettled(state.life, (now - KEEP_MS) as Ms, (now - KEEP_UNFILLED_MS) as Ms);
  // Longer, because a kept trade may still be told again.
  forgetEntries(state.ledgers, (now - 4 * KEEP_MS) as Ms);
}

/** State from rows. Throws JOURNAL_ROW_UNKNOWN for a row this version cannot read, and what the iteration throws. */
export function rebuildState(rows: Iterable<JournalRow>): WalletState {
  const state = newWalletState();
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
    if (meaning.of === "life") applyLife(state, meaning.input);
    else if (meaning.of === "ledger") applyLedger(state, meaning.input);
    if (seq % FORGET_EVERY_ROWS === 0) forgetOld(state, t as Ms);
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
export function resumeState(journal: Journal, at: Ms): JournalledState {
  const state = rebuildState(journal.rows());
  const life = (input: LifeInput): readonly LifeAction[] => {
    const kind = kindOfInput(input);
    if (kind !== null) journal.append(kind, input, input.at);
    return applyLife(state, input);
  };
  const actions = journal.lastSeq === 0 ? [] : life({ type: "restart", at });
  return {
    state,
    actions,
    life,
    ledger: (input, when) => {
      journal.append("ledger", input, when);
      return applyLedger(state, input);
    },
  };
}
