/** A live session before a venue whose rules are not those that a person accepted. */
import assert from "node:assert/strict";
import { readRules, writeRules } from "../../commands/trading/doctor_record.ts";
import { TRADE, withLiveStage } from "./live_stage.ts";

Deno.test("live: a fee that nobody accepted stops every order of its windows, is told, and replays to the same refusals", async () => {
  await withLiveStage(async ({ clob, data, run }) => {
    // What was accepted is another fee than the one the venue lists.
    const { format: _, ...accepted } = readRules(data, clob)!;
    const rules = { ...accepted.rules, "btc-5m.fee": "rate 0.05, exponent 1, takers only" };
    writeRules(data, clob, { ...accepted, rules });
    const traded = await run([...TRADE, "--for", "60s"]);
    assert.equal(traded.code, 0, traded.out + traded.err);
    const result = traded.envelope?.data ?? {};
    assert.equal(result["orders"], 0);
    const notSent = result["notSent"] as Record<string, number>;
    assert.ok(notSent["MARKET_NOT_TRADABLE"]! > 0, JSON.stringify(notSent));
    const { drift } = result["live"] as { drift: { slug: string; changes: { name: string }[] }[] };
    assert.deepEqual(drift[0]?.changes.map(({ name }) => name), ["btc-5m.fee"]);
    assert.ok(traded.envelope?.warnings?.some(({ code }) => code === "VENUE_DRIFT"));
    const again = await run(["replay", String(result["session"]), "--verify"]);
    assert.equal(again.code, 0, again.out + again.err);
    assert.equal(again.envelope?.data?.["decisionsHash"], result["decisionsHash"]);
  });
});
