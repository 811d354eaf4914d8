/** A place for one socket of a feed. */
import type { Link } from "./link.ts";

/** A place for one socket, and for its successor while both are open. */
export interface Slot {
  readonly index: number;
  current: Link | null;
  next: Link | null;
  /** The predecessor, kept for a moment: what it has under way may be what its successor joined too late for. */
  leaving: Link | null;
  /** Venue ms at which it leaves. */
  leavesMs: number;
  /** Why a successor is wanted; null: none is. */
  wanted: { readonly detail: string; readonly planned: boolean } | null;
  attempt: number;
  /** A wait before the next attempt is under way. */
  resting: boolean;
  terminal: string | null;
}

export const newSlot = (index: number): Slot => ({
  index,
  current: null,
  next: null,
  leaving: null,
  leavesMs: 0,
  wanted: null,
  attempt: 0,
  resting: false,
  terminal: null,
});
