import assert from "node:assert/strict";
import fc from "fast-check";
import { downsampleRows, MAX_POINTS, pick } from "../../../commands/report/downsample.ts";

Deno.test("downsampleRows() keeps everything that fits", () => {
  assert.deepEqual(downsampleRows(3, [[1, 2, 3]], 3), [0, 1, 2]);
  assert.deepEqual(downsampleRows(0, [[]]), []);
});

Deno.test("downsampleRows() keeps a single spike among 100,000 flat points", () => {
  const values = new Array<number>(100_000).fill(1);
  values[54_321] = 9;
  values[54_322] = -9;
  const rows = downsampleRows(values.length, [values]);
  assert.ok(rows.length <= MAX_POINTS);
  assert.ok(rows.includes(54_321) && rows.includes(54_322));
});

Deno.test("downsampleRows() keeps a gap a gap", () => {
  const values = Array.from({ length: 1000 }, (_, i) => i >= 400 && i < 600 ? null : i);
  const rows = downsampleRows(1000, [values], 42);
  assert.ok(pick(values, rows).includes(null));
});

Deno.test("downsampleRows() stays within its limit and keeps both ends and all columns' extremes", () => {
  const value = fc.option(fc.integer({ min: -50, max: 50 }), { nil: null, freq: 4 });
  const rowsOf = (columns: number) =>
    fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 300 });
  fc.assert(fc.property(rowsOf(3), fc.integer({ min: 8, max: 120 }), (table, limit) => {
    const columns = [0, 1, 2].map((c) => table.map((row) => row[c] ?? null));
    const rows = downsampleRows(table.length, columns, limit);
    assert.ok(rows.length <= limit);
    assert.equal(rows[0], 0);
    assert.equal(rows.at(-1), table.length - 1);
    assert.ok(rows.every((row, i) => i === 0 || row > (rows[i - 1] as number)));
    const extremes = (values: (number | null)[]) => {
      const known = values.filter((v) => v !== null);
      return [Math.min(...known), Math.max(...known)];
    };
    for (const column of columns) assert.deepEqual(extremes(pick(column, rows)), extremes(column));
  }));
});
