import assert from "node:assert/strict";
import { MoneyJournal } from "../../feeds/chain/money_journal.ts";
import type { Loose } from "../fixtures/venue_client.ts";
import type { KeyIndex } from "../venue/stage.ts";
import { type CashStage, FRIEND, withCash } from "./cash_stage.ts";

/** The process is gone: not an error that anything knows how to handle. */
class Crash extends Error {}

type Place = "before" | "after";

/** Runs `work` so that the process dies at the n-th record of the journal, before or after it is on disk. */
async function dyingAt<T>(
  nth: number,
  place: Place,
  work: () => Promise<T>,
): Promise<{ readonly reached: boolean }> {
  const prototype = MoneyJournal.prototype;
  const append = prototype.append;
  let count = 0;
  let dead = false;
  prototype.append = function (record) {
    if (dead) throw new Crash("dead already");
    count++;
    if (count === nth && place === "before") dead = true;
    if (dead) throw new Crash("killed");
    append.call(this, record);
    if (count === nth) dead = true;
    if (dead) throw new Crash("killed");
  };
  try {
    await work();
  } finally {
    prototype.append = append;
  }
  return { reached: count >= nth };
}

const ARGV = ["cashout", "--to", FRIEND, "--amount", "250", "--first-use", "--yes", "--json"];

async function check(stage: CashStage, nth: number, place: Place): Promise<boolean> {
  const { cash, funder, market5m, pusd, usdce } = stage;
  await stage.buy(6);
  await stage.control({ action: "credit", account: stage.key, asset: market5m.down, amount: "5" });
  await stage.blocks(1);
  const { reached } = await dyingAt(nth, place, () => cash(ARGV));
  const there = await usdce(FRIEND);
  assert.ok(there === 0n || there === 250_000_000n, `${there} after a crash at ${nth} ${place}`);
  const again = await cash(ARGV);
  assert.equal(again.code, 0, `${nth} ${place}: ${again.out}${again.err}`);
  assert.equal((again.envelope?.data as Loose).paid, "250.000000");
  assert.equal(await usdce(FRIEND), 250_000_000n, `paid once (crash at ${nth} ${place})`);
  const data = again.envelope?.data as Loose;
  assert.deepEqual([data.unexplained, data.gained], ["0.000000", "5.000000"]);
  assert.equal(await pusd(funder), BigInt(String(data.after.pusd).replace(".", "")));
  const third = await cash(ARGV);
  assert.equal((third.envelope?.data as Loose).repeated, true);
  assert.equal(await usdce(FRIEND), 250_000_000n);
  return reached;
}

const PLACES: readonly (readonly [KeyIndex, string, readonly number[]])[] = [
  [0, "a plain key", [6, 9, 12, 15]],
  [3, "a deposit wallet", [5, 9, 12]],
];

// Every place, and processes that are really killed: deno task drill:cash.
for (const [key, who, places] of PLACES) {
  Deno.test(`killed at records of the journal, ${who} pays once and goes on`, async () => {
    for (const nth of places) {
      await withCash({ key }, async (stage) => {
        assert.ok(await check(stage, nth, nth % 2 === 0 ? "before" : "after"), `record ${nth} was reached`);
      });
    }
  });
}

Deno.test("a cut-off cash-out stands in the way of another, until it has ended or is abandoned", async () => {
  await withCash({}, async (stage) => {
    const { cash, funder, pusd, usdce } = stage;
    const other = ARGV.map((word) => word === "250" ? "30" : word);
    // Its payment is signed and on disk, and was not sent.
    await dyingAt(7, "after", () => cash(ARGV));
    for (const argv of [other, ["unwrap", "--all", "--yes", "--json"]]) {
      const refused = await cash(argv);
      const code = refused.envelope?.error?.code;
      assert.deepEqual([refused.code, code], [3, "CASHOUT_UNFINISHED"], refused.out);
    }
    const ended = await cash(["cashout", "--abandon", "--json"]);
    assert.equal(ended.code, 0, ended.out + ended.err);
    const [{ paid }] = (ended.envelope?.data as Loose).abandoned;
    const there = await usdce(FRIEND);
    assert.equal(
      BigInt(String(paid).replace(".", "")),
      there,
      "what it had signed is settled, not forgotten",
    );
    const next = await cash(other);
    assert.equal(next.code, 0, next.out + next.err);
    assert.equal(await usdce(FRIEND), there + 30_000_000n);
    assert.equal(await pusd(funder), 10_000_000_000n - there - 30_000_000n);
  });
});
