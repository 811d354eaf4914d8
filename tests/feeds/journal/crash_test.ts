import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../../core/random.ts";
import { journalPath } from "../../../feeds/journal/journal.ts";
import { openForReading } from "../../../feeds/journal/database.ts";
import { readRows, verifyJournal } from "../../../feeds/journal/verify.ts";
import { opened, WALLET, withFolder } from "./journals.ts";

const WRITER = fileURLToPath(new URL("./crash_writer.ts", import.meta.url));
const RUNS = 30;
const DEADLINE_MS = 20_000;

/** Starts a writer and kills it once it has said `acknowledgements` rows; returns everything it said. */
async function killAfter(
  folder: string,
  acknowledgements: number,
): Promise<{ lines: string[]; pid: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-prompt", "--no-check", WRITER, folder, WALLET],
    stdout: "piped",
    stderr: "inherit",
    stdin: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  const decoder = new TextDecoder();
  let text = "";
  let killed = false;
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (!killed && text.split("\n").length - 2 >= acknowledgements) {
      child.kill("SIGKILL");
      killed = true;
    }
  }
  await child.status;
  clearTimeout(timer);
  assert.ok(killed, "the writer was killed by the test, not by its deadline");
  // A last line without its end was not said.
  return { lines: text.split("\n").slice(0, -1), pid: child.pid };
}

Deno.test(`kill -9 at any moment, ${RUNS} times: every acknowledged row is there and the chain is whole`, async () => {
  const random = seededRandom(7);
  await withFolder(async (folder) => {
    const path = journalPath(folder, WALLET);
    const said = new Map<number, string>();
    let before: number | null = null;
    for (let run = 0; run < RUNS; run++) {
      const { lines, pid } = await killAfter(folder, 1 + Math.floor(random() * 60));
      assert.equal(lines[0], `open ${before ?? "-"}`, "the next owner learns that the last one was killed");
      before = pid;
      for (const line of lines.slice(1)) {
        const [seq = "", hash = ""] = line.split(" ");
        said.set(Number(seq), hash);
      }
      const { ok, firstDamage } = verifyJournal(path);
      assert.ok(ok, JSON.stringify(firstDamage));
    }
    const db = openForReading(path);
    const rows = new Map([...readRows(db, WALLET)].map(({ seq, hash }) => [seq, hash]));
    db.close();
    for (const [seq, hash] of said) assert.equal(rows.get(seq), hash, `row ${seq}`);
    assert.ok(said.size > RUNS, `${said.size} rows acknowledged, ${rows.size} there`);
    const journal = opened(folder);
    assert.equal(journal.crashed?.pid, before);
    journal.close();
  });
});
