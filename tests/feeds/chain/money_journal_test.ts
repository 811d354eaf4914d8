import assert from "node:assert/strict";
import { join } from "node:path";
import { OperationError } from "../../../core/errors.ts";
import { MoneyJournal, moneyJournalPath, type Operation } from "../../../feeds/chain/money_journal.ts";

const OP: Omit<Operation, "fate" | "why" | "landing"> = {
  id: "r/1",
  run: "r",
  name: "transfer",
  title: "transfer 1",
  payment: { amount: "1000000", to: "0x52908400098527886E0F7030069857D2E4169EE7" },
  fromBlock: 7,
  intent: {
    kind: "eoa",
    nonce: 3,
    to: "0x00",
    data: "0x",
    gasLimit: "21000",
    tries: [{ raw: "0x02", hash: "0xaa", maxFee: "2", tip: "1" }],
  },
};

async function withPath(act: (path: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await act(moneyJournalPath(folder, "0xAB"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function filled(path: string): void {
  const journal = MoneyJournal.open(path);
  journal.append({ type: "run", run: "r", command: "cashout", atMs: 1, args: { to: "x" } });
  journal.append({ type: "signed", op: OP });
  journal.append({ type: "note", run: "r", notes: { a: 1 } });
  journal.append({ type: "note", run: "r", notes: { b: 2 } });
  journal.close();
}

Deno.test("what was appended is there again, in the state that it means", async () => {
  await withPath((path) => {
    assert.equal(path.endsWith(join("cash", "0xab.jsonl")), true);
    filled(path);
    const journal = MoneyJournal.open(path);
    assert.deepEqual(journal.underWay, [{ ...OP, fate: null, why: "", landing: null }]);
    assert.deepEqual([journal.open?.id, journal.run("r").notes], ["r", { a: 1, b: 2 }]);
    journal.append({ type: "fate", op: "r/1", fate: "dormant", why: "no", landing: null });
    journal.append({ type: "end", run: "r", atMs: 2, result: {} });
    assert.deepEqual([journal.underWay.length, journal.dormant.length, journal.open], [0, 1, null]);
    journal.close();
    const mode = Deno.statSync(path).mode;
    assert.equal(mode === null ? 0o600 : mode & 0o777, 0o600);
  });
});

Deno.test("a torn end is cut off at every byte, and the journal goes on", async () => {
  await withPath((path) => {
    filled(path);
    const whole = Deno.readFileSync(path);
    const lines = new TextDecoder().decode(whole).split("\n");
    const last = whole.length - (lines.at(-2)?.length ?? 0) - 1;
    for (let cut = last; cut < whole.length; cut += 17) {
      Deno.writeFileSync(path, whole.slice(0, cut));
      const journal = MoneyJournal.open(path);
      assert.deepEqual(journal.run("r").notes, { a: 1 });
      journal.append({ type: "note", run: "r", notes: { c: 3 } });
      journal.close();
      const again = MoneyJournal.open(path);
      assert.deepEqual(again.run("r").notes, { a: 1, c: 3 });
      again.close();
    }
  });
});

Deno.test("one changed byte before the end is damage, not an end", async () => {
  await withPath((path) => {
    filled(path);
    const bytes = Deno.readFileSync(path);
    bytes[60] = bytes[60] === 65 ? 66 : 65;
    Deno.writeFileSync(path, bytes);
    assert.throws(
      () => MoneyJournal.open(path),
      (error) =>
        error instanceof OperationError && error.code === "MONEY_JOURNAL_DAMAGED" && error.exit === 3,
    );
  });
});
