/** What the socket has told of each book, kept only to be compared with REST: totals per level, no order. */
import type { BookDeltaEvent, BookEvent } from "../../core/events.ts";

interface Shadow {
  /** Side and price in one number to size. */
  readonly levels: Map<number, number>;
  timestampMs: number;
}

const SIDES = 2;

function fill(levels: Map<number, number>, side: number, flat: readonly number[]): void {
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i + 1]! > 0) levels.set(flat[i]! * SIDES + side, flat[i + 1]!);
  }
}

function levelsOf(book: BookEvent): Map<number, number> {
  const levels = new Map<number, number>();
  fill(levels, 0, book.bids);
  fill(levels, 1, book.asks);
  return levels;
}

export class ShadowBooks {
  private readonly books = new Map<string, Shadow>();

  replace(book: BookEvent): void {
    this.books.set(book.token, { levels: levelsOf(book), timestampMs: book.tExchange });
  }

  change(delta: BookDeltaEvent): void {
    const shadow = this.books.get(delta.token);
    if (shadow === undefined) return;
    if (delta.tExchange > shadow.timestampMs) shadow.timestampMs = delta.tExchange;
    const { changes } = delta;
    for (let i = 0; i < changes.length; i += 3) {
      const key = changes[i + 1]! * SIDES + changes[i]!;
      if (changes[i + 2]! > 0) shadow.levels.set(key, changes[i + 2]!);
      else shadow.levels.delete(key);
    }
  }

  forget(token: string): void {
    this.books.delete(token);
  }

  /** Newest exchange time told of a token; null without a book. */
  timestampMs(token: string): number | null {
    return this.books.get(token)?.timestampMs ?? null;
  }

  /** True when `book` has exactly the levels we were told of. */
  same(book: BookEvent): boolean {
    const ours = this.books.get(book.token)?.levels;
    if (ours === undefined) return false;
    const theirs = levelsOf(book);
    if (ours.size !== theirs.size) return false;
    for (const [key, size] of theirs) if (ours.get(key) !== size) return false;
    return true;
  }
}
