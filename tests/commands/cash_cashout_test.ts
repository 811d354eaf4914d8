import assert from "node:assert/strict";
import type { Loose } from "../fixtures/venue_client.ts";
import type { KeyIndex } from "../venue/stage.ts";
import { type CashStage, FRIEND, withCash } from "./cash_stage.ts";

const micro = (text: unknown): bigint => BigInt(String(text).replace(".", ""));

/** Steps of an answer that landed. */
const landed = (data: Loose): string[] =>
  data.steps.filter(({ state }: Loose) => state === "landed").map(({ step }: Loose) => step);

/** Everything adds up to the millionth, by the chain itself. */
async function balanced(stage: CashStage, data: Loose, friendBefore: bigint): Promise<void> {
  const { funder, pusd, usdce } = stage;
  assert.equal(data.unexplained, "0.000000", JSON.stringify(data));
  assert.equal(await pusd(funder), micro(data.after.pusd));
  const there = data.asset === "pusd" ? await pusd(FRIEND) : await usdce(FRIEND);
  assert.equal(there - friendBefore, micro(data.paid));
}

for (const key of [0, 1, 2, 3] as KeyIndex[]) {
  Deno.test(`cashout: orders, a complete set and free money leave, account type ${key}`, async () => {
    await withCash({ key }, async (stage) => {
      const { cash, market5m, rest } = stage;
      await rest(0.02, 50);
      await stage.control({ action: "credit", account: key, asset: market5m.up, amount: "7" });
      await stage.control({ action: "credit", account: key, asset: market5m.down, amount: "5.5" });
      await stage.buy(20);
      const argv = ["cashout", "--to", FRIEND, "--all", "--first-use", "--yes", "--json"];
      const ran = await cash(argv);
      const data = ran.envelope?.data as Loose;
      assert.equal(ran.code, 5, ran.out + ran.err);
      assert.deepEqual([data.canceled, data.gained, data.destination.seenBy], [1, "5.500000", "balance"]);
      assert.ok(landed(data).includes("merge") && landed(data).includes("unwrap"), ran.out);
      assert.deepEqual(data.left.map(({ reason }: Loose) => reason), ["WINDOW_OPEN"]);
      await balanced(stage, data, 0n);
      assert.equal(await stage.pusd(stage.funder), 0n);
    });
  });
}
