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
  const push = (name: string, costUs = 60, replaces?: string) =>
    inbox.push({
      ...(replaces === undefined ? {} : { replaces }),
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

Deno.test("a whole book leaves no older one of its stream waiting, and keeps its own place in the order", () => {
  const { done, inbox, push, shed, turn } = rig({ maxBooks: 10, maxJobs: 100 });
  push("t0", 500);
  push("b1", 1, "x");
  push("b2", 1, "y");
  push("t3", 1);
  push("b4", 1, "x");
  push("b5", 1);
  push("b6", 1, "x");
  assert.deepEqual([shed, inbox.waiting], [["b1", "b4"], 4]);
  turn();
  assert.deepEqual(done, ["t0", "b2", "t3", "b5", "b6"]);
  push("t7", 500);
  push("b8", 1, "x");
  assert.equal(inbox.shed, 2);
});

Deno.test("a flood of whole books waits as one frame a stream, however long it lasts", () => {
  const { done, inbox, push, turn } = rig({ maxBooks: 1000, maxJobs: 10_000 });
  push("t0", 500);
  for (let i = 0; i < 20_000; i++) push(`b${i}`, 1, `s${i % 4}`);
  assert.equal(inbox.waiting, 4);
  assert.equal(inbox.shed, 19_996);
  turn();
  assert.deepEqual(done, ["t0", "b19996", "b19997", "b19998", "b19999"]);
});

Deno.test("a long queue of frames, most of them replaced, is worked off without losing count", () => {
  const { done, inbox, push, turn } = rig({ maxBooks: 10_000, maxJobs: 10_000 });
  push("t0", 500);
  for (let i = 0; i < 5_000; i++) push(i % 2 === 0 ? `b${i}` : `t${i}`, 1, i % 2 === 0 ? "x" : undefined);
  assert.equal(inbox.waiting, 2_501);
  for (let i = 0; i < 200 && inbox.waiting > 0; i++) turn();
  assert.deepEqual([inbox.waiting, done.length], [0, 2_502]);
});

Deno.test("after endTurn() what comes waits for the next turn", () => {
  const { done, inbox, push, turn } = rig();
  push("t1", 1);
  inbox.endTurn();
  push("t2", 1);
  assert.deepEqual([done, inbox.waiting], [["t1"], 1]);
  turn();
  push("t3", 1);
  assert.deepEqual(done, ["t1", "t2", "t3"]);
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
    fc.record({
      book: fc.boolean(),
      costUs: fc.integer({ min: 1, max: 300 }),
      whole: fc.option(fc.constantFrom("x", "y"), { nil: null }),
    }),
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
        push(name, one.costUs, one.book && one.whole !== null ? one.whole : undefined);
        assert.ok(inbox.waiting >= 0 && inbox.waiting <= 6);
      }
      for (let i = 0; i < 300 && inbox.waiting > 0; i++) turn();
      assert.ok(shed.every((name) => name.startsWith("b")));
      assert.deepEqual(done, pushed.filter((name) => !shed.includes(name)));
      assert.equal(inbox.shed, shed.length);
    }),
    { numRuns: 300, seed: 3 },
  );
});
