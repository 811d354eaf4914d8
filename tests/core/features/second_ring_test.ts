import assert from "node:assert/strict";
import fc from "fast-check";
import { SecondRing } from "../../../core/features/second_ring.ts";

const LENGTH = 4096;

Deno.test("the ring equals a list of every second's value, for gaps, repeats, jumps and clears", () => {
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ gap: fc.integer({ min: 0, max: 40 }), value: fc.double({ noNaN: true }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        gap: fc.constantFrom(-1, -500, LENGTH - 2, LENGTH - 1, LENGTH, LENGTH + 1, 10_000),
        value: fc.double({ noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.constant("clear" as const) },
  );
  const start = fc.integer({ min: 0, max: 2_000_000_000 });
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 30 }), (from, steps) => {
      const ring = new SecondRing();
      let seen: [number, number][] = [];
      let second = from;
      for (const s of steps) {
        if (s === "clear") {
          ring.clear();
          seen = [];
          continue;
        }
        const last = seen.length === 0 ? -1 : seen[seen.length - 1]![0];
        second = Math.max(0, (last < 0 ? second : last) + s.gap);
        const accepted = ring.set(second, s.value);
        assert.equal(accepted, second >= last);
        if (!accepted) continue;
        if (second - last >= LENGTH) seen = [];
        seen.push([second, s.value]);
        const oldest = Math.max(seen[0]![0], second - LENGTH + 1);
        assert.deepEqual([ring.firstSecond, ring.lastSecond], [oldest, second]);
        for (const probe of [oldest - 1, oldest, oldest + 1, second - 7, second - 1, second, second + 9]) {
          const held = seen.filter(([at]) => at <= probe).at(-1);
          const expected = probe < oldest || held === undefined ? NaN : held[1];
          assert.ok(Object.is(ring.at(probe), expected), `second ${probe}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("an empty ring knows nothing", () => {
  const ring = new SecondRing();
  assert.deepEqual([ring.firstSecond, ring.lastSecond, ring.at(0), ring.at(1e9)], [-1, -1, NaN, NaN]);
});
