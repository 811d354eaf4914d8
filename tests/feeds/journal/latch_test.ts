import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OperationError } from "../../../core/errors.ts";
import { clearLatch, type LatchMark, readLatch, setLatch } from "../../../feeds/journal/latch.ts";
import { withFolder } from "./journals.ts";

const mark = (code: string, at = 1): LatchMark => ({ code, reason: "because", who: "a person", at });
const code = (expected: string) => (error: unknown) =>
  error instanceof OperationError && error.code === expected;

Deno.test("a latch stays as it was first set until somebody clears what they have seen", async () => {
  await withFolder(async (folder) => {
    assert.deepEqual(readLatch(folder), { set: false, mark: null });
    const set = await setLatch(folder, mark("DRAWDOWN_LATCH"));
    assert.deepEqual(readLatch(folder), { set: true, mark: mark("DRAWDOWN_LATCH") });
    assert.deepEqual(await setLatch(folder, mark("KILL", 2)), set, "the first cause is kept");
    await assert.rejects(
      clearLatch(folder, mark("RESUME", 3), { set: true, mark: mark("KILL", 2) }),
      code("LATCH_CHANGED"),
    );
    assert.equal(readLatch(folder).set, true);
    assert.deepEqual(await clearLatch(folder, mark("RESUME", 3), set), {
      set: false,
      mark: mark("RESUME", 3),
    });
    assert.deepEqual(readLatch(folder), { set: false, mark: mark("RESUME", 3) });
    assert.equal((await setLatch(folder, mark("KILL", 4))).mark?.at, 4);
  });
});

Deno.test("a latch that cannot be read counts as set, and can be cleared by who has seen that", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "latch.json");
    for (const text of ["", "{", '{"set":false}', '{"set":"no","mark":null}']) {
      Deno.writeTextFileSync(file, text);
      const seen = readLatch(folder);
      assert.equal(seen.set, true, text);
      assert.equal(seen.mark?.code, "LATCH_UNREADABLE");
      assert.equal((await clearLatch(folder, mark("RESUME"), seen)).set, false);
    }
    Deno.removeSync(file);
    Deno.mkdirSync(file);
    assert.equal(readLatch(folder).set, true);
    await assert.rejects(setLatch(folder, mark("KILL")), code("LATCH_WRITE_FAILED"));
  });
});

Deno.test("setting fails loudly where nothing can be written", async () => {
  await withFolder(async (folder) => {
    Deno.writeTextFileSync(join(folder, "file"), "");
    await assert.rejects(setLatch(join(folder, "file", "x"), mark("KILL")), code("LATCH_WRITE_FAILED"));
  });
});

Deno.test("processes that set and clear at once never leave or read half a latch", async () => {
  await withFolder(async (folder) => {
    const writer = fileURLToPath(new URL("./latch_writer.ts", import.meta.url));
    const run = (who: string) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "-A", "--no-prompt", "--no-check", writer, folder, who],
        stderr: "piped",
      }).output();
    const running = Promise.all([run("one"), run("two")]);
    let done = false;
    void running.then(() => done = true);
    while (!done) {
      assert.notEqual(readLatch(folder).mark?.code, "LATCH_UNREADABLE");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const { success, stderr } of await running) assert.ok(success, new TextDecoder().decode(stderr));
    const { set } = await setLatch(folder, mark("KILL"));
    assert.ok(set);
  });
});
