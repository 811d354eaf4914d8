import assert from "node:assert/strict";
import type { Loose } from "../fixtures/venue_client.ts";
import { withCash } from "./cash_stage.ts";

const grants = (data: Loose, spender: string): string[] =>
  data.approvals.filter((row: Loose) => row.spender === spender).map((row: Loose) =>
    `${row.asset}: ${row.granted}`
  );

Deno.test("approve shows who can do what; exact, bounded and unlimited; revoke takes it all back", async () => {
  await withCash({}, async ({ cash }) => {
    const run = async (...argv: string[]) => {
      const { code, envelope, out } = await cash(["approve", ...argv, "--json"]);
      assert.equal(code, 0, out);
      return envelope?.data as Loose;
    };
    const shown = await run();
    assert.deepEqual(grants(shown, "exchange-v2"), ["pUSD: unlimited", "shares v1: all"]);
    assert.ok(shown.approvals.every(({ power }: Loose) => power.length > 10));
    const exact = await run("--spender", "exchange-v2", "--amount", "12.5", "--yes");
    assert.deepEqual(grants(exact, "exchange-v2"), ["pUSD: 12.500000", "shares v1: all"]);
    assert.equal(exact.steps.length, 1);
    const again = await run("--spender", "exchange-v2", "--amount", "12.5", "--yes");
    assert.deepEqual([again.steps, again.done], [[], true]);
    const bounded = await run("--spender", "offramp", "--bounded", "--yes");
    assert.deepEqual(grants(bounded, "offramp"), ["pUSD: 2000.000000"]);
    const all = await run("--spender", "router", "--unlimited", "--only", "dollars", "--yes");
    assert.match(grants(all, "router")[0] ?? "", /unlimited/);
    const none = await run("--revoke", "--yes");
    assert.ok(none.approvals.every(({ granted }: Loose) => granted === "none" || granted === "0.000000"));
  });
});

Deno.test("approve: a safe revokes in its own name; nobody confirms, nothing happens; wrong words are refused", async () => {
  await withCash({ key: 2 }, async ({ cash }) => {
    const quiet = await cash(["approve", "--revoke", "--json"]);
    assert.deepEqual([quiet.code, quiet.envelope?.error?.code], [3, "NOT_CONFIRMED"]);
    const dry = await cash(["approve", "--revoke", "--dry-run", "--json"]);
    assert.equal(grants(dry.envelope?.data as Loose, "exchange-v2")[0], "pUSD: unlimited");
    const one = await cash(["approve", "--spender", "exchange-v2", "--revoke", "--yes", "--json"]);
    assert.deepEqual(grants(one.envelope?.data as Loose, "exchange-v2"), [
      "pUSD: 0.000000",
      "shares v1: none",
    ]);
    for (
      const argv of [["--amount", "5"], ["--spender", "nobody"], ["--amount", "-1", "--spender", "router"], [
        "--unlimited",
        "--revoke",
      ]]
    ) assert.equal((await cash(["approve", ...argv])).code, 2, argv.join(" "));
  });
});
