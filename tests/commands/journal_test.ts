import assert from "node:assert/strict";
import { join } from "node:path";
import { journalPath } from "../../feeds/journal/journal.ts";
import { poly } from "../cli/harness.ts";
import { tamper, WALLET, withFolder, written } from "../feeds/journal/journals.ts";

Deno.test("journal verify says that every journal of the data folder is whole", async () => {
  await withFolder(async (data) => {
    written(join(data, "journal"), 12);
    const { code, envelope } = await poly(["journal", "verify", "--data", data, "--json"]);
    assert.equal(code, 0);
    const [journal] = envelope?.data?.["journals"] as Record<string, unknown>[];
    assert.deepEqual([journal?.["wallet"], journal?.["rows"], journal?.["ok"]], [WALLET, 12, true]);
    assert.equal(journal?.["from"], "2026-11-21T09:35:00.001Z");
    const text = await poly(["journal", "verify", WALLET, "--data", data]);
    assert.match(text.out, /whole journal/);
  });
});

Deno.test("journal verify names the first damaged row and fails", async () => {
  await withFolder(async (data) => {
    const path = written(join(data, "journal"), 12);
    tamper(path, "DELETE FROM rows WHERE seq = 5");
    const { code, envelope } = await poly(["journal", "verify", path, "--json"]);
    assert.equal(code, 1);
    assert.equal(envelope?.error?.code, "JOURNAL_DAMAGED");
    assert.match(envelope?.error?.message ?? "", /row 5 is damaged \(missing/);
    const [journal] = envelope?.error?.details["journals"] as Record<string, unknown>[];
    assert.equal(journal?.["rows"], 4);
    assert.equal(
      (await poly(["journal", "verify", "--data", join(data, "none"), "--json"])).envelope?.error?.code,
      "FILE_NOT_FOUND",
    );
  });
});

Deno.test("journal export writes every row, refuses to overwrite, and stops at damage with what is whole", async () => {
  await withFolder(async (data) => {
    const path = written(join(data, "journal"), 12);
    assert.equal(path, journalPath(join(data, "journal"), WALLET));
    const out = join(data, "rows.jsonl");
    const run = (...more: string[]) =>
      poly(["journal", "export", WALLET, "--data", data, "--out", out, "--json", ...more]);
    assert.equal((await run()).envelope?.data?.["rows"], 12);
    const lines = Deno.readTextFileSync(out).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ seq }) => seq), Array.from({ length: 12 }, (_, i) => i + 1));
    assert.equal(lines[3].kind, "intent");
    assert.equal((await run()).envelope?.error?.code, "OUTPUT_EXISTS");
    assert.equal((await run("--force", "--format", "csv")).code, 0);
    assert.match(Deno.readTextFileSync(out), /^seq,t,time,kind,hash,body\n1,/);
    assert.equal((await run("--format", "xml")).code, 2);
    tamper(path, "UPDATE rows SET t = 0 WHERE seq = 9");
    assert.equal((await run("--force")).envelope?.error?.code, "JOURNAL_DAMAGED");
    assert.equal(Deno.readTextFileSync(out).trimEnd().split("\n").length, 8);
  });
});
