import assert from "node:assert/strict";
import { OperationError } from "../../../core/errors.ts";
import { openForReading } from "../../../feeds/journal/database.ts";
import { exportJournal } from "../../../feeds/journal/export.ts";
import { journalPath } from "../../../feeds/journal/journal.ts";
import { openDatabase } from "../../../feeds/journal/sqlite.ts";
import { verifyJournal } from "../../../feeds/journal/verify.ts";
import { opened, T0, WALLET, withFolder } from "./journals.ts";

Deno.test("a reader in the middle of a journal neither holds up the writer nor is moved by it", async () => {
  await withFolder((folder) => {
    const journal = opened(folder);
    for (let i = 0; i < 50; i++) journal.append("note", { i }, T0 + i);
    const path = journalPath(folder, WALLET);
    let longest = 0;
    const rows = exportJournal(path, "jsonl", (line) => {
      if (!line.startsWith('{"seq":10,')) return;
      for (let i = 0; i < 20; i++) {
        const from = performance.now();
        journal.append(i % 2 === 0 ? "intent" : "note", { i }, T0 + i);
        if (i === 10) journal.checkpoint();
        longest = Math.max(longest, performance.now() - from);
      }
    });
    assert.deepEqual([rows, journal.lastSeq], [50, 70]);
    assert.ok(longest < 1_000, `${longest} ms`);
    journal.close();
    assert.equal(verifyJournal(path).rows, 70);
  });
});

Deno.test("a reader changes nothing, also when it is the last to leave the files of an engine that was killed", async () => {
  await withFolder((folder) => {
    const journal = opened(`${folder}/a`);
    for (let i = 0; i < 30; i++) journal.append("intent", { i }, T0 + i);
    const from = journalPath(`${folder}/a`, WALLET);
    const path = journalPath(folder, WALLET);
    for (const end of ["", "-wal"]) Deno.copyFileSync(`${from}${end}`, `${path}${end}`);
    journal.close();
    const bytes = () => ["", "-wal"].map((end) => Deno.readFileSync(`${path}${end}`));
    const before = bytes();
    assert.ok(before[1]!.length > 0, "the rows are in the log");
    assert.equal(verifyJournal(path).rows, 30);
    assert.equal(exportJournal(path, "csv", () => {}), 30);
    assert.deepEqual(bytes(), before);
    const db = openForReading(path);
    for (const sql of ["PRAGMA wal_checkpoint(TRUNCATE)", "DELETE FROM meta", "CREATE TABLE t(x)"]) {
      assert.throws(() => db.prepare(sql).get(), sql);
    }
    db.close();
    assert.deepEqual(bytes(), before);
  });
});

Deno.test("another program's write lock is JOURNAL_IN_USE before the event loop has stood still for long", async () => {
  await withFolder((folder) => {
    const journal = opened(folder);
    journal.append("note", {}, T0);
    const other = openDatabase(journalPath(folder, WALLET), {});
    other.exec("BEGIN IMMEDIATE");
    const from = performance.now();
    const inUse = (error: unknown) => error instanceof OperationError && error.code === "JOURNAL_IN_USE";
    assert.throws(() => journal.appendIntent({}, T0), inUse);
    const tookMs = performance.now() - from;
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    other.exec("ROLLBACK");
    other.close();
    assert.throws(() => journal.append("note", {}, T0), inUse, "what was not written down is not forgotten");
    journal.close();
    assert.equal(verifyJournal(journalPath(folder, WALLET)).rows, 1);
  });
});
