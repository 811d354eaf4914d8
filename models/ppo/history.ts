/**
 * The last few distinct vectors of each row, raw; normalised when they are written to a network's input, so that all of
 * them are seen through the same statistics. One place appends, once per decision.
 */
import { invariant } from "../../core/errors.ts";
import type { Normaliser } from "./normalise.ts";

export interface HistorySnapshot {
  readonly data: readonly number[];
  readonly counts: readonly number[];
}

export class History {
  readonly #data: Float32Array;
  readonly #counts: Int32Array;

  constructor(readonly rows: number, readonly features: number, readonly depth: number) {
    this.#data = new Float32Array(rows * features * depth);
    this.#counts = new Int32Array(rows);
  }

  /** Forgets a row: a new episode or window has no past. */
  reset(row: number): void {
    this.#counts[row] = 0;
  }

  /** Appends `features` numbers of `values` from `at`; a vector equal to the newest is not a new one. */
  push(row: number, values: Float32Array, at: number): void {
    const { features, depth } = this;
    const start = row * features * depth;
    const newest = start + features * (depth - 1);
    if (this.#counts[row]! > 0) {
      let same = true;
      for (let i = 0; i < features && same; i++) same = this.#data[newest + i] === values[at + i];
      if (same) return;
      this.#data.copyWithin(start, start + features, start + features * depth);
    }
    for (let i = 0; i < features; i++) this.#data[newest + i] = values[at + i]!;
    if (this.#counts[row]! < depth) this.#counts[row] = this.#counts[row]! + 1;
  }

  /** Writes a row's vectors, oldest first, zeros in front where there are none yet: features x depth numbers. */
  write(row: number, normaliser: Normaliser | undefined, to: Float32Array, toAt: number): void {
    const { features, depth } = this;
    const missing = depth - this.#counts[row]!;
    to.fill(0, toAt, toAt + missing * features);
    for (let k = missing; k < depth; k++) {
      const from = (row * depth + k) * features;
      const at = toAt + k * features;
      if (normaliser !== undefined) normaliser.apply(this.#data, from, to, at);
      else for (let i = 0; i < features; i++) to[at + i] = this.#data[from + i]!;
    }
  }

  /** Makes a row of `other` (same shape) equal to a row of this. */
  copyRow(row: number, other: History, otherRow: number): void {
    const size = this.features * this.depth;
    for (let i = 0; i < size; i++) other.#data[otherRow * size + i] = this.#data[row * size + i]!;
    other.#counts[otherRow] = this.#counts[row]!;
  }

  snapshot(): HistorySnapshot {
    return { data: [...this.#data], counts: [...this.#counts] };
  }

  restore({ data, counts }: HistorySnapshot): void {
    invariant(
      data.length === this.#data.length && counts.length === this.rows,
      "a history of the same shape",
    );
    this.#data.set(data);
    this.#counts.set(counts);
  }
}
