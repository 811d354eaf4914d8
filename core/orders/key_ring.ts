/**
 * A fixed number of rows found by a 64-bit digest of a text: the newest replaces the oldest. Callers keep their columns in
 * arrays of `capacity` beside it, so that memory is what was allocated once, whatever comes.
 */
import { invariant } from "../errors.ts";

/** Two unsigned 32-bit halves. */
export interface Key {
  readonly high: number;
  readonly low: number;
}

/**
 * Digest of a text (cyrb53's mixing of two 32-bit lanes, all 64 bits kept). Not for secrets: order hashes carry our own salt
 * and trade ids are the venue's, so nobody gains by a collision, and by chance one of 65,536 is met once in 10^14 questions.
 */
export function keyOf(text: string): Key {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return { high: b >>> 0, low: a >>> 0 };
}

const EMPTY = -1;

/** 17 bytes a row: key, use, and two slots of the open-addressing index. */
export class KeyRing {
  size = 0;
  private next = 0;
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;
  private readonly used: Uint8Array;
  private readonly slots: Int32Array;
  private readonly mask: number;

  /** `capacity` is a power of two. */
  constructor(readonly capacity: number) {
    invariant(capacity >= 2 && (capacity & (capacity - 1)) === 0, "a ring's capacity is a power of two");
    this.high = new Uint32Array(capacity);
    this.low = new Uint32Array(capacity);
    this.used = new Uint8Array(capacity);
    this.slots = new Int32Array(capacity * 2).fill(EMPTY);
    this.mask = capacity * 2 - 1;
  }

  /** The row of a key; -1 when there is none. */
  find(key: Key): number {
    const slot = this.slotOf(key);
    return this.slots[slot]!;
  }

  /** A row for a key that is not in the ring; when all are in use the oldest row is told to `onEvict` and replaced. */
  add(key: Key, onEvict: (row: number) => void = () => {}): number {
    const row = this.next;
    this.next = (row + 1) % this.capacity;
    if (this.used[row] === 1) {
      onEvict(row);
      this.remove(row);
    }
    const slot = this.slotOf(key);
    invariant(this.slots[slot] === EMPTY, "a key is in a ring once");
    this.slots[slot] = row;
    this.high[row] = key.high;
    this.low[row] = key.low;
    this.used[row] = 1;
    this.size++;
    return row;
  }

  remove(row: number): void {
    let hole = this.slotOf(this.keyAt(row));
    this.used[row] = 0;
    this.size--;
    // Entries behind the hole move up when their own way would lead over it.
    for (let at = (hole + 1) & this.mask; this.slots[at] !== EMPTY; at = (at + 1) & this.mask) {
      const home = this.low[this.slots[at]!]! & this.mask;
      if (((at - home) & this.mask) < ((at - hole) & this.mask)) continue;
      this.slots[hole] = this.slots[at]!;
      hole = at;
    }
    this.slots[hole] = EMPTY;
  }

  keyAt(row: number): Key {
    return { high: this.high[row]!, low: this.low[row]! };
  }

  /** Rows in use, oldest first. */
  *rows(): Generator<number> {
    for (let i = 0; i < this.capacity; i++) {
      const row = (this.next + i) % this.capacity;
      if (this.used[row] === 1) yield row;
    }
  }

  /** The slot that holds the key, or the empty one where it would be. */
  private slotOf({ high, low }: Key): number {
    let slot = low & this.mask;
    for (;;) {
      const row = this.slots[slot]!;
      if (row === EMPTY || this.low[row] === low && this.high[row] === high) return slot;
      slot = (slot + 1) & this.mask;
    }
  }
}
