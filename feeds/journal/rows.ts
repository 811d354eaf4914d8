/**
 * A journal's rows: `hash` = sha256 of the previous row's hash and the canonical JSON of {body, kind, seq, t}. The first row
 * hangs on the format's name and the wallet, so a journal cannot pass for another wallet's.
 */
import { createHash } from "node:crypto";

/**
 * `intent` an order before it is sent; `sent` bytes left, a cancel was asked, or an intent was dropped; `reply` answers to
 * submits and cancels; `order-event`, `trade-event` from the user socket or REST; `reconcile` answers to our questions, and
 * restarts; `ledger` opening balance, redemptions, transfers, winners, exact fees; `latch`; `note` anything for people.
 */
export const ROW_KINDS = [
  "intent",
  "sent",
  "reply",
  "order-event",
  "trade-event",
  "reconcile",
  "ledger",
  "latch",
  "note",
] as const;
export type RowKind = typeof ROW_KINDS[number];

export const JOURNAL_FORMAT = "poly-edge-journal/1";

export interface JournalRow {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Milliseconds since the Unix epoch. */
  readonly t: number;
  readonly kind: RowKind;
  /** Canonical JSON. */
  readonly body: string;
  /** 64 hex digits. */
  readonly hash: string;
}

const sha256 = (...parts: readonly string[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** What the first row of a wallet's journal hangs on. */
export const genesisHash = (wallet: string): string => sha256(JOURNAL_FORMAT, "\n", wallet);

/** Hash of a row after `previous`. The text is canonical: its keys stand in order. */
export const rowHash = (previous: string, row: Omit<JournalRow, "hash">): string =>
  sha256(previous, `{"body":${row.body},"kind":${JSON.stringify(row.kind)},"seq":${row.seq},"t":${row.t}}`);

/** Rows that are on disk before the append returns; the others are with the next of these, or at the next checkpoint. */
export const isSynced = (kind: RowKind): boolean => kind === "intent" || kind === "latch";

export const isRowKind = (text: string): text is RowKind => (ROW_KINDS as readonly string[]).includes(text);
