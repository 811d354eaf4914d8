import assert from "node:assert/strict";
import type { Loose } from "../fixtures/venue_client.ts";
import type { KeyIndex } from "../venue/stage.ts";
import { withCash } from "./cash_stage.ts";

const KINDS: readonly (readonly [KeyIndex, string])[] = [
  [0, "a plain key by itself"],
  [1, "a proxy wallet through the relayer"],
  [2, "a Safe through the relayer"],
  [3, "a deposit wallet through the relayer"],
];

for (const [key, who] of KINDS) {
  Deno.test(`unwrap and wrap to the millionth: ${who}`, async () => {
    await withCash({ key }, async (stage) => {
      const { cash, funder, pusd, usdce } = stage;
      const there = await cash(["unwrap", "--amount", "12.345678", "--yes", "--json"]);
      assert.equal(there.code, 0, there.out + there.err);
      assert.deepEqual([await pusd(funder), await usdce(funder)], [9_987_654_322n, 12_345_678n]);
      const data = there.envelope?.data as Loose;
      assert.deepEqual(data.after, { pusd: "9987.654322", usdce: "12.345678" });
      assert.ok(
        data.steps.every((step: Loose) => step.state === "landed" && /^0x/.test(step.hash)),
        there.out,
      );
      assert.equal(data.steps.length, key === 0 ? 2 : 1);
      const back = await cash(["wrap", "--all", "--yes", "--json"]);
      assert.equal(back.code, 0, back.out + back.err);
      assert.deepEqual([await pusd(funder), await usdce(funder)], [10_000_000_000n, 0n]);
    });
  });
}
