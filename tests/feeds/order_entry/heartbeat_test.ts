/** The dead-man's switch, by scripted answers on a clock driven by hand, and against the venue that cancels for real. */
import assert from "node:assert/strict";
import { ms } from "../../../core/units.ts";
import { openHeartbeat } from "../../../feeds/polymarket/order_entry/heartbeat.ts";
import type { HeartbeatAnswer } from "../../../feeds/polymarket/order_entry/types.ts";
import { SILENT, withDesk } from "./desk.ts";

const ok = (id: string): HeartbeatAnswer => ({ kind: "ok", id });
const invalid = (id: string): HeartbeatAnswer => ({ kind: "invalid", id, message: "Invalid Heartbeat ID" });
const failed: HeartbeatAnswer = { kind: "failed", message: "no answer" };

interface Beat {
  readonly at: number;
  readonly id: string;
}

/**
 * Runs the loop over a list of answers, the last of which ends it. An answer may take time. Every pause moves the clock on
 * at once.
 */
async function play(
  answers: readonly (HeartbeatAnswer | { readonly tookMs: number; readonly answer: HeartbeatAnswer })[],
  stallAfter = new Map<number, number>(),
): Promise<{ readonly beats: Beat[]; readonly told: string[]; readonly alive: boolean }> {
  let at = 0;
  let pauses = 0;
  const beats: Beat[] = [];
  const told: string[] = [];
  const over = Promise.withResolvers<void>();
  const loop = openHeartbeat({
    clock: {
      now: () => ms(at),
      sleep(duration, signal) {
        if (beats.length >= answers.length) {
          over.resolve();
          return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
        }
        at += duration + (stallAfter.get(pauses++) ?? 0);
        return Promise.resolve();
      },
    },
    entry: {
      heartbeat(id) {
        const next = answers[beats.length]!;
        beats.push({ at, id });
        if (!("tookMs" in next)) return Promise.resolve(next);
        at += next.tookMs;
        return Promise.resolve(next.answer);
      },
    },
    log: SILENT,
    onAlive: () => void told.push(`alive ${at}`),
    onLost: (reason) => void told.push(`lost ${at} ${reason}`),
  });
  assert.deepEqual(told, [], "no callback from inside the call");
  await over.promise;
  const { alive } = loop;
  await loop.close();
  return { beats, told, alive };
}

Deno.test("the first beat has no id; each later one has the id of the answer before, every five seconds", async () => {
  const { beats, told, alive } = await play([ok("a"), ok("b"), { tookMs: 900, answer: ok("c") }, ok("d")]);
  assert.deepEqual(beats, [
    { at: 0, id: "" },
    { at: 5000, id: "a" },
    { at: 10_000, id: "b" },
    { at: 15_000, id: "c" },
  ]);
  assert.deepEqual([told, alive], [["alive 0"], true]);
});

Deno.test("a wrong id is corrected at once with the id that the venue names", async () => {
  const { beats, told } = await play([invalid("x"), ok("y"), ok("z"), invalid("q"), ok("r"), ok("s")]);
  assert.deepEqual(beats.map(({ at, id }) => `${at} ${id}`), [
    "0 ",
    "0 x",
    "5000 y",
    "10000 z",
    "10000 q",
    "15000 r",
  ]);
  assert.deepEqual(told, ["alive 0"]);
});

Deno.test("one miss is repeated at half the interval and tells nobody; two in a row are a loss", async () => {
  const one = await play([ok("a"), failed, ok("b"), ok("c")]);
  assert.deepEqual(one.beats.map(({ at }) => at), [0, 5000, 7500, 12_500]);
  assert.deepEqual(one.told, ["alive 0"]);
  const two = await play([ok("a"), failed, failed, failed, ok("b")]);
  assert.deepEqual(two.told, ["alive 0", "lost 7500 2 beats were not taken: no answer", "alive 12500"]);
});

Deno.test("a beat that hangs counts as lost before the venue may cancel", async () => {
  const { told } = await play([ok("a"), { tookMs: 4000, answer: failed }, ok("b")]);
  assert.deepEqual(told, ["alive 0", "lost 9000 no beat was taken for 9000 ms no answer", "alive 9000"]);
});

Deno.test("a process that slept says so before it beats again, although the beat is taken", async () => {
  const { told } = await play([ok("a"), ok("b"), ok("c")], new Map([[0, 60_000]]));
  assert.deepEqual(told, ["alive 0", "lost 65000 no beat was taken for 65000 ms", "alive 65000"]);
});

Deno.test("nothing is alive, and nothing lost, before the first beat is taken", async () => {
  const { told, alive } = await play([failed, failed, failed, failed]);
  assert.deepEqual([told, alive], [[], false]);
});

Deno.test("another process on the same key shows as ids that are wrong again and again", async () => {
  const { told, alive } = await play([
    ok("a"),
    invalid("x1"),
    ok("b"),
    invalid("x2"),
    ok("c"),
    invalid("x3"),
    ok("d"),
    ok("e"),
  ]);
  assert.deepEqual(told, ["alive 0", "lost 15000 another process beats for this API key", "alive 20000"]);
  assert.equal(alive, true);
});

Deno.test("close() ends a pause at once, and a beat under way is waited for", async () => {
  const answer = Promise.withResolvers<HeartbeatAnswer>();
  let told = 0;
  const loop = openHeartbeat({
    clock: { now: () => ms(0), sleep: () => Promise.reject(new Error("not reached")) },
    entry: { heartbeat: () => answer.promise },
    log: SILENT,
    onAlive: () => void told++,
    onLost: () => void told++,
  });
  const closing = loop.close();
  answer.resolve(ok("late"));
  await closing;
  assert.deepEqual([told, loop.alive], [0, false]);
});

Deno.test("at the venue beats keep orders open, and 15 s without one cancel them", async () => {
  await withDesk({}, async (desk) => {
    const { entry } = desk;
    const gate = Promise.withResolvers<void>();
    const alive = Promise.withResolvers<void>();
    let pauses = 0;
    const loop = openHeartbeat({
      clock: {
        now: desk.clock.now,
        sleep(duration, signal) {
          if (++pauses > 8) {
            gate.resolve();
            return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
          }
          desk.advance(duration);
          return Promise.resolve();
        },
      },
      entry,
      log: SILENT,
      onAlive: () => alive.resolve(),
      onLost: (reason) => alive.reject(new Error(reason)),
    });
    await alive.promise;
    const call = entry.submit(desk.order(0.02, 60).body, { postOnly: false });
    assert.ok(call.sent);
    await call.reply;
    await gate.promise;
    assert.equal((await entry.openOrders()).rows.length, 1, "forty seconds with beats");
    await loop.close();
    const stranger = await entry.heartbeat("of another run");
    assert.ok(stranger.kind === "invalid");
    assert.equal((await entry.heartbeat(stranger.id)).kind, "ok");
    desk.advance(16_000);
    assert.equal((await entry.openOrders()).rows.length, 0, "sixteen without");
  });
});
