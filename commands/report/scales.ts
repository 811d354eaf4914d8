/** Arithmetic behind the drawn charts: bins, ticks and log positions. Pure. */

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** The largest of 1, 2, 5 x 10^k that is not above `rough` (at least 1e-12). */
function niceBelow(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-12)));
  const factor = rough / power;
  return power * (factor >= 5 ? 5 : factor >= 2 ? 2 : 1);
}

/** Round step so that about `target` steps cover `range`: never fewer, at most 2.5 times as many. */
export const niceStep = (range: number, target: number): number => niceBelow(range / target);

/** Multiples of a round step inside [from, to], about `target` of them. */
export function ticks(from: number, to: number, target: number): number[] {
  if (!(to > from)) return [from];
  const step = niceStep(to - from, target);
  const list: number[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) list.push(i * step + 0);
  return list;
}

/**
 * Equal-width bins over `values` with round borders, one of which is 0, so that gains and losses never share a bin. A
 * value on a border belongs to the bin above. [] for no values.
 */
export function histogram(values: readonly number[], target = 16): Bin[] {
  if (values.length === 0) return [];
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const width = high > low ? niceStep(high - low, target) : Math.max(niceBelow(Math.abs(low) / 4), 1e-6);
  const first = Math.floor(low / width);
  const counts = new Array<number>(Math.floor(high / width) - first + 1).fill(0);
  for (const value of values) {
    const index = Math.min(counts.length - 1, Math.max(0, Math.floor(value / width) - first));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count, i) => ({ from: (first + i) * width, to: (first + i + 1) * width, count }));
}

/** Powers of ten from the one at or below `low` to the one at or above `high` (both positive). */
export function decades(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}
