import assert from "node:assert/strict";
import { OperationError } from "../../../core/errors.ts";
import { exportJournal, exportLine } from "../../../feeds/journal/export.ts";
import { canonicalJson } from "../../../feeds/journal/canonical.ts";
import { journalError } from "../../../feeds/journal/errors.ts";
import { journalPath, openJournal } from "../../../feeds/journal/journal.ts";
import { genesisHash, rowHash } from "../../../feeds/journal/rows.ts";
import { openDatabase } from "../../../feeds/journal/sqlite.ts";
import { verifyJournal } from "../../../feeds/journal/verify.ts";
import { opened, T0, tamper, WALLET, withFolder, written } from "./journals.ts";

const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof OperationError, String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

Deno.test("canonical JSON has one spelling for a value and none for what JSON cannot say", () => {
  assert.equal(
    canonicalJson({ b: [1, -0, null], a: { d: "é\u2028", c: true }, e: undefined }),
    '{"a":{"c":true,"d":"é\u2028"},"b":[1,0,null]}',
  );
  for (const bad of [NaN, Infinity, 1n, new Date(0), new Map(), () => 0, [undefined]]) {
    assert.throws(() => canonicalJson(bad), /Invariant/);
  }
});

Deno.test("rows hang on each other: the chain can be computed by anyone", async () => {
  await withFolder((folder) => {
    const journal = opened(folder);
    const first = journal.appendIntent({ hash: "0x1" }, T0);
    const second = journal.append("note", { text: "b" }, T0 + 1);
    assert.equal(
      first.hash,
      rowHash(genesisHash(WALLET), { seq: 1, t: T0, kind: "intent", body: '{"hash":"0x1"}' }),
    );
    assert.equal(second.hash, rowHash(first.hash, { seq: 2, t: T0 + 1, kind: "note", body: '{"text":"b"}' }));
    assert.deepEqual([...journal.rows()], [first, second]);
    journal.close();
    const again = opened(folder);
    assert.deepEqual([again.lastSeq, again.lastHash, again.crashed], [2, second.hash, null]);
    again.append("note", {}, T0 + 2);
    again.close();
    const { ok, rows, kinds } = verifyJournal(journalPath(folder, WALLET));
    assert.deepEqual({ ok, rows, kinds }, { ok: true, rows: 3, kinds: { intent: 1, note: 2 } });
  });
});

Deno.test("a journal is read before it is written to", async () => {
  await withFolder((folder) => {
    written(folder, 3);
    const journal = openJournal({ folder, wallet: WALLET, owner: { pid: 1, startedAtMs: T0 } });
    assert.throws(() => journal.append("note", {}, T0), /Invariant/);
    journal.close();
  });
});

Deno.test("one engine per wallet: the second is refused and told who has it, and may start when the first has ended", async () => {
  await withFolder((folder) => {
    const first = opened(folder);
    assert.throws(() => opened(folder), (error) => {
      code("WALLET_IN_USE")(error);
      assert.match((error as Error).message, new RegExp(`process ${Deno.pid} `));
      return true;
    });
    first.close();
    first.close();
    opened(folder).close();
  });
});

Deno.test("rows cannot be changed, removed or put in between, whoever writes", async () => {
  await withFolder((folder) => {
    const path = written(folder, 5);
    const db = openDatabase(path, {});
    for (
      const sql of [
        "UPDATE rows SET body = '{}' WHERE seq = 2",
        "DELETE FROM rows WHERE seq = 5",
        "INSERT INTO rows VALUES (9, 1, 'note', '{}', 'h')",
      ]
    ) assert.throws(() => db.exec(sql), /journal rows are/);
    db.close();
    assert.ok(verifyJournal(path).ok);
  });
});

Deno.test("verify names the first damaged row: changed, removed, swapped, cut off, added", async () => {
  const cases: readonly (readonly [string, number, string])[] = [
    ["UPDATE rows SET body = replace(body, 'row 7', 'row 8') WHERE seq = 7", 7, "content"],
    ["UPDATE rows SET t = t + 1 WHERE seq = 1", 1, "content"],
    ["UPDATE rows SET kind = 'intent' WHERE seq = 5", 5, "content"],
    ["UPDATE rows SET hash = replace(hash, substr(hash, 1, 4), '0000') WHERE seq = 6", 6, "content"],
    ["DELETE FROM rows WHERE seq = 9", 9, "missing"],
    ["DELETE FROM rows WHERE seq = 9; UPDATE rows SET seq = seq - 1 WHERE seq > 9", 9, "content"],
    [
      "UPDATE rows SET seq = -1 WHERE seq = 3; UPDATE rows SET seq = 3 WHERE seq = 4; UPDATE rows SET seq = 4 WHERE seq = -1",
      3,
      "content",
    ],
    ["DELETE FROM rows WHERE seq > 17", 18, "tail"],
    ["UPDATE head SET seq = 19", 21, "tail"],
    ["UPDATE meta SET value = replace(value, '0xf', '0xe') WHERE key = 'wallet'", 1, "content"],
  ];
  for (const [sql, seq, kind] of cases) {
    await withFolder((folder) => {
      const path = written(folder, 20);
      tamper(path, sql);
      const { ok, firstDamage, rows } = verifyJournal(path);
      assert.equal(ok, false);
      assert.deepEqual([firstDamage?.seq, firstDamage?.kind], [seq, kind], sql);
      assert.equal(rows, seq - 1);
    });
  }
});

