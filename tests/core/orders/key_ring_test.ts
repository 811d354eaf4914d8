import assert from "node:assert/strict";
import fc from "fast-check";
import { type Key, keyOf, KeyRing } from "../../../core/orders/key_ring.ts";

Deno.test("a key ring finds what a map would, whatever is added, removed and pushed out", () => {
  // Few different keys with the same low half: the index has to step and to close its holes.
  const keys = fc.record({ high: fc.nat(3), low: fc.constantFrom(0, 1, 7, 14, 15, 31, 0xffffffff) });
  const commands = fc.array(fc.record({ key: keys, remove: fc.boolean() }), {
    minLength: 100,
    maxLength: 300,
  });
  fc.assert(
    fc.property(commands, (list) => {
      const ring = new KeyRing(8);
      const model = new Map<string, number>();
      const name = ({ high, low }: Key) => `${high}/${low}`;
      for (const { key, remove } of list) {
        const row = ring.find(key);
        assert.equal(row, model.get(name(key)) ?? -1);
        if (row >= 0) {
          if (!remove) continue;
          ring.remove(row);
          model.delete(name(key));
        } else if (!remove) {
          let evicted: string | null = null;
          const at = ring.add(key, (old) => evicted = name(ring.keyAt(old)));
          if (evicted !== null) model.delete(evicted);
          assert.ok(![...model.values()].includes(at));
          model.set(name(key), at);
        }
        assert.equal(ring.size, model.size);
        assert.deepEqual([...ring.rows()].sort(), [...model.values()].sort());
        for (const [known, at] of model) {
          const [high, low] = known.split("/").map(Number) as [number, number];
          assert.equal(ring.find({ high, low }), at);
        }
      }
    }),
    { numRuns: 400 },
  );
});

Deno.test("a ring forgets the oldest, and only when it is full", () => {
  const ring = new KeyRing(4);
  for (let i = 0; i < 4; i++) ring.add(keyOf(`k${i}`), () => assert.fail("not full yet"));
  let gone = 0;
  ring.add(keyOf("k4"), () => gone++);
  assert.equal(gone, 1);
  assert.deepEqual([0, 1, 2, 3, 4].map((i) => ring.find(keyOf(`k${i}`)) >= 0), [
    false,
    true,
    true,
    true,
    true,
  ]);
});

Deno.test("digests of a hundred thousand like texts are all different", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 100_000; i++) {
    const { high, low } = keyOf(`0x${i.toString(16).padStart(64, "0")}`);
    seen.add(`${high} ${low}`);
  }
  assert.equal(seen.size, 100_000);
});
