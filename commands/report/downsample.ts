/** Fewer points, same picture: long series are thinned so that every peak and trough survives. */
import { invariant } from "../../core/errors.ts";

/** Points a single chart line may have. A 1400 px wide plot on a double-density screen shows no more. */
export const MAX_POINTS = 4000;

/**
 * Row numbers to keep of a table with `length` rows and the given columns, ascending, at most `maxPoints`. The rows are
 * split into equal buckets; of each, the rows with the smallest and the largest value of every column stay (its first row
 * when all are null, so that a gap stays a gap), as do the very first and the very last row. All rows when they fit.
 */
export function downsampleRows(
  length: number,
  columns: readonly (readonly (number | null)[])[],
  maxPoints: number = MAX_POINTS,
): number[] {
  if (length <= maxPoints) return Array.from({ length }, (_, row) => row);
  const perBucket = Math.max(1, 2 * columns.length);
  invariant(
    maxPoints >= perBucket + 2,
    `cannot keep extremes of ${columns.length} columns in ${maxPoints} points`,
  );
  const buckets = Math.floor((maxPoints - 2) / perBucket);
  const keep = new Uint8Array(length);
  keep[0] = 1;
  keep[length - 1] = 1;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor(bucket * length / buckets);
    const to = Math.floor((bucket + 1) * length / buckets);
    let found = false;
    for (const column of columns) found = keepExtremes(keep, column, from, to) || found;
    if (!found) keep[from] = 1;
  }
  const rows: number[] = [];
  for (let row = 0; row < length; row++) if (keep[row] === 1) rows.push(row);
  return rows;
}

/** Marks the rows of the smallest and the largest value in [from, to); false when all are null. */
function keepExtremes(
  keep: Uint8Array,
  column: readonly (number | null)[],
  from: number,
  to: number,
): boolean {
  let low = -1;
  let high = -1;
  for (let row = from; row < to; row++) {
    const value = column[row] ?? null;
    if (value === null) continue;
    if (low < 0 || value < (column[low] as number)) low = row;
    if (high < 0 || value > (column[high] as number)) high = row;
  }
  if (low < 0) return false;
  keep[low] = 1;
  keep[high] = 1;
  return true;
}

/** The values of `column` at `rows`. */
export const pick = <T>(column: readonly T[], rows: readonly number[]): T[] =>
  rows.map((row) => column[row] as T);