Deno.test("one flipped byte anywhere in the file is found, or has changed no row", async () => {
  await withFolder((folder) => {
    const path = written(folder, 60);
    const whole = Deno.readFileSync(path);
    const rows: string[] = [];
    exportJournal(path, "jsonl", (line) => rows.push(line));
    let found = 0;
    const step = Math.max(1, Math.floor(whole.length / 500));
    for (let at = 0; at < whole.length; at += step) {
      const bytes = whole.slice();
      bytes[at] = bytes[at]! ^ (1 << at % 8);
      Deno.writeFileSync(path, bytes);
      const now: string[] = [];
      try {
        exportJournal(path, "jsonl", (line) => now.push(line));
        assert.deepEqual(now, rows, `byte ${at}`);
      } catch (error) {
        assert.ok(error instanceof OperationError, `byte ${at}: ${String(error)}`);
        assert.ok(["JOURNAL_DAMAGED", "NOT_A_JOURNAL", "JOURNAL_FAILED"].includes(error.code), error.message);
        // What came out before the damage is whole.
        assert.deepEqual(now, rows.slice(0, now.length));
        found++;
      }
    }
    assert.ok(found > 100, `${found} flips found`);
    // Within the rows' own text nothing may slip through.
    const text = new TextDecoder("latin1").decode(whole);
    const body = text.indexOf("row 33 ");
    assert.ok(body > 0);
    for (let bit = 0; bit < 8; bit++) {
      const bytes = whole.slice();
      bytes[body + 4] = bytes[body + 4]! ^ (1 << bit);
      Deno.writeFileSync(path, bytes);
      assert.equal(verifyJournal(path).firstDamage?.seq, 33);
    }
  });
});

Deno.test("a journal that is full refuses the row, keeps all before it, and takes nothing more", async () => {
  await withFolder((folder) => {
    const journal = opened(folder, 40 * 4096);
    let acknowledged = 0;
    assert.throws(() => {
      for (;;) {
        journal.appendIntent({ filling: "z".repeat(3000) }, T0);
        acknowledged++;
      }
    }, code("DISK_FULL"));
    assert.ok(acknowledged > 10);
    assert.throws(() => journal.append("note", {}, T0), code("DISK_FULL"));
    journal.close();
    const { ok, rows } = verifyJournal(journalPath(folder, WALLET));
    assert.deepEqual({ ok, rows }, { ok: true, rows: acknowledged });
  });
});

Deno.test("a journal that may not be written, is no journal, or is another wallet's is refused with its reason", async () => {
  await withFolder((folder) => {
    const path = written(folder, 2);
    const db = openDatabase(path, { readOnly: true });
    let cause: unknown;
    try {
      db.exec("INSERT INTO rows VALUES (3, 1, 'note', '{}', 'h')");
    } catch (error) {
      cause = error;
    }
    db.close();
    assert.equal(journalError("append to", path, cause).code, "JOURNAL_READ_ONLY");

    const other = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
    Deno.copyFileSync(path, journalPath(folder, other));
    assert.throws(
      () => openJournal({ folder, wallet: other, owner: { pid: 1, startedAtMs: 1 } }),
      code("JOURNAL_OTHER_WALLET"),
    );
    const text = `${folder}/text.sqlite`;
    Deno.writeTextFileSync(text, "not a database at all ".repeat(50));
    assert.throws(() => verifyJournal(text), code("JOURNAL_DAMAGED"));
    openDatabase(`${folder}/empty.sqlite`, {}).close();
    Deno.writeTextFileSync(`${folder}/empty.sqlite`, "");
    assert.throws(() => verifyJournal(`${folder}/empty.sqlite`), code("NOT_A_JOURNAL"));
    assert.throws(() => verifyJournal(`${folder}/none.sqlite`), code("FILE_NOT_FOUND"));
    assert.throws(() => journalPath(folder, "0x12"), code("WALLET_INVALID"));
    Deno.writeTextFileSync(`${folder}/file`, "");
    assert.throws(
      () => openJournal({ folder: `${folder}/file/x`, wallet: WALLET, owner: { pid: 1, startedAtMs: 1 } }),
      code("JOURNAL_FAILED"),
    );
  });
});

Deno.test("a journal can be verified and exported while its engine writes on", async () => {
  await withFolder((folder) => {
    const journal = opened(folder);
    for (let i = 0; i < 10; i++) journal.append("note", { i, text: 'a "quoted", text' }, T0 + i);
    const path = journalPath(folder, WALLET);
    assert.equal(verifyJournal(path).rows, 10);
    const csv: string[] = [];
    assert.equal(exportJournal(path, "csv", (line) => csv.push(line)), 10);
    assert.equal(csv[0], "seq,t,time,kind,hash,body\n");
    assert.match(
      csv[1]!,
      /^1,1795253700000,2026-11-21T09:35:00.000Z,note,[0-9a-f]{64},"\{""i"":0,""text"":""a \\""quoted\\"", text""\}"\n$/,
    );
    const [row] = journal.rows();
    assert.deepEqual(JSON.parse(exportLine(row!, "jsonl")).body, { i: 0, text: 'a "quoted", text' });
    journal.close();
  });
});

Deno.test("the log is folded into the file now and then, so that it stays bounded", async () => {
  await withFolder((folder) => {
    const journal = opened(folder);
    for (let i = 0; i < 9_000; i++) journal.append("note", { i, text: "x".repeat(200) }, T0 + i);
    const log = Deno.statSync(`${journalPath(folder, WALLET)}-wal`).size;
    assert.ok(log < 20e6, `${log} bytes`);
    journal.close();
    assert.equal(verifyJournal(journalPath(folder, WALLET)).rows, 9_000);
  });
});
