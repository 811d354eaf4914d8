import assert from "node:assert/strict";
import type { Loose } from "../fixtures/venue_client.ts";
import type { KeyIndex } from "../venue/stage.ts";
import { FRIEND, withCash } from "./cash_stage.ts";

const CASES: readonly (readonly [KeyIndex, "v1" | "v2"])[] = [[0, "v1"], [0, "v2"], [1, "v1"], [2, "v2"], [
  3,
  "v2",
]];

for (const [key, marketVersion] of CASES) {
  Deno.test(`merge, then redeem, of a ${marketVersion} window by account type ${key}`, async () => {
    await withCash({ key, marketVersion }, async (stage) => {
      const { cash, funder, market5m, pusd, shares } = stage;
      await stage.control({ action: "credit", account: key, asset: market5m.down, amount: "12" });
      if (marketVersion === "v1") await stage.buy(20);
      else await stage.control({ action: "credit", account: key, asset: market5m.up, amount: "20" });
      stage.advance(20_000);
      await stage.blocks(2);
      // v2 orders are signed for another exchange; those shares are named by their window instead.
      const where = marketVersion === "v1" ? [] : ["--condition", market5m.conditionId];
      const before = await pusd(funder);
      const merged = await cash(["merge", ...where, "--yes", "--json"]);
      assert.equal(merged.code, 0, merged.out + merged.err);
      assert.equal((merged.envelope?.data as Loose).gained, "12.000000");
      assert.equal(await pusd(funder), before + 12_000_000n);
      assert.deepEqual([await shares(funder, market5m.up), await shares(funder, market5m.down)], [
        8_000_000n,
        0n,
      ]);
      const none = await cash(["redeem", ...where, "--yes", "--json"]);
      assert.deepEqual(
        [none.code, (none.envelope?.data as Loose).windows],
        [0, []],
        "it is not resolved yet",
      );
      stage.advance(market5m.endMs - stage.now() + 120_000);
      await stage.blocks(2);
      const ran = await cash(["redeem", ...where, "--yes", "--json"]);
      assert.equal(ran.code, 0, ran.out + ran.err);
      const { gained, windows } = ran.envelope?.data as Loose;
      const won = windows.length === 1;
      assert.equal(gained ?? "0.000000", won ? "8.000000" : "0.000000");
      assert.equal(await pusd(funder), before + (won ? 20_000_000n : 12_000_000n));
      assert.equal(await shares(funder, market5m.up), won ? 0n : 8_000_000n);
    });
  });
}

Deno.test("cashout refuses destinations that money would be lost at, and asks at the first use", async () => {
  await withCash({}, async ({ cash, funder, usdce }) => {
    const codeOf = async (to: string, ...more: string[]) => {
      const ran = await cash(["cashout", "--to", to, "--amount", "1", "--yes", "--json", ...more]);
      return `${ran.code} ${ran.envelope?.error?.code}`;
    };
    assert.equal(await codeOf("0x123"), "2 DESTINATION_INVALID");
    assert.equal(await codeOf(FRIEND.toLowerCase()), "2 DESTINATION_INVALID");
    assert.equal(await codeOf(FRIEND.replace("98", "89")), "2 DESTINATION_INVALID");
    assert.equal(await codeOf(funder), "2 DESTINATION_INVALID");
    assert.equal(await codeOf("0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"), "2 DESTINATION_INVALID");
    assert.equal(await codeOf("0x0000000000000000000000000000000000000000"), "2 DESTINATION_INVALID");
    assert.equal(await codeOf("0xd9Db270c1B5E3Bd161E8c8503c55cEABeE709552"), "3 DESTINATION_CONTRACT");
    assert.equal(await codeOf(FRIEND), "3 NOT_CONFIRMED");
    const other = ["--set", "cashout.allow=0x8617E340B3D01FA5F11F306F4090FD50E238070D"];
    assert.equal(await codeOf(FRIEND, "--first-use", ...other), "3 DESTINATION_NOT_ALLOWED");
    assert.equal(await usdce(FRIEND), 0n);
    const allowed = ["--set", `cashout.allow=${FRIEND}`];
    assert.equal(await codeOf(FRIEND, ...allowed), "0 undefined", "the list is a confirmation");
    assert.equal(await codeOf(FRIEND, "--again"), "0 undefined", "so is an earlier payment");
    assert.equal(await usdce(FRIEND), 2_000_000n);
    assert.equal(await codeOf(FRIEND, "--again", "--amount", "10000000"), "3 FUNDS_INSUFFICIENT");
    const dry = await cash(["cashout", "--to", FRIEND, "--dry-run", "--json"]);
    assert.equal((dry.envelope?.data as Loose).payable, "9998.000000");
    assert.equal(await usdce(FRIEND), 2_000_000n);
  });
});
