import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { clearLatch, type LatchState, readLatch, setLatch } from "../../../feeds/journal/latch.ts";
import { watchLatch } from "../../../feeds/journal/latch_watch.ts";
import { withFolder } from "./journals.ts";

const mark = (code: string, at = 1) => ({ code, reason: "because", who: "a person", at });
const LATCH = fileURLToPath(new URL("../../../feeds/journal/latch.ts", import.meta.url));

/** A watch whose looks the test orders. */
function byHand(folder: string) {
  const seen: LatchState[] = [];
  let look = () => {};
  const watch = watchLatch({
    folder,
    onChange: (state) => seen.push(state),
    repeat: (run) => {
      look = run;
      return () => {};
    },
  });
  return { watch, seen, look: () => look() };
}

Deno.test("every change is told once: set, cleared, set anew; a clear latch at the start is silence", async () => {
  await withFolder(async (folder) => {
    const { look, seen, watch } = byHand(folder);
    look();
    assert.equal(seen.length, 0);
    const first = await setLatch(folder, mark("KILL"));
    look();
    look();
    await clearLatch(folder, mark("RESUME", 2), first);
    look();
    await setLatch(folder, mark("KILL_LATENCY", 3));
    look();
    assert.deepEqual(seen.map(({ set, mark }) => [set, mark?.code]), [[true, "KILL"], [false, "RESUME"], [
      true,
      "KILL_LATENCY",
    ]]);
    assert.equal(watch.state.set, true);
    watch.close();
  });
});

Deno.test("a latch that was set before is told at the start; a damaged file counts as set", async () => {
  await withFolder(async (folder) => {
    await setLatch(folder, mark("KILL"));
    const first = byHand(folder);
    assert.equal(first.seen.length, 1);
    Deno.writeTextFileSync(join(folder, "latch.json"), "{");
    first.look();
    assert.equal(first.seen.at(-1)?.mark?.code, "LATCH_UNREADABLE");
  });
});

Deno.test("isSet() looks before it answers", async () => {
  await withFolder(async (folder) => {
    const { watch } = byHand(folder);
    assert.equal(watch.isSet(), false);
    await setLatch(folder, mark("KILL"));
    assert.equal(watch.isSet(), true);
  });
});

Deno.test("a replaced file of the same size and time is noticed within four looks", async () => {
  await withFolder(async (folder) => {
    const set = await setLatch(folder, mark("KILL", 1));
    const { look, seen } = byHand(folder);
    const file = join(folder, "latch.json");
    const { mtime, atime } = Deno.statSync(file);
    // Written in place: same inode, same length, and its time set back.
    Deno.writeTextFileSync(file, `${JSON.stringify(set).replace('"KILL"', '"LLIK"')}\n`);
    Deno.utimeSync(file, atime ?? 0, mtime ?? 0);
    for (let i = 0; i < 4; i++) look();
    assert.equal(seen.at(-1)?.mark?.code, "LLIK");
  });
});

Deno.test("a trading process notices within one second that another process set the latch", async () => {
  await withFolder(async (folder) => {
    const noticed = Promise.withResolvers<number>();
    const watch = watchLatch({
      folder,
      onChange: (state) => state.set && noticed.resolve(Date.now()),
    });
    try {
      const script = `const {setLatch}=await import(${JSON.stringify(`file://${LATCH}`)});` +
        `await setLatch(${JSON.stringify(folder)},{code:"KILL",reason:"",who:"other",at:Date.now()});`;
      const child = await new Deno.Command(Deno.execPath(), {
        args: ["eval", "-q", script],
        cwd: fileURLToPath(new URL("../../../", import.meta.url)),
        signal: AbortSignal.timeout(20_000),
      }).output();
      assert.equal(child.code, 0, new TextDecoder().decode(child.stderr));
      const deadline = setTimeout(() => noticed.reject(new Error("not noticed within 2 s")), 2_000);
      const at = await noticed.promise;
      clearTimeout(deadline);
      const setAt = readLatch(folder).mark?.at ?? 0;
      assert.ok(at - setAt < 1_000, `noticed after ${at - setAt} ms`);
    } finally {
      watch.close();
    }
  });
});
