import assert from "node:assert/strict";
import fc from "fast-check";
import { Inbox } from "../../../feeds/net/inbox.ts";

/** An inbox whose event loop turns when it is told to, and whose jobs cost what they say. */
function rig(options: { budgetUs?: number; maxBooks?: number; maxJobs?: number } = {}) {
  let nowUs = 0;
  const turns: (() => void)[] = [];
  const done: string[] = [];
  const shed: string[] = [];
  const inbox = new Inbox({
    monotonicUs: () => nowUs,
    later: (work) => void turns.push(work),
    budgetUs: 100,
    maxBooks: 3,
    maxJobs: 6,
    ...options,
  });
  const push = (name: string, costUs = 60) =>
    inbox.push({
      book: name.startsWith("b"),
      run: () => {
        nowUs += costUs;
        done.push(name);
      },
      onShed: () => void shed.push(name),
    });
  const turn = () => turns.splice(0).forEach((work) => work());
  return { inbox, push, turn, done, shed };
}

Deno.test("within its budget a frame is handled the moment it comes", () => {
  const { done, inbox, push } = rig();
  push("b1");
  push("t2");
  assert.deepEqual(done, ["b1", "t2"]);
  assert.equal(inbox.waiting, 0);
});

Deno.test("past the budget frames wait for the next turn, in the order they came", () => {
  const { done, inbox, push, turn } = rig();
  for (const name of ["b1", "t2", "t3", "b4", "t5"]) push(name);
  assert.deepEqual(done, ["b1", "t2"]);
  turn();
  assert.deepEqual(done, ["b1", "t2", "t3", "b4"]);
  push("t6");
  turn();
  assert.deepEqual(done, ["b1", "t2", "t3", "b4", "t5", "t6"]);
  assert.equal(inbox.shed, 0);
});

Deno.test("when too many books wait the oldest goes, and nothing but books ever goes", () => {
  const { done, inbox, push, shed, turn } = rig();
  push("t0", 500);
  for (const name of ["b1", "t2", "b3", "b4", "b5"]) push(name, 1);
  assert.deepEqual([shed, inbox.shed], [["b1"], 1]);
  turn();
  assert.deepEqual(done, ["t0", "t2", "b3", "b4", "b5"]);
});

Deno.test("without books to leave out, too much waiting holds up the reader", () => {
  const { done, inbox, push } = rig();
  push("t0", 500);
  for (let i = 1; i <= 8; i++) push(`t${i}`, 500);
  assert.equal(inbox.waiting, 6);
  assert.deepEqual(done, ["t0", "t1", "t2"]);
});

Deno.test("whatever comes, nothing but books is lost, nothing is doubled, and order holds", () => {
  const step = fc.oneof(
    fc.record({ book: fc.boolean(), costUs: fc.integer({ min: 1, max: 300 }) }),
    fc.constant("turn" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { done, inbox, push, shed, turn } = rig();
      const pushed: string[] = [];
      for (const one of steps) {
        if (one === "turn") {
          turn();
          continue;
        }
        const name = `${one.book ? "b" : "t"}${pushed.length}`;
        pushed.push(name);
        push(name, one.costUs);
        assert.ok(inbox.waiting <= 6);
      }
      for (let i = 0; i < 300 && inbox.waiting > 0; i++) turn();
      assert.ok(shed.every((name) => name.startsWith("b")));
      assert.deepEqual(done, pushed.filter((name) => !shed.includes(name)));
      assert.equal(inbox.shed, shed.length);
    }),
    { numRuns: 300, seed: 3 },
  );
});
