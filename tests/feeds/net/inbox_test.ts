import assert from "node:assert/strict";
import fc from "fast-check";
import { Inbox } from "../../../feeds/net/inbox.ts";

/** An inbox whose event loop turns when it is told to, and whose jobs cost what they say. */
function rig(
  options: { budgetUs?: number; maxBooks?: number; maxJobs?: number; maxAgeUs?: number; backlog?: number } =
    {},
) {
  let nowUs = 0;
  const turns: (() => void)[] = [];
  const done: string[] = [];
  const shed: string[] = [];
  const voided: string[] = [];
  const inbox = new Inbox({
    monotonicUs: () => nowUs,
    later: (work) => void turns.push(work),
    budgetUs: 100,
    maxBooks: 3,
    maxJobs: 6,
    ...options,
  });
  const push = (name: string, costUs = 60, replaces?: string, changes?: string) =>
    inbox.push({
      ...(replaces === undefined ? {} : { replaces }),
      ...(changes === undefined ? {} : { changes }),
      book: name.startsWith("b"),
      run: () => {
        nowUs += costUs;
        done.push(name);
      },
      onShed: () => void shed.push(name),
      onVoid: () => {
        voided.push(changes!);
        done.push(`void ${changes}`);
      },
    });
  const change = (name: string, book: string, costUs = 1) => push(name, costUs, undefined, book);
  const wait = (us: number) => void (nowUs += us);
  const turn = () => turns.splice(0).forEach((work) => work());
  return { inbox, push, change, wait, turn, done, shed, voided };
}

const numberOf = (name: string): number => Number(name.slice(1));

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

Deno.test("changes that waited too long go with all of their book, which is then called void in their place", () => {
  const { change, done, push, shed, turn, voided, wait } = rig({
    maxBooks: 100,
    maxJobs: 100,
    maxAgeUs: 1_000,
    backlog: 3,
  });
  push("t0", 500);
  change("b1", "x");
  push("t2", 1);
  change("b3", "y");
  change("b4", "x");
  push("t5", 1);
  wait(2_000);
  change("b6", "x");
  turn();
  // Behind y wait two frames, which is no backlog: they are worked off, however old.
  assert.deepEqual(done, ["t0", "void x", "t2", "b3", "t5"]);
  assert.deepEqual([shed, voided], [["b4", "b6", "b1"], ["x"]]);
  change("b7", "x");
  turn();
  assert.deepEqual(done.at(-1), "b7");
});

Deno.test("a pause alone costs no book: what little waits is worked off", () => {
  const { change, done, shed, turn, wait, push } = rig({
    maxBooks: 100,
    maxJobs: 100,
    maxAgeUs: 1_000,
    backlog: 3,
  });
  push("t0", 500);
  for (const name of ["b1", "b2", "b3", "b4"]) change(name, "x");
  wait(60_000);
  turn();
  assert.deepEqual(done, ["t0", "b1", "b2", "b3", "b4"]);
  assert.deepEqual(shed, []);
});

Deno.test("the newest whole book is handled however old it is; a check that changes nothing goes alone", () => {
  const { done, push, shed, turn, voided, wait } = rig({
    maxBooks: 100,
    maxJobs: 100,
    maxAgeUs: 1_000,
    backlog: 1,
  });
  push("t0", 500);
  push("b1", 1, "x");
  push("b2", 1);
  push("t3", 1);
  push("t4", 1);
  wait(60_000);
  turn();
  assert.deepEqual([done, shed, voided], [["t0", "b1", "t3", "t4"], ["b2"], []]);
});

Deno.test("with too many changes the oldest's book goes, and what comes of it before it is called void", () => {
  const { change, done, inbox, push, shed, turn, voided } = rig({ maxBooks: 3, maxJobs: 100 });
  push("t0", 500);
  change("b1", "x");
  push("t2", 1);
  change("b3", "y");
  change("b4", "x");
  change("b5", "y");
  assert.deepEqual([shed, voided, inbox.waiting], [["b1", "b4"], [], 4]);
  change("b6", "x");
  assert.deepEqual([shed, inbox.waiting], [["b1", "b4", "b6"], 4]);
  turn();
  assert.deepEqual(done, ["t0", "void x", "t2", "b3", "b5"]);
  change("b7", "x", 500);
  assert.equal(done.at(-1), "b7");
  assert.equal(inbox.shed, 3);
});

Deno.test("under a lasting flood of changes no handled frame is older than the bound and its backlog", () => {
  const costUs = 100;
  const [maxAgeUs, backlog, budgetUs] = [15_000, 200, 4_000];
  let nowUs = 0;
  let oldest = 0;
  let voids = 0;
  const turns: (() => void)[] = [];
  const inbox = new Inbox({ monotonicUs: () => nowUs, later: (work) => void turns.push(work) });
  let handled = 0;
  let came = 0;
  const come = () => {
    inbox.push({
      book: true,
      changes: `book ${came++ % 4}`,
      run: () => {
        oldest = Math.max(oldest, nowUs - inbox.receivedUs);
        nowUs += costUs;
        handled++;
      },
      onVoid: () => void voids++,
    });
  };
  // Three come in the time that one takes. A loop reads what has come, as much as it may, and then turns.
  while (nowUs < 2_000_000) {
    for (let i = 0; i < 128 && came * costUs / 3 < nowUs; i++) come();
    nowUs += 10;
    turns.splice(0).forEach((work) => work());
  }
  assert.ok(voids > 10 && handled > 10_000 && inbox.shed > handled, `${voids} voids, ${handled} handled`);
  assert.ok(oldest <= maxAgeUs + backlog * costUs + budgetUs, `${oldest} us`);
  assert.ok(inbox.most <= 1_000);
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
      changes: fc.option(fc.constantFrom("p", "q"), { nil: null }),
    }),
    fc.constant("turn" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { done, inbox, push, shed, turn } = rig({ maxAgeUs: 150, backlog: 1 });
      const pushed: string[] = [];
      const of = new Map<string, string>();
      for (const one of steps) {
        if (one === "turn") {
          turn();
          continue;
        }
        const name = `${one.book ? "b" : "t"}${pushed.length}`;
        pushed.push(name);
        const whole = one.book && one.whole !== null ? one.whole : undefined;
        const changes = one.book && whole === undefined && one.changes !== null ? one.changes : undefined;
        if (changes !== undefined) of.set(name, changes);
        push(name, one.costUs, whole, changes);
        assert.ok(inbox.waiting >= 0 && inbox.waiting <= 6);
      }
      for (let i = 0; i < 300 && inbox.waiting > 0; i++) turn();
      assert.ok(shed.every((name) => name.startsWith("b")));
      const handled = done.filter((name) => !name.startsWith("void"));
      assert.deepEqual(handled, pushed.filter((name) => !shed.includes(name)));
      // Whatever of a book was left out, its next frame to be handled comes after the book was called void.
      for (const name of shed.filter((one) => of.has(one))) {
        const book = of.get(name)!;
        const next = handled.find((one) => of.get(one) === book && numberOf(one) > numberOf(name));
        const before = done.findLast((one) => of.get(one) === book && numberOf(one) < numberOf(name));
        const said = done.indexOf(`void ${book}`, before === undefined ? 0 : done.indexOf(before));
        assert.ok(said >= 0, `${book} is void`);
        if (next !== undefined) assert.ok(said < done.indexOf(next), `${book} is void before ${next}`);
      }
      assert.equal(inbox.shed, shed.length);
    }),
    { numRuns: 300, seed: 3 },
  );
});
